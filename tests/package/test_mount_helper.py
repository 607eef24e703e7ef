"""packaging/mount.qxfs: what mount(8) gives to it, and what qxfs gets of that."""

import os
import pathlib
import subprocess

import pytest

HELPER = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "mount.qxfs"


@pytest.fixture
def helper(tmp_path):
    """helper(arguments): those that qxfs was called with, a program that prints them."""
    program = tmp_path / "qxfs"
    program.write_text("#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done\n")
    program.chmod(0o755)

    def call(*arguments):
        return subprocess.run(
            [HELPER, *arguments], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


@pytest.mark.parametrize("given, taken", [
    (["work", "/m"], "<work></m>"),
    (["work", "/m", "-o", "rw,allow_other"], "<-o><rw,allow_other><work></m>"),
    (["work", "/m", "-n", "-v", "-s", "-t", "fuse.qxfs", "-o", "ro"], "<-o><ro><work></m>"),
    (["work", "/m", "-o", "rw,dev,suid,exec"], "<-o><rw><work></m>"),
    (["work", "/m", "-o", "noauto,user,_netdev,nofail,x-systemd.automount,x-gvfs-name=a,fresh=3"],
     "<-o><fresh=3><work></m>"),
    (["work", "/m", "-o", "user=ann,defaults"], "<work></m>"),
    (["work", "/m", "-o", r"cache_dir=/a\,user,ro"], r"<-o><cache_dir=/a\,user,ro><work></m>"),
    (["work", "/m", "-o", "uid=user,nosuid,noexec"], "<-o><uid=user,nosuid,noexec><work></m>"),
    (["none", "/m"], "</m>"),
    (["work", "/m m", "-o", "ro"], "<-o><ro><work></m m>"),
])  # fmt: skip
def test_qxfs_gets_what_is_meant_for_it(helper, given, taken):
    done = helper(*given)
    assert (done.returncode, done.stdout, done.stderr) == (0, taken, "")


def test_a_mount_that_is_only_faked_is_none(helper):
    done = helper("work", "/m", "-f", "-o", "ro")
    assert (done.returncode, done.stdout) == (0, "")


def test_without_a_mount_point_it_says_how(helper):
    done = helper("work")
    assert done.returncode == 1 and "PROFILE DIR" in done.stderr
