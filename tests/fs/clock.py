"""A clock for a mount that goes on when a test says so: as if the machine had slept, or a day had gone by (clock.c)."""

import pathlib
import shutil
import subprocess

import pytest

from common import SANITIZED

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
NEEDED = [pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first, as the clock does"),
          pytest.mark.skipif(not COMPILER, reason="needs a C compiler, for the clock")]


def needs_clock(test):
    for mark in NEEDED:
        test = mark(test)
    return test


class Clock:
    """Of the mounts that are started with env=clock.env."""

    def __init__(self, folder, wall=False):
        library, self.file = folder / "clock.so", folder / "clock"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
                        pathlib.Path(__file__).with_name("clock.c"), "-ldl"], check=True)
        self.file.write_text("0")
        self.env = {"LD_PRELOAD": str(library), "QXFS_CLOCK": str(self.file)} | ({"QXFS_CLOCK_WALL": "1"} if wall else {})
        self.passed = 0

    def go_on(self, seconds):
        self.passed += seconds
        new = self.file.with_suffix(".new")
        new.write_text(str(self.passed))
        new.rename(self.file)
