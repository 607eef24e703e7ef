"""A directory's contacts, which may be millions: listed as a stream, page by page."""

import concurrent.futures
import ctypes
import errno
import itertools
import json
import os
import signal
import subprocess
import time

import pytest

from common import SANITIZED, error_of, peak_of
from control import SLOW

MAIN = "POOL_demoMain0000001"
SPARE = "POOL_demoSpare000002"
PAGES = 50  # of the 5,000 contacts of the demo account
AHEAD = 4   # pages that may be asked for before a reader needs them

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.opendir.restype = LIBC.readdir.restype = ctypes.c_void_p
for function in (LIBC.readdir, LIBC.telldir, LIBC.rewinddir, LIBC.closedir):
    function.argtypes = [ctypes.c_void_p]
LIBC.telldir.restype = ctypes.c_long
LIBC.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
LIBC.seekdir.restype = LIBC.rewinddir.restype = None


class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_ulong), ("off", ctypes.c_long), ("len", ctypes.c_ushort),
                ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]


class Folder:
    """opendir(3) and its kin, which Python has not."""

    def __init__(self, path):
        self.stream = LIBC.opendir(os.fsencode(path))
        assert self.stream

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIBC.closedir(self.stream)

    def next(self):
        ctypes.set_errno(0)
        entry = LIBC.readdir(self.stream)
        if not entry:
            if ctypes.get_errno():
                raise OSError(ctypes.get_errno(), "readdir")
            return None
        return Dirent.from_address(entry).name.decode()

    def rest(self):
        return list(iter(self.next, None))

    def tell(self):
        return LIBC.telldir(self.stream)

    def seek(self, place):
        LIBC.seekdir(self.stream, place)

    def rewind(self):
        LIBC.rewinddir(self.stream)


def contacts(mount, directory=MAIN):
    return mount.path / "directories" / directory / "contacts"


def a_page(elements, following=None):
    """An answer, for faults."""
    return {"result": {"elements": elements, "nextPage": following}, "meta": {"httpStatus": "200 - OK"}}


@pytest.fixture
def idle(until):
    """idle(mount): nothing is being listed any more, also not ahead of a reader."""

    def wait(mount):
        until(lambda: not mount.status()["jobs"], what="the end of what is fetched ahead")

    return wait


# --- what is listed ----------------------------------------------------------------------------------------------


def test_contacts_are_listed_by_their_ids(sandbox, mount):
    sandbox.reset_stats()
    names = os.listdir(contacts(mount))
    assert sandbox.count("contacts") == sandbox.count() == PAGES
    assert len(names) == len(set(names)) == 5000
    people = (mount.path / "directories" / MAIN / "contacts.csv").read_text().splitlines()[1:]
    assert names == [f"{person.split(',')[0]}.json" for person in people]
    assert names[17][:-5] in (contacts(mount) / names[17]).read_text()


def test_every_way_to_list_costs_the_pages_only(sandbox, mount):
    folder = contacts(mount)
    sandbox.reset_stats()
    for command in (["ls"], ["ls", "-f"], ["ls", "-U"], ["ls", "-l"], ["find"]):
        told = subprocess.run([*command, folder], capture_output=True, text=True, check=True).stdout
        assert told.count("CID_") == 5000, command
    with os.scandir(folder) as entries:
        kinds = [(entry.is_file(follow_symlinks=False), entry.inode()) for entry in entries]
    assert all(is_file for is_file, _ in kinds) and len({inode for _, inode in kinds}) == 5000
    assert sandbox.count() == PAGES


def test_a_listed_entry_has_the_inode_number_of_its_file(mount):
    with os.scandir(contacts(mount)) as entries:
        first = next(entries)
        assert first.inode() == os.stat(first.path).st_ino


def test_an_empty_directory_has_an_empty_folder(mount):
    assert os.listdir(contacts(mount, SPARE)) == []


def test_short_and_empty_pages_lose_nobody(sandboxes, mounts):
    box = sandboxes(settings={"short_pages": True, "empty_pages": True})
    assert len(set(os.listdir(contacts(mounts(box))))) == 5000


def test_each_id_is_listed_once_and_only_ids(sandbox, mount):
    good = [f"CID_{number:015}" for number in range(3)]
    bad = ["CID_", "CID_../../../../etc/passwd", "../x", "SV_000000000000000", "CID_00000000\n000000", "CID_" + "0" * 40,
           "CID_0000000000000é", "", "."]
    elements = [{"contactId": ident} for ident in [good[0], *bad, good[1], good[0]]]
    elements += [{}, None, 7, [], "CID_000000000000009", {"contactId": 9}, {"contactId": None}, {"contactId": [good[0]]},
                 {"id": "CID_000000000000008"}]
    sandbox.fault("contacts", "body", nth=1, body=a_page(elements, f"{sandbox.url}/API/v3/directories/{MAIN}/contacts?x=2"))
    sandbox.fault("contacts", "body", nth=2, body=a_page([{"contactId": good[1]}, {"contactId": good[2]}]))
    assert os.listdir(contacts(mount)) == [f"{ident}.json" for ident in good]


def test_a_name_needs_no_listing(sandbox, mount):
    (first,) = sandbox.result(f"/directories/{MAIN}/contacts?pageSize=1")["elements"]
    sandbox.reset_stats()
    assert first["contactId"] in (contacts(mount) / f"{first['contactId']}.json").read_text()
    assert sandbox.count() == sandbox.count("contact") == 1


# --- what it costs -----------------------------------------------------------------------------------------------


def test_opening_the_folder_costs_nothing(sandbox, mount, idle):
    sandbox.reset_stats()
    os.close(os.open(contacts(mount), os.O_RDONLY | os.O_DIRECTORY))
    idle(mount)
    assert sandbox.count() == 0


def test_the_first_names_come_with_the_first_page(sandbox, mount):
    sandbox.hold("contacts", start=2)
    with os.scandir(contacts(mount)) as entries:
        names = [entry.name for entry in itertools.islice(entries, 100)]
    assert len(names) == 100
    assert sandbox.count("contacts") <= 2
    sandbox.release()


def test_ls_writes_the_first_name_after_the_first_page(sandbox, mount):
    sandbox.hold("contacts", start=2)
    with subprocess.Popen(["stdbuf", "-oL", "ls", "-1U", contacts(mount)], stdout=subprocess.PIPE, text=True) as ls:
        assert ls.stdout.readline().startswith("CID_")
        sandbox.release()
        assert sum(1 for _ in ls.stdout) == 4999
    assert ls.returncode == 0


def test_a_reader_that_stops_costs_few_pages(sandbox, mount, idle):
    sandbox.reset_stats()
    with os.scandir(contacts(mount)) as entries:
        next(entries)
        idle(mount)
        assert 1 <= sandbox.count() <= AHEAD
        for _ in range(1500):
            next(entries)
        idle(mount)
        assert 15 <= sandbox.count() <= 15 + AHEAD
    idle(mount)
    assert sandbox.count() <= 15 + AHEAD


def test_empty_pages_do_not_lure_us_on(sandbox, mount, idle):
    """A reader that stops is not followed by pages without end."""
    address = f"{sandbox.url}/API/v3/directories/{MAIN}/contacts?skipToken=st"
    sandbox.fault("contacts", "body", nth=1, body=a_page([{"contactId": "CID_000000000000000"}], f"{address}1"))
    for page in range(2, 40):
        sandbox.fault("contacts", "body", nth=page, body=a_page([], f"{address}{page}"))
    sandbox.reset_stats()
    with os.scandir(contacts(mount)) as entries:
        next(entries)
        idle(mount)
        assert sandbox.count() <= 1 + AHEAD


def test_a_snapshot_is_shared_while_it_is_fresh(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=2")
    sandbox.reset_stats()
    names = os.listdir(contacts(mount))
    assert os.listdir(contacts(mount)) == names
    assert sandbox.count() == PAGES
    sandbox.add_contact(MAIN, email="new@example.com", firstName="New")
    expire(2)
    assert len(os.listdir(contacts(mount))) == len(names) + 1
    assert sandbox.count() == 2 * PAGES + 1


def test_half_a_snapshot_is_gone_on_with(sandbox, mount, idle):
    sandbox.reset_stats()
    with os.scandir(contacts(mount)) as entries:
        for _ in range(1000):
            next(entries)
    idle(mount)
    assert len(os.listdir(contacts(mount))) == 5000
    assert sandbox.count() == PAGES


def test_snapshots_that_nobody_reads_are_let_go(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")

    def nameless():
        told = [os.readlink(f"/proc/{mount.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{mount.pid}/fd")]
        return sum("(deleted)" in target for target in told)

    os.listdir(contacts(mount))
    once = nameless()
    assert once > 0
    for _ in range(5):
        assert len(os.listdir(contacts(mount))) == 5000
    assert nameless() <= 2 * once  # the last, and the one before, for when there is no network


# --- reading -----------------------------------------------------------------------------------------------------


def test_an_offset_means_the_same_entry_for_good(mount):
    with Folder(contacts(mount)) as folder:
        names, places = [], []
        for _ in range(700):
            places.append(folder.tell())
            names.append(folder.next())
        for at in (650, 0, 1, 2, 333, 699):
            folder.seek(places[at])
            assert folder.next() == names[at]
        folder.seek(places[600])
        assert folder.rest()[:100] == names[600:700]
        folder.rewind()
        again = folder.rest()
        assert again[:700] == names and len(again) == 5002
        assert folder.next() is None


def test_offsets_from_nowhere_are_the_end(mount):
    fd = os.open(contacts(mount), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.lseek(fd, 1 << 40, os.SEEK_SET)
        assert os.listdir(fd) in ([], None) or len(os.listdir(fd)) == 5000  # listdir rewinds a copy of it
        with Folder(contacts(mount)) as folder:
            folder.seek(1 << 40)
            assert folder.rest() == []
    finally:
        os.close(fd)


@pytest.mark.concurrency
def test_readers_share_the_pages(sandbox, mount):
    sandbox.reset_stats()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        lists = list(pool.map(lambda _: os.listdir(contacts(mount)), range(8)))
    assert all(names == lists[0] for names in lists) and len(lists[0]) == 5000
    assert sandbox.count() == PAGES


@pytest.mark.concurrency
def test_listings_begin_and_end_at_any_time(sandbox, mounts):
    """Snapshots come and go below their readers: fresh=0 makes one for each."""
    mount = mounts(sandbox, "fresh=0")

    def read(number):
        with os.scandir(contacts(mount)) as entries:
            return sum(1 for _ in itertools.islice(entries, 5000 if number % 3 == 0 else number * 97 % 5000))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(read, range(24)))
    assert [count for number, count in enumerate(counts) if number % 3 == 0] == [5000] * 8


@pytest.mark.concurrency
def test_a_waiting_listing_holds_up_nobody_elsewhere(sandbox, mount, parked):
    sandbox.hold("contacts")
    readers = [subprocess.Popen(["ls", "-U", contacts(mount, where)], stdout=subprocess.DEVNULL)
               for where in (MAIN, SPARE) for _ in range(4)]
    parked(mount, 2)  # in each folder the kernel lets one in
    began = time.monotonic()
    for _ in range(20):
        assert os.listdir(mount.path / "surveys")
        assert os.listdir(mount.path / "directories" / MAIN)
    assert time.monotonic() - began < 2 * SLOW
    sandbox.release()
    assert [reader.wait(timeout=60 * SLOW) for reader in readers] == [0] * 8


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_waiting_listing_can_be_given_up(sandbox, mount, parked, sign):
    sandbox.hold("contacts")
    reader = subprocess.Popen(["ls", "-U", contacts(mount)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parked(mount, 1)
    began = time.monotonic()
    reader.send_signal(sign)
    assert reader.wait(timeout=60) == -sign
    assert time.monotonic() - began < 1 * SLOW
    parked(mount, 0, seconds=1)
    sandbox.release()
    assert len(os.listdir(contacts(mount))) == 5000


def test_the_mount_ends_below_a_waiting_listing(sandbox, mount, parked):
    sandbox.hold("contacts", start=3)
    with Folder(contacts(mount)) as folder:
        assert len([folder.next() for _ in range(150)]) == 150
        reader = subprocess.Popen(["ls", "-U", contacts(mount)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        parked(mount, 1)
        assert mount.stop() == 0
        assert reader.wait(timeout=60) != 0
    sandbox.release()


# --- when it fails -----------------------------------------------------------------------------------------------


def test_a_refusal_says_whose_rights_are_needed(sandbox, mount):
    sandbox.change_directory(MAIN, forbidden="contacts")
    folder = contacts(mount)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # opening tells nothing yet
    assert error_of(os.listdir, fd) == errno.EACCES
    os.close(fd)
    told = subprocess.run(["ls", folder], capture_output=True, text=True)
    assert told.returncode != 0 and "Permission denied" in told.stderr
    for words in (mount.run("why", folder).stdout, (mount.path / "STATUS.txt").read_text(),
                  (mount.path / ".qxfs" / "errors").read_text()):
        assert "directory administrator" in words and "403" in words
        assert f"directories/{MAIN}/contacts" in words
    assert os.listdir(contacts(mount, SPARE)) == []
    sandbox.change_directory(MAIN, forbidden="")
    assert len(os.listdir(folder)) == 5000
    assert "403" not in mount.run("why", folder).stdout


def test_a_page_that_fails_is_an_error_at_its_place(sandbox, mount):
    sandbox.fault("contacts", "status", start=4, status=500)
    with Folder(contacts(mount)) as folder:
        names = [folder.next() for _ in range(302)]
        assert all(names)
        assert error_of(folder.next) == errno.EIO
    assert "500" in (mount.path / ".qxfs" / "errors").read_text()
    assert "the service failed" in mount.run("why", contacts(mount)).stdout
    sandbox.clear_faults()
    sandbox.reset_stats()
    again = os.listdir(contacts(mount))
    assert again[:300] == names[2:] and len(again) == 5000
    assert sandbox.count() == PAGES - 3  # gone on with where it failed


def test_a_page_that_is_unknown_is_no_end(sandbox, mount):
    """readdir(3) takes ENOENT for the end of the folder."""
    sandbox.fault("contacts", "status", start=3, status=404)
    assert error_of(os.listdir, contacts(mount)) == errno.EIO
    assert "404" in mount.run("why", contacts(mount)).stdout
    sandbox.clear_faults()
    assert len(os.listdir(contacts(mount))) == 5000


@pytest.mark.parametrize("kind", ["broken_json", "wrong_types", "html", "empty_body"])
def test_a_page_that_is_none_is_an_error(sandbox, mount, kind):
    sandbox.fault("contacts", kind, start=2)
    assert error_of(os.listdir, contacts(mount)) == errno.EIO
    sandbox.clear_faults()
    assert len(os.listdir(contacts(mount))) == 5000


def test_pages_that_lead_in_a_circle_are_an_error(sandbox, mount):
    address = f"{sandbox.url}/API/v3/directories/{MAIN}/contacts?skipToken=st"
    for page in range(1, 60):
        sandbox.fault("contacts", "body", nth=page,
                      body=a_page([{"contactId": f"CID_{page:015}"}], f"{address}{page % 7}"))
    sandbox.reset_stats()
    assert error_of(os.listdir, contacts(mount)) == errno.EIO
    assert sandbox.count() == 8
    assert "circle" in mount.run("why", contacts(mount)).stdout


def test_a_page_on_another_host_is_not_asked_for(sandbox, mount):
    # from the second on: one that failed ahead of the reader is asked for again
    sandbox.fault("contacts", "body", start=2, body=a_page([], "https://example.com/API/v3/directories/x/contacts"))
    assert error_of(os.listdir, contacts(mount)) == errno.EIO


def test_without_network_nothing_is_listed(sandbox, mount):
    sandbox.pause()
    assert error_of(os.listdir, contacts(mount)) in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
    sandbox.resume()
    assert len(os.listdir(contacts(mount))) == 5000


def test_without_network_the_last_listing_is_shown(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    names = os.listdir(contacts(mount))
    sandbox.pause()
    assert os.listdir(contacts(mount)) == names
    began = time.monotonic()
    assert os.listdir(contacts(mount)) == names
    assert time.monotonic() - began < 2 * SLOW  # it is not asked about again for a while
    sandbox.resume()


@pytest.mark.timeout(120 * SLOW)
def test_a_page_that_never_comes_is_an_error_after_thirty_seconds(sandbox, mount):
    """Each answer comes in time, but none has anybody in it."""
    address = f"{sandbox.url}/API/v3/directories/{MAIN}/contacts?skipToken=st"
    for page in range(1, 12):
        sandbox.fault("contacts", "delay", nth=page, seconds=5)
        sandbox.fault("contacts", "body", nth=page, body=a_page([], f"{address}{page}"))
    began = time.monotonic()
    assert error_of(os.listdir, contacts(mount)) == errno.EIO
    assert 29 < time.monotonic() - began < 30 + 5 * SLOW
    assert "too long" in (mount.path / ".qxfs" / "errors").read_text()
    sandbox.clear_faults()


# --- of a mailing list -------------------------------------------------------------------------------------------


STAFF = "CG_demoStaff0000002"
CUSTOMERS = "CG_demoCustomers001"


def members(mount, ident=STAFF):
    return mount.path / "mailinglists" / ident / "contacts"


def lines_of(mount, ident=STAFF):
    text = (mount.path / "mailinglists" / ident / "contacts.ndjson").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_lists_contacts_are_listed_by_their_recipient_ids(sandbox, mount):
    sandbox.reset_stats()
    names = os.listdir(members(mount))
    assert sandbox.count("list_contacts") == sandbox.count() == 5  # of 230 people
    assert names == [f"{person['contactLookupId']}.json" for person in lines_of(mount)]


def test_a_member_has_both_of_its_ids(sandbox, mount):
    person = lines_of(mount)[123]
    sandbox.reset_stats()
    file = members(mount) / f"{person['contactLookupId']}.json"
    text = file.read_text()
    assert json.loads(text) == person
    assert text.startswith('{\n  "contactId": "CID_') and text.endswith("}\n")
    assert file.stat().st_size == len(text.encode())
    assert (members(mount) / f"{person['contactId']}.json").read_text() == text
    assert sandbox.count() == 0  # the list's pages are there


def test_a_member_is_found_without_a_list_at_hand(sandbox, mount):
    somebody = sandbox.result(f"/directories/{MAIN}/mailinglists/{STAFF}/contacts?includeEmbedded=true&pageSize=200")
    person = somebody["elements"][-1]
    sandbox.reset_stats()
    file = members(mount) / f"{person['contactLookupId']}.json"
    assert 0 < file.stat().st_size <= 16 << 20  # an estimate
    assert json.loads(file.read_text()) == person
    assert sandbox.count("list_contacts") == sandbox.count() == 5
    for other in somebody["elements"][:5]:
        assert json.loads((members(mount) / f"{other['contactLookupId']}.json").read_text()) == other
    assert sandbox.count() == 5


def test_a_member_that_lies_across_two_pieces_is_found(mount):
    """The list is read in pieces of 64 kB."""
    text = (mount.path / "mailinglists" / STAFF / "contacts.ndjson").read_bytes()
    start = text.rindex(b"\n", 0, 1 << 16) + 1
    line = text[start:text.index(b"\n", start)]
    assert start < 1 << 16 < start + len(line)
    person = json.loads(line)
    assert json.loads((members(mount) / f"{person['contactLookupId']}.json").read_text()) == person


def test_nobody_of_that_id_is_on_the_list(sandbox, mount):
    stranger = members(mount) / "CGC_000000000000000.json"
    assert error_of(stranger.read_text) == errno.ENOENT
    assert "nobody with this id" in mount.run("why", stranger).stdout
    elsewhere = {person["contactId"] for person in lines_of(mount, CUSTOMERS)} - {
        person["contactId"] for person in lines_of(mount)}
    assert error_of((members(mount) / f"{elsewhere.pop()}.json").read_text) == errno.ENOENT
    for name in ("SV_000000000000000.json", "CGC_1.json", "CGC_000000000000000"):
        assert error_of(os.stat, members(mount) / name) == errno.ENOENT
    assert "Recipient ID" in mount.run("why", members(mount) / "CGC_1.json").stdout


def test_an_id_in_a_persons_data_is_not_theirs(sandbox, mount):
    second = lines_of(mount)[1]["contactLookupId"]
    there = sandbox.add_list(MAIN, "Two", 0)
    sandbox.add_contact(MAIN, there, email="a@example.com", firstName=second, embeddedData={"contactLookupId": "CGC_embedded0000001"})
    ident = lines_of(mount, there)[0]["contactLookupId"]
    assert json.loads((members(mount, there) / f"{ident}.json").read_text())["firstName"] == second
    assert error_of((members(mount, there) / f"{second}.json").read_text) == errno.ENOENT
    assert error_of((members(mount, there) / "CGC_embedded0000001.json").read_text) == errno.ENOENT


def test_a_touched_member_is_fetched_anew(sandbox, mount):
    there = sandbox.add_list(MAIN, "Some", 0)
    sandbox.add_contact(MAIN, there, email="a@example.com", firstName="Ann")
    ident = lines_of(mount, there)[0]["contactLookupId"]
    file = members(mount, there) / f"{ident}.json"
    assert json.loads(file.read_text())["firstName"] == "Ann"
    sandbox.add_contact(MAIN, there, email="a@example.com", firstName="Anna")
    assert json.loads(file.read_text())["firstName"] == "Ann"
    os.utime(file)
    assert json.loads(file.read_text())["firstName"] == "Anna"
    sandbox.reset_stats()
    assert lines_of(mount, there)[0]["firstName"] == "Anna"
    assert sandbox.count() == 0


def test_a_list_that_is_none_has_no_contacts(sandbox, mount):
    assert error_of(os.listdir, members(mount, "CG_000000000000000")) == errno.ENOENT
    assert error_of((members(mount, "CG_000000000000000") / "CGC_000000000000000.json").read_text) == errno.ENOENT


def test_a_list_that_refuses_refuses_its_contacts(sandbox, mounts):
    sandbox.change_list(MAIN, STAFF, forbidden=True)
    mount = mounts(sandbox)
    assert error_of(os.listdir, members(mount)) == errno.EACCES
    assert error_of((members(mount) / "CGC_000000000000000.json").read_text) == errno.EACCES
    assert "403" in mount.run("why", members(mount)).stdout


def test_old_lists_have_their_contacts_by_their_only_id(sandboxes, mounts):
    box = sandboxes(settings={"xm_directory": "forbidden", "legacy": True})
    mount = mounts(box)
    names = os.listdir(members(mount, "ML_demoOld00000001"))
    people = lines_of(mount, "ML_demoOld00000001")
    assert names == [f"{person['id']}.json" for person in people] and len(names) == 7
    assert json.loads((members(mount, "ML_demoOld00000001") / names[3]).read_text()) == people[3]


# --- how many ----------------------------------------------------------------------------------------------------


MANY = 100_000 if SANITIZED else 1_000_000


@pytest.mark.timeout(240 * SLOW)
def test_a_million_contacts_cost_their_pages_and_little_memory(sandboxes, mounts, tmp_path):
    box = sandboxes(settings={"page_size": 1000}, extra=("--contacts", str(MANY)))
    mount = mounts(box)
    box.reset_stats()
    with subprocess.Popen(["ls", "-1U", contacts(mount)], stdout=subprocess.PIPE) as ls:
        assert sum(line.startswith(b"CID_") for line in ls.stdout) == MANY
    assert ls.returncode == 0
    assert box.count("contacts") == box.count() == MANY // 1000
    assert SANITIZED or peak_of(mount.pid) < 64 << 20
    subprocess.run(["cp", mount.path / "directories" / MAIN / "contacts.ndjson", tmp_path / "copy"], check=True)
    with open(tmp_path / "copy", "rb") as copy:
        assert sum(1 for _ in copy) == MANY
    assert box.count() == 2 * MANY // 1000
    assert SANITIZED or peak_of(mount.pid) < 64 << 20
