"""Files made here and their other names: what is fresh, touched and exported together."""

import io
import os
import re
import zipfile

SMALL = "SV_demoSmall000014"
NAME = "Team lunch 🍜 _ Mittagessen.xlsx"
STAFF = "Staff survey [SV_demoStaff000201].xlsx"


def folder(mount):
    return mount.path / "surveys" / SMALL


def test_excel_has_every_survey_under_its_name(mount):
    names = os.listdir(mount.path / "excel")
    assert len(names) == 6 and {NAME, STAFF, "Staff survey.xlsx"} <= set(names)


def test_both_names_are_one_file(sandbox, mount):
    mine, theirs = mount.path / "excel" / NAME, folder(mount) / "responses.xlsx"
    assert os.stat(mine).st_ino == os.stat(theirs).st_ino and os.stat(mine).st_nlink == 1
    content = mine.read_bytes()
    assert content[:2] == b"PK"
    sandbox.reset_stats()
    assert theirs.read_bytes() == content
    assert sandbox.count() == 0
    assert os.stat(mine).st_size == os.stat(theirs).st_size == len(content)


def test_a_name_with_an_id_behind_it_leads_to_that_survey(mount):
    assert os.stat(mount.path / "excel" / f"Anything [{SMALL}].xlsx").st_ino == \
        os.stat(folder(mount) / "responses.xlsx").st_ino
    assert not (mount.path / "excel" / "No such survey.xlsx").exists()
    assert not (mount.path / "excel" / NAME.removesuffix(".xlsx")).exists()


def test_a_touch_concerns_all_names_and_what_is_made_from_the_same(sandbox, mount):
    """The kernel may keep names for minutes: those of all of them are taken back."""
    excel, book, labels = mount.path / "excel" / NAME, folder(mount) / "responses.xlsx", \
        folder(mount) / "responses.labels.csv"
    for touched in (excel, book, labels):
        before = {path: path.read_bytes() for path in (excel, book, labels)}
        sandbox.append(SMALL, 1)
        sandbox.reset_stats()
        os.utime(touched)
        for path in (excel, book, labels):
            assert os.stat(path).st_blocks == 0, f"{path} after a touch of {touched}"
        assert excel.read_bytes() != before[excel]
        assert labels.read_bytes() != before[labels]
        assert book.read_bytes() == excel.read_bytes()
        assert sandbox.count("export_start") == 1


def test_what_is_made_from_another_is_never_older_than_that(sandbox, mount):
    plain, base = folder(mount) / "responses.plain.csv", folder(mount) / "responses.csv"
    plain.read_bytes()
    sandbox.append(SMALL, 1)
    os.utime(base)
    base.read_bytes()
    sandbox.reset_stats()
    assert plain.read_bytes().count(b"\r\n") == base.read_bytes().count(b"\r\n") - 2, "one header row for three"
    assert sandbox.count("export_start") == 0


def zones_in(book):
    """Named by the headings of columns with dates."""
    sheet = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml").decode()
    return set(re.findall(r"Date \(([^)]+)\)", sheet))


def test_dates_are_in_the_zone_that_was_asked_for_and_each_zone_has_its_own_file(sandbox, mounts, tmp_path):
    """The mounts share a cache."""
    denver = mounts(sandbox, "timezone=America/Denver", name="a", env={"TZ": "Europe/Berlin"})
    there = (folder(denver) / "responses.xlsx").read_bytes()
    assert zones_in(there) == {"America/Denver"}
    machine = mounts(sandbox, name="b", env={"TZ": "Europe/Berlin"})
    sandbox.reset_stats()
    assert zones_in((folder(machine) / "responses.xlsx").read_bytes()) == {"Europe/Berlin"}
    assert (folder(denver) / "responses.xlsx").read_bytes() == there
    assert sandbox.count("export_start") == 0, "they are made from one export"
    assert (folder(machine) / "responses.plain.csv").read_bytes() == (folder(denver) / "responses.plain.csv").read_bytes()
