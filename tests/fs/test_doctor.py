"""qxfs doctor: each check with what it is there to find, provoked (README.md, "Commands")."""

import concurrent.futures
import errno
import json
import os
import pathlib
import signal
import subprocess
import time
from email.utils import formatdate

import pytest

from common import QXFS
from control import SLOW
from imports import EMPTY

CHECKS = ["fuse", "timeout", "mounts", "config", "sharing", "cache", "state", "disk", "token", "service", "clock",
          "limits", "read"]
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes what the machine shows, in a namespace")


class Told:
    """What it said, by check; of several lines of one check the worst. Of the machine's mounts those of other tests,
    which run beside this one, are left out."""

    WORSE = ["ok", "-", "warning", "fault"]

    def __init__(self, done, mount):
        self.text = done.stdout + done.stderr
        assert mount.token not in self.text
        told = json.loads(done.stdout)
        assert done.returncode == any(line["level"] == "fault" for line in told)
        none = "there are none on this machine"
        self.lines = [line | {"found": none, "level": "ok"} if self.is_of_others(line, mount) else line for line in told]
        self.status = int(any(line["level"] == "fault" for line in self.lines))
        self.of = {}
        for line in sorted(self.lines, key=lambda line: self.WORSE.index(line["level"])):
            self.of[line["check"]] = line
        for line in self.lines:
            helps = line["remedy"] or "did you mean" in line["found"]
            assert helps or line["level"] in ("ok", "-"), line

    @staticmethod
    def is_of_others(line, mount):
        return line["check"] == "mounts" and str(mount.folder) not in line["found"]

    def __getitem__(self, check):
        return self.of[check]["level"]

    def says(self, check, *words):
        line = self.of[check]
        return all(word in line["found"] + " " + line["remedy"] for word in words)


@pytest.fixture
def machine(sandbox, mounts):
    """A person with an account in the environment, and no mount yet."""
    return mounts(sandbox, start=False)


def doctor(mount, *words, env=None, before=()):
    """before: a shell command, in a mount namespace of its own."""
    mount.extra_env = env or {}
    command = [str(QXFS), "doctor", "--json", *map(str, words)]
    if before:
        command = ["unshare", "-m", "sh", "-ec", '%s; exec "$@"' % "; ".join(before), "sh", *command]
    done = subprocess.run(command, env=mount.env(), capture_output=True, text=True, timeout=60, check=False)
    return Told(done, mount)


# --- well --------------------------------------------------------------------------------------------------------


def test_all_is_well_before_a_mount(sandbox, machine):
    told = doctor(machine)
    assert list(dict.fromkeys(line["check"] for line in told.lines)) == CHECKS
    assert told.status == 0 and {line["level"] for line in told.lines} <= {"ok", "-"}, told.text
    assert told["service"] == told["clock"] == told["read"] == "ok" and told.says("service", "UR_")
    assert sandbox.stats()["counts"] == {"whoami": 1, "*": 1}
    assert not machine.cache.exists() and not machine.state.exists(), "it makes nothing"


def test_all_is_well_with_a_mount(sandbox, mounts):
    mount = mounts(sandbox)
    told = doctor(mount, mount.path, env={"QUALTRICS_API_TOKEN": "", "QUALTRICS_BASE_URL": ""})
    assert told.status == 0 and {line["level"] for line in told.lines} == {"ok"}, told.text
    size = (mount.path / "whoami.json").stat().st_size
    assert told.says("read", "whoami.json", str(size))
    assert told.says("cache", str(mount.cache)) and told.says("limits", "of 30 requests")


def test_people_read_lines(machine):
    done = machine.run("doctor")
    lines = done.stdout.splitlines()
    assert list(dict.fromkeys(line.split()[1] for line in lines if not line.startswith(" "))) == CHECKS
    assert lines[0].startswith("ok       fuse      /dev/fuse") and done.stderr == ""


def test_who_has_only_installed_it_is_told_what_comes_next(machine):
    told = doctor(machine, env={"QUALTRICS_API_TOKEN": "", "QUALTRICS_BASE_URL": ""})
    machine.extra_env = {}
    assert told.status == 0
    assert told["token"] == "warning" and told.says("token", "qxfs login", "qxfs demo")
    assert {told[check] for check in ("service", "clock", "limits", "read")} == {"-"}


def test_one_folder_or_profile_is_taken(machine):
    for words in (["a", "b"], ["--all"], ["-w"]):
        done = machine.run("doctor", *words)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("qxfs: ")


# --- the machine -------------------------------------------------------------------------------------------------


@needs_root
def test_without_dev_fuse(machine):
    told = doctor(machine, before=["mount -t tmpfs none /dev"])
    assert told.status == 1 and told["fuse"] == "fault" and told.says("fuse", "/dev/fuse", "modprobe fuse")


@needs_root
def test_a_kernel_that_ends_long_waits(machine, tmp_path):
    (tmp_path / "max_request_timeout").write_text("90\n")
    told = doctor(machine, before=[f"mount --bind {tmp_path} /proc/sys/fs/fuse"])
    assert told.status == 0 and told["timeout"] == "warning"
    assert told.says("timeout", "90 s", "sysctl fs.fuse.max_request_timeout=0")


@pytest.fixture
def nobody(machine, tmp_path):
    """doctor(...) as an ordinary user, who can reach the program and owns the folders."""
    for parent in tmp_path.parents:
        if parent != pathlib.Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    program = tmp_path / "qxfs"
    program.write_bytes(QXFS.read_bytes())
    program.chmod(0o755)
    os.chown(tmp_path, NOBODY, NOBODY)
    tmp_path.chmod(0o755)

    def run(*before, config=None):
        if config:
            path = tmp_path / ".config" / "qxfs" / "config"
            path.parent.mkdir(parents=True)
            path.write_text(config)
            path.chmod(0o600)
            for own in (path, path.parent, path.parent.parent):
                os.chown(own, NOBODY, NOBODY)
        command = ["unshare", "-m", "sh", "-ec", "%s; exec /usr/bin/setpriv --reuid %d --clear-groups %s doctor --json" % (
            "; ".join(before), NOBODY, program)]
        done = subprocess.run(command, env=machine.env(), capture_output=True, text=True, timeout=60, check=False)
        return Told(done, machine)

    return run


@needs_root
def test_an_ordinary_user_needs_the_helper(nobody):
    told = nobody("mount --bind /dev/null /usr/bin/fusermount3", "export PATH=/bin/none:$PATH; PATH=/usr/sbin")
    assert told["fuse"] == "fault" and told.says("fuse", "fusermount3", "apt install fuse3")


@needs_root
@pytest.mark.parametrize("wanted", [False, True])
def test_who_may_let_others_in(nobody, tmp_path, wanted):
    (tmp_path / "fuse.conf").write_text("# user_allow_other\n")
    config = "[default]\noptions = allow_other\n" if wanted else None
    told = nobody(f"mount --bind {tmp_path}/fuse.conf /etc/fuse.conf", config=config)
    assert told["fuse"] == "ok"
    assert told["sharing"] == ("fault" if wanted else "ok") and told.says("sharing", "user_allow_other", "/etc/fuse.conf")
    (tmp_path / "fuse.conf").write_text("user_allow_other\n")
    told = nobody(f"mount --bind {tmp_path}/fuse.conf /etc/fuse.conf")
    assert told["sharing"] == "ok" and told.says("sharing", "permits")


# --- files and folders -------------------------------------------------------------------------------------------


def config(machine, text, mode=0o600):
    path = machine.folder / ".config" / "qxfs" / "config"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_config_that_others_can_read(machine):
    path = config(machine, f"[default]\ntoken = {machine.token}\n", 0o644)
    told = doctor(machine)
    assert told.status == 1 and told["config"] == "fault" and told.says("config", f"chmod 600 {path}")


def test_a_config_that_is_not_understood(machine):
    config(machine, "[default]\nhots = x\n")
    assert doctor(machine).says("config", "no setting 'hots'")
    config(machine, "[work]\noptions = fesh=3\n")
    assert doctor(machine, "work").says("config", "fesh")
    assert doctor(machine, "play").says("config", "no profile 'play'", "qxfs login play")


def test_a_token_file_that_others_can_read(machine, tmp_path):
    path = tmp_path / "token"
    path.write_text(machine.token)
    path.chmod(0o640)
    config(machine, f"[work]\nhost = {machine.url}\ntoken_file = {path}\n")
    told = doctor(machine, "work", env={"QUALTRICS_API_TOKEN": "", "QUALTRICS_API_KEY": ""})
    assert told.status == 1 and told["token"] == "fault" and told.says("token", f"chmod 600 {path}")


def test_a_profile_is_looked_at_by_its_name(sandbox, machine):
    config(machine, f"[work]\nhost = {machine.url}\ntoken = {machine.token}\noptions = cache_dir={machine.folder}/c\n")
    told = doctor(machine, "work", env={"QUALTRICS_API_TOKEN": "", "QUALTRICS_BASE_URL": ""})
    assert told.status == 0 and told.says("token", "the profile") and told.says("service", "UR_")
    assert told.says("cache", f"{machine.folder}/c is made by the first mount")


@pytest.mark.parametrize("check", ["cache", "state"])
def test_a_folder_that_others_can_read(machine, check):
    path = getattr(machine, check) / "qxfs"
    path.mkdir(parents=True, mode=0o755)
    told = doctor(machine)
    assert told.status == 1 and told[check] == "fault" and told.says(check, f"chmod 700 {path}")
    path.chmod(0o700)
    assert doctor(machine)[check] == "ok"
    path.rmdir()
    path.write_text("no folder")
    assert doctor(machine)[check] == "fault"


@needs_root
@pytest.mark.parametrize(("size", "level"), [("8M", "fault"), ("200M", "warning")])
def test_a_disk_that_is_nearly_full(machine, size, level):
    machine.cache.mkdir(mode=0o700)
    told = doctor(machine, before=[f"mount -t tmpfs -o size={size},mode=700 none {machine.cache}"])
    assert told["disk"] == level and told.says("disk", "MB free", "qxfs forget", "cache_dir=")


# --- mounts ------------------------------------------------------------------------------------------------------


def connection(mount):
    (line,) = [line for line in open("/proc/self/mountinfo") if f" {mount.path} " in line]
    return line.split()[2].partition(":")[2]


def test_a_mount_that_does_not_answer(sandbox, mounts):
    mount = mounts(sandbox)
    abort = f"/sys/fs/fuse/connections/{connection(mount)}/abort"
    os.kill(mount.pid, signal.SIGSTOP)
    try:
        told = doctor(mount, mount.path)
        assert told.status == 1 and told["mounts"] == "fault" and told.says("mounts", "does not answer", abort)
        assert {told[check] for check in ("service", "clock", "limits", "read")} == {"-"}
        if os.geteuid() == 0 and os.path.exists(abort):
            pathlib.Path(abort).write_text("1")
            with pytest.raises(OSError):
                os.listdir(mount.path)
    finally:
        os.kill(mount.pid, signal.SIGCONT)


def test_a_read_that_nothing_ends_is_given_up(sandbox, mounts):
    """What the daemon has taken and does not answer, no signal ends: not even SIGKILL of who reads."""
    mount = mounts(sandbox)
    sandbox.hold("whoami")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        doctors = pool.submit(doctor, mount, mount.path)
        assert sandbox.wait_held("whoami", 1, 30 * SLOW)
        os.kill(mount.pid, signal.SIGSTOP)
        try:
            told = doctors.result(60 * SLOW)  # it waits for 20 s, and for 2 s more
        finally:
            os.kill(mount.pid, signal.SIGCONT)
            sandbox.release()
    assert told["read"] == "fault" and told.says("read", "whoami.json", os.strerror(errno.ETIMEDOUT))


def test_a_mount_whose_daemon_is_gone(sandbox, mounts):
    mount = mounts(sandbox)
    mount.kill()
    for words in ((), (mount.path,)):
        told = doctor(mount, *words)
        assert told.status == 1 and told["mounts"] == "fault" and told.says("mounts", "is gone", f"qxfs umount {mount.path}")


def test_a_folder_where_nothing_is_mounted(machine):
    told = doctor(machine, machine.folder)
    assert told["mounts"] == "warning" and told.says("mounts", f"qxfs {machine.folder}") and told["service"] == "ok"


# --- the service -------------------------------------------------------------------------------------------------


def test_a_refused_token(sandbox, machine):
    sandbox.revoke_token()
    told = doctor(machine)
    assert told.status == 1 and told["service"] == "fault" and told.says("service", "refused") and told["read"] == "-"


def test_a_refused_token_of_a_mount(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    sandbox.revoke_token()
    with pytest.raises(PermissionError):
        (mount.path / "surveys" / "SV_demoSmall000014" / "survey.json").read_bytes()
    told = doctor(mount, mount.path)
    assert told.status == 1 and told["service"] == "fault" and told.says("service", "refuses", "qxfs login")
    assert told["read"] == "fault" and told.says("read", "Permission denied", "qxfs why")


@pytest.mark.parametrize("mounted", [False, True])
def test_without_network(sandbox, mounts, mounted):
    mount = mounts(sandbox, "fresh=0", start=mounted)
    if mounted:
        (mount.path / "whoami.json").read_bytes()
    sandbox.pause("refuse")
    if mounted:
        with pytest.raises(OSError):
            os.listdir(mount.path / "surveys" / "SV_neverHeardOfIt01")
    told = doctor(mount, *([mount.path] if mounted else []))
    assert told.status == 1 and told["service"] == "fault" and told.says("service", "network")
    assert told["fuse"] == told["cache"] == told["mounts"] == "ok", "the rest is looked at"
    assert told["read"] == ("ok" if mounted else "-"), "what was read before can be read"


def test_a_host_that_is_none(machine):
    told = doctor(machine, env={"QUALTRICS_BASE_URL": "https://no.such.host.invalid"})
    assert told["service"] == "fault" and told.says("service", "no.such.host.invalid")
    told = doctor(machine, env={"QUALTRICS_BASE_URL": "ftp://x"})
    assert told["token"] == "fault"


@pytest.mark.parametrize("mounted", [False, True])
@pytest.mark.parametrize("ahead", [-86400, 0, 3600])
def test_a_clock_that_is_wrong(sandbox, mounts, mounted, ahead):
    sandbox.fault("*", "header", name="date", value=formatdate(time.time() - ahead, usegmt=True))
    mount = mounts(sandbox, start=mounted)
    told = doctor(mount, *([mount.path] if mounted else []))
    assert told["clock"] == ("warning" if ahead else "ok"), told.text
    if ahead:
        assert told.says("clock", "ahead of" if ahead > 0 else "behind", "timedatectl")
        seconds = int(told.of["clock"]["found"].split(" s ")[0].split()[-1])
        assert abs(seconds - abs(ahead)) < 30


def test_calls_that_were_too_many(sandbox, mounts):
    mount = mounts(sandbox)
    sandbox.fault("list_contacts", "status", first=1, status=429)
    os.listdir(mount.path / "mailinglists" / EMPTY)
    (mount.path / "mailinglists" / EMPTY / "contacts.csv").read_bytes()
    told = doctor(mount, mount.path)
    assert told["limits"] == "warning" and told.says("limits", "1 call", "share=")
