"""LibreOffice converts a survey's files straight from the mount, as somebody who opens them sees them."""

import csv
import os
import subprocess

import pytest

from control import SLOW  # tests/sandbox/control.py

TEXTS = ["007", "=1+1", "Grüße, „Ähre“ 🍜", 'say "hi"\nand go']

# comma, quotes, UTF-8; each text in quotes, and each number without; cells as they are shown
WRITTEN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true"
# the same read, its last column (19) as text: how one opens a csv that has codes with zeros in front
READ = "CSV:44,34,76,1,19/2,0,false,false"


@pytest.fixture
def survey(sandbox):
    made = sandbox.add_survey("Texts")
    for text in TEXTS:
        sandbox.append(made, 1, values={"QID1": "1", "QID2_TEXT": text})
    return made


@pytest.fixture
def converted(tmp_path):
    """converted(file): what LibreOffice writes after reading it, as text."""

    def convert(file, *options):
        done = subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--norestore", *options,
             "--convert-to", WRITTEN, "--outdir", str(tmp_path / "out"), str(file)],
            capture_output=True, text=True, timeout=80 * SLOW, check=False,
            env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "out" / f"{file.stem}.csv").read_bytes().decode()

    return convert


def check_texts(written):
    """The last column, below as many heading rows as there are; the quotes tell that a cell is a text."""
    assert [row[-1] for row in csv.reader(written.splitlines(keepends=True))][-len(TEXTS):] == TEXTS
    for text in TEXTS[:2]:
        assert f',"{text}"\n' in written


def test_a_cold_workbook_holds_the_same_cells(sandbox, mounts, survey, converted):
    mount = mounts(sandbox)
    check_texts(converted(mount.path / "surveys" / survey / "responses.xlsx"))
    assert sandbox.count("export_start") == 1


def test_a_cold_csv_holds_the_same_cells(sandbox, mounts, survey, converted):
    mount = mounts(sandbox)
    check_texts(converted(mount.path / "surveys" / survey / "responses.csv", f"--infilter={READ}"))
    assert sandbox.count("export_start") == 1
