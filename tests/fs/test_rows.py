"""Each row of the tree that `qxfs --print-tree` prints is opened: a row that nobody opens is nobody's."""

import csv
import os
import re
import stat
import subprocess

import pytest

from common import QXFS
from imports import EMPTY, MAIN, PILOT, folder, wait_for

SURVEY = "SV_demoCustomers02"
MAY_BE_EMPTY = {"/.qxfs/jobs", "/.qxfs/errors"}
REFUSED = b"email,A,language\na@example.org,1,DE\n,2,DE\n"  # a row has no way to be known


def rows():
    told = subprocess.run([QXFS, "--print-tree"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in told.splitlines()]


def first(path, of=""):
    return next(name for name in sorted(os.listdir(path)) if name.startswith(of))


@pytest.fixture
def whole(sandbox, mounts):
    """A mount, and what may stand in each hole of the paths."""
    mount = mounts(sandbox, "api", "import_delay=0")
    top = mount.path
    survey, directory, people = top / "surveys" / SURVEY, top / "directories" / MAIN, top / "mailinglists" / PILOT
    target = folder(mount) / "a.csv"
    target.write_bytes(REFUSED)
    assert wait_for(mount, target)[0] == 3
    with open(survey / "responses.csv", encoding="utf-8", newline="") as file:
        tags, _, _, row, *_ = csv.reader(file)
    with open(people / "contacts.csv", encoding="utf-8", newline="") as file:
        person = next(csv.DictReader(file))
    holes = {
        "survey": SURVEY, "excel": first(top / "excel").removesuffix(".xlsx"), "directory": MAIN, "mailinglist": PILOT,
        **{hole: first(top / "surveys" / place) for hole, place in
           (("name", "by-name"), ("active", "active"), ("mine", "mine"), ("recent", "recent"))},
        "mailinglist-name": first(top / "mailinglists" / "by-name"), "filter": first(survey / "filters"),
        "distribution": first(survey / "distributions", "EMD_"), "dates": "2024-01..", "with": "limit=2",
        "response": row[tags.index("ResponseId")], "contact": person["contactId"], "email": person["email"],
        "member": person["contactLookupId"], "search": f"firstName={person['firstName']}", "folder": "surveys",
        "path": "whoami", "entry": "a.csv",
    }
    assert first(directory / "contacts", "CID_")
    return mount, holes


def place_of(mount, row, holes):
    path = re.sub(r"{([a-z-]+)}", lambda hole: holes[hole[1]], row)
    if "{entry}" in row:  # what was given lies in done/ of the list it was given to
        path = path.replace(PILOT, EMPTY).replace("import/", "import/done/")
    return f"{mount.path}{path}"


def opened(path):
    """What opening it shows: names, a target, or bytes."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        assert os.path.exists(path)
        return os.readlink(path)
    if stat.S_ISDIR(mode):
        os.listdir(path)
        return "a folder"
    with open(path, "rb") as file:
        return file.read()


def test_each_row_of_the_tree_opens(whole):
    mount, holes = whole
    seen = rows()
    assert len(seen) > 100
    for row in seen:
        shown = opened(place_of(mount, row, holes))
        assert shown or row in MAY_BE_EMPTY, row


def test_forms_are_in_all_folders_that_have_them(whole):
    mount, holes = whole
    survey = mount.path / "surveys" / SURVEY
    forms = [row.rsplit("/", 1)[1] for row in rows() if re.fullmatch(r"/surveys/{survey}/responses\.[a-z.]+", row)]
    assert len(forms) == 15
    for place in (survey / "now", survey / "filters" / holes["filter"], survey / "dates" / holes["dates"]):
        for form in forms:
            assert opened(place / form), (place, form)
