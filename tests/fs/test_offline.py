"""A network that goes and comes back, and a machine that sleeps: back online within seconds, without a remount, and
without asking all the time (DESIGN.md 3, Offline; issue of limits, item 5)."""

import concurrent.futures
import os
import threading
import time

import pytest

from clock import Clock, needs_clock
from common import read_all, responses
from control import SLOW  # tests/sandbox/control.py
from imports import folder, people, report_of, sent, wait_for

SURVEY = "SV_demoCustomers02"
OTHER = "SV_demoSmall000014"
MAIN = "POOL_demoMain0000001"
SECONDS = 5 * SLOW  # "within seconds"


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(16) as made:
        yield made


def document(mount, survey=SURVEY):
    return mount.path / "surveys" / survey / "survey.json"


# --- it comes back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_an_open_after_the_return_works_at_once(sandbox, mount, pool, mode):
    sandbox.pause(mode)
    failing = pool.submit(lambda: os.listdir(mount.path / "surveys" / "SV_nobodyKnowsThis"))
    assert isinstance(failing.exception(15 * SLOW), OSError)
    sandbox.resume()
    begin = time.monotonic()
    assert read_all(responses(mount, SURVEY)) == sandbox.entry(SURVEY)
    assert time.monotonic() - begin < 2 * SLOW


def test_who_waits_is_served_within_seconds_of_the_return(sandbox, mount, pool):
    """Twelve seconds: the attempts are far between by then."""
    sandbox.pause("refuse")
    waiting = [pool.submit(read_all, responses(mount, survey)) for survey in (SURVEY, OTHER)]
    threading.Event().wait(12)
    assert not any(future.done() for future in waiting)
    sandbox.resume()
    begin = time.monotonic()
    for future, survey in zip(waiting, (SURVEY, OTHER), strict=True):
        assert future.result(40 * SLOW) == sandbox.entry(survey)
    assert time.monotonic() - begin < SECONDS


def grown(sandbox, mount):
    """A file and a folder, each with what was read of it; both have one more since."""
    file, people_of = responses(mount, SURVEY), mount.path / "directories" / MAIN / "contacts"
    old, names = read_all(file), sorted(os.listdir(people_of))
    sandbox.append(SURVEY, 1)
    sandbox.add_contact(MAIN, firstName="Late", email="late@example.com")
    return file, old, people_of, names


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_what_was_served_old_is_new_within_seconds_of_the_return(sandbox, mounts, until, mode):
    mount = mounts(sandbox, "fresh=0")
    file, old, people_of, names = grown(sandbox, mount)
    sandbox.pause(mode)
    assert read_all(file) == old
    assert sorted(os.listdir(people_of)) == names
    sandbox.resume()
    until(lambda: read_all(file) == sandbox.entry(SURVEY), 5, "the new version")
    until(lambda: len(os.listdir(people_of)) == len(names) + 1, 5, "the new listing")


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_what_was_served_old_is_asked_anew_at_the_first_sign_of_the_return(sandbox, mounts, mode):
    """Else it rests for 3 s, though others are answered."""
    mount = mounts(sandbox, "fresh=0")
    file, old, people_of, names = grown(sandbox, mount)
    sandbox.pause(mode)
    assert sorted(os.listdir(people_of)) == names
    assert read_all(file) == old
    sandbox.resume()
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    assert read_all(file) == sandbox.entry(SURVEY)
    assert len(os.listdir(people_of)) == len(names) + 1


@pytest.mark.parametrize("folder_of", ["surveys", f"surveys/{SURVEY}/filters"])
def test_a_list_that_was_served_old_is_new_within_seconds_of_the_return(sandbox, mounts, until, folder_of):
    mount = mounts(sandbox, "fresh=0")
    names = os.listdir(mount.path / folder_of)
    sandbox.pause("refuse")
    assert sorted(os.listdir(mount.path / folder_of)) == sorted(names)
    sandbox.resume()
    until(lambda: mount.status()["reachable"], 10, "the return")
    sandbox.reset_stats()
    os.listdir(mount.path / folder_of)
    assert sandbox.count("surveys" if folder_of == "surveys" else "filters") == 1


def test_an_import_goes_out_when_anything_shows_that_the_network_is_back(sandbox, mounts, until):
    mount = mounts(sandbox, "import_delay=0")
    os.listdir(mount.path / "mailinglists")
    sandbox.pause("refuse")
    target = folder(mount) / "a.csv"
    target.write_bytes(people(1))
    until(lambda: "Why" in report_of(target), 60, "the reason in the report")
    sandbox.resume()
    begin = time.monotonic()
    assert read_all(document(mount))
    assert wait_for(mount, target)[0] == 0
    assert sent(sandbox) == ["person0@example.com"]
    assert time.monotonic() - begin < 4 * SLOW, "its own next attempt is later"


def test_a_mount_that_nobody_uses_asks_nobody_while_the_network_is_away(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    file = responses(mount, SURVEY)
    old = read_all(file)
    sandbox.fault("*", "reset_before")
    for _ in range(2):
        assert read_all(file) == old
    time.sleep(11)  # the look that the second open began is over
    sandbox.wait_idle()
    before = sandbox.count()
    time.sleep(4)  # that nothing happens has no event
    assert sandbox.count() == before
    begin = time.monotonic()
    opens = 0
    while time.monotonic() - begin < 3:  # much used, it asks no more than a look's few times a second
        assert read_all(file) == old
        opens += 1
    assert opens > 20
    assert sandbox.count() - before <= 12


# --- the machine sleeps -----------------------------------------------------------------------------------------------

NIGHT = 8 * 3600


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@needs_clock
def test_what_was_fresh_before_the_machine_slept_is_not_served_for_long_after(sandbox, mounts, tmp_path, until):
    """The kernel keeps a file's name for as long as it was fresh, by a clock that stands still in a suspend."""
    clock = Clock(tmp_path, wall=True)
    mount = mounts(sandbox, "fresh=3600", env=clock.env)
    file = responses(mount, SURVEY)
    old = read_all(file)
    assert read_all(file) == old  # by the name that is kept now
    sandbox.append(SURVEY, 1)
    clock.go_on(NIGHT)
    until(lambda: read_all(file) != old, 90 / SLOW, "the new version")
    assert read_all(file) == sandbox.entry(SURVEY)


@needs_clock
def test_after_a_suspend_no_dead_connection_is_waited_for(sandbox, mounts, clock):
    mount = mounts(sandbox, env=clock.env)
    assert read_all(document(mount))
    sandbox.lose_connections()
    clock.go_on(NIGHT)
    begin = time.monotonic()
    assert read_all(document(mount, OTHER))
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    assert time.monotonic() - begin < SECONDS


UNDER_WAY = ("survey", "export_start", "export_progress", "export_file")


@needs_clock
@pytest.mark.parametrize("endpoint", UNDER_WAY)
def test_what_was_under_way_in_a_suspend_is_asked_again(sandbox, mounts, clock, pool, endpoint):
    """Its answer went to a connection that is no more."""
    sandbox.settings(job_polls=0)  # nobody's job takes a night
    mount = mounts(sandbox, env=clock.env)
    sandbox.hold(endpoint)
    waiting = pool.submit(read_all, responses(mount, SURVEY))
    assert sandbox.wait_held(endpoint)
    sandbox.lose_connections()
    sandbox.release()
    clock.go_on(NIGHT)
    begin = time.monotonic()
    assert waiting.result(60 * SLOW) == sandbox.entry(SURVEY)
    assert time.monotonic() - begin < SECONDS
    assert sandbox.count(endpoint) >= 2


@needs_clock
def test_a_wait_through_a_suspend_goes_on_until_the_network_is_there(sandbox, mounts, clock, pool):
    """A laptop wakes before its network does: the bound counts the time awake."""
    sandbox.settings(job_polls=0)
    mount = mounts(sandbox, env=clock.env)
    sandbox.hold("export_progress")
    waiting = pool.submit(read_all, responses(mount, SURVEY))
    assert sandbox.wait_held("export_progress")
    sandbox.pause("refuse")
    sandbox.release()
    clock.go_on(NIGHT)
    threading.Timer(3, sandbox.resume).start()
    assert waiting.result(40 * SLOW) == sandbox.entry(SURVEY)
    assert sandbox.count("export_start") == 1


@needs_clock
def test_a_suspend_makes_no_import_uncertain(sandbox, mounts, clock):
    """What must not arrive twice waits for its answer, which may have been on its way."""
    mount = mounts(sandbox, "import_delay=0", env=clock.env)
    target = folder(mount) / "a.csv"
    sandbox.hold("contact_import")
    target.write_bytes(people(1))
    assert sandbox.wait_held("contact_import")
    clock.go_on(60)
    time.sleep(2)  # that nothing happens has no event
    sandbox.release()
    assert wait_for(mount, target)[0] == 0
    assert sandbox.count("contact_import") == 1
