"""Recorded exchanges, played back: the same requests get the very bytes the service once sent.

What was not recorded answers the codeless 404 of an unknown route. Three liberties, none of them with `strict`:
- whoami, which is in no recording, is made up, for nothing can be mounted without it;
- parameters that change no more than a page's size or a count may be there or not;
- an export is matched by its parameters with the defaults filled in, else by the one recorded for the same survey and
  format that has most of them.
Addresses a client may follow (nextPage, the host of a notice) point here, so that no test ever asks the real service.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

import params
import routes
from account import Account
from box import Box
from replies import no_such_route, ok
from settings import Settings
from wire import Reply, Request

LOOSE = frozenset(('pageSize', 'useNewPaginationScheme', 'includeCount', 'includeEmbedded', 'surveyId'))
HOPS = frozenset(('content-length', 'content-encoding', 'transfer-encoding', 'connection', 'vary'))
NEXT_PAGE = re.compile(rb'("nextPage":")https?://[^/"]+')
NOTICE = re.compile(rb'(use this host instead: )[\w.:-]+')
OWNER = re.compile(rb'"ownerId":"(UR_\w+)"')


@dataclass
class Exchange:
    """One recorded request and its answer."""

    file: str
    moment: float
    method: str
    path: str
    query: dict
    asked: object                   # the body as JSON; None for anything else
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    next: list['Exchange'] = field(default_factory=list)    # answers to the same request later in the recording

    def fits(self, request: Request, strict: bool) -> bool:
        query = {name: value for name, value in request.query.items() if (name, value) != ('offset', '0')}
        if strict:
            return query == self.query
        return (all(query.get(name, value if name in LOOSE else None) == value for name, value in self.query.items())
                and all(name in LOOSE for name in query if name not in self.query))


def _plain(path: str) -> str:
    return re.sub('/{2,}', '/', path).rstrip('/')


def _exchange(folder: Path, name: str, item: dict) -> Exchange:
    request, answer = item['request'], item['response']
    moment = parsedate_to_datetime(answer['headers']['date']).timestamp()
    parts = urllib.parse.urlsplit(request['uri'])
    if 'body_file' in answer:
        body = (folder / answer['body_file']).read_bytes()
        if hashlib.sha256(body).hexdigest() != answer['body_sha256']:
            raise ValueError(f'{answer["body_file"]} is not what was recorded')
    else:
        body = answer['body'].encode()
    try:
        asked = json.loads(request['body']) if request['body'] else None
    except ValueError:
        asked = None
    headers = [(key, value) for key, value in answer['headers'].items() if key.lower() not in HOPS]
    return Exchange(name, moment, request['method'], _plain(parts.path), dict(urllib.parse.parse_qsl(parts.query)),
                    asked, answer['status'], headers, body)


def load(folder: str | Path, names: tuple[str, ...] = ()) -> list[Exchange]:
    """What a folder of recordings holds, the newest first. names: only these recordings. ValueError if it is none."""
    folder = Path(folder)
    found = []
    for path in sorted(folder.glob('*.json')):
        if names and path.stem not in names:
            continue
        items = json.loads(path.read_text())['interactions']
        firsts: list[Exchange] = []
        for item in items:
            made = _exchange(folder, path.stem, item)
            first = next((one for one in firsts if (one.method, one.path, one.query, one.asked) == (
                made.method, made.path, made.query, made.asked)), None)
            (firsts if first is None else first.next).append(made)
        found += firsts
    if not found or set(names) - {item.file for item in found}:
        raise ValueError(f'{folder}: no recording, or not {", ".join(names)}')
    return sorted(found, key=lambda item: -item.moment)


class Replay(Box):
    """The recordings behind the port. Faults, counts and limits of the side door work as on an account."""

    def __init__(self, exchanges: list[Exchange], settings: Settings, token: str, strict: bool):
        super().__init__(Account({}, ''), settings, token)
        self.exchanges = exchanges
        self.strict = strict
        self.lock = threading.Lock()
        self.places: dict[int, int] = {}        # id of an exchange -> how many of its answers were given
        self.finder = dataclasses.replace(settings, legacy=True)
        owner = next((found for item in exchanges if (found := OWNER.search(item.body))), None)
        self.account.user = {'brandId': 'replay', 'userId': owner[1].decode() if owner else 'UR_replay',
                             'userName': 'replay@example.com', 'accountType': 'UT_BRANDADMIN', 'firstName': 'Re',
                             'lastName': 'Play', 'email': 'replay@example.com', 'datacenter': 'replay',
                             'language': 'en'}

    def name(self, request: Request) -> routes.Route | None:
        known, request.args = routes.find(request.method, request.raw_path, self.finder)
        found = self.choose(request)
        made_up = known is not None and known.key == 'whoami' and not self.strict
        if found is None and not made_up:
            request.key = known.key if known else 'unknown'     # a fault may answer it all the same
            return dataclasses.replace(known, handler=_not_recorded) if known else None
        route = known or routes.Route('recorded', request.method, request.raw_path, 3000, ok)
        request.key = route.key
        return dataclasses.replace(route, handler=lambda box, asked, args: self.give(found))

    def choose(self, request: Request) -> Exchange | None:
        """The recorded request this one is."""
        path = _plain(request.raw_path)
        fitting = [item for item in self.exchanges if (item.method, item.path) == (request.method, path)
                   and item.fits(request, self.strict)]
        if request.method != 'POST' or not any(item.asked is not None for item in fitting):
            return fitting[0] if fitting else None
        try:
            asked = params.DEFAULTS | request.json()
        except (ValueError, TypeError):
            return None
        best = max(fitting, key=lambda item: _likeness(item, asked))
        same = params.DEFAULTS | best.asked == asked if not self.strict else best.asked == request.json()
        return best if same or (not self.strict and best.asked.get('format') == asked['format']) else None

    def give(self, exchange: Exchange | None) -> Reply:
        """The next answer to a request; the last one stays. A POST begins its recording anew."""
        if exchange is None:
            return ok(dict(self.account.user), id_first=True)
        with self.lock:
            if exchange.method == 'POST':
                for item in self.exchanges:
                    if item.file == exchange.file:
                        self.places.pop(id(item), None)
            answers = [exchange, *exchange.next]
            place = self.places.get(id(exchange), 0)
            self.places[id(exchange)] = min(place + 1, len(answers) - 1)
        answer = answers[place]
        kind = next((value for name, value in answer.headers if name.lower() == 'content-type'), None)
        body = answer.body
        if kind and kind.startswith('application/json'):
            host = self.base_url.encode()
            body = NOTICE.sub(rb'\g<1>' + host.partition(b'://')[2], NEXT_PAGE.sub(rb'\g<1>' + host, body))
        reply = Reply(answer.status, body, kind)
        reply.head = answer.headers
        return reply


def _not_recorded(box, request: Request, args: dict) -> Reply:
    raise no_such_route()


def _likeness(exchange: Exchange, asked: dict) -> tuple[bool, int]:
    recorded = params.DEFAULTS | exchange.asked
    return recorded['format'] == asked['format'], sum(recorded[name] == asked.get(name) for name in recorded)
