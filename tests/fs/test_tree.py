"""What exists: names, attributes, listings, the texts made here, and that looking at them costs nothing."""

import concurrent.futures
import contextlib
import csv
import ctypes
import errno
import fcntl
import io
import json
import os
import pathlib
import re
import stat
import subprocess
import time
import unicodedata

import pytest

from common import error_of
from control import SLOW

SURVEY = "SV_demoCustomers02"
SMALL = "SV_demoSmall000014"
STAFF, STAFF_TOO = "SV_demoStaff000200", "SV_demoStaff000201"
DEMO_SURVEYS = 6
FILES = {
    "STATUS.txt", "survey.json", "definition.json", "survey.qsf", "schema.json", "languages.json", "quotas.json",
    "codebook.csv", "distributions.csv", "distributions", "filters", "now", "dates", "with", "responses", "responses.csv",
    "responses.labels.csv", "responses.plain.csv", "responses.xlsx", "responses.json", "responses.sav",
    "responses.unfinished.csv", "import", "check",
}
IMPORTS = ("import", "check", "send", "done")  # the folders that take files
BESIDE_SURVEYS = {"index.csv", "by-name", "active", "mine", "recent", "import", "check"}
LINKS = ("by-name", "active", "mine", "recent")
UNKNOWN = "SV_nobodyKnowsMe1"
KERNEL_SAYS = set() if os.geteuid() == 0 else {errno.EACCES}  # to an ordinary user, before the daemon is asked


def run(*command, good=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in good, done.stderr
    return done


def walked(mount):
    """Every path below the mount, itself included, with its lstat."""
    found = {mount.path: os.lstat(mount.path)}
    for folder, folders, files in os.walk(mount.path):
        for name in (*folders, *files):
            found[pathlib.Path(folder, name)] = os.lstat(pathlib.Path(folder, name))
    return found


MARKS = (".trackerignore", ".nomedia", ".metadata_never_index")


def is_data(path):
    """Comes from the service when it is opened; the other files are texts that are made here."""
    return path.name not in (*MARKS, "README.txt", "TEMPLATE.csv", "STATUS.txt", "index.csv", "directory.json", "status.json", "limits.json", "jobs", "errors", "events")


class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_uint16),
                ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.opendir.restype = ctypes.c_void_p
LIBC.readdir.argtypes = LIBC.closedir.argtypes = [ctypes.c_void_p]
LIBC.readdir.restype = ctypes.POINTER(Dirent)


def entries_of(folder):
    """What readdir says, dots included: [(name, number, type)]."""
    stream = LIBC.opendir(os.fsencode(folder))
    assert stream, os.strerror(ctypes.get_errno())
    found = []
    while entry := LIBC.readdir(stream):
        found.append((os.fsdecode(entry.contents.name), entry.contents.ino, entry.contents.type))
    LIBC.closedir(stream)
    return found


# --- looking is free ---------------------------------------------------------------------------------------------


def test_looking_at_everything_starts_no_export_and_costs_only_the_folders_lists(sandbox, mount):
    lists = {"filters": DEMO_SURVEYS, "distributions": DEMO_SURVEYS, "contacts": 51, "list_contacts": 31}
    mounting = {"whoami": 1, "surveys": 1, "directories": 2, "lists": 2}
    assert sandbox.stats()["counts"] == {**mounting, "*": 6}, "whoami and the pages of the lists"
    listing = run("ls", "-lR", mount.path).stdout
    assert listing.count(" responses.json\n") >= DEMO_SURVEYS
    found = run("find", mount.path, "-size", "+0").stdout
    for name in ("responses.csv", "responses.xlsx", "survey.qsf"):
        assert len(re.findall(rf"/SV_\w+/{re.escape(name)}\n", found)) == DEMO_SURVEYS, name
    run("ls", "-laR", f"{mount.path}/.qxfs")
    run("find", mount.path, "-newer", "/etc/passwd", "-ls")
    run("find", "-L", mount.path, "-name", "*.csv")
    run("du", "-a", mount.path)
    run("cat", *mount.path.rglob("*.txt"), mount.path / "surveys" / "index.csv")
    assert sandbox.stats()["counts"] == {**mounting, **lists, "*": 6 + sum(lists.values())}, "each page of a list once"


def test_listing_all_surveys_costs_no_request(sandbox, mount):
    sandbox.reset_stats()
    run("ls", "-l", mount.path / "surveys")
    run("find", mount.path, "-maxdepth", "2", "-ls")
    for survey in (mount.path / "surveys").glob("SV_*"):
        os.listdir(survey)
        run("stat", *survey.iterdir())
    assert sandbox.count() == 0


def test_an_expired_list_costs_its_own_pages_and_nothing_else(sandboxes, mounts):
    account = sandboxes(settings={"page_size": 2})
    mount = mounts(account, "fresh=0")
    account.reset_stats()
    run("ls", "-l", mount.path / "surveys", mount.path / "surveys" / "by-name")
    counts = account.stats()["counts"]
    pages = (DEMO_SURVEYS + 1) // 2
    assert set(counts) == {"surveys", "*"}
    assert counts["surveys"] in (pages, 2 * pages), "once for surveys/, perhaps once more for by-name/"


def test_what_was_read_is_read_again_without_a_request(sandbox, mount):
    folder = mount.path / "surveys" / SMALL
    paths = [mount.path / "whoami.json", folder / "survey.json", folder / "responses.csv"]
    first = [path.read_bytes() for path in paths]
    run("ls", "-lR", mount.path)  # the folders' own lists
    sandbox.reset_stats()
    assert [path.read_bytes() for path in paths] == first
    run("ls", "-lR", mount.path)
    assert sandbox.count() == 0


# --- attributes --------------------------------------------------------------------------------------------------


def test_sizes_are_never_zero_and_blocks_are_none_before_opening(mount):
    seen = {path: st for path, st in walked(mount).items() if stat.S_ISREG(st.st_mode)}
    in_survey = [path for path in seen if path.parent.name.startswith("SV_")]
    assert len(in_survey) == DEMO_SURVEYS * len([name for name in FILES if "." in name])
    for path, st in seen.items():
        assert st.st_size > 0, path
        if is_data(path):
            assert st.st_blocks == 0, path


def test_sizes_and_blocks_are_exact_after_opening(mount):
    folder = mount.path / "surveys" / SURVEY
    for path in (mount.path / "whoami.json", folder / "survey.json", folder / "responses.csv"):
        length = len(path.read_bytes())
        st = os.stat(path)
        assert st.st_size == length, path
        assert st.st_blocks == (length + 511) // 512, path


@pytest.mark.parametrize("survey", [SURVEY, SMALL, STAFF, STAFF_TOO, "SV_demoEmpty000001"])
def test_an_estimate_from_known_counts_is_plausible_and_not_too_small(survey, sandbox, mount):
    folder = mount.path / "surveys" / survey
    before = os.stat(folder / "responses.csv").st_size
    (folder / "survey.json").read_bytes()
    after = os.stat(folder / "responses.csv").st_size
    assert after < before, "once the counts are known the estimate is of this survey"
    assert sandbox.entry_sha256(survey)["size"] <= after < 100 << 20


def test_an_estimate_has_room_for_long_questions_and_essays(sandbox, mount):
    ident = sandbox.add_survey("Long questions", 0)
    for number in range(260):
        sandbox.add_question(ident, f"Q{number + 900}", "Why? " * 1000)
    essays = sandbox.add_survey("Essays", 0)
    question = sandbox.add_question(essays, "Q900", "Tell us everything")
    sandbox.append(essays, 150, values={f"{question}_TEXT": "word " * 4000})
    for survey in (ident, essays):
        folder = mount.path / "surveys" / survey
        (folder / "survey.json").read_bytes()
        shown = os.stat(folder / "responses.csv").st_size
        assert sandbox.entry_sha256(survey)["size"] <= shown


@pytest.mark.parametrize("count", [9223372036854775807, 10**12, -1])
def test_an_estimate_from_absurd_counts_is_a_size(count, sandbox, mount):
    result = {"id": SMALL, "name": "x", "lastModifiedDate": "2026-01-01T00:00:00Z", "embeddedData": [{}] * 300,
              "responseCounts": {"auditable": count, "generated": 0, "deleted": 0}}
    sandbox.fault("survey", "body", body={"result": result, "meta": {"requestId": "r-1"}})
    folder = mount.path / "surveys" / SMALL
    (folder / "survey.json").read_bytes()
    assert os.stat(folder / "responses.csv").st_size == 2_000_000_000


def test_an_open_file_tells_its_exact_size_from_the_start(sandbox, mount):
    with open(mount.path / "surveys" / SMALL / "responses.csv", "rb") as file:
        assert os.fstat(file.fileno()).st_size == sandbox.entry_sha256(SMALL)["size"]


def test_modes_owner_and_links(mount):
    for path, st in walked(mount).items():
        if stat.S_ISLNK(st.st_mode):
            assert path.parent.name in LINKS or path == mount.path / "directory"
        elif stat.S_ISDIR(st.st_mode):
            assert stat.S_IMODE(st.st_mode) == (0o755 if path.name in IMPORTS else 0o555), path
        else:
            assert stat.S_IMODE(st.st_mode) == 0o444, path
            assert st.st_nlink == 1, path
        assert (st.st_uid, st.st_gid) == (os.geteuid(), os.getegid()), path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can tell")
def test_uid_gid_and_umask_are_options(sandbox, mounts):
    mount = mounts(sandbox, "uid=12345,gid=23456,umask=027")
    for path, st in walked(mount).items():
        assert (st.st_uid, st.st_gid) == (12345, 23456)
        if not stat.S_ISLNK(st.st_mode):
            folder = 0o750 if path.name in IMPORTS else 0o550
            assert stat.S_IMODE(st.st_mode) == (folder if stat.S_ISDIR(st.st_mode) else 0o440), path


def test_a_folder_has_the_survey_s_date_and_a_pending_file_no_older_one(sandbox, mount):
    told = "2024-10-30T00:00:00Z"  # lastModified of this survey
    assert dict(sandbox.result("/surveys/" + SMALL))["lastModifiedDate"] == told
    at = 1730246400
    assert os.stat(mount.path / "surveys" / SMALL).st_mtime == at
    assert os.stat(mount.path / "surveys" / SMALL / "responses.csv").st_mtime >= at


def numbers_of(mount):
    """Of all but excel/, whose files are those in the surveys' folders."""
    return {str(path.relative_to(mount.path)): st.st_ino for path, st in walked(mount).items()
            if path.parent.name != "excel"}


def test_inode_numbers_belong_to_the_names(sandbox, mounts, tmp_path):
    mount = mounts(sandbox)
    pending = numbers_of(mount)
    assert len(set(pending.values())) == len(pending), "each name has its own"
    for name in pending:
        if is_data(pathlib.Path(name)) and SMALL in name and (mount.path / name).is_file():
            (mount.path / name).read_bytes()
    assert numbers_of(mount) == pending, "ready is the same file as pending"
    assert mount.stop() == 0

    assert numbers_of(mount.start()) == pending, "a remount changes none"
    assert mount.stop() == 0
    (tmp_path / "other").mkdir()
    other = mounts(sandbox, folder=tmp_path / "other")
    assert numbers_of(other) == pending, "nor does another cache, or another mount point"


def test_readdir_tells_the_numbers_and_types_of_stat(mount):
    types = {stat.S_IFREG: 8, stat.S_IFDIR: 4, stat.S_IFLNK: 10}
    surveys = mount.path / "surveys"
    for folder in (mount.path, surveys, surveys / "by-name", surveys / SMALL, mount.path / ".qxfs"):
        entries = entries_of(folder)
        assert [name for name, _, _ in entries[:2]] == [".", ".."]
        for name, number, kind in entries:
            if name == ".." and folder == mount.path:
                continue  # outside
            st = os.lstat(folder / name)
            assert number == st.st_ino, folder / name
            assert kind == types[stat.S_IFMT(st.st_mode)], folder / name


def test_statfs_is_answered_without_the_network(sandbox, mount):
    for mode in ("hang", "refuse"):
        sandbox.pause(mode)
        began = time.monotonic()
        told = os.statvfs(mount.path / "surveys" / SMALL / "responses.csv")
        assert time.monotonic() - began < 0.5 * SLOW
        assert told.f_blocks >= told.f_bavail > 0
        assert told.f_namemax == 255
        disk = os.statvfs(mount.cache)
        assert told.f_blocks * told.f_frsize == disk.f_blocks * disk.f_frsize, "of the cache's disk"
        run("df", mount.path)
        sandbox.resume()


# --- listings ----------------------------------------------------------------------------------------------------


def test_the_root_and_a_survey_hold_what_is_promised(mount):
    assert set(os.listdir(mount.path)) == {
        "README.txt", "STATUS.txt", "whoami.json", "surveys", "excel", "directory", "directories", "mailinglists",
        *MARKS
    }
    assert set(os.listdir(mount.path / "surveys" / SMALL)) == FILES


@pytest.mark.parametrize("knobs", [{}, {"short_pages": True}, {"empty_pages": True},
                                   {"short_pages": True, "empty_pages": True}],
                         ids=lambda knobs: "-".join(knobs) or "full")
def test_350_surveys_on_their_pages_are_all_there(knobs, sandboxes, mounts):
    account = sandboxes(settings=knobs)
    account.add_surveys(350 - DEMO_SURVEYS)
    mount = mounts(account)
    pages = account.count("surveys")
    assert pages == 4 if not knobs else pages > 4
    told = account.info()["surveys"]
    surveys = mount.path / "surveys"
    names = os.listdir(surveys)
    assert sorted(names) == sorted([*told, *BESIDE_SURVEYS])
    links = os.listdir(surveys / "by-name")
    assert {os.readlink(surveys / "by-name" / link) for link in links} == {f"../{ident}" for ident in told}
    assert len(links) == 350


def test_10_000_surveys_are_listed_once_each(sandboxes, mounts):
    account = sandboxes(settings={"page_size": 1000})
    made = account.add_surveys(10_000 - DEMO_SURVEYS, prefix="The same prefix of a rather long name of a survey")
    mount = mounts(account)
    surveys = mount.path / "surveys"
    account.reset_stats()
    entries = entries_of(surveys)
    names = [name for name, _, _ in entries]
    assert len(names) == len(set(names)) == 10_000 + 2 + len(BESIDE_SURVEYS)
    assert set(made) <= set(names)
    assert len({number for _, number, _ in entries}) == len(entries), "no two have the same number"

    listed = run("ls", "-l", surveys).stdout.splitlines()
    assert len(listed) == 1 + 10_000 + len(BESIDE_SURVEYS)
    links = entries_of(surveys / "by-name")
    assert len({name for name, _, _ in links}) == len(links) == 10_000 + 2
    for name, number, _ in entries[:: 100]:
        assert name == ".." or os.lstat(surveys / name).st_ino == number
    assert account.count() == 0


def test_a_listing_under_way_neither_skips_nor_repeats(sandboxes, mounts):
    account = sandboxes()
    account.add_surveys(2000)
    mount = mounts(account, "fresh=0")
    surveys = mount.path / "surveys"
    before = set(os.listdir(surveys))
    with os.scandir(surveys) as listing:
        seen = [next(listing).name for _ in range(10)]
        for ident in list(before - BESIDE_SURVEYS)[:1500]:
            account.delete_survey(ident)
        account.add_surveys(700, prefix="New")
        assert len(os.listdir(surveys)) == len(BESIDE_SURVEYS) + DEMO_SURVEYS + 2000 - 1500 + 700, "others see the new list"
        seen += [entry.name for entry in listing]
    assert len(seen) == len(set(seen))
    assert set(seen) == before


def test_a_listing_under_way_does_not_go_on_in_a_newer_one(sandboxes, mounts, until):
    """The kernel would go on by the offset, where other names stand in the newer one."""
    account = sandboxes()
    account.add_surveys(2000)
    mount = mounts(account, "fresh=3")
    surveys = mount.path / "surveys"
    for _ in range(2):  # the second time the kernel has it
        before = os.listdir(surveys)
    with os.scandir(surveys) as listing:
        seen = [next(listing).name]  # and all that the same system call gave
        for ident in before[10:110]:
            account.delete_survey(ident)
        until(lambda: len(os.listdir(surveys)) == len(before) - 100, what="the newer list")
        os.listdir(surveys)
        seen += [entry.name for entry in listing]
    assert seen == before


def readdirs(mount):
    return len(re.findall(r"opcode: READDIR", mount.text_of_log()))


@pytest.mark.parametrize("folder", ["surveys", "surveys/by-name", f"surveys/{SMALL}"])
def test_a_folder_listed_again_is_not_read_again(sandbox, mounts, folder):
    mount = mounts(sandbox, flag="-d")
    first = sorted(os.listdir(mount.path / folder))
    before = readdirs(mount)
    assert before > 0
    for _ in range(3):
        assert sorted(os.listdir(mount.path / folder)) == first
    assert readdirs(mount) == before


@pytest.mark.parametrize("folder", ["surveys", "surveys/by-name"])
def test_what_the_kernel_keeps_of_an_older_listing_is_not_believed(sandbox, mounts, folder):
    mount = mounts(sandbox, "fresh=0")
    for name in ("Old", "New", "Newest"):
        old = os.open(mount.path / folder, os.O_RDONLY)
        before = set(os.listdir(mount.path / folder))
        made = sandbox.add_survey(name, 1)
        newer = os.open(mount.path / folder, os.O_RDONLY)
        assert set(os.listdir(old)) == before, "an open folder lists what it was opened with"
        shown = {name if folder.endswith("by-name") else made}
        assert set(os.listdir(mount.path / folder)) == before | shown
        os.close(old)
        os.close(newer)
        assert set(os.listdir(mount.path / folder)) == before | shown


def test_a_new_survey_appears_and_a_deleted_one_goes(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    surveys = mount.path / "surveys"
    assert STAFF in os.listdir(surveys)
    made = sandbox.add_survey("Brand new", 3)
    sandbox.delete_survey(STAFF)
    names = os.listdir(surveys)
    assert made in names and STAFF not in names
    assert (surveys / "by-name" / "Brand new" / "responses.csv").read_bytes() == sandbox.entry(made)


# --- names -------------------------------------------------------------------------------------------------------

HOSTILE = [
    "a/b", "/", "..", ".", "", " ", "line\nfeed\tand\x01\x7f", "nul\0inside", "CON", "con.txt", "LPT1", "ends with dots...",
    "ends with a blank ", 'what "Windows" forbids: <>:\\|?*', "x" * 300, "é" * 200, "🍜" * 100, "Cafe\u0301", "Caf\u00e9",
    "CAFÉ", "ßtraße", "STRASSE", "strasse", "right \u202e to left", "two\u2028lines", "index.csv", "STATUS.txt",
    "~$lock", "-rf", "*", "$(reboot)", "'; drop table", " leading", "\ufeffbom", "name [SV_demoSmall000014]",
    f"fake [{STAFF}]", "[SV_alone]", "ünïcödé", "日本語のアンケート", "C1 \u0085 \u009b",
]


@pytest.fixture
def hostile(sandboxes, mounts):
    account = sandboxes()
    made = {account.add_survey(name, 1): name for name in HOSTILE}
    return account, mounts(account), made


def test_hostile_names_are_made_safe_and_resolve(hostile):
    account, mount, made = hostile
    by_name = mount.path / "surveys" / "by-name"
    links = os.listdir(by_name)
    assert len(links) == len(account.info()["surveys"]) == DEMO_SURVEYS + len(made)
    for link in links:
        target = os.readlink(by_name / link)
        assert re.fullmatch(r"\.\./SV_\w+", target)
        assert set(os.listdir(by_name / link)) == FILES
        assert target[3:] in (by_name / link / "STATUS.txt").read_text()
        assert len(link.encode()) <= 255
        assert link == unicodedata.normalize("NFC", link)
        assert link not in (".", "..") and not link.endswith((".", " "))
        assert not re.search(r'[\x00-\x1f\x7f-\x9f/\\<>:"|?*\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]', link)
        assert link.split(".")[0].upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1")
    assert len({link.casefold() for link in links}) == len(links), "Windows and macOS see each of them"
    assert sorted(os.readlink(by_name / link)[3:] for link in links) == sorted(account.info()["surveys"])


def test_harmless_names_stay_as_they_are(hostile):
    _, mount, made = hostile
    by_name = mount.path / "surveys" / "by-name"
    for name in ("ünïcödé", "日本語のアンケート", "index.csv", "~$lock", "-rf", "$(reboot)", " leading", "Customer satisfaction 2026"):
        assert made.get(os.readlink(by_name / name)[3:], "Customer satisfaction 2026") == name
    assert made[os.readlink(by_name / "a_b")[3:]] == "a/b"
    (long,) = [link for link in os.listdir(by_name) if link.startswith("xxx")]
    assert long == "x" * 250, "an extension has room behind it"
    assert made[os.readlink(by_name / long)[3:]] == "x" * 300
    (short,) = [link for link in os.listdir(by_name) if link.startswith("é")]
    assert short == "é" * 125, "cut between letters"


def test_a_nul_in_a_name_becomes_a_line_as_other_forbidden_characters_do(hostile):
    _, mount, made = hostile
    by_name = mount.path / "surveys" / "by-name"
    assert made[os.readlink(by_name / "nul_inside")[3:]] == "nul\0inside"


def test_half_a_character_in_a_name_hides_no_survey(sandbox, mounts):
    """\\ud800 alone is JSON, and no text."""
    page = sandbox.result("/surveys")
    page["elements"][0]["name"] = "half \ud800 pair"
    sandbox.fault("surveys", "body", body=json.dumps({"result": page, "meta": {"httpStatus": "200 - OK"}}))
    surveys = mounts(sandbox).path / "surveys"
    assert len(os.listdir(surveys / "by-name")) == DEMO_SURVEYS
    (link,) = [link for link in os.listdir(surveys / "by-name") if link.startswith("half ")]
    assert os.readlink(surveys / "by-name" / link) == f"../{page['elements'][0]['id']}"
    assert len(list(csv.reader((surveys / "index.csv").read_text().splitlines()))) == 1 + DEMO_SURVEYS


def test_ids_that_are_none_hide_no_file(sandbox, mounts):
    ids = ["by-name", "index", "SV_short1", "SV_demoSmall000014", "sv_demoSmall000015", "..", "SV_a/b", "", 7, None]
    elements = [{"id": ident, "name": f"Name {n}", "isActive": True} for n, ident in enumerate(ids)]
    sandbox.fault("surveys", "body", body={"result": {"elements": elements, "nextPage": None},
                                           "meta": {"requestId": "r-1"}})
    surveys = mounts(sandbox).path / "surveys"
    names = os.listdir(surveys)
    assert sorted(names) == sorted({"SV_demoSmall000014", "SV_short1"} | BESIDE_SURVEYS)
    assert all(os.stat(surveys / name) for name in names), "what is listed can be looked at"
    assert sorted(os.listdir(surveys / "by-name")) == ["Name 2", "Name 3"]


def test_a_name_that_ends_like_an_id_carries_its_own(hostile):
    """Else "fake [SV_other]" would stand where "ANYNAME [SV_other]" must lead to SV_other."""
    _, mount, made = hostile
    by_name = mount.path / "surveys" / "by-name"
    (ident,) = [ident for ident, name in made.items() if name == f"fake [{STAFF}]"]
    assert os.readlink(by_name / f"fake [{STAFF}]") == f"../{STAFF}"
    assert os.readlink(by_name / f"fake [{STAFF}] [{ident}]") == f"../{ident}"


def test_of_two_alike_the_oldest_keeps_the_bare_name(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    by_name = mount.path / "surveys" / "by-name"
    assert os.readlink(by_name / "Staff survey") == f"../{STAFF}"
    assert os.readlink(by_name / f"Staff survey [{STAFF_TOO}]") == f"../{STAFF_TOO}"
    newer = sandbox.add_survey("STAFF SURVEY", id="SV_0000000000000", created=1_800_000_000_000)
    names = os.listdir(by_name)
    assert f"STAFF SURVEY [{newer}]" in names and "Staff survey" in names and "STAFF SURVEY" not in names
    assert os.readlink(by_name / "Staff survey") == f"../{STAFF}", "a copy renames no path"


def names_kept(mount, kind="surveys"):
    """The file that remembers who has had which name."""
    files = list((mount.state / "qxfs").glob(f"*/names/{kind}"))
    return files[0].read_text(errors="replace") if files else ""


def test_a_name_stays_reserved_for_its_survey_after_renaming_and_deletion(sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=0")
    surveys = mount.path / "surveys"
    by_name = surveys / "by-name"
    first = sandbox.add_survey("Trust", 1)
    assert "Trust" in os.listdir(by_name) and os.readlink(by_name / "Trust") == f"../{first}"
    sandbox.rename(first, "Confidence")
    second = sandbox.add_survey("TRUST", 1, created=1_000_000_000_000)  # the older of the two
    for _ in range(2):
        names = os.listdir(by_name)
        assert {"Confidence", f"TRUST [{second}]"} <= set(names)
        assert not {"Trust", "TRUST"} & set(names)
        assert error_of(os.readlink, by_name / "TRUST") == errno.ENOENT
        assert os.readlink(by_name / f"TRUST [{second}]") == f"../{second}"
        assert {"Confidence.xlsx", f"TRUST [{second}].xlsx"} <= set(os.listdir(mount.path / "excel"))
        assert not (mount.path / "excel" / "TRUST.xlsx").exists()
        assert mount.stop() == 0
        mount.start()
        assert error_of(os.readlink, by_name / "Trust") == errno.ENOENT  # before, the kernel may have remembered it
    sandbox.delete_survey(first)
    third = sandbox.add_survey("Confidence", 1)
    until(lambda: f"Confidence [{third}]" in os.listdir(by_name), 10, "a list that was asked for since")
    names = set(os.listdir(by_name))
    assert f"TRUST [{second}]" in names and not {"Confidence", "TRUST"} & names


def test_a_survey_that_is_renamed_back_has_its_name_again(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    by_name = mount.path / "surveys" / "by-name"
    sandbox.rename(SMALL, "Elsewhere")
    assert "Elsewhere" in os.listdir(by_name)
    other = sandbox.add_survey("Team lunch 🍜 / Mittagessen", 1)
    assert f"Team lunch 🍜 _ Mittagessen [{other}]" in os.listdir(by_name)
    sandbox.rename(SMALL, "Team lunch 🍜 / Mittagessen")
    assert f"Team lunch 🍜 _ Mittagessen [{other}]" in os.listdir(by_name)
    assert os.readlink(by_name / "Team lunch 🍜 _ Mittagessen") == f"../{SMALL}"


def test_what_happened_while_nothing_was_mounted_takes_no_name_either(sandbox, mount, until):
    by_name = mount.path / "surveys" / "by-name"
    os.listdir(by_name)
    assert mount.stop() == 0
    sandbox.rename(STAFF, "Renamed in the night")
    mount.options.append("fresh=0")
    mount.start()
    assert {"Renamed in the night", f"Staff survey [{STAFF_TOO}]"} <= set(os.listdir(by_name))
    assert "Staff survey" not in os.listdir(by_name)


def test_mounts_share_who_has_had_a_name(sandbox, mounts, until):
    one, other = (mounts(sandbox, "fresh=0", name=name) for name in "ab")
    first = sandbox.add_survey("Trust", 1)
    assert "Trust" in os.listdir(one.path / "surveys" / "by-name")
    until(lambda: f"{first} trust\n" in names_kept(one), 10, "its line in the file")
    sandbox.delete_survey(first)
    second = sandbox.add_survey("Trust", 1)
    assert f"Trust [{second}]" in os.listdir(other.path / "surveys" / "by-name")
    kept = names_kept(one)
    assert f"Trust [{second}]" in os.listdir(one.path / "surveys" / "by-name")
    assert names_kept(one) == kept, "nothing new: nothing is written"


def test_a_damaged_file_of_names_takes_nothing_away(sandbox, mount, until):
    by_name = mount.path / "surveys" / "by-name"
    before = set(os.listdir(by_name))
    for junk in (b"", b"\0\xff\n \nSV_x", b"SV_other staff survey\n" * 3 + b"../.. x\n"):
        assert mount.stop() == 0
        (file,) = (mount.state / "qxfs").glob("*/names/surveys")
        file.write_bytes(junk)
        mount.start()
        wanted = before if b"staff" not in junk else before - {"Staff survey"} | {f"Staff survey [{STAFF}]"}
        assert set(os.listdir(by_name)) == wanted
        until(lambda: names_kept(mount).count("\n") >= DEMO_SURVEYS - 1, 10, "a good file")


def test_any_name_with_an_id_resolves(mount):
    by_name = mount.path / "surveys" / "by-name"
    for name in (f"whatever [{SMALL}]", f"Team lunch, as it was called before [{SMALL}]"):
        assert os.readlink(by_name / name) == f"../{SMALL}"
        assert set(os.listdir(by_name / name)) == FILES
    assert error_of(os.readlink, by_name / f"whatever [{UNKNOWN}]") == errno.ENOENT
    assert error_of(os.readlink, by_name / SMALL) == errno.ENOENT


def test_names_that_cannot_be_are_refused_without_asking(sandbox, mount):
    sandbox.reset_stats()
    surveys = mount.path / "surveys"
    for name in ("nonsense", "SV_short", "SV_with-dash00000", "SV_" + "x" * 40, ".Trash", "desktop.ini", "SV_", "sv_demosmall000014"):
        assert error_of(os.stat, surveys / name) == errno.ENOENT, name
    assert error_of(os.stat, mount.path / "surveys" / SMALL / "responses.sav.part") == errno.ENOENT
    assert error_of(os.stat, surveys / ("x" * 256)) == errno.ENAMETOOLONG
    assert error_of(os.stat, mount.path / "README.txt" / "below") == errno.ENOTDIR
    assert sandbox.count() == 0


def test_index_csv_is_the_list_as_a_table(hostile):
    account, mount, made = hostile
    data = (mount.path / "surveys" / "index.csv").read_bytes()
    table = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    assert table[0] == ["id", "name", "owner", "active", "created", "modified", "path"]
    rows = {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:]}
    told = account.info()["surveys"]
    assert rows.keys() == told.keys() and len(table) == 1 + len(told)
    for ident, row in rows.items():
        name = made.get(ident, told[ident]["name"])
        assert row["name"] == name or "\0" in name
        assert (mount.path / row["path"]).is_dir()
    shown = account.result("/surveys?pageSize=100")["elements"]
    for item in shown:
        row = rows[item["id"]]
        assert row["owner"] == item["ownerId"]
        assert row["active"] == ("true" if item["isActive"] else "false")
        assert (row["created"], row["modified"]) == (item["creationDate"], item["lastModified"])


# --- found by name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ls", "cat"])
def test_an_unlisted_survey_is_found_by_its_id_and_listed_from_then_on(how, sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=0")
    surveys = mount.path / "surveys"
    ident = sandbox.add_survey("Shared with me", 2, listed=False)
    assert ident not in os.listdir(surveys)
    if how == "ls":
        sandbox.reset_stats()
        assert set(os.listdir(surveys / ident)) == FILES
        assert sandbox.stats()["counts"] == {"survey": 1, "*": 1}
    assert (surveys / ident / "responses.csv").read_bytes() == sandbox.entry(ident)
    assert ident in os.listdir(surveys), "also when the list was fetched anew"
    assert os.readlink(surveys / "by-name" / "Shared with me") == f"../{ident}"
    until(lambda: f"{ident},Shared with me," in (surveys / "index.csv").read_text(), 5, "the line in index.csv")


@pytest.mark.concurrency
def test_surveys_found_at_the_same_time_are_all_listed(sandboxes, mounts):
    sandbox = sandboxes()
    mount = mounts(sandbox)
    surveys = mount.path / "surveys"
    found = [sandbox.add_survey(f"Shared {n}", 1, listed=False) for n in range(24)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for some in (found[n:n + 4] for n in range(0, 24, 4)):
            list(pool.map(lambda ident: (surveys / ident / "survey.json").read_bytes(), some))
            assert set(some) <= set(os.listdir(surveys))


def found_in(mount):
    """Ids in the file that remembers them; None: it is damaged."""
    files = list((mount.state / "qxfs").glob("*/lists/surveys-found.ndjson"))
    try:
        return {json.loads(line)["id"] for path in files for line in path.read_text().splitlines()[1:]}
    except ValueError:
        return None


def test_a_found_survey_is_listed_after_a_remount_too(sandbox, mounts, until):
    mount = mounts(sandbox)
    surveys = mount.path / "surveys"
    made = [sandbox.add_survey(name, 2, listed=False) for name in ("Shared with me", "Shared: a/b\n\x07", "Third")]
    for ident in made:
        os.listdir(surveys / ident)
    before = set(os.listdir(surveys / "by-name"))
    assert set(made) < set(os.listdir(surveys))
    assert mount.stop() == 0
    mount.start()
    sandbox.reset_stats()
    assert set(made) < set(os.listdir(surveys))
    assert set(os.listdir(surveys / "by-name")) == before and "Shared_ a_b__" in before
    os.listdir(surveys / made[0])
    assert sandbox.count("survey") == 0, "it is a listed one like others"
    assert (surveys / made[0] / "responses.csv").read_bytes() == sandbox.entry(made[0])


def test_what_one_mount_has_found_the_others_list(sandbox, mounts, until):
    one, other = (mounts(sandbox, "fresh=0", name=name) for name in "ab")
    made = [sandbox.add_survey(f"Shared {n}", 1, listed=False) for n in range(4)]
    for n, ident in enumerate(made):
        os.listdir((one, other)[n % 2].path / "surveys" / ident)
    for mount in (one, other):
        until(lambda: set(made) < set(os.listdir(mount.path / "surveys")), 10, "all in both")
    sandbox.delete_survey(made[0])
    assert error_of(open, other.path / "surveys" / made[0] / "responses.csv") == errno.ENOENT
    for mount in (one, other):
        until(lambda: made[0] not in os.listdir(mount.path / "surveys"), 10, "none in both")
    assert set(made[1:]) < set(os.listdir(one.path / "surveys"))


def test_a_found_survey_that_was_deleted_is_listed_no_more(sandbox, mount, until):
    surveys = mount.path / "surveys"
    ident = sandbox.add_survey("Shared with me", 2, listed=False)
    (surveys / ident / "survey.json").read_bytes()
    assert ident in os.listdir(surveys)
    until(lambda: found_in(mount) == {ident}, 10, "its line in the file")
    sandbox.delete_survey(ident)
    assert ident in os.listdir(surveys), "nobody was asked"
    assert error_of(open, surveys / ident / "responses.csv") == errno.ENOENT
    assert ident not in os.listdir(surveys), "at once, not with the next list"
    assert "Shared with me" not in os.listdir(surveys / "by-name")
    until(lambda: found_in(mount) == set(), 10, "no line in the file")
    assert mount.stop() == 0
    assert ident not in os.listdir(mount.start().path / "surveys")


def test_a_found_survey_has_the_name_that_it_was_last_seen_with(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    by_name = mount.path / "surveys" / "by-name"
    ident = sandbox.add_survey("Before", 2, listed=False)
    (mount.path / "surveys" / ident / "survey.json").read_bytes()
    assert os.readlink(by_name / "Before") == f"../{ident}"
    sandbox.rename(ident, "After")
    expire(1)
    (mount.path / "surveys" / ident / "survey.json").read_bytes()
    assert "Before" not in os.listdir(by_name) and os.readlink(by_name / "After") == f"../{ident}"
    assert mount.stop() == 0
    assert "After" in os.listdir(mount.start().path / "surveys" / "by-name")


def test_a_found_survey_that_the_list_shows_is_the_list_s(sandbox, mounts, until):
    mount = mounts(sandbox, "fresh=0")
    surveys = mount.path / "surveys"
    ident = sandbox.add_survey("Shared with me", 2, listed=False)
    os.listdir(surveys / ident)
    until(lambda: found_in(mount) == {ident}, 10, "its line in the file")
    sandbox.change_survey(ident, listed=True)
    assert ident in os.listdir(surveys)
    until(lambda: found_in(mount) == set(), 10, "no line in the file")
    sandbox.change_survey(ident, listed=False)
    until(lambda: ident not in os.listdir(surveys), 10, "a list without it")


def test_a_damaged_file_of_found_surveys_is_written_anew(sandbox, mount, until):
    surveys = mount.path / "surveys"
    made = [sandbox.add_survey(f"Shared {n}", 1, listed=False) for n in range(2)]
    os.listdir(surveys / made[0])
    assert mount.stop() == 0
    (file,) = (mount.state / "qxfs").glob("*/lists/surveys-found.ndjson")
    for junk in (b"", b"junk\n", file.read_bytes()[:-5], file.read_bytes().replace(b"SV_", b"../")):
        file.write_bytes(junk)
        mount.start()
        assert made[0] not in os.listdir(surveys)
        os.listdir(surveys / made[1])
        until(lambda: found_in(mount) == {made[1]}, 10, "a good file")
        assert mount.stop() == 0


def test_an_unknown_id_is_asked_for_once_and_remembered(sandbox, mount):
    sandbox.reset_stats()
    folder = mount.path / "surveys" / UNKNOWN
    assert run("ls", f"{folder}/", good=(2,)).stderr.endswith("No such file or directory\n")
    assert sandbox.count() <= 1
    for _ in range(3):
        assert error_of(os.listdir, folder) == errno.ENOENT
        assert error_of(os.stat, folder) == errno.ENOENT
        assert error_of(open, folder / "responses.csv") == errno.ENOENT
    assert sandbox.count() <= 1
    assert UNKNOWN not in os.listdir(mount.path / "surveys")


def test_a_file_of_an_unknown_id_tells_it_is_not_there(sandbox, mount):
    sandbox.reset_stats()
    folder = mount.path / "surveys" / UNKNOWN
    assert error_of(open, folder / "responses.csv") == errno.ENOENT
    assert error_of(os.stat, folder) == errno.ENOENT
    assert sandbox.stats()["counts"] == {"survey": 1, "*": 1}, "nothing was posted"


def test_looking_at_an_unknown_id_asks_nobody(sandbox, mount):
    """Lookups never wait: existence is asked by `ls ID/`."""
    sandbox.reset_stats()
    folder = mount.path / "surveys" / UNKNOWN
    os.stat(folder)
    os.stat(folder / "responses.csv")
    assert sandbox.count() == 0


def test_an_unlisted_survey_that_is_forbidden_is_eacces(sandbox, mount):
    ident = sandbox.add_survey("Not yours", 2, listed=False)
    sandbox.forbid(ident)
    assert error_of(os.listdir, mount.path / "surveys" / ident) == errno.EACCES
    assert error_of(open, mount.path / "surveys" / ident / "responses.csv") == errno.EACCES
    assert ident not in os.listdir(mount.path / "surveys")


# --- no extended attributes --------------------------------------------------------------------------------------


def test_there_are_no_extended_attributes(mount):
    for path in (mount.path, mount.path / "README.txt", mount.path / "surveys" / SMALL / "responses.csv"):
        assert error_of(os.listxattr, path) == errno.ENOTSUP
        assert error_of(os.getxattr, path, "user.any") == errno.ENOTSUP
        assert error_of(os.getxattr, path, "security.selinux") == errno.ENOTSUP
        assert error_of(os.setxattr, path, "user.any", b"1") in {errno.ENOTSUP, errno.EPERM} | KERNEL_SAYS


def test_the_kernel_asks_for_extended_attributes_at_most_once(sandbox, mounts):
    """Each asking costs `ls -l` a request for every file."""
    mount = mounts(sandbox, flag="-d")
    for _ in range(2):
        run("ls", "-lR", mount.path)
    for path in walked(mount):
        with contextlib.suppress(OSError):
            os.getxattr(path, "security.capability")
        with contextlib.suppress(OSError):
            os.listxattr(path)
    text = mount.text_of_log()
    assert text.count("READDIRPLUS") > 0, "the log shows requests"
    assert "opcode: GETXATTR" in text or "opcode: LISTXATTR" in text
    assert text.count("opcode: GETXATTR") <= 1
    assert text.count("opcode: LISTXATTR") <= 1


# --- locks -------------------------------------------------------------------------------------------------------


def test_a_lock_is_between_the_programs_of_one_mount(sandbox, mounts):
    mount, other = mounts(sandbox), mounts(sandbox, name="other")
    paths = [one.path / "surveys" / SMALL / "responses.csv" for one in (mount, other)]
    for path in paths:
        path.read_bytes()
    sandbox.reset_stats()
    with open(paths[0], "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        run("flock", "--nonblock", paths[0], "true", good=(1,))
        run("flock", "--nonblock", paths[1], "true")
    run("flock", "--nonblock", paths[0], "true")
    assert sandbox.count() == 0


# --- no writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.txt", "surveys/index.csv", f"surveys/{SMALL}/responses.csv", "whoami.json", ".qxfs/jobs"])
def test_opening_for_writing_is_erofs(name, sandbox, mount):
    sandbox.reset_stats()
    path = mount.path / name
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT):
        assert error_of(os.open, path, flags) in {errno.EROFS} | KERNEL_SAYS
    assert error_of(os.truncate, path, 0) in {errno.EROFS} | KERNEL_SAYS
    assert sandbox.count() == 0
    assert path.stat().st_size > 0 or name == ".qxfs/jobs"


@pytest.mark.parametrize("folder", [".", "surveys", f"surveys/{SMALL}", "surveys/by-name", ".qxfs"])
def test_nothing_can_be_created(folder, sandbox, mount):
    sandbox.reset_stats()
    new = mount.path / folder / "new"
    wanted = {errno.EPERM} | KERNEL_SAYS
    assert error_of(open, new, "w") in wanted
    assert error_of(os.mkdir, new) in wanted
    assert error_of(os.symlink, "target", new) in wanted
    assert error_of(os.mkfifo, new) in wanted
    assert error_of(os.link, mount.path / "README.txt", new) in wanted
    assert error_of(os.rename, mount.path / "README.txt", new) in wanted
    assert "new" not in os.listdir(mount.path / folder)
    assert sandbox.count() == 0


def test_nothing_can_be_removed_renamed_or_changed(sandbox, mount):
    sandbox.reset_stats()
    surveys = mount.path / "surveys"
    wanted = {errno.EPERM} | KERNEL_SAYS
    (link,) = [name for name in os.listdir(surveys / "by-name") if name.startswith("Customer")]
    for path in (mount.path / "README.txt", surveys / SMALL / "responses.csv", surveys / "by-name" / link):
        assert error_of(os.unlink, path) in wanted
        assert error_of(os.rename, path, path.with_name("other")) in wanted
        assert error_of(os.rename, path, mount.path / "STATUS.txt") in wanted
        assert path.is_symlink() or path.is_file()
    for path in (surveys, surveys / SMALL):
        assert error_of(os.rmdir, path) in wanted
        assert error_of(os.rename, path, mount.path / "moved") in wanted
    for path in (mount.path / "README.txt", surveys / SMALL, surveys / SMALL / "responses.csv"):
        assert error_of(os.chmod, path, 0o666) in wanted
        assert error_of(os.chown, path, 1, 1) in wanted
    assert sandbox.count() == 0


# --- touch -------------------------------------------------------------------------------------------------------


def test_touch_by_the_owner_is_accepted_and_asks_for_a_full_export(sandbox, mount):
    path = mount.path / "surveys" / SMALL / "responses.csv"
    old = path.read_bytes()
    for response in sandbox.response_ids(SMALL):  # moves no count: unseen until somebody says so
        sandbox.edit(SMALL, response, {"QID1": "2"})
    assert path.read_bytes() == old != sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 1
    run("touch", path)
    assert path.read_bytes() == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 2
    assert path.read_bytes() == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 2, "once"


def test_touch_of_what_was_never_opened_costs_nothing(sandbox, mount):
    sandbox.reset_stats()
    path = mount.path / "surveys" / SMALL / "responses.csv"
    run("touch", "-d", "2001-01-01", path)
    run("touch", path)
    assert sandbox.count() == 0
    assert path.read_bytes() == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 1


def test_touch_creates_nothing(mount):
    assert "cannot touch" in run("touch", mount.path / "new", good=(1,)).stderr
    assert "cannot touch" in run("touch", mount.path / "surveys" / SMALL / "new", good=(1,)).stderr


def test_setting_the_access_time_alone_is_no_touch(sandbox, mount):
    path = mount.path / "surveys" / SMALL / "responses.csv"
    path.read_bytes()
    run("touch", "-a", path, good=(0, 1))
    path.read_bytes()
    assert sandbox.count("export_start") == 1


# --- texts made here ---------------------------------------------------------------------------------------------

TEXTS = ["README.txt", "STATUS.txt", "surveys/index.csv", f"surveys/{SMALL}/STATUS.txt", ".qxfs/status.json", ".qxfs/jobs",
         ".qxfs/errors"]


def read_exactly(path):
    """The text, which must be as long as stat said of the same open file, and before."""
    before = os.stat(path)
    with open(path, "rb") as file:
        st = os.fstat(file.fileno())
        data = file.read()
    assert st.st_size == len(data), path
    if (before.st_mtime_ns, before.st_size) == (st.st_mtime_ns, st.st_size):
        assert st.st_ino == before.st_ino
    return data.decode()


def test_texts_are_readable_and_exact(mount):
    for name in TEXTS:
        text = read_exactly(mount.path / name)
        assert text.endswith("\n") or name in (".qxfs/jobs", ".qxfs/errors"), name
    readme = (mount.path / "README.txt").read_text()
    assert "responses.csv" in readme and "estimate" in readme
    status = json.loads((mount.path / ".qxfs" / "status.json").read_text())
    assert status["host"] == "127.0.0.1"
    assert "127.0.0.1" in (mount.path / "STATUS.txt").read_text()
    assert mount.token not in "".join((mount.path / name).read_text() for name in TEXTS)


def test_the_control_folder_is_found_by_name_only_and_its_owner_s(mount):
    assert ".qxfs" not in os.listdir(mount.path)
    folder = mount.path / ".qxfs"
    st = os.stat(folder)
    assert stat.S_ISDIR(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o500
    assert set(os.listdir(folder)) == {"status.json", "limits.json", "jobs", "errors", "events"}
    for name in os.listdir(folder):
        assert stat.S_IMODE(os.stat(folder / name).st_mode) == 0o400


def test_texts_do_not_change_while_nothing_happens(mount):
    """Moments, not ages: a backup finds nothing new."""
    names = ["README.txt", "STATUS.txt", f"surveys/{SMALL}/STATUS.txt", "surveys/index.csv"]

    def look():
        return [((mount.path / name).read_bytes(), (mount.path / name).stat().st_mtime_ns) for name in names]

    first = look()
    time.sleep(1.1)  # they are rendered at most once a second
    assert look() == first


def test_texts_tell_of_a_running_job_and_of_its_end(sandbox, mount, until):
    path = mount.path / "surveys" / SMALL / "responses.csv"
    status, survey_status, jobs = (mount.path / "STATUS.txt", path.with_name("STATUS.txt"), mount.path / ".qxfs" / "jobs")
    subject = f"surveys/{SMALL}/responses.csv"
    idle, number, mtime = read_exactly(status), status.stat().st_ino, status.stat().st_mtime
    assert subject not in idle and read_exactly(jobs) == ""

    sandbox.hold_jobs()
    with open(status, "rb") as old, subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as reader:
        assert sandbox.wait_for("export_progress", 1)
        until(lambda: subject in read_exactly(status), 5, "the job in STATUS.txt")
        until(lambda: "1 waiting" in read_exactly(jobs), 5, "the job in .qxfs/jobs")
        until(lambda: subject in read_exactly(survey_status), 5, "the job in the survey's STATUS.txt")
        assert read_exactly(jobs).startswith(subject + "\t") and read_exactly(jobs).count("\n") == 1
        (job,) = json.loads((mount.path / ".qxfs" / "status.json").read_text())["jobs"]
        assert job["path"] == subject and job["waiters"] == 1
        assert status.stat().st_ino == number and status.stat().st_mtime >= mtime
        assert old.read().decode() == idle, "who had it open reads on what it was"
        sandbox.release_jobs()
        assert reader.communicate(timeout=20 * SLOW)[0] == sandbox.entry(SMALL)
    until(lambda: read_exactly(jobs) == "", 5, "the end of the job in .qxfs/jobs")
    until(lambda: subject not in read_exactly(status), 5, "the end of the job in STATUS.txt")
    until(lambda: f"{path.stat().st_size} bytes" in read_exactly(survey_status), 5, "the file in the survey's STATUS.txt")


def test_texts_tell_of_a_failure_and_of_its_remedy(sandbox, mount, until):
    path = mount.path / "surveys" / SMALL / "responses.csv"
    sandbox.fault("export_start", "job_failed", nth=1)
    assert error_of(open, path) == errno.EIO
    subject = f"surveys/{SMALL}/responses.csv"
    errors = mount.path / ".qxfs" / "errors"
    until(lambda: subject in read_exactly(errors), 5, "the failure in .qxfs/errors")
    (line,) = read_exactly(errors).splitlines()
    assert "\tEIO\t" in line
    assert re.search(r"\t[0-9a-f]{8}-[0-9a-f-]{27}\t", line), "the requestId"
    for text in (mount.path / "STATUS.txt", path.with_name("STATUS.txt")):
        until(lambda text=text: subject in read_exactly(text), 5, f"the failure in {text}")
        assert "what to do:" in read_exactly(text)

    assert path.read_bytes() == sandbox.entry(SMALL), "the next open tries anew"
    until(lambda: subject not in read_exactly(mount.path / "STATUS.txt"), 5, "the end of the failure")
