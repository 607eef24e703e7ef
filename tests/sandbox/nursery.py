"""Many sandboxes from one process that has read and made everything already, for tests that need one each.

Each line of stdin is a JSON object. {"start": [arguments of __main__]} is answered by `BASE_URL TOKEN PID`,
{"stop": PID} by `ended`. All sandboxes end with stdin.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import time

import __main__ as program
import demo
import exports
from account import Account
from box import Box
from settings import Settings

PR_SET_PDEATHSIG = 1
PATIENCE = 5.0          # seconds, for an orderly end


class Nursery:
    """The process that all of them are forked from."""

    def __init__(self) -> None:
        self.account: Account = demo.account(program.CONTACTS)
        box = Box(self.account, Settings(), '')
        for survey in self.account.surveys.values():
            if survey.base <= exports.AT_ONCE:
                exports.full_entry(box, survey, {})
        self.made = box.exports.cache
        self.children: set[int] = set()
        gc.freeze()         # or each child would copy it all at its first collection

    def start(self, given: list[str]) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self.children.add(pid)
            return
        try:
            self._live(given)
        finally:
            print('failed', flush=True)
            os._exit(1)

    def _live(self, given: list[str]) -> None:
        """In the child; does not return."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        options = program.arguments(given)
        box = program.box(options, self.account)
        if box.account is self.account:
            box.exports.cache.update(self.made)
        program.serve(box, options, f' {os.getpid()}')

    def stop(self, pid: int) -> None:
        self.children.discard(pid)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + PATIENCE
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.002)

    def run(self) -> None:
        for line in iter(sys.stdin.readline, ''):
            order = json.loads(line)
            if 'start' in order:
                self.start(order['start'])
            else:
                self.stop(order['stop'])
                print('ended', flush=True)
        for pid in list(self.children):
            self.stop(pid)
