"""dates/ and with/: folders whose name is a request.

What a folder's name asks is held against what the sandbox exports when it is asked the same.
"""

import csv
import io
import json
import os
import pathlib
import time

import pytest

from control import SLOW

SURVEY = "SV_demoCustomers02"
LABELS = {"responses.labels.csv", "responses.labels.tsv", "responses.labels.xml", "responses.labels.sav"}


@pytest.fixture
def utc(sandbox, mounts):
    """A mount whose days are those of UTC."""
    mount = mounts(sandbox, env={"TZ": "UTC"})
    mount.survey = mount.path / "surveys" / SURVEY
    return mount


def why(mount, path):
    done = mount.run("why", path)
    return " ".join((done.stdout + done.stderr).split())


def rows_in(data):
    return len(list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))))


@pytest.mark.parametrize(
    "name, asked",
    [
        ("2026-01", {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"}),
        ("2026-01-15..", {"startDate": "2026-01-15T00:00:00Z"}),
        ("..2026-01-15", {"endDate": "2026-01-16T00:00:00Z"}),
        ("2026-01-15T08:00:00+02:00..2026-01-17",
         {"startDate": "2026-01-15T06:00:00Z", "endDate": "2026-01-18T00:00:00Z"}),
    ],
)  # fmt: skip
def test_a_span_of_time_is_asked_of_the_service(name, asked, utc, sandbox):
    data = (utc.survey / "dates" / name / "responses.csv").read_bytes()
    assert data == sandbox.entry(SURVEY, **asked)
    assert sandbox.count("export_start") == 1


def test_spans_hold_what_the_whole_holds(utc):
    """Else the comparison of bytes could be one of empty files."""
    whole = (utc.survey / "responses.csv").read_bytes()
    days = utc.survey / "dates"
    before = (days / "..20260201T000000Z" / "responses.csv").read_bytes()
    after = (days / "20260201T000000Z.." / "responses.csv").read_bytes()
    none = (days / "1999" / "responses.csv").read_bytes()
    head = rows_in(none)
    assert rows_in(before) + rows_in(after) == rows_in(whole) + head
    assert rows_in(whole) > head


@pytest.mark.parametrize(
    "options, hour",
    [
        ((), "14T23"),
        (("timezone=America/Denver",), "15T07"),
        (("timezone=UTC",), "15T00"),
    ],
)
def test_days_are_those_of_the_machine_or_of_the_zone_that_was_asked_for(options, hour, sandbox, mounts):
    mount = mounts(sandbox, *options, env={"TZ": "Europe/Berlin"})
    data = (mount.path / "surveys" / SURVEY / "dates" / "2026-01-15" / "responses.csv").read_bytes()
    day = {"startDate": f"2026-01-{hour}:00:00Z", "endDate": f"2026-01-{int(hour[:2]) + 1}{hour[2:]}:00:00Z"}
    assert data == sandbox.entry(SURVEY, **day)
    (asked,) = sandbox.requests("export_start")
    assert json.loads(asked["body"]).items() >= day.items()


def test_equal_spans_are_one_export(utc, sandbox):
    one = (utc.survey / "dates" / "2026-01" / "responses.csv").read_bytes()
    assert (utc.survey / "dates" / "2026-01-01..2026-01-31" / "responses.csv").read_bytes() == one
    start = "with/startDate=2026-01-01T00:00:00Z,endDate=20260201T000000Z"
    assert (utc.survey / start / "responses.csv").read_bytes() == one
    assert sandbox.count("export_start") == 1


def test_names_are_judged_without_a_request(utc, sandbox):
    before = sandbox.count()
    for name in ("dates/2026-13", "dates/soon", "dates/2026-02..2026-01", "with/useLables=true", "with/limit=0",
                 "with/newlineReplacement=\n", "with/useLabels=true,includeLabelColumns=true"):  # fmt: skip
        with pytest.raises(FileNotFoundError):
            os.stat(utc.survey / name)
    for name in ("dates/2026-12", "dates/last-7-days", "with/limit=1"):
        assert os.listdir(utc.survey / name)
    assert sandbox.count() == before


@pytest.mark.parametrize(
    "name, words",
    [
        ("dates/2026-02-30", ["the calendar has no 2026-02-30"]),
        ("dates/soon", ["'soon' is no day", "last-7-days"]),
        ("with/useLables=true", ["no parameter 'useLables'", "Did you mean useLabels?"]),
        ("with/limit=x", ["'x' is no value of limit"]),
        ("with/useLabels=true/responses.json", ["useLabels is not for this file"]),
        ("with/formatDecimalAsComma=true/responses.xlsx", ["formatDecimalAsComma is not for this file", "workbook"]),
    ],
)
def test_why_tells_what_is_wrong_with_a_name(name, words, utc):
    said = why(utc, utc.survey / name)
    assert all(word in said for word in words), said


def test_parameters_are_asked_of_the_service(utc, sandbox):
    data = (utc.survey / "with/limit=3,includeDisplayOrder=true/responses.csv").read_bytes()
    assert data == sandbox.entry(SURVEY, limit=3, includeDisplayOrder=True)
    assert data != sandbox.entry(SURVEY)


def test_parameters_go_to_what_is_made_here_too(utc, sandbox):
    data = (utc.survey / "with/limit=3/responses.plain.csv").read_bytes()
    assert rows_in(data) == rows_in(sandbox.entry(SURVEY, limit=3)) - 2  # two header rows less
    assert (utc.survey / "with/limit=3/responses.xlsx").read_bytes()[:2] == b"PK"


def test_parameters_that_change_nothing_are_the_plain_export(utc, sandbox):
    one = (utc.survey / "responses.csv").read_bytes()
    assert (utc.survey / "with/timeZone=UTC/responses.csv").read_bytes() == one
    assert sandbox.count("export_start") == 1


def test_a_file_that_parameters_do_not_suit_is_not_there(utc):
    whole = set(os.listdir(utc.survey / "with/limit=3"))
    assert set(os.listdir(utc.survey / "dates/2026")) == whole
    labelled = utc.survey / "with/useLabels=true"
    gone = {name for name in whole if not (labelled / name).exists()}
    assert gone == whole - set(os.listdir(labelled))
    assert {"responses.labels.csv", "responses.json", "responses.xlsx"} <= gone
    assert "responses.csv" not in gone
    for name in LABELS | {"responses.ndjson", "responses.codes.xlsx"}:
        assert not (labelled / name).exists(), name
    assert (labelled / "responses.sav").exists()


def test_unfinished_responses_are_exported_anew_each_time(sandbox, mounts):
    """The survey's counts do not tell of them."""
    mount = mounts(sandbox, "fresh=0")
    survey = mount.path / "surveys" / SURVEY
    for name, exports in (("limit=3", 1), ("exportResponsesInProgress=true", 2)):
        sandbox.reset_stats()
        for _ in range(2):
            (survey / "with" / name / "responses.csv").read_bytes()
        assert sandbox.count("export_start") == exports, name


def test_a_fresh_span_that_has_not_moved_asks_nobody(utc, sandbox):
    path = utc.survey / "dates/last-7-days/responses.csv"
    path.read_bytes()
    before = sandbox.count()
    path.read_bytes()
    assert sandbox.count() == before


def zone_with_midnight_at(moment):
    """A TZ whose clocks show midnight then."""
    ahead = -int(moment) % 86400
    ahead -= 86400 if ahead > 43200 else 0
    sign, ahead = ("-", ahead) if ahead >= 0 else ("+", -ahead)
    return f"LMT{sign}{ahead // 3600:02}:{ahead // 60 % 60:02}:{ahead % 60:02}"


def test_today_is_another_day_from_midnight_on(sandbox, mounts, until):
    midnight = int(time.time() + 10 * SLOW)
    mount = mounts(sandbox, "fresh=3600", env={"TZ": zone_with_midnight_at(midnight)})
    names = ("today/responses.csv", "today/responses.plain.csv", "2026-01-15/responses.csv")
    days = mount.path / "surveys" / SURVEY / "dates"

    def read():
        sandbox.reset_stats()
        for name in names:
            (days / name).read_bytes()
        return sandbox.count("export_start")

    assert read() == 2  # plain.csv is made from the first
    assert read() == 0
    assert time.time() < midnight, "the machine is too slow for this test"
    until(lambda: time.time() > midnight + 1, 20, "midnight")
    assert read() == 1
    assert read() == 0


# --- used names are listed ----------------------------------------------------------------------------------------


def used_file(mount, kind):
    (path,) = (mount.state / "qxfs").glob(f"*/used/{kind}-{SURVEY}")
    return path


def test_what_was_opened_is_listed_as_it_was_typed(utc):
    days, others = utc.survey / "dates", utc.survey / "with"
    assert os.listdir(days) == os.listdir(others) == []
    os.stat(days / "2026-02")
    os.stat(days / "2026-02" / "responses.csv")
    assert os.listdir(days) == [], "looking is not using"
    os.listdir(days / "yesterday")
    assert os.listdir(days) == ["yesterday"]
    os.listdir(days / "2026-01")
    (days / "last-7-days" / "responses.csv").read_bytes()
    (others / "newlineReplacement=%2F+é,limit=1" / "responses.csv").read_bytes()
    os.listdir(days / "2026-01")
    assert os.listdir(days) == ["yesterday", "2026-01", "last-7-days"], "each once, the oldest first"
    assert os.listdir(others) == ["newlineReplacement=%2F+é,limit=1"]
    for name in os.listdir(days):
        assert "responses.csv" in os.listdir(days / name)
        assert os.stat(days / name).st_ino == {e.name: e.inode() for e in os.scandir(days)}[name]


def test_what_failed_to_open_is_not_listed(utc, sandbox):
    for name in ("dates/soon", "dates/2026-13"):
        with pytest.raises(FileNotFoundError):
            os.listdir(utc.survey / name)
    sandbox.fault("export_start", "status", status=400, first=1)
    with pytest.raises(OSError):
        (utc.survey / "dates/2026/responses.csv").read_bytes()
    with pytest.raises(FileNotFoundError):
        os.listdir(utc.path / "surveys" / "SV_nobodyKnowsMe1" / "dates" / "2026")
    assert os.listdir(utc.survey / "dates") == []
    assert not list((utc.state / "qxfs").glob("*/used/*"))


def test_used_names_outlive_the_mount_and_belong_to_their_survey(utc):
    os.listdir(utc.survey / "dates/2026-01")
    os.listdir(utc.survey / "with/limit=1")
    assert utc.stop() == 0
    utc.start()
    assert os.listdir(utc.survey / "dates") == ["2026-01"]
    assert os.listdir(utc.survey / "with") == ["limit=1"]
    assert os.listdir(utc.path / "surveys" / "SV_demoSmall000014" / "dates") == []


def test_mounts_share_used_names(sandbox, mounts, until):
    one, other = (mounts(sandbox, name=name, env={"TZ": "UTC"}) for name in "ab")
    survey = [mount.path / "surveys" / SURVEY / "dates" for mount in (one, other)]
    assert os.listdir(survey[1]) == []
    os.listdir(survey[0] / "2026-01")
    until(lambda: os.listdir(survey[1]) == ["2026-01"], 10, "the name in the other mount")
    os.listdir(survey[1] / "2026-02")
    os.listdir(survey[0] / "2026-03")
    for folder in survey:
        until(lambda: sorted(os.listdir(folder)) == ["2026-01", "2026-02", "2026-03"], 10, "what both have used")


def test_the_last_thousand_used_names_are_kept(utc):
    names = [f"limit={n}" for n in range(1, 1012)]
    for name in names:
        os.listdir(utc.survey / "with" / name)
    assert utc.stop() == 0
    utc.start()
    assert os.listdir(utc.survey / "with") == names[-1000:]
    os.listdir(utc.survey / "with" / names[0])
    assert utc.stop() == 0
    assert used_file(utc, "with").read_text().split("\n") == [*names[-999:], names[0], ""]


def test_lines_that_are_no_names_are_left_out(utc):
    os.listdir(utc.survey / "dates/2026-01")
    os.listdir(utc.survey / "with/limit=1")
    assert utc.stop() == 0
    odd = ["..", ".", "", "a/b", "2026-02/../../x", "2026-99", "x" * 300, "2026-02\0", "\x1b[31m", "\udcff\udcfe"]
    lines = [*odd, "2026-03", "2026-01", "2026-03", "2026-04"]  # the last without an end
    used_file(utc, "dates").write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    used_file(utc, "with").write_bytes(b"newlineReplacement=/\nnewlineReplacement=\xff\n\0limit=3\nlimit=2\x07\nlimit=2")
    utc.start()
    assert os.listdir(utc.survey / "dates") == ["2026-03", "2026-01", "2026-04"]
    assert os.listdir(utc.survey / "with") == ["limit=2"]
    os.listdir(utc.survey / "dates/2026-05")
    assert os.listdir(utc.survey / "dates") == ["2026-03", "2026-01", "2026-04", "2026-05"]
    assert utc.stop() == 0
    assert used_file(utc, "dates").read_text() == "2026-03\n2026-01\n2026-04\n2026-05\n"


def test_browsing_used_folders_starts_no_export(utc, sandbox):
    for name in ("dates/2026-01", "dates/today", "with/limit=1"):
        os.listdir(utc.survey / name)
    before = sandbox.count()
    seen = [pathlib.Path(at) / name for at, _, files in os.walk(utc.survey) for name in files if os.stat(pathlib.Path(at, name))]
    assert sum("dates/2026-01/" in str(path) for path in seen) > 5
    assert sandbox.count("export_start") == 0
    assert sandbox.count() - before <= 2, "the lists of filters and distributions"


# --- which date the service compares is disputed (API.md 3.2) ------------------------------------------------------


@pytest.mark.parametrize("semantics", ["recorded", "started"])
@pytest.mark.parametrize("form", ["responses.csv", "responses.plain.csv"])
def test_status_tells_how_many_rows_lie_outside_by_either_date(semantics, form, sandboxes, mounts):
    box = sandboxes(settings={"date_semantics": semantics})
    mount = mounts(box, env={"TZ": "UTC"})
    survey = mount.path / "surveys" / SURVEY
    rows = list(csv.DictReader(io.StringIO((survey / "responses.csv").read_text(), newline="")))[2:]
    since, until = (rows[len(rows) * part // 4]["RecordedDate"] for part in (1, 3))
    assert all(sum(row["StartDate"] < moment <= row["RecordedDate"] for row in rows) > 0 for moment in (since, until))
    name = "..".join(moment.replace(" ", "T") + "Z" for moment in (since, until))
    text = (survey / "dates" / name / form).read_text()
    got = list(csv.DictReader(io.StringIO(text, newline="")))[2 if form == "responses.csv" else 0:]
    outside = {date: sum(not since <= row[date] < until for row in got) for date in ("RecordedDate", "StartDate")}
    recorded, started = outside["RecordedDate"], outside["StartDate"]
    assert (recorded, started > 0) == (0, True) if semantics == "recorded" else (recorded > 0, started) == (True, 0)
    told = " ".join((survey / "STATUS.txt").read_text().split())
    assert f"{name} from {name.replace('..', ' to before ')}" in told
    assert f"{recorded} of its rows {'lies' if recorded == 1 else 'lie'} outside that by the recorded date" in told
    assert f"{started} of its rows {'lies' if started == 1 else 'lie'} outside that by the start date" in told
    assert mount.stop() == 0
    mount.start()
    assert "by the recorded date" in (survey / "STATUS.txt").read_text(), "known without counting again"


def test_a_span_that_is_no_table_is_told_without_numbers(utc):
    (utc.survey / "dates" / "2026-01.." / "responses.json").read_bytes()
    told = " ".join((utc.survey / "STATUS.txt").read_text().split())
    assert "2026-01.. from 2026-01-01T00:00:00Z on" in told and "of its rows" not in told
