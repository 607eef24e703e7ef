"""The Debian package: built, looked at by lintian, installed into a clean root, used by a person there, removed.

Root only: it makes a root folder (mmdebstrap) and lives in it, in namespaces of its own that end with the test.
The tests run in the order of the file: a package's life.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = "/home/person/qualtrics-demo"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a person has on his machine anyway.
THEIRS = ("bash-completion", "man-db")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a root folder needs root")


def done(command, **options):
    """Its output; a failure tells all it said."""
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        **options,
    )
    assert result.returncode == 0, f"{shlex.join(map(str, command))}: {result.returncode}\n{result.stdout[-6000:]}"
    return result.stdout


def suite():
    """The system's own: there the package was built."""
    text = pathlib.Path("/etc/os-release").read_text()
    return re.search(r"^VERSION_CODENAME=(\w+)", text, re.M)[1]


class CleanRoot:
    """A fresh system in a folder. One process holds its namespaces; when that ends, all in it ends.

    /etc/mtab, which fusermount3 reads, is there on every machine, but made neither by a package nor by mmdebstrap.
    """

    def __init__(self, folder):
        self.folder = folder
        hold = (
            f"mount --bind {folder} {folder} && cd {folder} && mount -t proc proc proc && "
            "mount -t tmpfs -o mode=755 dev dev && mkdir dev/pts && "
            "for name in null zero full random urandom tty fuse; do "
            "touch dev/$name && mount --bind /dev/$name dev/$name || exit; done && "
            "ln -s /proc/self/fd dev/fd && ln -sf ../proc/self/mounts etc/mtab && cp /etc/resolv.conf etc/resolv.conf && "
            "exec chroot . bash -c 'echo ready; sleep infinity & wait'"  # an init: it takes the dead away
        )
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", hold],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout.readline() == "ready\n"
        holder = self.holder.pid
        self.inside = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()[0]
        # What follows must never meet the machine itself.
        assert os.path.samefile(f"/proc/{self.inside}/root", folder), "the root is not the new one"

    def run(self, script, user="root"):
        enter = ["nsenter", f"--target={self.inside}", "--mount", "--pid", "--root", "--wd"]
        clean = ["env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        as_user = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        home = [] if user == "root" else [f"HOME=/home/{user}", f"USER={user}"]
        return done([*enter, *clean, *home, *as_user, "bash", "-c", f"cd && {{ {script}; }}" if home else script])

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()


@pytest.fixture(scope="module")
def work():
    """Not pytest's own folder: a root takes half a gigabyte, which nobody keeps."""
    with tempfile.TemporaryDirectory(prefix="package.") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def bootstrap(work):
    """Under way while the package is built."""
    log = open(work / "mmdebstrap.log", "w+")
    command = [
        "mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(THEIRS)}", "--skip=cleanup/apt/lists",
        '--aptopt=Acquire::Languages "none"', suite(), work / "root",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield process, log
    if process.poll() is None:
        process.terminate()
        process.wait()
    log.close()


@pytest.fixture(scope="module")
def package(work, bootstrap):
    (work / "built").mkdir()
    before = state_of_tree()
    last = done([ROOT / "packaging" / "build-deb", work / "built"]).splitlines()[-1]
    assert state_of_tree() == before, "something generated is left in the tree"
    return pathlib.Path(last)


def state_of_tree():
    return {
        path for path in ROOT.rglob("*")
        if not path.relative_to(ROOT).parts[0].startswith((".git", "build")) and "__pycache__" not in path.parts
    }  # fmt: skip


@pytest.fixture(scope="module")
def root(work, bootstrap):
    process, log = bootstrap
    if process.wait() != 0:
        log.seek(0)
        pytest.fail(f"mmdebstrap: {log.read()[-3000:]}")
    made = CleanRoot(work / "root")
    made.run("useradd --create-home --shell /bin/bash person")
    yield made
    made.close()


def ours_in(root):
    """All that bears the name, but for logs and pages that man has set."""
    return set(root.run(r"find / -xdev -iname '*qxfs*' -not -path '/proc/*' -not -path '/var/log/*' -not -path '/var/cache/man/*'").split())


@pytest.fixture(scope="module")
def installed(root, package):
    shutil.copy(package, root.folder / "srv")
    root.run(f"apt-get install -y --no-install-recommends /srv/{package.name}")
    (root.folder / "srv" / package.name).unlink()
    return root


@pytest.fixture
def demo(installed):
    """Mounted by an ordinary user, by the command that the README gives."""
    told = installed.run("qxfs demo", user="person")
    yield told
    installed.run(f"! grep -q ' {DEMO} ' /proc/self/mounts || qxfs umount {DEMO}", user="person")


def test_the_package_has_the_version_of_the_program(package):
    version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
    architecture = done(["dpkg", "--print-architecture"]).strip()
    assert package.name == f"qxfs_{version}_{architecture}.deb"


def test_lintian_has_neither_errors_nor_warnings(package):
    (changes,) = package.parent.glob("*.changes")
    done(["lintian", "--allow-root", "--fail-on=error,warning", changes])


def test_a_demo_is_mounted_and_read(installed, demo):
    assert DEMO in demo
    assert "Customer satisfaction" in installed.run(f"ls {DEMO}/surveys/by-name", user="person")
    csv = installed.run(f"cat {DEMO}/surveys/by-name/Customer*/responses.csv", user="person")
    assert csv.startswith(("StartDate", "\ufeffStartDate", '"StartDate', "\ufeff\"StartDate"))


def test_status_tells_of_it(installed, demo):
    assert DEMO in installed.run("qxfs status", user="person")


def test_unmounting_leaves_nothing(installed, demo):
    installed.run(f"qxfs umount {DEMO} && rmdir {DEMO}", user="person")
    assert installed.run("find /tmp /home/person -iname '*qxfs*' -o -iname 'qualtrics*'") == ""
    assert "qxfs" not in installed.run("cat /proc/[0-9]*/comm")


@pytest.mark.parametrize("page", ["1 qxfs", "8 mount.qxfs", "8 mount.fuse.qxfs"])
def test_the_manual_is_found(installed, page):
    assert "qxfs." in installed.run(f"man -w {page}")
    assert "Qualtrics" in installed.run(f"MANPAGER=cat man {page}")


def test_bash_completes_a_command(installed):
    """As an interactive shell does: bash-completion loads the file by the command's name."""
    script = (
        ". /usr/share/bash-completion/bash_completion; _completion_loader qxfs; complete -p qxfs; "
        "COMP_WORDS=(qxfs st) COMP_CWORD=1 COMP_LINE='qxfs st' COMP_POINT=7; _qxfs; echo \"${COMPREPLY[@]}\""
    )
    assert installed.run(script).splitlines() == ["complete -F _qxfs qxfs", "status"]


def test_files_are_as_files_of_a_package_should_be(installed):
    for path in installed.run("dpkg -L qxfs").split():
        info = os.lstat(installed.folder / path.lstrip("/"))
        assert stat.S_ISLNK(info.st_mode) or not info.st_mode & 0o7022, path
        assert info.st_uid == info.st_gid == 0, path


def test_removing_it_leaves_nothing(installed, package):
    assert "/usr/bin/qxfs" in ours_in(installed)
    installed.run("apt-get purge -y qxfs")
    assert ours_in(installed) == set()
