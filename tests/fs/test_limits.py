"""The account's limits are never exceeded (DESIGN.md 5 and 8), so colleagues never notice the mount.

The sandbox keeps the service's own limits here: its leaky buckets, 30 requests and 15 jobs at once, 429 beyond
them; what it saw of each is compared with what the design allows.
"""

import contextlib
import os
import statistics
import threading
import time

import pytest

from clock import Clock, needs_clock
from common import CHECK, FILE, JOBS, PROGRESS, REQUESTS, START, exact, responses
from control import SLOW

CALLS_PER_MINUTE = {START: 100, FILE: 100, PROGRESS: 1000, CHECK: 3000}  # API.md section 2
SHARE = 0.8  # the default of share=


def assert_right(sandbox, surveys, answers):
    """Each opener got its survey's file, every byte of it."""
    truth = [exact(sandbox, survey) for survey in surveys]
    assert len({entry[2] for entry in truth}) == len(surveys), "files that are equal would prove nothing"
    assert [answer[1:4] for answer in answers] == truth


def assert_paced(sandbox, endpoint):
    """No call came before the bucket, of which share= is ours, had room for it."""
    depth = CALLS_PER_MINUTE[endpoint] * SHARE
    moments = sorted(entry["time"] for entry in sandbox.requests(endpoint))
    level, last = 0.0, moments[0]
    for n, moment in enumerate(moments, 1):
        level = max(0.0, level - (moment - last) * depth / 60) + 1
        last = moment
        # The time is the arrival's: where the first calls were late, the others seem to come too soon.
        assert level <= depth * (1 + 0.5 * SLOW / 60) + 1, f"call {n} of {endpoint} came {moment - moments[0]:.3f} s after the first"


@contextlib.contextmanager
def stats_beside(path):
    """Stats a path all the while; yields the list of what each took."""
    took, ended = [], threading.Event()

    def look():
        while not ended.wait(0.01):
            begin = time.monotonic()
            os.stat(path)
            took.append(time.monotonic() - begin)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield took
    finally:
        ended.set()
        thread.join()


def assert_quick(took):
    assert len(took) > 20
    assert statistics.quantiles(took, n=100)[98] < 0.1 * SLOW, sorted(took)[-20:]


@pytest.mark.concurrency
def test_100_cold_files_at_once_never_meet_a_limit(sandbox, mounts, crowds, small):
    """80 at once, then 80 a minute: the slowest test of its kind, for the real figures take their time."""
    surveys = small(100)
    mount = mounts(sandbox)
    sandbox.reset_stats()

    # Both ceilings are reached, not only approached: first nothing is answered, then no job ends.
    sandbox.hold(CHECK)
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, survey) for survey in surveys], 100)
    assert sandbox.wait_held(CHECK, REQUESTS, 30 * SLOW)
    sandbox.release()
    assert sandbox.wait_for(CHECK, 100, 30 * SLOW, answered=True)
    assert sandbox.wait_for(START, JOBS, 30 * SLOW, answered=True)
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + JOBS, 30 * SLOW)
    assert sandbox.count(START) == JOBS

    with stats_beside(responses(mount, surveys[-1])) as took:
        sandbox.release_jobs()
        answers = crowd.answers(90)

    assert_right(sandbox, surveys, answers)
    seen = sandbox.stats()
    assert seen["refused_429"] == 0
    assert seen["most_in_flight"] == REQUESTS
    assert seen["most_jobs"] == JOBS
    for endpoint in (CHECK, START, FILE):
        assert seen["counts"][endpoint] == 100, endpoint
        assert_paced(sandbox, endpoint)
    assert_paced(sandbox, PROGRESS)
    # The best schedule within all this is the bucket's: 15 s from the first POST to the last one.
    moments = [entry["time"] for entry in sandbox.requests(START)]
    assert max(moments) - min(moments) < 15 * 1.08 + 3 * SLOW
    assert_quick(took)


@needs_clock
def test_more_files_at_once_than_a_minute_has_exports_meet_no_429(sandbox, mounts, crowds, small, tmp_path):
    """130 where the service takes 100 a minute: a bucket of the mount's that is open is a 429 here, and so at the guard
    of every test (box.check_limits()). The minute is the clocks', the service's first."""
    surveys = small(130)
    clock = Clock(tmp_path)
    mount = mounts(sandbox, env=clock.env)
    sandbox.reset_stats()
    crowd = crowds([responses(mount, survey) for survey in surveys], len(surveys))
    most = int(CALLS_PER_MINUTE[START] * SHARE)
    assert sandbox.wait_for(START, most, 30 * SLOW, answered=True)
    sandbox.wait_for(START, CALLS_PER_MINUTE[START] + 20, 3 * SLOW)  # who has no bucket comes now
    sandbox.check_limits()
    assert_paced(sandbox, START)
    sandbox.advance(60)
    clock.go_on(60)
    assert_right(sandbox, surveys, crowd.answers(60))
    seen = sandbox.stats()
    assert seen["refused_429"] == 0
    assert {endpoint: seen["counts"][endpoint] for endpoint in (CHECK, START, FILE)} == dict.fromkeys(
        (CHECK, START, FILE), len(surveys))


@pytest.mark.concurrency
@pytest.mark.parametrize("status", [429, 503])
def test_with_each_tenth_call_refused_the_files_are_right_and_nothing_is_asked_twice(
    sandbox, mounts, crowds, small, status
):
    """Of each endpoint each tenth: what was refused is repeated, and nothing else."""
    surveys = small(20)
    mount = mounts(sandbox)
    sandbox.reset_stats()
    rules = {sandbox.fault(endpoint, "status", every=10, status=status): endpoint
             for endpoint in (CHECK, START, PROGRESS, FILE)}

    with stats_beside(responses(mount, surveys[-1])) as took:
        answers = crowds([responses(mount, survey) for survey in surveys], len(surveys)).answers(90)

    assert_right(sandbox, surveys, answers)
    counts = sandbox.stats()["counts"]
    hits = {rules[rule["id"]]: rule["hits"] for rule in sandbox.faults()}
    for endpoint in (CHECK, START, FILE):
        assert hits[endpoint] >= 2
        assert counts[endpoint] == len(surveys) + hits[endpoint], endpoint
    assert hits[PROGRESS] >= 2
    assert len(sandbox.jobs()) == len(surveys)
    assert_quick(took)
    assert (mount.path / ".qxfs" / "errors").read_text() == ""
