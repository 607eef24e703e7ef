"""Long waits, told on the desktop of who mounted (notify=): a bus of the test's own, with a desktop's service on it."""

import contextlib
import ctypes
import errno
import html
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from common import QXFS, error_of, responses
from control import SLOW

SMALL = "SV_demoSmall000014"
SERVICE = pathlib.Path(__file__).with_name("notices.py")
CHILD = b"--desktop-notices"

has_python_dbus = subprocess.run(["/usr/bin/python3", "-c", "import dbus, gi"], capture_output=True, check=False).returncode == 0
pytestmark = [
    pytest.mark.skipif(not has_python_dbus, reason="needs the packages dbus, python3-dbus and python3-gi"),
    pytest.mark.skipif(b"libnotify.so" not in QXFS.read_bytes(), reason="qxfs was built without libnotify"),
]


class Desktop:
    """A session bus, and who shows notifications on it."""

    def __init__(self, folder):
        self.log = folder / "notices"
        self.processes = []
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("DBUS_", "XDG_", "DISPLAY"))}
        self.env.update(XDG_RUNTIME_DIR=str(folder / "run"), HOME=str(folder))
        (folder / "run").mkdir(mode=0o700)

    def start(self, how="", service=True):
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], env=self.env,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(bus)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        if service:
            self.processes.append(subprocess.Popen(["/usr/bin/python3", SERVICE, self.log, how], env=self.env))
            end = time.monotonic() + 20 * SLOW
            while not self.calls("ready"):
                assert time.monotonic() < end and self.processes[-1].poll() is None
                time.sleep(0.02)
        return self

    def calls(self, *kinds):
        try:
            lines = self.log.read_text().splitlines()
        except FileNotFoundError:
            return []
        return [call for call in map(json.loads, lines) if call["call"] in (kinds or ("Notify", "CloseNotification"))]

    def mount_env(self):
        return {key: self.env[key] for key in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR") if key in self.env}

    def end(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def desktop(tmp_path):
    made = Desktop(tmp_path)
    yield made
    made.end()


@pytest.fixture
def seen(sandbox, mounts, desktop):
    """seen('notify=1'): a mount in the session of a desktop, whose account ends no job until it is told to."""

    def make(*options, account=sandbox, folder=None, **how):
        desktop.start(**how)
        mount = mounts(account, *options, folder=folder, env=desktop.mount_env())
        account.hold_jobs()
        return mount

    return make


def children(mount):
    """What shows notifications for this mount, zombies too."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == mount.pid:
                found.append(stat.parent)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@contextlib.contextmanager
def held_threads(pid, name):
    """Those of a process whose name begins so stand still; how many they are."""
    seize, interrupt, detach, wall = 0x4206, 0x4207, 17, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    tasks = [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
             if (task / "comm").read_text().startswith(name)]
    for task in tasks:
        assert libc.ptrace(seize, task, None, None) == 0, os.strerror(ctypes.get_errno())
        assert libc.ptrace(interrupt, task, None, None) == 0
        os.waitpid(task, wall)
    try:
        yield len(tasks)
    finally:
        for task in tasks:
            libc.ptrace(detach, task, None, None)


def kinds(mount):
    lines = [line.split("\t") for line in (mount.path / ".qxfs" / "events").read_text().splitlines()]
    return [line[1] for line in lines if line[1].startswith("wait-")]


def told(mount, desktop, until, name="wait-long"):
    """When the mount has told it, and shown what there was to show."""
    until(lambda: name in kinds(mount), 30, name)
    until(lambda: desktop.calls(), 30, "the notification")


def test_a_long_wait_is_told_and_its_end_takes_its_place(sandbox, seen, desktop, crowds, until):
    sandbox.rename(SMALL, "Customer satisfaction")
    mount = seen("notify=1")
    crowd = crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    (first,) = desktop.calls()
    assert first["summary"] == "Waiting for Qualtrics" and first["replaces"] == 0
    assert first["body"].startswith("Customer satisfaction (responses.csv) is being prepared")
    assert "give up" in first["body"] and "last time" not in first["body"]
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0
    until(lambda: len(desktop.calls()) == 2, 30, "the end")
    last = desktop.calls()[1]
    assert last["replaces"] == last["id"] == first["id"] and last["summary"] == "The wait is over"
    assert "Customer satisfaction (responses.csv) is there" in last["body"]
    until(lambda: not children(mount), 30, "the end of who shows it")
    assert kinds(mount) == ["wait-long", "wait-over"]


def test_ten_seconds_are_long_enough_for_who_says_nothing(sandbox, seen, desktop, crowds, until):
    """Root has to ask for it: check_desktop.c has who need not."""
    mount = seen(*["notify=10"] * (os.geteuid() == 0))
    begun = time.monotonic()
    crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    assert time.monotonic() - begun >= 10
    sandbox.release_jobs()


def test_each_wait_is_as_long(sandbox, seen, crowds, until):
    """A later one is not told with an earlier one."""
    other = sandbox.add_survey("Other", 20)
    mount = seen("notify=3")
    crowds([responses(mount, SMALL)], 1)
    first = time.monotonic()
    until(lambda: time.monotonic() > first + 1.5, 5, "half of it")
    crowds([responses(mount, other)], 1)
    second = time.monotonic()
    until(lambda: kinds(mount) == ["wait-long"], 30, "the first")
    until(lambda: kinds(mount) == ["wait-long"] * 2, 30, "the second")
    assert time.monotonic() >= second + 2.5  # the crowd has begun before we look at the clock
    sandbox.release_jobs()


def test_root_is_told_nothing_by_default(sandbox, seen, desktop, crowds, parked):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    mount = seen()
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{mount.pid}/task").glob("*/comm")}
    assert "desktop" not in names and "park" in names
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0 and not desktop.calls()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may stop a thread of the mount")
def test_a_wait_for_the_disk_is_told_in_time(sandbox, seen, desktop, crowds, until):
    """All four disk workers are busy, and stay so: an open needs one, and who is told of it none."""
    mount = seen("notify=1")
    with held_threads(mount.pid, "disk-") as held:
        assert held == 4
        crowd = crowds([responses(mount, SMALL)], 1)
        told(mount, desktop, until)
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0


def test_how_long_it_took_the_last_time_is_told(sandbox, seen, desktop, crowds, until):
    sandbox.settings(job_seconds=1.2)
    mount = seen("notify=1", "fresh=0")
    sandbox.release_jobs()
    responses(mount, SMALL).read_bytes()
    until(lambda: not children(mount), 30, "the end of who shows it")
    before = len(desktop.calls())
    sandbox.append(SMALL, 3)
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    until(lambda: len(desktop.calls()) > before, 30, "the notification")
    assert "seconds the last time" in desktop.calls()[before]["body"]
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0


def test_a_failure_is_told_in_the_words_of_why(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1")
    sandbox.fault("export_start", "job_failed", nth=1)
    crowd = crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == errno.EIO
    until(lambda: len(desktop.calls()) == 2, 30, "the end")
    first, last = desktop.calls()
    assert last["id"] == first["id"] and last["summary"] == "The wait has failed" and last["icon"] == "dialog-warning"
    words = html.unescape(last["body"]).partition("could not be opened: ")[2]
    assert "Open it again" in words and words in mount.run("why", responses(mount, SMALL)).stdout
    assert kinds(mount) == ["wait-long", "wait-failed"]


def test_a_timeout_is_not_told_with_an_earlier_reason(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1", "open_wait=3")
    sandbox.fault("export_start", "job_failed", nth=1)
    first = crowds([responses(mount, SMALL)], 1)
    sandbox.release_jobs()
    assert first.answers()[0][1] == errno.EIO
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    assert crowd.answers(30 * SLOW)[0][1] == errno.ETIMEDOUT
    until(lambda: kinds(mount)[-2:] == ["wait-long", "wait-failed"], 30, "the end")
    said = (mount.path / ".qxfs" / "events").read_text().splitlines()
    assert "longer than open_wait= allows" in [line for line in said if "wait-failed" in line][-1]
    sandbox.release_jobs()


def test_a_short_wait_is_told_to_nobody(sandbox, seen, desktop, crowds, parked):
    mount = seen("notify=60")
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    assert not children(mount)
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0
    assert not kinds(mount) and not desktop.calls() and not children(mount)


def test_64_readers_are_one_wait(sandbox, seen, desktop, crowds, until, parked):
    mount = seen("notify=1")
    crowd = crowds([responses(mount, SMALL)], 64)
    parked(mount, 64)
    told(mount, desktop, until)
    sandbox.release_jobs()
    assert {answer[1] for answer in crowd.answers()} == {0}
    until(lambda: len(desktop.calls()) >= 2, 30, "the end")
    until(lambda: not children(mount), 30, "the end of who shows it")
    assert [call["replaces"] > 0 for call in desktop.calls()] == [False, True]
    assert kinds(mount) == ["wait-long", "wait-over"]


def test_given_up_by_the_last_waiter_it_is_closed(sandbox, seen, desktop, crowds, until, parked):
    mount = seen("notify=1")
    crowd = crowds([responses(mount, SMALL)], 2)
    parked(mount, 2)
    told(mount, desktop, until)
    os.kill(crowd.pids[0], signal.SIGINT)
    parked(mount, 1)
    assert kinds(mount) == ["wait-long"]
    os.kill(crowd.pids[1], signal.SIGINT)
    until(lambda: desktop.calls("CloseNotification"), 30, "the closing")
    assert [call["id"] for call in desktop.calls()] == [1, 1] and kinds(mount) == ["wait-long", "wait-left"]
    sandbox.release_jobs()


def test_forty_waits_are_four_notifications(sandbox, seen, desktop, crowds, until, small):
    surveys = small(40)
    mount = seen("notify=1")
    crowd = crowds([responses(mount, survey) for survey in surveys], 40)
    until(lambda: kinds(mount).count("wait-long") == 40, 40, "the waits")
    until(lambda: any("…and 37 more files" in call["body"] for call in desktop.calls()), 30, "the rest")
    assert len({call["id"] for call in desktop.calls()}) == 4
    sandbox.release_jobs()
    assert {answer[1] for answer in crowd.answers()} == {0}
    until(lambda: not children(mount), 40, "the end of who shows it")
    assert len({call["id"] for call in desktop.calls()}) == 4
    last = {call["id"]: call for call in desktop.calls()}
    assert {call["summary"] for call in last.values()} == {"The wait is over"}
    assert sum("37 more files can be opened" in call["body"] for call in last.values()) == 1


HOSTILE = "<b>Bob</b> & <a href='x'>Eve</a>\n\x1b[31m\u202etxt.exe" + "€" * 200


@pytest.mark.parametrize("how", ["", "plain"])
def test_a_hostile_name_is_text(how, sandbox, seen, desktop, crowds, until):
    sandbox.rename(SMALL, HOSTILE)
    mount = seen("notify=1", how=how)
    crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    body = desktop.calls()[0]["body"]
    start = "<b>Bob</b> & <a href='x'>Eve</a>" if how else "&lt;b&gt;Bob&lt;/b&gt; &amp; &lt;a href=&apos;x&apos;&gt;Eve"
    assert body.replace("&#39;", "&apos;").startswith(start), body
    assert not set("\n\x1b\u202e") & set(body) and "€…" in body and body.count("€") < 60
    assert "give up" in body, "what is ours is not pushed out"
    sandbox.release_jobs()


def test_qxfs_itself_and_crawlers_wait_untold(sandbox, seen, desktop, until, parked):
    other = sandbox.add_survey("Other", 20)
    mount = seen("notify=1", "crawlers=cat")
    with subprocess.Popen([QXFS, "fetch", responses(mount, SMALL)], env=mount.env(), stderr=subprocess.DEVNULL) as fetch:
        parked(mount, 1)
        assert subprocess.run(["cat", responses(mount, SMALL)], capture_output=True, check=False).returncode == 1
        with subprocess.Popen(["head", "-c1", responses(mount, other)], stdout=subprocess.DEVNULL) as head:
            told(mount, desktop, until)  # a later wait of the same length
            assert kinds(mount) == ["wait-long"] and len(desktop.calls()) == 1
            sandbox.release_jobs()
            assert fetch.wait(30 * SLOW) == 0 and head.wait(30 * SLOW) == 0


@pytest.fixture
def passable():
    """A folder that every user can reach; pytest's own are closed to all but who runs it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qxfs-user-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_users_wait_is_not_told(sandbox, passable, seen, desktop, until, parked):
    ours, theirs = SMALL, sandbox.add_survey("Theirs", 20)
    mount = seen("notify=1", "allow_other", "umask=022", folder=passable)
    with subprocess.Popen(["cat", responses(mount, theirs)], stdout=subprocess.DEVNULL, user=65534) as other:
        parked(mount, 1)
        with subprocess.Popen(["cat", responses(mount, ours)], stdout=subprocess.DEVNULL) as owner:
            told(mount, desktop, until)  # a later wait of the same length
            assert kinds(mount) == ["wait-long"] and "Theirs" not in desktop.calls()[0]["body"]
            sandbox.release_jobs()
            assert other.wait(30 * SLOW) == 0 and owner.wait(30 * SLOW) == 0


@pytest.mark.parametrize("failing", [False, True])
def test_an_address_is_not_told(failing, sandbox, seen, desktop, until):
    mount = seen("notify=1")
    sandbox.hold("contacts_search")
    if failing:
        sandbox.fault("contacts_search", "status", status=400, body={"meta": {"error": {"errorMessage": "somebody?"}}})
    path = mount.path / "directory" / "search" / "email=somebody@example.org" / "contacts.csv"
    with subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as cat:
        told(mount, desktop, until)
        sandbox.release()
        assert cat.wait(30 * SLOW) == failing
    until(lambda: len(desktop.calls()) == 2, 30, "the end")
    assert "directories/" in desktop.calls()[0]["body"] and "somebody" not in desktop.log.read_text()
    assert desktop.calls()[1]["summary"] == ("The wait has failed" if failing else "The wait is over")
    lines = (mount.path / ".qxfs" / "events").read_text().splitlines()
    assert not [line for line in lines if "wait-" in line and "somebody" in line]


def test_a_desktop_that_hangs_holds_up_nothing(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1", how="silent")
    crowd = crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    assert (mount.path / "STATUS.txt").read_text()
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0
    begun = time.monotonic()
    assert mount.stop() == 0 and time.monotonic() - begun < 8 * SLOW  # GLib would wait 25 s


def test_who_shows_them_may_die(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1")
    crowd = crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    (child,) = children(mount)
    os.kill(int(child.name), signal.SIGKILL)
    until(lambda: not children(mount), 30, "its end")
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0
    assert "wait-over" in kinds(mount) and "died" in mount.text_of_log()
    assert mount.stop() == 0 and len(desktop.calls()) == 1, "another one only after a minute"


def test_it_ends_with_a_mount_that_is_killed(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1", how="silent")
    crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    (child,) = children(mount)
    mount.kill()
    until(lambda: not child.exists(), 10, "its end")
    subprocess.run(["umount", "-l", str(mount.path)], check=True)


def test_its_surroundings_are_clean(sandbox, seen, desktop, crowds, until):
    """No token, no file of the mount's; and the mount has neither GLib's threads nor the bus."""
    mount = seen("notify=1")
    crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    (child,) = children(mount)
    assert (child / "cmdline").read_bytes() == b"qxfs\0" + CHILD + b"\0"
    env = (child / "environ").read_bytes()
    assert sandbox.token.encode() not in env and b"QUALTRICS" not in env and b"DBUS_SESSION_BUS_ADDRESS=" in env
    files, ours = ({os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()} for pid in (child.name, mount.pid))
    assert all(file.startswith(("socket:", "pipe:", "anon_inode:", "/dev/null")) for file in files), files
    assert {file for file in files & ours if file.startswith(("socket:", "pipe:"))} == set()
    names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{mount.pid}/task").glob("*/comm")}
    assert "desktop" in names and not {"gdbus", "gmain"} & names, names
    sandbox.release_jobs()


@pytest.mark.parametrize("bus", ["none", "dead", "empty"])
def test_without_a_desktop_all_goes_on_silently(bus, sandbox, mounts, desktop, crowds, until):
    """No bus, the address of one that is no more, one that nobody shows notifications on."""
    if bus == "empty":
        desktop.start(service=False)
    if bus == "dead":
        desktop.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={desktop.env['XDG_RUNTIME_DIR']}/gone"
    mount = mounts(sandbox, "notify=1", env=desktop.mount_env())
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    until(lambda: "wait-long" in kinds(mount), 30, "the wait")
    if bus != "none":
        until(lambda: children(mount), 30, "who would show it")
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0
    until(lambda: not children(mount), 30, "the end of who would show it")
    names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{mount.pid}/task").glob("*/comm")}
    assert ("desktop" in names) == (bus != "none")
    assert mount.stop() == 0
    told_loudly = [line for line in mount.text_of_log().splitlines() if "desktop:" in line and "debug" not in line]
    assert not told_loudly, told_loudly


def test_the_end_of_the_mount_closes_what_is_shown(sandbox, seen, desktop, crowds, until):
    mount = seen("notify=1")
    crowds([responses(mount, SMALL)], 1)
    told(mount, desktop, until)
    assert mount.stop() == 0
    assert [call["call"] for call in desktop.calls()] == ["Notify", "CloseNotification"]


def test_notify_0_tells_nothing(sandbox, seen, desktop, crowds, parked):
    mount = seen("notify=0")
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{mount.pid}/task").glob("*/comm")}
    assert "desktop" not in names
    sandbox.release_jobs()
    assert crowd.answers()[0][1] == 0 and not desktop.calls()
    assert error_of(open, mount.path / "none") == errno.ENOENT
