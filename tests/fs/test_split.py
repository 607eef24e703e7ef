"""An export that is too large for the service is asked for in parts, and is as if it were not (DESIGN.md 3, Too large).

The sandbox fails what is over max_export_bytes, as the service does over 1.8 GB: with nothing but "failed"; split_at=
says from when on that may be the reason. A sandbox without that limit tells what the whole would be.
"""

import concurrent.futures
import contextlib
import errno
import hashlib
import json
import os
import random
import subprocess

import pytest

from common import QXFS, SANITIZED, error_of, peak_of, read_all, responses

CUSTOMERS = "SV_demoCustomers02"
FORMS = {
    "responses.csv": {"format": "csv"},
    "responses.labels.csv": {"format": "csv", "useLabels": True},
    "responses.tsv": {"format": "tsv"},
    "responses.labels.tsv": {"format": "tsv", "useLabels": True},
    "responses.ndjson": {"format": "ndjson"},
}


def whole(box, survey, form="responses.csv", **more):
    data = box.entry(survey, **FORMS[form], **more)
    return data.decode("utf-16").encode() if "tsv" in form else data


def bodies(box):
    """What was asked for, parts only."""
    made = [json.loads(entry["body"]) for entry in box.requests("export_start")]
    return [body for body in made if "limit" not in body and body.get("surveyMetadataIds") != ["recordedDate"]]


def why(path):
    return subprocess.run([QXFS, "why", path], capture_output=True, text=True, timeout=60, check=False).stdout


def failed(box):
    return [job for job in box.jobs() if job["state"] == "failed"]


@pytest.fixture
def limited(sandbox, mounts):
    """A mount of an account that exports no more than this share of a file at once; unheard: nobody would think so."""

    def make(path, share=3, *options, survey=CUSTOMERS, form="responses.csv", unheard=False, **more):
        size = len(sandbox.entry(survey, **FORMS[form], **more))
        sandbox.settings(max_export_bytes=size // share)
        mount = mounts(sandbox, f"split_at={size * 2 if unheard else size // share}", *options)
        return mount.path / "surveys" / survey / path

    return make


@pytest.fixture
def refresh(sandbox, reopen):
    return lambda path: (reopen(path), bodies(sandbox))


def limit_exports(sandbox, survey=CUSTOMERS, share=3):
    """What the service brings at once from now on: this share of the survey."""
    limit = len(whole(sandbox, survey)) // share
    sandbox.settings(max_export_bytes=limit)
    return limit


@contextlib.contextmanager
def stopped_at(sandbox, post, path, read=read_all):
    """The reader's future, while the service holds this POST."""
    sandbox.hold("export_start", nth=post)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read, path)
        try:
            assert sandbox.wait_held("export_start", 1)
            yield reader
        finally:
            sandbox.clear_faults()


# --- it is as if it had come at once ------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_what_one_export_would_be(sandbox, limited, form):
    bom = form == "responses.labels.csv"
    path = limited(form, 3, *(["csv_bom"] if bom else []), form=form)
    assert read_all(path) == (b"\xef\xbb\xbf" if bom else b"") + whole(sandbox, CUSTOMERS, form)
    asked = bodies(sandbox)
    assert "startDate" not in asked[0] and "endDate" not in asked[-1]
    assert 3 < len(asked) < 12
    assert len(failed(sandbox)) == 1, "the whole, once; its parts were well chosen"


def crowded(box, seconds=12, each=25):
    """A survey whose responses came in few seconds, some at the very beginning of one."""
    survey = box.add_survey("Crowded", created=1_700_000_000_000)
    for second in range(seconds):
        box.append(survey, each, recorded=(1_750_000_000 + second) * 1000)
        box.append(survey, 1, recorded=(1_750_000_000 + second) * 1000 + 999)
    return survey


@pytest.mark.parametrize("seconds", [False, True], ids=["to the millisecond", "whole seconds"])
@pytest.mark.parametrize("start", [True, False], ids=["start belongs", "start does not"])
@pytest.mark.parametrize("end", [False, True], ids=["end does not", "end belongs"])
def test_a_row_at_a_boundary_comes_once_whichever_end_belongs(sandbox, limited, start, end, seconds):
    survey = crowded(sandbox)
    sandbox.settings(start_date_belongs=start, end_date_belongs=end, dates_in_seconds=seconds)
    path = limited("responses.csv", 2, survey=survey)
    assert read_all(path) == whole(sandbox, survey)
    assert len(bodies(sandbox)) > 3


def test_if_the_service_compares_the_start_all_rows_come_once(sandbox, limited):
    sandbox.settings(date_semantics="started")
    assert sorted(read_all(limited("responses.csv", 4)).split(b"\r\n")) == sorted(whole(sandbox, CUSTOMERS).split(b"\r\n"))


@pytest.mark.concurrency
def test_what_comes_between_two_parts_is_in_the_last(sandbox, limited):
    path = limited("responses.csv", 3)
    with stopped_at(sandbox, 5, path) as reader:
        sandbox.append(CUSTOMERS, 3)
    assert reader.result(60) == whole(sandbox, CUSTOMERS)


@pytest.mark.parametrize("post", [5, 7], ids=["second part", "last part"])
def test_what_is_deleted_between_two_parts_is_gone_at_the_next_look(sandbox, limited, refresh, post):
    path = limited("responses.csv", 3, "fresh=1")
    with stopped_at(sandbox, post, path) as reader:
        late = sandbox.response_ids(CUSTOMERS, 1900, 1)[0]
        early = sandbox.response_ids(CUSTOMERS, 3, 1)[0]
        sandbox.delete_response(CUSTOMERS, early)
        sandbox.delete_response(CUSTOMERS, late)
    told = reader.result(60)
    assert early.encode() in told and late.encode() not in told, "the first part was there already"
    assert refresh(path)[0] == whole(sandbox, CUSTOMERS)


def test_what_comes_late_with_an_early_date_is_there_at_the_next_look(sandbox, limited, refresh):
    path = limited("responses.csv", 3, "fresh=1")
    with stopped_at(sandbox, 5, path) as reader:
        (early,) = sandbox.append(CUSTOMERS, 1, recorded=1_600_000_000_000, late=True)
    assert early.encode() not in reader.result(60), "the first part was there already"
    assert refresh(path)[0] == whole(sandbox, CUSTOMERS)


@pytest.mark.parametrize("folder", [
    ("dates/2024-04-10..2024-07-31", {"startDate": "2024-04-10T00:00:00Z", "endDate": "2024-08-01T00:00:00Z"}),
    ("with/startDate=2024-04-15T00:00:00Z", {"startDate": "2024-04-15T00:00:00Z"}),
    ("with/timeZone=Asia%2FCalcutta", {"timeZone": "Asia/Calcutta"}),
    ("filters/Finished _ complete", None),
], ids=["dates", "startDate", "timeZone", "filter"])
def test_a_folder_of_its_own_dates_is_divided_within_them(sandbox, limited, folder):
    name, more = folder
    if more is None:
        made = sandbox.result(f"/surveys/{CUSTOMERS}/filters")["elements"]
        more = {"filterId": next(each["filterId"] for each in made if "complete" in each["filterName"])}
    path = limited(f"{name}/responses.csv", 3, "timezone=UTC", **more)
    assert read_all(path) == whole(sandbox, CUSTOMERS, **more)
    asked = bodies(sandbox)
    assert len(asked) > 3
    for body in asked:
        assert body.get("startDate", "9") >= more.get("startDate", "") and body.get("endDate", "") <= more.get("endDate", "9")


# --- what goes wrong on the way -----------------------------------------------------------------------------

# the whole, one response, the dates; then the parts
FAULTS = {
    "a part fails": lambda box: box.fault("export_start", "job_failed", nth=5),
    "a part is forgotten": lambda box: box.fault("export_start", "job_lost", nth=5),
    "a part has no file": lambda box: box.fault("export_start", "file_404", nth=5),
    "500": lambda box: box.fault("export_start", "status", nth=5, status=500),
    "a poll gets 503": lambda box: box.fault("export_progress", "status", nth=9, status=503),
    "a download is damaged": lambda box: box.fault("export_file", "corrupt", nth=3, offset=60),
    "a download is cut": lambda box: box.fault("export_file", "cut", nth=3, at=500),
    "several files": lambda box: box.settings(max_rows_per_file=50),
    "no token": lambda box: box.settings(continuation="silent"),
}


@pytest.mark.parametrize("form", ["responses.csv", "responses.ndjson"])
@pytest.mark.parametrize("how", FAULTS)
def test_a_fault_in_one_part_costs_that_part(sandbox, limited, how, form):
    path = limited(form, 3, form=form)
    told = whole(sandbox, CUSTOMERS, form)
    FAULTS[how](sandbox)
    assert read_all(path) == told
    assert len(bodies(sandbox)) <= 7


@pytest.mark.parametrize("fault", [{"kind": "job_failed"}, {"kind": "status", "status": 400}], ids=["fails", "refused"])
def test_without_the_dates_time_is_halved(sandbox, limited, fault):
    path = limited("responses.csv", 3)
    sandbox.fault("export_start", nth=3, **fault)
    assert read_all(path) == whole(sandbox, CUSTOMERS)
    assert len(bodies(sandbox)) > 6


@pytest.mark.parametrize("how", ["damaged", "no heading"])
def test_dates_that_cannot_be_read_are_done_without(sandbox, limited, how):
    path = limited("responses.csv", 3)
    if how == "damaged":
        for download in (1, 2):
            sandbox.fault("export_file", "corrupt", nth=download, offset=60)
    else:
        sandbox.settings(dates_without_heading=True)
    assert read_all(path) == whole(sandbox, CUSTOMERS)
    assert len(bodies(sandbox)) > 6, "time was halved"


def test_an_edit_of_the_survey_between_two_parts_begins_it_anew(sandbox, limited):
    path = limited("responses.csv", 3)
    sandbox.hold("export_start", nth=5)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read_all, path)
        assert sandbox.wait_held("export_start", 1)
        sandbox.add_question(CUSTOMERS, "Q99")
        sandbox.clear_faults()
        assert reader.result(60) == whole(sandbox, CUSTOMERS)


def test_a_part_that_lacks_rows_is_no_file(sandbox, limited):
    path = limited("responses.csv", 3)
    sandbox.settings(dated_export_lacks=4)
    assert error_of(read_all, path) == errno.EIO
    said = why(path)
    assert "dates of 2000 responses" in said and "only 1984" in said and "Nothing incomplete was kept" in said
    sandbox.settings(dated_export_lacks=0)
    assert read_all(path) == whole(sandbox, CUSTOMERS)


def test_a_service_that_fails_every_export_is_asked_twice(sandbox, limited):
    path = limited("responses.csv", 3)
    sandbox.fault("export_start", "job_failed")
    assert error_of(read_all, path) == errno.EIO
    assert sandbox.count("export_start") == 2
    assert "could not finish" in why(path)


def test_what_is_too_small_to_be_too_large_is_asked_once(sandbox, mount):
    sandbox.settings(max_export_bytes=1000)
    path = responses(mount, CUSTOMERS)
    assert error_of(read_all, path) == errno.EIO
    assert sandbox.count("export_start") == 1


def test_after_a_crash_it_begins_anew(sandbox, mounts):
    mount = mounts(sandbox, f"split_at={limit_exports(sandbox)}")
    path = responses(mount, CUSTOMERS)
    with stopped_at(sandbox, 6, path, lambda path: error_of(read_all, path)) as reader:
        mount.kill()
        reader.result(30)
    mount.start()
    assert read_all(path) == whole(sandbox, CUSTOMERS)
    assert not list((mount.cache / "qxfs").glob("*/draft/*"))


def test_what_failed_for_a_mount_that_died_is_not_divided_for_nobody(sandbox, mounts, until):
    mount = mounts(sandbox, f"split_at={limit_exports(sandbox)}")
    sandbox.hold_jobs()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reader = pool.submit(error_of, read_all, responses(mount, CUSTOMERS))
        assert sandbox.wait_for("export_progress")
        mount.kill()
        reader.result(30)
    sandbox.reset_stats()
    mount.start()
    assert sandbox.wait_for("export_progress"), "it is followed"
    sandbox.release_jobs()
    until(lambda: failed(sandbox) and not mount.status()["jobs"], 20, "the end of it")
    assert sandbox.count("export_start") == 0


@pytest.mark.parametrize("post", [2, 5], ids=["is it the size?", "a part"])
def test_what_is_left_by_an_unmount_is_no_record_of_a_part(sandbox, mounts, post):
    mount = mounts(sandbox, f"split_at={limit_exports(sandbox)}")
    path = responses(mount, CUSTOMERS)
    with stopped_at(sandbox, post, path, lambda path: error_of(read_all, path)) as reader:
        assert mount.stop() == 0
        reader.result(30)
    assert not list((mount.cache / "qxfs").glob("*/draft/*"))


# --- what cannot be had ------------------------------------------------------------------------------------


def test_max_export_bounds_all_parts_together(sandbox, mounts):
    size = len(whole(sandbox, CUSTOMERS))
    sandbox.settings(max_export_bytes=size // 3)
    mount = mounts(sandbox, f"split_at={size // 3}", f"max_export={size - 1}")
    path = responses(mount, CUSTOMERS)
    assert error_of(read_all, path) == errno.EFBIG
    said = why(path)
    assert f"more than {size - 1} bytes (max_export=)" in said and "larger -o max_export=" in said
    exact = mounts(sandbox, f"split_at={size // 3}", f"max_export={size}", name="exact")
    assert read_all(responses(exact, CUSTOMERS)) == whole(sandbox, CUSTOMERS)


def test_a_single_second_that_is_too_large_is_told(sandbox, mounts):
    survey = crowded(sandbox, seconds=3, each=60)
    mount = mounts(sandbox, f"split_at={limit_exports(sandbox, survey, 4)}")
    path = responses(mount, survey)
    assert error_of(read_all, path) == errno.EFBIG
    for said in (why(path), (path.parent / "STATUS.txt").read_text(), (mount.path / "STATUS.txt").read_text()):
        assert "recorded in one second, 2025-06-15T15:06:4" in said and "EFBIG" in said
    assert "questionIds" in why(path)
    assert len(failed(sandbox)) < 12


def test_a_single_second_that_fails_once_is_asked_for_again(sandbox, mounts):
    survey = crowded(sandbox, seconds=1)
    mount = mounts(sandbox, "split_at=1000")
    for post in (1, 4, 6):  # the whole, all until the end of the second, the second alone
        sandbox.fault("export_start", "job_failed", nth=post)
    assert read_all(responses(mount, survey)) == whole(sandbox, survey)
    assert len(failed(sandbox)) == 3


@pytest.mark.parametrize(("name", "form", "said"), [
    ("responses.json", {"format": "json"}, "open responses.csv or responses.ndjson"),
    ("responses.sav", {"format": "spss"}, "open responses.csv or responses.ndjson"),
    ("responses.xml", {"format": "xml"}, "spans of this one in dates/"),
    ("with/limit=1100/responses.csv", {"limit": 1100}, "smaller limit"),
    ("with/sortByLastModifiedDate=true/responses.csv", {"sortByLastModifiedDate": True}, "Leave sortByLastModifiedDate"),
    ("with/surveyMetadataIds=startDate/responses.csv", {"surveyMetadataIds": ["startDate"]}, "Add _recordId"),
])
def test_what_cannot_be_joined_says_what_to_open(sandbox, mounts, name, form, said):
    limit = len(sandbox.entry(CUSTOMERS, **{"format": "csv", **form})) // 3
    sandbox.settings(max_export_bytes=limit)
    mount = mounts(sandbox, f"split_at={limit}")
    path = mount.path / "surveys" / CUSTOMERS / name
    assert error_of(read_all, path) == errno.EFBIG
    assert said in why(path)


# --- what is remembered ------------------------------------------------------------------------------------


def test_the_next_full_export_is_divided_at_once(sandbox, limited, refresh, expire):
    path = limited("responses.csv", 3, "fresh=1", "refresh=full", unheard=True)
    read_all(path)
    before = len(failed(sandbox))
    sandbox.append(CUSTOMERS, 2)
    data, asked = refresh(path)
    assert data == whole(sandbox, CUSTOMERS)
    assert len(failed(sandbox)) == before and all("startDate" in body or "endDate" in body for body in asked)
    assert all("allowContinuation" not in body for body in asked)


def test_neighbours_that_one_job_can_bring_are_remembered_as_one(sandbox, limited):
    path = limited("responses.csv", 3)
    sandbox.fault("export_start", "job_failed", nth=5)
    read_all(path)
    assert len(bodies(sandbox)) == 7, "the whole, four parts, and two halves of one"
    sandbox.reset_stats()
    os.utime(path)
    assert read_all(path) == whole(sandbox, CUSTOMERS)
    assert len(bodies(sandbox)) == 4


def test_it_is_remembered_by_the_next_mount(sandbox, mounts):
    size = len(whole(sandbox, CUSTOMERS))
    sandbox.settings(max_export_bytes=size // 3)
    mount = mounts(sandbox, f"split_at={2 * size}")
    path = responses(mount, CUSTOMERS)
    read_all(path)
    before = len(failed(sandbox))
    assert mount.stop() == 0
    mount.start()
    os.utime(path)
    assert read_all(path) == whole(sandbox, CUSTOMERS)
    assert len(failed(sandbox)) == before


@pytest.mark.parametrize("form", ["responses.csv", "responses.tsv", "responses.ndjson"])
def test_what_was_joined_is_appended_to(sandbox, limited, refresh, form):
    path = limited(form, 3, "fresh=1", form=form, unheard=True)
    read_all(path)
    for _ in range(2):
        sandbox.append(CUSTOMERS, 3)
        data, asked = refresh(path)
        assert data == whole(sandbox, CUSTOMERS, form)
        assert ["continuationToken" in body for body in asked] == [True]
    assert refresh(path)[1] == []
    before = len(failed(sandbox))
    os.utime(path)
    assert refresh(path)[0] == whole(sandbox, CUSTOMERS, form)
    assert len(failed(sandbox)) == before, "the parts are known still"


def test_what_came_between_the_parts_is_not_asked_for_again(sandbox, limited, refresh):
    path = limited("responses.csv", 3, "fresh=1")
    sandbox.hold("export_start", nth=5)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read_all, path)
        assert sandbox.wait_held("export_start", 1)
        sandbox.append(CUSTOMERS, 3)
        sandbox.clear_faults()
        reader.result(60)
    assert refresh(path) == (whole(sandbox, CUSTOMERS), [])


def test_what_grew_too_large_by_appending_is_divided_without_a_try(sandbox, mounts, refresh):
    limit = len(whole(sandbox, CUSTOMERS)) + 100
    sandbox.settings(max_export_bytes=limit)
    mount = mounts(sandbox, f"split_at={limit}", "fresh=1")
    path = responses(mount, CUSTOMERS)
    read_all(path)
    sandbox.append(CUSTOMERS, 3)
    assert len(refresh(path)[1]) == 1
    os.utime(path)
    data, asked = refresh(path)
    assert data == whole(sandbox, CUSTOMERS) and len(asked) > 1
    assert not failed(sandbox)


# --- any history -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(int(os.environ.get("QXFS_HISTORIES", "3"))))
def test_any_history_reads_as_one_export_would(sandbox, mounts, seed):
    """Whatever happens to the survey, whichever ends belong, whatever fails once."""
    dice = random.Random(seed)
    survey = crowded(sandbox, seconds=12, each=7)
    limit = len(whole(sandbox, survey, "responses.ndjson")) // 3
    sandbox.settings(max_export_bytes=limit, job_polls=0)
    mount = mounts(sandbox, f"split_at={limit}", "fresh=0")
    second = 1_750_000_100
    acts = {
        "add": lambda: sandbox.append(survey, dice.randint(1, 9), recorded=second * 1000 + dice.choice((0, 700))),
        "delete": lambda: sandbox.delete_response(survey, dice.choice(sandbox.response_ids(survey))),
        "ask": lambda: (sandbox.add_question(survey, f"Q{dice.randrange(10**6)}"),
                        sandbox.change_survey(survey, modified=second * 1000)),  # its date has whole seconds
        "ends": lambda: sandbox.settings(start_date_belongs=dice.random() < 0.5, end_date_belongs=dice.random() < 0.5,
                                         dates_in_seconds=dice.random() < 0.5),
        "fail": lambda: sandbox.fault("export_start", dice.choice(("job_failed", "job_lost")), nth=dice.randint(3, 7)),
        "token": lambda: sandbox.settings(continuation=dice.choice(("on", "refused", "silent"))),
        "full": lambda: os.utime(responses(mount, survey)),
    }
    told = []
    for _ in range(8):
        second += dice.randint(3, 50)  # a window of one second is asked for with its neighbours: all must fit
        for act in dice.choices(list(acts), k=2):
            told.append(act)
            acts[act]()
        form = dice.choice(("responses.csv", "responses.csv", "responses.tsv", "responses.ndjson"))
        path = responses(mount, survey).with_name(form)
        assert read_all(path) == whole(sandbox, survey, form), (seed, form, told, why(path))
        sandbox.clear_faults()
        sandbox.reset_limits()


# --- for people, and for the machine -------------------------------------------------------------------------


def test_people_see_which_part_it_is(sandbox, mounts):
    mount = mounts(sandbox, f"split_at={limit_exports(sandbox)}")
    path = responses(mount, CUSTOMERS)
    with stopped_at(sandbox, 6, path) as reader:
        (job,) = mount.status()["jobs"]
        assert (job["part"], job["parts"], job["percent"]) == (3, 4, 50.0)
        told = "(50 %), part 3 of 4"
        assert told in (mount.path / "STATUS.txt").read_text() and told in why(path)
        assert "50 %, part 3 of 4" in mount.run("status", mount.path).stdout
    reader.result(60)
    assert sandbox.stats()["most_jobs"] == 1 and sandbox.stats()["jobs_running"] == 0


def test_the_last_part_stays_the_last(sandbox, limited, mounts, until):
    """It is shown anew when somebody joins, behind the last part, while the survey is looked at once more."""
    path = limited("responses.csv", 3)
    sandbox.settings(dated_export_lacks=4)
    sandbox.hold("survey", nth=3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(error_of, read_all, path)]
        assert sandbox.wait_held("survey", 1)
        readers.append(pool.submit(error_of, read_all, path))
        mount = path.parents[2]
        until(lambda: "2 waiting" in (mount / ".qxfs" / "jobs").read_text(), 20, "the second reader")
        assert "part 4 of 4" in (mount / "STATUS.txt").read_text()
        assert "part 4 of 4" in why(path)
        sandbox.clear_faults()
        assert [reader.result(60) for reader in readers] == [errno.EIO] * 2


def test_memory_does_not_grow_with_the_parts(sandbox, mounts):
    survey = sandbox.add_survey("Large", responses=120_000)
    limit = sandbox.entry_sha256(survey)["size"] // 3
    sandbox.settings(max_export_bytes=limit)
    mount = mounts(sandbox, f"split_at={limit}")
    path = responses(mount, survey)
    data = read_all(path)
    told = sandbox.entry_sha256(survey)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (told["size"], told["sha256"])
    if not SANITIZED:
        assert peak_of(mount.pid) < 64 << 20
