"""A person with a home, and a session without a desktop: a bus, and GNOME's keyring on it."""

import os
import shutil
import subprocess

import pytest

from common import QXFS

SERVICE = ("--session", "-d", "org.freedesktop.secrets", "-o", "/org/freedesktop/secrets")

NEEDS = [
    pytest.mark.skipif(not shutil.which("gnome-keyring-daemon") or not shutil.which("dbus-daemon"),
                       reason="needs the packages gnome-keyring, dbus and libglib2.0-bin"),
    pytest.mark.skipif(b"libsecret-1" not in QXFS.read_bytes(), reason="qxfs was built without libsecret"),
]


class Person:
    """A home, no QUALTRICS_… variables, and nothing of this session's desktop."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.config = self.home / ".config" / "qxfs" / "config"
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("QUALTRICS_", "XDG_", "DBUS_", "DISPLAY", "GNOME_"))}
        self.env["HOME"] = str(self.home)
        self.home.mkdir()

    def write(self, text, mode=0o600):
        """The profiles."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)
        self.config.chmod(mode)

    def run(self, *words, given="", **env):
        return subprocess.run([QXFS, *map(str, words)], env={**self.env, **env}, input=given, capture_output=True,
                              text=True, check=False, timeout=60)


class Desk(Person):
    """A person's session: a bus, and on the bus an open keyring."""

    def __init__(self, folder):
        super().__init__(folder)
        self.processes = []
        self.env["XDG_RUNTIME_DIR"] = str(folder / "run")
        (folder / "run").mkdir(mode=0o700)

    def start(self, keyring=True):
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], env=self.env,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(bus)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        if keyring:
            daemon = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
                                      env=self.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            self.processes.append(daemon)
            daemon.stdin.write(b"a password")
            daemon.stdin.close()
            subprocess.run(["gdbus", "wait", "--session", "--timeout", "30", "org.freedesktop.secrets"],
                           env=self.env, check=True, stdout=subprocess.DEVNULL)
        return self

    def ask(self, method, *words):
        return subprocess.run(["gdbus", "call", *SERVICE, "-m", f"org.freedesktop.Secret.Service.{method}", *words],
                              env=self.env, check=True, capture_output=True, text=True).stdout

    def lock(self):
        alias = self.ask("ReadAlias", "default").split("'")[1]
        self.ask("Lock", f"['{alias}']")

    def items(self, profile="work"):
        """How many the keyring has of a profile, locked ones too."""
        return self.ask("SearchItems", f"{{'profile': '{profile}'}}").count("/collection/")

    def log_in(self, account, *words, token=None):
        answer = self.run("login", *words, "work", given=f"{account.url}\n{token or account.token}\n")
        assert answer.returncode == 0, answer.stderr
        return answer.stderr

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
