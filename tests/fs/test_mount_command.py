"""mount(8) and fstab(5) (DESIGN.md 6): `mount -t fuse.qxfs work DIR -o ...`, with packaging/mount.qxfs where mount looks
for helpers. Only a mount namespace of its own sees it there."""

import os
import shutil
import subprocess

import pytest

from common import QXFS, ROOT

SMALL = "SV_demoSmall000014"
FOR_OTHERS = "nofail,_netdev,noauto,user,x-systemd.automount,x-systemd.idle-timeout=60,comment=a note"
# $1: the helpers; $2: where to mount; the rest: the command. What is told: type, options, mode, the tree; then it is ended.
SCRIPT = """
mount -t overlay overlay -o "lowerdir=$1:/usr/sbin" /usr/sbin || exit 77
place=$2; shift 2
"$@" || exit
findmnt -n -o FSTYPE,OPTIONS "$place"
stat -c %a "$place/README.txt"
ls "$place/surveys"
umount "$place"
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts without fusermount3")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "m").mkdir()
    return tmp_path / "m"


@pytest.fixture
def run(sandbox, tmp_path, place):
    """run(command...) with the profile `work`, in a namespace where the helpers are installed."""
    helpers = tmp_path / "sbin"
    helpers.mkdir()
    shutil.copy(ROOT / "packaging" / "mount.qxfs", helpers)
    (helpers / "mount.fuse.qxfs").symlink_to("mount.qxfs")
    (helpers / "qxfs").symlink_to(QXFS)
    config = tmp_path / ".config" / "qxfs" / "config"
    config.parent.mkdir(parents=True, mode=0o700)
    config.write_text(f"[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\n")
    config.chmod(0o600)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("QUALTRICS_", "XDG_"))}
    for name in ("CONFIG", "CACHE", "STATE"):  # mount hands no HOME on
        env[f"XDG_{name}_HOME"] = str(tmp_path / f".{name.lower()}")

    def run(*command):
        words = ["unshare", "-m", "--propagation", "private", "sh", "-c", SCRIPT, "sh", helpers, place, *command]
        answer = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        if answer.returncode == 77:
            pytest.skip("no overlay can be mounted here")
        return answer

    return run


def check(answer):
    assert answer.returncode == 0, answer.stderr
    kind, options, mode, *names = answer.stdout.split()
    assert kind == "fuse.qxfs" and {"nosuid", "nodev"} <= set(options.split(","))
    assert mode == "440" and SMALL in names


@pytest.mark.parametrize("kind", ["fuse.qxfs", "qxfs"])
def test_mount_takes_a_profile_for_the_device(kind, run, place):
    check(run("mount", "-t", kind, "work", place, "-o", f"{FOR_OTHERS},umask=027"))


@pytest.mark.parametrize("kind", ["fuse.qxfs", "qxfs"])
def test_a_line_of_fstab_mounts(kind, run, place, tmp_path):
    note = FOR_OTHERS.replace(" ", "\\040")
    (tmp_path / "fstab").write_text(f"work {place} {kind} {note},umask=027 0 0\n")
    check(run("mount", "-T", tmp_path / "fstab", place))


def test_mount_tells_what_is_wrong(run, place):
    answer = run("mount", "-t", "fuse.qxfs", "other", place, "-o", "nofail")
    assert answer.returncode != 0 and "no profile 'other'" in answer.stderr
    answer = run("mount", "-t", "fuse.qxfs", "work", place, "-o", "fersh=3")
    assert answer.returncode != 0 and "did you mean 'fresh'" in answer.stderr
