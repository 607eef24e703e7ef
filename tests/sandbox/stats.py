"""What came in: every call with its time and answer, how many at once, and waiting for calls to come."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from wire import Request

KEEP = 20_000
KEEP_BODY = 16_384


class Stats:
    """The log of calls; the side door itself is never in it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        with self.changed:
            self.log: deque = deque(maxlen=KEEP)
            self.arrived: Counter = Counter()
            self.answered: Counter = Counter()
            self.statuses: Counter = Counter()
            self.most_in_flight = self.in_flight
            self.most_jobs = 0
            self.started = time.monotonic()
            self.changed.notify_all()

    def arrive(self, request: Request) -> int:
        """Log a call; how many are in flight now, with it."""
        entry = {'method': request.method, 'path': request.raw_path, 'query': request.raw_query,
                 'headers': request.header_names, 'endpoint': request.key, 'time': time.time(), 'status': None,
                 'token': 'x-api-token' in request.headers or 'authorization' in request.headers,
                 'body': request.body[:KEEP_BODY].decode('utf-8', 'replace'), 'body_bytes': len(request.body),
                 'bytes': 0,
                 'idempotency_key': request.headers.get('idempotency-key'),
                 'accept_encoding': request.headers.get('accept-encoding'),
                 'user_agent': request.headers.get('user-agent'), 'seconds': None}
        request.entry = entry
        with self.changed:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.log.append(entry)
            self.arrived[request.key] += 1
            self.arrived['*'] += 1
            self.changed.notify_all()
            return self.in_flight

    def finish(self, request: Request, status: int | None) -> None:
        """The last byte is about to go out, or the connection to be cut (status None). Counts once."""
        with self.changed:
            if request.finished:
                return
            request.finished = True
            self.in_flight -= 1
            request.entry['status'] = status
            request.entry['seconds'] = round(time.monotonic() - request.arrived, 6)
            self.answered[request.key] += 1
            self.answered['*'] += 1
            self.statuses[str(status)] += 1
            self.changed.notify_all()

    def jobs(self, running: int) -> None:
        with self.changed:
            self.most_jobs = max(self.most_jobs, running)

    def wait_for(self, key: str, count: int, timeout: float, answered: bool = False) -> bool:
        """Block until so many calls to an endpoint came in (or were answered) since the last reset."""
        with self.changed:
            return self.changed.wait_for(lambda: (self.answered if answered else self.arrived)[key] >= count, timeout)

    def wait_idle(self, timeout: float) -> bool:
        """Block until nothing is in flight."""
        with self.changed:
            return self.changed.wait_for(lambda: self.in_flight == 0, timeout)

    def summary(self) -> dict:
        with self.changed:
            return {'counts': dict(self.arrived), 'answered': dict(self.answered), 'statuses': dict(self.statuses),
                    'in_flight': self.in_flight, 'most_in_flight': self.most_in_flight, 'most_jobs': self.most_jobs,
                    'refused_429': self.statuses['429'], 'seconds': round(time.monotonic() - self.started, 3)}
