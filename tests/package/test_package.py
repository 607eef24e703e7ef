"""The Debian package: built, looked at by lintian, installed into a clean root, used by a person there, removed.

Root only: it makes a root folder (mmdebstrap) and lives in it, in namespaces of its own that end with the test.
The tests run in the order of the file: a package's life.
"""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = "/home/person/qualtrics-demo"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a person has on his machine anyway.
THEIRS = ("bash-completion", "man-db", "systemd", "dbus", "libpam-systemd")

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
    ubuntu = re.search(r"^ID=ubuntu$", text, re.M)
    return f"--components=main{',universe' if ubuntu else ''}", re.search(r"^VERSION_CODENAME=(\w+)", text, re.M)[1]


def wait_until(fact, seconds, what):
    end = time.monotonic() + seconds * float(os.environ.get("QXFS_SLOW", "1"))
    while not (value := fact()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
    return value


def own_cgroup():
    """A folder of its own for what systemd makes below it; None: this machine does not allow that."""
    mounts = [line.split()[4] for line in open("/proc/self/mountinfo") if " - cgroup2 " in line]
    paths = [line.strip()[3:] for line in open("/proc/self/cgroup") if line.startswith("0::")]
    try:
        folder = pathlib.Path(mounts[0] + paths[0]) / f"qxfs-package-{os.getpid()}"
        folder.mkdir()
        return folder
    except (IndexError, OSError):
        return None


class CleanRoot:
    """A fresh system in a folder, booted: its systemd is the first process of its namespaces, and all ends with it.

    It cannot reach the kernel's settings, modules and clock, which are the machine's. Where it may have no cgroup,
    as in some containers, bash is the first process, and there are no units. /etc/mtab, which fusermount3 reads, is
    there on every machine, but made neither by a package nor by mmdebstrap.
    """

    def __init__(self, folder):
        self.folder, self.cgroup = folder, own_cgroup()
        self.boots = self.cgroup is not None
        hold = (
            f"mount --bind {folder} {folder} && cd {folder} && mount -t proc proc proc && "
            "mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys && mount -t sysfs -o ro sys sys && "
            "mount -t tmpfs -o mode=755 dev dev && mkdir dev/pts dev/shm && mount -t tmpfs -o mode=755 run run && "
            "for name in null zero full random urandom tty fuse; do "
            "touch dev/$name && mount --bind /dev/$name dev/$name || exit; done && "
            "ln -s /proc/self/fd dev/fd && ln -sf ../proc/self/mounts etc/mtab && "
            "cp /etc/resolv.conf etc/resolv.conf && "
        )
        if self.boots:
            hold += (
                "mount -t cgroup2 cgroup2 sys/fs/cgroup && exec chroot . env -i container=other setpriv "
                "--bounding-set=-sys_module,-sys_boot,-sys_time,-sys_rawio,-syslog /lib/systemd/systemd"
            )
        else:
            hold += "exec chroot . bash -c 'sleep infinity & wait'"  # it takes the dead away
        enter = f"echo $$ >{self.cgroup}/cgroup.procs && " if self.boots else ""
        spaces = "unshare --mount --pid --uts --ipc --fork --kill-child" + (" --cgroup" if self.boots else "")
        self.holder = subprocess.Popen(
            ["sh", "-c", f'{enter}exec {spaces} sh -c "$1"', "sh", hold], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.inside = wait_until(self.first_process, 60, "the start of the clean root")
        if self.boots:
            wait_until(lambda: self.state() in ("running", "degraded"), 60, "the boot")

    def first_process(self):
        """Once its root is the new one: no command must ever meet the machine itself."""
        holder = self.holder.pid
        assert self.holder.poll() is None, self.holder.stdout.read()
        children = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        name = "systemd" if self.boots else "bash"
        if not children or pathlib.Path(f"/proc/{children[0]}/comm").read_text().strip() != name:
            return None
        return os.path.samefile(f"/proc/{children[0]}/root", self.folder) and children[0]

    def state(self):
        return self.run("systemctl is-system-running --wait 2>/dev/null || true").strip()

    def run(self, script, user="root"):
        enter = ["nsenter", f"--target={self.inside}", "--mount", "--pid", "--root", "--wd"]
        clean = ["env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        as_user = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        home = [] if user == "root" else [f"HOME=/home/{user}", f"USER={user}", "XDG_RUNTIME_DIR=/run/user/1000"]
        return done([*enter, *clean, *home, *as_user, "bash", "-c", f"cd && {{ {script}; }}" if home else script])

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()
        self.holder.stdout.close()
        if self.cgroup:
            wait_until(self.cgroup_is_gone, 30, "the end of its last process")

    def cgroup_is_gone(self):
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            with contextlib.suppress(OSError):  # somebody in it is about to end
                os.rmdir(folder)
        return not self.cgroup.exists()


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
        '--aptopt=Acquire::Languages "none"', *suite(), work / "root",
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
    apart = " ".join(f"-not -path '{path}/*'" for path in ("/proc", "/var/log", "/var/cache/man"))
    return set(root.run(f"find / -xdev -iname '*qxfs*' {apart}").split())


@pytest.fixture(scope="module")
def installed(root, package):
    shutil.copy(package, root.folder / "tmp")
    root.run(f"apt-get install -y --no-install-recommends ./tmp/{package.name}")
    (root.folder / "tmp" / package.name).unlink()
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


@pytest.mark.parametrize("page", ["1 qxfs", "5 qxfs.conf", "8 mount.qxfs", "8 mount.fuse.qxfs"])
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


# The account of the units below: the demo's, not a profile's. All else of the unit is as it was installed.
DROP_IN = """[Service]
ExecStart=
ExecStart=/usr/bin/qxfs demo -f -o ${{QXFS_OPTIONS}} {folder}/%i
RestartSec=50ms
{more}
"""


class Unit:
    """qxfs@work of a manager: `systemctl`, or `systemctl --user` of the person."""

    def __init__(self, root, user, settings, folder, more=""):
        self.root, self.user = root, user
        self.at = f"{folder.replace('%h', '/home/person')}/work"
        self.control = "systemctl --user" if user == "person" else "systemctl"
        text = DROP_IN.format(folder=folder, more=more)
        self.sh(f"mkdir -p '{settings}/qxfs@.service.d' && printf '%s' {shlex.quote(text)} "
                f">'{settings}/qxfs@.service.d/test.conf' && {self.control} daemon-reload")
        self.settings = settings

    def sh(self, script):
        return self.root.run(script, self.user)

    def ctl(self, words):
        return self.sh(f"{self.control} {words}")

    def show(self, name):
        return self.ctl(f"show --value -p {name} qxfs@work").strip()

    def is_mounted(self):
        return f" {self.at} fuse.qxfs " in self.root.run("cat /proc/self/mounts")

    def close(self):
        self.ctl("stop qxfs@work")
        self.sh(f"rm -r '{self.settings}/qxfs@.service.d' && {self.control} daemon-reload")


@pytest.fixture(params=["user", "system"])
def unit(request, installed):
    if not installed.boots:
        pytest.skip("no cgroup can be made here, so no systemd can be started")
    if request.param == "user":
        installed.run("loginctl enable-linger person && systemctl start user@1000")
        made = Unit(installed, "person", "/home/person/.config/systemd/user", "%h/qualtrics")
    else:
        made = Unit(installed, "root", "/etc/systemd/system", "/srv/qualtrics",
                    "Environment=QXFS_OPTIONS=allow_other,umask=022")  # fmt: skip
    yield made
    made.close()


def test_systemd_has_nothing_to_say_against_the_units(installed):
    for manager in ("--user", "--system"):
        verify = f"systemd-analyze {manager} verify --man=no --recursive-errors=no qxfs@work.service"
        told = installed.run(f"XDG_RUNTIME_DIR=/run {verify}")
        assert "qxfs" not in told, told


def test_a_unit_is_started_when_its_mount_answers(unit):
    unit.ctl("start qxfs@work")
    assert "account" in unit.root.run(f"cat {unit.at}/README.txt", "person")
    assert unit.show("StatusText") == f"Mounted at {unit.at}"


def test_a_unit_stops_cleanly(unit):
    unit.ctl("start qxfs@work")
    unit.ctl("stop qxfs@work")
    assert not unit.is_mounted()
    assert (unit.show("Result"), unit.show("ExecMainStatus")) == ("success", "0")
    assert f"{unit.at} is unmounted" in unit.root.run("journalctl -t qxfs -p info -o cat")


def test_a_unit_whose_daemon_was_killed_mounts_again(unit):
    unit.ctl("start qxfs@work")
    before = unit.show("MainPID")
    unit.ctl("kill --signal=KILL --kill-who=main qxfs@work")
    wait_until(lambda: unit.show("MainPID") not in ("0", before) and unit.show("ActiveState") == "active", 60,
               "its second start")  # fmt: skip
    assert "account" in unit.root.run(f"cat {unit.at}/README.txt", "person")


def test_a_unit_that_needs_another_setting_is_not_tried_again(unit):
    unit.sh(f"sed -i 's/demo -f/demo -f -o no_such_option/' '{unit.settings}/qxfs@.service.d/test.conf'")
    unit.ctl("daemon-reload")
    unit.ctl("start qxfs@work || true")
    assert (unit.show("ActiveState"), unit.show("NRestarts"), unit.show("ExecMainStatus")) == ("failed", "0", "1")
    unit.ctl("reset-failed qxfs@work")


def test_mount_mounts_the_account_of_the_environment(installed):
    """A line of fstab, with the words for mount(8) and systemd that qxfs must not see."""
    line = "none /mnt fuse.qxfs noauto,user,_netdev,nofail,x-systemd.automount,allow_other,umask=022 0 0"
    script = (
        f"echo '{line}' >>/etc/fstab; coproc python3 -B /usr/share/qxfs/sandbox --port 0 --until-stdin-closes; "
        "read -r QUALTRICS_BASE_URL QUALTRICS_API_TOKEN <&${COPROC[0]}; export ${!QUALTRICS_*}; "
        "mount /mnt && findmnt -no FSTYPE /mnt && cat /mnt/README.txt && umount /mnt; status=$?; "
        "sed -i '/fuse.qxfs/d' /etc/fstab; rm -rf /var/cache/qxfs /var/lib/qxfs; exit $status"
    )
    told = installed.run(script)
    assert "\nfuse.qxfs\n" in told and "account" in told


def test_removing_it_leaves_nothing(installed):
    assert "/usr/bin/qxfs" in ours_in(installed)
    installed.run("for folder in /var/cache/qxfs/A /var/lib/qxfs/A/spool /var/lib/qxfs/B/spool; "
                  "do mkdir -p $folder; done; touch /var/lib/qxfs/A/journal.db /var/lib/qxfs/B/spool/given")
    told = installed.run("apt-get purge -y qxfs")
    # Never thrown away: what somebody gave to be imported.
    assert installed.run("cd /var/lib/qxfs && find . -type f") == "./B/spool/given\n" and "/var/lib/qxfs/B" in told
    installed.run("rm -r /var/lib/qxfs")
    assert ours_in(installed) == set()
