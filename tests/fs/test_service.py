"""A mount that systemd starts (Type=notify): what it tells, and when."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile

import pytest

from common import QXFS
from control import SLOW  # tests/sandbox/control.py


class Manager:
    """The socket that a service manager listens on."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.settimeout(30 * SLOW)
        self.env = {"NOTIFY_SOCKET": address}

    def heard(self):
        """The next message: its assignments."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def silent(self):
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True


@pytest.fixture(params=["/", "@"], ids=["path", "abstract"])
def manager(request):
    with tempfile.TemporaryDirectory(prefix="sd.") as folder:  # short, as such names must be
        made = Manager(f"{folder}/n" if request.param == "/" else f"@qxfs-test-{os.getpid()}")
        yield made
        made.socket.close()


def test_ready_is_told_when_the_mount_answers(sandbox, mounts, manager):
    mount = mounts(sandbox, start=False, env=manager.env)
    mount.spawn()
    told = manager.heard()
    assert told["READY"] == "1" and str(mount.path) in told["STATUS"]
    assert (mount.path / "README.txt").read_text()


def test_the_end_is_told_before_the_process_ends(sandbox, mounts, manager):
    mount = mounts(sandbox, env=manager.env)
    assert "READY" in manager.heard()
    assert mount.stop(signal.SIGTERM) == 0
    assert manager.heard()["STOPPING"] == "1"
    assert not os.path.ismount(mount.path)


def test_a_refused_token_is_never_ready(sandbox, mounts, manager):
    mount = mounts(sandbox, start=False, env={**manager.env, "QUALTRICS_API_TOKEN": "x" * 40})
    mount.spawn()
    assert mount.process.wait(30 * SLOW) == 1
    mount.process = None
    assert manager.silent()


def test_what_the_daemon_starts_does_not_speak_for_it(manager, tmp_path):
    """Of a demo: the sandbox is its child."""
    (tmp_path / "m").mkdir()
    env = {**os.environ, **manager.env, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    with subprocess.Popen([QXFS, "demo", "-f", tmp_path / "m"], env=env, stdout=subprocess.DEVNULL) as demo:
        try:
            assert manager.heard()["READY"] == "1"
            (child,) = pathlib.Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
            assert b"NOTIFY_SOCKET" not in pathlib.Path(f"/proc/{child}/environ").read_bytes()
        finally:
            demo.terminate()
            assert demo.wait(30 * SLOW) == 0


def test_lines_in_the_journal_carry_their_priority(sandbox, mounts):
    mount = mounts(sandbox, start=False)
    mount.log.touch()
    info = mount.log.stat()
    mount.extra_env["JOURNAL_STREAM"] = f"{info.st_dev}:{info.st_ino}"
    mount.start()
    assert mount.stop() == 0
    lines = [line for line in mount.text_of_log().splitlines() if not line.startswith("qxfs: ")]
    assert lines and all(line[:4] in ("<3>[", "<4>[", "<6>[", "<7>[") for line in lines), lines
    assert any(line.startswith("<6>") and "is unmounted" in line for line in lines)


def test_lines_elsewhere_carry_their_time(sandbox, mounts):
    """JOURNAL_STREAM is inherited by all that a service starts, wherever that writes."""
    mount = mounts(sandbox, env={"JOURNAL_STREAM": "1:2"})
    assert mount.stop() == 0
    assert not [line for line in mount.text_of_log().splitlines() if line.startswith("<")]
