"""Each kind of credential is used for all that a mount does, and looked for in all that it leaves (DESIGN.md 5).

Looked at: command lines of every process meanwhile, the environment of the daemon and of what it starts, the log with
all of it switched on, the journal's form of it, what commands say, STATUS.txt, `.qxfs/`, cache and state, core dumps."""

import base64
import errno
import os
import pathlib
import resource
import signal
import subprocess
import threading

import pytest

from common import QXFS, SANITIZED, error_of, read_all
from desk import NEEDS, Desk
from imports import folder, people, wait_for

SMALL = "SV_demoSmall000014"
BASES = ("file", "environment", "profile", "command", "oauth")
KINDS = [*BASES, *(pytest.param(kind, marks=NEEDS) for kind in ("keyring", "oauth-keyring"))]


class CommandLines(threading.Thread):
    """Those of all processes, as often as can be."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ended = set(), threading.Event()

    def run(self):
        while not self.ended.wait(0.005):
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes().replace(b"\0", b" ").decode("latin-1"))
                except OSError:
                    pass


@pytest.fixture
def given(tmp_path, mounts):
    """A factory: (mount, the place where its secret may lie) for a kind of credential."""
    desks = []

    def profile(account, kind):
        ident, secret = account.client()
        lines = {"profile": f"token = {account.token}\n",
                 "command": f"token_command = cd '{tmp_path}'; env >child.env; tr '\\0' ' ' </proc/$$/cmdline >child.cmd; cat vault\n",
                 "oauth": f"client_id = {ident}\nclient_secret = {secret}\n"}
        text = f"[default]\nhost = {account.url}\n" + lines.get(kind, "")
        config = tmp_path / ".config" / "qxfs" / "config"
        config.parent.mkdir(parents=True)
        config.write_text(text)
        config.chmod(0o600)
        return config

    def make(account, kind, **env):
        secret = account.client()[1] if kind.startswith("oauth") else account.token
        options, places = ["fresh=0"], [tmp_path / "vault"]
        named = secret if kind == "environment" else ""
        env |= {"QUALTRICS_API_TOKEN": named, "QUALTRICS_API_KEY": named, "XDG_CONFIG_HOME": str(tmp_path / ".config")}
        (tmp_path / "vault").write_text(secret)
        (tmp_path / "vault").chmod(0o600)
        if kind == "file":
            options.append(f"token_file={tmp_path}/vault")
        elif kind != "environment":
            places.append(profile(account, kind))
        if kind.endswith("keyring"):
            desks.append(Desk(tmp_path).start())
            env["DBUS_SESSION_BUS_ADDRESS"] = desks[0].env["DBUS_SESSION_BUS_ADDRESS"]
            words = ["--oauth"] if kind.startswith("oauth") else []
            lines = [account.url, *([account.client()[0]] if words else []), secret, ""]
            answer = desks[0].run("login", *words, "--keyring", "default", given="\n".join(lines),
                                  XDG_CONFIG_HOME=env["XDG_CONFIG_HOME"])
            assert answer.returncode == 0 and secret not in answer.stderr + places[1].read_text()
        mount = mounts(account, *options, start=False, env=env, flag="-d")
        mount.token = secret
        return mount, places

    yield make
    for desk in desks:
        desk.end()


def provoke(sandbox, mount, kind):
    """Reads, imports, and fails in as many ways as there are, the service repeating what it was sent."""
    survey = mount.path / "surveys" / SMALL
    said = []
    assert read_all(survey / "responses.csv") and read_all(survey / "survey.json")
    place = folder(mount) / "people.csv"
    place.write_bytes(people(3))
    assert wait_for(mount, place)[0] == 0
    sandbox.expire_bearers()  # of OAuth: AUTH_6.0, and a second bearer
    assert read_all(survey / "survey.json")
    bearers = sandbox.bearers()
    held = bearers[-1] if bearers else sandbox.token
    for fault in ({"status": 403, "message": f"No: {held}"}, {"status": 400, "message": held * 9},
                  {"status": 200, "html": True, "body": f"<html>{held}"}):
        rule = sandbox.fault("survey", "status", **fault)
        assert error_of(read_all, survey / "survey.json") > 0
        said.append(mount.run("why", survey / "survey.json").stdout)
        sandbox.clear_faults(rule)
    if kind.startswith("oauth"):
        old = sandbox.client()
        sandbox.renew_client()
        echo = f"{old[1]} {base64.b64encode(':'.join(old).encode()).decode()}"
        sandbox.fault("oauth_token", "status", status=401, body={"error": "invalid_client", "error_description": echo})
    else:
        sandbox.revoke_token()
    assert error_of(read_all, survey / "survey.json") == errno.EACCES
    said.append(mount.run("why", survey / "survey.json").stdout)
    assert all(said)
    return said, bearers


def left(mount, places):
    """All that is left of it, by name; but for the places where its secret is meant to be."""
    texts = {"log": mount.text_of_log()}
    for name in ("cmdline", "environ"):
        texts[name] = pathlib.Path(f"/proc/{mount.pid}/{name}").read_text("latin-1")
    for name in ("STATUS.txt", "README.txt", ".qxfs/status.json", ".qxfs/limits.json", ".qxfs/errors", ".qxfs/jobs"):
        texts[name] = (mount.path / name).read_text()
    for words in (("status", mount.path), ("status", "--json", mount.path), ("status", "--check", mount.path)):
        answer = mount.run(*words)
        texts[" ".join(map(str, words))] = answer.stdout + answer.stderr
    for path in mount.folder.rglob("*"):
        if mount.path not in path.parents and path.is_file() and not path.is_symlink() and path not in places:
            texts[str(path)] = path.read_text("latin-1")
    return texts


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_left_nowhere(kind, sandbox, given):
    lines = CommandLines()
    lines.start()
    mount, places = given(sandbox, kind)
    mount.log.touch()
    if kind == "profile":  # the same lines, as the journal takes them
        mount.extra_env["JOURNAL_STREAM"] = f"{mount.log.stat().st_dev}:{mount.log.stat().st_ino}"
    mount.start()
    secrets = [mount.token]
    if kind.startswith("oauth"):
        secrets += [base64.b64encode(":".join(sandbox.client()).encode()).decode()]
    said, bearers = provoke(sandbox, mount, kind)
    assert len(set(bearers)) >= 2 if kind.startswith("oauth") else not bearers
    secrets += bearers

    texts = left(mount, places) | {f"why {i}": text for i, text in enumerate(said)}
    lines.ended.set()
    lines.join()
    texts["command lines"] = "\n".join(lines.seen)
    assert str(mount.path) in texts["command lines"] and "HOME=" in texts["environ"] and len(texts) > 20
    assert any("journal.db" in name for name in texts) and any("known/" in name for name in texts)
    if kind == "command":
        assert {"child.env", "child.cmd"} <= {pathlib.Path(name).name for name in texts}
    found = {name for name, text in texts.items() for secret in secrets if secret in text}
    assert not found


def dumps_core(process):
    """Ends it as a crash does: whether the kernel wrote a core file."""
    os.kill(process.pid, signal.SIGSEGV)
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT).si_code == os.CLD_DUMPED


@pytest.mark.skipif(SANITIZED, reason="the sanitizer answers the crash itself")
def test_a_crash_leaves_no_core(sandbox, mounts, monkeypatch, tmp_path):
    """With no limit on core files, and a folder where they could be written."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    monkeypatch.setattr(subprocess.Popen, "__init__", unlimited(subprocess.Popen.__init__, hard))
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as plain:
        limit = pathlib.Path(f"/proc/{plain.pid}/limits").read_text()
        could = dumps_core(plain)
    mount = mounts(sandbox)
    ours = pathlib.Path(f"/proc/{mount.pid}/limits").read_text()
    (line,) = [line for line in ours.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"] and (hard == 0 or line not in limit)
    assert not dumps_core(mount.process) or not could
    mount.process.wait()
    mount.process = None


def unlimited(real, hard):
    def init(self, *words, **more):
        real(self, *words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)), **more)
    return init


def test_nobody_looks_into_its_memory(sandbox, mounts, tmp_path):
    """Not dumpable: what /proc shows of it belongs to root, though it is another user's process."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    folder = pathlib.Path(f"/tmp/qxfs-{os.getpid()}")
    folder.mkdir(mode=0o755)
    try:
        os.chown(folder, 65534, 65534)
        env = {"HOME": str(folder), "PATH": os.environ["PATH"], "QUALTRICS_BASE_URL": sandbox.url}
        config = folder / ".config" / "qxfs"
        config.mkdir(parents=True)
        read = f"cat /proc/$PPID/environ > {folder}/seen 2> {folder}/why || true; echo {sandbox.token}"
        (config / "config").write_text(f"[w]\nhost = {sandbox.url}\ntoken_command = {read}\n")
        for path in (config.parent, config, config / "config"):
            os.chown(path, 65534, 65534)
            path.chmod(0o700 if path.is_dir() else 0o600)
        place = folder / "m"
        place.mkdir()
        os.chown(place, 65534, 65534)
        subprocess.run([QXFS, "w", str(place)], env=env, user=65534, group=65534, capture_output=True, check=False,
                       timeout=60)
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
        assert (folder / "seen").read_bytes() == b"" and "ermission denied" in (folder / "why").read_text()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
