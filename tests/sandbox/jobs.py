"""Jobs of any kind: when they run, how often they are polled, how many at once (API.md 2, 3.1, 4.1, 8.1).

What an import brings is stored when the job's time has passed, whether anybody polls or not (settle); polls only
decide when that is told. Imports of one lane, as into one mailing list, are stored and told in the order they came.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import uuid
from collections import deque

from replies import ApiError, not_found
from rows import make_id

GOLDEN = 1.2360679774997896       # its multiples spread evenly between 0 and 2
ODD_PERCENT = 83.33333333333334
# What a fault may force on a job: it fails; its polls find nothing although it was done, or because it was not; it
# never ends; it is complete without a file id or without a file.
FORCED = ('job_failed', 'job_vanished', 'job_lost', 'job_never_ends', 'no_file_id', 'file_404')
GONE = ('job_vanished', 'job_lost')


class Job:
    """A running or finished job around the work it does."""

    def __init__(self, work, ident: str, owner: str, polls: int, seconds: float, now: float, number: int):
        self.work = work
        self.id = ident
        self.owner = owner
        self.polls = polls
        self.seconds = seconds
        self.started = now
        self.number = number
        self.polled = 0
        self.forced: str | None = None
        self.state = 'running'
        self.held = False
        self.done = 0.0
        self.lane = getattr(work, 'lane', None) or ident

    def percent(self, settings) -> float:
        """Not smooth: usually 0.0 until it is 100.0."""
        if settings.odd_percent_every and self.number % settings.odd_percent_every == 0 and self.polled >= self.polls:
            return ODD_PERCENT
        return self.step(settings.job_percents)

    def broken(self) -> bool:
        """Does it end as failed, whether that was told or not?"""
        return self.forced == 'job_failed' or self.work.failed()

    def step(self, percents: list) -> float:
        """Of some percentages, one for each poll, that of the last poll."""
        return float(percents[min(max(self.polled - 1, 0), len(percents) - 1)]) if percents else 0.0


class Jobs:
    """All jobs of the account."""

    def __init__(self, box):
        self.box = box
        self.lock = threading.RLock()
        self.moved = threading.Condition(self.lock)
        self.table: dict[str, Job] = {}
        self.files: dict[str, Job] = {}
        self.holding = False
        self.number = 0
        self.reserved = 0
        self.pending: dict[str, deque[Job]] = {}        # lane -> imports that are not stored yet
        self.lanes: dict[str, list[Job]] = {}           # lane -> imports whose end was not told yet
        self.free_at: dict[str, float] = {}             # lane -> when its last import ended
        self.storing = threading.Lock()

    @contextlib.contextmanager
    def opening(self):
        """Reserve a place among the running jobs, and yield what puts the job there; 429 beyond the ceiling."""
        with self.lock:
            running = self.running() + self.reserved + 1
            if self.box.settings.limits and running > self.box.settings.max_jobs:
                raise self.box.limits.refuse('jobs', 'Too many jobs are running at the same time.', 'max_jobs')
            self.box.stats.jobs(running)
            self.reserved += 1
        place = [True]
        try:
            yield functools.partial(self._add, place)
        finally:
            with self.lock:
                self.reserved -= len(place)

    def _add(self, place: list, work, owner: str, forced: str | None, polls: int, seconds: float) -> Job:
        with self.lock:
            # The job takes its place: counted as both, another start would meet the ceiling one job early.
            place.pop()
            self.reserved -= 1
            self.number += 1
            spread = self.box.settings.job_spread * (self.number * GOLDEN % 2 - 1)
            job = Job(work, make_id(work.prefix, uuid.uuid4()), owner, polls, seconds * (1 + spread), self.box.clock(),
                      self.number)
            job.forced = forced
            job.held = self.holding
            self.table[job.id] = job
            if getattr(work, 'file_id', None):
                self.files[work.file_id] = job
            if hasattr(work, 'store'):
                self.pending.setdefault(job.lane, deque()).append(job)
                self.lanes.setdefault(job.lane, []).append(job)
            return job

    def find(self, ident: str, owner: str, prefix: str) -> Job:
        with self.lock:
            job = self.table.get(ident)
        if job is None or job.owner != owner or not ident.startswith(prefix):
            raise not_found('Job not found.')
        return job

    def by_file(self, file_id: str, owner: str) -> Job | None:
        with self.lock:
            job = self.files.get(file_id)
        return job if job and job.owner == owner and job.state == 'complete' else None

    def poll(self, job: Job) -> str:
        """One poll: running, complete or failed; 404 if the job is no longer known. While one before it in its lane
        is not told to have ended, the poll counts for that one."""
        with self.lock:
            if job.forced in GONE:
                raise not_found('Job not found.')
            while job.state == 'running':
                first = self._front(job)
                if self._still_runs(first):
                    first.polled += 1
                    break
                self._end(first)
            return job.state

    def _front(self, job: Job) -> Job:
        """The first of its lane whose end was not told."""
        return next((other for other in self.lanes.get(job.lane, ()) if other.forced not in GONE), job)

    def settle(self) -> None:
        """Store what is due, each lane in its order."""
        if not self.pending and not self.storing.locked():
            return
        with self.storing:
            while (job := self._due()) is not None:
                share = {'job_failed': self.box.settings.failed_import_does, 'job_lost': 0.0}.get(job.forced, 1.0)
                job.work.store(share)

    def _due(self) -> Job | None:
        """Take the next import whose time has passed out of its lane."""
        now = self.box.clock()
        with self.lock:
            for lane, waiting in self.pending.items():
                job = waiting[0]
                end = max(job.started, self.free_at.get(lane, 0.0)) + job.seconds
                if job.held or job.forced == 'job_never_ends' or now < end:
                    continue
                waiting.popleft()
                self.free_at[lane] = end
                if not waiting:
                    del self.pending[lane]
                return job
        return None

    def _still_runs(self, job: Job) -> bool:
        return (job.held or job.forced == 'job_never_ends' or job.polled < job.polls
                or self.box.clock() - job.started < job.seconds or not job.work.ready())

    def _end(self, job: Job) -> None:
        job.state = 'failed' if job.broken() else 'complete'
        job.done = self.box.clock()
        if job in self.lanes.get(job.lane, ()):
            self.lanes[job.lane].remove(job)
        self.moved.notify_all()

    def forget(self) -> None:
        """All jobs and files are gone; what was to be stored still will be."""
        with self.lock:
            self.table.clear()
            self.files.clear()
            self.lanes.clear()

    def running(self) -> int:
        """How many run, as the service counts them: one nobody polls is over after a while."""
        now = self.box.clock()
        with self.lock:
            return sum(1 for job in self.table.values() if job.state == 'running' and (
                job.held or now - job.started < self.box.settings.job_lifetime))

    def hold(self) -> None:
        """No job ends from now on."""
        with self.lock:
            self.holding = True
            for job in self.table.values():
                job.held = job.state == 'running'

    def release(self, count: int | None = None) -> int:
        """Let all held jobs go on, or the oldest few; later ones are held only if some are still."""
        with self.lock:
            held = [job for job in self.table.values() if job.held]
            for job in held[:count]:
                job.held = False
            if count is None:
                self.holding = False
            self.moved.notify_all()
            return len(held[:count])

    def changed(self) -> None:
        with self.lock:
            self.moved.notify_all()

    def wait_ready(self, timeout: float) -> bool:
        """Block until every export's content is made."""
        with self.lock:
            return self.moved.wait_for(lambda: all(job.work.ready() for job in self.table.values()
                                                   if not hasattr(job.work, 'store')), timeout)

    def describe(self) -> list[dict]:
        with self.lock:
            return [{'id': job.id, 'owner': job.owner, 'state': job.state, 'polled': job.polled, 'held': job.held,
                     'forced': job.forced, 'seconds': job.seconds, 'ready': job.work.ready(),
                     'file': getattr(job.work, 'file_id', None),
                     'params': getattr(job.work, 'params', None)} for job in self.table.values()]
