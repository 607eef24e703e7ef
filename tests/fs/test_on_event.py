"""on_event= of a profile: a command that is told what somebody should look at."""

import errno
import json
import os
import subprocess
import time

import pytest

from common import QXFS, error_of
from control import SLOW
from imports import EMPTY

SMALL = "SV_demoSmall000014"
SUBJECT = f"surveys/{SMALL}/responses.csv"
WRONG = b"firstName,email\r\nBob,this is none\r\n"


@pytest.fixture
def noted(sandbox, tmp_path):
    """A mount by a profile whose on_event= is a script of ours; noted(body) mounts, and gives the folder of its notes."""
    home, place = tmp_path / "home", tmp_path / "m"
    config, notes = home / ".config" / "qxfs" / "config", tmp_path / "notes"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("QUALTRICS_", "XDG_"))}
    started = []

    def start(body, *options):
        for folder in (config.parent, place, notes):
            folder.mkdir(parents=True)
        script = tmp_path / "script"
        script.write_text(f"#!/bin/sh\ncd {notes}\n{body}\n")
        script.chmod(0o700)
        config.write_text(f"[work]\nhost = {sandbox.url}\non_event = {script}\noptions = import_delay=0\n")
        config.chmod(0o600)
        log = open(tmp_path / "log", "w")
        started.append(subprocess.Popen([QXFS, "-f", *options, "work", place], stderr=log,
                                        env={**env, "HOME": str(home), "QUALTRICS_API_TOKEN": sandbox.token}))
        while not (place / "surveys" / SMALL).exists():
            assert started[0].poll() is None
            time.sleep(0.02)
        return place, notes, tmp_path / "log", started[0]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            assert process.wait(30 * SLOW) == 0
    subprocess.run(["umount", "-l", place], capture_output=True, check=False)


NOTE = "cat >>events"


def told(notes):
    try:
        return [json.loads(line) for line in (notes / "events").read_text().splitlines()]
    except FileNotFoundError:
        return []


def drop(place, name, data):
    path = place / "mailinglists" / EMPTY / "import" / name
    error = error_of(path.write_bytes, data)
    assert error == errno.EINVAL
    return str(path.relative_to(place))


def test_a_refused_import_is_told_as_json(noted, until):
    place, notes, _, _ = noted(NOTE)
    path = drop(place, "a.csv", WRONG)
    until(lambda: told(notes), 20 * SLOW, "the command")
    (event,) = told(notes)
    assert (event["event"], event["path"], event["times"]) == ("import-refused", path, 1)
    assert event["when"].endswith("Z") and "report" in event["words"] and "this is none" not in json.dumps(event)


def test_an_export_is_told_when_it_has_failed_three_times(noted, sandbox, until):
    place, notes, _, _ = noted(NOTE)
    for n in range(4):
        sandbox.fault("export_start", "job_failed", nth=1)
        assert error_of((place / SUBJECT).read_bytes) == errno.EIO
        if n < 2:
            assert not told(notes)
    until(lambda: told(notes), 20 * SLOW, "the command")
    assert drop(place, "mark.csv", WRONG)
    until(lambda: len(told(notes)) == 2, 20 * SLOW, "the next event")
    first, second = told(notes)
    assert (first["event"], first["path"], first["times"], first["errno"]) == ("export-failed", SUBJECT, 3, "EIO")
    assert second["event"] == "import-refused", "the fourth time is not told"


def test_a_refused_token_is_told(noted, sandbox, until):
    place, notes, _, _ = noted(NOTE)
    sandbox.revoke_token()
    assert error_of((place / SUBJECT).read_bytes) == errno.EACCES
    until(lambda: told(notes), 20 * SLOW, "the command")
    assert [(event["event"], event["errno"], event["http"]) for event in told(notes)] == [("token-refused", "EACCES", 401)]


def test_its_surroundings_are_clean(noted, sandbox, until):
    """No token, no descriptor of the mount's, no blocked or ignored signal, not in the mount."""
    place, notes, _, _ = noted("env >env; ls -l /proc/self/fd >fds; grep Sig /proc/self/status >signals; cat >>events")
    drop(place, "a.csv", WRONG)
    until(lambda: told(notes), 20 * SLOW, "the command")
    env = (notes / "env").read_text()
    assert sandbox.token not in env and "QUALTRICS" not in env and "HOME=" in env
    fds = [line.split(" -> ")[1] for line in (notes / "fds").read_text().splitlines() if " -> " in line]
    assert len(fds) == 4 and all(fd.startswith(("pipe:", "/proc/", str(notes))) for fd in fds), fds
    signals = dict(line.split() for line in (notes / "signals").read_text().splitlines() if "SigB" in line or "SigI" in line)
    assert len(signals) == 2 and not any(int(mask, 16) & 0x7fffffff for mask in signals.values()), signals  # 32, 33: libc's own


def test_the_same_is_not_told_again_at_once(noted, until):
    place, notes, log, _ = noted(NOTE)
    for _ in range(3):
        path = place / drop(place, "a.csv", WRONG)
        path.unlink()
    drop(place, "b.csv", WRONG)
    until(lambda: len(told(notes)) >= 2, 20 * SLOW, "the other file")
    assert [os.path.basename(event["path"]) for event in told(notes)] == ["a.csv", "b.csv"]
    assert "it was run for the same within a minute" in log.read_text()


def test_they_run_one_by_one_and_so_many_wait_at_most(noted, until):
    place, notes, log, _ = noted("mkdir one || echo two >two; while [ ! -e go ]; do sleep 0.05; done; rmdir one; cat >>events")
    for n in range(20):
        drop(place, f"{n}.csv", WRONG)
    assert "too many wait already" in log.read_text()
    (notes / "go").touch()
    until(lambda: len(told(notes)) == 17, 60 * SLOW, "all that waited, and the first")
    assert not (notes / "two").exists()


def test_a_slow_command_holds_up_nobody(noted, until):
    """Nor the end of the mount: what runs still has five seconds."""
    place, notes, log, process = noted("touch began; trap '' TERM; sleep 1000")
    drop(place, "a.csv", WRONG)
    until((notes / "began").exists, 20 * SLOW, "the command")
    assert (place / SUBJECT).read_bytes()
    process.terminate()
    assert process.wait(30 * SLOW) == 0
    assert "took too long and was ended" in log.read_text()


def test_what_it_prints_goes_to_the_log_in_part(noted, until):
    place, _, log, _ = noted("echo told you; echo and more >&2; head -c 100000 /dev/zero | tr '\\0' x; exit 7")
    drop(place, "a.csv", WRONG)
    until(lambda: "failed with status 7" in log.read_text(), 20 * SLOW, "the log")
    (line,) = [line for line in log.read_text().splitlines() if "failed with status 7" in line]
    assert "told you" in line and "and more" in line and len(line) < 1200


def test_a_command_that_leaves_another_behind_is_over(noted, until):
    place, notes, _, _ = noted("cat >>events; sleep 30 & ")
    drop(place, "a.csv", WRONG)
    drop(place, "b.csv", WRONG)
    until(lambda: len(told(notes)) == 2, 20 * SLOW, "the second")
