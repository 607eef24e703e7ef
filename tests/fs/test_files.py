"""qxfs fetch, refresh and forget (DESIGN.md 6)."""

import json
import os
import pty
import subprocess

import pytest

from common import QXFS, read_all

SMALL = "SV_demoSmall000014"
STAFF = "SV_demoStaff000201"
CUSTOMERS = "SV_demoCustomers02"
MAIN = "POOL_demoMain0000001"
PILOT = "CG_demoPilot0000003"


def files(mount, survey=SMALL, *names):
    return [mount.path / "surveys" / survey / name for name in names]


def generations(mount):
    return json.loads(mount.run("status", "--json", mount.path).stdout)["cache"]["generations"]


# --- fetch -------------------------------------------------------------------------------------------------------


def test_fetch_has_files_on_this_disk(sandbox, mounts):
    mount = mounts(sandbox, "export_budget=1")  # which it is free of
    paths = files(mount, SMALL, "responses.csv", "responses.json", "responses.sav")
    answer = mount.run("fetch", *paths)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert sandbox.count("export_start") == 3
    sandbox.pause("refuse")
    assert paths[0].read_bytes() == sandbox.entry(SMALL)
    sandbox.resume()
    assert mount.run("fetch", *paths).returncode == 0
    assert sandbox.count("export_start") == 3


def test_fetch_of_a_folder_is_of_the_files_that_ls_shows(sandbox, mount):
    folder = mount.path / "mailinglists" / PILOT
    assert mount.run("fetch", folder).returncode == 0
    before = sandbox.count()
    for name in os.listdir(folder):
        if (folder / name).is_file():
            (folder / name).read_bytes()
    assert sandbox.count() == before


def test_fetch_runs_many_at_once(sandbox, mount):
    sandbox.hold_jobs()
    paths = files(mount, SMALL, *(f"responses.{form}" for form in ("csv", "json", "sav", "tsv", "xml", "ndjson")))
    with subprocess.Popen([QXFS, "fetch", *paths], env=mount.env(), stderr=subprocess.PIPE) as fetch:
        assert sandbox.wait_for("export_start", 6)  # all of them, before one has ended
        sandbox.release_jobs()
        assert fetch.communicate()[1] == b"" and fetch.returncode == 0


def test_fetch_tells_what_it_could_not_have_and_why(sandbox, mount):
    sandbox.fault("export_start", "status", status=403)
    good, bad, none = *files(mount, SMALL, "survey.json", "responses.csv"), mount.path / "surveys" / "nobody"
    answer = mount.run("fetch", good, bad, none)
    assert answer.returncode == 1
    assert f"{bad}: Permission denied" in answer.stderr and "HTTP 403" in answer.stderr
    assert f"{none}: No such file" in answer.stderr and str(good) not in answer.stderr
    for words in ([], ["--all"]):
        assert mount.run("fetch", *words).returncode == 1


def test_fetch_waits_longer_than_open_wait(sandbox, mounts, until):
    mount = mounts(sandbox, "open_wait=1")
    sandbox.hold_jobs()
    (path,) = files(mount, SMALL, "responses.xlsx")
    with subprocess.Popen([QXFS, "fetch", path], env=mount.env(), stderr=subprocess.PIPE) as fetch:
        until(lambda: "gave up" in mount.run("why", path).stdout, 10, "the end of its first open")
        assert fetch.poll() is None
        sandbox.release_jobs()
        assert fetch.communicate()[1] == b"" and fetch.returncode == 0
    sandbox.pause("refuse")
    assert path.read_bytes()
    assert "open_wait=" in mount.run("why", path).stdout


def test_fetch_does_not_wait_for_ever_for_a_network(sandbox, mounts):
    mount = mounts(sandbox, "open_wait=1")
    sandbox.pause("hang")
    answer = mount.run("fetch", *files(mount, SMALL, "responses.csv"))
    assert answer.returncode == 1 and "responses.csv: " in answer.stderr


def test_fetch_shows_progress_on_a_terminal(sandbox, mount):
    sandbox.hold_jobs()
    (path,) = files(mount, SMALL, "responses.csv")
    ours, theirs = pty.openpty()
    with subprocess.Popen([QXFS, "fetch", path], env=mount.env(), stderr=theirs) as fetch:
        os.close(theirs)
        seen = b""
        while b"0 of 1, surveys/" not in seen:
            seen += os.read(ours, 1000)
        sandbox.release_jobs()
        assert fetch.wait() == 0
    os.close(ours)


# --- refresh -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["fresh=300", "ro"])
def test_refresh_makes_the_next_open_a_full_export(sandbox, mounts, option):
    mount = mounts(sandbox, option)
    csv, plain, untouched = files(mount, SMALL, "responses.csv", "responses.plain.csv", "responses.json")
    old = [path.read_bytes() for path in (csv, plain, untouched)]
    sandbox.append(SMALL, 1)
    assert [path.read_bytes() for path in (csv, plain, untouched)] == old
    before = sandbox.count("export_start")
    answer = mount.run("refresh", plain)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert sandbox.count("export_start") == before
    assert csv.read_bytes() == sandbox.entry(SMALL) != old[0]
    assert plain.read_bytes() != old[1] and untouched.read_bytes() == old[2]
    assert sandbox.count("export_start") == before + 1


def test_refresh_of_what_has_no_content_is_refused(sandbox, mount):
    for path in (mount.path / "surveys" / "STATUS.txt", mount.path / "README.txt", mount.path / "surveys" / SMALL / "nothing"):
        answer = mount.run("refresh", path)
        assert answer.returncode == 1 and str(path) in answer.stderr
    assert mount.run("refresh").returncode == 1


# --- forget ------------------------------------------------------------------------------------------------------


def test_forget_removes_a_file_and_what_is_made_from_it(sandbox, mount):
    csv, plain, other = files(mount, SMALL, "responses.csv", "responses.plain.csv", "responses.json")
    data = [path.read_bytes() for path in (csv, plain, other)]
    before = generations(mount)
    answer = mount.run("forget", csv)
    assert (answer.returncode, answer.stderr) == (0, "") and "2 removed" in answer.stdout
    assert generations(mount) == before - 2
    needle = data[0].splitlines()[-1]
    kept = [path for path in mount.cache.rglob("*.data") if needle in path.read_bytes()]
    assert kept == []
    started = sandbox.count("export_start")
    assert [path.read_bytes() for path in (csv, plain, other)] == data
    assert sandbox.count("export_start") == started + 1


def test_forget_of_a_survey_is_of_all_that_belongs_to_it(sandbox, mount):
    mine = files(mount, SMALL, "responses.csv", "responses.ndjson", "responses.xlsx", "schema.json", "now/responses.sav",
                 "dates/2024-01../responses.csv", "with/limit=1/responses.csv")
    (theirs,) = files(mount, STAFF, "responses.csv")
    contacts = mount.path / "mailinglists" / PILOT / "contacts.csv"
    for path in (*mine, theirs, contacts):
        path.read_bytes()
    assert "removed" in mount.run("forget", mount.path / "surveys" / SMALL).stdout
    assert generations(mount) == 2
    assert "1 removed" in mount.run("forget", mount.path / "mailinglists" / PILOT).stdout
    theirs.read_bytes()
    assert "1 removed" in mount.run("forget", mount.path).stdout
    assert generations(mount) == 0
    assert list(mount.cache.rglob("*.data")) == []


def test_forget_of_a_survey_is_of_its_mailings_too(sandbox, mount):
    folder = mount.path / "surveys" / CUSTOMERS
    mailings = sorted(os.listdir(folder / "distributions"))[:2]
    paths = [folder / "distributions.csv"]
    for mailing in mailings:
        paths += [folder / "distributions" / mailing / name for name in ("distribution.json", "links.csv", "history.csv")]
    for path in paths:
        path.read_bytes()
    assert mailings and generations(mount) == len(paths)
    assert mount.run("forget", mount.path / "surveys" / STAFF).stdout.endswith("0 removed from this disk\n")
    assert f"{len(paths)} removed" in mount.run("forget", folder).stdout
    assert list(mount.cache.rglob("*.data")) == []


def test_forget_finds_every_file_of_an_object(sandbox, mount):
    """Each kind of file below a folder that can be forgotten is read, and nothing of it stays."""
    here = mount.path
    for folder in (here / "surveys" / CUSTOMERS, here / "directories" / MAIN, here / "mailinglists" / PILOT):
        assert mount.run("fetch", folder).returncode == 0
        for below, inside, names in os.walk(folder):
            inside[:] = [name for name in inside if name not in ("import", "check", "now", "filters")][:3]
            for name in names[:3]:
                if os.path.isfile(f"{below}/{name}"):
                    read_all(f"{below}/{name}")
        assert generations(mount) > 0
        answer = mount.run("forget", folder)
        assert answer.returncode == 0 and generations(mount) == 0, (folder, answer)


def test_what_is_open_is_not_forgotten(sandbox, mount):
    (path,) = files(mount, SMALL, "responses.csv")
    with open(path, "rb") as file:
        answer = mount.run("forget", path)
        assert answer.returncode == 1 and "1 stay" in answer.stderr
        assert file.read() == sandbox.entry(SMALL)
    assert mount.run("forget", path).returncode == 0
    answer = mount.run("forget", path)
    assert answer.returncode == 0 and "0 removed" in answer.stdout


def test_forget_takes_no_folder_that_is_no_object(sandbox, mount):
    for name in ("surveys", "mailinglists/by-name", "README.txt", "nothing"):
        answer = mount.run("forget", mount.path / name)
        assert answer.returncode == 1 and name in answer.stderr, answer
