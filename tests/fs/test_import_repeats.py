"""An import whose request went out and whose answer never came (DESIGN.md 4), for each row of import_kinds.c as the repeat
rule of its endpoint says: under its key it is sent again, a survey is looked for, all else is a person's to decide. None
is done twice. What was told to wait is sent again, whatever the rule."""

import json
import re
from typing import NamedTuple

import pytest

from common import ROOT
from control import SLOW  # tests/sandbox/control.py
from imports import EMPTY, MAIN, people, wait_for

SMALL, OLD = "SV_demoSmall000014", "ML_demoOld00000001"
TEXT = "1. How old are you?\n\nyoung\nold\n"
ADDRESS = "https://files.example.org/a.csv"


def kinds_and_rules():
    """{kind: repeat rule}, as the program's own tables have them."""
    kinds = (ROOT / "fs" / "jobs" / "import_kinds.c").read_text()
    endpoints = (ROOT / "fs" / "api" / "endpoints.c").read_text()
    starts = dict(re.findall(r'\.name = "([a-z-]+)",.*?\.start = (\w+)', kinds, re.DOTALL))
    return {kind: re.search(rf"\[{start}\] = .*?REPEAT_(\w+)", endpoints, re.DOTALL)[1] for kind, start in starts.items()}


class Kind(NamedTuple):
    folder: str
    name: str
    route: str
    data: object  # bytes, or of the mount


def exported(name):
    return lambda mount: (mount.path / "surveys" / SMALL / name).read_bytes()


def design(mount):
    data = json.loads(exported("survey.qsf")(mount))
    data["SurveyEntry"]["SurveyName"] = "Guests of today"
    return json.dumps(data).encode()


CONTACT = b'[{"email":"person0@example.com","firstName":"Ann"}]'
KINDS = {
    "contacts-csv": Kind(f"mailinglists/{EMPTY}", "a.csv", "contact_import", people(1)),
    "contacts-json": Kind(f"mailinglists/{EMPTY}", "a.json", "contact_import", CONTACT),
    "old-contacts-csv": Kind(f"mailinglists/{OLD}", "a.csv", "legacy_import", people(1)),
    "old-contacts-json": Kind(f"mailinglists/{OLD}", "a.json", "legacy_import", CONTACT),
    "directory-csv": Kind(f"directories/{MAIN}", "a.csv", "contact_create", people(1)),
    "directory-json": Kind(f"directories/{MAIN}", "a.json", "contact_create", CONTACT),
    "responses-csv": Kind(f"surveys/{SMALL}", "a.csv", "import_start", exported("responses.csv")),
    "responses-tsv": Kind(f"surveys/{SMALL}", "a.tsv", "import_start", exported("responses.tsv")),
    "responses-url": Kind(f"surveys/{SMALL}", "a.url", "import_start", ADDRESS.encode()),
    "survey-qsf": Kind("surveys", "a.qsf", "survey_create", design),
    "survey-txt": Kind("surveys", "Guests.txt", "survey_create", TEXT.encode()),
    "survey-doc": Kind("surveys", "Guests.doc", "survey_create", bytes.fromhex("d0cf11e0a1b11ae1") + b"\r\n\0word"),
}
RULES = kinds_and_rules()
# exit status, requests, and what the books of the account say of each of them
ENDS = {"NEVER": (5, ["done"]), "KEY": (0, ["done", "same"]), "LOOK": (0, ["done"])}


def test_each_kind_is_here():
    assert RULES.keys() == KINDS.keys()
    assert set(RULES.values()) == set(ENDS)


@pytest.fixture
def account(sandboxes, mounts):
    """A factory: sandbox, mount, path to write and bytes of a kind."""

    def make(name):
        kind = KINDS[name]
        box = sandboxes(settings={"xm_directory": "forbidden", "legacy": True} if "ML_" in kind.folder else {})
        box.put_remote_file(ADDRESS, box.entry(SMALL))
        mount = mounts(box, "import_delay=0")
        data = kind.data(mount) if callable(kind.data) else kind.data
        return box, mount, mount.path / kind.folder / "import" / kind.name, data

    return make


def outcomes(box, route):
    return [one["outcome"] for one in box.imports(route)]


@pytest.mark.timeout(150 * SLOW)
@pytest.mark.parametrize("loss", ["reset", "gateway", "killed"])
@pytest.mark.parametrize("name", KINDS)
def test_what_was_sent_and_not_answered_is_done_once(account, name, loss):
    box, mount, path, data = account(name)
    route, (status, told) = KINDS[name].route, ENDS[RULES[name]]
    fault = {"reset": ("reset_after", {}), "gateway": ("status_after", {"status": 504}), "killed": ("hold_after", {})}[loss]
    box.fault(route, fault[0], nth=1, **fault[1])
    path.write_bytes(data)
    if loss == "killed":
        assert box.wait_held(route)
        mount.kill()
        box.release()
        mount.start()
    code, said = wait_for(mount, path)
    assert code == status, said
    assert outcomes(box, route) == told
    assert len({one["key"] for one in box.imports(route)} - {None}) == 1


@pytest.mark.parametrize("name", KINDS)
def test_what_was_told_to_wait_is_sent_again(account, name):
    box, mount, path, data = account(name)
    box.fault(KINDS[name].route, "status", nth=1, status=429)
    path.write_bytes(data)
    code, said = wait_for(mount, path)
    assert code == 0, said
    assert outcomes(box, KINDS[name].route) == ["nothing", "done"]


@pytest.mark.timeout(150 * SLOW)
def test_an_older_survey_of_that_name_is_not_the_new_one(account, until):
    box, _, path, data = account("survey-txt")
    box.add_survey(path.stem, created=1_700_000_000_000)
    box.fault("survey_create", "reset_before", nth=1)
    path.write_bytes(data)
    until((path.parent / "done" / path.name).exists, 100, "its end, after a minute of looking")
    assert outcomes(box, "survey_create") == ["nothing", "done"]
