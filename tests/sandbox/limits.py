"""Leaky buckets, one for each endpoint and one for the brand, both counted at once (API.md 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from replies import ApiError
from settings import Settings

OWN = Settings()    # the service's figures, as far as they are known


class Bucket:
    """Holds a minute's calls and drains evenly; a call that does not fit is refused and not counted."""

    def __init__(self) -> None:
        self.level = 0.0
        self.seen = 0.0

    def drained(self, now: float, per_minute: int) -> float:
        return max(0.0, self.level - (now - self.seen) * per_minute / 60.0)


class Limits:
    """Decides whether a call fits."""

    def __init__(self, settings, clock: Callable[[], float], table: dict[str, int]):
        self.settings = settings
        self.clock = clock
        self.table = table
        self.buckets: dict[str, Bucket] = {}
        self.lock = threading.Lock()
        self.exceeded: list[str] = []       # what of the service's own figures was not kept, since the start

    def figure(self, key: str) -> int:
        if key == 'brand':
            return self.settings.brand_limit
        return self.settings.endpoint_limits.get(key, self.table.get(key, self.settings.brand_limit))

    def refuse(self, what: str, words: str, *knobs: str) -> ApiError:
        """The 429 for a limit, noted unless a test has turned one of its knobs."""
        if all(getattr(self.settings, knob) == getattr(OWN, knob) for knob in knobs):
            with self.lock:
                self.exceeded.append(what)
        return ApiError(429, words, 'SANDBOX_429')

    def take(self, key: str) -> bool:
        """Count a call; False if the endpoint's or the brand's bucket is full."""
        if not self.settings.limits:
            return True
        with self.lock:
            now = self.clock()
            levels = []
            for name in (key, 'brand'):
                bucket = self.buckets.setdefault(name, Bucket())
                level = bucket.drained(now, self.figure(name))
                if level + 1 > self.figure(name):
                    return False
                levels.append((bucket, level + 1))
            for bucket, level in levels:
                bucket.level, bucket.seen = level, now
            return True

    def levels(self) -> dict[str, float]:
        with self.lock:
            now = self.clock()
            return {name: round(bucket.drained(now, self.figure(name)), 3) for name, bucket in self.buckets.items()}

    def reset(self) -> None:
        with self.lock:
            self.buckets.clear()
