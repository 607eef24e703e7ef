"""A mount of the replay server (tests/sandbox/replay.py): what was recorded from the real service, opened as files.

Where the recordings are not beside the tree (QXFS_RECORDED) nothing of this can be run.
"""

import csv
import errno
import json
import os
import re

import pytest

from control import Sandbox, recordings  # tests/sandbox/control.py

RECORDED = recordings()
pytestmark = pytest.mark.skipif(RECORDED is None, reason="the recorded exchanges are not beside the tree")

BESKAR = "SV_3gbwq8aJgqPwQDP"
DEFINITION = "SV_6s93xhVtm1e4j3v"
FOUND, MISSING = "SV_0fEV92PdRg8a2e9", "SV_0fEV92PdRg8a2e0"
MAILED, MAILING = "SV_06PSFx0kpItCz0q", "EMD_RmjB8Gfpjlki6ms"
CATS = "ML_6xLATuSWeOcGWyh"


def answers(name):
    return [one["response"] for one in json.loads((RECORDED / f"{name}.json").read_text())["interactions"]]


def elements(name):
    """Of the first page that has any."""
    return next(found for one in answers(name) if (found := json.loads(one["body"])["result"]["elements"]))


@pytest.fixture
def replayed(mounts):
    servers = []

    def make(*options, only=(), besides=None):
        """besides: results that were not recorded and are needed to come to what was, by endpoint."""
        words = [word for name in only for word in ("--exchange", name)]
        servers.append(Sandbox.spawn(extra=("--replay", str(RECORDED), *words)))
        for endpoint, result in (besides or {}).items():
            servers[-1].fault(endpoint, "status", status=200, body={"result": result, "meta": {}})
        return mounts(servers[-1], "legacy_contacts=on", *options)

    yield make
    for server in servers:
        server.check_limits()
        server.stop()


@pytest.fixture
def mount(replayed):
    return replayed()


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["surveys_list", "surveys_list_2016"])
def test_the_lists_of_surveys(replayed, name):
    mount = replayed(only=(name,) if name != "surveys_list" else ())
    told = {one["id"]: one for one in elements(name)}
    assert {found for found in os.listdir(mount.path / "surveys") if found.startswith("SV_")} == set(told)
    rows = {row["id"]: row for row in rows_of(mount.path / "surveys" / "index.csv")}
    assert set(rows) == set(told)
    for survey, row in rows.items():
        assert row["name"] == told[survey]["name"] and row["owner"] == told[survey]["ownerId"]
        assert os.readlink(mount.path / "surveys" / "by-name" / re.sub('[/:*?"<>|\\\\]', "_", row["name"])) == f"../{survey}"


@pytest.mark.parametrize(("only", "exported"), [("fetch_survey_2025", "fetch_survey_2025_8"),
                                                ("fetch_one_qid_2025", "fetch_one_qid_2025_9")])
def test_exports(replayed, only, exported):
    mount = replayed(only=(only, "surveys_list"))
    folder = mount.path / "surveys" / BESKAR
    assert (folder / "responses.csv").read_bytes() == (RECORDED / "bodies" / f"{exported}.csv").read_bytes()
    told = json.loads(answers(only)[-1]["body"])["result"]
    assert json.loads((folder / "survey.json").read_text()) == told
    plain = rows_of(folder / "responses.plain.csv")
    with open(folder / "responses.csv", encoding="utf-8", newline="") as file:
        tags, _, _, *rows = csv.reader(file)
    assert len(plain) == len(rows) > 0
    assert [row["ResponseId"] for row in plain] == [row[tags.index("ResponseId")] for row in rows]


def test_a_survey_that_no_list_shows(mount):
    found = mount.path / "surveys" / FOUND
    assert json.loads((found / "survey.json").read_text()) == json.loads(answers("survey_find")[0]["body"])["result"]
    with pytest.raises(OSError) as caught:
        os.listdir(mount.path / "surveys" / MISSING)
    assert caught.value.errno == errno.ENOENT


def test_a_survey_to_import_elsewhere(mount):
    body = answers("survey_definitions_qsf")[0]["body"]
    result = (mount.path / "surveys" / DEFINITION / "survey.qsf").read_text()
    assert f'"result":{result}' in body and json.loads(result) == json.loads(body)["result"]


@pytest.mark.parametrize(("file", "name"), [("history.csv", "distribution_history"), ("links.csv", "distribution_links")])
def test_a_distribution(replayed, file, name):
    mount = replayed(besides={"survey": {"id": MAILED, "name": "Mailed"},
                              "distributions": {"elements": [{"id": MAILING, "surveyLink": {"surveyId": MAILED}}], "nextPage": None}})
    rows = rows_of(mount.path / "surveys" / MAILED / "distributions" / MAILING / file)
    told = elements(name)
    assert len(rows) == len(told) > 0
    for row, one in zip(rows, told):
        for member, value in one.items():
            shown = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            assert row[member] == shown, member


def test_the_lists_of_the_survey_platform(mount):
    told = {one["id"]: one for one in elements("legacy_mailinglists_list")}
    assert {found for found in os.listdir(mount.path / "mailinglists") if found.startswith("ML_")} == set(told)
    for ident, one in told.items():
        assert os.readlink(mount.path / "mailinglists" / "by-name" / one["name"]) == f"../{ident}"


def test_the_people_of_such_a_list(mount):
    told = elements("legacy_mailinglist_contacts")
    folder = mount.path / "mailinglists" / CATS
    assert json.loads((folder / "contacts.json").read_text()) == told
    assert [json.loads(line) for line in (folder / "contacts.ndjson").read_text().splitlines()] == told
    rows = rows_of(folder / "contacts.csv")
    assert [(row["firstName"], row["lastName"], row["email"]) for row in rows] == [
        (one["firstName"] or "", one["lastName"] or "", one["email"] or "") for one in told]


def test_one_such_list(replayed):
    (told,) = [found for one in answers("legacy_contactimport_create")
               if (found := json.loads(one["body"])["result"]).get("id", "").startswith("ML_0")]
    mount = replayed(only=("legacy_contactimport_create", "surveys_list"),
                     besides={"legacy_lists": {"elements": [{"id": told["id"], "name": "Panel"}], "nextPage": None}})
    shown = json.loads((mount.path / "mailinglists" / told["id"] / "list.json").read_text())
    assert shown == told


def test_what_was_not_recorded_is_not_there(mount):
    for name in ("definition.json", "quotas.json", "languages.json"):
        with pytest.raises(OSError) as caught:
            (mount.path / "surveys" / BESKAR / name).read_bytes()
        assert caught.value.errno == errno.ENOENT
