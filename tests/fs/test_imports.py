"""Import folders: what is copied in is imported once, what is wrong is told where programs and people look."""

import errno
import json
import os
import signal
import subprocess

import pytest

from common import error_of
from imports import EMPTY, MAIN, PILOT, WRONG, folder, members, people, posts, report_of, result_of, sent, wait_for


@pytest.fixture
def mount(sandbox, mounts):
    return mounts(sandbox, "import_delay=0")


def give(path, data):
    with open(path, "wb") as file:
        file.write(data)


# --- one file ------------------------------------------------------------------------------------------------------


def test_a_copied_table_is_imported_once(sandbox, mount, tmp_path):
    source = tmp_path / "new.csv"
    source.write_bytes(people(3))
    target = folder(mount) / "new.csv"
    subprocess.run(["cp", source, target], check=True)
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert len(posts(sandbox)) == 1
    got = members(sandbox)
    assert set(got) == {f"person{n}@example.com" for n in range(3)}
    assert got["person1@example.com"]["firstName"] == "First1"
    assert got["person1@example.com"]["embeddedData"] == {"Code": "00001"}


def test_what_is_done_lies_in_done_with_its_report(sandbox, mount):
    target = folder(mount) / "new.csv"
    give(target, people(2))
    assert wait_for(mount, target)[0] == 0
    assert "new.csv" not in os.listdir(target.parent)
    done = target.parent / "done" / "new.csv"
    assert done.read_bytes() == people(2)
    assert "2 added" in report_of(done)
    told = result_of(done)
    assert told["state"] == "done" and told["added"] == 2 and told["rows"] == 2


def test_json_in_both_forms(sandbox, mount):
    one = {"firstName": "Ann", "email": "ann@example.com", "embeddedData": {"Code": "007"}}
    give(folder(mount) / "a.json", json.dumps([one]).encode())
    give(folder(mount) / "b.json", json.dumps({"contacts": [one | {"email": "bob@example.com"}]}).encode())
    status, said = wait_for(mount, folder(mount) / "a.json", folder(mount) / "b.json")
    assert status == 0, said
    assert sorted(sent(sandbox)) == ["ann@example.com", "bob@example.com"]
    assert members(sandbox)["ann@example.com"]["embeddedData"] == {"Code": "007"}


def test_a_file_in_check_sends_nothing(sandbox, mount):
    target = mount.path / "mailinglists" / EMPTY / "check" / "new.csv"
    give(target, people(2))
    assert wait_for(mount, target)[0] == 0
    assert posts(sandbox) == []
    assert "checked" in report_of(target) and "firstName" in report_of(target)
    os.rename(target, folder(mount) / "new.csv")
    assert wait_for(mount, folder(mount) / "new.csv")[0] == 0
    assert len(posts(sandbox)) == 1


def test_a_wrong_file_is_refused_at_close_and_in_its_report(sandbox, mount):
    target = folder(mount) / "wrong.csv"
    assert error_of(give, target, WRONG) == errno.EINVAL
    status, said = wait_for(mount, target)
    assert status == 4 and "line 3" in said.lower()
    assert "line 3" in report_of(target).lower() and "refused" in report_of(target)
    assert result_of(target)["state"] == "refused"
    assert posts(sandbox) == []
    give(target, people(1))  # mended in place
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com"]


def test_an_empty_file_is_no_submission(sandbox, mount):
    target = folder(mount) / "later.csv"
    target.touch()
    assert os.stat(target).st_size == 0
    assert wait_for(mount, target)[0] == 1
    give(target, people(1))
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 1


def test_the_same_file_twice_is_sent_once(sandbox, mount):
    target = folder(mount) / "same.csv"
    give(target, people(2))
    assert wait_for(mount, target)[0] == 0
    give(target, people(2))
    status, said = wait_for(mount, target)
    assert status == 0 and "same" in said
    assert "same" in report_of(target)
    assert len(posts(sandbox)) == 1
    assert mount.run("send", target).returncode == 0
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 2


def test_removed_from_done_it_is_a_new_submission(sandbox, mount):
    target = folder(mount) / "again.csv"
    give(target, people(1))
    assert wait_for(mount, target)[0] == 0
    os.unlink(target.parent / "done" / "again.csv")
    give(target, people(1))
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 2


def test_scratch_files_are_plain_files(sandbox, mount):
    path = folder(mount) / ".hidden.csv"
    give(path, b"abc")
    with open(path, "r+b") as file:
        file.seek(1)
        file.write(b"XY")
        file.truncate(2)
    assert path.read_bytes() == b"aX" and os.stat(path).st_size == 2
    os.chmod(path, 0o600)
    os.utime(path, (1, 1))
    assert os.stat(path).st_mode & 0o777 == 0o600 and os.stat(path).st_mtime == 1
    os.rename(path, folder(mount) / "notes.bak")
    assert sorted(name for name in os.listdir(folder(mount)) if "notes" in name) == ["notes.bak"]
    os.unlink(folder(mount) / "notes.bak")
    assert posts(sandbox) == []


def test_a_scratch_file_that_gets_a_real_name_is_imported(sandbox, mount):
    for scratch in (".a.csv.Xy3", "~a.tmp", "a", "a.csv.part"):
        give(folder(mount) / scratch, people(1, start=len(scratch)))
    assert mount.status()["imports"]["queued"] == 0
    os.rename(folder(mount) / "a.csv.part", folder(mount) / "a.csv")
    assert wait_for(mount, folder(mount) / "a.csv")[0] == 0
    assert sent(sandbox) == ["person10@example.com"], "and the others are not"


def test_a_name_of_ours_cannot_be_taken(mount):
    for name in ("TEMPLATE.csv", "x.csv.report.txt", "x.csv.result.json", "x.csv.rejected.csv"):
        assert error_of(os.open, folder(mount) / name, os.O_CREAT | os.O_WRONLY) in (errno.EPERM, errno.EROFS), name
    give(folder(mount) / "scratch", b"a")
    assert error_of(os.rename, folder(mount) / "scratch", folder(mount) / "y.csv.report.txt") == errno.EPERM
    assert (folder(mount) / "TEMPLATE.csv").read_text().startswith("firstName")


def test_a_workbook_is_refused_with_advice(sandbox, mount):
    target = folder(mount) / "people.xlsx"
    assert error_of(give, target, b"PK\x03\x04 whatever") == errno.EINVAL
    assert "CSV" in report_of(target)
    assert wait_for(mount, target)[0] == 4
    assert "CSV" in report_of(target)
    assert posts(sandbox) == []


def test_nothing_can_be_made_elsewhere(mount):
    assert error_of(os.mkdir, folder(mount) / "sub") == errno.EPERM
    assert error_of(os.open, mount.path / "new.csv", os.O_CREAT | os.O_WRONLY) == errno.EPERM
    give(folder(mount) / "x", b"a")
    assert error_of(os.rename, folder(mount) / "x", mount.path / "x") == errno.EPERM
    assert error_of(os.symlink, "a", folder(mount) / "link") == errno.EPERM


def test_a_large_file_is_split(sandbox, mount):
    target = folder(mount) / "large.csv"
    give(target, people(25000))
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert sandbox.count("contact_import") == 3
    got = members(sandbox)
    assert len(got) == 25000
    assert got["person24999@example.com"]["embeddedData"] == {"Code": "24999"}
    told = result_of(target.parent / "done" / "large.csv")
    assert told["added"] == 25000 and [part["rows"] for part in told["details"]] == [10000, 10000, 5000]


def test_byte_by_byte_is_the_same(sandbox, mount):
    target = folder(mount) / "slow.csv"
    with open(target, "wb", buffering=0) as file:
        for byte in people(2):
            file.write(bytes([byte]))
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com", "person1@example.com"]


def test_written_out_of_order_it_is_read_again(sandbox, mount):
    target = folder(mount) / "parts.csv"
    data = people(2)
    with open(target, "wb", buffering=0) as file:
        os.pwrite(file.fileno(), data[20:], 20)
        os.pwrite(file.fileno(), data[:20], 0)
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com", "person1@example.com"]


# --- held, sent, dropped --------------------------------------------------------------------------------------------


def test_held_until_sent(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0", "hold=always")
    for name in ("a.csv", "b.csv"):
        give(folder(mount) / name, people(1, start=ord(name[0])))
    assert wait_for(mount, folder(mount) / "a.csv")[0] == 6
    assert posts(sandbox) == []
    assert "qxfs send" in report_of(folder(mount) / "a.csv")
    assert mount.run("send", folder(mount) / "a.csv").returncode == 0
    assert wait_for(mount, folder(mount) / "a.csv")[0] == 0
    os.rename(folder(mount) / "b.csv", folder(mount) / "send" / "b.csv")
    assert wait_for(mount, folder(mount) / "b.csv")[0] == 0
    assert len(posts(sandbox)) == 2


def test_discarded_it_is_gone(sandbox, mounts):
    mount = mounts(sandbox, "hold=always")
    give(folder(mount) / "a.csv", people(1))
    assert mount.run("discard", folder(mount) / "a.csv").returncode == 0
    assert "a.csv" not in os.listdir(folder(mount))
    assert wait_for(mount, folder(mount) / "a.csv")[0] == 1


@pytest.mark.parametrize("option", ["import_delay=3600", "hold=always"], ids=["queued", "held"])
def test_removed_before_it_is_sent_it_never_is(sandbox, mounts, option):
    mount = mounts(sandbox, option)
    target = folder(mount) / "a.csv"
    give(target, people(1))
    os.unlink(target)
    assert not [name for name in os.listdir(target.parent) if name.startswith("a.csv")]
    assert wait_for(mount, target)[0] == 1
    give(folder(mount) / "b.csv", people(1, start=1))
    mount.run("send", folder(mount) / "b.csv")
    assert wait_for(mount, folder(mount) / "b.csv")[0] == 0
    assert sent(sandbox) == ["person1@example.com"]


def test_removed_when_it_is_over_only_the_file_goes(sandbox, mount):
    target = folder(mount) / "a.csv"
    give(target, people(2))
    assert wait_for(mount, target)[0] == 0
    os.unlink(target.parent / "done" / "a.csv")
    assert os.listdir(target.parent / "done") == []
    assert len(members(sandbox)) == 2
    assert {request["method"] for request in sandbox.requests()} <= {"GET", "POST"}


def test_what_is_done_goes_when_its_time_is_over(sandbox, mounts, until):
    mount = mounts(sandbox, "import_delay=0", "keep_imports=2")
    target = folder(mount) / "a.csv"
    give(target, people(1))
    assert wait_for(mount, target)[0] == 0
    done = target.parent / "done"
    assert set(os.listdir(done)) == {"a.csv", "a.csv.report.txt", "a.csv.result.json"}
    until(lambda: os.listdir(done) == [], 30, "the end of what was kept")
    assert "person0@example.com" in members(sandbox)
    assert not [path for path in mount.state.rglob("*") if path.is_file() and b"person0@" in path.read_bytes()]


def test_the_report_tells_when_it_is_at_the_service(sandbox, mount, until):
    sandbox.settings(import_seconds=60)
    sandbox.fault("contact_import", "hold", nth=1)
    target = folder(mount) / "a.csv"
    give(target, people(1))
    assert sandbox.wait_held("contact_import")
    until(lambda: "sending" in report_of(target), 5, "the word sending")
    assert error_of(os.rename, target, folder(mount) / "send" / "a.csv") == errno.EBUSY
    sandbox.release()
    until(lambda: "importing" in report_of(target), 5, "the word importing")
    sandbox.advance(61)
    assert wait_for(mount, target)[0] == 0


def test_read_only_refuses_every_write(sandbox, mounts):
    mount = mounts(sandbox, "ro")
    assert error_of(give, folder(mount) / "a.csv", people(1)) == errno.EROFS


# --- what the service says -------------------------------------------------------------------------------------------


LOST = [("status_after", {"status": 503}), ("status_after", {"status": 504}), ("reset_after", {}),
        ("status", {"status": 503})]


@pytest.mark.parametrize(("kind", "given"), LOST, ids=lambda value: str(value))
def test_an_answer_that_was_lost_is_uncertain(sandbox, mount, kind, given):
    sandbox.fault("contact_import", kind, nth=1, **given)
    target = folder(mount) / "lost.csv"
    give(target, people(1))
    status, said = wait_for(mount, target)
    assert status == 5, said
    assert "uncertain" in report_of(target)
    assert len(posts(sandbox)) == 1
    os.rename(target, folder(mount) / "send" / "lost.csv")
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 2


@pytest.mark.parametrize("times", [2, 7], ids=["a few times", "more often than it is tried"])
def test_too_many_requests_is_patience(sandbox, mount, times):
    sandbox.fault("contact_import", "status", first=times, status=429)
    give(folder(mount) / "busy.csv", people(1))
    assert wait_for(mount, folder(mount) / "busy.csv")[0] == 0
    assert set(members(sandbox)) == {"person0@example.com"}


# --- across mounts and crashes ----------------------------------------------------------------------------------------


def test_a_queued_file_survives_the_mount(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=3600")
    give(folder(mount) / "kept.csv", people(2))
    mount.kill()
    again = mounts(sandbox, "import_delay=0", start=True)
    assert wait_for(again, folder(again) / "kept.csv")[0] == 0
    assert sent(sandbox) == ["person0@example.com", "person1@example.com"]


def test_a_file_cut_by_a_crash_is_held(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0")
    file = open(folder(mount) / "cut.csv", "wb", buffering=0)
    file.write(people(2)[:60])
    mount.kill()
    with pytest.raises(OSError):
        file.close()
    again = mounts(sandbox, "import_delay=0", start=True)
    assert wait_for(again, folder(again) / "cut.csv")[0] == 6
    assert posts(sandbox) == []


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM], ids=lambda sign: sign.name)
def test_a_file_whose_program_was_killed_is_held(sandbox, mount, until, sign):
    """What it wrote ends behind a row, and would be a fine file."""
    target = folder(mount) / "cut.csv"
    with subprocess.Popen(["tee", target], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as tee:
        tee.stdin.write(people(2))
        tee.stdin.flush()
        until(lambda: target.exists() and os.stat(target).st_size == len(people(2)), 10, "what it was given")
        tee.send_signal(sign)
        assert tee.wait() == -sign
    assert wait_for(mount, target)[0] == 6
    assert posts(sandbox) == []
    assert mount.run("send", target).returncode == 0
    assert wait_for(mount, target)[0] == 0 and len(sent(sandbox)) == 2


def test_two_mounts_share_one_journal(sandbox, mounts):
    one = mounts(sandbox, "import_delay=0", name="one")
    two = mounts(sandbox, "import_delay=0", name="two")
    give(folder(one) / "a.csv", people(1))
    give(folder(two) / "b.csv", people(1, start=1))
    assert wait_for(two, folder(two) / "a.csv")[0] == 0
    assert wait_for(one, folder(one) / "b.csv")[0] == 0
    assert len(posts(sandbox)) == 2


# --- the template -----------------------------------------------------------------------------------------------------


def test_a_template_has_the_lists_own_fields_once_they_are_known(sandbox, mount):
    template = mount.path / "mailinglists" / PILOT / "import" / "TEMPLATE.csv"
    assert template.read_text() == "firstName,lastName,email,phone,extRef,language,unsubscribed\n"
    before = template.stat().st_mtime
    sandbox.reset_stats()
    template.read_text()
    assert sandbox.count() == 0
    heading = (mount.path / "mailinglists" / PILOT / "contacts.csv").read_text().splitlines()[0].split(",")
    own = heading[heading.index("mailingListUnsubscribed") + 1 :]
    assert own, "the list has fields of its own"
    assert template.read_text() == ",".join(
        ["firstName", "lastName", "email", "phone", "extRef", "language", "unsubscribed", *own]) + "\n"
    assert template.stat().st_mtime >= before


def test_there_is_a_template_of_contacts_only(mount):
    for place in ("surveys", "surveys/SV_demoSmall000014"):
        assert "TEMPLATE.csv" not in os.listdir(mount.path / place / "import")
    assert "TEMPLATE.csv" in os.listdir(mount.path / "directories" / MAIN / "import")
