"""What happened: .qxfs/events, read, followed and polled."""

import errno
import os
import select
import stat
import subprocess

import pytest

from common import error_of
from control import SLOW
from imports import folder, people, wait_for

SMALL = "SV_demoSmall000014"
SUBJECT = f"surveys/{SMALL}/responses.csv"
TABS = 3


def events(mount):
    return mount.path / ".qxfs" / "events"


def kinds(mount, subject=None):
    """The kinds of all that happened (of one path), in order."""
    lines = [line.split("\t") for line in events(mount).read_text().splitlines()]
    assert all(len(line) == TABS + 1 for line in lines)
    return [kind for _, kind, path, _ in lines if subject in (None, path)]


def test_an_export_is_told_from_its_beginning_to_its_end(mount):
    assert kinds(mount) == ["mounted"]
    (mount.path / SUBJECT).read_bytes()
    assert kinds(mount, SUBJECT) == ["export-begun", "export-ended"]
    (mount.path / SUBJECT).read_bytes()
    assert kinds(mount, SUBJECT) == ["export-begun", "export-ended"], "what was not exported is not told"


def test_a_failed_export_is_told_with_its_cause(sandbox, mount):
    sandbox.fault("export_start", "job_failed", nth=1)
    assert error_of(open, mount.path / SUBJECT) == errno.EIO
    assert kinds(mount, SUBJECT) == ["export-begun", "export-failed"]
    assert events(mount).read_text().splitlines()[-1].split("\t")[TABS]


def test_an_import_is_told_step_by_step(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0")
    path = folder(mount) / "more.csv"
    path.write_bytes(people(3))
    assert wait_for(mount, path)[0] == 0
    told = kinds(mount, str(path.relative_to(mount.path)))
    assert told[0] == "import-queued" and told[-1] == "import-done" and "import-sending" in told


def test_events_name_no_people(sandbox, mounts):
    """Neither in a path that an address is a part of, nor of an import's rows."""
    mount = mounts(sandbox, "import_delay=0")
    path = folder(mount) / "a.csv"
    assert error_of(path.write_bytes, b"email,language\nnobody-at-all,DE\nsomebody@example.org,DE\n") == errno.EINVAL
    wait_for(mount, path)
    sandbox.fault("*", "status", status=403)
    link = mount.path / "directory" / "by-email" / "somebody@example.org"
    with pytest.raises(OSError):
        os.readlink(link)
    text = events(mount).read_text()
    assert "import-" in text
    assert "somebody" not in text and "nobody" not in text and mount.token not in text


def test_a_refused_token_is_told_once(sandbox, mount):
    sandbox.revoke_token()
    for name in ("responses.csv", "survey.json"):
        assert error_of(open, mount.path / "surveys" / SMALL / name) == errno.EACCES
    assert kinds(mount).count("token-refused") == 1


def test_the_network_is_told_lost_and_back(sandbox, mount, until):
    sandbox.pause()
    with subprocess.Popen(["cat", mount.path / SUBJECT], stdout=subprocess.DEVNULL) as cat:
        until(lambda: kinds(mount).count("network-lost") == 1, 20 * SLOW, "the loss of the network")
        sandbox.resume()
        assert cat.wait() == 0
    assert kinds(mount).count("network-lost") == kinds(mount).count("network-back") == 1


def test_its_size_is_what_was_written_and_its_end_is_an_end(mount):
    with open(events(mount), "rb", buffering=0) as file:
        first = file.read()
        assert file.read() == b"" and os.fstat(file.fileno()).st_size == len(first)
        before = os.fstat(file.fileno()).st_mtime_ns
        (mount.path / SUBJECT).read_bytes()
        more = file.read()
        assert b"export-begun" in more and first + more == events(mount).read_bytes()
        assert os.fstat(file.fileno()).st_size == len(first + more)
        assert os.fstat(file.fileno()).st_mtime_ns >= before


def test_it_is_its_owner_s_and_nobody_writes_it(mount):
    assert stat.S_IMODE(events(mount).stat().st_mode) == 0o400
    assert error_of(lambda: os.open(events(mount), os.O_WRONLY)) in (errno.EROFS, errno.EACCES)


def test_a_poll_waits_at_its_end_and_wakes_when_something_happens(sandbox, mount):
    with open(events(mount), "rb", buffering=0) as file:
        poll = select.poll()
        poll.register(file, select.POLLIN)
        assert poll.poll(0) == [(file.fileno(), select.POLLIN)], "there is something to read"
        assert file.read()
        assert poll.poll(0) == []
        sandbox.hold_jobs()
        with subprocess.Popen(["cat", mount.path / SUBJECT], stdout=subprocess.DEVNULL) as cat:
            seen = b""
            for kind in (b"export-begun", b"export-ended"):  # each wakes it anew
                while kind not in seen:
                    # Without an end: at a timeout the kernel looks once more by itself.
                    assert poll.poll() == [(file.fileno(), select.POLLIN)]
                    seen += file.read()
                sandbox.release_jobs()
            assert cat.wait() == 0
        assert poll.poll(0) == []


def test_many_poll_at_once_and_all_are_woken(mount):
    files = [open(events(mount), "rb", buffering=0) for _ in range(20)]
    polls = []
    for file in files:
        file.read()
        polls.append(select.epoll())
        polls[-1].register(file, select.EPOLLIN)
        assert polls[-1].poll(0) == []
    files.pop().close()  # one that leaves takes nobody along
    polls.pop().close()
    (mount.path / SUBJECT).read_bytes()
    for file, poll in zip(files, polls, strict=True):
        assert poll.poll(20 * SLOW) and b"export-begun" in file.read()
        file.close()
        poll.close()


def test_a_mount_ends_while_somebody_polls(mount):
    with open(events(mount), "rb", buffering=0) as file:
        file.read()
        poll = select.poll()
        poll.register(file, select.POLLIN)
        assert poll.poll(0) == []
        assert mount.stop() == 0
        assert poll.poll(), "the end of the mount wakes it"


def test_any_other_file_polls_as_ever(mount):
    with open(mount.path / "README.txt", "rb") as file:
        poll = select.poll()
        poll.register(file, select.POLLIN)
        assert poll.poll(0) == [(file.fileno(), select.POLLIN)]


def test_tail_follows_it(sandbox, mount):
    with subprocess.Popen(["tail", "-n", "+1", "-s", "0.1", "-f", events(mount)], stdout=subprocess.PIPE) as tail:
        assert b"\tmounted\t" in tail.stdout.readline()
        (mount.path / SUBJECT).read_bytes()
        assert b"\texport-begun\t" in tail.stdout.readline()
        assert b"\texport-ended\t" in tail.stdout.readline()
        tail.terminate()


def test_a_reader_whose_lines_went_goes_on_at_the_oldest(sandbox, mounts):
    """256 KiB of lines are kept; import folders make lines at no cost of the service's."""
    mount = mounts(sandbox)
    name = "n" * 200 + ".csv"
    path = mount.path / "mailinglists" / "CG_demoPilot0000003" / "check" / name
    with open(events(mount), "rb", buffering=0) as early:
        start = early.read(10)
        while events(mount).stat().st_size < 300 * 1024:
            path.write_bytes(people(1))
            os.unlink(path)
        kept = events(mount).read_bytes()
        rest = early.read()
        while more := early.read():
            rest += more
    assert start and len(kept) <= 256 * 1024 < events(mount).stat().st_size
    assert kept.endswith(rest) or rest == kept
    assert kept[20:21] == b"\t" and b"\tmounted\t" not in kept


def test_a_mount_that_takes_over_the_sending_says_so(sandbox, mounts, until):
    """And what the dead one had begun is told by who ends it."""
    first, second = mounts(sandbox, "import_delay=0", name="a"), mounts(sandbox, "import_delay=0", name="b")
    sandbox.hold_jobs()
    path = folder(first) / "a.csv"
    path.write_bytes(people(3))
    subject = str(path.relative_to(first.path))
    until(lambda: "import-importing" in kinds(first, subject), 20 * SLOW, "the import at the service")
    (folder(second) / "b.csv").write_bytes(people(3, 10))  # it has something to send, and may not
    until(lambda: "another mount sends" in second.text_of_log(), 30, "the second mount's look")
    first.kill()
    until(lambda: "sender-taken" in kinds(second), 30, "the second mount's turn")
    sandbox.release_jobs()
    until(lambda: kinds(second, subject)[-1:] == ["import-done"], 30 * SLOW, "the end of what the first began")
