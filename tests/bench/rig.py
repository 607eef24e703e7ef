"""What the benchmarks share: accounts, mounts, the other side's own HTTP, clocks."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'sandbox'))

from control import Sandbox  # noqa: E402  (tests/sandbox/control.py)

QXFS = os.environ.get('QXFS', str(ROOT / 'build' / 'qxfs'))
TICKS = os.sysconf('SC_CLK_TCK')


class Mount:
    """A mount of the account; its folder, cache and state are its own."""

    def __init__(self, account: Sandbox, *options: str):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='qxfs-bench-'))
        self.path = self.folder / 'm'
        self.path.mkdir()
        env = {name: value for name, value in os.environ.items() if not name.startswith(('QUALTRICS_', 'XDG_'))}
        env.update(HOME=str(self.folder), XDG_CACHE_HOME=str(self.folder / 'cache'),
                   XDG_STATE_HOME=str(self.folder / 'state'), QUALTRICS_BASE_URL=account.url,
                   QUALTRICS_API_TOKEN=account.token)
        command = [QXFS, '-f', '-o', ','.join(('log=warn', *options)), str(self.path)]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not self._answers():
            if self.process.poll() is not None:
                raise SystemExit(f'bench: {QXFS} did not mount')
            time.sleep(0.01)

    def _answers(self) -> bool:
        with open('/proc/self/mountinfo', encoding='utf-8') as info:
            return f' {self.path} ' in info.read()

    def survey(self, ident: str) -> pathlib.Path:
        return self.path / 'surveys' / ident

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.folder)

    # ---- what the daemon uses

    def memory(self, name: str) -> int:
        """A figure of /proc/PID/status (VmRSS, VmHWM) in bytes."""
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ':'))

    def cpu(self) -> float:
        """Seconds of processor time since it began."""
        with open(f'/proc/{self.process.pid}/stat', encoding='utf-8') as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def wakeups(self) -> int:
        """How often any of its threads came back from a sleep."""
        count = 0
        for task in pathlib.Path(f'/proc/{self.process.pid}/task').iterdir():
            for line in (task / 'status').read_text(encoding='ascii').splitlines():
                if line.startswith('voluntary_ctxt_switches:'):
                    count += int(line.split()[1])
        return count


@contextlib.contextmanager
def account(surveys: int = 0, **knobs):
    """A sandbox account, with so many surveys besides the demo's."""
    with Sandbox.start(settings=knobs) as box:
        if surveys:
            box.add_surveys(surveys)
        yield box


@contextlib.contextmanager
def mounted(box: Sandbox, *options: str):
    mount = Mount(box, *options)
    try:
        yield mount
    finally:
        mount.end()


@contextlib.contextmanager
def scratch():
    """A folder on the same disk as the mounts' caches."""
    with tempfile.TemporaryDirectory(prefix='qxfs-bench-') as folder:
        yield pathlib.Path(folder)


class Service:
    """The API as a perfect program would use it: one kept-alive connection, no pause, no clock of its own."""

    def __init__(self, box: Sandbox):
        self.box = box
        where = urllib.parse.urlsplit(box.url)
        self.connection = http.client.HTTPConnection(where.hostname, where.port)

    def call(self, method: str, target: str, body: object = None) -> dict:
        headers = {'X-API-TOKEN': self.box.token}
        data = None
        if body is not None:
            data = json.dumps(body)
            headers['Content-Type'] = 'application/json'
        self.connection.request(method, target, data, headers)
        return json.loads(self.connection.getresponse().read())['result']

    def export(self, survey: str, seconds: float = 0.0) -> str:
        """Start an export, wait exactly as long as it takes; the address of its file."""
        base = f'/API/v3/surveys/{survey}/export-responses'
        began = time.monotonic()
        job = self.call('POST', base, {'format': 'csv'})['progressId']
        self.box.call('wait_ready', timeout=100)            # the sandbox has rendered it
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        while (answer := self.call('GET', f'{base}/{job}'))['status'] != 'complete':
            time.sleep(0.01)
        return f'{self.box.url}{base}/{answer["fileId"]}/file'

    def pages(self) -> int:
        """All pages of the list of surveys, one after another; how many."""
        target, count = '/API/v3/surveys', 0
        while target:
            answer = self.call('GET', target)
            count += 1
            following = answer['nextPage'] and urllib.parse.urlsplit(answer['nextPage'])
            target = following and f'{following.path}?{following.query}'
        return count


def curl(box: Sandbox, url: str, file: pathlib.Path) -> None:
    """Download with curl; the token goes in by stdin."""
    subprocess.run(['curl', '-sS', '-f', '-o', str(file), '-H', '@-', url], check=True, text=True,
                   input=f'X-API-TOKEN: {box.token}\n')


def curl_and_unzip(box: Sandbox, url: str, folder: pathlib.Path) -> None:
    curl(box, url, folder / 'x.zip')
    subprocess.run(['unzip', '-q', '-o', str(folder / 'x.zip'), '-d', str(folder)], check=True)


def read(path: pathlib.Path, piece: int = 1 << 20) -> int:
    """Read a file to its end; its length."""
    buffer = bytearray(piece)
    total = 0
    with open(path, 'rb', buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def drop_caches() -> None:
    os.sync()
    pathlib.Path('/proc/sys/vm/drop_caches').write_text('3\n', encoding='ascii')


def timed(work) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def least(times: int, ours, theirs, before=lambda: None) -> tuple[float, float]:
    """The shortest of several runs of each side, taken in turns; before() is not timed."""
    best = [float('inf'), float('inf')]
    for _ in range(times):
        for side, work in enumerate((ours, theirs)):
            before()
            best[side] = min(best[side], timed(work))
    return best[0], best[1]
