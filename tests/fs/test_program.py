"""The program itself: its command line, its sentences, its life as a daemon, and what it leaves lying about."""

import concurrent.futures
import contextlib
import errno
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest

from control import SLOW

ROOT = pathlib.Path(__file__).resolve().parents[2]
QXFS = os.environ.get("QXFS", str(ROOT / "build" / "qxfs"))
SMALL = "SV_demoSmall000014"
CUSTOMERS = "SV_demoCustomers02"
FILE = f"surveys/{SMALL}/responses.csv"
REFUSED, UNREACHABLE = 1, 32
AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can be another user")


# --- helpers -----------------------------------------------------------------------------------------------------


def mounted_at(path):
    """How many mounts have this point: [(type, source)]."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        point = left.split()[4].encode().decode("unicode_escape").encode("latin-1").decode()
        if point == str(path):
            found.append(tuple(right.split()[:2]))
    return found


def is_dead(path):
    try:
        os.statvfs(path)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def daemons_of(path):
    """The processes whose command line ends with this mount point."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if len(words) > 2 and words[-2] == os.fsencode(path) and words[0].endswith(b"qxfs"):
                    found.append(int(folder.name))
    return found


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Caller:
    """Somebody at a shell: the environment, the mount point, and what was started there."""

    def __init__(self, folder, url, token):
        self.folder = folder
        self.path = folder / "m"
        self.path.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("QUALTRICS_", "XDG_")) and "proxy" not in k}
        self.env.update(HOME=str(folder), TMPDIR=str(folder), QUALTRICS_BASE_URL=url, QUALTRICS_API_TOKEN=token)
        self.cache, self.state = folder / ".cache" / "qxfs", folder / ".local" / "state" / "qxfs"

    def qxfs(self, *arguments, env=None, program=QXFS, **options):
        """Runs it to its end; a daemon that held on to our pipes would hang this."""
        return subprocess.run([str(program), *map(str, arguments)], env={**self.env, **(env or {})}, capture_output=True,
                              text=True, check=False, timeout=60 * SLOW, stdin=subprocess.DEVNULL, **options)

    def without(self, *names):
        self.env = {k: v for k, v in self.env.items() if k not in names}
        return self

    def mount(self, *arguments, **options):
        """A mount in the background, which must begin."""
        done = self.qxfs(*arguments, self.path, **options)
        assert done.returncode == 0, done.stderr
        return done

    def end(self):
        for pid in daemons_of(self.path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 30 * SLOW
        while daemons_of(self.path) and time.monotonic() < end:
            time.sleep(0.01)
        left = daemons_of(self.path)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        while mounted_at(self.path):
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)
        assert not left, "a daemon did not end in order"


@pytest.fixture
def caller(sandbox, tmp_path):
    made = Caller(tmp_path, sandbox.url, sandbox.token)
    yield made
    made.end()


@pytest.fixture
def stranger(tmp_path):
    """A caller who names no account that exists."""
    made = Caller(tmp_path, "https://127.0.0.1:1", "strangerTokenStrangerTokenStrangerToken1")
    yield made
    made.end()


def sentence(done, status, *words):
    """One sentence on standard error, and nothing else; the words (patterns) are in it."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    # who waits for more than two seconds is told for what
    lines = [line for line in lines if not re.fullmatch(r"qxfs: waiting for \S+ …", line)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("qxfs: ")
    assert not re.search(r"\bNULL\b|\berrno\b|\(null\)|error -?\d|: Success", lines[0]), lines[0]
    assert len(lines[0]) < 400
    for word in words:
        assert re.search(word, lines[0], re.I), f"{word!r} is not in: {lines[0]}"
    return lines[0]


# --- what it says without mounting -------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag, stranger):
    done = stranger.qxfs(flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"qxfs \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["status", "--help"]])
def test_help_names_commands_options_and_the_environment(arguments, stranger):
    done = stranger.qxfs(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("QUALTRICS_BASE_URL", "QUALTRICS_API_TOKEN", "demo", "status", "why", "umount", "fresh=", "open_wait=",
                 "token_file=", "cache_dir=", "allow_other", "umask=", "MOUNTPOINT"):
        assert word in done.stdout, word
    assert all(len(line) < 120 for line in done.stdout.splitlines())


def test_print_tree_names_what_a_mount_holds(caller):
    caller.mount()
    rows = {line.split()[0] for line in caller.qxfs("--print-tree").stdout.splitlines()}
    for folder, _, files in os.walk(caller.path):
        for name in files:
            path = "/" + str(pathlib.Path(folder, name).relative_to(caller.path))
            for found, row in (("/SV_\\w+", "/{survey}"), ("/EMD_\\w+", "/{distribution}"), ("/POOL_\\w+", "/{directory}"),
                               ("/CG_\\w+", "/{mailinglist}"), ("/CID_\\w+", "/{contact}"), ("/CGC_\\w+", "/{member}"),
                               ("/excel/.*", "/excel/{excel}.xlsx"), ("/(now|filters/[^/]*)/responses", "/responses"),
                               ("/directories/{directory}/import/", "/mailinglists/{mailinglist}/import/")):
                path = re.sub(found, row, path)
            assert path in rows or re.fullmatch("/surveys/(by-name|active|mine|recent)/.*", path), path


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["mount point", "qxfs demo", "--help"]),
        (["-o", "fersh=3", "./m"], ["'fersh'", "did you mean 'fresh'"]),
        (["-o", "tokenfile=/x", "./m"], ["'tokenfile'", "did you mean 'token_file'"]),
        (["-o", "xyzzyplugh", "./m"], ["'xyzzyplugh'", "--help"]),
        (["-o", "fresh=soon", "./m"], ["fresh=soon"]),
        (["-o", "fresh=-1", "./m"], ["fresh=-1"]),
        (["-o", "share=2", "./m"], ["share=2"]),
        (["-o", "umask=999", "./m"], ["umask=999"]),
        (["-o", "fresh", "./m"], ["fresh", "value"]),
        (["-o", "allow_other=1", "./m"], ["allow_other", "no value"]),
        (["-o"], ["-o", "NAME=VALUE"]),
        (["-x", "./m"], ["'-x'", "--help"]),
        (["--verison"], ["'--verison'", "did you mean '--version'"]),
        (["statsu"], ["'statsu'", "did you mean 'status'"]),
        (["statsu", "./m"], ["'statsu'", "did you mean 'status'"]),
        (["umuont", "./m"], ["did you mean 'umount'"]),
        (["help"], ["qxfs --help"]),
        (["mount", "./m"], [r"qxfs \[-o OPTIONS\] MOUNTPOINT"]),
        (["unmount", "./m"], ["qxfs umount DIR"]),
        (["demo", "./no/such"], ["no/such", "qxfs demo DIR"]),
        (["nothing-like-it"], ["neither a command nor a folder", r"\./nothing-like-it"]),
        (["./m", "./n"], ["one mount point", r"\./m", r"\./n"]),
        ([""], ["mount point"]),
        (["why"], ["qxfs why PATH"]),
        (["umount"], ["qxfs umount DIR"]),
        (["umount", "--force", "./m"], ["'--force'", "--help"]),
        (["status", "/tmp"], ["/tmp", "no qxfs mount", "qxfs status"]),
        (["why", "/etc/passwd"], ["/etc/passwd", "no qxfs mount"]),
        (["umount", "/"], ["/"]),
    ],
    ids=lambda value: "_".join(value).replace("/", "") if value and isinstance(value, list) else None,
)
def test_a_mistake_on_the_command_line_is_one_sentence(arguments, words, stranger):
    sentence(stranger.qxfs(*arguments, cwd=stranger.folder), REFUSED, *words)
    assert mounted_at(stranger.path) == []


# --- accounts that cannot be mounted -----------------------------------------------------------------------------


def test_a_wrong_token_is_one_sentence(sandbox, caller):
    caller.env["QUALTRICS_API_TOKEN"] = "wrong" * 8
    said = sentence(caller.qxfs(caller.path), REFUSED, "token was refused", "127.0.0.1", "401", "Account Settings")
    assert "wrongwrong" not in said
    assert sandbox.count() == 1, "a refused token is not tried again"
    assert mounted_at(caller.path) == []


def test_a_refused_port_is_unreachable(caller):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        caller.env["QUALTRICS_BASE_URL"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        began = time.monotonic()
        done = caller.qxfs(caller.path)
    sentence(done, UNREACHABLE, "127.0.0.1", "cannot be reached|no connection", "QUALTRICS_BASE_URL")
    assert time.monotonic() - began < 15 * SLOW


def test_a_host_that_does_not_exist_is_unreachable(caller):
    caller.env["QUALTRICS_BASE_URL"] = "no-such-brand.invalid"
    began = time.monotonic()
    sentence(caller.qxfs(caller.path), UNREACHABLE, r"no-such-brand\.invalid", "QUALTRICS_BASE_URL")
    assert time.monotonic() - began < 15 * SLOW


def test_a_service_that_hangs_is_unreachable_and_the_person_is_told_of_the_wait(sandbox, caller):
    sandbox.pause("hang")
    began = time.monotonic()
    done = caller.qxfs(caller.path)
    assert time.monotonic() - began < 15 * SLOW
    sentence(done, UNREACHABLE, "127.0.0.1", "QUALTRICS_BASE_URL")
    assert "waiting for 127.0.0.1 …" in done.stderr


def test_something_else_than_the_api_is_told_apart(sandbox, caller):
    sandbox.fault("*", "html", status=404)
    sentence(caller.qxfs(caller.path), REFUSED, "127.0.0.1", "not as the Qualtrics API", "QUALTRICS_BASE_URL")


def test_the_first_mount_fails_when_the_lists_cannot_be_had(sandbox, caller):
    sandbox.fault("surveys", "status", status=403)
    done = caller.qxfs(caller.path)
    assert done.returncode == REFUSED
    assert done.stderr.count("\n") == 1 and "surveys" in done.stderr, done.stderr
    assert mounted_at(caller.path) == []


@pytest.mark.parametrize(
    "url, words",
    [
        ("http://192.0.2.1", ["https"]),
        ("http://fra1.qualtrics.com", ["https"]),
        ("http://127.0.0.1.example.com", ["https"]),
        ("ftp://fra1.qualtrics.com", ["host"]),
        ("https://user:secret@fra1.qualtrics.com", ["user and password"]),
        ("fra1", ["domain"]),
        ("https://", ["host"]),
        ("fra1.qualtrics.com more", ["characters", "QUALTRICS_BASE_URL"]),
    ],
    ids=lambda value: re.sub(r"\W+", "-", value) if isinstance(value, str) else None,
)
def test_an_address_that_will_not_do_is_refused_before_anything_is_sent(url, words, caller):
    caller.env["QUALTRICS_BASE_URL"] = url
    began = time.monotonic()
    said = sentence(caller.qxfs(caller.path), REFUSED, "address", r"fra1\.qualtrics\.com", *words)
    assert "secret" not in said.replace(r"fra1.qualtrics.com", "")
    assert time.monotonic() - began < 2 * SLOW


def test_no_address_and_no_token_say_where_to_find_them(caller):
    caller.without("QUALTRICS_BASE_URL")
    sentence(caller.qxfs(caller.path), REFUSED, "QUALTRICS_BASE_URL", r"fra1\.qualtrics\.com", "Account Settings")


def test_no_token_says_where_to_find_one(caller):
    caller.without("QUALTRICS_API_TOKEN")
    sentence(caller.qxfs(caller.path), REFUSED, "QUALTRICS_API_TOKEN", "token_file", "Account Settings", "demo")


def test_a_missing_mount_point_comes_with_the_command_that_makes_it(sandbox, caller):
    missing = caller.folder / "not" / "there"
    said = sentence(caller.qxfs(missing), REFUSED, "no folder", re.escape(f"mkdir -p {missing}"))
    subprocess.run(["sh", "-c", said.split("; ", 1)[1]], check=True)
    assert missing.is_dir()
    assert sandbox.count() == 0


def test_a_mount_point_that_is_a_file_is_refused(sandbox, caller):
    (caller.folder / "file").write_text("mine")
    sentence(caller.qxfs(caller.folder / "file"), REFUSED, "not a folder")
    assert sandbox.count() == 0
    assert (caller.folder / "file").read_text() == "mine"


def test_a_cache_inside_the_mount_point_is_refused(caller):
    sentence(caller.qxfs("-o", f"cache_dir={caller.path}/cache", caller.path), REFUSED, "cache", "another mount point")


# --- addresses and tokens that do --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{url}", "{url}/", "{url}/API/v3", "{url}/API/v3/", "HTTP://127.0.0.1:{port}",
                                  "http://localhost:{port}/API/v3"])
def test_forms_of_the_base_url(form, sandbox, caller):
    caller.env["QUALTRICS_BASE_URL"] = form.format(url=sandbox.url, port=sandbox.port)
    caller.mount()
    assert json.loads((caller.path / "whoami.json").read_text())["brandId"] == "sandbox"
    paths = {request["path"].split("?")[0] for request in sandbox.requests()}
    assert {"/API/v3/whoami", "/API/v3/surveys"} <= paths and all(path.startswith("/API/v3/") for path in paths)


def test_the_key_under_the_name_that_r_uses(sandbox, caller):
    caller.without("QUALTRICS_API_TOKEN").env["QUALTRICS_API_KEY"] = sandbox.token
    caller.mount()
    assert (caller.path / "README.txt").exists()


def test_a_token_file_serves_and_wins(sandbox, caller):
    file = caller.folder / "token"
    file.write_text(f"  {sandbox.token}\n")
    file.chmod(0o600)
    caller.env["QUALTRICS_API_TOKEN"] = "wrong" * 8
    caller.mount("-o", f"token_file={file}")
    assert (caller.path / "README.txt").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602], ids=oct)
def test_a_token_file_that_others_may_use_is_refused_with_its_remedy(mode, sandbox, caller):
    file = caller.folder / "token"
    file.write_text(sandbox.token)
    file.chmod(mode)
    said = sentence(caller.qxfs("-o", f"token_file={file}", caller.path), REFUSED, "other users", re.escape(f"chmod 600 {file}"))
    assert sandbox.token not in said
    assert sandbox.count() == 0


def test_a_token_file_without_a_token_is_told(caller):
    file = caller.folder / "token"
    sentence(caller.qxfs("-o", f"token_file={file}", caller.path), REFUSED, "token", "No such file")
    file.touch(0o600)
    sentence(caller.qxfs("-o", f"token_file={file}", caller.path), REFUSED, "no API token", "Account Settings")
    file.write_text("two words\n")
    sentence(caller.qxfs("-o", f"token_file={file}", caller.path), REFUSED, "Copy it again")


# --- a mount in the background -----------------------------------------------------------------------------------


def test_the_command_returns_when_the_mount_answers(caller):
    done = caller.mount()
    assert (caller.path / "README.txt").read_text() and len(os.listdir(caller.path / "surveys")) > 2
    assert done.stdout == ""
    assert mounted_at(caller.path) == [("fuse.qxfs", "qxfs:127.0.0.1")]
    assert len(daemons_of(caller.path)) == 1


def test_the_command_does_not_return_before(sandbox, caller):
    sandbox.hold("surveys")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        command = pool.submit(caller.mount)
        assert sandbox.wait_held("surveys", 1)
        assert not command.done() and mounted_at(caller.path) == []
        sandbox.release()
        done = command.result(timeout=20 * SLOW)
    assert mounted_at(caller.path)
    assert "surveys" in done.stderr, "a first mount tells its progress"


def test_ctrl_c_during_the_start_leaves_nothing(sandbox, caller):
    sandbox.hold("surveys")
    command = subprocess.Popen([QXFS, str(caller.path)], env=caller.env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert sandbox.wait_held("surveys", 1)
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=10 * SLOW) == 128 + signal.SIGINT
    assert daemons_of(caller.path) == [] and mounted_at(caller.path) == []
    sandbox.release()


def test_umount_ends_the_mount_and_its_daemon(caller):
    caller.mount()
    (daemon,) = daemons_of(caller.path)
    done = caller.qxfs("umount", caller.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert mounted_at(caller.path) == []
    assert not is_alive(daemon), "umount returns when everything is in order"
    assert os.listdir(caller.path) == []
    sentence(caller.qxfs("umount", caller.path), REFUSED, "qxfs")


def test_umount_of_a_mount_in_use_is_refused_and_names_who(caller):
    caller.mount()
    with open(caller.path / "README.txt", encoding="utf-8") as file:
        sentence(caller.qxfs("umount", caller.path), REFUSED, "in use", "fuser")
        assert file.read()
    assert caller.qxfs("umount", caller.path).returncode == 0


def test_umount_of_a_path_inside_names_the_mount_point(caller):
    caller.mount()
    sentence(caller.qxfs("umount", caller.path / "surveys"), REFUSED, re.escape(f"qxfs umount {caller.path}"))
    assert mounted_at(caller.path)


def test_a_second_mount_on_the_same_point_is_refused(caller):
    caller.mount()
    sentence(caller.qxfs(caller.path), REFUSED, "qxfs mount already", re.escape(f"qxfs umount {caller.path}"))
    sentence(caller.qxfs(caller.path / "surveys"), REFUSED, "inside the qxfs mount")
    assert len(mounted_at(caller.path)) == 1
    assert (caller.path / "README.txt").exists()


def test_two_mounts_of_one_account_share_the_cache(sandbox, caller):
    caller.mount()
    data = (caller.path / FILE).read_bytes()
    caller.path = caller.folder / "second"
    caller.path.mkdir()
    try:
        caller.mount()
        assert (caller.path / FILE).read_bytes() == data == sandbox.entry(SMALL)
        assert sandbox.count("export_start") == 1
        assert caller.qxfs("umount", caller.path).returncode == 0
    finally:
        caller.end()
        caller.path = caller.folder / "m"


def test_a_dead_mount_is_cleared_by_the_next(caller, until):
    caller.mount()
    (daemon,) = daemons_of(caller.path)
    os.kill(daemon, signal.SIGKILL)
    until(lambda: is_dead(caller.path), 10, "the death")
    assert mounted_at(caller.path)
    done = caller.mount()
    assert re.search("left behind.*cleared", done.stderr)
    assert len(mounted_at(caller.path)) == 1, "not one on top of the other"
    assert (caller.path / "README.txt").exists()


def test_a_dead_mount_is_told_and_umount_clears_it(caller, until):
    caller.mount()
    (daemon,) = daemons_of(caller.path)
    os.kill(daemon, signal.SIGKILL)
    until(lambda: is_dead(caller.path), 10, "the death")
    sentence(caller.qxfs("status", caller.path), REFUSED, "is gone", re.escape(f"qxfs umount {caller.path}"))
    sentence(caller.qxfs("why", caller.path / FILE), REFUSED, "is gone")
    assert caller.qxfs("umount", caller.path).returncode == 0
    assert mounted_at(caller.path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order_and_parked_readers_get_an_error(number, sandbox, mount):
    sandbox.hold_jobs()
    with subprocess.Popen(["cat", mount.path / FILE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert sandbox.wait_for("export_progress", 1)
        began = time.monotonic()
        mount.process.send_signal(number)
        out, told = reader.communicate(timeout=10 * SLOW)
        assert time.monotonic() - began < 1 * SLOW
    assert (out, reader.returncode) == ("", 1) and "cat: " in told
    assert mount.process.wait(timeout=10 * SLOW) == 0
    assert mounted_at(mount.path) == []


def test_a_known_account_mounts_offline_and_reads_what_it_has(sandbox, mounts):
    mount = mounts(sandbox)
    listing = sorted(os.listdir(mount.path / "surveys" / "by-name"))
    data, who = (mount.path / FILE).read_bytes(), (mount.path / "whoami.json").read_bytes()
    assert mount.stop() == 0
    sandbox.pause("refuse")
    began = time.monotonic()
    mount.start()
    assert time.monotonic() - began < 3 * SLOW, "at once"
    assert sorted(os.listdir(mount.path / "surveys" / "by-name")) == listing
    assert (mount.path / FILE).read_bytes() == data
    assert (mount.path / "whoami.json").read_bytes() == who
    assert not mount.run("status", mount.path).stderr


@pytest.mark.parametrize("how", ["refuse", "hang"])
def test_offline_an_expired_file_is_better_than_none(how, sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    data = (mount.path / FILE).read_bytes()
    assert mount.stop() == 0
    sandbox.pause(how)
    mount.start()
    began = time.monotonic()
    assert (mount.path / FILE).read_bytes() == data
    assert time.monotonic() - began < 12 * SLOW
    began = time.monotonic()
    assert (mount.path / FILE).read_bytes() == data
    assert time.monotonic() - began < 2 * SLOW, "once is enough to know it"
    assert "cannot be reached" in mount.run("status", mount.path).stdout
    sandbox.resume()


# --- why and status ----------------------------------------------------------------------------------------------


def why(mount, path, **options):
    done = mount.run("why", path, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_why_of_each_state(sandbox, mount):
    path = mount.path / FILE
    assert "never fetched" in why(mount, path)

    sandbox.hold_jobs()
    with subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL) as reader:
        assert sandbox.wait_for("export_progress", 1)
        said = why(mount, path)
        assert "1 waiting" in said and re.search(r"since \d{4}-\d\d-\d\dT", said)
        sandbox.release_jobs()
        assert reader.wait(timeout=20 * SLOW) == 0
    said = why(mount, path)
    assert "on this machine" in said and f"{path.stat().st_size} bytes" in said

    other = mount.path / "surveys" / CUSTOMERS / "responses.csv"
    sandbox.fault("export_start", "job_failed", nth=1)
    with pytest.raises(OSError) as caught:
        other.read_bytes()
    assert caught.value.errno == errno.EIO
    said = why(mount, other)
    assert "failed" in said and "EIO" in said
    assert re.search(r"requestId [0-9a-f-]{36}", said)
    assert "again" in said, "a remedy"

    assert "no such file" in why(mount, mount.path / "surveys" / SMALL / "nonsense.csv")
    assert "no such file" in why(mount, mount.path / "nonsense")
    assert sandbox.count("export_start") == 2, "asking why opens nothing"


def test_why_finds_the_file_by_any_path(mount):
    (name,) = [name for name in os.listdir(mount.path / "surveys" / "by-name") if name.startswith("Team lunch")]
    by_name = why(mount, mount.path / "surveys" / "by-name" / name / "responses.csv")
    assert by_name == why(mount, mount.path / FILE)
    assert by_name == why(mount, "../" + FILE, cwd=mount.path / "surveys")
    (mount.folder / "link").symlink_to(mount.path / "surveys")
    assert by_name == why(mount, mount.folder / "link" / SMALL / "responses.csv")
    for path in ("", "surveys", "README.txt", "surveys/by-name", f"surveys/{SMALL}", ".qxfs/jobs"):
        assert why(mount, mount.path / path).strip()


def test_why_of_an_id_that_no_list_shows(sandbox, mount):
    sandbox.reset_stats()
    said = why(mount, mount.path / "surveys" / "SV_nobodyKnowsMe1" / "responses.csv")
    assert "No list" in said
    assert sandbox.count() == 0


def test_status_as_text_and_as_json(sandbox, mount):
    sandbox.fault("export_start", "job_failed", nth=1)
    with pytest.raises(OSError):
        (mount.path / FILE).read_bytes()
    sandbox.hold_jobs()
    with subprocess.Popen(["cat", mount.path / FILE], stdout=subprocess.DEVNULL) as reader:
        assert sandbox.wait_for("export_progress", 2)
        text, told = mount.run("status", mount.path), mount.run("status", "--json", mount.path / "surveys")
        sandbox.release_jobs()
        reader.wait(timeout=20 * SLOW)
    assert (text.returncode, text.stderr, told.returncode, told.stderr) == (0, "", 0, "")
    assert str(mount.path) in text.stdout and FILE in text.stdout and "1 waiting" in text.stdout
    status = json.loads(told.stdout)
    assert [job["path"] for job in status["jobs"]] == [FILE]
    (failure,) = status["failures"]
    assert failure["path"] == FILE and failure["errno"] == "EIO" and failure["remedy"] and failure["request_id"]
    assert status["limits"]["jobs_max"] == 15 and status["limits"]["requests_max"] == 30
    assert status["lists"] == [{"name": "surveys", "count": 6, "fetched": status["lists"][0]["fetched"]}]


def test_status_of_all_mounts_holds_this_one(mount):
    assert str(mount.path) in mount.run("status").stdout
    mine = [item for item in json.loads(mount.run("status", "--json").stdout) if item["dir"] == str(mount.path)]
    assert len(mine) == 1 and mine[0]["status"]["reachable"] is True


# --- secrets -----------------------------------------------------------------------------------------------------


def files_below(*folders):
    return [path for folder in folders for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink()]


def in_process(pid):
    """What others may see of a process: its arguments, environment, and files."""
    proc = pathlib.Path(f"/proc/{pid}")
    return b"\n".join([(proc / "cmdline").read_bytes(), (proc / "environ").read_bytes(),
                       *(os.fsencode(os.readlink(fd)) for fd in (proc / "fd").iterdir())])


@pytest.mark.parametrize("by", ["environment", "key", "file"])
def test_the_token_is_nowhere(by, sandbox, caller):
    token = sandbox.token.encode()
    options = ["-o", "log=debug"]
    if by != "environment":
        caller.without("QUALTRICS_API_TOKEN")
    if by == "key":
        caller.env["QUALTRICS_API_KEY"] = sandbox.token
    if by == "file":
        (caller.folder / "token").write_text(sandbox.token)
        (caller.folder / "token").chmod(0o600)
        options += ["-o", f"token_file={caller.folder}/token"]
    done = caller.mount(*options)
    (pid,) = daemons_of(caller.path)
    (caller.path / FILE).read_bytes()
    sandbox.fault("export_start", "job_failed", nth=1)
    with pytest.raises(OSError):
        (caller.path / "surveys" / CUSTOMERS / "responses.csv").read_bytes()
    assert token not in in_process(pid)
    assert token not in (done.stdout + done.stderr).encode()
    for command in (["status", caller.path], ["status", "--json", caller.path], ["why", caller.path / FILE]):
        assert sandbox.token not in caller.qxfs(*command).stdout
    texts = [caller.path / name for name in ("README.txt", "STATUS.txt", "whoami.json", f"surveys/{SMALL}/STATUS.txt",
                                             ".qxfs/status.json", ".qxfs/jobs", ".qxfs/errors")]
    kept = files_below(caller.cache, caller.state)
    assert len(kept) > 3
    for path in (*texts, *kept):
        assert token not in path.read_bytes(), path
        assert sandbox.token not in str(path)


def test_the_environment_of_the_foreground_is_wiped(sandbox, mount):
    assert sandbox.token.encode() not in in_process(mount.pid)
    assert b"QUALTRICS_API_TOKEN=" + sandbox.token[:8].encode() not in in_process(mount.pid)


def test_the_daemon_dumps_no_core_and_holds_no_folder(caller):
    caller.mount()
    (pid,) = daemons_of(caller.path)
    (core,) = [line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
    assert core.split()[4:6] == ["0", "0"]
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}


def test_cache_and_state_are_the_owner_s_alone(sandbox, caller):
    old = os.umask(0)
    try:
        caller.mount()
    finally:
        os.umask(old)
    (caller.path / FILE).read_bytes()
    (caller.path / "whoami.json").read_bytes()
    for folder in (caller.cache, caller.state):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
    assert len(files_below(caller.cache)) > 1 and len(files_below(caller.state)) > 1


def commands_of(said):
    """The command that a sentence ends with."""
    return said.split("; ", 1)[1]


@pytest.mark.parametrize("which", ["cache", "state"])
@pytest.mark.parametrize("mode", [0o755, 0o740, 0o702], ids=oct)
def test_a_folder_that_others_may_enter_is_refused_with_the_command_that_mends_it(which, mode, sandbox, caller):
    caller.mount()
    (caller.path / FILE).read_bytes()
    assert caller.qxfs("umount", caller.path).returncode == 0
    parent = caller.cache if which == "cache" else caller.state
    (folder,) = [item for item in parent.iterdir() if re.fullmatch("[0-9a-f]{32}", item.name)]
    folder.chmod(mode)
    said = sentence(caller.qxfs(caller.path), REFUSED, "other users", re.escape(f"chmod 700 {folder}"))
    assert mounted_at(caller.path) == []
    subprocess.run(["sh", "-c", commands_of(said)], check=True)
    caller.mount()
    assert (caller.path / FILE).read_bytes() == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 1, "nothing was lost"


@needs_root
def test_a_cache_of_another_user_is_refused(sandbox, caller):
    caller.mount()
    assert caller.qxfs("umount", caller.path).returncode == 0
    (folder,) = [item for item in caller.cache.iterdir() if re.fullmatch("[0-9a-f]{32}", item.name)]
    os.chown(folder, 1, 1)
    said = sentence(caller.qxfs(caller.path), REFUSED, "another user", re.escape(str(folder)))
    subprocess.run(["sh", "-c", commands_of(said).replace("sudo ", "")], check=True)
    caller.mount()


def test_a_damaged_cache_is_only_a_miss(sandbox, caller):
    caller.mount()
    data = (caller.path / FILE).read_bytes()
    assert caller.qxfs("umount", caller.path).returncode == 0
    for path in files_below(caller.cache):
        if path.stat().st_size:
            path.write_bytes(b"rubbish")
    caller.mount()
    assert (caller.path / FILE).read_bytes() == data
    assert sandbox.count("export_start") == 2


# --- demo --------------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path):
    """The program as it is installed, beside its sandbox; the caller's own account is not to be used."""
    installed = tmp_path / "prefix"
    (installed / "bin").mkdir(parents=True)
    (installed / "share" / "qxfs").mkdir(parents=True)
    shutil.copy(QXFS, installed / "bin" / "qxfs")
    (installed / "share" / "qxfs" / "sandbox").symlink_to(ROOT / "tests" / "sandbox")
    made = Caller(tmp_path, "https://real.qualtrics.com", "realTokenRealTokenRealTokenRealToken1234")
    made.program = installed / "bin" / "qxfs"
    yield made
    made.end()


def temp_of(caller):
    return sorted(path for path in caller.folder.iterdir() if path.name.startswith("qxfs-demo-"))


def sandboxes_of(pid):
    """The python processes below a daemon."""
    children = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in children for child in path.read_text().split()]


def test_demo_mounts_reads_and_leaves_nothing(demo):
    done = demo.qxfs("demo", demo.path, program=demo.program)
    assert done.returncode == 0 and done.stderr.startswith("qxfs: reading the list of surveys: 6\n")
    assert all(re.fullmatch(r"qxfs: reading the list of \w+: \d+", line) for line in done.stderr.splitlines())
    assert f"umount {demo.path}" in done.stdout and f"head -n 5 {demo.path}/surveys/" in done.stdout
    example = re.search(r"^ *(head -n 5 .*)$", done.stdout, re.M).group(1)
    lines = subprocess.run(["sh", "-c", example], capture_output=True, check=True).stdout.splitlines()
    assert len(lines) == 5 and lines[0].startswith(b"StartDate,EndDate,Status,")

    (daemon,) = daemons_of(demo.path)
    (box,) = sandboxes_of(daemon)
    (temp,) = temp_of(demo)
    assert temp.stat().st_mode & 0o777 == 0o700 and files_below(temp)
    assert b"realToken" not in in_process(daemon) + in_process(box)

    done = demo.qxfs("umount", demo.path, program=demo.program)
    assert (done.returncode, done.stderr) == (0, "")
    assert mounted_at(demo.path) == []
    assert not is_alive(daemon) and not is_alive(box)
    assert temp_of(demo) == []
    assert not demo.cache.exists() and not demo.state.exists(), "the demo has folders of its own"


def test_demo_makes_its_folder(demo):
    demo.path = demo.folder / "new"
    done = demo.qxfs("demo", demo.path, program=demo.program)
    assert done.returncode == 0 and (demo.path / "README.txt").exists()
    assert demo.qxfs("umount", demo.path, program=demo.program).returncode == 0


def test_demo_without_a_folder_uses_one_at_home(demo):
    done = demo.qxfs("demo", program=demo.program)
    home = demo.folder / "qualtrics-demo"
    try:
        assert done.returncode == 0, done.stderr
        assert (home / "README.txt").exists()
    finally:
        assert demo.qxfs("umount", home, program=demo.program).returncode == 0


def test_a_killed_demo_takes_its_sandbox_along_and_the_next_one_sweeps(demo, until):
    assert demo.qxfs("demo", demo.path, program=demo.program).returncode == 0
    (daemon,) = daemons_of(demo.path)
    (box,) = sandboxes_of(daemon)
    left = temp_of(demo)
    os.kill(daemon, signal.SIGKILL)
    until(lambda: not is_alive(box), 10, "the end of the sandbox")
    until(lambda: is_dead(demo.path), 10, "the death of the mount")
    assert temp_of(demo) == left
    assert demo.qxfs("demo", demo.path, program=demo.program).returncode == 0
    (now,) = temp_of(demo)
    assert [now] != left
    assert (demo.path / FILE).read_bytes()


def test_ctrl_c_while_the_demo_starts_leaves_nothing(demo, until):
    start = subprocess.Popen([demo.program, "demo", demo.path], env=demo.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (temp,) = until(lambda: temp_of(demo), 20, "the demo's folder")
    until(lambda: (temp / "sandbox.log").exists() or start.poll() is not None, 20, "the sandbox")
    start.send_signal(signal.SIGINT)
    start.communicate(timeout=30 * SLOW)
    assert start.returncode == 128 + signal.SIGINT
    assert temp_of(demo) == [] and mounted_at(demo.path) == []


def test_demo_without_its_sandbox_says_so(stranger):
    program = stranger.folder / "qxfs"
    shutil.copy(QXFS, program)
    sentence(stranger.qxfs("demo", stranger.path, program=program), REFUSED, "sandbox", "install")


# --- an ordinary user --------------------------------------------------------------------------------------------


def user_of(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


ORDINARY, OTHER = user_of("nobody"), user_of("daemon")


def as_user(user, *command, **options):
    return subprocess.run(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *map(str, command)],
                          capture_output=True, text=True, check=False, timeout=60 * SLOW, stdin=subprocess.DEVNULL, **options)


@pytest.fixture
def ordinary(sandbox, tmp_path):
    """A mount by an ordinary user, in a folder that this user can reach (pytest's own are closed to all but root)."""
    if not AS_ROOT or not ORDINARY or not OTHER or not shutil.which("fusermount3") or not shutil.which("setpriv"):
        pytest.skip("needs root, two ordinary users, setpriv and fusermount3")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qxfs-user-"))
    folder.chmod(0o755)
    made = Caller(folder, sandbox.url, sandbox.token)
    made.program = folder / "qxfs"
    shutil.copy(QXFS, made.program)
    for path in (folder, made.path):
        os.chown(path, ORDINARY.pw_uid, ORDINARY.pw_gid)
    made.run = lambda *command, user=ORDINARY: as_user(user, *command, env=made.env)
    yield made
    made.end()
    shutil.rmtree(folder)


def test_an_ordinary_user_mounts_reads_and_unmounts(sandbox, ordinary):
    done = ordinary.run(ordinary.program, ordinary.path)
    assert done.returncode == 0, done.stderr
    assert ordinary.run("sha256sum", ordinary.path / FILE).stdout.split()[0] == sandbox.entry_sha256(SMALL)["sha256"]
    st = ordinary.run("stat", "-c", "%u %g %a", ordinary.path / FILE).stdout.split()
    assert st == [str(ORDINARY.pw_uid), str(ORDINARY.pw_gid), "444"]
    for folder in (ordinary.cache, ordinary.state):
        assert {path.lstat().st_uid for path in (folder, *folder.rglob("*"))} == {ORDINARY.pw_uid}
    assert ordinary.run("ls", f"{ordinary.path}/.qxfs").stdout.split() == ["errors", "events", "jobs", "limits.json", "status.json"]
    assert '"version"' in ordinary.run(ordinary.program, "status", "--json", ordinary.path).stdout
    assert "on this machine" in ordinary.run(ordinary.program, "why", ordinary.path / FILE).stdout
    touched = ordinary.run("touch", ordinary.path / FILE)
    assert (touched.returncode, touched.stderr) == (0, "")
    ended = ordinary.run(ordinary.program, "umount", ordinary.path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert mounted_at(ordinary.path) == [] and daemons_of(ordinary.path) == []


def test_permissions_hold_for_an_ordinary_user(sandbox, ordinary):
    assert ordinary.run(ordinary.program, ordinary.path).returncode == 0
    sandbox.reset_stats()
    denied = {
        "create": ["sh", "-c", f"echo > {ordinary.path}/new"],
        "write": ["sh", "-c", f"echo >> {ordinary.path}/README.txt"],
        "mkdir": ["mkdir", ordinary.path / "new"],
        "rm": ["rm", "-f", ordinary.path / "README.txt"],
        "chmod": ["chmod", "u+w", ordinary.path / "README.txt"],
    }
    for what, command in denied.items():
        done = ordinary.run(*command)
        assert done.returncode != 0, what
        assert re.search("Permission denied|Operation not permitted|Read-only file system", done.stderr), done.stderr
    assert sandbox.count() == 0


def test_another_user_and_even_root_cannot_look_inside(ordinary):
    assert ordinary.run(ordinary.program, ordinary.path).returncode == 0
    done = ordinary.run("ls", ordinary.path, user=OTHER)
    assert done.returncode != 0 and "Permission denied" in done.stderr
    done = ordinary.run("cat", ordinary.path / "README.txt", user=OTHER)
    assert done.returncode != 0 and done.stdout == ""
    with pytest.raises(PermissionError):
        os.listdir(ordinary.path)
    sentence(ordinary.run(ordinary.program, "status", ordinary.path, user=OTHER), REFUSED, "another user")
    sentence(ordinary.run(ordinary.program, "umount", ordinary.path, user=OTHER), REFUSED, "another user", "sudo qxfs umount")


@needs_root
def test_under_allow_other_the_umask_decides_who_looks_inside(sandbox, mounts, tmp_path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qxfs-user-"))
    folder.chmod(0o755)
    try:
        mount = mounts(sandbox, "allow_other", folder=folder)
        assert stat.S_IMODE(os.stat(mount.path).st_mode) == 0o500, "077 unless something else is said"
        assert "Permission denied" in as_user(OTHER, "ls", mount.path).stderr
        mount.stop()
        mount.options.append("umask=022")
        mount.start()
        assert "README.txt" in as_user(OTHER, "ls", mount.path).stdout
        assert "Permission denied" in as_user(OTHER, "ls", f"{mount.path}/.qxfs").stderr
        assert "Permission denied" in as_user(OTHER, "cat", mount.path / ".qxfs" / "jobs").stderr
        done = as_user(OTHER, QXFS, "status", mount.path)
        assert done.returncode != 0
        done = as_user(OTHER, "touch", mount.path / FILE)
        assert done.returncode != 0 and re.search("Permission denied|Operation not permitted", done.stderr)
        data = as_user(OTHER, "cat", mount.path / FILE)
        assert (data.returncode, data.stdout.encode()) == (0, sandbox.entry(SMALL).replace(b"\r\n", b"\n"))
    finally:
        mount.stop()
        shutil.rmtree(folder)


def test_a_folder_of_somebody_else_is_refused(sandbox, ordinary):
    os.chown(ordinary.path, 0, 0)
    sentence(ordinary.run(ordinary.program, ordinary.path), REFUSED, "somebody else", "folder of your own")
    assert sandbox.count() == 0


def test_allow_other_without_permission_names_the_line_to_add(ordinary):
    conf = pathlib.Path("/etc/fuse.conf")
    if conf.exists() and re.search("^user_allow_other", conf.read_text(), re.M):
        pytest.skip("it is permitted here")
    sentence(ordinary.run(ordinary.program, "-o", "allow_other", ordinary.path), REFUSED, "user_allow_other", "/etc/fuse.conf")
