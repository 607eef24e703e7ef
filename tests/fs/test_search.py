"""Contacts by what they are: by-email/ADDRESS, search/FIELD=VALUE."""

import base64
import csv
import errno
import io
import json
import os
import signal
import subprocess
import time

import pytest

from common import error_of
from control import SLOW

MAIN = "POOL_demoMain0000001"
SPARE = "POOL_demoSpare000002"


def by_email(mount, address, directory=MAIN):
    return mount.path / "directories" / directory / "by-email" / address


def search(mount, conditions, form="json", directory=MAIN):
    return mount.path / "directories" / directory / "search" / conditions / f"contacts.{form}"


def found(mount, conditions, directory=MAIN):
    return json.loads(search(mount, conditions, directory=directory).read_text())


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def a_page(elements, following=None):
    return {"result": {"elements": elements, "nextPage": following}, "meta": {"httpStatus": "200 - OK"}}


# --- by-email ----------------------------------------------------------------------------------------------------


def test_an_address_leads_to_its_contact(sandbox, mount):
    link = by_email(mount, "person00042@example.com")
    sandbox.reset_stats()
    target = os.readlink(link)
    assert target.startswith("../contacts/CID_") and target.endswith(".json")
    assert sandbox.count("contacts_search") == sandbox.count() == 1
    assert json.loads(link.read_text())["email"] == "person00042@example.com"
    assert os.path.samefile(link, link.parent / target)
    assert sandbox.count() == 2  # the contact itself


def test_looking_at_an_address_asks_nobody(sandbox, mount):
    sandbox.reset_stats()
    link = by_email(mount, "person00042@example.com")
    seen = link.lstat()
    assert link.is_symlink() and os.listdir(link.parent) == []
    assert sandbox.count() == 0
    assert seen.st_size >= len(os.readlink(link))  # programs take so much memory
    assert link.lstat().st_ino == seen.st_ino


def test_an_address_is_asked_about_once_in_each_freshness(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=2")
    link = by_email(mount, "person00042@example.com")
    sandbox.reset_stats()
    assert os.readlink(link) == os.readlink(link)
    assert found(mount, "email=person00042@example.com")[0]["id"] in os.readlink(link)  # the same search
    assert sandbox.count() == 1
    expire(2)
    os.readlink(link)
    assert sandbox.count() == 2


def test_nobody_has_the_address(sandbox, mount):
    link = by_email(mount, "nobody@example.com")
    assert link.is_symlink()  # nobody was asked
    sandbox.reset_stats()
    assert error_of(os.readlink, link) == errno.ENOENT
    assert error_of(link.read_text) == errno.ENOENT
    assert error_of(link.lstat) == errno.ENOENT
    assert sandbox.count() == 1  # remembered
    assert "Nobody in this directory has the address" in mount.run("why", link).stdout
    assert mount.status()["failures"] == []


def test_who_has_come_since_is_found(sandbox, mounts, expire):
    mount = mounts(sandbox, "fresh=1")
    link = by_email(mount, "nobody@example.com")
    assert error_of(os.readlink, link) == errno.ENOENT
    ident = sandbox.add_contact(MAIN, email="nobody@example.com", firstName="Now")
    expire(1)
    assert os.readlink(link) == f"../contacts/{ident}.json"


def test_several_with_one_address_are_all_shown(sandbox, mounts):
    sandbox.change_directory(SPARE, dedupe={})
    idents = [sandbox.add_contact(SPARE, email="both@example.com", firstName=name) for name in ("Ann", "Bob")]
    mount = mounts(sandbox)
    link = by_email(mount, "both@example.com", SPARE)
    assert os.readlink(link) == "../search/email=both@example.com/contacts.json"
    assert {person["id"] for person in json.loads(link.read_text())} == set(idents)
    assert link.lstat().st_size >= len(os.readlink(link))


def test_the_link_to_a_search_is_written_as_its_name(sandbox, mounts):
    sandbox.change_directory(SPARE, dedupe={})
    address = "a=b,c%d+e@example.com"
    idents = {sandbox.add_contact(SPARE, email=address, firstName=name) for name in ("Ann", "Bob")}
    mount = mounts(sandbox)
    assert os.readlink(by_email(mount, address, SPARE)) == "../search/email=a%3Db%2Cc%25d+e@example.com/contacts.json"
    assert {person["id"] for person in json.loads(by_email(mount, address, SPARE).read_text())} == idents


def test_what_is_found_twice_is_one_contact(sandbox, mount):
    ident = "CID_000000000000001"
    bad = [{"id": "../../../etc/passwd"}, {"id": "SV_000000000000000"}, {}, {"id": 7}, {"id": None}]
    sandbox.fault("contacts_search", "body", nth=1, body=a_page([*bad, {"id": ident}, {"id": ident}]))
    assert os.readlink(by_email(mount, "x@example.com")) == f"../contacts/{ident}.json"
    sandbox.fault("contacts_search", "body", nth=1, body=a_page(bad))
    assert error_of(os.readlink, by_email(mount, "y@example.com")) == errno.ENOENT


@pytest.mark.parametrize("name", ["ann", "ann@", "@example.com", "a b@example.com", "ann@exa\x01mple.com", "ann@\udcff.com",
                                  "ann@example.com\n", "x" * 249 + "@e.com"])
def test_what_is_no_address_is_nothing(sandbox, mount, name):
    sandbox.reset_stats()
    assert error_of(os.lstat, by_email(mount, name)) == errno.ENOENT
    assert sandbox.count() == 0


def test_what_is_no_address_is_told(mount):
    told = mount.run("why", by_email(mount, "ann.example.com")).stdout
    assert "is no e-mail address: there is no @ in it" in told and "by-email/ann@example.com" in told


def test_addresses_of_any_script_are_found(sandbox, mount):
    ident = sandbox.add_contact(MAIN, email="jörg@exämple.de", firstName="Jörg")
    assert os.readlink(by_email(mount, "jörg@exämple.de")) == f"../contacts/{ident}.json"


def test_a_refused_search_says_whose_rights_are_needed(sandbox, mount):
    sandbox.change_directory(MAIN, forbidden="contacts")
    link = by_email(mount, "person00042@example.com")
    assert error_of(os.readlink, link) == errno.EACCES
    for words in (mount.run("why", link).stdout, (mount.path / "STATUS.txt").read_text(),
                  (mount.path / ".qxfs" / "errors").read_text()):
        assert "directory administrator" in words and "by-email/person00042@example.com" in words
    assert error_of(search(mount, "lastName=Li").read_text) == errno.EACCES


def test_logs_name_nobody(sandbox, mount):
    sandbox.fault("contacts_search", "status", nth=2, status=403)
    os.readlink(by_email(mount, "person00042@example.com"))
    assert error_of(search(mount, "lastName=Dubois").read_text) == errno.EACCES
    text = mount.text_of_log()
    assert f"directories/{MAIN}/by-email" in text and f"directories/{MAIN}/search" in text
    assert "person00042" not in text and "Dubois" not in text


def test_a_directory_that_is_none_finds_nobody(sandbox, mount):
    sandbox.reset_stats()
    assert error_of(os.readlink, by_email(mount, "a@example.com", "POOL_000000000000000")) == errno.ENOENT


def test_a_failed_search_is_asked_for_again(sandbox, mount):
    sandbox.fault("contacts_search", "status", first=2, status=503)
    sandbox.reset_stats()
    os.readlink(by_email(mount, "person00042@example.com"))
    assert sandbox.count("contacts_search") == 3
    bodies = [request["body"] for request in sandbox.requests("contacts_search")]
    assert bodies[0] == bodies[1] == bodies[2]


def test_without_network_the_last_answer_is_given(sandbox, mounts):
    mount = mounts(sandbox, "fresh=0")
    target = os.readlink(by_email(mount, "person00042@example.com"))
    sandbox.pause()
    assert os.readlink(by_email(mount, "person00042@example.com")) == target
    sandbox.resume()


@pytest.mark.concurrency
def test_a_link_that_waits_can_be_given_up(sandbox, mount, parked):
    sandbox.hold("contacts_search")
    link = by_email(mount, "person00042@example.com")
    waiting = [subprocess.Popen(["readlink", link], stdout=subprocess.PIPE) for _ in range(3)]
    parked(mount, 3)
    began = time.monotonic()
    assert by_email(mount, "other@example.com").is_symlink() and os.listdir(mount.path / "surveys")
    waiting[0].send_signal(signal.SIGTERM)
    assert waiting[0].wait(timeout=60) == -signal.SIGTERM
    assert time.monotonic() - began < 1 * SLOW
    parked(mount, 2)
    sandbox.release()
    told = {reader.communicate(timeout=60)[0] for reader in waiting[1:]}
    assert len(told) == 1 and b"CID_" in told.pop()
    assert sandbox.count("contacts_search") == 1


def test_the_mount_ends_below_a_waiting_link(sandbox, mount, parked):
    sandbox.hold("contacts_search")
    reader = subprocess.Popen(["readlink", by_email(mount, "person00042@example.com")], stdout=subprocess.DEVNULL)
    parked(mount, 1)
    assert mount.stop() == 0
    assert reader.wait(timeout=60) != 0
    sandbox.release()


# --- search ------------------------------------------------------------------------------------------------------


def test_a_search_gives_all_that_meet_it(sandbox, mount):
    everybody = rows_of(mount.path / "directories" / MAIN / "contacts.csv")
    dubois = {row["contactId"] for row in everybody if row["lastName"] == "Dubois"}
    sandbox.reset_stats()
    table = rows_of(search(mount, "lastName=Dubois", "csv"))
    assert {row["id"] for row in table} == dubois and len(dubois) > 1000
    assert sandbox.count("contacts_search") == sandbox.count() == -(-len(dubois) // 100)
    people = found(mount, "lastName=Dubois")
    assert [person["id"] for person in people] == [row["id"] for row in table]
    assert [row["email"] for row in table] == [person["email"] for person in people]
    assert [row["Code"] for row in table] == [person["embeddedData"]["Code"] for person in people]


def test_the_folder_shows_its_files_and_asks_nobody(sandbox, mount):
    sandbox.reset_stats()
    folder = search(mount, "lastName=Dubois").parent
    assert sorted(os.listdir(folder)) == ["contacts.csv", "contacts.json"]
    assert os.listdir(folder.parent) == []
    assert sandbox.count() == 0


def test_conditions_hold_together(sandbox, mount):
    both = found(mount, "lastName=Dubois,firstName=Ada")
    assert both and all((person["lastName"], person["firstName"]) == ("Dubois", "Ada") for person in both)
    sandbox.reset_stats()
    assert found(mount, "firstName=Ada,lastName=Dubois") == both
    assert sandbox.count() == 0  # the order does not matter
    assert [person["extRef"] for person in found(mount, "extRef=000025,emailDomain=example.com,language=DE")] == ["000025"]
    assert found(mount, "extRef=000025,language=EN") == []


def test_values_are_percent_encoded(sandbox, mount):
    sandbox.add_contact(MAIN, email="x@example.com", lastName="a/b,c=d%e+f \"g\" ü", firstName="Odd")
    odd = found(mount, 'lastName=a%2Fb%2Cc%3Dd%25e+f "g" %C3%BC')
    assert [person["firstName"] for person in odd] == ["Odd"]


@pytest.mark.parametrize(("name", "reason"), [
    ("lastname=Dubois", "Did you mean lastName?"),
    ("lastNam=Dubois", "Did you mean lastName?"),
    ("shoeSize=43", "not searched by 'shoeSize'"),
    ("Dubois", "not FIELD=VALUE"),
    ("lastName=", "no value of lastName"),
    ("lastName=a%2", "no value of lastName"),
    ("lastName=a%00", "no value of lastName"),
    ("lastName=a%FF", "no value of lastName"),
    ("lastName=Dubois,", "not FIELD=VALUE"),
    ("lastName=Dubois,lastName=Li", "given twice"),
    ("lastName=Dubois firstName=Ada", "no value of lastName"),
    ("lastName=Du\tbois", "control character"),
])
def test_a_search_that_is_none_is_told(sandbox, mount, name, reason):
    sandbox.reset_stats()
    folder = search(mount, name).parent
    assert error_of(os.stat, folder) == errno.ENOENT
    assert reason in mount.run("why", folder).stdout
    assert sandbox.count() == 0


def test_nobody_meets_the_search(mount):
    assert found(mount, "lastName=Nobody") == []
    assert search(mount, "lastName=Nobody", "csv").read_bytes() == (
        b"id,firstName,lastName,email,phone,extRef,language,unsubscribed\r\n")


@pytest.mark.parametrize(("count", "enough"), [(9_950, True), (10_000, False), (10_001, False), (30_000, False)])
def test_a_search_is_whole_or_an_error(sandboxes, mounts, count, enough):
    """Past 10,000 the service gives no more; whether there are more nobody can know then."""
    box = sandboxes(settings={"page_size": 1000})
    box.change_directory(MAIN, contacts=count)
    mount = mounts(box)
    path = search(mount, "emailDomain=example.com", "csv")
    if enough:
        assert len(rows_of(path)) == count
    elif count == 10_000:
        assert len(rows_of(path)) == count  # the service says itself that it was the last page
    else:
        assert error_of(path.read_text) == errno.EFBIG
        assert "10000 hits or more" in mount.run("why", path).stdout
    assert box.count("contacts_search") <= 10


def test_a_refusal_at_the_end_is_too_many(sandboxes, mounts):
    """Pages that do not add up to 10,000: the one that would pass it is a 400."""
    box = sandboxes(settings={"page_size": 999})
    box.change_directory(MAIN, contacts=30_000)
    mount = mounts(box)
    assert error_of(search(mount, "emailDomain=example.com").read_text) == errno.EFBIG
    assert box.count("contacts_search") == 11


def test_a_refusal_before_is_none(sandbox, mount):
    sandbox.fault("contacts_search", "status", nth=2, status=400)
    path = search(mount, "emailDomain=example.com")
    assert error_of(path.read_text) == errno.EINVAL


def test_pages_of_a_search_carry_the_search(sandbox, mount):
    sandbox.reset_stats()
    found(mount, "lastName=Dubois")
    asked = sandbox.requests("contacts_search")
    assert len(asked) == 17 and len({request["body"] for request in asked}) == 1
    assert json.loads(asked[0]["body"]) == {
        "filter": {"filterType": "lastName", "comparison": "eq", "value": "Dubois"}}
    assert base64.b64encode(b"100").decode().rstrip("=") in asked[1]["query"]


def test_members_under_the_names_that_clients_tell_are_cells_too(sandbox, mount):
    sandbox.fault("contacts_search", "body", nth=1, body=a_page(
        [{"id": "CID_000000000000001", "phoneNumber": "+1", "externalDataReference": "007"}]))
    (row,) = rows_of(search(mount, "lastName=X", "csv"))
    assert (row["phone"], row["extRef"]) == ("+1", "007")


def test_words_that_repeat_an_address_are_in_no_log_and_no_event(sandbox, mount):
    sandbox.fault("contacts_search", "status", status=400,
                  body={"meta": {"error": {"errorMessage": "no contact secret@example.org here", "errorCode": "X"}}})
    path = mount.path / "directories" / MAIN / "search" / "email=secret@example.org" / "contacts.csv"
    with pytest.raises(OSError):
        path.read_bytes()
    told = (mount.path / ".qxfs" / "events").read_text()
    assert "file-failed" in told and "secret@" not in told
    kept = [line for line in mount.text_of_log().splitlines() if "libfuse" not in line and "secret@" in line]
    assert kept == []
    assert "secret@example.org" in mount.run("why", path).stdout, "who asks is told"
