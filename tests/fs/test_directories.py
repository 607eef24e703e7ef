"""Directories of people and mailing lists: folders from the lists, files from all pages of theirs."""

import csv
import errno
import io
import json
import os

import pytest

from common import error_of

MAIN = "POOL_demoMain0000001"
SPARE = "POOL_demoSpare000002"
CUSTOMERS = "CG_demoCustomers001"
STAFF = "CG_demoStaff0000002"
PILOT = "CG_demoPilot0000003"
EMPTY = "CG_demoEmpty0000004"
OLD = "ML_demoOld00000001"
FILES = {"list.json", "contacts", "contacts.csv", "contacts.json", "contacts.ndjson", "contacts.xlsx", "import", "check"}
XM_FILES = FILES | {"bounced.csv", "opted-out.csv"}


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- directories -------------------------------------------------------------------------------------------------


def test_each_directory_has_a_folder(mount):
    assert sorted(os.listdir(mount.path / "directories")) == [MAIN, SPARE]
    assert sorted(os.listdir(mount.path / "directories" / SPARE)) == sorted(
        ["by-email", "check", "contacts", "import", "contacts.csv", "contacts.json", "contacts.ndjson", "contacts.xlsx",
         "directory.json", "opted-out.csv", "search"])


def test_the_default_directory_has_a_link(mount):
    link = mount.path / "directory"
    assert os.readlink(link) == f"directories/{MAIN}"
    assert os.lstat(link).st_size == len(os.readlink(link))
    assert "directory" in os.listdir(mount.path)
    assert (link / "directory.json").is_file()


def test_without_a_default_directory_there_is_no_link(sandbox, mounts):
    sandbox.change_directory(MAIN, default=False)
    mount = mounts(sandbox)
    assert "directory" not in os.listdir(mount.path)
    assert error_of(os.lstat, mount.path / "directory") == errno.ENOENT


def test_a_directory_is_described_as_the_list_does(sandbox, mount):
    sandbox.reset_stats()
    told = json.loads((mount.path / "directories" / MAIN / "directory.json").read_text())
    assert told["directoryId"] == MAIN and told["name"] == "Default directory" and told["isDefault"] is True
    assert told["contactCount"] == 5000
    assert set(told["deduplicationCriteria"]) == {"email", "firstName", "lastName", "externalDataReference", "phone"}
    assert sandbox.count() == 0


def test_contacts_are_all_pages_of_them(sandbox, mount):
    folder = mount.path / "directories" / MAIN
    sandbox.reset_stats()
    people = lines_of(folder / "contacts.ndjson")
    assert len({person["contactId"] for person in people}) == 5000
    assert sandbox.count("contacts") == 50
    assert json.loads((folder / "contacts.json").read_text()) == people
    table = rows_of(folder / "contacts.csv")
    assert [row["contactId"] for row in table] == [person["contactId"] for person in people]
    assert [row["email"] for row in table] == [person["email"] or "" for person in people]


def test_short_and_empty_pages_lose_nobody(sandboxes, mounts):
    box = sandboxes(settings={"short_pages": True, "empty_pages": True})
    mount = mounts(box)
    assert len(lines_of(mount.path / "directories" / MAIN / "contacts.ndjson")) == 5000


def test_those_who_opted_out_have_a_file(mount):
    out = rows_of(mount.path / "directories" / MAIN / "opted-out.csv")
    assert out and all(row["unsubscribed"] == "true" for row in out)
    everybody = rows_of(mount.path / "directories" / MAIN / "contacts.csv")
    assert len(out) == sum(row["unsubscribed"] == "true" for row in everybody)


def test_a_contact_is_found_by_its_id(mount):
    folder = mount.path / "directories" / MAIN
    someone = lines_of(folder / "contacts.ndjson")[0]["contactId"]
    told = json.loads((folder / "contacts" / f"{someone}.json").read_text())
    assert told["contactId"] == someone and CUSTOMERS in told["mailingListMembership"]
    assert isinstance(told["creationDate"], int)
    missing = folder / "contacts" / "CID_000000000000000.json"
    assert error_of(missing.read_text) == errno.ENOENT
    assert error_of(os.stat, folder / "contacts" / "SV_1.json") == errno.ENOENT


def test_a_directory_that_refuses_leaves_the_rest_usable(sandbox, mounts):
    sandbox.change_directory(MAIN, forbidden="contacts")
    mount = mounts(sandbox)
    path = mount.path / "directories" / MAIN / "contacts.csv"
    assert error_of(path.read_text) == errno.EACCES
    assert "403" in mount.run("why", path).stdout
    assert rows_of(mount.path / "mailinglists" / STAFF / "contacts.csv")
    assert rows_of(mount.path / "directories" / SPARE / "contacts.csv") is not None


def test_a_directory_that_no_list_shows_is_none(sandbox, mount):
    sandbox.reset_stats()
    missing = mount.path / "directories" / "POOL_000000000000000"
    assert error_of(os.listdir, missing) == errno.ENOENT
    assert sandbox.count("directories") == 1
    assert error_of(os.listdir, missing) == errno.ENOENT
    assert sandbox.count("directories") == 1  # remembered


# --- mailing lists -----------------------------------------------------------------------------------------------


def test_the_lists_of_all_directories_are_together(sandbox, mounts):
    there = sandbox.add_list(SPARE, "Alumni", 3)
    mount = mounts(sandbox)
    shown = set(os.listdir(mount.path / "mailinglists"))
    assert shown == {"by-name", CUSTOMERS, STAFF, PILOT, EMPTY, there}
    assert len(rows_of(mount.path / "mailinglists" / there / "contacts.csv")) == 3
    assert set(os.listdir(mount.path / "mailinglists" / there)) == XM_FILES


def test_lists_are_found_by_name(mount):
    folder = mount.path / "mailinglists" / "by-name"
    assert set(os.listdir(folder)) == {"Customers", "Staff _ Équipe", "Pilot", "Nobody yet"}
    assert os.readlink(folder / "Customers") == f"../{CUSTOMERS}"
    assert len(rows_of(folder / "Pilot" / "contacts.csv")) == 5
    assert "mailinglists/CG_" in mount.run("why", folder / "Pilot" / "list.json").stdout


def test_a_list_s_name_stays_reserved_for_it(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    folder = mount.path / "mailinglists" / "by-name"
    assert os.readlink(folder / "Pilot") == f"../{PILOT}"
    sandbox.change_list(MAIN, PILOT, name="Test drive")
    other = sandbox.add_list(MAIN, "pilot", 1)
    assert {"Test drive", f"pilot [{other}]"} <= set(os.listdir(folder))
    assert mount.stop() == 0
    sandbox.change_list(MAIN, PILOT, name=None)
    third = sandbox.add_list(SPARE, "Test drive", 1)
    mount.start()
    assert {f"Test drive [{third}]", f"pilot [{other}]"} <= set(os.listdir(folder))
    for name in ("Pilot", "pilot", "Test drive"):
        assert error_of(os.readlink, folder / name) == errno.ENOENT


def test_members_have_both_of_their_ids(mount):
    folder = mount.path / "mailinglists" / STAFF
    table = rows_of(folder / "contacts.csv")
    people = lines_of(folder / "contacts.ndjson")
    assert len(table) == len(people) == 230
    assert all(row["contactId"].startswith("CID_") and row["contactLookupId"].startswith("CGC_") for row in table)
    assert [row["contactLookupId"] for row in table] == [person["contactLookupId"] for person in people]
    embedded = next(iter(people[0]["embeddedData"]))
    assert [row[embedded] for row in table] == [str(person["embeddedData"].get(embedded, "")) for person in people]
    assert json.loads((folder / "contacts.json").read_text()) == people


def test_a_list_has_a_workbook(mount):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(mount.path / "mailinglists" / PILOT / "contacts.xlsx")
    rows = list(book.worksheets[0].values)
    assert "contactLookupId" in rows[0] and len(rows) == 6


def test_bounced_and_opted_out_are_apart(mount):
    folder = mount.path / "mailinglists" / CUSTOMERS
    everybody = rows_of(folder / "contacts.csv")
    out = rows_of(folder / "opted-out.csv")
    assert out and all(row["mailingListUnsubscribed"] == "true" for row in out)
    assert len(out) == sum(row["mailingListUnsubscribed"] == "true" for row in everybody)
    bounced = rows_of(folder / "bounced.csv")
    assert 0 < len(bounced) < len(everybody)
    assert json.loads((folder / "list.json").read_text())["name"] == "Customers"


def test_a_directory_that_refuses_its_lists_is_told(sandbox, mounts):
    there = sandbox.add_list(SPARE, "Alumni", 3)
    sandbox.change_directory(MAIN, forbidden="all")
    mount = mounts(sandbox)
    assert set(os.listdir(mount.path / "mailinglists")) == {"by-name", there}
    assert "403" in mount.run("why", mount.path / "directories" / MAIN).stdout


def test_one_list_that_refuses_leaves_the_rest_usable(sandbox, mounts):
    sandbox.change_list(MAIN, STAFF, forbidden=True)
    mount = mounts(sandbox)
    assert error_of((mount.path / "mailinglists" / STAFF / "contacts.csv").read_text) == errno.EACCES
    assert len(rows_of(mount.path / "mailinglists" / PILOT / "contacts.csv")) == 5


def test_a_list_that_came_later_is_found_by_its_id(sandbox, mount):
    there = sandbox.add_list(SPARE, "Alumni", 3)
    assert len(rows_of(mount.path / "mailinglists" / there / "contacts.csv")) == 3
    assert error_of(os.listdir, mount.path / "mailinglists" / "CG_000000000000000") == errno.ENOENT


@pytest.mark.parametrize("dates", ["epoch", "text"])
def test_dates_of_both_kinds_say_the_same(sandboxes, mounts, dates):
    box = sandboxes(settings={"contact_dates": dates})
    box.add_list(MAIN, "Pilot", 1, created=1_500_000_000_000)
    box.change_list(MAIN, PILOT, modified=1_700_000_000_000)
    mount = mounts(box)
    lists = mount.path / "mailinglists"
    assert int((lists / PILOT).stat().st_mtime) == 1_700_000_000
    assert f"Pilot [{PILOT}]" in os.listdir(lists / "by-name")  # the older one keeps the name


# --- accounts without XM Directory -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["forbidden", "empty"])
def test_an_account_without_directories_has_its_old_lists(sandboxes, mounts, kind):
    box = sandboxes(settings={"xm_directory": kind, "legacy": True})
    mount = mounts(box)
    lists = mount.path / "mailinglists"
    assert set(os.listdir(lists)) == {"by-name", OLD, "ML_demoOld00000002"}
    assert set(os.listdir(lists / OLD)) == FILES
    assert error_of(os.stat, lists / OLD / "bounced.csv") == errno.ENOENT
    people = lines_of(lists / OLD / "contacts.ndjson")
    assert len(people) == 7
    table = rows_of(lists / OLD / "contacts.csv")
    assert [row["id"] for row in table] == [person["id"] for person in people]
    assert [row["email"] for row in table] == [person["email"] for person in people]
    assert json.loads((lists / "by-name" / "Old list" / "list.json").read_text())["id"] == OLD


def test_an_account_that_refuses_both_mounts_and_says_why(sandboxes, mounts):
    box = sandboxes(settings={"xm_directory": "forbidden", "legacy": False})
    mount = mounts(box)
    assert os.listdir(mount.path / "surveys")
    for name in ("directories", "mailinglists"):
        assert error_of(os.listdir, mount.path / name) == errno.EACCES
        assert "403" in mount.run("why", mount.path / name).stdout
    assert "directory" not in os.listdir(mount.path)


def test_legacy_contacts_off_asks_for_no_old_lists(sandboxes, mounts):
    box = sandboxes(settings={"xm_directory": "empty", "legacy": True})
    mount = mounts(box, "legacy_contacts=off")
    assert os.listdir(mount.path / "mailinglists") == ["by-name"]
    assert box.count("legacy_lists") == 0


def test_legacy_contacts_on_asks_for_old_lists_only(sandboxes, mounts):
    box = sandboxes(settings={"legacy": True})
    mount = mounts(box, "legacy_contacts=on")
    assert set(os.listdir(mount.path / "mailinglists")) == {"by-name", OLD, "ML_demoOld00000002"}
    assert box.count("lists") == 0


# --- mounts ------------------------------------------------------------------------------------------------------


def test_the_first_mount_waits_for_the_lists(sandbox, mounts):
    mount = mounts(sandbox)
    log = mount.text_of_log()
    for name, n in (("surveys", None), ("directories", 2), ("mailinglists", 4)):
        assert f"reading the list of {name}: {n if n else ''}" in log
    sandbox.reset_stats()
    os.listdir(mount.path / "directories")
    os.listdir(mount.path / "mailinglists" / "by-name")
    assert sandbox.count() == 0


def test_a_later_mount_starts_from_disk(sandbox, mounts):
    mounts(sandbox, name="a").stop()
    sandbox.hold("directories")
    sandbox.hold("lists")
    later = mounts(sandbox, name="b")
    assert os.readlink(later.path / "directory") == f"directories/{MAIN}"
    assert (later.path / "mailinglists" / "by-name" / "Pilot").is_symlink()
    sandbox.release()
