"""Imports while the account is away, refuses, or answers nothing; lock files, delays, several mounts."""

import os
import subprocess

import pytest

from common import QXFS
from control import SLOW  # tests/sandbox/control.py
from imports import EMPTY, PILOT, folder, members, people, posts, report_of, result_of, sent, wait_for

SMALL = "SV_demoSmall000014"
LONG = pytest.mark.timeout(150 * SLOW)


@pytest.fixture
def mount(sandbox, mounts):
    return mounts(sandbox, "import_delay=0")


def give(mount, name="a.csv", count=1, start=0, mailing_list=EMPTY):
    target = folder(mount, mailing_list) / name
    target.write_bytes(people(count, start))
    return target


# --- the account is away, or refuses ---------------------------------------------------------------------------------


@LONG
def test_without_network_it_is_kept_told_and_sent_afterwards(sandbox, mount, until):
    os.listdir(mount.path / "mailinglists")
    sandbox.pause()
    target = give(mount)
    until(lambda: "queued" in report_of(target) and "Why" in report_of(target), 60, "the reason in the report")
    assert mount.status()["imports"]["queued"] == 1
    assert target.read_bytes() == people(1)
    sandbox.resume()
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com"]


@LONG
def test_waiting_ends_when_the_account_is_away_for_long(sandbox, mount):
    os.listdir(mount.path / "mailinglists")
    sandbox.pause()
    target = give(mount)
    status, said = wait_for(mount, target)
    assert status == 75 and "kept" in said
    sandbox.resume()
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 1


@LONG
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_told_and_it_is_tried_again(sandbox, mount, status):
    sandbox.fault("contact_import", "status", status=status, first=1)
    target = give(mount)
    code, said = wait_for(mount, target)  # which tells after half a minute, and the next try is after one
    assert code == 75 and "queued" in said
    sandbox.clear_faults()
    assert "Why" in report_of(target)
    while code == 75:
        code, said = wait_for(mount, target)
    assert code == 0, said
    assert sent(sandbox) == ["person0@example.com"] or len(posts(sandbox)) == 2


def test_a_list_that_is_gone_is_a_failure(sandbox, mount):
    sandbox.fault("contact_import", "status", status=404, first=1)
    target = give(mount)
    assert wait_for(mount, target)[0] == 4
    assert "does not know" in report_of(target)
    other = give(mount, "b.csv", start=1)  # which it does not hold up
    assert wait_for(mount, other)[0] == 0


@LONG
def test_an_answer_that_never_comes_is_uncertain(sandbox, mount):
    sandbox.fault("contact_import", "hold_after")
    target = give(mount)
    assert sandbox.wait_held("contact_import")
    status, said = wait_for(mount, target)
    assert status == 5, said
    sandbox.release()
    assert len(posts(sandbox)) == 1 and set(members(sandbox)) == {"person0@example.com"}


# --- what may be repeated, and what is looked for ----------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "given"), [
    ("status_after", {"status": 503}), ("status_after", {"status": 504}), ("reset_after", {}), ("status", {"status": 503})])
def test_responses_are_repeated_under_their_key(sandbox, mount, kind, given):
    data = (mount.path / "surveys" / SMALL / "responses.csv").read_bytes()
    count = len(sandbox.response_ids(SMALL))
    sandbox.fault("import_start", kind, nth=1, **given)
    target = mount.path / "surveys" / SMALL / "import" / "again.csv"
    target.write_bytes(data)
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert len(sandbox.response_ids(SMALL)) == 2 * count
    keys = {request["idempotency_key"] for request in sandbox.requests("import_start")}
    assert len(keys) == 1 and None not in keys


@LONG
@pytest.mark.parametrize("kind", ["reset_after", "status_after"])
def test_a_survey_whose_answer_was_lost_is_found(sandbox, mount, kind, until):
    sandbox.fault("survey_create", kind, nth=1, **({"status": 503} if kind == "status_after" else {}))
    target = mount.path / "surveys" / "import" / "Guests.txt"
    target.write_text("1. How old are you?\n\nyoung\nold\n")
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert sandbox.count("survey_create") == 1

    def found():
        return [name for name in os.listdir(mount.path / "surveys" / "by-name") if name.startswith("Guests")]

    until(found, 20, "its name")  # the list is asked for when the import is over
    assert found() == ["Guests"]


def test_what_is_uncertain_is_not_sent_again_by_copying_it_again(sandbox, mount):
    sandbox.fault("contact_import", "reset_after", nth=1)
    target = give(mount)
    assert wait_for(mount, target)[0] == 5
    give(mount)
    status, said = wait_for(mount, target)
    assert status == 6 and "may have been imported" in said
    assert len(posts(sandbox)) == 1
    assert mount.run("send", target).returncode == 0
    assert wait_for(mount, target)[0] == 0
    assert len(posts(sandbox)) == 2
    sandbox.fault("contact_import", "reset_after", nth=1)
    other = give(mount, "b.csv", start=1)
    assert wait_for(mount, other)[0] == 5
    give(mount, "b.csv", start=2)  # other bytes: another submission
    assert wait_for(mount, other)[0] == 0


def test_what_a_mount_sent_is_told_by_the_next(sandboxes, mounts):
    """10,001 contacts go out in two requests; the mount is killed while the second is on its way to the service."""
    box = sandboxes(settings={"import_polls": 1})
    box.fault("contact_import", "hold", nth=2)
    mount = mounts(box, "import_delay=0")
    target = give(mount, count=10_001)
    assert box.wait_held("contact_import")
    mount.kill()
    box.release()
    mount = mount.start()
    assert wait_for(mount, target)[0] == 5  # nobody knows of the second
    first, second = result_of(target)["details"]
    assert (first["state"], first["rows"], first["added"]) == ("done", 10_000, 10_000)
    assert (second["state"], second["rows"], second["added"]) == ("uncertain", 1, 0)
    assert first["job"].startswith("PGRS_") and second["job"] is None


# --- when it is sent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", [".~lock.a.csv#", "~$a.csv"])
def test_a_lock_file_beside_it_delays_it(sandbox, mounts, until, lock):
    mount = mounts(sandbox, "import_delay=0")
    beside = folder(mount) / lock
    beside.write_bytes(b"somebody has it open")
    target = give(mount)
    give(mount, "b.csv", mailing_list=PILOT)
    assert wait_for(mount, folder(mount, PILOT) / "b.csv")[0] == 0  # so the sender has looked
    assert mount.status()["imports"]["queued"] == 1 and len(posts(sandbox)) == 1
    os.unlink(beside)
    until(lambda: (target.parent / "done" / "a.csv").exists(), 20, "its end")


def test_an_open_file_is_not_sent(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=3600")
    target = give(mount)
    other = give(mount, "b.csv", mailing_list=PILOT)
    with open(target, "r+b"):
        with subprocess.Popen([QXFS, "wait", target], env=mount.env(), stderr=subprocess.DEVNULL) as waiting:
            assert wait_for(mount, other)[0] == 0  # so the sender has looked
            assert waiting.poll() is None and len(posts(sandbox)) == 1
            os.utime(target)  # no change of its bytes
            waiting.kill()
    assert wait_for(mount, target)[0] == 0
    assert sorted(sent(sandbox)) == ["person0@example.com"] * 2


def test_what_changes_within_the_delay_is_one_submission(sandbox, mounts, until):
    mount = mounts(sandbox, "import_delay=3")
    for count in (1, 2, 3):
        target = give(mount, count=count)
    until(lambda: (target.parent / "done" / "a.csv").exists(), 20, "its end")
    assert sent(sandbox) == [f"person{n}@example.com" for n in range(3)]


def test_a_list_gets_one_after_the_other(sandbox, mount):
    sandbox.fault("contact_import", "hold", nth=1)
    first = give(mount)
    assert sandbox.wait_held("contact_import")
    later = [give(mount, f"f{n}.csv", start=n) for n in (1, 2)]
    elsewhere = give(mount, "e.csv", start=3, mailing_list=PILOT)
    assert wait_for(mount, elsewhere)[0] == 0  # so the sender has looked
    assert len(posts(sandbox)) == 2
    sandbox.release()
    for target in (first, *later):
        assert wait_for(mount, target)[0] == 0
    here = [email for email in sent(sandbox) if email != "person3@example.com"]
    assert here == [f"person{n}@example.com" for n in range(3)]


def test_a_folder_is_waited_for_as_a_whole(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=600")
    for n in range(3):
        give(mount, f"f{n}.csv", start=n)
    status, said = wait_for(mount, folder(mount))
    assert status == 0 and said.count("done") >= 3
    assert len(posts(sandbox)) == 3
    assert wait_for(mount, folder(mount))[0] == 0  # nothing lies there


# --- several mounts --------------------------------------------------------------------------------------------------


def test_one_of_two_is_killed_while_it_sends_and_the_other_goes_on(sandbox, mounts):
    one = mounts(sandbox, "import_delay=0", name="one")
    two = mounts(sandbox, "import_delay=0", name="two")
    sandbox.fault("contact_import", "hold")
    first = give(one)
    assert sandbox.wait_held("contact_import")
    rest = [give(two, f"f{n}.csv", start=n) for n in range(1, 4)]
    one.kill()
    sandbox.release()
    assert wait_for(two, folder(two) / first.name)[0] == 5
    for target in rest:
        assert wait_for(two, target)[0] == 0
    assert sorted(sent(sandbox)) == sorted(f"person{n}@example.com" for n in range(4))


def test_unmounting_with_work_queued_says_so_and_loses_none(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=3600")
    for n in range(2):
        give(mount, f"f{n}.csv", start=n)
    done = mount.run("umount", mount.path)
    assert done.returncode == 0
    mount.process.wait(timeout=30 * SLOW)
    assert "2 " in done.stdout + done.stderr + mount.text_of_log()
    mount.start()
    for n in range(2):
        assert wait_for(mount, folder(mount) / f"f{n}.csv")[0] == 0
    assert len(posts(sandbox)) == 2
