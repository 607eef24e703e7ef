"""Every form of the responses, the saved filters, now/, single responses, and the documents of a survey."""

import csv
import errno
import io
import json
import os
import subprocess
import time
import zipfile

import pytest

from common import error_of

SURVEY, SMALL = "SV_demoCustomers02", "SV_demoSmall000014"
LABELS, UNFINISHED = {"useLabels": True}, {"exportResponsesInProgress": True}
# name: (format, parameters)
FORMS = {
    "responses.csv": ("csv", {}),
    "responses.labels.csv": ("csv", LABELS),
    "responses.unfinished.csv": ("csv", UNFINISHED),
    "responses.json": ("json", {}),
    "responses.unfinished.json": ("json", UNFINISHED),
    "responses.ndjson": ("ndjson", {}),
    "responses.xml": ("xml", {}),
    "responses.labels.xml": ("xml", LABELS),
    "responses.sav": ("spss", {}),
    "responses.labels.sav": ("spss", LABELS),
    "responses.tsv": ("tsv", {}),
    "responses.labels.tsv": ("tsv", LABELS),
}


def folder(mount, survey=SURVEY):
    return mount.path / "surveys" / survey


def table_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def told(account, survey, name, **more):
    kind, parameters = FORMS[name]
    data = account.entry(survey, kind, **parameters, **more)
    return data.decode("utf-16").encode() if kind == "tsv" else data


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_what_the_service_exports(name, sandbox, mount):
    path = folder(mount) / name
    content = path.read_bytes()
    assert content == told(sandbox, SURVEY, name)
    assert os.stat(path).st_size == len(content)
    assert path.read_bytes() == content
    assert sandbox.count("export_start") == 1


def test_a_json_form_asks_for_nothing_that_json_refuses(sandboxes, mounts):
    """Eight parameters are refused by their mere presence (API.md 3.2)."""
    account = sandboxes(settings={"json_rejects": "present"})
    mount = mounts(account)
    for name in ("responses.json", "responses.ndjson", "responses.unfinished.json"):
        assert (folder(mount, SMALL) / name).read_bytes() == told(account, SMALL, name)


def test_a_tsv_arrives_as_utf_8(mount):
    """Bytes without the mark of UTF-16 are passed on: tests/unit/check_utf16.c."""
    path = folder(mount, SMALL) / "responses.tsv"
    header = path.read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("StartDate\tEndDate") and "\x00" not in header


# --- csv_bom -----------------------------------------------------------------------------------------------------

BOM = b"\xef\xbb\xbf"
MAIL = f"surveys/{SURVEY}/distributions/EMD_demoInvite00001"
WITH_BOM = [
    "surveys/index.csv", f"surveys/{SMALL}/distributions.csv", f"{MAIL}/links.csv", f"{MAIL}/history.csv",
    "mailinglists/CG_demoCustomers001/contacts.csv", "mailinglists/CG_demoCustomers001/bounced.csv", "directories/POOL_demoMain0000001/opted-out.csv",
    *(f"surveys/{SMALL}/{name}" for name in (
        "responses.csv", "responses.labels.csv", "responses.plain.csv", "responses.unfinished.csv", "codebook.csv",
        "now/responses.csv", "dates/2026/responses.csv", "with/limit=1/responses.plain.csv")),
]  # fmt: skip
WITHOUT_BOM = [
    "mailinglists/CG_demoCustomers001/contacts.ndjson", f"{MAIL}/distribution.json",
    *(f"surveys/{SMALL}/{name}" for name in ("responses.tsv", "responses.json", "responses.sav", "schema.json", "survey.qsf")),
]  # fmt: skip


@pytest.fixture
def both(sandbox, mounts):
    """Two mounts that share a cache; only the first has csv_bom."""
    return mounts(sandbox, "csv_bom", name="a"), mounts(sandbox, name="b")


def test_a_bom_stands_before_csv_and_nothing_else(both):
    marked, plain = both
    for name in WITH_BOM:
        content = (marked.path / name).read_bytes()
        assert content == BOM + (plain.path / name).read_bytes(), name
        assert not content.startswith(BOM + BOM), name
        assert os.stat(marked.path / name).st_size == len(content)
        assert (marked.path / name).read_bytes() == content, "the cache has one for each mount"
    for name in WITHOUT_BOM:
        assert (marked.path / name).read_bytes() == (plain.path / name).read_bytes(), name


def sheet_of(book):
    return zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("name", ["responses.xlsx", "responses.codes.xlsx"])
def test_a_workbook_is_made_from_a_csv_with_a_bom_as_from_one_without(name, both, sandbox):
    marked, plain = both
    expected = sheet_of((folder(plain, SMALL) / name).read_bytes())
    sandbox.reset_stats()
    assert sheet_of((folder(marked, SMALL) / name).read_bytes()) == expected
    base = "responses.labels.csv" if name == "responses.xlsx" else "responses.csv"
    assert (folder(marked, SMALL) / base).read_bytes().startswith(BOM)
    assert sandbox.count("export_start") == 1, "its base is the file with the BOM"


# --- filters -----------------------------------------------------------------------------------------------------


def filter_ids(account):
    elements = account.result(f"/surveys/{SURVEY}/filters")["elements"]
    return {element["filterName"]: element["filterId"] for element in elements}


@pytest.mark.parametrize("listed", [False, True], ids=["never listed", "listed before"])
def test_a_filter_is_found_by_its_name(listed, sandbox, mount):
    filters = folder(mount) / "filters"
    if listed:
        assert set(os.listdir(filters)) == {"Finished _ complete", "Previews only"}
    ident = filter_ids(sandbox)["Previews only"]
    content = (filters / "Previews only" / "responses.csv").read_bytes()
    assert content == sandbox.entry(SURVEY, filterId=ident)
    assert content != sandbox.entry(SURVEY)
    assert (filters / f"Whatever [{ident}]" / "responses.csv").read_bytes() == content


def test_a_filter_that_is_none_is_enoent_and_why_says_so(sandbox, mount):
    filters = folder(mount) / "filters"
    assert error_of((filters / "Nope" / "responses.csv").read_bytes) == errno.ENOENT
    assert error_of(os.listdir, filters / "Nope") == errno.ENOENT
    assert not (filters / "Nope").exists(), "the list is known now"
    assert "no saved filter of this name" in mount.run("why", filters / "Nope" / "responses.csv").stdout
    assert sandbox.count("filters") == 1 and sandbox.count("export_start") == 0


def test_filters_survive_a_remount_without_the_network(sandbox, mount):
    path = folder(mount) / "filters" / "Previews only" / "responses.csv"
    content = path.read_bytes()
    assert mount.stop() == 0
    sandbox.pause()
    mount.start()
    assert path.read_bytes() == content
    sandbox.resume()


# --- now ---------------------------------------------------------------------------------------------------------


def test_now_is_never_older_than_a_minute_and_serves_the_plain_name_too(sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=3600")
    plain, now = folder(mount, SMALL) / "responses.csv", folder(mount, SMALL) / "now" / "responses.csv"
    old = plain.read_bytes()
    end = time.time() + 61
    sandbox.append(SMALL, 1)
    sandbox.edit(SMALL, sandbox.response_ids(SMALL)[0], {"QID1": "2"})  # which moves no count
    assert plain.read_bytes() == now.read_bytes() == old, "exported less than a minute ago"
    until(lambda: time.time() > end, 70, "the end of the minute")  # by the calendar: there is no event for it
    assert now.read_bytes() == sandbox.entry(SMALL) != old
    assert sandbox.count("export_start") == 2
    assert "continuationToken" not in sandbox.requests("export_start")[-1]["body"], "it never appends"
    assert now.read_bytes() == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 2, "a minute has not passed"
    assert os.stat(now).st_ino != os.stat(plain).st_ino


@pytest.mark.parametrize("name", ["responses.csv", "responses.plain.csv"])
def test_now_is_not_what_was_appended_to_long_ago(sandbox, mounts, until, name):
    """What is new was put behind what was there: an edit is not in it, and now/ is how one is seen."""
    mount = mounts(sandbox, "fresh=1")
    plain = folder(mount, SMALL) / name
    plain.read_bytes()
    end = time.time() + 61
    ident = sandbox.response_ids(SMALL)[0]
    sandbox.edit(SMALL, ident, {"QID1": "2"})
    sandbox.edit(SMALL, ident, {"QID1": "3"})
    sandbox.append(SMALL, 1)
    until(lambda: time.time() > end, 70, "the end of the minute")  # by the calendar: there is no event for it
    appended = plain.read_bytes()
    assert "continuationToken" in sandbox.requests("export_start")[-1]["body"]
    now = (plain.parent / "now" / name).read_bytes()
    assert "continuationToken" not in sandbox.requests("export_start")[-1]["body"]
    assert now != appended and len(now.splitlines()) == len(appended.splitlines())
    if name == "responses.csv":
        assert now == sandbox.entry(SMALL)


def test_now_of_what_was_just_exported_costs_nothing(sandbox, mount):
    content = (folder(mount, SMALL) / "responses.csv").read_bytes()
    sandbox.reset_stats()
    assert (folder(mount, SMALL) / "now" / "responses.csv").read_bytes() == content
    assert (folder(mount, SMALL) / "now" / "responses.plain.csv").stat().st_size > 0
    assert sandbox.count() == 0


# --- single responses --------------------------------------------------------------------------------------------


def test_a_response_is_found_by_its_id(sandbox, mount):
    ident = sandbox.response_ids(SMALL)[0]
    one = json.loads((folder(mount, SMALL) / "responses" / f"{ident}.json").read_bytes())
    assert one["responseId"] == ident and one == sandbox.result(f"/surveys/{SMALL}/responses/{ident}")
    assert os.listdir(folder(mount, SMALL) / "responses") == []
    missing = folder(mount, SMALL) / "responses" / "R_1nobodyKnowsThis.json"
    assert error_of(missing.read_bytes) == errno.ENOENT
    assert os.listdir(folder(mount, SMALL)), "the survey is there all the same"
    assert not (folder(mount, SMALL) / "responses" / "R_x.json").exists(), "no id"
    assert not (folder(mount, SMALL) / "responses" / ident).exists(), "no extension"


def test_a_response_that_is_not_stored_yet_is_asked_for_again(sandboxes, mounts):
    """A 202 (API.md 4.2): it will be there in a moment."""
    account = sandboxes(settings={"response_pending_calls": 2})
    ident = account.response_ids(SMALL)[0]
    path = folder(mounts(account), SMALL) / "responses" / f"{ident}.json"
    assert json.loads(path.read_bytes())["responseId"] == ident
    assert account.count("response") == 3


# --- documents ---------------------------------------------------------------------------------------------------


def test_documents_are_the_results_of_their_requests(sandbox, mount):
    for name, path in (("definition.json", f"/survey-definitions/{SURVEY}"), ("languages.json", f"/surveys/{SURVEY}/languages"),
                       ("schema.json", f"/surveys/{SURVEY}/response-schema"), ("survey.json", f"/surveys/{SURVEY}")):
        assert json.loads((folder(mount) / name).read_bytes()) == sandbox.result(path), name


def test_a_qsf_is_the_service_s_bytes(sandbox, mount):
    status, _, body = sandbox.api("GET", f"/API/v3/survey-definitions/{SURVEY}?format=qsf")
    assert status == 200
    content = (folder(mount) / "survey.qsf").read_bytes()
    assert content in body and json.loads(content) == json.loads(body)["result"]


def test_quotas_and_distributions_are_all_pages(sandboxes, mounts):
    account = sandboxes(settings={"page_size": 3, "short_pages": True, "empty_pages": True})
    mount = mounts(account)
    quotas = json.loads((folder(mount) / "quotas.json").read_bytes())
    assert quotas == account.result(f"/surveys/{SURVEY}/quotas")["elements"]
    table = list(csv.DictReader((folder(mount) / "distributions.csv").open(newline="")))
    assert sorted(row["id"] for row in table) == sorted(os.listdir(folder(mount) / "distributions"))
    one = folder(mount) / "distributions" / "EMD_demoInvite00002"
    links = list(csv.DictReader((one / "links.csv").open(newline="")))
    history = list(csv.DictReader((one / "history.csv").open(newline="")))
    assert len(links) == len(history) == 5 and len({row["link"] for row in links}) == 5
    assert json.loads((one / "distribution.json").read_bytes())["id"] == one.name
    assert not (folder(mount) / "distributions" / "EMD_nobody00000001").exists()


def test_a_page_that_fails_gives_no_shortened_file(sandboxes, mounts):
    account = sandboxes(settings={"page_size": 3})
    mount = mounts(account)
    path = folder(mount) / "distributions" / "EMD_demoInvite00002" / "links.csv"
    account.fault("distribution_links", "status", nth=2, count=0, status=403)
    assert error_of(path.read_bytes) == errno.EACCES
    account.clear_faults()
    assert len(path.read_bytes().splitlines()) == 6


@pytest.mark.parametrize("key, name", [("schema", "schema.json"), ("quotas", "quotas.json"), ("filters", "filters")])
def test_what_is_forbidden_leaves_the_rest_usable(key, name, sandbox, mount):
    sandbox.fault(key, "status", status=403)
    path = folder(mount, SMALL) / name
    assert error_of(os.listdir if key == "filters" else open, path) == errno.EACCES
    assert "no permission" in mount.run("why", path).stdout
    assert (folder(mount, SMALL) / "responses.csv").read_bytes() == sandbox.entry(SMALL)
    assert (folder(mount, SMALL) / "responses.xlsx").read_bytes()[:2] == b"PK", "without a schema: texts"


# --- made here ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["responses.plain.csv", "responses.xlsx", "responses.codes.xlsx"])
def test_what_is_made_here_is_one_export_and_then_none(name, sandbox, mount):
    path = folder(mount) / name
    content = path.read_bytes()
    assert os.stat(path).st_size == len(content)
    assert sandbox.count("export_start") == 1
    sandbox.reset_stats()
    assert path.read_bytes() == content
    base = "responses.labels.csv" if name == "responses.xlsx" else "responses.csv"
    assert (folder(mount) / base).read_bytes() == told(sandbox, SURVEY, base)
    assert sandbox.count() == 0


def test_a_plain_csv_has_one_header_row_and_the_same_rows(sandbox, mount):
    plain = table_of(folder(mount) / "responses.plain.csv")
    base = list(csv.reader(io.StringIO(sandbox.entry(SURVEY).decode())))
    assert plain[1:] == base[3:]
    assert len(set(map(str.casefold, plain[0]))) == len(base[0])


def test_the_codebook_costs_the_schema_and_no_export(sandbox, mount):
    sandbox.reset_stats()
    table = list(csv.DictReader((folder(mount) / "codebook.csv").open(newline="")))
    assert {"column", "ImportId", "question", "type", "code", "label"} == set(table[0])
    assert sandbox.stats()["counts"] == {"schema": 1, "*": 1}


def test_wide_and_awkward_surveys_become_workbooks(sandbox, mount):
    """Typed as the schema says; what looks like a number or a formula stays what was typed."""
    openpyxl = pytest.importorskip("openpyxl")
    texts, wide = sandbox.add_sample("texts"), sandbox.add_sample("wide")
    mount.run("status")
    book = openpyxl.load_workbook(folder(mount, texts) / "responses.xlsx", read_only=True)
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value is not None]
    book.close()  # it has the file open, and the mount ends with the test
    values = {cell.value for cell in cells if isinstance(cell.value, str)}
    assert {"007", "=1+1"} <= values
    assert not any(cell.data_type == "f" for cell in cells)
    assert any(cell.is_date for cell in cells) and any(isinstance(cell.value, (int, float)) for cell in cells)
    names = table_of(folder(mount, wide) / "responses.plain.csv")[0]
    assert len(names) == len(set(map(str.casefold, names))) == 636


@pytest.mark.concurrency
def test_many_readers_of_files_made_from_one_export(sandbox, mount):
    names = ["responses.csv", "responses.plain.csv", "responses.codes.xlsx", "now/responses.plain.csv"] * 4
    readers = [subprocess.Popen(["cat", str(folder(mount) / name)], stdout=subprocess.PIPE) for name in names]
    contents = {}
    for name, reader in zip(names, readers):
        contents.setdefault(name, set()).add(reader.communicate()[0])
        assert reader.returncode == 0
    assert all(len(seen) == 1 for seen in contents.values())
    assert sandbox.count("export_start") == 1


@pytest.mark.concurrency
def test_the_mount_ends_while_files_are_made(sandbox, mount, until):
    sandbox.hold_jobs()
    names = ["responses.plain.csv", "responses.xlsx", "responses.codes.xlsx", "now/responses.xlsx"]
    readers = [subprocess.Popen(["cat", str(folder(mount) / name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for name in names * 3]
    until(lambda: len(json.loads(mount.run("status", "--json", mount.path).stdout)["jobs"]) >= 5, what="five jobs")
    assert mount.stop() == 0
    assert all(reader.wait(20) != 0 for reader in readers)


# --- exports of several files ------------------------------------------------------------------------------------


def test_a_file_of_another_table_is_not_joined(sandbox, mount):
    sandbox.fault("export_file", "zip_two", text="a,b,c\r\n1,2,3\r\n")
    path = folder(mount) / "responses.csv"
    with pytest.raises(OSError) as caught:
        path.read_bytes()
    assert caught.value.errno == errno.EIO
    assert "do not belong together" in mount.run("why", path).stdout


@pytest.mark.parametrize("heading", [True, False], ids=["with headings", "without"])
def test_an_export_of_several_files_is_one(heading, sandboxes, mounts, tmp_path):
    """Over 1,000,000 rows, or as many as the sandbox is told, an export comes in several files."""
    whole = mounts(sandboxes(), name="whole")
    split = sandboxes(settings={"max_rows_per_file": 5, "later_files_heading": heading})
    (tmp_path / "split").mkdir()
    mount = mounts(split, "csv_bom" if heading else "fresh=300", name="split", folder=tmp_path / "split")
    for name in ("responses.csv", "responses.labels.csv", "responses.tsv", "responses.ndjson", "responses.plain.csv"):
        told = (folder(mount) / name).read_bytes()
        bom = b"\xef\xbb\xbf" if heading and name.endswith(".csv") else b""
        assert told == bom + (folder(whole) / name).read_bytes(), name
    for name in ("responses.json", "responses.sav", "responses.xml"):
        path = folder(mount) / name
        with pytest.raises(OSError) as caught:
            path.read_bytes()
        assert caught.value.errno == errno.EIO
        assert "open one of these" in mount.run("why", path).stdout
