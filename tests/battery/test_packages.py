"""What run-tests installs for these tests (packaging/deps.sh), and what it keeps that from starting."""

import importlib
import os
import pathlib
import re
import subprocess

import pytest

from common import ROOT
import test_writes
from test_programs import HASTY, PADDING, PROGRAMS

EVERYWHERE = {"bash", "coreutils", "diffutils", "grep", "mawk", "perl", "python3", "sed", "tar"}
README = pathlib.Path(__file__).with_name("README.md")
NAMED = re.compile(r"`((?:tests/fs/)?\w+)\.py::(\w+)(?:\[([^`]+)\])?`")
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


def deps(script, *words):
    """A script that has read deps.sh."""
    return subprocess.run(
        ["bash", "-uc", f". packaging/deps.sh; {script}", "bash", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )


def test_every_program_is_installed():
    listed = deps('printf "%s\\n" "${TEST_PACKAGES[@]}" "${BATTERY_PACKAGES[@]}"').stdout.split()
    tables = PROGRAMS, HASTY, PADDING, test_writes.PROGRAMS
    used = " ".join(program.packages for table in tables for program in table.values()).split()
    assert {*used} - EVERYWHERE - {*listed} == set()


def rows_of_the_readme(heading):
    """The rows below a heading, as lists of cells."""
    part = re.split(r"^## ", README.read_text(), flags=re.M)
    (text,) = [text for text in part if text.startswith(heading + "\n")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()
            if line.startswith("| ") and not re.match(r"\| program \|", line)]


@pytest.mark.parametrize("heading, count", [("What reads", 78), ("What writes into an import folder", 39)])
def test_each_program_that_was_measured_has_a_test(heading, count):
    rows = rows_of_the_readme(heading)
    assert len(rows) == count
    for row in rows:
        assert (found := NAMED.fullmatch(row[-1])), row
        module, name, case = found.groups()
        has = getattr(importlib.import_module(module.rpartition("/")[2]), name)
        if isinstance(has, dict):
            assert case is None or case in has, row
        elif case is not None:
            assert case in [ident for mark in has.pytestmark for ident in mark.kwargs.get("ids", ())], row


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the installation does")
def test_an_installation_may_not_start_the_services_it_brings():
    """Asked as invoke-rc.d and deb-systemd-invoke ask; for other services the machine's own policy counts."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    others = "0\n" if pathlib.Path("/sbin/init").exists() else "101\n"
    if os.access(POLICY, os.X_OK):
        others = f"{subprocess.run([POLICY, 'three', 'start'], capture_output=True).returncode}\n"
    done = deps(
        """unshare --mount bash -c "$(declare -f stopped)"'; stopped "$@"' bash "one two" bash -c "$1" """,
        f"""for words in 'one.service start' '--quiet two start 5' 'three start'; do
                {POLICY} $words >/dev/null 2>&1; echo $?
            done; exit 3""",
    )
    assert (done.stdout, done.returncode) == (f"101\n101\n{others}", 3), done.stderr
    assert before == (POLICY.read_bytes() if POLICY.exists() else None)
