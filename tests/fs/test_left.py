"""Exports that a mount could not follow for a while, for want of a network or of a good token: they go on at the service,
so each is taken up again, begun no second time, and counted once (DESIGN.md 5)."""

import concurrent.futures
import errno
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from clock import NEEDED, Clock
from common import CHECK, FILE, PROGRESS, START, error_of, read_all, responses
from control import SLOW  # tests/sandbox/control.py

AWAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT}
OTHER = "SV_demoSmall000014"
FOLLOWED = "is followed to its end"  # what the log says of one that is taken up
OLD = 10 * SLOW  # seconds for what is served old: tests/fs/test_goes_away.py


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def needs_clock(test):
    for mark in NEEDED:
        test = mark(test)
    return test


@pytest.fixture
def begun(sandbox, crowds):
    """begun(mount, survey): the service works on its export, and does not end it until release_jobs."""

    def begin(mount, survey):
        sandbox.hold_jobs()
        crowd = crowds([responses(mount, survey)], 1)
        polls = sandbox.count(PROGRESS)
        assert sandbox.wait_for(PROGRESS, polls + 1, 30 * SLOW, answered=True)
        return crowd

    return begin


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(4) as made:
        yield made


class Trouble:
    """begin(sandbox), end(sandbox), and what an open says meanwhile."""

    def __init__(self, begin, end, errors):
        self.begin, self.end, self.errors = begin, end, errors


TROUBLES = {
    "network": Trouble(lambda box: box.pause("refuse"), lambda box: box.resume(), AWAY),
    "hang": Trouble(lambda box: box.pause("hang"), lambda box: box.resume(), AWAY),
    "token": Trouble(lambda box: box.revoke_token(), lambda box: box.restore_token(), {errno.EACCES}),
}


def document(mount):
    return mount.path / "surveys" / OTHER / "survey.json"


def places(mount):
    return json.loads((mount.path / ".qxfs" / "limits.json").read_text())["jobs"]


def is_followed(mount, survey):
    return survey in (mount.path / ".qxfs" / "jobs").read_text()


def errors_of(mount, survey):
    """Of its file; lists fail for themselves."""
    return [line for line in (mount.path / ".qxfs" / "errors").read_text().splitlines() if survey in line]


def records(mount):
    return list(mount.cache.rglob("*.job"))


def taken_up(mount):
    return mount.text_of_log().count(FOLLOWED)


def wait_left(until, mount, survey, times=1):
    """It was taken up so often, and nobody follows it now."""
    until(lambda: taken_up(mount) == times and not is_followed(mount, survey), 20, "the end of what was taken up")
    assert places(mount) == 1
    assert len(records(mount)) == 1


@pytest.fixture
def pass_minute(clock):
    """A minute, of which the jobs' worker hears when anything is asked of it: its timerfd is the kernel's (clock.c)."""
    documents = iter(("survey.json", "definition.json", "quotas.json", "languages.json"))

    def go_on(mount, seconds=61):
        clock.go_on(seconds)
        subprocess.run(["timeout", "0.3", "cat", document(mount).with_name(next(documents))], capture_output=True, check=False)

    return go_on


def assert_published(sandbox, mount, survey, until):
    """Nobody has opened it: one POST in all, its result is there, and its place is free."""
    until(lambda: places(mount) == 0 and not is_followed(mount, survey), 20, "the end of the export")
    assert records(mount) == []
    sandbox.reset_stats()
    assert read_all(responses(mount, survey)) == sandbox.entry(survey)
    assert sandbox.count() == 0, "it was published when it came"
    assert len(sandbox.jobs()) == 1


# --- nobody waits -----------------------------------------------------------------------------------------------------


def test_a_killed_mounts_export_is_followed_when_the_network_is_back(sandbox, mounts, begun, small, until):
    """Whoever asks for anything shows that it is."""
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    assert read_all(document(first))
    begun(first, survey)
    first.kill()
    sandbox.pause("refuse")
    second = mounts(sandbox, name="two")
    wait_left(until, second, survey)
    assert errors_of(second, survey) == []
    sandbox.resume()
    polls = sandbox.count(PROGRESS)
    os.utime(document(second))
    assert read_all(document(second))
    assert sandbox.wait_for(PROGRESS, polls + 1, 10 * SLOW, answered=True)
    assert places(second) == 1
    sandbox.release_jobs()
    assert_published(sandbox, second, survey, until)


@needs_clock
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_killed_mounts_export_is_looked_for_each_minute(sandbox, mounts, begun, small, until, clock, pass_minute, trouble):
    """Nobody opens anything, nor is told anything."""
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, survey)
    first.kill()
    TROUBLES[trouble].begin(sandbox)
    second = mounts(sandbox, name="two", env=clock.env)
    wait_left(until, second, survey)
    pass_minute(second)
    wait_left(until, second, survey, 2)
    TROUBLES[trouble].end(sandbox)
    polls = sandbox.count(PROGRESS)
    pass_minute(second)
    assert sandbox.wait_for(PROGRESS, polls + 1, 10 * SLOW, answered=True)
    assert places(second) == 1
    sandbox.release_jobs()
    assert_published(sandbox, second, survey, until)
    assert errors_of(second, survey) == []
    assert "export-failed" not in (second.path / ".qxfs" / "events").read_text()


@needs_clock
def test_what_cannot_be_asked_about_for_job_timeout_is_given_up(sandbox, mounts, begun, small, until, clock, pass_minute):
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, survey)
    begin = time.monotonic()
    first.kill()
    sandbox.pause("refuse")
    second = mounts(sandbox, f"job_timeout={int(12 * SLOW)}", name="two", env=clock.env)
    wait_left(until, second, survey)
    time.sleep(max(0, 12 * SLOW + 2 - (time.monotonic() - begin)))  # of the calendar, which no test moves
    pass_minute(second)
    until(lambda: records(second) == [] and not is_followed(second, survey), 20, "the end of its record")
    assert places(second) == 1  # it may run all the same
    sandbox.resume()
    pass_minute(second, 600)
    os.utime(document(second))
    assert read_all(document(second))
    assert places(second) == 0
    assert sandbox.count(START) == 1
    assert errors_of(second, survey) == []


@needs_clock
def test_what_is_left_by_a_mount_that_cannot_share_the_limits_counts_too(
    sandbox, mounts, begun, small, until, clock, pass_minute
):
    (survey,) = small(1)
    mount = mounts(sandbox, env=clock.env)
    assert mount.stop() == 0
    (limits,) = mount.state.rglob("limits-*")
    limits.unlink()
    limits.mkdir()
    mount.start()
    crowd = begun(mount, survey)
    sandbox.revoke_token()
    assert crowd.answers(60)[0][1] == errno.EACCES
    until(lambda: not is_followed(mount, survey), 10, "the end of the job")
    assert "limits are not shared" in mount.text_of_log()
    assert places(mount) == 1
    for record in records(mount):
        record.unlink()
    sandbox.restore_token()
    pass_minute(mount, 600)
    until(lambda: places(mount) == 0, 10, "the end of what nobody follows")


# --- somebody waits ---------------------------------------------------------------------------------------------------


@needs_clock
@pytest.mark.parametrize("trouble", TROUBLES)
def test_who_waits_is_told_and_the_export_is_published_all_the_same(
    sandbox, mounts, begun, small, until, clock, pass_minute, trouble
):
    (survey,) = small(1)
    mount = mounts(sandbox, env=clock.env)
    crowd = begun(mount, survey)
    TROUBLES[trouble].begin(sandbox)
    begin = time.monotonic()
    assert crowd.answers(60)[0][1] in TROUBLES[trouble].errors
    assert time.monotonic() - begin < 34 * SLOW
    until(lambda: len(records(mount)) == 1 and not is_followed(mount, survey), 10, "the end of the job")
    assert places(mount) == 1
    told = errors_of(mount, survey)
    assert len(told) == 1
    pass_minute(mount)
    wait_left(until, mount, survey)
    assert errors_of(mount, survey) == told
    TROUBLES[trouble].end(sandbox)
    pass_minute(mount)
    sandbox.release_jobs()
    assert_published(sandbox, mount, survey, until)


def test_the_next_open_takes_it_up_and_begins_none(sandbox, mounts, begun, small, until):
    (survey,) = small(1)
    mount = mounts(sandbox)
    crowd = begun(mount, survey)
    sandbox.revoke_token()
    assert crowd.answers(60)[0][1] == errno.EACCES
    until(lambda: len(records(mount)) == 1 and not is_followed(mount, survey), 10, "the end of the job")
    assert error_of(read_all, responses(mount, survey)) == errno.EACCES
    assert places(mount) == 1
    assert mount.stop() == 0
    sandbox.restore_token()
    sandbox.release_jobs()
    mount.start()
    assert read_all(responses(mount, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 1
    until(lambda: places(mount) == 0, 10, "its place")


@pytest.mark.parametrize("status", [503, 429])
def test_a_service_that_does_not_tell_for_a_while_ends_no_export(sandbox, mounts, crowds, small, until, status):
    """Else the account runs twice as many as it may, and refuses all that are begun again."""
    surveys = small(4)
    mount = mounts(sandbox)
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, survey) for survey in surveys], len(surveys))
    until(lambda: len(records(mount)) == len(surveys), 30, "their records")
    sandbox.fault(PROGRESS, "status", status=status)
    assert {answer[1] for answer in crowd.answers(120)} == {errno.EIO}
    until(lambda: not any(is_followed(mount, survey) for survey in surveys), 10, "the end of the jobs")
    assert places(mount) == len(surveys) and len(records(mount)) == len(surveys)
    sandbox.clear_faults()
    sandbox.release_jobs()
    for survey in surveys:
        assert read_all(responses(mount, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == len(surveys)
    until(lambda: places(mount) == 0, 10, "their places")


@pytest.mark.concurrency
def test_who_opens_what_was_left_waits_for_the_network_as_anybody(sandbox, mounts, begun, small, until, pool):
    """Also if it is just being asked about for nobody, which takes a moment only."""
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, survey)
    first.kill()
    sandbox.release_jobs()
    sandbox.pause("refuse")
    second = mounts(sandbox, name="two", start=False)
    second.start()
    waiting = pool.submit(read_all, responses(second, survey))
    until(lambda: taken_up(second) > 0, 10, "the look for it")
    threading.Event().wait(9)
    assert not waiting.done()
    sandbox.resume()
    assert waiting.result(40 * SLOW) == sandbox.entry(survey)
    assert sandbox.count(START) == 1
    until(lambda: places(second) == 0, 10, "its place")


def test_what_the_service_has_forgotten_is_not_left(sandbox, mounts, begun, crowds, small, until):
    """Who waits has it begun anew, and that is what the network cuts off: there is nothing to take up."""
    (survey,) = small(1)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    begun(one, survey)
    waiting = crowds([responses(two, survey)], 1)
    until(lambda: is_followed(two, survey), 10, "who waits")
    sandbox.forget_jobs()
    sandbox.fault(START, "reset_before")
    one.kill()
    assert waiting.answers(60)[0][1] in AWAY
    until(lambda: not is_followed(two, survey), 10, "the end of the job")
    assert records(two) == []
    assert places(two) == 0
    sandbox.clear_faults()
    sandbox.release_jobs()
    assert read_all(responses(two, survey)) == sandbox.entry(survey)


@needs_clock
def test_what_was_read_before_is_read_at_once_though_an_export_was_left(sandbox, mounts, begun, until, expire, clock):
    mount = mounts(sandbox, "fresh=0", env=clock.env)
    file = responses(mount, OTHER)
    old = read_all(file)
    sandbox.append(OTHER, 1)
    expire()  # a record of the same second is taken for the former export's
    crowd = begun(mount, OTHER)
    sandbox.pause("refuse")
    assert crowd.answers(60)[0][1] == 0  # the old one
    until(lambda: not is_followed(mount, OTHER), 10, "the end of the job")
    for times in (1, 2):
        clock.go_on(31)  # what was served old rests as long
        begin = time.monotonic()
        assert read_all(file) == old
        assert time.monotonic() - begin < OLD
        until(lambda: not is_followed(mount, OTHER), 10, "the end of the job")
        assert places(mount) == 1
        assert taken_up(mount) == times
    sandbox.resume()
    sandbox.release_jobs()
    until(lambda: read_all(file) == sandbox.entry(OTHER), 10, "the new version")
    assert len(sandbox.jobs()) == 2
    until(lambda: places(mount) == 0, 10, "its place")


# --- over at the service ----------------------------------------------------------------------------------------------


@pytest.mark.concurrency
@pytest.mark.parametrize("end", ["kill", "unmount"])
def test_what_is_over_at_the_service_takes_nobodys_place(sandbox, mounts, begun, crowds, small, until, end):
    """It was being downloaded. Another export goes on, and nobody follows that."""
    over, runs = small(2)
    first = mounts(sandbox, name="one")
    sandbox.hold(FILE)
    crowds([responses(first, over)], 1)
    assert sandbox.wait_held(FILE)
    begun(first, runs)
    until(lambda: places(first) == 1, 10, "the place of the other")
    if end == "kill":
        first.kill()
    else:
        assert first.stop(signal.SIGTERM) == 0
    for record in records(first):
        if runs in record.read_text():
            record.unlink()
    sandbox.release()
    second = mounts(sandbox, name="two")
    assert sandbox.wait_for(FILE, 2, 30 * SLOW, answered=True)
    until(lambda: not is_followed(second, over), 20, "the end of the job")
    assert places(second) == 1
    sandbox.reset_stats()
    assert read_all(responses(second, over)) == sandbox.entry(over)
    assert sandbox.count() == 0
    assert len(sandbox.jobs()) == 2
    assert places(second) == 1


def test_a_download_that_the_network_cut_off_is_of_the_same_export(sandbox, mounts, begun, small, until):
    (survey,) = small(1)
    mount = mounts(sandbox)
    sandbox.hold(FILE)
    crowd = begun(mount, survey)
    (record,) = records(mount)
    before = json.loads(record.read_text())
    time.sleep(2)  # of the calendar
    sandbox.release_jobs()
    assert sandbox.wait_held(FILE)
    until(lambda: places(mount) == 0, 10, "its place, which is free when it is over")
    after = json.loads(record.read_text())
    assert (before["over"], after["over"]) == (0, 1)
    assert abs(after["posted_s"] - before["posted_s"]) <= 1, "its age counts from the POST"
    sandbox.pause("refuse")
    sandbox.release()
    assert crowd.answers(60)[0][1] in AWAY
    until(lambda: not is_followed(mount, survey), 10, "the end of the job")
    assert places(mount) == 0
    sandbox.resume()
    assert read_all(responses(mount, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == sandbox.count(CHECK) == 1
    assert records(mount) == []
    assert places(mount) == 0


def test_an_export_start_whose_answer_names_no_job_keeps_no_place(sandbox, mounts, small, until):
    (survey,) = small(1)
    mount = mounts(sandbox)
    sandbox.fault(START, "broken_json")
    assert error_of(read_all, responses(mount, survey)) == errno.EIO
    until(lambda: places(mount) == 0 and not is_followed(mount, survey), 10, "its place")
    assert records(mount) == []
    sandbox.clear_faults()
    assert read_all(responses(mount, survey)) == sandbox.entry(survey)


