"""An account of 10,000 surveys: what looking at them costs (DESIGN.md 8)."""

import subprocess

import pytest

from common import SANITIZED
from control import SLOW  # tests/sandbox/control.py

MORE = 1_000 if SANITIZED else 10_000


@pytest.mark.timeout(120 * SLOW)
def test_looking_at_10_000_surveys_costs_their_pages_once(sandboxes, mounts, expire, until):
    box = sandboxes(extra=("--surveys", str(MORE)))
    mount = mounts(box, "fresh=300")
    surveys = mount.path / "surveys"
    pages = -(-len(box.info()["surveys"]) // 100)
    assert box.count("surveys") == pages  # the first mount waits for the list

    def look(*command):
        answer = subprocess.run([*command, surveys], capture_output=True, text=True, check=True)
        return sum("SV_" in line.rsplit("/", 1)[-1] for line in answer.stdout.splitlines())

    before = box.count()
    assert look("ls", "-l") >= MORE and look("ls", "-l") >= MORE
    assert box.count() == before, "warm: nothing"

    assert mount.stop() == 0
    mount = mounts(box, "fresh=1", name="b")
    surveys = mount.path / "surveys"
    until(lambda: box.count("surveys") == 2 * pages, 20, "the list that is refreshed behind the mount")
    expire(2)
    before = box.count()
    assert look("ls", "-l") >= MORE
    assert (box.count("surveys"), box.count()) == (3 * pages, before + pages), "cold: the pages, and nothing else"
