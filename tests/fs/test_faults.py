"""Faults by script (DESIGN.md 5): the errno of the table, the reason where a person will see it, nothing in
the cache, and a next open that tries anew."""

import concurrent.futures
import contextlib
import errno
import http.server
import os
import re
import subprocess
import threading
import time

import pytest

from common import read_all
from control import SLOW

SURVEY = "SV_demoCustomers02"
OTHER = "SV_demoSmall000014"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
REQUEST_ID = "0f0f0f0f-aaaa-4bbb-8ccc-123456789abc"


def responses(mount, survey=SURVEY):
    return mount.path / "surveys" / survey / "responses.csv"


def document(mount, survey=SURVEY):
    return mount.path / "surveys" / survey / "survey.json"


def errno_of(act):
    """The errno of what must fail."""
    with pytest.raises(OSError) as caught:
        act()
    return errno.errorcode[caught.value.errno]


def account_of(mount):
    return next((mount.cache / "qxfs").iterdir())


def cached(mount):
    """Every published or half-made thing; not the record of an export that goes on at the service."""
    account = account_of(mount)
    found = [path for pattern in ("gen/*/*.facts", "gen/*/*.data", "draft/*") for path in account.glob(pattern)]
    return [path.name for path in found if path.suffix != ".job"]


def error_lines(mount, path):
    text = (mount.path / ".qxfs" / "errors").read_text()
    subject = str(path.relative_to(mount.path))
    return [line for line in text.splitlines() if line.split("\t")[1] == subject]


def assert_told(mount, path, name, until, request_id=UUID):
    """errors, both STATUS.txt and `why` say what happened, by which request, and what to do."""
    until(lambda: error_lines(mount, path), 3, "the line in .qxfs/errors")  # texts are a second old at most
    moment, subject, said, http, code, ident, why, remedy = error_lines(mount, path)[0].split("\t")
    assert said == name
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert why and remedy, (why, remedy)
    if request_id:
        assert re.fullmatch(request_id, ident), ident
    told = [mount.run("why", path).stdout]
    until(lambda: why in (mount.path / "STATUS.txt").read_text(), 3, "the reason in STATUS.txt")
    told.append((mount.path / "STATUS.txt").read_text())
    if path.parent.name.startswith("SV_"):
        told.append((path.parent / "STATUS.txt").read_text())
    for text in told:
        assert why in text, text
        assert remedy in text, text
        assert name in text, text
        if request_id:
            assert ident in text, text
    return why, remedy


def assert_recovers(sandbox, mount, path, until):
    """With the fault gone the next open succeeds, and the failure is settled."""
    sandbox.clear_faults()
    assert read_all(path) == sandbox.entry(path.parent.name)
    until(lambda: "later try succeeded" in error_lines(mount, path)[0], 3, "the settled failure")
    until(lambda: str(path.relative_to(mount.path)) not in (mount.path / "STATUS.txt").read_text(), 3, "a clean page")


def body(status, message="Injected by the test."):
    """An error body whose requestId we know."""
    return {
        "meta": {
            "httpStatus": f"{status} - Test",
            "requestId": REQUEST_ID,
            "error": {"errorMessage": message, "errorCode": f"TEST_{status}"},
        }
    }


def status(code, **more):
    return {"kind": "status", "status": code, "body": body(code), **more}


# --- what fails for good: name, endpoint, fault, errno, how the requestId must look -----------------------------

START, PROGRESS, FILE, CHECK = "export_start", "export_progress", "export_file", "survey"
ALWAYS = {
    "cut": (FILE, {"kind": "cut", "at": 5000}, "EIO", UUID),
    "cut at once": (FILE, {"kind": "cut", "at": 0}, "EIO", UUID),
    "reset": (FILE, {"kind": "cut", "at": 5000, "reset": True}, "ENETUNREACH", UUID),
    "one byte is another": (FILE, {"kind": "corrupt", "offset": 2000}, "EIO", UUID),
    "one byte of the CRC": (FILE, {"kind": "corrupt", "offset": -40}, "EIO", UUID),
    "no central directory": (FILE, {"kind": "zip_no_directory"}, "EIO", UUID),
    "two entries": (FILE, {"kind": "zip_two"}, "EIO", UUID),
    "no entry": (FILE, {"kind": "zip_empty"}, "EIO", UUID),
    "empty file": (FILE, {"kind": "empty_body"}, "EIO", UUID),
    "page for a file": (FILE, {"kind": "html"}, "EIO", UUID),
    "page for a start": (START, {"kind": "html"}, "EIO", None),
    "page for progress": (PROGRESS, {"kind": "html"}, "EIO", None),
    "page for a check": (CHECK, {"kind": "html"}, "EIO", None),
    "broken JSON, check": (CHECK, {"kind": "broken_json"}, "EIO", None),
    "broken JSON, start": (START, {"kind": "broken_json"}, "EIO", None),
    "broken JSON, progress": (PROGRESS, {"kind": "broken_json"}, "EIO", None),
    "empty JSON, start": (START, {"kind": "empty_body"}, "EIO", None),
    "empty JSON, progress": (PROGRESS, {"kind": "empty_body"}, "EIO", None),
    "wrong types, start": (START, {"kind": "wrong_types"}, "EIO", None),
    "wrong types, progress": (PROGRESS, {"kind": "wrong_types"}, "EIO", None),
    "result is null": (START, {"kind": "body", "body": {"result": None, "meta": {}}}, "EIO", None),
    "result is a list": (PROGRESS, {"kind": "body", "body": {"result": [1], "meta": {}}}, "EIO", None),
    "an error with 200": (START, {"kind": "status", "status": 200, "body": body(200)}, "EIO", REQUEST_ID),
    "a hostile job id": (
        START,
        {"kind": "body", "body": {"result": {"progressId": "../../x"}, "meta": {"requestId": REQUEST_ID}}},
        "EIO",
        REQUEST_ID,
    ),
    "a hostile file id": (
        PROGRESS,
        {
            "kind": "body",
            "body": {
                "result": {"status": "complete", "percentComplete": 100.0, "fileId": "../../../whoami?"},
                "meta": {"requestId": REQUEST_ID},
            },
        },
        "EIO",
        REQUEST_ID,
    ),
    "job failed": (START, {"kind": "job_failed"}, "EIO", UUID),
    "job vanished": (START, {"kind": "job_vanished"}, "EIO", UUID),
    "no file id": (START, {"kind": "no_file_id"}, "EIO", UUID),
    "file not found": (START, {"kind": "file_404"}, "EIO", UUID),
    "403 of the check": (CHECK, status(403), "EACCES", REQUEST_ID),
    "403 of the start": (START, status(403), "EACCES", REQUEST_ID),
    "403 of the file": (FILE, status(403), "EACCES", REQUEST_ID),
    "404 of the check": (CHECK, status(404), "ENOENT", REQUEST_ID),
    "400 of the start": (START, status(400), "EINVAL", REQUEST_ID),
    "413 of the start": (START, status(413), "EFBIG", REQUEST_ID),
    "500 of the start": (START, status(500), "EIO", REQUEST_ID),
    "502 of the check": (CHECK, status(502), "EIO", REQUEST_ID),
    "503 of progress": (PROGRESS, status(503), "EIO", REQUEST_ID),
    "504 of the file": (FILE, status(504), "EIO", REQUEST_ID),
    "504 as a page": (CHECK, {"kind": "html", "status": 504}, "EIO", None),
    "429 of the start": (START, status(429), "EIO", REQUEST_ID),
    "429 of the file": (FILE, status(429), "EIO", REQUEST_ID),
    "an unknown status": (START, status(418), "EIO", REQUEST_ID),
}


@pytest.mark.parametrize("case", ALWAYS)
def test_always(sandbox, mounts, until, case):
    endpoint, fault, name, request_id = ALWAYS[case]
    mount = mounts(sandbox)
    path = responses(mount)
    sandbox.fault(endpoint, **fault)

    assert errno_of(lambda: read_all(path)) == name
    assert cached(mount) == []
    assert_told(mount, path, name, until, request_id)
    assert os.stat(path).st_size > 0
    sandbox.clear_faults()
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    assert_recovers(sandbox, mount, path, until)
    assert len(cached(mount)) == 4


# --- what fails once and is right then ----------------------------------------------------------------------------

ONCE = {
    "cut": (FILE, {"kind": "cut", "at": 5000}),
    "cut at the last byte": (FILE, {"kind": "cut", "at": 10**9}),
    "reset": (FILE, {"kind": "cut", "at": 5000, "reset": True}),
    "reset before the answer, start": (START, {"kind": "reset_before"}),
    "reset after the work, start": (START, {"kind": "reset_after"}),
    "reset before the answer, file": (FILE, {"kind": "reset_before"}),
    "reset before the answer, progress": (PROGRESS, {"kind": "reset_before"}),
    "cut JSON": (PROGRESS, {"kind": "cut", "at": 20}),
    "one byte is another": (FILE, {"kind": "corrupt", "offset": 2000}),
    "no central directory": (FILE, {"kind": "zip_no_directory"}),
    "empty file": (FILE, {"kind": "empty_body"}),
    "page for a file": (FILE, {"kind": "html"}),
    "page for progress": (PROGRESS, {"kind": "html"}),
    "broken JSON": (PROGRESS, {"kind": "broken_json"}),
    "job vanished": (START, {"kind": "job_vanished"}),
    "file not found yet": (FILE, status(404)),
    "file never found": (START, {"kind": "file_404"}),
    "500": (CHECK, status(500)),
    "502": (START, status(502)),
    "503": (PROGRESS, status(503)),
    "504": (FILE, status(504)),
    "504 after the work": (START, {"kind": "status_after", "status": 504}),
    "429": (START, status(429)),
    "429 of the file": (FILE, status(429)),
    "gzip cut": (PROGRESS, {"kind": "gzip", "cut": 10}),
}


@pytest.mark.parametrize("case", ONCE)
def test_once(sandbox, mounts, case):
    endpoint, fault = ONCE[case]
    mount = mounts(sandbox)
    sandbox.fault(endpoint, nth=1, **fault)
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    assert sandbox.faults()[0]["hits"] == 1
    assert error_lines(mount, responses(mount)) == []
    assert len(cached(mount)) == 2


@pytest.mark.parametrize("fault", [{"kind": "gzip"}, {"kind": "header", "name": "x-odd", "value": "\x01"},
                                   {"kind": "zip_name"}, {"kind": "zip_name", "name": "/etc/passwd"},
                                   {"kind": "throttle", "rate": 300_000}])
def test_what_is_odd_but_right(sandbox, mounts, fault):
    """The entry's name is never used; a coded or slow answer is an answer."""
    mount = mounts(sandbox)
    sandbox.fault(PROGRESS if fault["kind"] == "gzip" else FILE, **fault)
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    assert "evil.csv" not in [name for _, _, names in os.walk(mount.folder) for name in names]


def test_retry_after_is_obeyed(sandbox, mounts):
    mount = mounts(sandbox)
    sandbox.fault(START, nth=1, **status(429, retry_after=2))
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    first, second = [entry["time"] for entry in sandbox.requests(START)]
    assert 1.95 <= second - first < 2 + 1.5 * SLOW


def test_without_retry_after_it_is_soon(sandbox, mounts):
    mount = mounts(sandbox)
    sandbox.fault(START, nth=1, **status(503))
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    first, second = [entry["time"] for entry in sandbox.requests(START)]
    assert 0.1 <= second - first < 1 * SLOW


# --- survey.json and lists ----------------------------------------------------------------------------------------

DOCUMENT = {
    "403": (status(403), "EACCES"),
    "404": (status(404), "ENOENT"),
    "500": (status(500), "EIO"),
    "page": ({"kind": "html"}, "EIO"),
    "broken": ({"kind": "broken_json"}, "EIO"),
    "empty": ({"kind": "empty_body"}, "EIO"),
    "cut": ({"kind": "cut", "at": 100}, "EIO"),
    "no result": ({"kind": "body", "body": {"meta": {"requestId": REQUEST_ID}}}, "EIO"),
}


@pytest.mark.parametrize("case", DOCUMENT)
def test_document(sandbox, mounts, until, case):
    fault, name = DOCUMENT[case]
    mount = mounts(sandbox)
    path = document(mount)
    sandbox.fault(CHECK, **fault)
    assert errno_of(lambda: read_all(path)) == name
    assert cached(mount) == []
    assert_told(mount, path, name, until, None)
    sandbox.clear_faults()
    assert SURVEY in read_all(path).decode()


def names_of(mount):
    return {name for name in os.listdir(mount.path / "surveys") if name.startswith("SV_")}


LISTS = {
    "page 2 of 3 fails": status(500, match="offset=100"),
    "page 3 of 3 fails": status(400, match="offset=200"),
    "page 2 is HTML": {"kind": "html", "match": "offset=100"},
    "page 2 is broken": {"kind": "broken_json", "match": "offset=100"},
    "page 2 has wrong types": {"kind": "wrong_types", "match": "offset=100"},
    "all pages fail": status(503),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_is_whole_or_the_old_one(sandbox, mounts, until, case):
    sandbox.add_surveys(220, prefix="Page")
    mount = mounts(sandbox, "fresh=0")
    old = names_of(mount)
    assert len(old) == 226
    sandbox.add_surveys(10, prefix="Later")
    sandbox.fault("surveys", **LISTS[case])

    assert names_of(mount) == old
    assert len(os.listdir(mount.path / "surveys" / "by-name")) == 226
    sandbox.clear_faults()
    until(lambda: len(names_of(mount)) == 236, 20, "the new list")


def test_a_list_that_may_not_be_seen_any_more_is_refused_each_time(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    surveys = mount.path / "surveys"
    old = names_of(mount)
    sandbox.fault("surveys", **status(403))
    expire(2)
    for _ in range(3):
        assert errno_of(lambda: os.listdir(surveys)) == "EACCES"
    told = mount.run("why", surveys).stdout
    assert "no permission" in told and "EACCES" in told, told
    sandbox.clear_faults()
    assert names_of(mount) == old


def test_pages_that_go_in_circles(sandbox, mounts):
    sandbox.add_surveys(220, prefix="Page")
    mount = mounts(sandbox, "fresh=0")
    old = names_of(mount)
    page = {"elements": [], "nextPage": f"{sandbox.url}/API/v3/surveys?offset=100"}
    sandbox.fault("surveys", "body", match="offset=100", body={"result": page, "meta": {"requestId": REQUEST_ID}})
    sandbox.reset_stats()
    assert names_of(mount) == old
    assert sandbox.count("surveys") < 20


# --- jobs and sizes -----------------------------------------------------------------------------------------------


def test_a_job_that_never_ends(sandbox, mounts, until):
    mount = mounts(sandbox, "job_timeout=2")
    sandbox.fault(START, "job_never_ends")
    begin = time.monotonic()
    assert errno_of(lambda: read_all(responses(mount))) == "EIO"
    assert 2 <= time.monotonic() - begin < 2 + 4 * SLOW
    assert cached(mount) == []
    assert_told(mount, responses(mount), "EIO", until)
    assert_recovers(sandbox, mount, responses(mount), until)


def test_a_job_that_moves_is_not_given_up(sandbox, mounts):
    mount = mounts(sandbox, "job_timeout=2")
    sandbox.settings(job_seconds=5.0, job_polls=0, job_percents=[float(n) for n in range(1, 100)])
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)


def test_an_unknown_status_word_is_still_running(sandbox, mounts):
    mount = mounts(sandbox)
    word = {"result": {"status": "queuedForLater", "percentComplete": 0.0}, "meta": {"requestId": REQUEST_ID}}
    sandbox.fault(PROGRESS, "body", first=2, body=word)
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    assert sandbox.count(START) == 1


def test_a_bomb(sandbox, mounts, until):
    mount = mounts(sandbox, "max_export=1M")
    path = responses(mount, OTHER)
    sandbox.fault(FILE, "zip_bomb", size=1 << 30)
    assert errno_of(lambda: read_all(path)) == "EFBIG"
    assert cached(mount) == []
    assert sum(item.lstat().st_blocks for item in mount.cache.rglob("*")) * 512 < 10 << 20, "nothing of it is left"
    assert_told(mount, path, "EFBIG", until)
    assert_recovers(sandbox, mount, path, until)


def test_an_export_over_max_export(sandbox, mounts, until):
    mount = mounts(sandbox, "max_export=1M")
    sandbox.make_big(OTHER, (1 << 20) + 1)
    assert errno_of(lambda: read_all(responses(mount, OTHER))) == "EFBIG"
    assert_told(mount, responses(mount, OTHER), "EFBIG", until)
    sandbox.make_big(OTHER, 1 << 20)
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)


@pytest.fixture
def small_disk(tmp_path):
    """The cache's; small_disk() gives it room."""
    path = tmp_path / "cache"
    path.mkdir()

    def mount(*options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([*options, "mode=700"]), "cache", path], check=True)

    mount("size=2M")
    yield lambda: mount("remount", "size=64M")
    subprocess.run(["umount", path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_is_full(small_disk, sandbox, mounts, until):
    mount = mounts(sandbox)
    sandbox.make_big(SURVEY, 6_000_000)
    assert errno_of(lambda: read_all(responses(mount))) == "ENOSPC"
    assert_told(mount, responses(mount), "ENOSPC", until, None)
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    small_disk()
    assert_recovers(sandbox, mount, responses(mount), until)


# --- access -------------------------------------------------------------------------------------------------------


def test_a_refused_token_stops_all_calls_and_a_new_mount_with_a_good_one_works(sandbox, mounts, until):
    mount = mounts(sandbox)
    read_all(responses(mount, OTHER))
    sandbox.revoke_token()
    assert errno_of(lambda: read_all(responses(mount))) == "EACCES"
    assert_told(mount, responses(mount), "EACCES", until)
    sandbox.reset_stats()
    for _ in range(20):
        assert errno_of(lambda: read_all(responses(mount))) == "EACCES"
        assert errno_of(lambda: read_all(document(mount))) == "EACCES"
    assert sandbox.count() <= 1
    assert mount.stop() == 0
    sandbox.restore_token()
    mount.start()
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)


def test_with_a_refused_token_what_is_cached_cannot_be_read_either(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    paths = [responses(mount), document(mount), mount.path / "surveys" / SURVEY / "responses.plain.csv"]
    for path in paths:
        read_all(path)
    sandbox.revoke_token()
    expire()
    for path in paths * 2:
        assert errno_of(lambda path=path: read_all(path)) == "EACCES"
    assert "token is refused" in (mount.path / "STATUS.txt").read_text()


def test_once_the_token_was_refused_nothing_fresh_is_read_either(sandbox, mounts):
    mount = mounts(sandbox)
    paths = [responses(mount), document(mount), mount.path / "surveys" / SURVEY / "responses.plain.csv"]
    for path in paths:
        read_all(path)
    sandbox.revoke_token()
    assert errno_of(lambda: read_all(responses(mount, OTHER))) == "EACCES"
    for path in paths:
        assert errno_of(lambda path=path: read_all(path)) == "EACCES", path
    assert "refused" in mount.run("why", paths[0]).stdout


def test_without_permission_what_is_cached_cannot_be_read_either(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    sandbox.forbid(SURVEY)
    assert errno_of(lambda: read_all(responses(mount))) == "EACCES"
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    sandbox.forbid(SURVEY, False)
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)


def test_a_survey_that_was_deleted(sandbox, mounts, until):
    mount = mounts(sandbox)
    sandbox.delete_survey(SURVEY)
    assert errno_of(lambda: read_all(responses(mount))) == "ENOENT"
    assert errno_of(lambda: read_all(document(mount))) == "ENOENT"
    assert_told(mount, responses(mount), "ENOENT", until, None)
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)


def test_an_id_that_no_list_shows(sandbox, mounts):
    mount = mounts(sandbox)
    hidden = sandbox.add_survey("Found by id", 3, listed=False)
    assert read_all(responses(mount, hidden)) == sandbox.entry(hidden)
    nobody = "SV_nobodyKnowsThis"
    assert errno_of(lambda: os.listdir(mount.path / "surveys" / nobody)) == "ENOENT"
    sandbox.reset_stats()
    assert errno_of(lambda: os.listdir(mount.path / "surveys" / nobody)) == "ENOENT"
    assert errno_of(lambda: read_all(responses(mount, nobody))) == "ENOENT"
    assert sandbox.count() == 0


# --- no network ---------------------------------------------------------------------------------------------------

AWAY = {"ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_without_network_and_cache(sandbox, mounts, until, mode):
    """30 s for a file, 10 s for a folder; both at the same time here."""
    mount = mounts(sandbox)
    sandbox.pause(mode)

    def timed(act):
        begin = time.monotonic()
        return errno_of(act), time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        file = pool.submit(timed, lambda: read_all(responses(mount)))
        other = pool.submit(timed, lambda: read_all(document(mount)))
        folder = pool.submit(timed, lambda: os.listdir(mount.path / "surveys" / "SV_nobodyKnowsThis"))
        assert folder.result()[0] in AWAY and folder.result()[1] < 10 + 2 * SLOW
        for name, took in (file.result(), other.result()):
            assert name in AWAY
            assert 20 < took < 30 + 3 * SLOW
    # the folder's own question goes on after its 10 s, and ends by itself
    until(lambda: cached(mount) == [], 40, "the end of the last question")
    assert_told(mount, responses(mount), file.result()[0], until, None)
    assert "cannot be reached" in (mount.path / "STATUS.txt").read_text()
    sandbox.resume()
    assert_recovers(sandbox, mount, responses(mount), until)


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_without_network_what_was_read_can_still_be_read(sandbox, mounts, until, mode):
    mount = mounts(sandbox, "fresh=0")
    path = responses(mount)
    old = read_all(path)
    sandbox.append(SURVEY, 1)
    sandbox.pause(mode)
    begin = time.monotonic()
    assert read_all(path) == old
    assert time.monotonic() - begin < 10 * SLOW
    begin = time.monotonic()
    assert read_all(path) == old  # known unreachable by now
    assert time.monotonic() - begin < 1 * SLOW
    assert "could not be reached" in mount.run("why", path).stdout
    for text in (mount.path / "STATUS.txt", path.with_name("STATUS.txt")):
        until(lambda text=text: "cannot be reached" in text.read_text(), 3, f"the word of it in {text}")
    sandbox.resume()
    until(lambda: read_all(path) == sandbox.entry(SURVEY), 45, "the new version")


def make_older(mount, seconds):
    """What is cached was current so long ago: the cache knows by the times of its facts."""
    assert mount.stop() == 0
    for facts in mount.cache.rglob("*.facts"):
        os.utime(facts, (time.time() - seconds,) * 2)
    mount.start()


WEEK = 7 * 86400


@pytest.mark.parametrize(("option", "age"), [("strict", 0), ("max_stale=3600", 3601), ("log=debug", WEEK + 1)],
                         ids=["strict", "an hour", "the week that it is else"])
def test_how_old_what_is_served_without_network_may_be(sandbox, mounts, until, option, age):
    mount = mounts(sandbox, "fresh=0", option)
    path = responses(mount)
    old = read_all(path)
    if age:
        make_older(mount, age - 120)
        sandbox.pause("refuse")
        assert read_all(path) == old
        sandbox.resume()
        make_older(mount, age)
    sandbox.pause("refuse")
    assert errno_of(lambda: read_all(path)) in AWAY
    assert "max_stale=" in mount.run("why", path).stdout
    sandbox.resume()
    assert_recovers(sandbox, mount, path, until)
    assert read_all(path) == old


def test_a_network_that_comes_back_in_time(sandbox, mounts):
    """The open waits it out."""
    mount = mounts(sandbox)
    sandbox.pause("refuse")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(read_all, responses(mount))
        threading.Timer(2.0, sandbox.resume).start()
        assert future.result(timeout=40 * SLOW) == sandbox.entry(SURVEY)


def test_a_network_that_goes_while_the_job_runs(sandbox, mounts):
    """The job at the service is not lost, nor started again."""
    mount = mounts(sandbox)
    sandbox.hold_jobs()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(read_all, responses(mount))
        assert sandbox.wait_for(PROGRESS, 1)
        sandbox.pause("refuse")
        sandbox.release_jobs()
        threading.Timer(2.0, sandbox.resume).start()
        assert future.result(timeout=40 * SLOW) == sandbox.entry(SURVEY)
    assert sandbox.count(START) == 1


# --- the token goes nowhere else ----------------------------------------------------------------------------------


class Stranger:
    """Another host: records whatever reaches it."""

    def __init__(self):
        self.connections = 0
        self.heard = []
        stranger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def setup(self):
                stranger.connections += 1
                super().setup()

            def do_GET(self):
                stranger.heard.append((self.path, dict(self.headers)))
                self.send_response(200)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def stranger():
    with contextlib.closing(Stranger()) as made:
        yield made


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("endpoint", [CHECK, START, FILE])
def test_a_redirect_is_not_followed(sandbox, mounts, until, stranger, endpoint, code):
    mount = mounts(sandbox)
    sandbox.fault(endpoint, "redirect", status=code, location=f"http://127.0.0.1:{stranger.port}/API/v3/whoami")
    assert errno_of(lambda: read_all(responses(mount))) == "EIO"
    assert stranger.connections == 0
    assert cached(mount) == []
    assert_told(mount, responses(mount), "EIO", until, None)
    assert_recovers(sandbox, mount, responses(mount), until)


@pytest.mark.parametrize("how", ["port", "host", "https", "userinfo", "suffix", "relative"])
def test_a_next_page_elsewhere_is_not_asked(sandbox, mounts, stranger, how):
    sandbox.add_surveys(150, prefix="Page")
    mount = mounts(sandbox, "fresh=0")
    old = names_of(mount)
    place = f"127.0.0.1:{stranger.port}"
    address = {
        "port": f"http://{place}/API/v3/surveys?offset=100",
        "host": f"http://localhost:{stranger.port}/API/v3/surveys?offset=100",
        "https": f"https://{place}/API/v3/surveys?offset=100",
        "userinfo": f"{sandbox.url}@{place}/API/v3/surveys?offset=100",
        "suffix": f"https://evil-qualtrics.com:{stranger.port}/API/v3/surveys?offset=100",
        "relative": f"//{place}/API/v3/surveys?offset=100",
    }[how]
    page = {"elements": [], "nextPage": address}
    sandbox.fault("surveys", "body", body={"result": page, "meta": {"requestId": REQUEST_ID}})
    sandbox.reset_stats()
    assert names_of(mount) == old
    assert stranger.connections == 0 and stranger.heard == []
    assert sandbox.count("surveys") >= 1


@pytest.mark.parametrize("text", ["port", "words", "data centre"])
def test_a_notice_that_names_another_host_is_not_followed(sandbox, mounts, stranger, text):
    mount = mounts(sandbox)
    notice = {
        "port": f"Request proxied. For faster response times, use this host instead: 127.0.0.1:{stranger.port}",
        "words": f"Request proxied. For faster response times, use this host instead: localhost:{stranger.port}/..",
        "data centre": f"Request proxied. Use this host instead: fra1.qualtrics.com.evil.example:{stranger.port}",
    }[text]
    sandbox.settings(notice=notice)
    assert read_all(responses(mount)) == sandbox.entry(SURVEY)
    assert read_all(responses(mount, OTHER)) == sandbox.entry(OTHER)
    assert stranger.connections == 0


def test_the_token_is_nowhere(sandbox, mounts, until):
    """Not in argv, environment of children, cache, state, texts or the log; a service that repeats it is masked."""
    mount = mounts(sandbox)
    words = f"you sent {sandbox.token} to us"
    sandbox.fault(START, **{**status(403), "body": body(403, words)})
    assert errno_of(lambda: read_all(responses(mount))) == "EACCES"
    until(lambda: error_lines(mount, responses(mount)), 3, "the line in errors")
    shown = [(mount.path / ".qxfs" / name).read_text() for name in ("errors", "status.json", "jobs")]
    shown += [(mount.path / "STATUS.txt").read_text(), mount.run("why", responses(mount)).stdout, mount.text_of_log()]
    with open(f"/proc/{mount.pid}/cmdline") as file:
        shown.append(file.read())
    for folder in (mount.cache, mount.state):
        for place, _, files in os.walk(folder):
            shown += [open(os.path.join(place, name), "rb").read().decode("latin-1") for name in files]
    assert all(sandbox.token not in text for text in shown)
    assert any("you sent" in text for text in shown)


# --- many faults at once ------------------------------------------------------------------------------------------


@pytest.mark.concurrency
def test_readers_of_a_failing_file_all_fail_and_later_ones_succeed(sandbox, mounts, parked):
    mount = mounts(sandbox)
    sandbox.hold_jobs()
    sandbox.fault(START, "job_failed", nth=1)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(errno_of, lambda: read_all(responses(mount))) for _ in range(10)]
        parked(mount, 10)
        sandbox.release_jobs()
        assert {future.result() for future in futures} == {"EIO"}
        assert cached(mount) == []
        assert set(pool.map(read_all, [responses(mount)] * 10)) == {sandbox.entry(SURVEY)}
    assert sandbox.count(START) == 2


@pytest.mark.concurrency
def test_one_broken_file_among_good_ones(sandbox, mounts):
    mount = mounts(sandbox)
    made = sandbox.add_surveys(10, prefix="Good", responses=5)
    sandbox.fault(FILE, "corrupt", offset=200, match=SURVEY)
    with concurrent.futures.ThreadPoolExecutor(11) as pool:
        bad = pool.submit(errno_of, lambda: read_all(responses(mount)))
        good = list(pool.map(lambda survey: read_all(responses(mount, survey)), made))
        assert good == [sandbox.entry(survey) for survey in made]
        assert bad.result() == "EIO"


def test_ls_during_faults_is_free(sandbox, mounts):
    mount = mounts(sandbox)
    look = ["ls", "-lR", str(mount.path)]
    subprocess.run(look, stdout=subprocess.DEVNULL, check=True)  # each folder's own list
    sandbox.fault("*", **status(500))
    sandbox.reset_stats()
    subprocess.run(look, stdout=subprocess.DEVNULL, check=True)
    assert sandbox.count() == 0


def test_a_refused_token_gets_nothing_from_another_mount_either(sandbox, mounts, until):
    """It waits for an export of another mount of the account, whose token is good."""
    old = mounts(sandbox, name="old")
    os.listdir(old.path / "surveys")
    sandbox.new_token()
    good = mounts(sandbox, name="good")
    sandbox.hold_jobs()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(read_all, responses(good))
        assert sandbox.wait_for("export_start", 1, answered=True)
        second = pool.submit(lambda: errno_of(lambda: read_all(responses(old))))
        until(lambda: [job["state"] for job in old.status()["jobs"]] == ["elsewhere"], 20, "the wait for the other mount")
        assert errno_of(lambda: read_all(responses(old, OTHER))) == "EACCES"
        sandbox.release_jobs()
        assert first.result() == sandbox.entry(SURVEY)
        assert second.result() == "EACCES"
