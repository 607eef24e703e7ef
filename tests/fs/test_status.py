"""qxfs status: watched on a terminal, and as a check for monitoring."""

import contextlib
import json
import os
import pty
import pwd
import re
import subprocess

import pytest

from common import QXFS
from imports import folder, wait_for

SMALL = "SV_demoSmall000014"


def responses(mount):
    return mount.path / "surveys" / SMALL / "responses.csv"


@contextlib.contextmanager
def exported_again(sandbox, mount, parked):
    """The second export of a file is under way, and one program waits for it."""
    responses(mount).read_bytes()
    os.utime(responses(mount))
    sandbox.hold_jobs()
    with subprocess.Popen(["cat", responses(mount)], stdout=subprocess.DEVNULL) as cat:
        parked(mount, 1)
        yield
        sandbox.release_jobs()
        assert cat.wait() == 0


def test_watching_shows_a_bar_for_each_job(sandbox, mount, parked):
    with exported_again(sandbox, mount, parked):
        ours, theirs = pty.openpty()
        with subprocess.Popen([QXFS, "status", "-w", mount.path], env=mount.env(), stdout=theirs) as watch:
            os.close(theirs)
            seen = b""
            while seen.count(b"\x1b[H\x1b[J") < 3:
                seen += os.read(ours, 4000)
            watch.terminate()
        os.close(ours)
    assert b"] surveys/" in seen and b"[" in seen and b"s before, 1 waiting" in seen


def on_a_terminal(mount, *words, **env):
    ours, theirs = pty.openpty()
    whole = mount.env() | {"TERM": "xterm"} | env
    with subprocess.Popen([QXFS, *words], env=whole, stdin=subprocess.DEVNULL, stdout=theirs) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while piece := os.read(ours, 4000):
                seen += piece
        process.wait()
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


RED, GREEN, YELLOW, BOLD, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


def test_colours_on_a_terminal(sandbox, mounts, parked):
    mount = mounts(sandbox)
    assert f"{BOLD}{mount.path}{PLAIN}\n  account   127.0.0.1: {GREEN}answers{PLAIN}\n" in on_a_terminal(mount, "status", mount.path)
    with exported_again(sandbox, mount, parked):
        assert "[" in on_a_terminal(mount, "status", mount.path).partition("running")[2], "a bar"
        assert "[" not in mount.run("status", mount.path).stdout.partition("running")[2]
    sandbox.pause("refuse")
    with pytest.raises(OSError):
        os.listdir(mount.path / "surveys" / "SV_nobodyKnowsThis")
    assert f"{YELLOW}cannot be reached{PLAIN}" in on_a_terminal(mount, "status", mount.path)
    assert f"{RED}fault{PLAIN} " in on_a_terminal(mount, "doctor", mount.path)
    sandbox.resume()


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}], ids=str)
def test_no_colours_for_who_wants_none(mount, env):
    for words in (["status", mount.path], ["doctor", mount.path]):
        assert "\x1b" not in on_a_terminal(mount, *words, **env)
        assert "\x1b" in on_a_terminal(mount, *words, NO_COLOR="")
        assert "\x1b" not in mount.run(*words).stdout, "nor in a pipe"
    for flag in ("--json", "--check"):
        assert "\x1b" not in on_a_terminal(mount, "status", flag, mount.path)


def test_watching_shows_who_waits_the_queue_and_the_limits(sandbox, mount, parked):
    """One line for two of the same program, and one for another; what is expected; the account's limits and who queues."""
    with exported_again(sandbox, mount, parked):
        more = [subprocess.Popen([program, responses(mount)], stdout=subprocess.DEVNULL) for program in ("cat", "md5sum")]
        parked(mount, 3)
        ours, theirs = pty.openpty()
        with subprocess.Popen([QXFS, "status", "-w", mount.path], env=mount.env(), stdout=theirs) as watch:
            os.close(theirs)
            seen = b""
            while b"3 waiting: " not in seen or not seen.rstrip(b"\r").endswith(b"\n"):
                seen += os.read(ours, 4000)
            watch.terminate()
        os.close(ours)
        line_of_jobs = (mount.path / ".qxfs" / "jobs").read_text()
        (job,) = json.loads(mount.run("status", "--json", mount.path).stdout)["jobs"]
    assert [process.wait() for process in more] == [0, 0]
    assert f"cat of user {os.getuid()} (2)" in line_of_jobs and " s before\t3 waiting: " in line_of_jobs
    me = pwd.getpwuid(os.getuid()).pw_name.encode()
    (line,) = [line for line in seen.splitlines() if b"3 waiting" in line][:1]
    assert b"cat of %s (2)" % me in line and b"md5sum of %s" % me in line and b"s before" in line
    assert re.search(rb"\[[#.]{20}\]", line)
    assert re.search(rb"service +\d+ of 30 requests, 1 of 15 exports, \d+ waiting", seen)
    assert sorted((who["program"], who["uid"], who["count"]) for who in job["who"]) == [
        ("cat", os.getuid(), 2), ("md5sum", os.getuid(), 1)]


def test_watching_wants_a_terminal_and_no_other_flag(mount):
    answer = mount.run("status", "-w", mount.path)
    assert answer.returncode == 1 and "terminal" in answer.stderr
    assert mount.run("status", "--json", "--check", mount.path).returncode == 1


def test_jobs_tell_how_long_they_took_before(sandbox, mount, parked):
    with exported_again(sandbox, mount, parked):
        (job,) = json.loads(mount.run("status", "--json", mount.path).stdout)["jobs"]
    assert job["expected_s"] >= 1 and job["age_s"] >= 0


def check(mount, *more):
    answer = mount.run("status", "--check", mount.path, *more)
    return answer.returncode, answer.stdout.strip()


def test_a_check_of_what_is_well(mount):
    assert check(mount) == (0, f"QXFS OK: {mount.path} answers")


def test_a_check_tells_failures_until_they_are_settled(sandbox, mount):
    sandbox.fault("export_start", "job_failed", nth=1)
    with pytest.raises(OSError):
        responses(mount).read_bytes()
    assert check(mount) == (1, f"QXFS WARNING: {mount.path} 1 file failed")
    responses(mount).read_bytes()
    assert check(mount)[0] == 0


def test_a_check_tells_imports_that_wait_for_a_person(sandbox, mounts):
    mount = mounts(sandbox, "import_delay=0", "hold=always")
    target = folder(mount) / "a.csv"
    target.write_text("email\na@example.org\n")
    assert wait_for(mount, target)[0] == 6
    assert check(mount) == (1, f"QXFS WARNING: {mount.path} 1 import held")


def test_a_check_of_a_refused_token_is_critical(sandbox, mount):
    sandbox.fault("*", "status", status=401)
    with pytest.raises(OSError):
        responses(mount).read_bytes()
    status, said = check(mount)
    assert status == 2 and said.startswith(f"QXFS CRITICAL: {mount.path} the token is refused")


def test_a_check_of_a_mount_that_does_not_answer_is_critical(mount):
    mount.process.kill()
    mount.process.wait()
    status, said = check(mount)
    assert status == 2 and said.startswith(f"QXFS CRITICAL: {mount.path}")
    subprocess.run(["umount", "-l", mount.path], check=True)
    mount.process = None
    status, said = check(mount)
    assert status == 2 and "lies in no qxfs mount" in said


def limits_of(mount, endpoint):
    told = json.loads((mount.path / ".qxfs" / "limits.json").read_text())
    return next(one for one in told["endpoints"] if one["name"] == endpoint)


def test_limits_tell_what_is_used_of_each_endpoint(sandbox, mounts, until):
    mount = mounts(sandbox, "share=0.1")  # a call counts for so much longer
    told = json.loads((mount.path / ".qxfs" / "limits.json").read_text())
    assert (told["requests_max"], told["jobs_max"], told["share"]) == (30, 15, 0.1)
    assert len(told["endpoints"]) > 30
    idle = {"name": "export_start", "per_minute": 100, "allowed_per_minute": 10, "used": 0, "held_for_s": 0}
    assert limits_of(mount, "export_start") == idle
    for form in ("csv", "json", "sav", "xml", "ndjson"):
        responses(mount).with_name(f"responses.{form}").read_bytes()
    until(lambda: 0 < limits_of(mount, "export_start")["used"] <= 5, 10, "what the exports have used")
    assert limits_of(mount, "import_contacts")["used"] == 0
    until(lambda: limits_of(mount, "export_start") == idle, 60, "the end of that minute")


def test_limits_tell_how_long_an_endpoint_is_left_alone(sandbox, mount, until):
    sandbox.fault("export_start", "status", status=429, retry_after=100)
    with subprocess.Popen(["cat", responses(mount)], stderr=subprocess.DEVNULL) as reader:
        try:
            until(lambda: 50 < limits_of(mount, "export_start")["held_for_s"] <= 100, 20, "the hold")
            assert limits_of(mount, "survey")["held_for_s"] == 0
        finally:
            reader.kill()
