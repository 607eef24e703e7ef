"""Who waits, who never does, and what ends a wait (DESIGN.md 3, "Who may wait" and "A parked OPEN")."""

import concurrent.futures
import errno
import json
import os
import pathlib
import signal
import statistics
import subprocess
import time

import pytest

from common import exact, read_all, responses
from control import SLOW

AT_ONCE = 0.1 * SLOW  # DESIGN.md: "within 100 ms"

SMALL = "SV_demoSmall000014"
CUSTOMERS = "SV_demoCustomers02"
STAFF = "SV_demoStaff000200"
OTHERS = [CUSTOMERS, STAFF, "SV_demoStaff000201", "SV_demoPanel100000"]


@pytest.fixture
def mount(sandbox, mounts, crowds):  # in this order: the crowd ends first
    return mounts(sandbox)


def threads_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    raise AssertionError("no Threads line")


def seconds_of(act):
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


def assert_at_once(act, what):
    """The median of five: a busy machine may delay one, a wait would delay all."""
    took = [seconds_of(act) for _ in range(5)]
    assert statistics.median(took) < AT_ONCE, f"{what} took {took}"


# --- many wait for one --------------------------------------------------------------------------------------


@pytest.mark.concurrency
def test_64_readers_of_one_cold_file_are_one_export_and_64_exact_results(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, CUSTOMERS)], 64)
    parked(mount, 64)
    sandbox.release_jobs()

    told = crowd.answers()
    assert [answer[1:4] for answer in told] == [exact(sandbox, CUSTOMERS)] * 64
    assert sandbox.count("export_start") == 1
    assert sandbox.count("export_file") == 1
    assert sandbox.count("survey") == 1


@pytest.mark.concurrency
def test_64_readers_that_come_while_it_runs_join_it(sandbox, mount, crowds):
    """Not parked first: some come before the POST, some while it is fetched, some when it is ready."""
    crowd = crowds([responses(mount, CUSTOMERS)], 64)
    told = crowd.answers()
    assert [answer[1:4] for answer in told] == [exact(sandbox, CUSTOMERS)] * 64
    assert sandbox.count("export_start") == 1


@pytest.mark.concurrency
def test_300_parked_opens_hold_no_thread_and_disturb_nobody(sandbox, mount, crowds, parked):
    ready = responses(mount, SMALL)
    first = read_all(ready)
    threads = threads_of(mount.pid)
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, survey) for survey in OTHERS], 300)
    parked(mount, 300, 60)

    assert threads_of(mount.pid) == threads
    assert_at_once(lambda: os.stat(ready), "stat of a ready file")
    assert_at_once(lambda: os.stat(responses(mount, CUSTOMERS)), "stat of a file that is waited for")
    assert_at_once(lambda: os.stat(mount.path / "surveys" / "SV_demoEmpty000001" / "survey.json"), "stat of a cold file")
    assert_at_once(lambda: os.listdir(mount.path / "surveys"), "ls")
    assert_at_once(lambda: list(os.scandir(mount.path / "surveys" / CUSTOMERS)), "ls of the folder that is waited in")
    assert_at_once(lambda: read_all(ready), "a read of a ready file")
    assert_at_once(lambda: read_all(mount.path / "STATUS.txt"), "a read of STATUS.txt")
    assert read_all(ready) == first
    assert mount.run("status", mount.path).returncode == 0

    sandbox.release_jobs()
    told = crowd.answers()
    good = {str(responses(mount, survey)): exact(sandbox, survey) for survey in OTHERS}
    assert len(told) == 300
    assert all(answer[1:4] == good[answer[0]] for answer in told), [answer for answer in told if answer[1]]
    assert sandbox.count("export_start") == 1 + len(OTHERS)
    assert threads_of(mount.pid) == threads


# --- who never waits ----------------------------------------------------------------------------------------


def everything_below(path):
    """All paths, found while the network is well."""
    found = [path]
    for folder, folders, files in os.walk(path):
        found += [pathlib.Path(folder) / name for name in folders + files]
    return found


@pytest.mark.concurrency
@pytest.mark.parametrize("how", ["dark", "held"])
def test_lookup_and_getattr_never_wait_for_the_network(sandbox, mounts, crowds, expire, how):
    mount = mounts(sandbox, "fresh=1")
    paths = everything_below(mount.path)
    ready = responses(mount, SMALL)
    read_all(ready)
    held_open = os.open(ready, os.O_RDONLY)
    try:
        if how == "dark":
            sandbox.pause("hang")
        else:
            sandbox.hold("*")
        expire(2)  # so that whatever could wait would
        sleeper = crowds([responses(mount, CUSTOMERS), mount.path / "whoami.json"], 2)
        strangers = [
            mount.path / "surveys" / "SV_neverHeardOfIt01",
            mount.path / "surveys" / "SV_neverHeardOfIt01" / "responses.csv",
        ]
        missing = [mount.path / "surveys" / "no such thing", mount.path / "nothing", ready / "below"]
        # Each is asked once: a second look might find what the first waited for.
        took = {path: seconds_of(lambda: os.path.lexists(path)) for path in paths + strangers + missing}
        assert max(took.values()) < 1 * SLOW, took
        assert statistics.median(took.values()) < AT_ONCE, took
        assert all(map(os.path.lexists, paths + strangers)) and not any(map(os.path.lexists, missing))
        assert_at_once(lambda: os.fstat(held_open), "fstat")
        assert_at_once(lambda: os.pread(held_open, 4096, 0), "a read of an open file")
        assert_at_once(lambda: os.statvfs(mount.path), "statfs")
        assert_at_once(lambda: os.listdir(mount.path), "ls of the root")
        assert_at_once(lambda: read_all(mount.path / "STATUS.txt"), "STATUS.txt")
        assert_at_once(lambda: read_all(mount.path / ".qxfs" / "status.json"), "status.json")
        links = [path for path in paths if path.parent.name == "by-name"]
        assert links
        assert_at_once(lambda: [os.readlink(link) for link in links], "readlink")
        sleeper.kill(signal.SIGKILL)
    finally:
        os.close(held_open)
        sandbox.resume()
        sandbox.release()


def test_a_parked_opendir_does_not_freeze_its_folder(sandbox, mounts, expire):
    """The list is asked for again at OPENDIR; names below it are found meanwhile."""
    mount = mounts(sandbox, "fresh=1")
    expire(2)
    sandbox.hold("surveys")
    reader = subprocess.Popen(["ls", str(mount.path / "surveys")], stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.wait_held("surveys", 1)
        assert_at_once(lambda: os.stat(mount.path / "surveys"), "stat of the folder")
        assert_at_once(lambda: os.stat(responses(mount, CUSTOMERS)), "stat below it")
        assert_at_once(lambda: read_all(mount.path / "surveys" / "index.csv"), "index.csv")
        assert reader.poll() is None
        sandbox.release()
        out, _ = reader.communicate(timeout=20 * SLOW)
        assert reader.returncode == 0 and SMALL in out
    finally:
        reader.kill()
        reader.communicate()


# --- what ends a wait ---------------------------------------------------------------------------------------


def parked_process(mount, sandbox, where, until):
    """A cat or an ls that waits in the kernel for our answer."""
    if where == "open":
        sandbox.hold_jobs()
        child = subprocess.Popen(["cat", str(responses(mount, CUSTOMERS))], stdout=subprocess.DEVNULL)
        assert sandbox.wait_for("export_start")
    else:
        sandbox.hold("survey")
        folder = mount.path / "surveys" / "SV_neverHeardOfIt01"
        child = subprocess.Popen(["ls", str(folder)], stdout=subprocess.DEVNULL)
        assert sandbox.wait_held("survey", 1)
    until(lambda: is_in_request(child.pid), 10, "the wait in the kernel")
    return child


def is_in_request(pid):
    return "request_wait_answer" in pathlib.Path(f"/proc/{pid}/stack").read_text()


def end_of(child, number):
    """Seconds from the signal to the end of the process."""
    begin = time.monotonic()
    child.send_signal(number)
    child.wait(20 * SLOW)
    return time.monotonic() - begin


# What ends a program that has no handler for it.
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM]


@pytest.mark.concurrency
@pytest.mark.parametrize("where", ["open", "opendir"])
@pytest.mark.parametrize("number", ENDING, ids=lambda n: n.name)
def test_a_signal_frees_a_waiting_reader_at_once(sandbox, mount, until, where, number):
    took = []
    for _ in range(3):
        child = parked_process(mount, sandbox, where, until)
        took.append(end_of(child, number))
        assert child.returncode == -number
    sandbox.release()
    assert min(took) < AT_ONCE, took  # who is not freed at once is freed by nothing: the jobs are held


@pytest.mark.concurrency
def test_who_handles_the_signal_is_told_eintr(sandbox, mount, crowds, parked):
    """As editors and shells do with Ctrl-C: the program goes on, without the file."""
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1, signals=[signal.SIGINT])
    parked(mount, 1)
    crowd.kill(signal.SIGINT)
    (path, number, size, digest, handled) = crowd.answers()[0]
    assert (number, handled) == (errno.EINTR, 1)
    parked(mount, 0)


@pytest.mark.concurrency
def test_a_signal_frees_300_waiting_readers(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, CUSTOMERS)], 300)
    parked(mount, 300, 60)
    begin = time.monotonic()
    crowd.kill(signal.SIGTERM)
    assert crowd.answers() == []
    assert time.monotonic() - begin < 3 * SLOW
    parked(mount, 0)


@pytest.mark.concurrency
def test_a_timer_with_a_restarting_handler_does_not_disturb(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1, timer=0.02, signals=[signal.SIGALRM])
    parked(mount, 1)
    # Long enough for tens of ticks and for several looks of the daemon; the poll is what tells the time.
    polls = sandbox.count("export_progress")
    assert sandbox.wait_for("export_progress", polls + 3)
    parked(mount, 1)
    sandbox.release_jobs()
    path, number, size, digest, handled = crowd.answers()[0]
    assert (number, size, digest) == exact(sandbox, SMALL), errno.errorcode.get(number)
    assert handled > 0
    assert sandbox.count("export_start") == 1


HARMLESS = [signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG]


@pytest.mark.concurrency
@pytest.mark.parametrize("number", HARMLESS, ids=lambda n: n.name)
def test_a_handled_harmless_signal_does_not_disturb(sandbox, mount, crowds, parked, number):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1, signals=[number])
    parked(mount, 1)
    crowd.kill(number)
    polls = sandbox.count("export_progress")
    assert sandbox.wait_for("export_progress", polls + 2)
    parked(mount, 1)
    sandbox.release_jobs()
    path, got, size, digest, handled = crowd.answers()[0]
    assert (got, size, digest) == exact(sandbox, SMALL), errno.errorcode.get(got)
    assert handled == 1


@pytest.mark.concurrency
@pytest.mark.parametrize("last", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_an_ending_signal_after_a_harmless_one_still_frees(sandbox, mount, crowds, parked, last):
    """The kernel tells of an interrupt once: the second signal is found by looking again."""
    took = []
    sandbox.hold_jobs()
    for _ in range(3):
        crowd = crowds([responses(mount, SMALL)], 1, signals=[signal.SIGWINCH])
        parked(mount, 1)
        crowd.kill(signal.SIGWINCH)
        polls = sandbox.count("export_progress")
        assert sandbox.wait_for("export_progress", polls + 1)
        parked(mount, 1)
        begin = time.monotonic()
        crowd.kill(last)
        crowd.answers()
        took.append(time.monotonic() - begin)
    # One look later at most, and its own bound.
    assert min(took) < AT_ONCE + 0.05 * SLOW, took
    parked(mount, 0)


@pytest.mark.concurrency
def test_the_export_goes_on_without_its_readers_and_the_next_open_finds_it(sandbox, mount, until, parked):
    child = parked_process(mount, sandbox, "open", until)
    end_of(child, signal.SIGKILL)
    parked(mount, 0)
    sandbox.release_jobs()
    assert sandbox.wait_for("export_file", 1, 20 * SLOW, answered=True)
    assert read_all(responses(mount, CUSTOMERS)) == sandbox.entry(CUSTOMERS)
    assert sandbox.count("export_start") == 1
    assert sandbox.count("export_file") == 1


@pytest.mark.concurrency
def test_an_open_after_all_gave_up_joins_the_running_job(sandbox, mount, until, crowds, parked):
    child = parked_process(mount, sandbox, "open", until)
    end_of(child, signal.SIGINT)
    crowd = crowds([responses(mount, CUSTOMERS)], 1)
    parked(mount, 1)
    sandbox.release_jobs()
    assert crowd.answers()[0][1:4] == exact(sandbox, CUSTOMERS)
    assert sandbox.count("export_start") == 1


def test_open_wait_bounds_the_wait_and_the_job_goes_on(sandbox, mounts):
    mount = mounts(sandbox, "open_wait=1")
    sandbox.hold_jobs()
    begin = time.monotonic()
    with pytest.raises(OSError) as caught:
        read_all(responses(mount, CUSTOMERS))
    took = time.monotonic() - begin
    assert caught.value.errno == errno.ETIMEDOUT
    assert 0.95 < took < 1 + 0.5 * SLOW
    sandbox.release_jobs()
    assert sandbox.wait_for("export_file", 1, 20 * SLOW, answered=True)
    assert read_all(responses(mount, CUSTOMERS)) == sandbox.entry(CUSTOMERS)
    assert sandbox.count("export_start") == 1


def test_open_wait_is_each_openers_own(sandbox, mounts, crowds, until):
    """The second comes when half the time is over and is not thrown out with the first."""
    bound = round(1 + SLOW)
    mount = mounts(sandbox, f"open_wait={bound}")
    sandbox.hold_jobs()
    begin = time.monotonic()
    first = crowds([responses(mount, CUSTOMERS)], 1)
    until(lambda: time.monotonic() - begin > bound / 2, bound, "half the time")
    second = crowds([responses(mount, CUSTOMERS)], 1)
    assert first.answers()[0][1] == errno.ETIMEDOUT
    sandbox.release_jobs()
    assert second.answers()[0][1:4] == exact(sandbox, CUSTOMERS)


@pytest.mark.parametrize("flag", [os.O_NONBLOCK, os.O_DIRECT, os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME])
def test_flags_change_nothing(sandbox, mount, crowds, parked, flag):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, CUSTOMERS)], 1, flags=os.O_RDONLY | flag)
    parked(mount, 1)
    sandbox.release_jobs()
    answer = crowd.answers()[0]
    if flag & os.O_DIRECT:  # reads by a Python buffer need no alignment on FUSE
        assert answer[1] == 0
    assert answer[1:4] == exact(sandbox, CUSTOMERS)


# --- the end of the mount -----------------------------------------------------------------------------------


@pytest.mark.concurrency
def test_sigterm_to_the_daemon_answers_50_parked_readers_at_once(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, survey) for survey in OTHERS], 50)
    parked(mount, 50)
    begin = time.monotonic()
    mount.process.send_signal(signal.SIGTERM)
    told = crowd.answers()
    answered = time.monotonic() - begin
    assert mount.process.wait(20 * SLOW) == 0
    assert len(told) == 50
    assert {answer[1] for answer in told} <= {errno.EINTR, errno.ECONNABORTED}
    assert answered < 1 * SLOW, answered
    assert time.monotonic() - begin < 3 * SLOW


@pytest.mark.concurrency
def test_the_end_of_the_mount_while_the_network_hangs(sandbox, mount, crowds, parked):
    """Neither a held request nor a parked reader keeps the daemon."""
    sandbox.hold("export_start")
    crowd = crowds([responses(mount, survey) for survey in OTHERS], 8)
    parked(mount, 8)
    assert sandbox.wait_held("export_start", 4)
    begin = time.monotonic()
    assert mount.stop() == 0
    assert time.monotonic() - begin < 3 * SLOW
    assert all(answer[1] in (errno.EINTR, errno.ECONNABORTED) for answer in crowd.answers())


@pytest.mark.concurrency
def test_umount_l_lets_a_parked_reader_finish(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    subprocess.run(["umount", "-l", str(mount.path)], check=True)
    sandbox.release_jobs()
    assert crowd.answers()[0][1:4] == exact(sandbox, SMALL)
    assert mount.process.wait(20 * SLOW) == 0


@pytest.mark.concurrency
def test_more_signals_do_not_break_off_the_end(sandbox, mount, crowds, parked):
    """A login session ends with SIGTERM and SIGHUP together: both must not leave a dead mount behind."""
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, survey) for survey in OTHERS], 50)
    parked(mount, 50)
    while mount.process.poll() is None:
        mount.process.send_signal(signal.SIGTERM)
        mount.process.send_signal(signal.SIGHUP)
        time.sleep(0.001)
    assert {answer[1] for answer in crowd.answers()} <= {errno.EINTR, errno.ECONNABORTED}
    assert mount.process.wait(20 * SLOW) == 0
    assert f" {mount.path} " not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_the_end_of_a_detached_mount_leaves_its_successor_alone(sandbox, mounts):
    first = mounts(sandbox, name="m")
    path = responses(first, SMALL)
    content = read_all(path)
    with open(path, "rb"):  # keeps the daemon
        subprocess.run(["umount", "-l", str(first.path)], check=True)
        second = mounts(sandbox, name="m")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(20 * SLOW) == 0
        assert read_all(responses(second, SMALL)) == content


# --- readers that stand still -------------------------------------------------------------------------------


@pytest.mark.concurrency
@pytest.mark.parametrize("threaded", [False, True], ids=["alone", "threaded"])
@pytest.mark.parametrize("when", ["before the file is there", "after"])
def test_a_stopped_reader_gets_its_file_when_it_goes_on(sandbox, mount, crowds, parked, when, threaded):
    """SIGSTOP ends no wait (DESIGN.md: TSTP, TTIN and TTOU do). SIGCONT takes it from what is pending, and
    of several threads but one ever has it pending: the daemon must not take either for the freezer."""
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1, threaded=threaded)
    parked(mount, 1)
    crowd.kill(signal.SIGSTOP)
    wait_for_polls(sandbox, 2)
    if when == "after":
        sandbox.release_jobs()
        assert sandbox.wait_for("export_file", 1, 20 * SLOW, answered=True)
    crowd.kill(signal.SIGCONT)
    if when != "after":
        wait_for_polls(sandbox, 2)
        parked(mount, 1)
        sandbox.release_jobs()
    assert crowd.answers()[0][1:4] == exact(sandbox, SMALL)


@pytest.mark.concurrency
def test_a_reader_that_was_stopped_is_still_freed_by_a_signal(sandbox, mount, crowds, parked):
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    crowd.kill(signal.SIGSTOP)
    wait_for_polls(sandbox, 1)
    crowd.kill(signal.SIGCONT)
    wait_for_polls(sandbox, 1)
    begin = time.monotonic()
    crowd.kill(signal.SIGTERM)
    assert crowd.answers() == []
    assert time.monotonic() - begin < AT_ONCE + 0.05 * SLOW
    parked(mount, 0)


def wait_for_polls(sandbox, more):
    """Long enough for the daemon to have looked at a waiting program: the polls tell the time."""
    assert sandbox.wait_for("export_progress", sandbox.count("export_progress") + more)


@pytest.fixture
def freezer(tmp_path, until):
    """freezer(pid, True or False), by a cgroup of its own; returns when the kernel says that it is so."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup/freezer"), pathlib.Path("/sys/fs/cgroup")
    name = f"qxfs-test-{os.getpid()}-{tmp_path.name}"
    if os.access(v1 / "cgroup.procs", os.W_OK):
        group, switch, words, fact, told = v1 / name, "freezer.state", ("THAWED", "FROZEN"), "freezer.state", "{}"
    elif os.access(v2 / "cgroup.procs", os.W_OK):
        group, switch, words, fact, told = v2 / name, "cgroup.freeze", ("0", "1"), "cgroup.events", "frozen {}"
    else:
        pytest.skip("no freezer that this user may write to")
    group.mkdir()

    def turn(pid, frozen):
        if frozen:
            (group / "cgroup.procs").write_text(str(pid))
        (group / switch).write_text(words[frozen])
        end = time.monotonic() + 10 * SLOW
        while told.format(words[frozen]) not in (group / fact).read_text():
            assert time.monotonic() < end, f"not {words[frozen]}: {(group / fact).read_text()}"
            time.sleep(0.002)

    yield turn
    (group / switch).write_text(words[0])
    until(lambda: not (group / "cgroup.procs").read_text(), 10, "the end of who was frozen")
    group.rmdir()


@pytest.mark.concurrency
def test_a_waiting_reader_can_be_frozen(sandbox, mount, crowds, parked, freezer):
    """As before a suspend: a wait that ignored it would keep the laptop awake."""
    sandbox.hold_jobs()
    crowd = crowds([responses(mount, SMALL)], 1)
    parked(mount, 1)
    begin = time.monotonic()
    freezer(crowd.pids[0], True)
    assert time.monotonic() - begin < AT_ONCE + 0.1
    freezer(crowd.pids[0], False)
    assert crowd.answers()[0][1] == errno.EINTR
    sandbox.release_jobs()
    assert read_all(responses(mount, SMALL)) == sandbox.entry(SMALL)
    assert sandbox.count("export_start") == 1


@pytest.mark.concurrency
def test_control_z_stops_a_waiting_reader_at_once(sandbox, mount, until):
    child = parked_process(mount, sandbox, "open", until)
    try:
        begin = time.monotonic()
        child.send_signal(signal.SIGTSTP)
        until(lambda: state_of(child.pid) in "TZ", 5, "the stop")
        assert time.monotonic() - begin < AT_ONCE + 0.05
    finally:
        child.kill()
        child.wait()


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.concurrency
def test_readers_that_come_and_go_leave_nothing_behind(sandbox, mount, crowds, parked, until):
    """Waits given up at all moments: no thread, no descriptor, no waiter stays."""
    before = files_of(mount.pid)
    threads = threads_of(mount.pid)
    sandbox.hold_jobs()
    for round_ in range(4):
        crowd = crowds([responses(mount, survey) for survey in OTHERS], 25)
        if round_ % 2:
            parked(mount, 25)
        crowd.kill(signal.SIGKILL)
        assert crowd.answers() == []
    parked(mount, 0)
    sandbox.release_jobs()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        paths = [responses(mount, survey) for survey in OTHERS]
        assert list(pool.map(read_all, paths)) == [sandbox.entry(survey) for survey in OTHERS]
    assert sandbox.count("export_start") == len(OTHERS)
    assert threads_of(mount.pid) == threads
    assert json.loads(mount.run("status", "--json", mount.path).stdout)["jobs"] == []
    until(lambda: files_of(mount.pid) <= before, 5, "few descriptors")  # RELEASE comes behind close()


def files_of(pid):
    """Open files: not sockets, which are kept for the next transfer, nor libfuse's two pipes a worker."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += not os.readlink(f"/proc/{pid}/fd/{fd}").startswith(("socket:", "pipe:"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return count
