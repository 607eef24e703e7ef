"""kill -9 at every step of an import (DESIGN.md 4): each write, fsync and removal of the daemon's, by strace, and each
request and answer, by the sandbox. What close() had taken is neither lost nor sent twice; uncertain is only what a
request went out for."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest

from control import SLOW  # tests/sandbox/control.py
from imports import folder, posts, wait_for

CALLS = ("fdatasync", "fsync", "pwrite64", "unlinkat", "sendto")
STEPS = 60  # more than any of these has in one import

needs_strace = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("strace"), reason="needs root and strace")


def give(mount, name, email):
    """Whether close() said that it is taken."""
    try:
        with open(folder(mount) / name, "wb", buffering=0) as file:
            file.write(b"firstName,email\r\n")
            file.write(f"Ann,{email}\r\n".encode())
    except OSError:
        return False
    return True


def times_sent(sandbox, email):
    return sum(contact["email"] == email for body in posts(sandbox) for contact in body["contacts"])


def killed_at(mount, call, step, work):
    """Works while the nth such call of one of the daemon's threads is its last one; False: there were not so many."""
    with subprocess.Popen(
        ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={step}",
         "-p", str(mount.pid)], stderr=subprocess.DEVNULL,
    ) as strace:
        while strace.poll() is None and mount.process.poll() is None and "TracerPid:\t0" in statuses(mount.pid):
            time.sleep(0.01)
        work()
        strace.kill()  # it would wait for who is dead already
    with contextlib.suppress(subprocess.TimeoutExpired):
        mount.process.wait(0.5)
    return mount.process.poll() is not None


def statuses(pid):
    """Of all threads, as one text."""
    text = ""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status") as status:
                text += status.read()
    return text


def check_the_end(sandbox, mount, name, email, taken, out):
    status, said = wait_for(mount, folder(mount) / name)
    count = times_sent(sandbox, email)
    if status == 0:
        assert count == 1, said
    elif status == 5:
        assert out and count <= 1, said
    else:
        assert not taken and status in (1, 6) and count == 0, said
    return status


@needs_strace
@pytest.mark.timeout(200 * SLOW)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("phase", ["given", "sent"])
def test_killed_at_every_call(sandboxes, mounts, phase, call, until):
    box = sandboxes(settings={"import_polls": 1})
    mount = mounts(box, "import_delay=3600" if phase == "sent" else "import_delay=0")
    ends = []
    for step in range(1, STEPS):
        name, email = f"f{step}.csv", f"{call}{step}@example.com"
        taken = [give(mount, name, email)] if phase == "sent" else []

        def work():
            if phase == "sent":
                mount.run("wait", folder(mount) / name)
                return
            taken.append(give(mount, name, email))
            if taken[0]:
                until(lambda: mount.process.poll() is not None or is_over(mount), 20, "its end, or the daemon's")

        if not killed_at(mount, call, step, work):
            break
        mount.start()
        ends.append(check_the_end(box, mount, name, email, taken[0], out=True))
    assert ends or (phase == "sent" and call in ("unlinkat", "fsync")), "nothing was killed"
    print(phase, call, "killed", len(ends), "times:", {end: ends.count(end) for end in ends})


def is_over(mount):
    try:
        counts = mount.status()["imports"]
    except (OSError, ValueError):
        return False
    return not any(counts[word] for word in ("writing", "queued", "sending", "importing"))


@pytest.mark.parametrize(("endpoint", "after", "end"), [
    ("contact_import", False, 5), ("contact_import", True, 5), ("contact_import_status", False, 0),
])
def test_killed_at_each_request(sandbox, mounts, endpoint, after, end):
    mount = mounts(sandbox, "import_delay=0")
    sandbox.fault(endpoint, "hold_after" if after else "hold")
    assert give(mount, "a.csv", "a@example.com")
    assert sandbox.wait_held(endpoint)
    mount.kill()
    sandbox.release()
    mount.start()
    assert check_the_end(sandbox, mount, "a.csv", "a@example.com", True, out=True) == end
    assert times_sent(sandbox, "a@example.com") == 1
