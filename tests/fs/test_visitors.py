"""Crawlers begin nothing, and one session does not begin exports without end (DESIGN.md 3)."""

import errno
import os
import shutil
import subprocess
import sys
import time

import pytest

from common import error_of

SMALL = "SV_demoSmall000014"
STAFF = "SV_demoStaff000201"
MAIN = "POOL_demoMain0000001"


@pytest.fixture
def crawler(tmp_path):
    """crawler(...): runs cat, ls or find under the name of an indexer."""
    def run(program, *arguments):
        folder = tmp_path / "bin" / program
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / "updatedb.plocate"
        if not name.exists():
            shutil.copy(shutil.which(program), name)
        answer = subprocess.run([name, *arguments], capture_output=True, check=False)
        answer.stderr = answer.stderr.decode()
        return answer

    return run


def responses(mount, survey=SMALL, name="responses.csv"):
    return mount.path / "surveys" / survey / name


def test_a_crawler_leaves_the_look_at_a_folder_to_people(sandbox, mounts, expire, crawler):
    mount = mounts(sandbox, "fresh=3")
    file = responses(mount)
    file.read_bytes()
    expire(3)
    sandbox.reset_stats()
    assert crawler("ls", file.parent).returncode == 0
    assert sandbox.count("survey") == 0
    os.listdir(file.parent)
    assert sandbox.count("survey") == 1 and os.stat(file).st_blocks > 0


def test_a_crawler_gets_what_is_there_and_begins_nothing(sandbox, mount, crawler):
    before = sandbox.count()
    answer = crawler("cat", responses(mount))
    assert answer.returncode and "temporarily unavailable" in answer.stderr
    assert sandbox.count() == before
    data = responses(mount).read_bytes()
    assert crawler("cat", responses(mount)).stdout == data


def test_a_crawlers_walk_costs_nothing(sandbox, mounts, crawler, expire):
    mount = mounts(sandbox, "fresh=1")
    responses(mount).read_bytes()
    expire(1)  # all lists and the file are old
    before = sandbox.count()
    found = crawler("find", mount.path).stdout.decode().splitlines()
    assert str(responses(mount)) in found and len(found) > 100
    assert sandbox.count() == before, (str(sandbox.stats()["counts"]), mount.text_of_log()[-2500:])
    contacts = mount.path / "directories" / MAIN / "contacts"
    assert "temporarily unavailable" in crawler("ls", contacts).stderr
    assert sandbox.count() == before
    os.listdir(mount.path / "surveys")
    assert sandbox.count() > before, "anybody else asks"


READ_ON = """
import os, sys
with open("/proc/self/comm", "w") as name:
    name.write("updatedb")
try:
    os.listdir(int(sys.argv[1]))
except BlockingIOError:
    print("temporarily unavailable")
"""


def test_a_crawler_is_given_no_page_of_contacts_through_a_handle_of_another(sandboxes, mounts):
    box = sandboxes(settings={"page_size": 10})
    other = box.add_directory("Other", 3000)
    handle = os.open(mounts(box).path / "directories" / other / "contacts", os.O_RDONLY | os.O_DIRECTORY)
    before, was = box.count(), 0
    while before != was:  # what is fetched ahead comes to its end
        time.sleep(0.5)
        before, was = box.count(), before
    told = subprocess.run([sys.executable, "-c", READ_ON, str(handle)], pass_fds=[handle], capture_output=True, text=True, check=True)
    assert told.stdout == "temporarily unavailable\n"
    # Who reads what was there already has some more fetched ahead; all of it would be 300 pages.
    assert box.count() <= before + 20
    assert len(os.listdir(handle)) > 2900, "anybody else goes on"
    os.close(handle)


def test_who_is_a_crawler_is_an_option(sandbox, mounts, crawler):
    mount = mounts(sandbox, "crawlers=cat:nobody")
    assert crawler("cat", responses(mount)).returncode == 0  # updatedb is none here
    answer = subprocess.run(["cat", responses(mount, STAFF)], capture_output=True, text=True, check=False)
    assert "temporarily unavailable" in answer.stderr
    everybody = mounts(sandbox, "crawlers=", name="e")
    assert crawler("cat", responses(everybody, STAFF)).returncode == 0


GLANCE = """import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | (os.O_NOATIME if sys.argv[2:] else 0))
sys.stdout.buffer.write(os.read(fd, 4096))
"""


@pytest.fixture
def named(tmp_path):
    """named(program, file, *"glance"): reads its beginning under that name, with O_NOATIME or without."""
    def run(program, *arguments):
        name = tmp_path / "bin" / program
        name.parent.mkdir(exist_ok=True)
        if not name.exists():
            shutil.copy(os.path.realpath("/usr/bin/python3"), name)
        return subprocess.run([name, "-c", GLANCE, *arguments], capture_output=True, check=False)

    return run


def test_a_file_manager_that_looks_what_a_file_is_begins_nothing(sandbox, mounts, named):
    mount = mounts(sandbox)
    file = responses(mount, name="responses.json")
    before = sandbox.count()
    for program in ("thunar", "nautilus", "gio"):
        looked = named(program, file, "glance")
        assert looked.returncode and b"temporarily unavailable" in looked.stderr
    assert sandbox.count() == before
    data = file.read_bytes()
    assert named("nautilus", file, "glance").stdout == data[:4096]
    table = responses(mount)
    assert named("nautilus", table).returncode == 0, "it copies"
    assert named("borg", responses(mount, STAFF), "glance").returncode == 0, "a backup reads all"
    nobody = mounts(sandbox, "crawlers=", name="n")
    assert named("nautilus", responses(nobody, name="responses.json"), "glance").returncode == 0


def test_the_marks_of_indexers_are_there(sandbox, mount):
    before = sandbox.count()
    for name in (".trackerignore", ".nomedia", ".metadata_never_index"):
        assert name in os.listdir(mount.path)
        assert "leave this folder alone" in (mount.path / name).read_text()
    assert sandbox.count() == before


def in_session(*paths, program="cat"):
    """One session of its own; the standard errors of its programs."""
    script = " ; ".join(f"{program} '{path}' > /dev/null" for path in paths)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, start_new_session=True, check=False).stderr


def test_a_session_begins_so_many_first_exports(sandbox, mounts, until):
    mount = mounts(sandbox, "export_budget=2", "fresh=0")
    names = ["responses.csv", "responses.json", "responses.sav", "responses.labels.csv"]
    paths = [responses(mount, name=name) for name in names]
    said = in_session(*paths, paths[0], responses(mount, name="survey.json"))
    assert said.count("Disk quota exceeded") == 2
    assert all(str(path) in said for path in paths[2:])
    assert sandbox.count("export_start") >= 2
    told = (mount.path / "STATUS.txt").read_text()
    assert "export_budget=" in told and "responses.sav" in told
    assert "export_budget=0" in mount.run("why", paths[2]).stdout
    assert in_session(paths[2], paths[3]) == "", "another session has its own"
    assert in_session(*paths) == "", "what was exported before is free"
    xlsx = [responses(mount, STAFF, name) for name in ("responses.csv", "responses.plain.csv", "responses.json", "responses.xlsx")]
    assert in_session(*xlsx).count("Disk quota exceeded") == 1, "what is made from an export that is there is free"


def test_a_retry_is_free(sandbox, mounts):
    mount = mounts(sandbox, "export_budget=2")
    csv, xlsx, more = (responses(mount, name=name) for name in ("responses.csv", "responses.xlsx", "responses.json"))
    sandbox.fault("export_progress", "job_failed")
    said = in_session(csv, csv, xlsx, csv, xlsx, more, more, csv, more)
    assert said.count("Input/output error") == 6
    assert said.count("Disk quota exceeded") == 3, "and to be refused is no try"
    sandbox.clear_faults()
    assert in_session(responses(mount, STAFF), csv, xlsx, csv) == "", "the two have been paid for by another"


def test_no_budget_is_no_bound(sandbox, mounts):
    mount = mounts(sandbox, "export_budget=0")
    names = ["responses.csv", "responses.json", "responses.sav", "responses.labels.csv"]
    assert in_session(*(responses(mount, name=name) for name in names)) == ""


def test_a_folder_of_a_survey_that_nobody_confirmed_is_no_crawlers(sandbox, mount, crawler):
    before = sandbox.count()
    assert error_of(os.listdir, mount.path / "surveys" / "SV_nobodyKnowsThis") == errno.ENOENT
    assert sandbox.count() == before + 1
    assert "temporarily unavailable" in crawler("ls", mount.path / "surveys" / "SV_nobodyKnowsThat").stderr
    assert sandbox.count() == before + 1
