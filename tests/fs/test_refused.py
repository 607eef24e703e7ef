"""Without permission what was read before cannot be read, without network neither (DESIGN.md, promise 9): a refusal
lasts until the service takes it back, in every mount and over a remount."""

import errno
import json
import os
import time

import pytest

from common import error_of, read_all, responses

SURVEY = "SV_demoSmall000014"
OTHER = "SV_demoCustomers02"
MAIN = "POOL_demoMain0000001"


def survey(mount, name):
    return mount.path / "surveys" / SURVEY / name


def contacts(mount):
    folder = mount.path / "mailinglists"
    return folder / sorted(name for name in os.listdir(folder) if name.startswith("CG_"))[0] / "contacts.csv"


def told(mount, path):
    return mount.run("why", path).stdout


def away(sandbox, mount, remounted):
    """No network any more, for this mount or for the next one."""
    if remounted:
        assert mount.stop() == 0
    sandbox.pause()
    if remounted:
        mount.start()


REMOUNTED = pytest.mark.parametrize("remounted", [False, True], ids=["the same mount", "the next mount"])


@REMOUNTED
@pytest.mark.parametrize(("file", "refuse", "allow", "name"), [
    (lambda mount: responses(mount, SURVEY), lambda box: box.forbid(SURVEY), lambda box: box.forbid(SURVEY, False),
     errno.EACCES),
    (lambda mount: survey(mount, "survey.json"), lambda box: box.forbid(SURVEY),
     lambda box: box.forbid(SURVEY, False), errno.EACCES),
    (contacts, lambda box: box.change_directory(MAIN, forbidden="all"),
     lambda box: box.change_directory(MAIN, forbidden=""), errno.EACCES),
    (lambda mount: responses(mount, SURVEY), lambda box: box.delete_survey(SURVEY), None, errno.ENOENT),
], ids=["responses", "a document", "contacts", "a survey that is gone"])
def test_what_was_refused_last_is_not_served_without_network(sandbox, mounts, remounted, file, refuse, allow, name):
    mount = mounts(sandbox, "fresh=0")
    path = file(mount)
    old = read_all(path)
    refuse(sandbox)
    assert error_of(read_all, path) == name
    away(sandbox, mount, remounted)
    assert error_of(read_all, path) == name
    assert "cannot be reached now" in told(mount, path)
    sandbox.resume()
    assert error_of(read_all, path) == name
    if allow:
        allow(sandbox)
        os.listdir(mount.path / "mailinglists")  # the next mount may have been told that there are none
        assert read_all(path) == old
        sandbox.pause()
        assert read_all(path) == old


@REMOUNTED
def test_what_is_made_from_it_is_not_served_either(sandbox, mounts, remounted):
    """The refusal came for the one, the other was not opened meanwhile."""
    mount = mounts(sandbox, "fresh=0")
    made = survey(mount, "responses.plain.csv")
    old = read_all(made)
    read_all(responses(mount, SURVEY))
    sandbox.forbid(SURVEY)
    assert error_of(read_all, responses(mount, SURVEY)) == errno.EACCES
    away(sandbox, mount, remounted)
    assert error_of(read_all, made) == errno.EACCES
    sandbox.resume()
    sandbox.forbid(SURVEY, False)
    assert read_all(made) == old


@REMOUNTED
@pytest.mark.parametrize("asked", ["responses.csv", "survey.json"])
def test_a_survey_that_is_refused_takes_all_its_files_along(sandbox, mounts, remounted, asked):
    mount = mounts(sandbox, "fresh=0")
    files = [survey(mount, name) for name in ("responses.tsv", "definition.json", "responses.labels.csv", "dates/2026-01/responses.csv")]
    for path in files:
        read_all(path)
    other = read_all(responses(mount, OTHER))
    sandbox.forbid(SURVEY)
    assert error_of(read_all, survey(mount, asked)) == errno.EACCES
    away(sandbox, mount, remounted)
    for path in files:
        assert error_of(read_all, path) == errno.EACCES, path
    assert read_all(responses(mount, OTHER)) == other
    sandbox.resume()
    sandbox.forbid(SURVEY, False)
    for path in files:
        read_all(path)


def test_an_excel_file_that_was_refused_is_not_served_either(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    made = survey(mount, "responses.xlsx")
    read_all(made)
    sandbox.forbid(SURVEY)
    assert error_of(read_all, made) == errno.EACCES
    sandbox.pause()
    assert error_of(read_all, made) == errno.EACCES


def test_the_same_bytes_under_another_name_are_refused_at_once(sandbox, mounts):
    """What lies in now/ would not be asked for again for a minute."""
    mount = mounts(sandbox, "fresh=0")
    now = survey(mount, "now") / "responses.csv"
    old = read_all(now)
    assert read_all(now) == old
    sandbox.forbid(SURVEY)
    assert error_of(read_all, responses(mount, SURVEY)) == errno.EACCES
    assert error_of(read_all, now) == errno.EACCES


def test_a_folder_of_people_that_was_refused_is_not_listed_either(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    folder = mount.path / "directories" / MAIN / "contacts"
    assert os.listdir(folder)
    sandbox.change_directory(MAIN, forbidden="contacts")
    assert error_of(os.listdir, folder) == errno.EACCES
    sandbox.pause()
    assert error_of(os.listdir, folder) != 0


def test_another_mount_knows_of_the_refusal(sandbox, mounts):
    one, two = mounts(sandbox, "fresh=0", name="one"), mounts(sandbox, "fresh=0", name="two")
    path = responses(two, SURVEY)
    read_all(path)
    sandbox.forbid(SURVEY)
    assert error_of(read_all, responses(one, SURVEY)) == errno.EACCES
    sandbox.pause()
    assert error_of(read_all, path) == errno.EACCES


def test_why_tells_of_the_refusal_after_a_remount(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    path = responses(mount, SURVEY)
    read_all(path)
    assert "last known to be current" in told(mount, path)
    sandbox.forbid(SURVEY)
    assert error_of(read_all, path) == errno.EACCES
    away(sandbox, mount, True)
    assert "refused" in told(mount, path) and "403" in told(mount, path)
    assert "last known" not in told(mount, path)
    assert "refused when it was last asked for" in path.with_name("STATUS.txt").read_text()


def test_a_failure_that_is_no_refusal_takes_nothing_away(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    path = responses(mount, SURVEY)
    old = read_all(path)
    sandbox.fault("survey", "status", status=500)
    assert error_of(read_all, path) == errno.EIO
    sandbox.clear_faults()
    sandbox.pause()
    assert read_all(path) == old


# --- the token --------------------------------------------------------------------------------------------------------


def is_noted(mount):
    """Of any token. What is being written has a name of its own until it is whole."""
    names = [path for path in mount.state.glob("**/known/*") if len(path.name) == 32 and path.name.isalnum()]
    assert names
    return any(json.loads(path.read_text()).get("refused") for path in names)


@REMOUNTED
def test_a_refused_token_reads_nothing_without_network(sandbox, mounts, remounted):
    mount = mounts(sandbox)
    path = responses(mount, SURVEY)
    old = read_all(path)
    sandbox.revoke_token()
    assert error_of(read_all, responses(mount, OTHER)) == errno.EACCES
    away(sandbox, mount, remounted)
    assert error_of(read_all, path) == errno.EACCES
    assert "token" in told(mount, path)
    sandbox.resume()
    sandbox.restore_token()
    if remounted:
        assert read_all(path) == old
        assert mount.stop() == 0
        assert not is_noted(mount)
        sandbox.pause()
        mount.start()
        assert read_all(path) == old


def test_the_refusal_of_one_token_is_not_another_ones(sandbox, mounts):
    old = mounts(sandbox, name="old")
    content = read_all(responses(old, SURVEY))
    sandbox.new_token()
    assert error_of(read_all, responses(old, OTHER)) == errno.EACCES
    good = mounts(sandbox, name="good")
    sandbox.pause()
    assert read_all(responses(good, SURVEY)) == content
    assert error_of(read_all, responses(old, SURVEY)) == errno.EACCES


def test_a_refusal_is_noted_at_once(sandbox, mounts, until):
    """Also for a mount that is killed."""
    mount = mounts(sandbox)
    read_all(responses(mount, SURVEY))
    assert not is_noted(mount)
    sandbox.revoke_token()
    assert error_of(read_all, responses(mount, OTHER)) == errno.EACCES
    until(lambda: is_noted(mount), 5, "the note")


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "served"), [("log=info", True), ("strict", False)])
def test_a_clock_that_is_behind_takes_nothing_without_network(sandbox, mounts, option, served):
    """What was checked in an hour from now, says the clock."""
    mount = mounts(sandbox, option)
    path = responses(mount, SURVEY)
    old = read_all(path)
    assert mount.stop() == 0
    later = time.time() + 3600
    for facts in mount.cache.rglob("*.facts"):
        os.utime(facts, (later, later))
    sandbox.pause()
    mount.start()
    if served:
        assert read_all(path) == old
    else:
        assert error_of(read_all, path) in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
    assert "clock" in told(mount, path)


def test_with_network_a_clock_that_is_behind_keeps_nothing_fresh(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, SURVEY)
    read_all(path)
    assert mount.stop() == 0
    later = time.time() + 3600
    for facts in mount.cache.rglob("*.facts"):
        os.utime(facts, (later, later))
    sandbox.append(SURVEY, 1)
    mount.start()
    assert read_all(path) == sandbox.entry(SURVEY)
