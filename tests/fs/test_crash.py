"""kill -9 of the daemon at any moment (DESIGN.md 4 and 7; issue 2.4): the next mount clears the dead one away and
serves what was published, right to the byte, without a new export; of what was half made nothing is left.

fresh=0: each LOOKUP finds the freshness ended, so that each open asks whether anything has changed."""

import contextlib
import json
import os
import random
import subprocess
import tempfile
import threading
import time

import pytest

from common import read_all, responses
from control import SLOW

TARGET = "SV_demoCustomers02"  # changes in each round, and is exported anew
SHELF = ["SV_demoSmall000014", "SV_demoStaff000201"]  # read once, then served from the cache
DOCUMENT = "SV_demoStaff000200"
START = "export_start"
RANDOM_ROUNDS = 12


class Account:
    """The folder of the account in the cache, looked at from outside while nobody writes to it."""

    def __init__(self, mount):
        (self.path,) = (mount.cache / "qxfs").iterdir()

    def drafts(self):
        return os.listdir(self.path / "draft")

    def draft_bytes(self, suffix):
        """Of the largest draft, also while it is being written."""
        largest = 0
        for name in self.drafts():
            with contextlib.suppress(FileNotFoundError):
                if name.endswith(suffix):
                    largest = max(largest, (self.path / "draft" / name).stat().st_size)
        return largest

    def facts(self):
        """What is published: (survey, file) -> the name of its data."""
        told = {}
        for path in self.path.glob("gen/*/*.facts"):
            facts = json.loads(path.read_text())
            told[facts["key"]] = facts["data"]
        return told

    def versions(self):
        """(data, length): an append publishes the same data at another length."""
        facts = [json.loads(path.read_text()) for path in self.path.glob("gen/*/*.facts")]
        return {told["key"]: (told["data"], told["length"]) for told in facts}

    def data_sizes(self):
        sizes = {}
        for path in self.path.glob("gen/*/*.data"):
            with contextlib.suppress(FileNotFoundError):
                sizes[path.name] = path.stat().st_size
        return sizes

    def data(self):
        return sorted(path.name for path in self.path.glob("gen/*/*.data"))

    def disk_bytes(self):
        return sum(path.lstat().st_blocks * 512 for path in self.path.rglob("*") if path.is_file())


class Watcher:
    """Reads ready files again and again while the daemon lives: each whole read and each part of one is the truth."""

    def __init__(self, mount, truth):
        self.paths = {responses(mount, survey): data for survey, data in truth.items()}
        self.wrong = []
        self.reads = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        while not self.ended.wait(0.002):
            for path, truth in self.paths.items():
                got = b""
                with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
                    while piece := file.read(1000):
                        got += piece
                        if not truth.startswith(got):
                            self.wrong.append(path)
                            break
                    else:
                        self.reads += 1
                        if got != truth:
                            self.wrong.append(path)

    def end(self):
        self.ended.set()
        self.thread.join()
        assert not self.wrong


class Crash:
    """One account and its mounts, each of which ends by a kill -9."""

    def __init__(self, sandbox, mount, until):
        self.sandbox, self.mount, self.until = sandbox, mount, until
        self.children = []
        self.reads = 0
        self.changed = False
        sandbox.settings(job_polls=0, odd_percent_every=0)
        self.truth = {survey: sandbox.entry(survey) for survey in SHELF}
        mount.start()
        self.account = Account(mount)
        self.read_the_shelf()
        self.seconds = self.read_target()
        self.read_document()
        self.keys = self.account.facts().keys()
        (self.target,) = [key for key in self.keys if TARGET in key]
        self.bytes = self.account.disk_bytes()
        self.watch()

    # ---- reading

    def read_the_shelf(self):
        for survey, data in self.truth.items():
            assert read_all(responses(self.mount, survey)) == data

    def read_target(self):
        """Seconds that it took."""
        begin = time.monotonic()
        data = read_all(responses(self.mount, TARGET))
        took = time.monotonic() - begin
        assert data == self.sandbox.entry(TARGET)
        return took

    def read_document(self):
        assert DOCUMENT in (self.mount.path / "surveys" / DOCUMENT / "survey.json").read_text()

    def watch(self):
        """One file of the shelf is left alone, for those who want to be the only ones to ask for it."""
        self.watcher = Watcher(self.mount, {SHELF[1]: self.truth[SHELF[1]]})

    # ---- one round: change, begin, kill, check

    def change(self):
        """The target is not what it was."""
        self.sandbox.append(TARGET, 1)
        self.changed = True

    def begin(self, *command):
        """A program that will wait in the mount."""
        output = tempfile.TemporaryFile()  # a pipe would stop it half-way
        words = [str(word) for word in command]
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL)
        self.children.append((child, output))

    def open_target(self):
        self.begin("cat", responses(self.mount, TARGET))

    def kill(self):
        """The daemon is gone, then all that the service had begun for it. True: somebody waited for it in vain."""
        self.mount.kill()
        self.watcher.end()
        self.reads += self.watcher.reads
        truth = self.sandbox.entry(TARGET)
        in_flight = False
        for child, output in self.children:
            in_flight = bool(child.wait(20 * SLOW)) or in_flight
            output.seek(0)
            assert TARGET not in child.args[1] or truth.startswith(output.read())
        self.children = []
        self.sandbox.clear_faults()
        self.sandbox.release_jobs()
        assert self.sandbox.wait_idle(20 * SLOW)
        self.sandbox.forget_jobs()
        return in_flight

    def check(self, before):
        """The next mount, and all that it owes. True: the target had been published before the kill."""
        after = self.account.facts()
        assert after.keys() == self.keys
        published = self.account.versions()[self.target] != before
        owed = self.changed and not published
        self.changed = False

        self.mount.start()  # which follows the export that the service had begun, and does not find it
        self.until(lambda: self.account.drafts() == [], 10, "an empty folder of drafts")
        assert self.account.data() == sorted(after.values())

        self.sandbox.reset_stats()
        self.read_the_shelf()
        assert self.sandbox.count(START) == 0
        self.read_target()
        assert self.sandbox.count(START) == owed
        self.read_document()
        assert set(os.listdir(self.mount.path / "surveys")) >= set(self.sandbox.info()["surveys"])
        self.until(lambda: self.account.drafts() == [], 10, "an empty folder of drafts")
        name, length = self.account.versions()[self.target]
        assert self.account.data_sizes()[name] == length, "a tail is left"
        assert self.account.data() == sorted(self.account.facts().values())
        assert self.account.disk_bytes() < self.bytes + (200 << 10), "the cache grows"
        self.watch()
        return published

    def round(self, act):
        """(whether somebody waited, whether the target had been published)"""
        before = self.account.versions()[self.target]
        self.sandbox.reset_stats()
        act(self)
        return self.kill(), self.check(before)


# --- chosen moments: each returns when the daemon is sure to be there -------------------------------------------


def lists(crash):
    crash.sandbox.hold("surveys")
    crash.begin("ls", crash.mount.path / "surveys")
    assert crash.sandbox.wait_held("surveys", 1, 20 * SLOW)


def renews(crash):
    """Nothing has changed, so that the answer would only renew what is there."""
    crash.sandbox.hold("survey", match=SHELF[0])
    crash.begin("cat", responses(crash.mount, SHELF[0]))
    assert crash.sandbox.wait_held("survey", 1, 20 * SLOW)


def fetches_a_document(crash):
    crash.sandbox.hold("survey", match=DOCUMENT)
    crash.begin("cat", crash.mount.path / "surveys" / DOCUMENT / "survey.json")
    assert crash.sandbox.wait_held("survey", 1, 20 * SLOW)


def checks(crash):
    crash.sandbox.hold("survey", match=TARGET)
    crash.change()
    crash.open_target()
    assert crash.sandbox.wait_held("survey", 1, 20 * SLOW)


def starts(crash):
    crash.sandbox.hold(START)
    crash.change()
    crash.open_target()
    assert crash.sandbox.wait_held(START, 1, 20 * SLOW)


def polls(crash):
    crash.sandbox.hold_jobs()
    crash.change()
    crash.open_target()
    assert crash.sandbox.wait_for("export_progress", 2, 20 * SLOW)


def asks_for_the_file(crash):
    crash.sandbox.hold("export_file")
    crash.change()
    crash.open_target()
    assert crash.sandbox.wait_held("export_file", 1, 20 * SLOW)


def downloads(crash):
    crash.sandbox.fault("export_file", "throttle", rate=20_000)
    crash.change()
    crash.open_target()
    crash.until(lambda: crash.account.draft_bytes(".raw") > 0, 20, "the first bytes of the archive")


def unpacks(crash):
    crash.sandbox.fault("export_file", "throttle", rate=200_000)
    crash.change()
    crash.open_target()
    crash.until(lambda: crash.account.draft_bytes(".data") > 0, 20, "the first bytes of the entry")


def has_answered(crash):
    crash.change()
    assert read_all(responses(crash.mount, TARGET)) == crash.sandbox.entry(TARGET)


CHOSEN = [lists, renews, fetches_a_document, checks, starts, polls, asks_for_the_file, downloads, unpacks]


# --- moments that are met or missed -----------------------------------------------------------------------------


def publishes(crash):
    """As soon as the new data has its name, or stands behind the old, which is before the facts that make it count."""
    sizes = crash.account.data_sizes()
    crash.change()
    crash.open_target()
    end = time.monotonic() + 20 * SLOW
    while crash.account.data_sizes() == sizes:
        assert time.monotonic() < end, "nothing was published"


def at_random(dice):
    def act(crash):
        """All at once, and the kill anywhere in it."""
        crash.change()
        crash.begin("ls", crash.mount.path / "surveys")
        crash.begin("cat", crash.mount.path / "surveys" / DOCUMENT / "survey.json")
        crash.open_target()
        time.sleep(dice.uniform(0, 2 * crash.seconds))

    return act


# --- the tests --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["full"])
def crash(sandbox, mounts, until, request):
    if request.param == "full":
        sandbox.settings(continuation="silent")  # so that all is exported, into a new data file
    made = Crash(sandbox, mounts(sandbox, "fresh=0", start=False), until)
    yield made
    made.watcher.end()
    for child, _ in made.children:
        child.kill()
        child.wait()


def test_killed_at_each_moment_it_loses_nothing_and_leaves_nothing(crash):
    for moment in CHOSEN:
        in_flight, published = crash.round(moment)
        assert in_flight, moment.__name__
        assert not published, moment.__name__
    _, published = crash.round(has_answered)
    assert published
    assert crash.reads, "nobody read while the daemons were killed"
    assert crash.mount.text_of_log().count("it has been cleared") == len(CHOSEN) + 1


@pytest.mark.parametrize("crash", ["full", "append"], indirect=True)
def test_killed_at_any_moment_it_loses_nothing_and_leaves_nothing(crash):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    met = [crash.round(publishes) for _ in range(4)]
    met += [crash.round(at_random(dice)) for _ in range(RANDOM_ROUNDS)]
    assert sum(in_flight for in_flight, _ in met) >= len(met) // 3, met


@pytest.mark.parametrize("endpoint", ["whoami", "surveys"])
def test_killed_in_its_first_start_the_next_one_is_the_first(sandbox, mounts, endpoint):
    mount = mounts(sandbox, start=False)
    sandbox.hold(endpoint)
    mount.spawn()
    assert sandbox.wait_held(endpoint, 1, 20 * SLOW)
    mount.kill()
    sandbox.release()
    mount.start()
    assert set(os.listdir(mount.path / "surveys")) >= set(sandbox.info()["surveys"])
    assert read_all(responses(mount, TARGET)) == sandbox.entry(TARGET)
