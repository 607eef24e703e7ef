"""Faults by script: which calls to which endpoint fail, and how (API.md appendix B7).

A rule names an endpoint key (or *), the calls it hits, and a kind. Kinds act at three moments: before the work
(BEFORE), on the job a call starts or polls (jobs.FORCED), on the answer (AFTER). A rule on the start of an import
decides what is stored; one on its poll may come when all is stored already.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field

import zips
from jobs import FORCED
from replies import ApiError, error_reply
from wire import Reply, Request, Stream, compress_reply

BEFORE = ('status', 'delay', 'hold', 'reset_before', 'html', 'redirect', 'auth_expired')
AFTER = ('status_after', 'reset_after', 'hold_after', 'cut', 'wrong_length', 'broken_json', 'wrong_types',
         'empty_body', 'gzip', 'corrupt', 'zip_no_directory', 'zip_two', 'zip_empty', 'zip_bomb', 'zip_name', 'throttle', 'body', 'header')
KINDS = BEFORE + AFTER + FORCED
HTML = b'<!DOCTYPE html><html><head><title>Service interruption</title></head><body><h1>Sorry</h1></body></html>'
HOSTILE = '../../../tmp/evil.csv'


@dataclass
class Rule:
    """One fault. Calls are counted from the moment the rule was made, from 1."""

    id: int
    endpoint: str
    kind: str
    nth: int | None = None          # only this call
    start: int = 1                  # the first call hit
    end: int | None = None          # the last call hit
    every: int = 1                  # of these, every k-th
    match: str | None = None        # a pattern the target must contain
    args: dict = field(default_factory=dict)
    calls: int = 0
    hits: int = 0

    def wants(self, request: Request) -> bool:
        """Count the call; does the rule hit it?"""
        if self.endpoint not in ('*', request.key) or (self.match and not re.search(self.match, request.target)):
            return False
        self.calls += 1
        if self.nth is not None:
            hit = self.calls == self.nth
        else:
            hit = self.calls >= self.start and (self.end is None or self.calls <= self.end)
            hit = hit and (self.calls - self.start + 1) % self.every == 0
        self.hits += hit
        return hit


class Reset(Exception):
    """Cut the connection with RST instead of answering."""


class Faults:
    """All rules, and the gate at which held calls wait."""

    def __init__(self) -> None:
        self.gate = threading.Condition()
        self.rules: list[Rule] = []
        self.numbers = itertools.count(1)
        self.held: Counter = Counter()
        self.epoch = 0

    def add(self, endpoint: str, kind: str, **given) -> int:
        if kind not in KINDS:
            raise ValueError(f'no fault kind {kind}')
        known = {name: given.pop(name) for name in ('nth', 'start', 'end', 'every', 'match') if name in given}
        if 'first' in given:
            known['end'] = given.pop('first')
        with self.gate:
            rule = Rule(next(self.numbers), endpoint, kind, args=given, **known)
            self.rules.append(rule)
            return rule.id

    def clear(self, ident: int | None = None) -> None:
        """Forget a rule, or all; whatever waits goes on."""
        with self.gate:
            self.rules = [rule for rule in self.rules if ident is not None and rule.id != ident]
            self.epoch += 1
            self.gate.notify_all()

    def release(self) -> None:
        """Let everything that is delayed, held or throttled go on now; rules that hold end."""
        with self.gate:
            self.rules = [rule for rule in self.rules if not rule.kind.startswith('hold')]
            self.epoch += 1
            self.gate.notify_all()

    def take(self, request: Request) -> list[Rule]:
        with self.gate:
            return [rule for rule in self.rules if rule.wants(request)]

    def wait(self, seconds: float | None, key: str = '') -> bool:
        """Wait, or until something is released: then True."""
        with self.gate:
            epoch = self.epoch
            self.held[key] += 1
            self.gate.notify_all()
            released = self.gate.wait_for(lambda: self.epoch != epoch, seconds)
            self.held[key] -= 1
            return released

    def wait_held(self, key: str, count: int, timeout: float) -> bool:
        """Block until so many calls to an endpoint wait at the gate."""
        with self.gate:
            return self.gate.wait_for(
                lambda: (sum(self.held.values()) if key == '*' else self.held[key]) >= count, timeout)

    def describe(self) -> list[dict]:
        with self.gate:
            return [asdict(rule) for rule in self.rules]


def made_reply(args: dict, default: int) -> Reply:
    """An answer a rule spells out: status, body (JSON value or text), html, content_type, retry_after, error_code."""
    status = args.get('status', default)
    if args.get('html'):
        reply = Reply(status, HTML, 'text/html; charset=utf-8')
    elif isinstance(args.get('body'), str):
        reply = Reply(status, args['body'].encode('utf-8', 'surrogatepass'))
    elif args.get('body') is not None:
        reply = Reply(status, json.dumps(args['body']).encode())
    else:
        reply = error_reply(ApiError(status, args.get('message', 'Injected fault.'),
                                     args.get('error_code', f'SANDBOX_{status}')))
    if 'content_type' in args:
        reply.content_type = args['content_type']
    if args.get('retry_after') is not None:
        reply.extra.append(('retry-after', str(args['retry_after'])))
    return reply


def before(faults: Faults, rules: list[Rule], request: Request) -> Reply | None:
    """Faults that come before the work; an answer if there is to be no work."""
    reply = None
    for rule in rules:
        args = rule.args
        if rule.kind == 'delay':
            faults.wait(float(args.get('seconds', 1.0)), request.key)
        elif rule.kind == 'hold':
            faults.wait(None, request.key)
        elif rule.kind == 'reset_before':
            raise Reset
        elif rule.kind == 'status':
            reply = made_reply(args, 500)
        elif rule.kind == 'html':
            reply = made_reply({'html': True, **args}, 200)
        elif rule.kind == 'auth_expired':
            reply = error_reply(ApiError(401, 'The access token has expired.', 'AUTH_6.0'))
        elif rule.kind == 'redirect':
            reply = Reply(args.get('status', 302), b'', None)
            reply.extra.append(('location', args['location']))
        elif rule.kind in FORCED:
            request.job_fault = rule.kind
    return reply


def after(faults: Faults, rules: list[Rule], request: Request, reply: Reply) -> Reply:
    """Faults on an answer whose work was done."""
    for rule in rules:
        if rule.kind == 'reset_after':
            raise Reset
        if rule.kind == 'hold_after':
            faults.wait(rule.args.get('seconds'), request.key)
        elif rule.kind == 'status_after':
            reply = made_reply(rule.args, 504)
        elif rule.kind in AFTER:
            SPOILERS[rule.kind](reply, rule.args)
    return reply


def _cut(reply: Reply, args: dict) -> None:
    reply.cut_at = min(int(args.get('at', 0)), reply.length())
    reply.cut_reset = bool(args.get('reset', False))


def _wrong_length(reply: Reply, args: dict) -> None:
    reply.claimed_length = int(args['length']) if 'length' in args else reply.length() + int(args.get('by', 10))


def _broken_json(reply: Reply, args: dict) -> None:
    reply.body = reply.whole()[:-max(1, int(args.get('missing', 7)))]


def _twisted(value: object) -> object:
    if isinstance(value, dict):
        return {name: _twisted(item) for name, item in value.items()}
    if isinstance(value, list):
        return {str(number): item for number, item in enumerate(value)}
    if isinstance(value, bool) or value is None:
        return 'null'
    if isinstance(value, str):
        return len(value)
    return str(value)


def _wrong_types(reply: Reply, args: dict) -> None:
    """Numbers for texts, texts for numbers, objects for arrays."""
    reply.body = json.dumps(_twisted(json.loads(reply.whole()))).encode()


def _empty(reply: Reply, args: dict) -> None:
    reply.body = b''


def _corrupt(reply: Reply, args: dict) -> None:
    """One byte of the body is another; a negative offset counts from the end."""
    held = reply.body
    source = held if isinstance(held, Stream) else Stream(len(held), lambda: iter((held,)))
    offset = int(args.get('offset', 100))
    offset += source.length if offset < 0 else 0

    def pieces():
        position = 0
        for piece in source.pieces():
            if position <= offset < position + len(piece):
                changed = bytearray(piece)
                changed[offset - position] ^= int(args.get('xor', 0xFF))
                piece = bytes(changed)
            position += len(piece)
            yield piece

    reply.body = Stream(source.length, pieces)


def _no_directory(reply: Reply, args: dict) -> None:
    whole = reply.archive.stream()
    length = reply.archive.directory_start()

    def pieces():
        left = length
        for piece in whole.pieces():
            yield piece[:left]
            left -= len(piece[:left])
            if not left:
                return

    reply.body = Stream(length, pieces)


def _archive(reply: Reply, entries: list) -> None:
    reply.body = zips.Archive(entries, reply.archive.moment).stream()


def _two(reply: Reply, args: dict) -> None:
    other = (args.get('name', 'second.csv'), zips.pack([str(args.get('text', 'a,b\r\n1,2\r\n')).encode()]))
    _archive(reply, [*reply.archive.entries, other])


def _no_entries(reply: Reply, args: dict) -> None:
    _archive(reply, [])


def _bomb(reply: Reply, args: dict) -> None:
    """Zeros, a thousand to one."""
    size = int(args.get('size', 1 << 30))
    block = b'\0' * (1 << 20)
    bomb = zips.repeated(b'', block, size // len(block), b'\0' * (size % len(block)))
    _archive(reply, [(reply.archive.entries[0][0], bomb)])


def _name(reply: Reply, args: dict) -> None:
    _archive(reply, [(args.get('name', HOSTILE), packed) for _, packed in reply.archive.entries])


def _throttle(reply: Reply, args: dict) -> None:
    reply.rate = float(args.get('rate', 1000))


def _gzip(reply: Reply, args: dict) -> None:
    compress_reply(reply)
    if args.get('cut'):
        reply.body = reply.body[:-int(args['cut'])]
    if args.get('bomb'):
        coder = zlib.compressobj(9, zlib.DEFLATED, 31)
        block = b' ' * (1 << 20)
        reply.body = b''.join(coder.compress(block) for _ in range(int(args['bomb']) >> 20)) + coder.flush()


def _body(reply: Reply, args: dict) -> None:
    """Another body (text, JSON value or html) and perhaps another status or type."""
    made = made_reply({'status': reply.status, 'content_type': reply.content_type, **args}, reply.status)
    reply.status, reply.body, reply.content_type = made.status, made.body, made.content_type


def _header(reply: Reply, args: dict) -> None:
    reply.extra.append((str(args['name']), str(args['value'])))


SPOILERS = {'cut': _cut, 'wrong_length': _wrong_length, 'broken_json': _broken_json, 'wrong_types': _wrong_types,
            'empty_body': _empty, 'gzip': _gzip, 'corrupt': _corrupt, 'zip_no_directory': _no_directory,
            'zip_two': _two, 'zip_empty': _no_entries, 'zip_bomb': _bomb, 'zip_name': _name, 'throttle': _throttle,
            'body': _body, 'header': _header}
