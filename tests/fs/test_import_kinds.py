"""What each kind of file becomes at the service, on a real mount: contacts of every target, responses, surveys."""

import errno
import json
import os

import pytest

from common import error_of
from control import recordings  # tests/sandbox/control.py
from imports import EMPTY, MAIN, folder, members, posts, report_of, result_of, wait_for

RECORDED = recordings()
needs_recorded = pytest.mark.skipif(RECORDED is None, reason="the recorded exchanges are not beside the tree")
SMALL, CUSTOMERS, OLD = "SV_demoSmall000014", "CG_demoCustomers001", "ML_demoOld00000001"


@pytest.fixture
def mount(sandbox, mounts):
    return mounts(sandbox, "import_delay=0")


def given(mount, where, name, data):
    """Copies a file in and waits for its end: its exit status and words."""
    path = mount.path / where / "import" / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return wait_for(mount, path)


# --- contacts ------------------------------------------------------------------------------------------------------


def test_tables_as_excel_writes_them(sandbox, mount):
    for n, data in enumerate((
            "\ufeffE-Mail;First Name;Straße\r\nx0@example.org;Jürgen;\"Allee; 1\"\r\n".encode(),
            "sep=;\r\nEmail Address;First Name;Straße\r\nx1@example.org;Jürgen;\"Allee; 1\"\r\n".encode(),
            "\ufeffRecipientEmail\tFirst Name\tStraße\r\nx2@example.org\tJürgen\t\"Allee; 1\"\r\n".encode("utf-16-le"))):
        assert given(mount, f"mailinglists/{EMPTY}", f"{n}.csv", data)[0] == 0
    got = members(sandbox)
    for n in range(3):
        one = got[f"x{n}@example.org"]
        assert (one["firstName"], one["embeddedData"]) == ("Jürgen", {"Straße": "Allee; 1"})


def test_another_charset_by_option(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0", "import_charset=windows-1252")
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", "email;A\r\nx@example.org;Grüße €\r\n".encode("cp1252"))[0] == 0
    assert members(sandbox)["x@example.org"]["embeddedData"] == {"A": "Grüße €"}


def test_an_export_given_back_keeps_every_value(sandbox, mount):
    """Sent as it is, with one more person, so that it is no file that was served."""
    before = members(sandbox, CUSTOMERS)
    source = mount.path / "mailinglists" / CUSTOMERS
    for name in ("contacts.csv", "contacts.json"):
        data = (source / name).read_bytes()
        if name.endswith("csv"):
            head = data.split(b"\r\n")[0].decode().split(",")
            data += ",".join({"email": f"new.{name}@example.org"}.get(column, "") for column in head).encode() + b"\r\n"
        else:
            data = json.dumps([*json.loads(data), {"email": f"new.{name}@example.org"}]).encode()
        status, said = given(mount, f"mailinglists/{CUSTOMERS}", f"again.{name}", data)
        assert status == 0, said
    after = members(sandbox, CUSTOMERS)
    assert set(after) - set(before) == {"new.contacts.csv@example.org", "new.contacts.json@example.org"}
    for email, contact in before.items():
        out = contact["unsubscribed"]  # of the directory: said of the list, too
        assert after[email] | {"mailingListUnsubscribed": out or after[email]["mailingListUnsubscribed"]} == (
            contact | {"mailingListUnsubscribed": out or contact["mailingListUnsubscribed"]})
        assert after[email]["mailingListUnsubscribed"] >= contact["mailingListUnsubscribed"]


@pytest.mark.parametrize("name", ["contacts.csv", "contacts.json"])
def test_a_list_s_own_export_changes_nothing(sandbox, mount, name):
    before = members(sandbox, CUSTOMERS)
    data = (mount.path / "mailinglists" / CUSTOMERS / name).read_bytes()
    status, said = given(mount, f"mailinglists/{CUSTOMERS}", name, data)
    assert status == 0, said
    assert members(sandbox, CUSTOMERS) == before


def test_new_contacts_are_there_at_once(sandbox, mount):
    place = mount.path / "mailinglists" / EMPTY
    assert (place / "contacts.json").read_text() == "[]\n"
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", "email\na@example.org\n")[0] == 0
    assert [one["email"] for one in json.loads((place / "contacts.json").read_text())] == ["a@example.org"]


def test_known_people_are_changed_and_blank_cells_change_nothing(sandbox, mount):
    sandbox.settings(blank_values="write")
    one = "email,firstName,lastName,A,language\na@example.org,Ann,Lee,1,DE\n"
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", one)[0] == 0
    two = "email,firstName,lastName,A,language\na@example.org,,Smith,,\nb@example.org,Bob,,,\n"
    assert given(mount, f"mailinglists/{EMPTY}", "b.csv", two)[0] == 0
    got = members(sandbox)
    assert set(got) == {"a@example.org", "b@example.org"}
    known = got["a@example.org"]
    assert [known[name] for name in ("firstName", "lastName", "language")] == ["Ann", "Smith", "DE"]
    assert known["embeddedData"] == {"A": "1"}


def test_an_opt_out_is_not_undone(sandbox, mount):
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", "email,unsubscribed\na@example.org,true\n")[0] == 0
    assert members(sandbox)["a@example.org"]["unsubscribed"] is True
    assert given(mount, f"mailinglists/{EMPTY}", "b.csv", "email,firstName,unsubscribed\na@example.org,Ann,false\n")[0] == 0
    got = members(sandbox)["a@example.org"]
    assert (got["firstName"], got["unsubscribed"], got["mailingListUnsubscribed"]) == ("Ann", True, True)


def test_a_reversed_opt_out_is_held_where_it_is_allowed(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0", "allow_resubscribe")
    path = folder(mount) / "a.csv"
    path.write_text("email,unsubscribed\na@example.org,false\n")
    assert wait_for(mount, path)[0] == 6
    assert posts(sandbox) == []
    assert "people who opted out would get mail again" in report_of(path)
    mount.run("send", path)
    assert wait_for(mount, path)[0] == 0
    assert members(sandbox)["a@example.org"]["unsubscribed"] is False


@pytest.mark.parametrize("data", [
    b"emial,firstName\nx@example.org,Ann\n",
    b"email,phone\nx@example.org,4.9E+11\n",
    b"email,A,B\nx@example.org,1,2\ny@example.org,1\n",
])
def test_likely_mistakes_are_held(sandbox, mount, data):
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", data)[0] == 6
    assert posts(sandbox) == []


def test_refused_rows_can_be_mended_and_dropped_again(sandbox, mount):
    assert given(mount, f"mailinglists/{EMPTY}", "a.csv", "email,A,language\na@example.org,1,DE\n,\"2,\n\",DE\nb@example.org,3,\n")[0] == 3
    rejected = next(mount.path.glob(f"mailinglists/{EMPTY}/import/**/a.csv.rejected.csv"))
    table = rejected.read_bytes()
    assert table.startswith(b"email,A,language,Refused because\r\n,\"2,\n\",DE,")
    mended = table.replace(b"\n,\"2", b"\nc@example.org,\"2")
    assert given(mount, f"mailinglists/{EMPTY}", "mended.csv", mended)[0] == 0
    assert members(sandbox)["c@example.org"]["embeddedData"] == {"A": "2,\n"}


@pytest.mark.parametrize("name, data", [
    ("a.csv", "email,Code\nA@nowhere,1\nb@example.org,2\nc@nowhere,3\n"),
    ("a.json", '[{"email":"A@nowhere","Code":1},{"email":"b@example.org","Code":2},{"email":"c@nowhere","Code":3}]'),
])
def test_addresses_that_only_the_service_refuses_come_back_too(sandbox, mount, name, data):
    sandbox.settings(addresses="dotted")
    status, said = given(mount, f"mailinglists/{EMPTY}", name, data)
    assert status == 3, said
    rejected = next(mount.path.glob(f"mailinglists/{EMPTY}/import/**/{name}.rejected.csv"))
    reason = "the service says that its e-mail address is none"
    assert rejected.read_text().splitlines() == ["email,Code,Refused because", f"A@nowhere,1,{reason}", f"c@nowhere,3,{reason}"]
    assert set(members(sandbox)) == {"b@example.org"}


@pytest.mark.parametrize("name, data", [
    ("a.csv", "email,First Name,Code\nd1@example.org,Ann,007\nd2@example.org,,\n"),
    ("a.json", '[{"email":"d1@example.org","firstName":"Ann","embeddedData":{"Code":"007"}},{"email":"d2@example.org"}]'),
])
def test_a_directory_takes_contacts_one_by_one(sandbox, mount, name, data):
    status, said = given(mount, f"directories/{MAIN}", name, data)
    assert status == 0, said
    assert sandbox.count("contact_create") == 2
    found = sandbox.result(f"/directories/{MAIN}/contacts?pageSize=500")
    while not {"d1@example.org", "d2@example.org"} <= {one["email"] for one in found["elements"]}:
        found = sandbox.result(found["nextPage"].split("/API/v3", 1)[1])


@pytest.mark.parametrize("name, data", [
    ("a.csv", "email,externalDataReference,Code\nold@example.org,0012,007\n"),
    ("a.json", '[{"email":"old@example.org","extRef":"0012","Code":"007"}]'),
])
def test_a_legacy_list(sandboxes, mounts, name, data):
    box = sandboxes(settings={"xm_directory": "forbidden", "legacy": True})
    mount = mounts(box, "import_delay=0")
    status, said = given(mount, f"mailinglists/{OLD}", name, data)
    assert status == 0, said
    found = box.result(f"/mailinglists/{OLD}/contacts")["elements"][-1]
    assert (found["email"], found["externalDataReference"], found["embeddedData"]) == (
        "old@example.org", "0012", {"Code": "007"})


# --- responses -----------------------------------------------------------------------------------------------------


def responses(sandbox, survey=SMALL):
    return len(sandbox.response_ids(survey))


@pytest.mark.parametrize("name", ["responses.csv", "responses.tsv"])
def test_an_export_is_imported_as_new_responses(sandbox, mount, name):
    data = (mount.path / "surveys" / SMALL / name).read_bytes()
    count = responses(sandbox)
    status, said = given(mount, f"surveys/{SMALL}", f"again.{name}", data)
    assert status == 0, said
    assert responses(sandbox) == 2 * count


def test_a_table_with_semicolons_is_rewritten(sandbox, mount):
    count = responses(sandbox)
    status, said = given(mount, f"surveys/{SMALL}", "a.csv", "Finished;UserLanguage\n1;EN\n1;DE\n")
    assert status == 0, said
    assert responses(sandbox) == count + 2


def test_new_responses_are_there_at_once(sandbox, mount):
    file = mount.path / "surveys" / SMALL / "responses.csv"
    data = file.read_bytes()
    assert given(mount, f"surveys/{SMALL}", "again.csv", data)[0] == 0
    assert file.read_bytes() == sandbox.entry(SMALL) != data


def test_a_table_of_another_survey_is_refused(sandbox, mount):
    data = (mount.path / "surveys" / "SV_demoStaff000201" / "responses.csv").read_bytes()
    status, _ = given(mount, f"surveys/{SMALL}", "other.csv", data.replace(b'QID', b'QID99'))
    assert status == 4
    assert sandbox.count("import_start") == 0


def test_the_service_fetches_an_address(sandbox, mount):
    data = (mount.path / "surveys" / SMALL / "responses.csv").read_bytes()
    sandbox.put_remote_file("https://files.example.org/a.csv", data)
    count = responses(sandbox)
    status, said = given(mount, f"surveys/{SMALL}", "a.url", "https://files.example.org/a.csv\n")
    assert status == 0, said
    assert responses(sandbox) == 2 * count
    path = mount.path / "surveys" / SMALL / "import" / "b.url"
    assert error_of(path.write_text, "http://files.example.org/a.csv") == errno.EINVAL


# --- surveys -------------------------------------------------------------------------------------------------------


def surveys(sandbox):
    found, path = {}, "/surveys"
    while path:
        result = sandbox.result(path)
        found |= {one["name"]: one["id"] for one in result["elements"]}
        path = result["nextPage"] and result["nextPage"].split("/API/v3", 1)[1]
    return found


def test_a_qsf_keeps_its_name_and_its_questions(sandbox, mount):
    data = json.loads((mount.path / "surveys" / SMALL / "survey.qsf").read_bytes())
    data["SurveyEntry"]["SurveyName"] = "Mittagessen 🍜 zwei"
    status, said = given(mount, "surveys", "a.qsf", json.dumps(data))
    assert status == 0, said
    new = surveys(sandbox)["Mittagessen 🍜 zwei"]
    (made,) = result_of(mount.path / "surveys" / "import" / "done" / "a.qsf")["details"]
    assert (made["state"], made["id"]) == ("done", new)
    assert sandbox.result(f"/survey-definitions/{new}?format=qsf")["SurveyEntry"]["SurveyName"] == "Mittagessen 🍜 zwei"


@pytest.mark.parametrize("name, data", [
    ("Gäste.txt", "1. How old are you?\n\nyoung\nold\n"),
    ("Gäste.TXT", "[[AdvancedFormat]]\n[[Question:MC]]\nHow old are you?\n[[Choices]]\nyoung\nold\n"),
    ("Gäste.doc", bytes.fromhex("d0cf11e0a1b11ae1") + b"\r\n\0word"),
])
def test_texts_and_word(sandbox, mount, name, data):
    status, said = given(mount, "surveys", name, data)
    assert status == 0, said
    new = surveys(sandbox)["Gäste"]
    assert sandbox.result(f"/surveys/{new}")["questions"]


@needs_recorded
def test_a_survey_recorded_from_the_service(sandbox, mount):
    status, said = given(mount, "surveys", "a.qsf", (RECORDED / "samples" / "survey_2019.qsf").read_bytes())
    assert status == 0, said
    name = json.loads((RECORDED / "samples" / "survey_2019.qsf").read_bytes())["SurveyEntry"]["SurveyName"]
    assert sandbox.result(f"/surveys/{surveys(sandbox)[name]}")["questions"]


def test_a_new_survey_is_there_without_a_remount(sandbox, mount, until):
    assert given(mount, "surveys", "Gäste.txt", "1. How old are you?\n\nyoung\nold\n")[0] == 0
    new = surveys(sandbox)["Gäste"]
    until(lambda: new in os.listdir(mount.path / "surveys"), 20, "its folder")  # the list is asked for when it is over
    assert os.readlink(mount.path / "surveys" / "by-name" / "Gäste") == f"../{new}"
    assert new in os.listdir(mount.path / "surveys")
    assert json.loads((mount.path / "surveys" / new / "survey.json").read_text())["name"] == "Gäste"


@pytest.mark.parametrize("name, data", [
    ("a.txt", "How old are you?\n"),
    ("a.docx", b"PK\x03\x04"),
    ("a.doc", b"PK\x03\x04"),
    ("a.qsf", "{}"),
])
def test_what_would_be_an_empty_survey_is_refused(sandbox, mount, name, data):
    path = mount.path / "surveys" / "import" / name
    assert error_of(path.write_bytes, data if isinstance(data, bytes) else data.encode()) == errno.EINVAL
    assert wait_for(mount, path)[0] == 4
    assert sandbox.count("survey_create") == 0
