"""Nodes and generations (DESIGN.md 3): what a handle reads, what the next open finds, and what it costs."""

import concurrent.futures
import mmap
import os
import subprocess
import time

import pytest

from common import read_all, responses
from control import SLOW

SMALL = "SV_demoSmall000014"
CUSTOMERS = "SV_demoCustomers02"
STAFF = "SV_demoStaff000200"
MB = 1 << 20


def cat(path):
    """The bytes as another process sees them."""
    return subprocess.run(["cat", str(path)], stdout=subprocess.PIPE, check=True, timeout=60 * SLOW).stdout


def drop_pages(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.fixture
def renew(expire):
    """renew(how, path): the next open asks: because the freshness has ended, or because of a touch."""

    def end(how, path):
        if how == "touch":
            os.utime(path)
        else:
            expire()

    return end


def counts(sandbox):
    return {name: n for name, n in sandbox.stats()["counts"].items() if name != "*"}


# --- a handle reads one version -----------------------------------------------------------------------------


@pytest.mark.concurrency
@pytest.mark.parametrize("how", ["fresh", "touch"])
@pytest.mark.parametrize("size", [5 * MB, 11 * MB], ids=["shrinks", "grows"])
def test_a_handle_reads_its_version_to_the_end_while_a_new_one_comes(sandbox, mounts, renew, tmp_path, how, size):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    sandbox.make_big(CUSTOMERS, 8 * MB)
    old = sandbox.entry(CUSTOMERS)
    with open(path, "rb", buffering=0) as handle:
        ino = os.fstat(handle.fileno()).st_ino
        half = handle.read(4 * MB)
        mapped = mmap.mmap(handle.fileno(), 0, prot=mmap.PROT_READ)
        drop_pages(handle.fileno())

        sandbox.make_big(CUSTOMERS, size)
        sandbox.append(CUSTOMERS, 3)
        new = sandbox.entry(CUSTOMERS)
        assert new != old
        renew(how, path)
        assert cat(path) == new

        with mapped:
            rest = b"".join(iter(lambda: handle.read(MB), b""))
            assert half + rest == old
            drop_pages(handle.fileno())
            assert os.pread(handle.fileno(), len(old) + 1, 0) == old
            assert os.fstat(handle.fileno()).st_size == len(old)
            assert os.fstat(handle.fileno()).st_ino == ino
            assert mapped[:] == old

        copy = tmp_path / "copy"
        subprocess.run(["cp", str(path), str(copy)], check=True, timeout=60 * SLOW)
        assert copy.read_bytes() == read_all(path)
        assert os.stat(path).st_ino == ino
        drop_pages(handle.fileno())
        assert os.pread(handle.fileno(), MB, 7 * MB) == old[7 * MB:]


@pytest.mark.concurrency
def test_cp_while_versions_come_one_after_the_other(sandbox, mounts, tmp_path):
    """cp looks, opens, and looks again whether it is the same file."""
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    versions = [sandbox.entry(SMALL)]

    def copy(number):
        target = tmp_path / f"copy{number}"
        subprocess.run(["cp", "-a", str(path), str(target)], check=True, timeout=60 * SLOW)
        return target.read_bytes()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for round_ in range(4):
            sandbox.append(SMALL, 1)
            versions.append(sandbox.entry(SMALL))
            os.utime(path)
            copies = list(pool.map(copy, range(round_ * 4, round_ * 4 + 4)))
            assert all(one == versions[-1] for one in copies)
    assert len(set(versions)) == 5


@pytest.mark.concurrency
def test_readers_across_a_change_see_one_version_each(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, CUSTOMERS)
    versions = [sandbox.entry(CUSTOMERS)]
    seen = []
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            futures = [pool.submit(cat, path) for _ in range(6)]
            sandbox.append(CUSTOMERS, 2)
            versions.append(sandbox.entry(CUSTOMERS))
            os.utime(path)
            futures += [pool.submit(cat, path) for _ in range(6)]
            seen += [future.result() for future in futures]
    assert set(seen) <= set(versions)
    assert read_all(path) == versions[-1]


def test_an_o_path_descriptor_of_a_former_node_still_opens(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    first = os.open(path, os.O_PATH)  # of the pending node
    try:
        old = read_all(path)
        again = os.open(path, os.O_PATH)  # of the ready one
        try:
            sandbox.append(SMALL, 2)
            expire()
            new = read_all(path)
            assert new == sandbox.entry(SMALL) != old
            for fd in (first, again):
                assert read_all(f"/proc/self/fd/{fd}") in (old, new)
                assert os.fstat(fd).st_ino == os.stat(path).st_ino
        finally:
            os.close(again)
    finally:
        os.close(first)


@pytest.mark.concurrency
def test_one_pending_node_for_all_who_look(sandbox, mounts):
    """Found by ls and by name, twice: one file, one estimate, one export."""
    mount = mounts(sandbox)
    folder = mount.path / "surveys" / SMALL
    listed = next(entry for entry in os.scandir(folder) if entry.name == "responses.csv")
    by_name = next(
        link / "responses.csv"
        for link in (mount.path / "surveys" / "by-name").iterdir()
        if os.readlink(link).endswith(SMALL)
    )
    sights = [listed.stat(), os.stat(folder / "responses.csv"), os.stat(by_name)]
    assert len({(sight.st_ino, sight.st_size, sight.st_mtime_ns) for sight in sights}) == 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(read_all, [folder / "responses.csv", by_name]))) == 1
    assert sandbox.count("export_start") == 1


# --- what it costs ------------------------------------------------------------------------------------------


def test_within_the_freshness_nobody_is_asked(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    first = read_all(path)
    ino = os.stat(path).st_ino
    subprocess.run(["ls", "-lR", str(mount.path)], stdout=subprocess.DEVNULL, check=True)  # the folders' own lists
    sandbox.append(SMALL, 1)
    sandbox.reset_stats()
    for _ in range(20):
        assert read_all(path) == first
        assert cat(path) == first
        assert os.stat(path).st_size == len(first)
    subprocess.run(["ls", "-lR", str(mount.path)], stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["find", str(mount.path), "-size", "+0"], stdout=subprocess.DEVNULL, check=True)
    assert os.stat(path).st_ino == ino
    assert counts(sandbox) == {}


def test_an_unchanged_survey_costs_one_request_and_keeps_its_bytes(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    first, ino = read_all(path), os.stat(path).st_ino
    for _ in range(2):
        expire()
        sandbox.reset_stats()
        assert read_all(path) == first
        assert counts(sandbox) == {"survey": 1}
        assert os.stat(path).st_ino == ino


def test_after_the_freshness_one_request_answers_for_all_files_of_a_survey(sandbox, mounts, expire):
    """Of those whose folder is listed, as programs do; within the freshness none is asked for."""
    fresh = int(5 * max(SLOW, 1))  # longer than all the opens take
    mount = mounts(sandbox, f"fresh={fresh}")
    folder = responses(mount, SMALL).parent
    names = [*OF_RESPONSES, "responses.ndjson", "responses.tsv", "responses.codes.xlsx", "survey.json"]
    first = {name: read_all(folder / name) for name in names}
    for _ in range(2):
        expire(fresh)
        sandbox.reset_stats()
        for _ in range(2):
            os.listdir(folder)
            assert {name: read_all(folder / name) for name in names} == first
            # The workbooks' schema is a document, which no count tells about.
            assert counts(sandbox) == {"survey": 1, "schema": 1}


def test_after_the_freshness_one_request_answers_for_all_exports_opened_by_name(sandbox, mounts, expire):
    """Nobody lists the folder: the first open's check answers for the others' too."""
    fresh = int(5 * max(SLOW, 1))  # longer than all the opens take
    mount = mounts(sandbox, f"fresh={fresh}")
    names = [*OF_RESPONSES, "responses.ndjson", "responses.tsv"]
    files = [responses(mount, SMALL).parent / name for name in names]
    first = [read_all(file) for file in files]
    expire(fresh)
    sandbox.reset_stats()
    assert [read_all(file) for file in files] == first
    assert counts(sandbox).get("survey") == 1, str(counts(sandbox))
    assert "export_start" not in counts(sandbox)


@pytest.mark.concurrency
def test_many_openers_after_the_freshness_make_one_check(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    first = read_all(path)
    expire()
    sandbox.reset_stats()
    sandbox.hold("survey")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        futures = [pool.submit(read_all, path) for _ in range(12)]
        assert sandbox.wait_held("survey", 1)
        sandbox.release()
        assert {future.result() for future in futures} == {first}
    assert counts(sandbox).get("export_start", 0) == 0


def test_a_change_of_counts_is_one_export(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    first = read_all(path)
    for change in (
        lambda: sandbox.append(CUSTOMERS, 1),
        lambda: sandbox.delete_response(CUSTOMERS, sandbox.response_ids(CUSTOMERS, 5, 1)[0]),
        lambda: sandbox.add_question(CUSTOMERS, "Extra"),
    ):
        change()
        assert sandbox.entry(CUSTOMERS) != first
        expire()
        sandbox.reset_stats()
        first = read_all(path)
        assert first == sandbox.entry(CUSTOMERS)
        done = counts(sandbox)
        assert (done["survey"], done["export_start"], done["export_file"]) == (1, 1, 1)


def test_touch_makes_a_full_export_even_if_nothing_changed(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    first = read_all(path)
    sandbox.reset_stats()
    subprocess.run(["touch", str(path)], check=True)
    assert counts(sandbox) == {}
    assert read_all(path) == first
    assert counts(sandbox)["export_start"] == 1
    sandbox.reset_stats()
    assert read_all(path) == first
    assert counts(sandbox) == {}


def test_touch_of_a_file_that_somebody_reads(sandbox, mounts):
    """The kernel knows the node as ready: the touch must reach the next open all the same."""
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    with open(path, "rb") as handle:
        handle.read(10)
        sandbox.append(SMALL, 1)
        os.utime(path)
        assert read_all(path) == sandbox.entry(SMALL)
        os.utime(handle.fileno())
        sandbox.append(SMALL, 1)
        assert read_all(path) == sandbox.entry(SMALL)


@pytest.mark.concurrency
def test_a_touch_while_an_export_runs_makes_the_next_open_another(sandbox, mounts, parked):
    """The running one was asked for before the edit that the touch is about. Its own readers get it."""
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    old = sandbox.entry(SMALL)
    sandbox.hold("export_file")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        first = pool.submit(cat, path)
        assert sandbox.wait_held("export_file", 1)
        sandbox.append(SMALL, 1)
        new = sandbox.entry(SMALL)
        os.utime(path)
        later = [pool.submit(cat, path) for _ in range(4)]
        parked(mount, 5)
        sandbox.release()
        assert first.result() in (old, new)
        assert [one.result() for one in later] == [new] * 4
    assert sandbox.count("export_start") == 2
    sandbox.reset_stats()
    assert cat(path) == new
    assert counts(sandbox) == {}


def test_the_time_given_to_touch_is_ignored(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    read_all(path)
    os.utime(path, (1, 1))
    assert os.stat(path).st_mtime > 1_000_000_000
    read_all(path)
    assert os.stat(path).st_mtime > 1_000_000_000


def test_an_edit_that_moves_no_count_is_seen_after_touch_only(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, CUSTOMERS)
    old = read_all(path)
    sandbox.edit(CUSTOMERS, sandbox.response_ids(CUSTOMERS, 3, 1)[0], {"QID6_TEXT": "edited by hand"})
    new = sandbox.entry(CUSTOMERS)
    assert new != old
    expire()
    assert read_all(path) == old
    os.utime(path)
    assert read_all(path) == new


def test_a_failed_check_leaves_the_old_version_for_later(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    old = read_all(path)
    expire()
    sandbox.fault("survey", "status", status=403)
    with pytest.raises(PermissionError):
        read_all(path)
    sandbox.clear_faults()
    sandbox.reset_stats()
    assert read_all(path) == old
    assert counts(sandbox) == {"survey": 1}


# --- times and sizes ----------------------------------------------------------------------------------------


def test_a_ready_file_shows_the_time_it_showed_while_pending(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    shown = os.stat(path)
    assert shown.st_blocks == 0 and shown.st_size >= len(sandbox.entry(SMALL))
    for change in (False, False, True):
        with open(path, "rb") as handle:
            opened = os.fstat(handle.fileno())
            assert opened.st_mtime_ns == shown.st_mtime_ns
            assert opened.st_size == len(handle.read())
            assert opened.st_blocks == (opened.st_size + 511) // 512
        if change:
            break
        expire()
        before = shown
        shown = os.stat(path)
        assert before.st_mtime_ns < shown.st_mtime_ns <= time.time_ns()
        assert shown.st_ino == before.st_ino
        assert shown.st_size >= opened.st_size
        if before is not shown:
            sandbox.append(SMALL, 1)


def test_the_time_stays_for_good(sandbox, mounts):
    """Also over the end of the mount."""
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    read_all(path)
    shown = os.stat(path)
    assert mount.stop() == 0
    sandbox.reset_stats()
    mount.start()
    again = os.stat(path)
    assert (again.st_mtime_ns, again.st_size, again.st_ino) == (shown.st_mtime_ns, shown.st_size, shown.st_ino)
    assert read_all(path) == sandbox.entry(SMALL)
    assert counts(sandbox).get("export_start", 0) == 0


def test_a_document_fetched_anew_with_equal_bytes_keeps_its_generation(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = mount.path / "surveys" / SMALL / "survey.json"
    old = read_all(path)
    files = facts_of(mount)
    expire()
    shown = os.stat(path)
    sandbox.reset_stats()
    assert read_all(path) == old
    assert counts(sandbox) == {"survey": 1}
    assert facts_of(mount) == files
    assert os.stat(path).st_mtime_ns == shown.st_mtime_ns
    sandbox.rename(SMALL, "Another name")
    expire()
    assert b"Another name" in read_all(path)
    assert facts_of(mount)[0] == files[0] and facts_of(mount)[1] != files[1]


def test_the_document_that_settles_a_folder_shows_the_time_it_showed_before(sandbox, mounts, until):
    mount = mounts(sandbox)
    ident = sandbox.add_survey("Found by id", 2, listed=False)
    path = mount.path / "surveys" / ident / "survey.json"
    shown = os.stat(path)
    until(lambda: time.time() > shown.st_mtime + 1.1, 3, "another second")
    os.listdir(path.parent)
    ready = os.stat(path)
    assert ready.st_size == len(read_all(path)) and ready.st_blocks > 0
    assert ready.st_mtime_ns == shown.st_mtime_ns


def size_now(fd):
    """What the daemon says, whatever the kernel remembers."""
    done = subprocess.run(["stat", "-L", "--cached=never", "-c", "%s", f"/proc/{os.getpid()}/fd/{fd}"],
                          capture_output=True, text=True, check=True, timeout=60 * SLOW)
    return int(done.stdout)


def test_a_file_whose_bytes_are_lost_shows_an_estimate_again(sandbox, mounts, parked):
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    good = read_all(path)
    assert mount.stop() == 0
    mount.start()
    fd = os.open(path, os.O_PATH)  # a node that never was pending
    os.unlink(facts_of(mount)[1][0])
    sandbox.hold("export_start")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read_all, f"/proc/self/fd/{fd}")
        parked(mount, 1)
        assert size_now(fd) >= len(good)
        sandbox.release()
        assert reader.result() == good
    assert size_now(fd) == len(good)
    os.close(fd)


def test_a_pending_node_is_filled_when_another_mount_has_published(sandbox, mounts):
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    fd = os.open(responses(two, SMALL), os.O_PATH)
    assert size_now(fd) > len(sandbox.entry(SMALL))
    assert read_all(responses(one, SMALL)) == sandbox.entry(SMALL)
    shown = os.stat(responses(two, SMALL))
    assert shown.st_size == len(sandbox.entry(SMALL)) == size_now(fd)
    assert shown.st_mtime_ns == os.stat(responses(one, SMALL)).st_mtime_ns
    os.close(fd)


# Recipes leave out what is new whenever it is asked for; STATUS.txt tells what happens now.
LEFT_OUT = ["--exclude=STATUS.txt", "--exclude=now", "--exclude=filters", "--exclude=*.unfinished.*"]
OF_RESPONSES = ("responses.csv", "responses.labels.csv", "responses.plain.csv", "responses.xlsx", "responses.json",
                "responses.sav")


def rsync(mount, target, *left_out):
    """What a run copied, by name; STATUS.txt changes with what happens and is left out."""
    done = subprocess.run(
        ["rsync", "-a", "--out-format=%n", *LEFT_OUT, *left_out, f"{mount.path}/surveys/{SMALL}", str(target)],
        capture_output=True,
        text=True,
        timeout=60 * SLOW,
    )
    assert done.returncode == 0, done.stderr
    return [name for name in done.stdout.splitlines() if not name.endswith("/")]


def content_of(target):
    return {str(path.relative_to(target)): path.read_bytes() for path in (target / SMALL).rglob("*") if path.is_file()}


def test_rsync_twice_copies_nothing_the_second_time(sandbox, mounts, tmp_path):
    mount = mounts(sandbox)
    assert set(rsync(mount, tmp_path)) >= {f"{SMALL}/{name}" for name in (*OF_RESPONSES, "survey.json", "survey.qsf")}
    assert (tmp_path / SMALL / "responses.csv").read_bytes() == sandbox.entry(SMALL)
    assert rsync(mount, tmp_path) == []
    os.utime(responses(mount, SMALL))
    sandbox.append(SMALL, 1)
    assert sorted(rsync(mount, tmp_path)) == [f"{SMALL}/responses.csv", f"{SMALL}/responses.plain.csv"], "with what is made of it"
    assert (tmp_path / SMALL / "responses.csv").read_bytes() == sandbox.entry(SMALL)
    assert rsync(mount, tmp_path) == []


def test_rsync_long_after_copies_what_has_changed_and_nothing_else(sandbox, mounts, expire, tmp_path):
    fresh = int(8 * max(SLOW / 2, 1))  # longer than one run takes
    few = [f"--exclude={name}" for name in ("definition.json", "languages.json", "quotas.json", "distributions*")]
    mount = mounts(sandbox, f"fresh={fresh}")
    everything = rsync(mount, tmp_path, *few)
    expire(fresh)
    sandbox.reset_stats()
    assert rsync(mount, tmp_path, *few) == []
    assert counts(sandbox).get("survey") == 1 and "export_start" not in counts(sandbox)
    before = content_of(tmp_path)
    sandbox.append(SMALL, 1)
    expire(fresh)
    copied = rsync(mount, tmp_path, *few)
    after = content_of(tmp_path)
    changed = {name for name in after if after[name] != before[name]}
    assert set(copied) >= changed >= {f"{SMALL}/{name}" for name in OF_RESPONSES}
    assert set(copied) <= changed | {f"{SMALL}/survey.json"}
    assert (tmp_path / SMALL / "responses.csv").read_bytes() == sandbox.entry(SMALL)
    assert mount.stop() == 0
    mount.start()
    expire(fresh)
    assert rsync(mount, tmp_path, *few) == [] and len(everything) > len(copied)


# --- listing a folder of expired files ----------------------------------------------------------------------


def test_listing_a_folder_of_expired_files_is_one_request_once(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=3")
    path = responses(mount, SMALL)
    read_all(path)
    read_all(path.parent / "survey.json")
    expire(3)
    before = os.stat(path)
    sandbox.reset_stats()
    for _ in range(3):
        os.listdir(path.parent)
    assert counts(sandbox) == {"survey": 1}
    ready = os.stat(path)
    assert before.st_blocks == 0 and ready.st_blocks > 0, "what is unchanged is ready again"
    assert ready.st_mtime_ns == before.st_mtime_ns, "and shows the time that was shown"
    assert read_all(path) == sandbox.entry(SMALL)
    assert counts(sandbox) == {"survey": 1}


def test_what_answered_for_a_survey_is_not_asked_by_its_other_folders(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=3")
    path = responses(mount, SMALL)
    folders = [path.parent, path.parent / "dates" / "2026-01", path.parent / "with" / "limit=5"]
    for folder in folders:
        read_all(folder / "responses.csv")
    sandbox.append(SMALL, 1)
    expire(3)
    sandbox.reset_stats()
    for folder in folders * 2:
        os.listdir(folder)
    assert counts(sandbox) == {"survey": 1}
    for folder in folders:
        assert os.stat(folder / "responses.csv").st_blocks == 0, "it is left to its open"


def test_listing_a_folder_leaves_what_has_changed_or_was_touched_to_its_open(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=2")
    changed, touched = responses(mount, SMALL), responses(mount, STAFF)
    read_all(changed)
    read_all(touched)
    os.utime(touched)
    sandbox.append(SMALL, 1)
    expire(2)
    sandbox.reset_stats()
    for path in (changed, touched):
        os.listdir(path.parent)
        assert os.stat(path).st_blocks == 0
    assert counts(sandbox) == {"survey": 2}
    assert read_all(changed) == sandbox.entry(SMALL)
    assert read_all(touched) == sandbox.entry(STAFF)
    assert sandbox.count("export_start") == 2


def test_a_look_that_failed_is_taken_again_before_the_freshness_ends(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=5")
    path = responses(mount, SMALL)
    read_all(path)
    expire(5)
    sandbox.fault("survey", "status", status=500)
    os.listdir(path.parent)
    sandbox.clear_faults()
    os.listdir(path.parent)
    assert os.stat(path).st_blocks > 0


def test_a_look_at_a_span_leaves_the_surveys_documents_to_their_own(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=3")
    folder = responses(mount, SMALL).parent
    span = folder / "dates" / "2026-01"
    for name in ("definition.json", "schema.json", "dates/2026-01/responses.csv"):
        read_all(folder / name)
    expire(3)
    for listed in (span, folder):
        os.listdir(listed)
    for name in ("definition.json", "schema.json", "dates/2026-01/responses.csv"):
        assert os.stat(folder / name).st_blocks > 0, name


@pytest.mark.parametrize("fault", ["hold", "status"])
def test_a_folder_is_listed_as_it_is_when_nobody_answers_in_time(sandbox, mounts, expire, fault):
    mount = mounts(sandbox, "fresh=2")
    path = responses(mount, SMALL)
    old = read_all(path)
    expire(2)
    sandbox.fault("survey", fault, **({"status": 403} if fault == "status" else {}))
    begin = time.monotonic()
    assert {"STATUS.txt", "survey.json", "responses.csv"} <= set(os.listdir(path.parent))
    took = time.monotonic() - begin
    assert took < 2 + SLOW and (took > 1.5 or fault == "status")
    assert os.stat(path).st_blocks == 0
    sandbox.release()
    sandbox.clear_faults()
    assert read_all(path) == old


# --- two mounts of one account ------------------------------------------------------------------------------


@pytest.mark.concurrency
def test_two_mounts_share_one_export(sandbox, mounts):
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    first = read_all(responses(one, CUSTOMERS))
    assert read_all(responses(two, CUSTOMERS)) == first == sandbox.entry(CUSTOMERS)
    assert sandbox.count("export_start") == 1
    assert os.stat(responses(one, CUSTOMERS)).st_ino == os.stat(responses(two, CUSTOMERS)).st_ino


@pytest.mark.concurrency
def test_two_mounts_at_once_make_one_export(sandbox, mounts, parked):
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    sandbox.hold_jobs()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(read_all, responses(mount, CUSTOMERS)) for mount in (one, two) * 4]
        parked(one, 4)
        parked(two, 4)
        assert sandbox.wait_for("export_start", 1)
        sandbox.release_jobs()
        assert {future.result() for future in futures} == {sandbox.entry(CUSTOMERS)}
    assert sandbox.count("export_start") == 1
    assert sandbox.count("export_file") == 1


@pytest.mark.concurrency
def test_the_other_mount_takes_over_when_the_first_dies(sandbox, mounts, parked):
    one, two = mounts(sandbox, name="one"), mounts(sandbox, name="two")
    sandbox.hold_jobs()
    first = subprocess.Popen(["cat", str(responses(one, CUSTOMERS))], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    assert sandbox.wait_for("export_start", 1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(read_all, responses(two, CUSTOMERS))
        parked(two, 1)
        one.kill()
        assert first.wait(20 * SLOW) != 0
        sandbox.release_jobs()
        assert future.result() == sandbox.entry(CUSTOMERS)


def test_a_new_version_of_one_mount_is_the_others_next(sandbox, mounts, expire):
    one, two = mounts(sandbox, "fresh=1", name="one"), mounts(sandbox, "fresh=1", name="two")
    old = read_all(responses(two, SMALL))
    with open(responses(two, SMALL), "rb") as handle:
        sandbox.append(SMALL, 1)
        expire()
        new = read_all(responses(one, SMALL))
        assert new == sandbox.entry(SMALL)
        expire()
        sandbox.reset_stats()
        assert read_all(responses(two, SMALL)) == new
        assert counts(sandbox).get("export_start", 0) == 0
        drop_pages(handle.fileno())
        assert handle.read() == old


# --- evicted generations ------------------------------------------------------------------------------------


def facts_of(mount):
    """Published generations in the cache, and their data files."""
    account = next((mount.cache / "qxfs").iterdir())
    return sorted(account.glob("gen/*/*.facts")), sorted(account.glob("gen/*/*.data"))


@pytest.fixture
def tight(sandbox, mounts):
    """Three surveys of 1.6 MB, and a cache that cannot hold them all."""
    for survey in (SMALL, CUSTOMERS, STAFF):
        sandbox.make_big(survey, 1_600_000)
    return mounts(sandbox, "cache_size=4M")


def make_room_for_others(mount, besides):
    """Opens others until the longest unused is gone."""
    for survey in besides:
        read_all(responses(mount, survey))


def test_an_evicted_file_is_exported_again_and_right(sandbox, tight, until):
    path = responses(tight, SMALL)
    old = read_all(path)
    assert os.stat(path).st_size == len(old)
    make_room_for_others(tight, (CUSTOMERS, STAFF))
    until(lambda: len(facts_of(tight)[0]) < 3, 5, "the eviction")

    sandbox.make_big(SMALL, 1_700_000)  # the kernel still holds the name, the old size and old pages
    sandbox.append(SMALL, 1)
    new = sandbox.entry(SMALL)
    sandbox.reset_stats()
    with open(path, "rb") as handle:
        assert os.fstat(handle.fileno()).st_size == len(new)
        assert handle.read() == new
    assert sandbox.count("export_start") == 1
    assert os.stat(path).st_size == len(new)
    assert cat(path) == new


def test_an_open_file_is_never_evicted(sandbox, tight):
    path = responses(tight, SMALL)
    with open(path, "rb") as handle:
        old = sandbox.entry(SMALL)
        make_room_for_others(tight, (CUSTOMERS, STAFF, CUSTOMERS, STAFF))
        drop_pages(handle.fileno())
        assert handle.read() == old
        sandbox.reset_stats()
        assert read_all(path) == old
        assert sandbox.count("export_start") == 0


def test_an_open_old_version_is_not_evicted_either(sandbox, tight, until):
    path = responses(tight, SMALL)
    old = sandbox.entry(SMALL)
    with open(path, "rb") as handle:
        sandbox.make_big(SMALL, 1_500_000)
        os.utime(path)
        assert read_all(path) == sandbox.entry(SMALL)
        make_room_for_others(tight, (CUSTOMERS, STAFF))
        drop_pages(handle.fileno())
        assert handle.read() == old
    sandbox.make_big(SMALL, 1_400_000)
    os.utime(path)
    read_all(path)
    make_room_for_others(tight, (CUSTOMERS, STAFF))
    # Nobody reads the first version any more: its bytes are given back.
    until(lambda: sum(data.stat().st_size for data in facts_of(tight)[1]) <= 4 * MB, 5, "the room given back")


@pytest.mark.concurrency
def test_many_files_through_a_small_cache(sandbox, mounts):
    """Every read is right although the cache holds a fraction; every export is whole."""
    surveys = sandbox.add_surveys(8, prefix="Crowd", responses=3)
    for number, survey in enumerate(surveys):
        sandbox.make_big(survey, 700_000 + 1000 * number)
    mount = mounts(sandbox, "cache_size=2M")

    def check(survey):
        return read_all(responses(mount, survey)) == sandbox.entry(survey)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, surveys * 2))


@pytest.mark.concurrency
def test_a_damaged_cache_is_only_a_miss(sandbox, mounts):
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    good = read_all(path)
    assert mount.stop() == 0
    facts, data = facts_of(mount)
    with open(data[0], "r+b") as file:
        file.truncate(len(good) // 2)
    mount.start()
    assert read_all(path) == good
    assert mount.stop() == 0
    facts_of(mount)[0][0].write_text("{ nonsense")
    mount.start()
    assert read_all(path) == good
    assert mount.stop() == 0
    os.unlink(facts_of(mount)[1][0])
    mount.start()
    assert read_all(path) == good
    assert os.stat(path).st_size == len(good)
    # And while it is mounted, under a name that the kernel knows as ready.
    os.unlink(facts_of(mount)[1][0])
    assert read_all(path) == good
    assert sandbox.count("export_start") == 5


def flip(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("fresh", ["fresh=3600", "fresh=1"])
@pytest.mark.parametrize("name", ["survey.json", "responses.csv"])
def test_a_flipped_bit_in_the_cache_is_only_a_miss(sandbox, mounts, expire, name, fresh):
    """Also when the account says that nothing has changed."""
    mount = mounts(sandbox, fresh)
    path = mount.path / "surveys" / SMALL / name
    good = read_all(path)
    assert mount.stop() == 0
    (damaged,) = facts_of(mount)[1]
    flip(damaged)
    mount.start()
    if fresh == "fresh=1":
        expire()
    assert read_all(path) == good
    if fresh != "fresh=1":  # whose second may be over: then an estimate is shown again
        assert os.stat(path).st_size == len(good)
    assert facts_of(mount)[1] != [damaged]


def test_a_lost_file_of_an_unchanged_survey_is_only_a_miss(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    path = responses(mount, SMALL)
    good = read_all(path)
    expire()
    os.unlink(facts_of(mount)[1][0])
    assert read_all(path) == good
    assert sandbox.count("export_start") == 2


def test_kill_while_a_version_is_replaced(sandbox, mounts, until):
    """The old one is whole after a kill at that moment."""
    mount = mounts(sandbox)
    path = responses(mount, SMALL)
    old = read_all(path)
    sandbox.append(SMALL, 1)
    os.utime(path)
    sandbox.hold("export_file")
    child = subprocess.Popen(["cat", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert sandbox.wait_held("export_file", 1)
    mount.kill()
    child.wait(20 * SLOW)
    sandbox.release()
    mount.start()
    sandbox.reset_stats()
    assert read_all(path) in (old, sandbox.entry(SMALL))
    drafts = next((mount.cache / "qxfs").iterdir()) / "draft"
    until(lambda: os.listdir(drafts) == [], 20, "the end of the export that the dead one had begun")


# --- polling -----------------------------------------------------------------------------------------------------


def test_a_later_export_is_asked_for_when_the_last_one_was_ready(sandboxes, mounts):
    """An export of two seconds: at first by the law of the root, later shortly before two seconds are over."""
    box = sandboxes(settings={"job_seconds": 2.0, "job_polls": 0})
    mount = mounts(box)
    path = mount.path / "surveys" / SMALL / "responses.csv"
    path.read_bytes()
    first = box.count("export_progress")
    for _ in range(2):
        os.utime(path)
        path.read_bytes()
    later = box.count("export_progress") - first
    assert first >= 4 and later <= 2 * 3
