#!/usr/bin/env python3
"""bench.py [NAME...]: how fast qxfs is beside what it is measured against (DESIGN.md section 8).

Each benchmark measures both sides in this run, in turns, and takes the shortest of several tries. One line for each
promise: what, ours, against what, theirs, their ratio, the ratio promised, ok or MISSED. Needs root, to drop caches,
and curl and unzip. The exit status is 0 whatever is missed.
"""

import concurrent.futures
import heapq
import os
import pathlib
import subprocess
import sys
import time
from dataclasses import dataclass

import rig

SMALL, LARGE = 'SV_demoSmall000014', 'SV_demoPanel100000'
MB = 1_000_000


@dataclass
class Row:
    """A promise and what became of it: measured may be at most limit, in the unit of the reference."""

    what: str
    measured: float
    against: str
    reference: float | None
    limit: float
    unit: str = 's'

    def kept(self) -> bool:
        return self.measured <= self.limit

    def cells(self) -> list[str]:
        show = SHOW[self.unit]
        if not self.reference:
            return [self.what, show(self.measured), self.against, '', '', '≤ ' + show(self.limit), self.verdict()]
        return [self.what, show(self.measured), self.against, show(self.reference),
                f'{self.measured / self.reference:.2f}', f'≤ {self.limit / self.reference:.2f}', self.verdict()]

    def verdict(self) -> str:
        return 'ok' if self.kept() else 'MISSED'


SHOW = {
    's': lambda value: f'{value:.2f} s',
    'ms': lambda value: f'{value * 1000:.2f} ms',
    'MB': lambda value: f'{value / (1 << 20):.0f} MB',
    '': lambda value: f'{value:.0f}',
}


# ---- one file -------------------------------------------------------------------------------------------------------

def bench_cold_open() -> list[Row]:
    """An export of T seconds. Each try has a mount of its own: nothing is known of the survey."""
    rows = []
    for seconds in (0, 2, 5, 10):
        with rig.account(job_polls=0, job_seconds=seconds) as box, rig.scratch() as folder:
            service = rig.Service(box)
            service.export(LARGE)               # from now on the sandbox has it rendered
            ours, rests = [], []
            for _ in range(2):
                with rig.mounted(box) as mount:
                    ours.append(rig.timed(lambda: rig.read(mount.survey(LARGE) / 'responses.csv')))
                url = service.export(LARGE, seconds)
                rests.append(rig.timed(lambda: rig.curl_and_unzip(box, url, folder)))
            rest = min(rests)
            rows.append(Row(f'cold open, job of {seconds} s', min(ours), 'T + curl + unzip', seconds + rest,
                            seconds + 1.1 * rest + 0.6))
    return rows


def bench_cold_read() -> list[Row]:
    """500 MB, never read before, from the first byte to the last; the job takes no time."""
    ours, theirs, downloads, memory = [], [], [], []
    with rig.account(job_polls=0) as box:
        box.make_big(SMALL, 500 * MB)
        for _ in range(3):
            rig.drop_caches()
            with rig.mounted(box) as mount:
                ours.append(rig.timed(lambda: rig.read(mount.survey(SMALL) / 'responses.csv')))
                memory.append(mount.memory('VmHWM'))
            rig.drop_caches()
            with rig.scratch() as folder:
                service = rig.Service(box)
                theirs.append(rig.timed(lambda: rig.curl_and_unzip(box, service.export(SMALL), folder)))
            with rig.scratch() as folder:
                url = service.export(SMALL)
                downloads.append(rig.timed(lambda: rig.curl(box, url, folder / 'x')))
    note = f'curl ({min(downloads):.2f} s) + unzip'
    return [Row('cold read, 500 MB', min(ours), note, min(theirs), min(theirs)),
            Row('memory while reading it', max(memory), '', None, 64 << 20, 'MB')]


def bench_read_again() -> list[Row]:
    """The same 500 MB, read before: from the page cache, and from the disk."""
    with rig.account(job_polls=0) as box, rig.mounted(box) as mount, rig.scratch() as folder:
        box.make_big(SMALL, 500 * MB)
        ours, theirs = mount.survey(SMALL) / 'responses.csv', folder / 'x'
        rig.run('cp', str(ours), str(theirs))
        for file in (ours, theirs):
            rig.read(file)
        before = mount.cpu()
        warm = rig.least(5, lambda: rig.read(ours), lambda: rig.read(theirs))
        cpu = mount.cpu() - before
        dropped = rig.least(4, lambda: rig.read(ours), lambda: rig.read(theirs), rig.drop_caches)
    return [Row('read again, warm', warm[0], 'the same on the disk', warm[1], warm[1] / 0.75),
            Row('daemon CPU of five warm reads', cpu, '', None, 0.011),
            Row('read again, cache dropped', dropped[0], 'the same on the disk', dropped[1], dropped[1] / 0.8)]


def bench_warm_open() -> list[Row]:
    """Open and first byte of what is there."""
    def first_byte(path: pathlib.Path) -> None:
        file = os.open(path, os.O_RDONLY)
        os.read(file, 1)
        os.close(file)

    with rig.account(job_polls=0) as box, rig.mounted(box) as mount:
        path = mount.survey(SMALL) / 'responses.csv'
        rig.read(path)
        box.reset_stats()
        best = min(rig.timed(lambda: first_byte(path)) for _ in range(200))
        return [Row('warm open, first byte', best, '', None, 0.001, 'ms'),
                Row('requests of 200 warm opens', box.count(), '', None, 0, '')]


# ---- many surveys ---------------------------------------------------------------------------------------------------

def plant(mount: rig.Mount, folder: pathlib.Path) -> None:
    """The mount's surveys/ as real files of the same names and sizes."""
    for survey in os.listdir(mount.path / 'surveys'):
        source, target = mount.path / 'surveys' / survey, folder / survey
        if source.is_file():
            target.write_bytes(b'')
            continue
        target.mkdir()
        for name in os.listdir(source):
            if survey == 'by-name':
                os.symlink(os.readlink(source / name), target / name)
            else:
                with open(target / name, 'wb') as file:
                    file.truncate((source / name).lstat().st_size)


def bench_list() -> list[Row]:
    """10,000 surveys: cold, then as ls and find walk what is known."""
    with rig.account(surveys=10_000) as box, rig.scratch() as folder:
        service = rig.Service(box)
        pages = service.pages()
        with rig.mounted(box, 'fresh=1') as mount:
            def wait_old() -> None:
                time.sleep(2.1)             # the list's freshness has no event

            box.reset_stats()
            wait_old()
            os.listdir(mount.path / 'surveys')
            requests = box.count()
            cold = rig.least(3, lambda: os.listdir(mount.path / 'surveys'), service.pages, wait_old)
        with rig.mounted(box) as mount:
            plant(mount, folder)
            ours = str(mount.path / 'surveys')
            rows = [Row('list of 10,000 surveys, cold', cold[0], 'its pages, one by one', cold[1], cold[1] * 1.1),
                    Row('requests of it', requests, 'pages', pages, pages, '')]
            for command in (('ls', '-l'), ('find',)):
                for side in (ours, str(folder)):
                    rig.run(*command, side)
                warm = rig.least(7, lambda: rig.run(*command, ours), lambda: rig.run(*command, str(folder)))
                rows.append(Row(' '.join(command) + ' of 10,000, warm', warm[0], 'the same on the disk', warm[1],
                                warm[1] * 1.5))
    return rows


def best_schedule(durations: list[float], slots: int, depth: float, per_second: float) -> float:
    """When the last of the jobs ends if each starts as early as a slot and the bucket allow."""
    running: list[float] = []
    level, at, end = 0.0, 0.0, 0.0
    for seconds in durations:
        moment = heapq.heappop(running) if len(running) == slots else at
        level = max(0.0, level - (moment - at) * per_second)
        if level + 1 > depth:
            moment += (level + 1 - depth) / per_second
            level = depth - 1
        level, at = level + 1, moment
        heapq.heappush(running, moment + seconds)
        end = max(end, moment + seconds)
    return end


def bench_hundred() -> list[Row]:
    """100 files at once; jobs of 4 to 12 s."""
    with rig.account(surveys=100, job_polls=0, job_seconds=8, job_spread=0.5) as box, rig.mounted(box) as mount:
        files = [mount.survey(ident) / 'responses.csv' for ident in box.info()['surveys']][-100:]
        box.reset_stats()
        slowest = 0.0
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            began = time.monotonic()
            reads = [pool.submit(rig.read, file) for file in files]
            while concurrent.futures.wait(reads, 0.2).not_done:
                slowest = max(slowest, rig.timed(lambda: os.stat(mount.path / 'README.txt')))
            whole = time.monotonic() - began
        best = best_schedule([job['seconds'] for job in box.jobs()], 15, 80, 80 / 60)
        stats = box.stats()
    return [Row('100 files at once', whole, 'the best schedule', best, best * 1.08),
            Row('429s of it', stats['refused_429'], '', None, 0, ''),
            Row('stat beside it, slowest', slowest, '', None, 0.1, 'ms')]


def bench_parked() -> list[Row]:
    """stat while 300 opens wait."""
    with rig.account(surveys=300) as box, rig.mounted(box) as mount:
        box.hold_jobs()
        files = [mount.survey(ident) / 'responses.csv' for ident in box.info()['surveys']][-300:]
        readers = [subprocess.Popen(['cat', str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for file in files]
        box.wait_for('export_start', 15)
        while (mount.path / '.qxfs' / 'jobs').read_text().count('\n') < 300:
            time.sleep(0.2)
        times = sorted(rig.timed(lambda: os.stat(mount.path / 'README.txt')) for _ in range(500))
        for reader in readers:
            reader.terminate()
        for reader in readers:
            reader.wait()
        box.release_jobs()
    return [Row('stat while 300 opens wait, median', times[250], '', None, 0.1, 'ms'),
            Row('the slowest of 500', times[-1], '', None, 0.1, 'ms')]


# ---- nothing to do --------------------------------------------------------------------------------------------------

def bench_idle() -> list[Row]:
    """After a file was read and nothing is wanted."""
    with rig.account() as box, rig.mounted(box) as mount:
        rig.read(mount.survey(SMALL) / 'responses.csv')
        time.sleep(5)
        before = mount.wakeups()
        time.sleep(10)
        return [Row('wake-ups in 10 idle seconds', mount.wakeups() - before, '', None, 0, ''),
                Row('memory when idle', mount.memory('VmRSS'), '', None, 20 << 20, 'MB')]


BENCHMARKS = {function.__name__.removeprefix('bench_'): function for function in (
    bench_cold_open, bench_cold_read, bench_read_again, bench_warm_open, bench_list, bench_hundred, bench_parked,
    bench_idle)}


def table(rows: list[Row]) -> None:
    lines = [['what', 'qxfs', 'against', 'theirs', 'ratio', 'promised', ''], *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f'bench: no {", ".join(unknown)}; there are: {", ".join(BENCHMARKS)}')
    if os.geteuid() != 0:
        sys.exit('bench: needs root, to drop the page cache')
    rows = []
    for name in names:
        print(f'bench: {name} …', file=sys.stderr)
        rows += BENCHMARKS[name]()
    table(rows)


if __name__ == '__main__':
    main()
