"""Samba shares a mount: what smbclient lists and reads, cold and warm, and what it may not write."""

import contextlib
import getpass
import io
import os
import pathlib
import shutil
import socketserver
import subprocess
import tempfile
import threading
import zipfile

import pytest

from control import SLOW  # tests/sandbox/control.py

SMALL = "SV_demoSmall000014"
FOLDER = f"surveys/{SMALL}"
BOOK = "excel/Team lunch 🍜 _ Mittagessen.xlsx"
SMBD = shutil.which("smbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "smbd"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="smbd needs root")

# What any server of these tests is, with all folders in one.
GLOBAL = """
[global]
server role = standalone server
disable netbios = yes
load printers = no
disable spoolss = yes
private dir = {folder}
lock directory = {folder}
state directory = {folder}
cache directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/log
"""

# The share is not read only: it is qxfs that has to refuse.
CONFIG = GLOBAL + """
map to guest = bad user
guest account = {user}
passdb backend = tdbsam:{folder}/passdb.tdb

[share]
path = {path}
guest ok = yes
read only = no
"""


class Share:
    """Samba on a port of its own, with everything it writes in one folder, and its client.

    The port is this process's: each connection is handed to an smbd as its stdin, as inetd did.
    """

    command = ()  # that runs smbd
    user = ("--no-pass",)
    name = "share"

    def __init__(self, folder, path):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.config = self.folder / "smb.conf"
        self.config.write_text(self.configuration(path))
        self.running = set()
        self.listen()

    def configuration(self, path):
        return CONFIG.format(user=getpass.getuser(), folder=self.folder, path=path)

    def listen(self):
        share = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                share.serve(self.request)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever).start()

    def serve(self, connection):
        with open(self.folder / "output", "ab") as output:
            # At its end it ends its process group, with the helpers it started: it needs one of its own.
            process = subprocess.Popen(
                [*self.command, SMBD, f"--configfile={self.config}"],
                stdin=connection, stdout=output, stderr=output, start_new_session=True,
            )
        self.running.add(process)
        process.wait()
        self.running.discard(process)

    def text_of_log(self):
        return "".join(
            path.read_text(errors="replace")[-3000:] for path in map(self.folder.joinpath, ("output", "log"))
            if path.exists()
        )

    def run(self, *commands):
        return subprocess.run(
            ["smbclient", f"--configfile={self.config}", f"--port={self.port}", *self.user,
             f"--timeout={int(20 * SLOW)}", f"//127.0.0.1/{self.name}", "-c", ";".join(commands)],
            capture_output=True, text=True, timeout=60 * SLOW, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False,
        )

    def names(self, folder):
        """Of a listing: each line is a name, its kind, its size and a date of five words."""
        lines = [line for line in self.output(f'ls "{folder}/*"').splitlines() if line.startswith("  ")]
        return {line[2:].rsplit(maxsplit=7)[0].strip() for line in lines}

    def get(self, name, to):
        self.output(f'get "{name}" "{to}"')
        return pathlib.Path(to).read_bytes()

    def output(self, command):
        done = self.run(command)
        assert done.returncode == 0, done.stdout + done.stderr + self.text_of_log()
        return done.stdout

    def close(self):
        """When the last smbd has ended: one that hangs is told to."""
        watchdog = threading.Timer(20 * SLOW, lambda: [process.terminate() for process in set(self.running)])
        watchdog.start()
        self.server.shutdown()
        self.server.server_close()
        watchdog.cancel()


@pytest.fixture
def share():
    """share(mount): ended before the mount is. Samba's sockets want short paths."""
    with contextlib.ExitStack() as stack:
        def make(mount):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="smb."))
            made = Share(f"{folder}/s", mount.path)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def mount(sandbox, mounts, share):
    """Of the fixtures, share ends first: a mount that is shared is busy."""
    return mounts(sandbox, "allow_other", "open_wait=15")


def test_it_lists_what_is_there(mount, share):
    smb = share(mount)
    assert {"surveys", "excel", "README.txt", "STATUS.txt"} <= smb.names("")
    assert {"responses.csv", "responses.xlsx", "STATUS.txt"} <= smb.names(FOLDER)
    assert smb.names("excel") - {".", ".."} == set(os.listdir(mount.path / "excel"))


def test_listing_asks_for_no_export(sandbox, mount, share):
    smb = share(mount)
    smb.names(FOLDER)
    smb.names("excel")
    assert sandbox.count("export_start") == 0
    assert os.stat(mount.path / FOLDER / "responses.csv").st_blocks == 0


@pytest.mark.parametrize("warm", [True, False])
def test_a_csv_comes_whole_from_one_export(sandbox, mount, share, tmp_path, warm):
    smb = share(mount)
    if warm:
        (mount.path / FOLDER / "responses.csv").read_bytes()
    assert smb.get(f"{FOLDER}/responses.csv", tmp_path / "got") == sandbox.entry(SMALL, "csv")
    assert sandbox.count("export_start") == 1


def test_a_large_csv_comes_whole_whatever_the_estimate_was(sandbox, mount, share, tmp_path):
    smb = share(mount)
    file = mount.path / FOLDER / "responses.csv"
    sandbox.make_big(SMALL, 20_000_000)
    shown = os.stat(file).st_size
    content = smb.get(f"{FOLDER}/responses.csv", tmp_path / "got")
    assert shown != len(content)
    assert content == file.read_bytes() == sandbox.entry(SMALL, "csv")
    assert sandbox.count("export_start") == 1


@pytest.mark.parametrize("name", [f"{FOLDER}/responses.xlsx", BOOK])
def test_a_workbook_comes_whole(sandbox, mount, share, tmp_path, name):
    content = share(mount).get(name, tmp_path / "got")
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert content == (mount.path / name).read_bytes()
    assert sandbox.count("export_start") == 1


def test_an_export_longer_than_open_wait_is_refused_and_there_later(sandbox, mounts, share, tmp_path):
    mount = mounts(sandbox, "allow_other", "open_wait=1")
    smb = share(mount)
    sandbox.hold_jobs()
    done = smb.run(f'get "{FOLDER}/responses.csv" "{tmp_path / "got"}"')
    assert done.returncode != 0 and "NT_STATUS_IO_TIMEOUT" in done.stdout + done.stderr
    assert not (tmp_path / "got").exists()
    sandbox.release_jobs()
    assert (mount.path / FOLDER / "responses.csv").read_bytes() == smb.get(f"{FOLDER}/responses.csv", tmp_path / "got")
    assert sandbox.count("export_start") == 1


@pytest.mark.parametrize("command", [
    'put "{file}" new.csv',
    'put "{file}" {folder}/responses.csv',
    "del {folder}/responses.csv",
    "rename {folder}/responses.csv {folder}/other.csv",
    "mkdir new",
])  # fmt: skip
def test_writing_is_refused(sandbox, mount, share, tmp_path, command):
    (tmp_path / "local").write_text("x")
    before = set(os.listdir(mount.path)), set(os.listdir(mount.path / FOLDER))
    done = share(mount).run(command.format(file=tmp_path / "local", folder=FOLDER))
    assert "NT_STATUS_ACCESS_DENIED" in done.stdout + done.stderr or \
        "NT_STATUS_MEDIA_WRITE_PROTECTED" in done.stdout + done.stderr, done.stdout + done.stderr
    assert (set(os.listdir(mount.path)), set(os.listdir(mount.path / FOLDER))) == before
    assert sandbox.count("export_start") == 0
