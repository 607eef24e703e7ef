"""What run-tests installs for these tests (packaging/deps.sh), and what it keeps that from starting."""

import os
import pathlib
import subprocess

import pytest

from common import ROOT
import test_writes
from test_programs import HASTY, PROGRAMS

EVERYWHERE = {"bash", "coreutils", "diffutils", "grep", "mawk", "perl", "python3", "sed", "tar"}
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


def deps(script, *words):
    """A script that has read deps.sh."""
    return subprocess.run(
        ["bash", "-uc", f". packaging/deps.sh; {script}", "bash", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )


def test_every_program_is_installed():
    listed = deps('printf "%s\\n" "${TEST_PACKAGES[@]}" "${BATTERY_PACKAGES[@]}"').stdout.split()
    used = " ".join(program.packages for program in [*PROGRAMS.values(), *HASTY.values(), *test_writes.PROGRAMS.values()]).split()
    assert {*used} - EVERYWHERE - {*listed} == set()


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
