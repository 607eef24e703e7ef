"""A network and a service in bad weather: many answers fail, and every file is right all the same (issue of limits)."""

import collections
import os

import pytest

from common import PROGRESS, SANITIZED
from control import SLOW  # tests/sandbox/control.py
from imports import EMPTY, folder, members, people, wait_for

SMALL = "SV_demoSmall000014"
PILOT = "CG_demoPilot0000003"
MAIN = "POOL_demoMain0000001"
FORMS = ("responses.csv", "responses.labels.csv", "responses.ndjson", "responses.json", "responses.plain.csv")
DOCUMENTS = ("survey.json", "definition.json", "schema.json", "survey.qsf", "quotas.json", "languages.json", "codebook.csv",
             "distributions.csv")

# 15 % of all answers and 5 % of all connections; the periods have no common factor
FAULTS = (
    ("status", 29, {"status": 500}), ("status", 31, {"status": 502}), ("status", 37, {"status": 503}),
    ("status", 41, {"status": 503, "retry_after": 1}), ("status", 53, {"status": 429, "retry_after": 1}),
    ("status", 59, {"status": 429}),
    ("reset_before", 43, {}), ("reset_before", 47, {}),
)


# What starts an import: told to wait, and answered with nothing when the work was done.
TO_STARTS = (("status", 4, {"status": 429}), ("status", 5, {"status": 429, "retry_after": 1}), ("status_after", 7, {"status": 504}),
             ("reset_after", 9, {}))


def turn_foul(sandbox):
    for kind, every, more in FAULTS:
        sandbox.fault("*", kind, every=every, **more)


def asked(sandbox, failed=False):
    """How often each endpoint was asked since reset_stats, or how often it did not answer with what it has. Without the
    progress of exports: how often that is asked for is a matter of time."""
    return collections.Counter(one["endpoint"] for one in sandbox.requests()
                               if one["endpoint"] != PROGRESS and (not failed or one["status"] != 200))


def assert_foul(sandbox, needed, more=0):
    """The weather was what it should be, and cost no more than it may. more: faults beyond the 15 %."""
    spent, failed = asked(sandbox), asked(sandbox, failed=True)
    assert failed.total() > spent.total() // 8, "the weather was fair"
    wasted = {one: (spent[one], needed[one], failed[one]) for one in needed if spent[one] > needed[one] + failed[one]}
    assert wasted == {}, "what failed was asked for once more, and nothing else was"
    assert spent.total() - more <= 1.5 * needed.total(), (spent, needed)


def wanted(mount):
    surveys = [name for name in sorted(os.listdir(mount.path / "surveys")) if name.startswith("SV_")][: 2 if SANITIZED else 6]
    paths = [mount.path / "surveys" / survey / name for survey in surveys for name in (*FORMS, *DOCUMENTS)]
    paths += [mount.path / "mailinglists" / PILOT / name for name in ("contacts.csv", "contacts.ndjson", "bounced.csv")]
    return [*paths, mount.path / "directories" / MAIN / "contacts.csv"]


@pytest.mark.timeout(240 * SLOW)
def test_every_file_is_right_in_bad_weather(sandbox, mounts, tmp_path):
    fair = mounts(sandbox, name="fair")
    sandbox.reset_stats()
    assert fair.run("fetch", *wanted(fair)).returncode == 0
    needed = asked(sandbox)
    turn_foul(sandbox)
    (tmp_path / "foul").mkdir()
    foul = mounts(sandbox, name="foul", folder=tmp_path / "foul")
    sandbox.reset_stats()
    answer = foul.run("fetch", *wanted(foul))
    assert answer.returncode == 0, answer.stderr
    assert_foul(sandbox, needed)
    sandbox.clear_faults()
    for one, other in zip(wanted(fair), wanted(foul)):
        assert other.read_bytes() == one.read_bytes(), other


FILES, EACH = 12, 4


def lines_of(path):
    """Its heading and its rows; a cell with a line's end has a bare LF."""
    lines = path.read_bytes().split(b"\r\n")
    return lines[:3], lines[3:-1]


def give(mount, box):
    """Files of contacts and of responses; all are waited for. What is uncertain is dropped or sent again, as a person
    would who has looked whether it arrived."""
    survey = mount.path / "surveys" / SMALL
    heading, lines = lines_of(survey / "responses.csv")
    targets = []
    for n in range(FILES):
        targets += [folder(mount) / f"c{n}.csv", survey / "import" / f"r{n}.csv"]
        targets[-2].write_bytes(people(EACH, n * EACH))
        targets[-1].write_bytes(b"\r\n".join([*heading, lines[n % len(lines)], b""]))
    while targets:
        left = []
        for target in targets:
            code, said = wait_for(mount, target)
            assert code in (0, 5), said
            if code and f"person{int(target.stem[1:]) * EACH}@example.com" in [one["email"] for one in box.contacts_of(EMPTY)]:
                target.unlink()
            elif code:
                os.rename(target, target.parent / "send" / target.name)
                left.append(target)
        targets = left


@pytest.mark.timeout(240 * SLOW)
def test_every_import_is_done_once_in_bad_weather(sandboxes, mounts, tmp_path):
    for weather in ("fair", "foul"):
        box = sandboxes()
        (tmp_path / weather).mkdir()
        mount = mounts(box, "import_delay=0", name=weather, folder=tmp_path / weather)
        rows, there = len(box.response_ids(SMALL)), len(members(box))
        mount.path.joinpath("surveys", SMALL, "responses.csv").read_bytes()
        box.reset_stats()
        if weather == "foul":
            turn_foul(box)
            for endpoint in ("contact_import", "import_start"):
                for kind, every, more in TO_STARTS:
                    box.fault(endpoint, kind, every=every, **more)
        give(mount, box)
        told = box.totals()
        if weather == "fair":
            needed = asked(box)
        else:
            assert told["times"] == {"1": FILES * EACH}, "nobody was written twice"
            more = sum(rule["hits"] for rule in box.faults() if rule["endpoint"] != "*")  # beyond the 15 %
            assert_foul(box, needed, more)
            box.clear_faults()
        assert len(box.response_ids(SMALL)) == rows + FILES, "each response once"
        assert len(members(box)) == there + FILES * EACH
        assert box.totals()["times"] == {"1": FILES * EACH}, "nobody was written twice"
        assert {route: told.get("done") for route, told in box.totals()["imports"].items()} == {
            "contact_import": FILES, "import_start": FILES}
