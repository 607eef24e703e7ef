"""Import folders on a disk that is full, and files that cannot be judged while a program waits: what is whole is
sent, once, and nothing else is."""

import contextlib
import errno
import os
import subprocess
import time

import pytest

from common import SANITIZED, error_of
from control import SLOW  # tests/sandbox/control.py
from imports import folder, members, people, posts, report_of, sent, wait_for

ROOM = 4 << 20
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")


@pytest.fixture
def disk(tmp_path):
    """The state folder's: a small one. disk(size) makes it larger."""
    path = tmp_path / "state"
    path.mkdir()

    def resize(size, *options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size},mode=700"]), "state", path],
                       check=True)

    resize(ROOM)
    resize.path = path
    yield lambda size: resize(size, "remount")
    subprocess.run(["umount", path], check=True)


@pytest.fixture
def mount(disk, sandbox, mounts):  # ends before the disk does
    return mounts(sandbox, "import_delay=0")


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


@needs_root
def test_a_file_that_does_not_fit_is_not_sent(sandbox, mount, tmp_path):
    source = tmp_path / "big.csv"
    source.write_bytes(people(200_000))
    target = folder(mount) / "big.csv"
    done = subprocess.run(["cp", source, target], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "No space left" in done.stderr
    assert wait_for(mount, target)[0] == 6
    assert "held" in report_of(target) and "No space left" in report_of(target)
    os.unlink(target)
    subprocess.run(["sh", "-c", 'head -n 3 "$0" >"$1"', source, target], check=True)
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com", "person1@example.com"]


@needs_root
def test_who_does_not_listen_to_a_failed_write_is_told_at_close(sandbox, mount):
    """What is there by then would be a fine file: the rows of its end are missing."""
    target = folder(mount) / "big.csv"
    fd = os.open(target, os.O_WRONLY | os.O_CREAT)
    for start in range(0, 200_000, 1000):
        try:
            write_all(fd, people(1000, start).split(b"\r\n", 1)[1] if start else people(1000))
        except OSError as error:
            assert error.errno == errno.ENOSPC
            break
    else:
        pytest.fail("all of it was written")
    assert error_of(os.close, fd) == errno.ENOSPC
    assert wait_for(mount, target)[0] == 6
    assert posts(sandbox) == []


@needs_root
def test_what_was_missing_and_comes_after_all_makes_it_whole(sandbox, disk, mount):
    target = folder(mount) / "big.csv"
    data, at = people(100_000), 0
    fd = os.open(target, os.O_WRONLY | os.O_CREAT)
    try:
        while at < len(data):
            at += os.write(fd, data[at : at + 65536])
    except OSError as error:
        assert error.errno == errno.ENOSPC
    assert at < len(data)
    disk(16 * ROOM)
    os.lseek(fd, at, os.SEEK_SET)
    write_all(fd, data[at:])
    os.close(fd)
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert len(members(sandbox)) == 100_000


@needs_root
@pytest.mark.timeout(90 * SLOW)
def test_a_disk_that_is_full_when_it_is_to_be_sent_delays_it(disk, sandbox, mounts, tmp_path, until):
    """The journal may find some room in its own files still, but not for all of these."""
    mount = mounts(sandbox, "import_delay=2")
    targets = [folder(mount) / f"f{n}.csv" for n in range(30)]
    for n, target in enumerate(targets):
        target.write_bytes(people(1, n))
    with open(tmp_path / "state" / "ballast", "wb", buffering=0) as ballast:
        assert error_of(write_all, ballast.fileno(), bytes(2 * ROOM)) == errno.ENOSPC
    until(lambda: "No space left" in mount.text_of_log(), 30, "a word of the disk")
    os.unlink(tmp_path / "state" / "ballast")
    status, said = wait_for(mount, *targets)
    assert status == 0, said
    assert sorted(sent(sandbox)) == sorted(f"person{n}@example.com" for n in range(30))


@pytest.mark.skipif(SANITIZED, reason="they are slow at what has to be quick here")
@pytest.mark.timeout(120 * SLOW)
def test_what_is_judged_behind_does_not_hold_up_its_program(sandbox, mounts):
    """Written from its end on, so that it cannot be judged while it comes: as rsync --inplace may do."""
    mount = mounts(sandbox, "import_delay=0")
    target = folder(mount) / "huge.csv"
    row = b"Ann,Lee,ann@example.com\n"
    data = b"firstName,lastName,email\n" + row * 8_000_000 + b"Bob,Lee,this is none\n"
    with open(target, "wb", buffering=0) as file:
        for at in range(len(data) - len(data) % (1 << 20), -1, -(1 << 20)):
            file.seek(at)
            file.write(data[at : at + (1 << 20)])
        began = time.monotonic()
        file.close()
        assert time.monotonic() - began < 10 * SLOW
    assert wait_for(mount, target)[0] == 4
    assert "Line 8000002, column" in report_of(target), report_of(target)
    assert posts(sandbox) == []


def test_a_journal_that_turns_out_to_be_damaged_is_told(sandbox, mounts, until):
    mount = mounts(sandbox, "import_delay=0")
    target = folder(mount) / "a.csv"
    target.write_bytes(people(1))
    assert wait_for(mount, target)[0] == 0
    (journal,) = mount.state.rglob("journal.db")
    with open(journal, "r+b") as file:  # all but the page that says what it is
        file.seek(4096)
        file.write(b"\xff" * (os.path.getsize(journal) - 4096))
    os.truncate(f"{journal}-wal", 0)

    def told():
        with contextlib.suppress(OSError):
            target.write_bytes(people(2))
        text = " ".join((mount.path / "STATUS.txt").read_text().split())
        return "Imports are stopped" in text and "damaged" in text

    until(told, 10, "the word of it in STATUS.txt")
    assert mount.status()["imports"]["stopped"] is True
