"""Real mounts of the program under test against the sandbox account.

Each test has its own account (a sandbox process on a port of its own), mount point, cache and state
folder, all below its tmp_path, so tests run side by side. Nothing is awaited by sleeping where an event
exists. The program is named by QXFS (default: build/qxfs); sanitizer reports of the daemon fail the test.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from common import QXFS, ROOT, read_all

sys.path.insert(0, str(ROOT / "tests" / "sandbox"))

from control import SLOW, Sandbox  # noqa: E402  (tests/sandbox/control.py)
from crowd import Crowd  # noqa: E402



def wait_until(fact, seconds=10.0, what="it"):
    """Polls a fact that has no event of its own; what takes long is looked at less often."""
    end = time.monotonic() + seconds * SLOW
    pause = 0.01
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen within {seconds * SLOW} s"
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


class Mount:
    """One mount in the foreground (-f), so that its output and its end can be seen."""

    def __init__(self, folder, url, token, *options, name="m", env=None, flag="-f"):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / name
        self.cache = self.folder / "cache"
        self.state = self.folder / "state"
        self.log = self.folder / f"{name}.log"
        self.url, self.token = url, token
        self.options = ["log=debug", *options]
        self.extra_env = env or {}
        self.flag = flag  # "-d": the log has every request of the kernel
        self.process = None

    def env(self):
        env = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("QUALTRICS_", "XDG_", "DBUS_", "http_proxy", "https_proxy"))
        }
        env.update(
            HOME=str(self.folder),
            XDG_CACHE_HOME=str(self.cache),
            XDG_STATE_HOME=str(self.state),
            XDG_RUNTIME_DIR=str(self.folder / "run"),  # no desktop of who runs the tests is told of waits
            QUALTRICS_BASE_URL=self.url,
            QUALTRICS_API_TOKEN=self.token,
        )
        env.update(self.extra_env)
        return env

    def spawn(self):
        """Starts it and does not wait for the mount."""
        with contextlib.suppress(FileExistsError):
            self.path.mkdir()
        command = [QXFS, self.flag, "-o", ",".join(self.options), str(self.path)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, env=self.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self):
        self.spawn()
        wait_until(self.is_there, 20, f"the mount of {self.path}")
        return self

    def is_there(self):
        assert self.process.poll() is None, f"qxfs ended: {self.text_of_log()}"
        with open("/proc/self/mountinfo") as info:
            if f" {self.path} " not in info.read():
                return False
        try:
            return (self.path / "README.txt").exists()
        except OSError:  # the dead mount of a killed daemon, not cleared yet
            return False

    @property
    def pid(self):
        return self.process.pid

    def text_of_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def run(self, *arguments, **options):
        """The program's other commands: run('why', path)."""
        return subprocess.run(
            [QXFS, *map(str, arguments)],
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=60 * SLOW,
            **options,
        )

    def status(self):
        return json.loads((self.path / ".qxfs" / "status.json").read_text())

    def stop(self, sig=signal.SIGTERM):
        """Orderly end; the exit status is the program's (0, or a sanitizer's)."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(timeout=30 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise
        finally:
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)
        self.process = None
        return status

    def give_up(self):
        """The test hangs: whoever waits for the daemon is told by its end."""
        if (process := self.process) is not None:
            with open(self.log, "a") as log:
                log.write("the test took too long: qxfs is killed\n")
            process.kill()

    def kill(self):
        """As a crash: the mount stays behind, dead."""
        self.process.kill()
        self.process.wait()
        self.process = None


@pytest.fixture
def sandbox():
    with Sandbox.start() as account:
        yield account
        account.check_limits()


@pytest.fixture
def sandboxes():
    """A factory of accounts with knobs: sandboxes(settings={'job_polls': 0})."""
    made = []
    with contextlib.ExitStack() as stack:

        def make(**knobs):
            made.append(stack.enter_context(Sandbox.start(**knobs)))
            return made[-1]

        yield make
        for account in made:
            account.check_limits()


@pytest.fixture
def mounts(tmp_path, request):
    """A factory: mounts(account, 'fresh=1', name='a'); all end with the test, and must end well.

    A test that waits for ever in an open cannot be ended by pytest-timeout: its signal ends no wait (DESIGN.md 3).
    So shortly before that the daemons are killed, and what waits fails.
    """
    made = []
    own = request.node.get_closest_marker("timeout")
    limit = own.args[0] if own else request.config.getoption("timeout", None)
    watchdog = threading.Timer((limit or 0) * 0.9, lambda: [mount.give_up() for mount in made])
    watchdog.daemon = True
    if limit:
        watchdog.start()

    def make(account, *options, start=True, folder=None, **more):
        mount = Mount(folder or tmp_path, account.url, account.token, *options, **more)
        made.append(mount)
        return mount.start() if start else mount

    yield make
    watchdog.cancel()
    for mount in made:
        status = mount.stop()
        text = mount.text_of_log()
        subprocess.run(["umount", "-l", str(mount.path)], capture_output=True, check=False)
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        assert mount.token not in text, "the token is in the log"
        assert status == 0, f"qxfs ended with {status}: {text[-3000:]}"


@pytest.fixture
def crowds():
    """crowds(paths, count, ...): killed at the end, before the mount goes."""
    made = []

    def make(paths, count, **more):
        made.append(Crowd(paths, count, **more))
        return made[-1]

    yield make
    for crowd in made:
        crowd.close()


@pytest.fixture
def mount(sandbox, mounts):
    """The plain case: one account, one mount."""
    return mounts(sandbox)


@pytest.fixture
def until():
    """wait_until for test files, which cannot import a conftest by name."""
    return wait_until


@pytest.fixture
def expire(until):
    """expire(seconds): what was fetched up to now is older than fresh=SECONDS. The clock has no event, and
    freshness counts its whole seconds."""

    def wait(fresh=1):
        end = int(time.time()) + fresh
        until(lambda: time.time() >= end + 0.02, fresh + 3, "the end of the freshness")

    return wait


@pytest.fixture
def small(sandbox):
    """small(100): so many small surveys of different responses, and none of them waits at the service."""

    def make(count):
        sandbox.settings(job_polls=0, odd_percent_every=0)
        return sandbox.add_surveys(count, prefix="Small", responses=20)

    return make


@pytest.fixture
def reopen(sandbox, expire):
    """reopen(path): the file as the next open after its freshness finds it; the counts are those of that open."""

    def read(path):
        expire()
        sandbox.reset_stats()
        return read_all(path)

    return read


@pytest.fixture
def parked(until):
    """parked(mount, n): returns when exactly so many openers wait, as the daemon counts them."""

    def count(mount):
        answer = mount.run("status", "--json", mount.path)
        assert answer.returncode == 0, answer.stderr
        return sum(job["waiters"] for job in json.loads(answer.stdout)["jobs"])

    def wait(mount, n, seconds=20.0):
        until(lambda: count(mount) == n, seconds, f"{n} waiting openers")

    return wait


def pytest_configure(config):
    config.addinivalue_line("markers", "concurrency: run under ThreadSanitizer as well")
