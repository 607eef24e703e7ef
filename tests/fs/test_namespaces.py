"""What takes a machine of its own, which a mount namespace is: other certificates, other limits of the kernel.

Above all the account behind https, as it lives in a data centre, and the move to another one. The hosts' names need
no resolver: a proxy on loopback is told them, answers with a certificate of its own for *.qualtrics.com, and hands
what it decrypts to the sandbox.
"""

import collections
import errno
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from control import SLOW

QXFS = os.environ.get("QXFS", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "qxfs"))
SMALL = "SV_demoSmall000014"
BOOT = "/proc/sys/kernel/random/boot_id"
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
NOTICE = "Request proxied. For faster response times, use this host instead: "

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(TRUSTED), reason="only root can give the daemon a namespace"
)


class Door:
    """A proxy that knows CONNECT, and the data centres behind it."""

    def __init__(self, folder, port):
        self.port_of_sandbox = port
        self.heads = []  # what it was told in the clear
        self.asked = collections.defaultdict(list)  # host -> request lines
        self.certificate = folder / "door.pem"
        key = folder / "door.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-subj", "/CN=a test", "-addext", "subjectAltName=DNS:*.qualtrics.com", "-days", "2"]
            + ["-keyout", str(key), "-out", str(self.certificate)],
            check=True,
            capture_output=True,
        )
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        host, _, port = head.split()[1].decode().partition(":")
        if not host.endswith(".qualtrics.com") or port != "443":
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            inside = self.tls.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            return  # who does not trust us hangs up
        behind = socket.create_connection(("127.0.0.1", self.port_of_sandbox))
        threading.Thread(target=self.hand_over, args=(behind, inside), daemon=True).start()
        self.hand_over(inside, behind, self.asked[host])

    @staticmethod
    def hand_over(source, sink, asked=None):
        try:
            while piece := source.recv(65536):
                if asked is not None and piece.startswith((b"GET ", b"POST ")):
                    asked.append(piece.split(b"\r\n")[0].decode().removesuffix(" HTTP/1.1"))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except (OSError, ssl.SSLError):
            pass

    def hosts(self):
        return {head.split()[1].partition(":")[0] for head in self.heads}

    def forget(self):
        self.heads.clear()
        self.asked.clear()


@pytest.fixture
def door(tmp_path, sandbox):
    made = Door(tmp_path, int(sandbox.url.rpartition(":")[2]))
    yield made
    made.listener.close()


class Mount:
    """`instead`: what stands for what in its namespace. Its mount is seen by that alone: `path` leads there."""

    def __init__(self, folder, url, token, instead=(), **more):
        env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("QUALTRICS_")}
        env |= {
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "QUALTRICS_BASE_URL": url,
            "QUALTRICS_API_TOKEN": token,
            **more,
        }
        point = folder / "m"
        point.mkdir(exist_ok=True)
        command = [QXFS, "-f", "-o", "log=debug", str(point)]
        if instead:
            script = 'mount --bind "$0" "$1" && shift && exec "$@"'
            command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, *map(str, instead), *command]
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.path = pathlib.Path(f"/proc/{self.process.pid}/root{point}")

    def is_there(self):
        assert self.process.poll() is None, self.log.read_text()
        return (self.path / "README.txt").exists()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30 * SLOW)


@pytest.fixture
def mounts(tmp_path, sandbox, until):
    made = []

    def make(url, instead, **more):
        mount = Mount(tmp_path, url, sandbox.token, instead, **more)
        made.append(mount)
        until(mount.is_there, 20, "the mount")
        return mount

    yield make
    for mount in made:
        assert mount.stop() == 0, mount.log.read_text()
        assert sandbox.token not in mount.log.read_text()


@pytest.fixture
def away(door, mounts):
    """A mount of the account at co1.qualtrics.com."""
    return lambda: mounts("co1.qualtrics.com", (door.certificate, TRUSTED), https_proxy=door.url)


def responses(mount):
    return (mount.path / "surveys" / SMALL / "responses.csv").read_bytes()


@needs_root
def test_a_notice_moves_the_mount_and_the_next_one_begins_there(sandbox, door, away):
    sandbox.settings(notice=NOTICE + "az1.qualtrics.com")
    mount = away()
    assert responses(mount) == sandbox.entry(SMALL)
    assert door.asked["co1.qualtrics.com"] == ["GET /API/v3/whoami"]
    assert len(door.asked["az1.qualtrics.com"]) > 3
    assert "the account lives at az1.qualtrics.com" in mount.log.read_text()
    assert all(sandbox.token not in head for head in door.heads)
    assert mount.stop() == 0

    door.forget()
    again = away()
    assert responses(again) == sandbox.entry(SMALL)
    assert door.hosts() == {"az1.qualtrics.com"}


@needs_root
@pytest.mark.parametrize("host", ["evil.example", "az1.qualtrics.com.evil.example", "az1.qualtrics.com:8443", "qualtrics.com"])
def test_a_notice_of_any_other_place_moves_nothing(sandbox, door, away, host):
    sandbox.settings(notice=NOTICE + host)
    assert responses(away()) == sandbox.entry(SMALL)
    assert door.hosts() == {"co1.qualtrics.com"}


@pytest.fixture
def command(door, tmp_path):
    """command(words, given): one of the program's, where the door's certificate is trusted."""

    def run(*words, given=""):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("QUALTRICS_", "XDG_"))}
        env |= {"HOME": str(tmp_path), "https_proxy": door.url}
        script = 'mount --bind "$0" "$1" && shift && exec "$@"'
        whole = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, door.certificate, TRUSTED, QXFS, *words]
        answer = subprocess.run(whole, env=env, input=given, capture_output=True, text=True, check=False)
        # The doctor sees the mounts of other tests, too, and some of these are dead.
        assert answer.returncode == 0 or words[0] == "doctor", answer.stdout + answer.stderr
        return answer

    return run


@pytest.fixture
def log_in(command, sandbox, tmp_path):
    """qxfs login to co1.qualtrics.com; what was kept, and what was said."""

    def run():
        said = command("login", "work", given=f"co1.qualtrics.com\n{sandbox.token}\n").stderr
        return (tmp_path / ".config" / "qxfs" / "config").read_text(), said

    return run


@needs_root
def test_a_login_follows_the_notice_and_asks_there(sandbox, door, log_in):
    sandbox.settings(notice=NOTICE + "az1.qualtrics.com")
    kept, said = log_in()
    assert kept == f"[work]\nhost = az1.qualtrics.com\ntoken = {sandbox.token}\n"
    assert "lives at az1.qualtrics.com" in said
    assert door.asked == {host: ["GET /API/v3/whoami"] for host in ("co1.qualtrics.com", "az1.qualtrics.com")}


@needs_root
def test_a_login_keeps_the_host_of_a_profile_in_use(sandbox, log_in):
    """It names the folders of the cache and of what waits to be imported."""
    log_in()
    sandbox.settings(notice=NOTICE + "az1.qualtrics.com")
    assert log_in()[0].startswith("[work]\nhost = co1.qualtrics.com\n")


@needs_root
def test_a_login_follows_no_notice_to_another_place(sandbox, door, log_in):
    sandbox.settings(notice=NOTICE + "evil.example")
    assert log_in()[0].startswith("[work]\nhost = co1.qualtrics.com\n")
    assert door.hosts() == {"co1.qualtrics.com"}


@needs_root
def test_the_doctor_tells_where_the_account_lives(sandbox, door, log_in, command):
    log_in()
    assert "lives at" not in command("doctor", "work").stdout
    door.forget()
    sandbox.settings(notice=NOTICE + "az1.qualtrics.com")
    said = command("doctor", "work").stdout
    assert "ok       service   co1.qualtrics.com answers" in said and "fault    service" not in said
    assert "warning  service   co1.qualtrics.com says that the account lives at https://az1.qualtrics.com" in said
    assert door.asked["co1.qualtrics.com"] == ["GET /API/v3/whoami"] and sandbox.token not in said


@needs_root
def test_a_proxied_list_is_followed_to_the_data_centre_it_names(sandbox, door, away):
    sandbox.add_surveys(150, prefix="Page")
    sandbox.settings(proxied_host="sjc1.qualtrics.com")
    mount = away()
    assert len(os.listdir(mount.path / "surveys" / "by-name")) > 150
    assert door.hosts() == {"co1.qualtrics.com", "sjc1.qualtrics.com"}
    assert all("proxyDepth=1" in line for line in door.asked["sjc1.qualtrics.com"])
    assert all(sandbox.token not in head for head in door.heads)


def test_an_unknown_certificate_gets_no_token(sandbox, door, tmp_path):
    mount = Mount(tmp_path, "co1.qualtrics.com", sandbox.token, https_proxy=door.url)
    try:
        assert mount.process.wait(60 * SLOW) in (1, 32)
    finally:
        mount.stop()
    assert "no trustworthy connection to co1.qualtrics.com" in mount.log.read_text()
    assert door.hosts() == {"co1.qualtrics.com"} and not any(door.asked.values())
    assert sandbox.token not in mount.log.read_text()


@needs_root
@pytest.mark.skipif(not os.path.exists("/proc/sys/fs/fuse"), reason="this kernel has no limits")
def test_no_open_waits_longer_than_the_kernel_lets_it(sandbox, mounts, tmp_path):
    """Else the kernel ends the mount for everybody (fs.fuse.max_request_timeout)."""
    limits = tmp_path / "limits"
    limits.mkdir()
    (limits / "max_request_timeout").write_text("4\n")
    mount = mounts(sandbox.url, (limits, "/proc/sys/fs/fuse"))
    sandbox.hold_jobs()
    begin = time.monotonic()
    path = mount.path / "surveys" / SMALL / "responses.csv"
    cat = subprocess.run(["cat", path], capture_output=True, text=True, timeout=20 * SLOW)
    assert cat.returncode == 1 and os.strerror(errno.ETIMEDOUT) in cat.stderr
    assert 1.95 < time.monotonic() - begin < 2 + 0.5 * SLOW
    assert "fs.fuse.max_request_timeout" in mount.log.read_text()


def jobs_known_to(mount):
    return json.loads((mount.path / ".qxfs" / "limits.json").read_text())["jobs"]


@needs_root
def test_machines_that_share_a_home_count_apart(sandbox, mounts, tmp_path, until):
    """Each knows its own mounts only: of the other's neither the processes nor the clock mean anything to it."""
    boots = {}
    for name in ("here", "there"):
        boots[name] = tmp_path / name
        boots[name].write_text(f"{name.encode().hex():0>8}-0000-4000-8000-000000000000\n")
    begun = mounts(sandbox.url, (boots["here"], BOOT))
    (state,) = {path.parent for path in (tmp_path / "state").rglob("limits-*")}
    for path, days in ((state / "limits-0ld", 31), (state / "limits", 31), (state / "limits-y0ung", 29)):
        path.write_bytes(b"of another machine, or of an earlier build")
        os.utime(path, (time.time() - days * 86400,) * 2)
    sandbox.hold_jobs()
    reader = threading.Thread(target=responses, args=(begun,))
    reader.start()
    assert sandbox.wait_for("export_progress", 1, 30 * SLOW, answered=True)

    other = mounts(sandbox.url, (boots["there"], BOOT))
    same = mounts(sandbox.url, (boots["here"], BOOT))
    for survey in sorted(path.name for path in (other.path / "surveys").glob("SV_*"))[:3]:
        (other.path / "surveys" / survey / "survey.json").read_bytes()
        (same.path / "surveys" / survey / "schema.json").read_bytes()
        assert (jobs_known_to(begun), jobs_known_to(same), jobs_known_to(other)) == (1, 1, 0)
    sandbox.release_jobs()
    reader.join()
    names = {path.name for path in state.glob("limits*")}
    assert names == {f"limits-{path.read_text().strip()}" for path in boots.values()} | {"limits-y0ung"}
