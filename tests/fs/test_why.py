"""qxfs why: each state and failure of each kind of path is told in words, with what to do (README.md, "Commands").

A case is a path and what `why` must say of it; PHRASES are the tables of states in C, of which none may be untold.
"""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from common import ROOT
from imports import EMPTY, WRONG, folder, people, report_of, wait_for

SMALL, CUSTOMERS = "SV_demoSmall000014", "SV_demoCustomers02"
S, MAIN = f"surveys/{SMALL}", "directories/POOL_demoMain0000001"
CSV, XLSX, JSON = f"{S}/responses.csv", f"{S}/responses.xlsx", f"{S}/responses.json"
IMPORT = f"mailinglists/{EMPTY}/import"


def why(mount, path, status=0):
    done = mount.run("why", path if str(path).startswith("/") else mount.path / path)
    assert done.returncode == status, done.stderr
    said = done.stdout + done.stderr
    assert mount.token not in said
    assert not re.search(r"[a-z]\.\.\s|  |no such file: there is no such", said), said
    return said


def check(mount, cases):
    for path, words in cases.items():
        said = why(mount, path)
        assert re.search(words, said, re.S), f"{path}: {words!r} is not in {said!r}"


# --- what needs no job -------------------------------------------------------------------------------------------

MISSING = {
    f"{S}/responses.pdf": "nothing of this name.*--print-tree",
    f"{CSV}/below": "nothing of this name",
    "surveys/SV_": "found by its id .SV_",
    "surveys/by-name/nope": "no survey .* this name.*`ls` shows",
    "excel/nope.xlsx": "no survey .* this name.*`ls` shows",
    f"{S}/dates/2026-13": "the calendar has no 2026-13",
    f"{S}/dates/x/responses.csv": "no day, month, year or moment. Write as",
    f"{S}/with/foo=1": "no parameter 'foo'. The README",
    f"{S}/responses/x.json": "found by its id: responses/R_",
    f"{MAIN}/by-email/x": "no e-mail address.*by-email/ann@",
    f"{MAIN}/search/foo=1": "not searched by 'foo'. The README",
    f"{S}/import/nope.csv": "no file of this name lies here. .*done/.*qxfs wait",
    ".qxfs/api/x.json": "without|not made with -o api. Mount again",
}
THERE = {
    "": "^/: the account",
    "surveys": "Its list has 6 of them, as of 20",
    "excel": "Its list has 6",
    f"{S}/filters": "never fetched: listing the folder asks",
    f"{S}/filters/nope": "No list .* shows this name; the service is asked when",
    f"{S}/filters/nope/responses.csv": "No list .*never fetched",
    "surveys/SV_nobodyKnowsMe1/responses.csv": "No list .*never fetched",
    "surveys/SV_nobodyKnowsMe1": "No list",
    "directory": "leads to directories/POOL_",
    "README.txt": "made here.*asks nobody",
    f"{S}/STATUS.txt": "made here.*asks nobody",
    "surveys/index.csv": "made here.*asks nobody",
    ".qxfs/jobs": "made here.*asks nobody",
    ".qxfs/errors": "made here.*asks nobody",
    f"{IMPORT}/TEMPLATE.csv": "made here",
    IMPORT: "imported into the account",
    CSV: r"never fetched: the first open asks .* waits.*crawlers=.*EAGAIN.*estimate",
    XLSX: "never fetched",
    f"{MAIN}/by-email/ann@example.com": "Following it asks the service",
}


def test_every_kind_of_path_is_explained_and_nobody_is_asked(sandbox, mount):
    sandbox.reset_stats()
    check(mount, MISSING)
    check(mount, THERE)
    for path in MISSING:
        assert "There is no such file: " in why(mount, path)
    (name,) = [name for name in os.listdir(mount.path / "surveys/by-name") if name.startswith("Team lunch")]
    assert f"surveys/{SMALL}" in os.path.realpath(mount.path / "surveys/by-name" / name)
    check(mount, {f"surveys/by-name/{name}": f"leads to ../{SMALL}", f"excel/{name}.xlsx": "never fetched"})
    assert sandbox.count() == 0


def test_what_options_leave_out_is_told(sandbox, mounts):
    mount = mounts(sandbox, f"only={SMALL}", "hide=excel:mailinglists:imports")
    check(mount, {
        f"surveys/{CUSTOMERS}": "an only= that does not name it. Mount again",
        f"surveys/{CUSTOMERS}/responses.csv": "an only= that does not name it",
        "surveys/by-name/Customer satisfaction 2026": "no survey .* this name. Mount again with another only=",
        "excel": "a hide= that names it. Mount again",
        f"mailinglists/{EMPTY}": "a hide= that names it",
        f"{S}/import": "a hide= that names it",
    })


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_that_is_here_is_told_until_when(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=2")
    size = len((mount.path / CSV).read_bytes())
    check(mount, {CSV: f"on this machine: {size} bytes, made 20.*Opening it asks nobody until 20",
                  f"{S}/responses.plain.csv": "never made: .* from responses.csv, which is on this machine"})
    made, until = re.search(r"made (\S+), .* until (\S+)\.", why(mount, f"{S}/now/responses.csv")).groups()
    moment = "%Y-%m-%dT%H:%M:%SZ"
    assert 60 <= time.mktime(time.strptime(until, moment)) - time.mktime(time.strptime(made, moment)) < 70, "now/ has its own minute"
    expire(2)
    check(mount, {CSV: "The next open asks whether it has changed"})
    os.utime(mount.path / CSV)
    check(mount, {CSV: "touched: the next open makes a full export"})


def rules(path, table):
    """The phrases of a table of states in C."""
    text = (ROOT / path).read_text().partition(table)[2].partition("\n};")[0]
    return dict(re.findall(r'\[(\w+)\] = \{ (?:\{ )?"[^"]+",\s+"([^"]+)"', text))


def test_each_state_of_a_job_is_told(sandbox, mounts, until, expire):
    """Those that last: what is about to start, is unpacked, rendered or published is over in a blink."""
    phrases = rules("fs/jobs/job.c", "job_rules[] = {")
    assert len(phrases) == 12
    mount, other = mounts(sandbox, "fresh=1"), mounts(sandbox, "fresh=1", name="other")
    (mount.path / CSV).read_bytes()
    expire()
    seen = set()

    def told(path, state, where=mount):
        def right():
            return phrases[state] in why(where, path)

        until(right, 10, phrases[state])
        said = why(where, path)
        assert re.search(r"since 20\S+Z.*; \d+ waiting. An open waits for it and gets the whole file", said), said
        seen.add(state)

    def reader(where, path):
        return subprocess.Popen(["cat", where.path / path], stdout=subprocess.DEVNULL)

    sandbox.append(SMALL, 1)
    sandbox.hold("survey")
    checked = reader(mount, CSV)
    assert sandbox.wait_held("survey", 1)
    told(CSV, "JOB_CHECKING")
    sandbox.release()
    assert checked.wait(60) == 0

    labels = f"{S}/responses.labels.csv"
    sandbox.hold("export_start")
    readers = [reader(mount, XLSX)]
    assert sandbox.wait_held("export_start", 1)
    told(labels, "JOB_STARTING")
    told(XLSX, "JOB_BASES")
    readers.append(reader(other, labels))
    told(labels, "JOB_ELSEWHERE", other)
    sandbox.hold_jobs()
    sandbox.release()
    told(labels, "JOB_POLLING")
    sandbox.hold("export_file")
    sandbox.release_jobs()
    told(labels, "JOB_FETCHING")
    sandbox.release()
    assert [one.wait(60) for one in readers] == [0, 0]
    blinks = {"JOB_NEW", "JOB_RENDERING", "JOB_UNPACKING", "JOB_PUBLISHING"}
    ends = {"JOB_READY", "JOB_FAILED"}
    assert seen == set(phrases) - blinks - ends


FAILURES = {
    "403": ({"endpoint": "survey", "kind": "status", "status": 403}, "EACCES, HTTP 403"),
    "404": ({"endpoint": "survey", "kind": "status", "status": 404}, "ENOENT, HTTP 404"),
    "400": ({"endpoint": "export_start", "kind": "status", "status": 400}, "EINVAL, HTTP 400"),
    "413": ({"endpoint": "export_start", "kind": "status", "status": 413}, "EFBIG, HTTP 413"),
    "500": ({"endpoint": "export_start", "kind": "status", "status": 500}, "EIO, HTTP 500"),
    "job": ({"endpoint": "export_start", "kind": "job_failed"}, "EIO.*requestId"),
    "damaged": ({"endpoint": "export_file", "kind": "corrupt", "offset": 60}, "EIO"),
    "cut": ({"endpoint": "export_file", "kind": "cut", "at": 500}, "EIO"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_told_with_its_cause_and_what_to_do(sandbox, mount, case):
    fault, name = FAILURES[case]
    sandbox.fault(**fault)
    with pytest.raises(OSError):
        (mount.path / CSV).read_bytes()
    said = why(mount, CSV)
    assert re.search(rf"The last try failed at 20\S+Z: .*\. [A-Z`].*\. \({name}", said), said


def test_budget_crawler_network_and_token(sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=0", "export_budget=1", "crawlers=cat")
    subprocess.run(["cat", mount.path / JSON], capture_output=True, check=False)
    check(mount, {JSON: r"crawlers=.*EAGAIN"})
    (mount.path / CSV).read_bytes()
    with pytest.raises(OSError):
        (mount.path / S / "responses.sav").read_bytes()
    check(mount, {f"{S}/responses.sav": "export_budget= allows. Go on in .*export_budget=0. .EDQUOT"})
    sandbox.pause("refuse")
    (mount.path / CSV).read_bytes()
    check(mount, {CSV: "could not be reached when .*this is served until then", S: "cannot be reached.*Check the network",
                  "": "cannot be reached", JSON: "cannot be reached"})
    sandbox.resume()

    def back():
        (mount.path / CSV).read_bytes()
        return "reached" not in why(mount, "")

    until(back, 45, "the network")
    sandbox.revoke_token()

    def refused():
        try:
            (mount.path / CSV).read_bytes()
        except PermissionError:
            return True

    until(refused, 10, "the refusal")  # what was served old rests for seconds, though the account is back
    check(mount, {CSV: "refused the API token.*Make a new token.*EACCES, HTTP 401", "": "refuses this mount's token.*qxfs login",
                  f"{S}/responses.xml": "never fetched.*refuses this mount's token", S: "refuses this mount's token"})


def test_a_folder_that_is_refused_is_told(sandbox, mounts):
    sandbox.change_directory("POOL_demoMain0000001", forbidden="contacts")
    mount = mounts(sandbox)
    with pytest.raises(PermissionError):
        os.listdir(mount.path / MAIN / "contacts")
    check(mount, {f"{MAIN}/contacts": "The last try failed.*administrator.*EACCES"})


def test_paths_that_no_mount_answers_for(sandbox, mounts, tmp_path):
    mount = mounts(sandbox)
    assert "lies in no qxfs mount; 'qxfs status' lists" in why(mount, tmp_path, 1)
    assert "no such place (File name too long)" in why(mount, mount.path / ("a" * 300), 1)
    mount.process.send_signal(signal.SIGSTOP)
    said = why(mount, CSV, 1)
    mount.process.send_signal(signal.SIGCONT)
    assert re.search(r"does not answer; .*journalctl -t qxfs.*/sys/fs/fuse/connections/\d+/abort", said)
    mount.kill()
    assert "is gone; mount there again, or clear it: qxfs umount" in why(mount, CSV, 1)
    assert mount.run("why").returncode == 1


# --- imports -----------------------------------------------------------------------------------------------------


def refused(path, data):
    with pytest.raises(OSError):
        path.write_bytes(data)


def test_each_state_of_an_import_is_told(sandbox, mounts, until):
    phrases = rules("fs/store/entry.c", "} states[] = {")
    assert len(phrases) == 13
    mount = mounts(sandbox, "import_delay=0")
    here, seen = folder(mount), set()

    def told(path, state, *words):
        said = why(mount, path)
        assert said.startswith(str(path)), "under the name that a person gave it"
        assert f"It {phrases[state]}" in said, said
        assert re.search(r"\. [A-Z`].*\.\n$", said), f"what to do: {said}"
        for word in words:
            assert word in said, said
        seen.add(state)

    (here / "scratch").write_text("x")
    told(f"{IMPORT}/scratch", "ENTRY_SCRATCH")
    with open(here / "w.csv", "w") as file:
        file.write("email\n")
        file.flush()
        told(f"{IMPORT}/w.csv", "ENTRY_WRITING")
    os.unlink(here / "w.csv")
    (here / "a.csv").write_bytes(people(1))
    assert wait_for(mount, here / "a.csv")[0] == 0
    told(f"{IMPORT}/done/a.csv", "ENTRY_DONE", "keep_imports=")
    check(mount, {f"{IMPORT}/a.csv": "import/done/", f"{IMPORT}/done/a.csv.report.txt": "^.*done/a.csv.report.txt: .*made here"})
    (here / "a.csv").write_bytes(people(1))
    assert wait_for(mount, here / "a.csv")[0] == 0
    told(f"{IMPORT}/a.csv", "ENTRY_SAME", "that one is imported", "qxfs send")
    refused(here / "wrong.csv", WRONG)
    told(f"{IMPORT}/wrong.csv", "ENTRY_REFUSED", "line 3", "Give the address alone")
    refused(here / "a.xlsx", b"PK\3\4")
    told(f"{IMPORT}/a.xlsx", "ENTRY_REFUSED", "CSV UTF-8")
    (here / "h.csv").write_bytes(b"emial,firstName\nx@example.org,Ann\n")
    assert wait_for(mount, here / "h.csv")[0] == 6
    told(f"{IMPORT}/h.csv", "ENTRY_HELD", "emial", "qxfs send")
    sandbox.fault("contact_import", "reset_after", nth=1)
    (here / "u.csv").write_bytes(people(1, 5))
    assert wait_for(mount, here / "u.csv")[0] == 5
    told(f"{IMPORT}/u.csv", "ENTRY_UNCERTAIN", "Look in the account")
    sandbox.fault("contact_import", "status", status=404, first=1)
    (here / "f.csv").write_bytes(people(1, 6))
    assert wait_for(mount, here / "f.csv")[0] == 4
    told(f"{IMPORT}/f.csv", "ENTRY_FAILED", "does not know")
    (here.parent / "check" / "c.csv").write_bytes(people(1))
    assert wait_for(mount, here.parent / "check" / "c.csv")[0] == 0
    told(f"mailinglists/{EMPTY}/check/c.csv", "ENTRY_CHECKED", "report")
    (here / "p.csv").write_bytes(b"email,A,language\na@example.org,1,DE\n,2,DE\n")
    assert wait_for(mount, here / "p.csv")[0] == 3
    told(f"{IMPORT}/done/p.csv", "ENTRY_PARTLY", "mended")
    sandbox.settings(import_seconds=60)
    sandbox.clear_faults()
    sandbox.fault("contact_import", "hold", nth=1)
    (here / "s.csv").write_bytes(people(1, 9))
    assert sandbox.wait_held("contact_import")
    (here / "q.csv").write_bytes(people(1, 10))
    told(f"{IMPORT}/s.csv", "ENTRY_SENDING", "qxfs wait")
    told(f"{IMPORT}/q.csv", "ENTRY_QUEUED", "import_delay=", "rm")
    sandbox.release()
    until(lambda: "importing" in report_of(here / "s.csv"), 5, "the word of the service")
    told(f"{IMPORT}/s.csv", "ENTRY_IMPORTING", "qxfs wait")
    sandbox.advance(61)
    assert seen == set(phrases)


def test_a_damaged_journal_is_told(sandbox, mounts):
    mount = mounts(sandbox)
    assert mount.stop() == 0
    (journal,) = pathlib.Path(mount.state).rglob("journal.db")
    journal.write_bytes(b"no database" * 1000)
    mount.start()
    said = why(mount, f"{IMPORT}/a.csv")
    assert "journal" in said and "damaged" in said


def test_an_open_that_took_too_long_is_told(sandbox, mounts):
    mount = mounts(sandbox, "open_wait=1")
    sandbox.hold_jobs()
    answer = subprocess.run(["cat", mount.path / CSV], capture_output=True, text=True, check=False)
    assert "timed out" in answer.stderr
    check(mount, {CSV: "An open waits for it, 1 s at most .open_wait=.*An open gave up at 20.*open_wait=.*qxfs fetch"})
    sandbox.release_jobs()
    assert mount.run("fetch", mount.path / CSV).returncode == 0
    check(mount, {CSV: "It is on this machine.*An open gave up at 20"})
