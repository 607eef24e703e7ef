"""-o prefetch=N: what was opened last is checked and refreshed when its freshness ends, for nobody (README, `prefetch=`)."""

import json
import os
import shutil
import subprocess
import threading

import pytest

from common import QXFS, REQUESTS, read_all, responses

SMALL = "SV_demoSmall000014"
STAFF = "SV_demoStaff000201"
CUSTOMERS = "SV_demoCustomers02"


def checks(sandbox, survey):
    """How often the service was asked whether the survey has changed."""
    return sum(entry["path"].endswith(survey) for entry in sandbox.requests("survey"))


@pytest.fixture
def checked(sandbox, until):
    """checked(survey, n): returns when the service has been asked about it so often since the last reset."""

    def wait(survey, n=1):
        until(lambda: checks(sandbox, survey) >= n, 30, f"{n} checks of {survey}")

    return wait


def jobs(mount):
    return json.loads(mount.run("status", "--json", mount.path).stdout)["jobs"]


@pytest.mark.parametrize("name", ["responses.csv", "responses.plain.csv"], ids=["an export", "made from one"])
def test_what_is_new_is_there_before_the_next_open(sandbox, mounts, until, name):
    mount = mounts(sandbox, "fresh=3,prefetch=1")
    path = responses(mount, SMALL).with_name(name)
    old = read_all(path)
    sandbox.append(SMALL, 2)
    sandbox.reset_stats()
    assert sandbox.wait_for("export_file", 1, answered=True)
    until(lambda: not jobs(mount), 10, "the end of the jobs")
    sandbox.reset_stats()
    new = read_all(path)
    assert new != old and (name != "responses.csv" or new == sandbox.entry(SMALL))
    assert sandbox.count() == 0, sandbox.requests()


def test_what_has_not_changed_is_checked_and_not_exported(sandbox, mounts, checked):
    mount = mounts(sandbox, "fresh=1,prefetch=1")
    path = responses(mount, SMALL)
    read_all(path)
    sandbox.reset_stats()
    checked(SMALL, 3)  # and again, each time
    assert sandbox.count("export_start") == 0
    assert sandbox.count() == sandbox.count("survey")


def test_what_has_not_changed_keeps_its_time(sandbox, mounts, checked, until):
    mount = mounts(sandbox, "fresh=8,prefetch=1")
    path = responses(mount, SMALL)
    read_all(path)
    mtime = path.stat().st_mtime
    sandbox.reset_stats()
    checked(SMALL)
    until(lambda: not jobs(mount), 10, "the end of the job")
    assert path.stat().st_mtime == mtime
    assert mount.stop() == 0
    mount.start()
    assert path.stat().st_mtime == mtime


@pytest.mark.parametrize("name", ["responses.csv", "responses.plain.csv"], ids=["an export", "made from one"])
def test_under_refresh_full_the_counts_decide_here_and_nowhere_else(sandbox, mounts, checked, until, name):
    mount = mounts(sandbox, "fresh=2,prefetch=1,refresh=full")
    path = responses(mount, SMALL).with_name(name)
    old = read_all(path)
    sandbox.reset_stats()
    checked(SMALL, 3)
    assert sandbox.count("export_start") == 0
    assert path.stat().st_size > len(old), "it is not taken for current"
    until(lambda: not jobs(mount), 10, "the end of the job")
    assert read_all(path) == old
    assert sandbox.count("export_start") == 1, "an open takes nobody's word"
    sandbox.reset_stats()
    sandbox.append(SMALL, 1)
    assert sandbox.wait_for("export_file", 1, answered=True)
    until(lambda: not jobs(mount), 10, "the end of the jobs")
    assert sandbox.count("export_start") == 1
    assert read_all(path) != old


def test_by_default_nothing_is(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    read_all(responses(mount, SMALL))
    sandbox.reset_stats()
    for _ in range(3):
        expire()
    assert sandbox.count() == 0


def test_so_many_and_no_more(sandbox, mounts, checked):
    mount = mounts(sandbox, "fresh=2,prefetch=2")
    for survey in (SMALL, STAFF, CUSTOMERS):
        read_all(responses(mount, survey))
    sandbox.reset_stats()
    checked(STAFF, 2)
    checked(CUSTOMERS, 2)
    assert checks(sandbox, SMALL) == 0, "it was opened before the two others"


def test_the_open_of_a_crawler_does_not_count(sandbox, mounts, checked, tmp_path):
    mount = mounts(sandbox, "fresh=4,prefetch=1")
    crawler = tmp_path / "updatedb.plocate"
    shutil.copy(shutil.which("cat"), crawler)
    read_all(responses(mount, SMALL))
    read_all(responses(mount, STAFF))
    assert subprocess.run([crawler, responses(mount, SMALL)], check=True, capture_output=True).stdout
    sandbox.reset_stats()
    checked(STAFF)
    checked(STAFF, 2)
    assert checks(sandbox, SMALL) == 0


def test_what_only_an_export_tells_is_left_alone(sandbox, mounts, checked):
    mount = mounts(sandbox, "fresh=1,prefetch=9")
    read_all(responses(mount, SMALL).with_name("responses.unfinished.csv"))
    read_all(responses(mount, STAFF))
    sandbox.reset_stats()
    checked(STAFF, 3)
    assert checks(sandbox, SMALL) == sandbox.count("export_start") == 0


def test_nothing_is_asked_with_a_refused_token(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=2,prefetch=2")
    read_all(responses(mount, SMALL))
    sandbox.revoke_token()
    with pytest.raises(PermissionError):
        read_all(responses(mount, STAFF))
    sandbox.reset_stats()
    for _ in range(3):
        expire(2)
    assert checks(sandbox, SMALL) == 0


def test_nothing_is_asked_without_network_and_again_with_it(sandbox, mounts, checked, expire):
    mount = mounts(sandbox, "fresh=3,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.pause("refuse")
    with pytest.raises(OSError):
        read_all(responses(mount, STAFF))
    sandbox.reset_stats()
    sandbox.resume()
    for _ in range(2):
        expire(3)
    assert sandbox.count() == 0, "as far as is known there is no network"
    read_all(responses(mount, STAFF).with_name("survey.json"))
    checked(SMALL)


def test_what_failed_is_dropped_until_it_is_opened_again(sandbox, mounts, checked, expire):
    mount = mounts(sandbox, "fresh=1,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.forbid(SMALL)
    sandbox.reset_stats()
    checked(SMALL)
    asked = sandbox.count()
    for _ in range(3):
        expire()
    assert sandbox.count() == asked
    sandbox.forbid(SMALL, False)
    read_all(responses(mount, SMALL))
    sandbox.reset_stats()
    checked(SMALL, 2)


@pytest.mark.parametrize("name", ["responses.csv", "responses.plain.csv"], ids=["an export", "made from one"])
def test_what_is_forgotten_stays_so(sandbox, mounts, checked, name):
    mount = mounts(sandbox, "fresh=2,prefetch=2")
    read_all(responses(mount, SMALL).with_name(name))
    read_all(responses(mount, STAFF))
    assert mount.run("forget", mount.path / "surveys" / SMALL).returncode == 0
    sandbox.reset_stats()
    checked(STAFF, 3)
    assert checks(sandbox, SMALL) == sandbox.count("export_start") == 0
    assert len(list(mount.cache.rglob("*.data"))) == 1


def test_who_opens_meanwhile_joins(sandbox, mounts, parked):
    mount = mounts(sandbox, "fresh=2,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.append(SMALL, 1)
    sandbox.hold("export_start")
    sandbox.reset_stats()
    assert sandbox.wait_held("export_start")
    assert [job["waiters"] for job in jobs(mount)] == [0], "nobody waits for it"
    got = []
    reader = threading.Thread(target=lambda: got.append(read_all(responses(mount, SMALL))))
    reader.start()
    parked(mount, 1)
    sandbox.release()
    reader.join()
    assert got == [sandbox.entry(SMALL)]
    assert sandbox.count("export_start") == 1


def test_a_file_that_was_looked_at_meanwhile_is_filled(sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=4,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.append(SMALL, 1)
    sandbox.hold("export_start")
    assert sandbox.wait_held("export_start")
    looked = os.open(responses(mount, SMALL), os.O_PATH)
    sandbox.release()
    until(lambda: not jobs(mount), 10, "the end of the job")
    sandbox.reset_stats()
    with open(f"/proc/self/fd/{looked}", "rb") as file:  # no lookup
        assert file.read() == sandbox.entry(SMALL)
    os.close(looked)
    assert sandbox.count() == 0


def test_a_mount_ends_while_something_is_prefetched(sandbox, mounts):
    mount = mounts(sandbox, "fresh=1,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.append(SMALL, 1)
    sandbox.hold("survey")
    assert sandbox.wait_held("survey")
    assert mount.stop() == 0


def test_people_come_first(sandbox, mounts, until):
    """Two of the 30 requests at once are never the background's."""
    surveys = sandbox.add_surveys(REQUESTS - 1, prefix="Held", responses=1)
    mount = mounts(sandbox, "fresh=10,prefetch=1")
    read_all(responses(mount, SMALL))
    sandbox.reset_stats()
    sandbox.hold("survey")
    readers = [
        threading.Thread(target=read_all, args=(responses(mount, survey).with_name("survey.json"),))
        for survey in surveys
    ]
    for reader in readers[:-1]:
        reader.start()
    assert sandbox.wait_held("survey", REQUESTS - 2)
    until(lambda: len(jobs(mount)) == REQUESTS - 1, 30, "the background's job")
    readers[-1].start()
    assert sandbox.wait_held("survey", REQUESTS - 1)
    assert checks(sandbox, SMALL) == 0, "a person who came later goes first"
    sandbox.release()
    for reader in readers:
        reader.join()
    until(lambda: checks(sandbox, SMALL), 30, "the check")


def test_so_many_are_the_most(tmp_path):
    answer = subprocess.run([QXFS, "-o", "prefetch=101", tmp_path], capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "prefetch=101 is out of range: it may be 0 to 100" in answer.stderr
