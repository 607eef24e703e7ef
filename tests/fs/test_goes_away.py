"""The service goes away and comes back during each operation (issue 5): what was read before reads, what was
not fails with its errno within its bound, and all works again afterwards without a remount. A new operation is a row."""

import concurrent.futures
import errno
import os
import subprocess
import time
from typing import NamedTuple

import pytest

from common import QXFS, read_all
from control import SLOW  # tests/sandbox/control.py
from imports import MAIN, PILOT, folder, members, people, wait_for

AWAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT}
FILE, FOLDER, OLD = 30, 10, 10  # seconds: DESIGN.md 3 and 5; what is served old may ask for two things, five each
MORE = 4 * SLOW
MODES = ("refuse", "hang", "reset")
CUSTOMERS = "SV_demoCustomers02"


def names(path):
    return sorted(os.listdir(path))


def fetched(path):
    """Its status tells whether it is there, its words why not."""
    answer = subprocess.run([QXFS, "fetch", path], capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        assert answer.stderr == ""
        return read_all(path)
    assert answer.returncode == 1 and str(path) in answer.stderr, answer
    raise OSError(next(number for number in AWAY if os.strerror(number) in answer.stderr), answer.stderr)


def at_once(ask, path):
    """What asks for a file anew asks nobody itself; then it is read."""
    begun = time.monotonic()
    ask(path)
    assert time.monotonic() - begun < MORE
    return read_all(path)


def refreshed(path):
    return at_once(lambda path: subprocess.run([QXFS, "refresh", path], check=True), path)


def touched(path):
    return at_once(os.utime, path)


class Op(NamedTuple):
    """path is of the mount; {names} are of ids_of(). endpoint: the call that is under way when the service goes."""

    path: str
    endpoint: str
    bound: int = FILE
    act: object = read_all
    kept: bool = True  # what it gave is given again without the service


OPS = {
    # a survey of its own for each state of an export
    "export, check": Op("surveys/{0}/responses.csv", "survey"),
    "export, start": Op("surveys/{1}/responses.csv", "export_start"),
    "export, poll": Op("surveys/{2}/responses.csv", "export_progress"),
    "export, download": Op("surveys/{3}/responses.csv", "export_file"),
    "export of spans": Op("surveys/{4}/dates/2024-01../responses.csv", "export_start"),
    "export with parameters": Op("surveys/{5}/with/limit=2/responses.csv", "export_progress"),
    "export, now": Op("surveys/{6}/now/responses.csv", "export_file"),
    "made from an export": Op("surveys/{7}/responses.plain.csv", "export_progress"),
    "workbook": Op("surveys/{8}/responses.xlsx", "schema"),
    "codebook": Op("surveys/{9}/codebook.csv", "schema"),
    "survey": Op("surveys/{10}/survey.json", "survey"),
    "definition": Op("surveys/{11}/definition.json", "definition"),
    "QSF": Op("surveys/{12}/survey.qsf", "definition"),
    "quotas": Op("surveys/{13}/quotas.json", "quotas"),
    "languages": Op("surveys/{14}/languages.json", "languages"),
    "response": Op("surveys/{customers}/responses/{response}.json", "response"),
    "whoami": Op("whoami.json", "whoami"),
    # pages
    "pages of a survey": Op("surveys/{15}/distributions.csv", "distributions"),
    "pages of a list": Op("mailinglists/{pilot}/contacts.csv", "list_contacts"),
    "pages of a directory": Op("directories/{main}/contacts.ndjson", "contacts"),
    "opted out": Op("directories/{main}/opted-out.csv", "opted_out"),
    # of another directory: the kernel lets nobody into a folder while its first names are awaited
    "contact": Op("directories/{other}/contacts/{contact}.json", "contact"),
    "link by email": Op("directories/{other}/by-email/{email}", "contacts_search", act=os.readlink),
    "search": Op("directories/{other}/search/email={email}/contacts.csv", "contacts_search"),
    "api": Op(".qxfs/api/surveys/{16}.json", "survey", kept=False),
    # commands
    "fetch": Op("surveys/{17}/responses.csv", "export_file", act=fetched),
    "fetch of a document": Op("surveys/{18}/schema.json", "schema", act=fetched),
    "refresh": Op("surveys/{19}/responses.csv", "export_start", act=refreshed),
    "touch": Op("surveys/{20}/responses.csv", "export_progress", act=touched),
    "touch of a document": Op("surveys/{21}/schema.json", "schema", act=touched),
    # folders
    "folder of an id": Op("surveys/{hidden}", "survey", FOLDER, names),
    "filters": Op("surveys/{customers}/filters", "filters", FOLDER, names),
    "distributions": Op("surveys/{customers}/distributions", "distributions", FOLDER, names),
    "contacts": Op("directories/{main}/contacts", "contacts", FILE, names),
    "contacts of a list": Op("mailinglists/{pilot}/contacts", "list_contacts", FILE, names),
}
SURVEYS = 22


@pytest.fixture
def account(sandbox):
    """An account with enough surveys, and what may stand in each path."""
    sandbox.settings(job_polls=1, odd_percent_every=0)
    made = sandbox.add_surveys(SURVEYS, prefix="Away", responses=5)
    hidden = sandbox.add_survey("Found by its id", 3, listed=False)
    other = sandbox.add_directory("Other", 20)
    person = next(one for one in sandbox.result(f"/directories/{other}/contacts")["elements"] if one.get("email"))
    ids = {"customers": CUSTOMERS, "main": MAIN, "other": other, "pilot": PILOT, "hidden": hidden, "response": sandbox.response_ids(CUSTOMERS)[0],
           "contact": person["contactId"], "email": person["email"]}
    sandbox.paths = {name: op.path.format(*made, **ids) for name, op in OPS.items()}
    return sandbox


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(len(OPS)) as made:
        yield made


def go_away(sandbox, mode):
    if mode == "reset":
        sandbox.fault("*", "reset_before")
    else:
        sandbox.pause(mode)


def come_back(sandbox):
    sandbox.clear_faults()
    sandbox.resume()


def begin(pool, mount, sandbox, chosen=tuple(OPS)):
    """All at once; each gives (value or OSError, seconds)."""

    def timed(name):
        begun = time.monotonic()
        try:
            value = OPS[name].act(mount.path / sandbox.paths[name])
        except OSError as error:
            value = error
        return value, time.monotonic() - begun

    return {name: pool.submit(timed, name) for name in chosen}


def all_good(futures, patience=60):
    values = {name: future.result(patience * SLOW)[0] for name, future in futures.items()}
    assert not {name: value for name, value in values.items() if isinstance(value, OSError) or not value}
    return values


def forget_moments(values):
    """A workbook tells when it was made."""
    return {name: value for name, value in values.items() if name != "workbook"}


@pytest.mark.parametrize("mode", MODES)
def test_what_was_never_read_fails_within_its_bound_and_works_afterwards(account, mounts, pool, mode):
    mount = mounts(account, "api")
    go_away(account, mode)
    wrong = {}
    for name, future in begin(pool, mount, account).items():
        value, took = future.result(90 * SLOW)
        known = name == "whoami"  # it was asked for at the mount
        late = took > OPS[name].bound + MORE
        if late or (not known and (not isinstance(value, OSError) or value.errno not in AWAY)):
            wrong[name] = (str(value)[:60], round(took, 1))
    assert wrong == {}
    come_back(account)
    all_good(begin(pool, mount, account))


@pytest.mark.parametrize("mode", MODES)
def test_what_was_read_is_read_again(account, mounts, pool, mode):
    mount = mounts(account, "api", "fresh=0")
    before = all_good(begin(pool, mount, account))
    go_away(account, mode)
    wrong = {}
    for name, future in begin(pool, mount, account).items():
        value, took = future.result(90 * SLOW)
        good = value == before[name] if OPS[name].kept else isinstance(value, OSError) and value.errno in AWAY
        if not good or took > (OLD if OPS[name].kept else OPS[name].bound) + MORE:
            wrong[name] = (str(value)[:60], round(took, 1))
    assert wrong == {}
    come_back(account)
    assert forget_moments(all_good(begin(pool, mount, account))) == forget_moments(before)


@pytest.mark.parametrize("name", OPS)
def test_it_waits_out_a_network_that_goes_while_it_is_under_way(account, mounts, pool, name):
    mount = mounts(account, "api")
    op = OPS[name]
    if name == "whoami":
        os.utime(mount.path / "whoami.json")  # it was asked for at the mount
    account.reset_stats()
    account.hold(op.endpoint)
    under_way = begin(pool, mount, account, (name,))
    assert account.wait_held(op.endpoint)
    go_away(account, "refuse")
    account.release()
    with pytest.raises(concurrent.futures.TimeoutError):
        under_way[name].result(1)
    come_back(account)
    value = all_good(under_way, 45)[name]
    assert len(account.jobs()) <= (2 if op.endpoint == "export_start" else 1), "no job is begun twice"
    again = all_good(begin(pool, mount, account, (name,)))[name]
    assert name == "workbook" or again == value


def test_who_comes_late_waits_no_longer_than_who_came_first(sandbox, mounts, small):
    """More than may be under way: those who hang hold all slots, and whoever waits for one waits for the network too."""
    surveys = small(60)
    mount = mounts(sandbox)
    go_away(sandbox, "hang")

    def opened(survey):
        begun = time.monotonic()
        with pytest.raises(OSError) as caught:
            read_all(mount.path / "surveys" / survey / "responses.csv")
        return caught.value.errno in AWAY, time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(len(surveys)) as many:
        first = [many.submit(opened, survey) for survey in surveys[:40]]
        time.sleep(FILE / 3)
        late = [many.submit(opened, survey) for survey in surveys[40:]]
        ends = [one.result() for one in first + late]
    assert [(good, took) for good, took in ends if not good or took > FILE + MORE] == []
    come_back(sandbox)
    for survey in surveys[::10]:
        assert read_all(mount.path / "surveys" / survey / "responses.csv") == sandbox.entry(survey)


@pytest.mark.parametrize("ask", [os.utime, refreshed], ids=["touch", "refresh"])
def test_what_was_to_be_asked_for_anew_is_when_the_service_is_back(account, mounts, ask, expire):
    """Also if it was opened meanwhile, and was the old version."""
    mount = mounts(account, "fresh=1")
    path = mount.path / "surveys" / CUSTOMERS / "responses.csv"
    old = read_all(path)
    account.edit(CUSTOMERS, account.response_ids(CUSTOMERS)[0], {"QID6_TEXT": "another word"})
    go_away(account, "refuse")
    ask(path)
    assert read_all(path) == old
    come_back(account)
    expire()
    assert read_all(path) == account.entry(CUSTOMERS) != old


# --- imports ----------------------------------------------------------------------------------------------------------


def contacts(mount):
    return folder(mount) / "a.csv", people(1)


def answers(mount):
    survey = mount.path / "surveys" / "SV_demoSmall000014"
    return survey / "import" / "a.csv", read_all(survey / "responses.csv")


def new_survey(mount):
    return mount.path / "surveys" / "import" / "Guests.txt", b"1. How old are you?\n\nyoung\nold\n"


STEPS = {
    "contacts, post": (contacts, "contact_import", 5, 1),  # what may have arrived is a person's to decide
    "contacts, poll": (contacts, "contact_import_status", 0, 1),
    "responses, post": (answers, "import_start", 0, 2),  # it carries a key
    "responses, poll": (answers, "import_progress", 0, 1),
    "survey, post": (new_survey, "survey_create", 0, 2),  # looked for, and not there
}
STARTS = {contacts: "contact_import", answers: "import_start", new_survey: "survey_create"}


@pytest.mark.timeout(150 * SLOW)
@pytest.mark.parametrize("step", STEPS)
def test_an_import_is_seen_through_when_the_network_goes_in_between(sandbox, mounts, pool, step):
    make, endpoint, status, starts = STEPS[step]
    mount = mounts(sandbox, "import_delay=0")
    target, data = make(mount)
    people_before, count = len(members(sandbox)), len(sandbox.response_ids("SV_demoSmall000014"))
    surveys = len(sandbox.info()["surveys"])
    sandbox.reset_stats()
    sandbox.hold(endpoint)
    target.write_bytes(data)
    assert sandbox.wait_held(endpoint)
    sandbox.fault("*", "reset_before")
    sandbox.pause("refuse")
    waiting = pool.submit(wait_for, mount, target)
    time.sleep(2)
    come_back(sandbox)
    code, said = waiting.result(120 * SLOW)
    assert code == status, said
    assert sandbox.count(STARTS[make]) <= starts
    done = [one for one in sandbox.imports() if one["outcome"] == "done"]
    assert len(done) <= 1
    assert len(members(sandbox)) - people_before in ((0, 1) if make is contacts else (0,))
    if status == 0:
        assert len(done) == 1
        assert len(sandbox.response_ids("SV_demoSmall000014")) == count * (2 if make is answers else 1)
        assert len(sandbox.info()["surveys"]) - surveys == (make is new_survey)
