"""A refresh fetches what is new and puts it behind the rest, or makes a full export (DESIGN.md 3, Append)."""

import concurrent.futures
import json
import os
import random
import time

import pytest

from common import read_all, responses
from control import SLOW

SMALL = "SV_demoSmall000014"
CUSTOMERS = "SV_demoCustomers02"
FORMS = {
    "responses.csv": {"format": "csv"},
    "responses.labels.csv": {"format": "csv", "useLabels": True},
    "responses.tsv": {"format": "tsv"},
    "responses.labels.tsv": {"format": "tsv", "useLabels": True},
    "responses.ndjson": {"format": "ndjson"},
}


OTHERS = {
    "responses.json": {"format": "json"},
}


def posts(sandbox):
    """What the exports since the last reset asked for."""
    return [kind_of(entry) for entry in sandbox.requests("export_start")]


def kind_of(entry):
    body = json.loads(entry["body"]) if isinstance(entry["body"], str) else entry["body"]
    return "new" if "continuationToken" in body else "all"


def sent(sandbox):
    """Bytes of all answers since the last reset."""
    return sum(entry["bytes"] for entry in sandbox.requests() if entry["endpoint"] != "survey")


def full(sandbox, survey, form):
    data = sandbox.entry(survey, **(FORMS | OTHERS)[form])
    return data.decode("utf-16").encode() if "tsv" in form else data


@pytest.fixture
def refresh(sandbox, reopen):
    """refresh(path): the file as the next open after its freshness finds it, and what that asked for."""
    return lambda path: (reopen(path), posts(sandbox))


def later(box, survey, count):
    """New responses, recorded a second apart: CSV has no finer moments."""
    for _ in range(count):
        box.clock = getattr(box, "clock", int(time.time()) - 3600) + 1
        box.append(survey, 1, recorded=box.clock * 1000)


def files(mount, survey, forms=FORMS):
    return {form: responses(mount, survey).with_name(form) for form in forms}


# --- what is new is put behind the rest ---------------------------------------------------------------------


@pytest.mark.parametrize("bom", [False, True], ids=["plain", "bom"])
@pytest.mark.parametrize("form", FORMS)
def test_new_responses_are_appended_and_the_file_is_a_full_exports(sandbox, mounts, refresh, form, bom):
    mount = mounts(sandbox, "fresh=1", *(["csv_bom"] if bom else []))
    path = responses(mount, CUSTOMERS).with_name(form)
    mark = b"\xef\xbb\xbf" if bom and "csv" in form else b""
    assert read_all(path) == mark + full(sandbox, CUSTOMERS, form)
    for count in (1, 7, 30):
        sandbox.append(CUSTOMERS, count)
        data, asked = refresh(path)
        assert data == mark + full(sandbox, CUSTOMERS, form)
        assert asked == ["new"]


def test_each_form_has_its_own_token(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    paths = files(mount, SMALL)
    for form in FORMS:
        read_all(paths[form])
        sandbox.append(SMALL, 1)
    for form in FORMS:
        data, asked = refresh(paths[form])
        assert data == full(sandbox, SMALL, form)
        assert asked == ["new"]


def test_500_of_200000_move_under_two_per_cent_of_the_bytes(sandbox, mounts, refresh):
    survey = sandbox.add_survey("Large", responses=200_000)
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, survey)
    whole = read_all(path)
    before = sent(sandbox)
    sandbox.append(survey, 500)
    data, asked = refresh(path)
    assert asked == ["new"]
    assert data == full(sandbox, survey, "responses.csv")
    assert 0 < sent(sandbox) < 0.02 * before
    assert len(data) > len(whole)


def test_other_forms_are_exported_whole(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    for name in ("responses.json", "responses.sav", "responses.xml", "dates/2020-01-01../responses.csv",
                 "with/useLabels=true/responses.csv"):
        path = responses(mount, SMALL).with_name(name.split("/", 1)[0]) / (name.split("/", 1) + [""])[1]
        read_all(path)
        sandbox.append(SMALL, 1)
        _, asked = refresh(path)
        assert asked == ["all"]
        assert "continuation" not in sandbox.requests("export_start")[-1]["body"].lower()


def test_what_is_made_from_it_is_made_anew(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL).with_name("responses.plain.csv")
    before = read_all(path)
    sandbox.append(SMALL, 2)
    data, asked = refresh(path)
    assert asked == ["new"]
    assert data.startswith(before) and len(data) > len(before)


def test_an_old_handle_keeps_its_length(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    versions, handles = [], []
    for _ in range(3):
        handles.append(os.open(path, os.O_RDONLY))
        versions.append(full(sandbox, CUSTOMERS, "responses.csv"))
        sandbox.append(CUSTOMERS, 3)
        _, asked = refresh(path)
        assert asked == ["new"]
    for fd, data in zip(handles, versions, strict=True):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        assert os.fstat(fd).st_size == len(data)
        assert os.pread(fd, len(data) + 4096, 0) == data
        os.close(fd)
    assert len(list((mount.cache / "qxfs").glob("*/gen/*/*.data"))) == 1


def test_what_the_service_has_not_exported_yet_comes_later(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    read_all(path)
    sandbox.append(SMALL, 5)
    whole = full(sandbox, SMALL, "responses.csv")
    sandbox.settings(continuation_misses=2)
    data, asked = refresh(path)
    assert asked == ["new"]
    assert whole.startswith(data) and len(data) < len(whole)
    sandbox.settings(continuation_misses=0)
    data, asked = refresh(path)
    assert (data, asked) == (whole, ["new"])
    data, asked = refresh(path)
    assert (data, asked) == (whole, [])


@pytest.mark.parametrize("name", ["responses.csv", "responses.json", "responses.ndjson"])
def test_a_first_export_that_lagged_behind_the_survey_is_made_good(sandbox, mounts, refresh, name):
    """A survey's last answers would be missing for good: its counts do not move any more."""
    sandbox.settings(export_lag=3600.0)
    sandbox.append(SMALL, 2)
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL).with_name(name)
    lacking = read_all(path)
    sandbox.settings(export_lag=0.0)
    whole = full(sandbox, SMALL, name)
    assert len(lacking) < len(whole)
    data, asked = refresh(path)
    assert data == whole and asked == ["all" if name == "responses.json" else "new"]
    data, asked = refresh(path)
    assert (data, asked) == (whole, [])


@pytest.mark.parametrize("name", ["responses.csv", "responses.json"])
def test_an_export_of_a_changed_survey_that_lagged_is_made_good(sandbox, mounts, refresh, name):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL).with_name(name)
    read_all(path)
    sandbox.settings(export_lag=3600.0)
    sandbox.append(SMALL, 2)
    lacking, asked = refresh(path)
    whole = full(sandbox, SMALL, name)
    assert len(asked) >= 1 and len(lacking) < len(whole)
    sandbox.settings(export_lag=0.0)
    data, asked = refresh(path)
    assert data == whole and len(asked) == 1


def test_a_response_that_came_behind_the_count_costs_no_export(sandbox, mounts, refresh):
    """It was counted after the check and before the export: the file has it."""
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    sandbox.hold("export_start")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reader = pool.submit(read_all, path)
        assert sandbox.wait_held("export_start")
        sandbox.append(SMALL, 1)
        sandbox.release()
        assert reader.result(30 * SLOW) == full(sandbox, SMALL, "responses.csv")
    data, asked = refresh(path)
    assert (data, asked) == (full(sandbox, SMALL, "responses.csv"), [])


def test_what_is_new_is_not_waited_for_as_long_as_all_of_it_was(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    sandbox.settings(job_seconds=8.0 * SLOW, job_polls=0)
    read_all(path)
    sandbox.settings(job_seconds=0.0)
    for _ in range(2):
        sandbox.append(SMALL, 1)
        sandbox.reset_stats()
        begin = time.monotonic()
        data, asked = refresh(path)
        assert (data, asked) == (full(sandbox, SMALL, "responses.csv"), ["new"])
        assert time.monotonic() - begin < 5 * SLOW, "all of it took longer"


# --- what cannot be appended costs a full export, in the same open ------------------------------------------


def delete(box, survey):
    box.delete_response(survey, box.response_ids(survey, 3, 1)[0])
    box.append(survey, 3)


def question(box, survey):
    box.add_question(survey, "Q99")
    box.append(survey, 1)


BEFORE_THE_POST = {"deleted": delete, "question": question}
AFTER_IT = {
    "expired": lambda box, survey: box.settings(token_lifetime=0.0),
    "expired as 404": lambda box, survey: box.settings(token_lifetime=0.0, expired_token_status=404),
    "refused": lambda box, survey: box.settings(continuation="refused"),
    "server error": lambda box, survey: box.fault("export_start", "status", first=8, status=500),
    "failed": lambda box, survey: box.fault("export_start", "job_failed", nth=1),
    "vanished": lambda box, survey: box.fault("export_start", "job_lost", nth=1),
    "no file": lambda box, survey: box.fault("export_start", "file_404", nth=1),
    "damaged": lambda box, survey: box.fault("export_file", "corrupt", first=2, offset=60),
    "repeated": lambda box, survey: box.settings(continuation_repeats=1),
    "reordered": lambda box, survey: box.settings(continuation_order="reversed"),
    "heading": lambda box, survey: box.settings(continuation_heading="x"),
    "nothing yet": lambda box, survey: box.settings(continuation_misses=5),
}


@pytest.mark.parametrize("how", BEFORE_THE_POST)
def test_a_change_that_the_survey_tells_makes_a_full_export(sandbox, mounts, refresh, how):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    read_all(path)
    BEFORE_THE_POST[how](sandbox, SMALL)
    data, asked = refresh(path)
    assert asked == ["all"]
    assert data == full(sandbox, SMALL, "responses.csv")


@pytest.mark.parametrize("form", ["responses.csv", "responses.tsv", "responses.ndjson"])
@pytest.mark.parametrize("how", AFTER_IT)
def test_what_cannot_be_appended_makes_a_full_export_in_the_same_open(sandbox, mounts, refresh, how, form):
    if how == "heading" and "ndjson" in form:
        pytest.skip("it has none")
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL).with_name(form)
    old = read_all(path)
    with open(path, "rb", buffering=0) as handle:
        later(sandbox, SMALL, 3)
        AFTER_IT[how](sandbox, SMALL)
        data, asked = refresh(path)
        assert data == full(sandbox, SMALL, form)
        assert asked[0] == "new" and asked[-1] == "all"
        assert handle.read() == old
    # and from then on it goes on as before
    sandbox.clear_faults()
    sandbox.settings(token_lifetime=604800.0, continuation="on", continuation_repeats=0, continuation_heading="",
                     continuation_order="recorded", continuation_misses=0)
    sandbox.append(SMALL, 1)
    data, asked = refresh(path)
    assert (data, asked) == (full(sandbox, SMALL, form), ["new"])


def test_an_account_without_continuation_is_exported_as_ever(sandbox, mounts, refresh):
    sandbox.settings(continuation="silent")
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    read_all(path)
    sandbox.append(SMALL, 1)
    assert refresh(path) == (full(sandbox, SMALL, "responses.csv"), ["all"])


def test_a_touch_makes_a_full_export_and_appending_goes_on(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    read_all(path)
    sandbox.append(SMALL, 1)
    os.utime(path)
    assert refresh(path) == (full(sandbox, SMALL, "responses.csv"), ["all"])
    sandbox.append(SMALL, 1)
    assert refresh(path) == (full(sandbox, SMALL, "responses.csv"), ["new"])


def test_a_touch_while_new_ones_are_fetched_does_not_join_that(sandbox, mounts, expire, parked):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    read_all(path)
    sandbox.append(SMALL, 1)
    expire()
    sandbox.reset_stats()
    sandbox.hold("survey")
    sandbox.fault("export_start", "delay", seconds=20)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(read_all, path)
        assert sandbox.wait_held("survey", 1)
        os.utime(path)
        sandbox.release()
        assert sandbox.wait_held("export_start", 1)  # asked for after the touch, but not in full
        (edited,) = sandbox.response_ids(SMALL, 2, 1)
        sandbox.edit(SMALL, edited, {"QID1": "3"})
        second = pool.submit(read_all, path)
        parked(mount, 2)
        sandbox.clear_faults()
        first.result(30)
        assert second.result(30) == full(sandbox, SMALL, "responses.csv")
    assert posts(sandbox) == ["new", "all"]


def test_refresh_full_never_appends_nor_takes_the_surveys_word(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1", "refresh=full")
    path = responses(mount, SMALL)
    read_all(path)
    for count in (1, 0):
        if count:
            sandbox.append(SMALL, count)
        expire()
        list(os.scandir(path.parent))  # its check takes nobody's word either
        sandbox.reset_stats()
        data, asked = read_all(path), posts(sandbox)
        assert (data, asked) == (full(sandbox, SMALL, "responses.csv"), ["all"])
        assert "ontinuation" not in sandbox.requests("export_start")[-1]["body"]


# --- crashes ------------------------------------------------------------------------------------------------


def test_a_tail_that_a_crash_left_is_cut_off(sandbox, mounts, refresh):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    old = read_all(path)
    mount.kill()
    (data_file,) = [file for file in (mount.cache / "qxfs").glob("*/gen/*/*.data") if file.stat().st_size == len(old)]
    with open(data_file, "ab") as file:
        file.write(b"half a row, and nobody's")
    mount.start()
    assert read_all(path) == old
    sandbox.append(SMALL, 2)
    data, asked = refresh(path)
    assert (data, asked) == (full(sandbox, SMALL, "responses.csv"), ["new"])
    assert data_file.read_bytes() == data


# --- any history --------------------------------------------------------------------------------------------


def history(box, survey, dice):
    """Something happens to the survey; what it changes of every form is in any full export."""
    def remove():
        box.delete_response(survey, dice.choice(box.response_ids(survey)))

    def ask():
        box.add_question(survey, f"Q{dice.randrange(10**6)}", "Asked later")

    acts = {
        "add": (8, lambda: later(box, survey, dice.randint(1, 6))),
        "add nothing": (1, lambda: None),
        "delete": (1, remove),
        "delete and add": (1, lambda: (remove(), later(box, survey, dice.randint(1, 4)))),
        "question": (1, ask),
        "expire": (1, lambda: box.advance(8 * 86400)),
        "repeat": (1, lambda: box.settings(continuation_repeats=dice.randint(1, 3))),
        "reorder": (1, lambda: box.settings(continuation_order="reversed")),
        "modified": (1, lambda: box.settings(continuation_modified=True)),
        "heading": (1, lambda: box.settings(continuation_heading="!")),
        "refuse": (1, lambda: box.settings(continuation="refused")),
        "calm": (4, lambda: box.settings(continuation="on", continuation_repeats=0, continuation_modified=False,
                                         continuation_heading="", continuation_order="recorded")),
    }
    names = list(acts)
    done = dice.choices(names, [acts[name][0] for name in names], k=dice.randint(1, 3))
    for name in done:
        acts[name][1]()
    return done


@pytest.mark.parametrize("seed", range(int(os.environ.get("QXFS_HISTORIES", "3"))))
def test_any_history_reads_as_a_full_export(sandbox, mounts, expire, seed):
    dice = random.Random(seed)
    mount = mounts(sandbox, "fresh=0")
    paths = files(mount, SMALL)
    asked = []
    told = []
    for _ in range(25):
        told.append(history(sandbox, SMALL, dice))
        form = dice.choice(list(FORMS))
        sandbox.reset_stats()
        assert read_all(paths[form]) == full(sandbox, SMALL, form), (seed, form, told)
        asked += posts(sandbox)
    assert "new" in asked and "all" in asked
