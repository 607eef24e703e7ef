"""Several mounts of one account: they share its limits, and what one began another ends (DESIGN.md 5)."""

import json
import re
import signal

import pytest

from common import CHECK, FILE, JOBS, PROGRESS, REQUESTS, START, exact, read_all, responses
from control import SLOW


@pytest.fixture
def three(sandbox, mounts):
    return [mounts(sandbox, name=name) for name in ("one", "two", "three")]


@pytest.fixture
def begun(sandbox, crowds, until):
    """begun(mount, surveys): the service works on an export of each, which is noted, and ends none until release_jobs;
    `before`: polls of earlier ones."""

    def begin(mount, surveys, before=0):
        sandbox.hold_jobs()
        crowds([responses(mount, survey) for survey in surveys], len(surveys))
        assert sandbox.wait_for(PROGRESS, before + len(surveys), 30 * SLOW, answered=True)
        # one may have been asked about twice before another has begun
        until(lambda: len(list(mount.cache.rglob("*.job"))) >= len(surveys), 30, "their records")

    return begin


def split_between(mounts, surveys):
    """The surveys' files, dealt to the mounts."""
    return [responses(mounts[n % len(mounts)], survey) for n, survey in enumerate(surveys)]


def limits_of(mount):
    return json.loads((mount.path / ".qxfs" / "limits.json").read_text())


@pytest.mark.concurrency
@pytest.mark.timeout(240)
def test_three_mounts_of_40_cold_files_each_never_meet_a_limit(sandbox, three, crowds, small):
    surveys = small(120)
    sandbox.reset_stats()

    sandbox.hold(CHECK)
    sandbox.hold_jobs()
    crowd = crowds(split_between(three, surveys), 120)
    assert sandbox.wait_held(CHECK, REQUESTS, 30 * SLOW)
    sandbox.release()
    assert sandbox.wait_for(CHECK, 120, 30 * SLOW, answered=True)
    assert sandbox.wait_for(START, JOBS, 30 * SLOW, answered=True)
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + JOBS, 30 * SLOW)
    assert sandbox.count(START) == JOBS
    sandbox.release_jobs()
    answers = crowd.answers(120)

    assert [answer[1:4] for answer in answers] == [exact(sandbox, survey) for survey in surveys]
    seen = sandbox.stats()
    assert seen["refused_429"] == 0
    assert seen["most_in_flight"] == REQUESTS
    assert seen["most_jobs"] == JOBS
    for endpoint in (CHECK, START, FILE):
        assert seen["counts"][endpoint] == 120, endpoint
    # 80 at once, then 80 a minute: the bucket of the whole account, as for one mount of 120 files.
    moments = sorted(entry["time"] for entry in sandbox.requests(START))
    assert moments[-1] - moments[0] < 30 * 1.08 + 3 * SLOW
    assert limits_of(three[0])["requests_max"] == REQUESTS


def test_mounts_take_turns(sandbox, mounts, crowds, small, until):
    """Who wants one file does not wait for the forty of another mount."""
    surveys = small(41)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    sandbox.hold_jobs()
    crowd = crowds([responses(one, survey) for survey in surveys[:40]], 40)
    assert sandbox.wait_for(START, JOBS, 30 * SLOW, answered=True)
    late = crowds([responses(two, surveys[40])], 1)
    until(lambda: sandbox.count(CHECK) == 41, 20, "the check of all")
    assert sandbox.count(START) == JOBS

    # Two of them end: two may begin, and one of these is the other mount's.
    sandbox.release_jobs(2)
    assert sandbox.wait_for(START, JOBS + 2, 30 * SLOW)
    started = [entry["path"] for entry in sandbox.requests(START)]
    assert any(surveys[40] in path for path in started)
    sandbox.release_jobs()
    assert late.answers(60)[0][1:4] == exact(sandbox, surveys[40])
    assert all(answer[1] == 0 for answer in crowd.answers(90))


def test_a_killed_mounts_requests_are_free_within_five_seconds(sandbox, mounts, crowds, small, until):
    surveys = small(40)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    sandbox.settings(max_in_flight=100)  # it does not see that a held request's connection has gone
    sandbox.hold(CHECK)
    crowds([responses(one, survey) for survey in surveys[:30]], 30)
    assert sandbox.wait_held(CHECK, REQUESTS, 30 * SLOW)
    crowd = crowds([responses(two, survey) for survey in surveys[30:]], 10)
    until(lambda: limits_of(two)["requests"] == REQUESTS and limits_of(two)["waiting"] == 10, 20, "the sight of them")
    assert sandbox.count(CHECK) == REQUESTS
    one.kill()
    assert sandbox.wait_held(CHECK, REQUESTS + 10, 5 * SLOW)  # not one that is yet to be held
    sandbox.release()
    assert all(answer[1] == 0 for answer in crowd.answers(60))


def test_a_killed_mounts_exports_are_followed_by_another_and_published(sandbox, mounts, begun, small, until):
    """Nobody asked the other mount for them, and it was idle."""
    surveys = small(5)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    begun(one, surveys)
    one.kill()
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + 5, 30 * SLOW)
    assert limits_of(two)["jobs"] == 5
    sandbox.release_jobs()
    assert sandbox.wait_for(FILE, 5, 30 * SLOW, answered=True)
    until(lambda: limits_of(two)["jobs"] == 0, 20, "the end of the exports")
    until(lambda: (two.path / ".qxfs" / "jobs").read_text() == "", 20, "the end of the jobs")
    sandbox.reset_stats()
    for survey in surveys:
        assert read_all(responses(two, survey)) == sandbox.entry(survey)
    assert sandbox.count() == 0


def test_who_waited_for_a_killed_mounts_export_gets_it(sandbox, mounts, crowds, begun, small):
    (survey,) = small(1)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    begun(one, [survey])
    crowd = crowds([responses(two, survey)], 1)
    one.kill()
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + 1, 30 * SLOW)
    sandbox.release_jobs()
    assert crowd.answers(60)[0][1:4] == exact(sandbox, survey)
    assert sandbox.count(START) == 1


@pytest.mark.parametrize("end", ["kill", "unmount"])
def test_the_next_start_follows_what_the_last_one_began(sandbox, mounts, begun, small, until, end):
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, [survey])
    if end == "kill":
        first.kill()
    else:
        assert first.stop(signal.SIGTERM) == 0
    polls = sandbox.count(PROGRESS)
    second = mounts(sandbox, name="two")
    assert sandbox.wait_for(PROGRESS, polls + 1, 30 * SLOW)
    assert limits_of(second)["jobs"] == 1
    sandbox.release_jobs()
    until(lambda: (second.path / ".qxfs" / "jobs").read_text() == "", 20, "the end of the job")
    assert read_all(responses(second, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 1
    assert list((second.cache).rglob("*.job")) == []


def test_an_export_that_the_service_has_forgotten_is_not_begun_again_for_nobody(sandbox, mounts, begun, small, until):
    (survey,) = small(1)
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    begun(one, [survey])
    sandbox.forget_jobs()
    one.kill()
    until(lambda: limits_of(two)["jobs"] == 0 and not list(two.cache.rglob("*.job")), 20, "the end of it")
    assert sandbox.count(START) == 1
    assert (two.path / ".qxfs" / "errors").read_text() == ""
    sandbox.release_jobs()
    assert read_all(responses(two, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 2


def test_what_cannot_be_appended_is_not_exported_in_full_for_nobody(sandbox, mounts, begun, small, until, expire):
    """What a dead mount asked for was the new responses alone."""
    (survey,) = small(1)
    one, two = mounts(sandbox, "fresh=0", name="one"), mounts(sandbox, "fresh=0", name="two")
    assert read_all(responses(one, survey)) == sandbox.entry(survey)
    sandbox.append(survey, 1)
    sandbox.settings(continuation_repeats=1)
    expire()  # what began in the same second as the file's own export is taken for that
    begun(one, [survey], sandbox.count(PROGRESS))
    one.kill()
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + 1, 30 * SLOW)
    sandbox.release_jobs()
    until(lambda: (two.path / ".qxfs" / "jobs").read_text() == "" and limits_of(two)["jobs"] == 0
          and not list(two.cache.rglob("*.job")), 30, "the end of it")
    assert sandbox.count(START) == 2
    assert (two.path / ".qxfs" / "errors").read_text() == ""
    sandbox.settings(continuation_repeats=0)
    assert read_all(responses(two, survey)) == sandbox.entry(survey)


def test_what_was_touched_after_it_began_is_not_served_from_a_dead_mounts_export(sandbox, mounts, begun, small):
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, [survey])
    first.kill()
    sandbox.append(survey, 1)
    second = mounts(sandbox, name="two")
    second.run("refresh", responses(second, survey))
    sandbox.release_jobs()
    assert read_all(responses(second, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 2


def test_a_record_that_names_no_token_is_followed(sandbox, mounts, begun, small):
    """A former build wrote it so, for the token comes with the end; an upgrade begins no export twice."""
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, [survey])
    first.kill()
    (record,) = first.cache.rglob("*.job")
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if line != '"token":"",\n'))
    assert len(record.read_text()) == sum(map(len, lines)) - len('"token":"",\n')
    sandbox.release_jobs()
    second = mounts(sandbox, name="two")
    assert read_all(responses(second, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 1


@pytest.mark.parametrize("damage", ["{", "", '{"version":1}'])
def test_a_damaged_record_is_as_good_as_none(sandbox, mounts, begun, small, damage):
    (survey,) = small(1)
    first = mounts(sandbox, name="one")
    begun(first, [survey])
    first.kill()
    (record,) = first.cache.rglob("*.job")
    record.write_text(damage)
    sandbox.release_jobs()
    second = mounts(sandbox, name="two")
    assert read_all(responses(second, survey)) == sandbox.entry(survey)
    assert sandbox.count(START) == 2
    assert list(second.cache.rglob("*.job")) == []


def moments_of(mount):
    """When what is in the cache was asked for, as its facts say."""
    files = [file for file in mount.cache.rglob("*") if file.is_file() and file.suffix != ".job"]
    return {int(n) for file in files for n in re.findall(rb'"exported_s":(\d+)', file.read_bytes())}


@pytest.fixture
def begun_again(sandbox, mounts, begun, small):
    """begun_again(refresh=): a mount that has a survey's file, and has begun the export of the next version; the survey."""

    def begin(refresh):
        first = mounts(sandbox, f"fresh=0,refresh={refresh}", name="one")
        (survey,) = small(1)
        assert read_all(responses(first, survey))
        sandbox.append(survey, 1)
        sandbox.reset_stats()
        begun(first, [survey])
        return first, survey

    return begin


@pytest.mark.parametrize("refresh", ["append", "full"])
def test_an_export_of_the_second_of_the_version_before_is_followed(sandbox, mounts, begun_again, until, refresh):
    """As when a file is read twice in a second, and the survey has changed meanwhile."""
    first, survey = begun_again(refresh)
    first.kill()
    (record,) = first.cache.rglob("*.job")
    (before,) = moments_of(first)
    record.write_text(re.sub(r'"exported_s":\d+', f'"exported_s":{before}', record.read_text()))
    sandbox.release_jobs()
    second = mounts(sandbox, f"refresh={refresh}", name="two")
    until(lambda: not record.exists(), 20, "the end of the export")
    assert read_all(responses(second, survey)) == sandbox.entry(survey)
    assert len(sandbox.jobs()) == 2


@pytest.mark.parametrize("refresh", ["append", "full"])
def test_an_export_whose_result_is_there_is_not_followed_again(sandbox, mounts, begun_again, until, refresh):
    """Its mount died between publishing it and forgetting what it waited for."""
    first, survey = begun_again(refresh)
    (record,) = first.cache.rglob("*.job")
    text = record.read_text()
    sandbox.release_jobs()
    until(lambda: not record.exists(), 20, "the end of the export")
    first.kill()
    record.write_text(text)
    sandbox.reset_stats()
    mounts(sandbox, f"fresh=0,refresh={refresh}", name="two")
    until(lambda: not record.exists(), 20, "the end of its record")
    assert sandbox.count(PROGRESS) == sandbox.count(FILE) == sandbox.count(START) == 0


def test_mounts_with_state_folders_of_their_own_share_the_limits_all_the_same(sandbox, mounts, crowds, small, tmp_path):
    surveys = small(40)
    one = mounts(sandbox, f"state_dir={tmp_path}/s1,cache_dir={tmp_path}/c1", name="one")
    two = mounts(sandbox, f"state_dir={tmp_path}/s2,cache_dir={tmp_path}/c2", name="two")
    sandbox.hold_jobs()
    crowd = crowds(split_between([one, two], surveys), 40)
    assert sandbox.wait_for(START, JOBS, 30 * SLOW, answered=True)
    polls = sandbox.count(PROGRESS)
    assert sandbox.wait_for(PROGRESS, polls + JOBS, 30 * SLOW)
    assert sandbox.count(START) == JOBS
    sandbox.release_jobs()
    assert all(answer[1] == 0 for answer in crowd.answers(60))
    assert sandbox.stats()["most_jobs"] == JOBS
