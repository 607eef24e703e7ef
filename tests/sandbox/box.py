"""The sandbox as a whole, and what happens to one call (check order of API.md appendix B1)."""

from __future__ import annotations

import json
import random
import secrets
import threading
import time

import faults
import oauth
import routes
from account import Account
from books import Books
from exports import Exports
from jobs import Jobs
from limits import Limits
from replies import ABSENT, ApiError, dump, error_reply, no_such_route
from settings import Settings
from stats import Stats
from survey_imports import Ceiling
from wire import Reply, Request, compress_reply

def random_token() -> str:
    return oauth.random_text(40)


class Box:
    """Everything behind the port."""

    def __init__(self, account: Account, settings: Settings, token: str):
        self.account = account
        self.settings = settings
        self.token = token
        self.base_url = ''
        self.skipped = 0.0              # seconds the tests moved the clock on
        self.oauth = oauth.OAuth(settings, self.clock)
        self.stats = Stats()
        self.faults = faults.Faults()
        self.limits = Limits(settings, self.clock, routes.LIMITS)
        self.jobs = Jobs(self)
        self.exports = Exports(self)
        self.books = Books()
        self.survey_imports = Ceiling()
        self.keys: dict[str, tuple[str, str]] = {}
        self.keys_lock = threading.Lock()
        self.remote_files: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.pending: dict[str, int] = {}
        self.dice = random.Random(settings.random_seed)

    def clock(self) -> float:
        return time.monotonic() + self.skipped

    def name(self, request: Request) -> routes.Route | None:
        """Find the endpoint of a call and note its key."""
        if request.raw_path == oauth.PATH:
            request.key = oauth.KEY
            return None
        route, request.args = routes.find(request.method, request.raw_path, self.settings)
        request.key = route.key if route else 'unknown'
        return route

    def answer(self, request: Request, route: routes.Route | None, in_flight: int) -> Reply:
        """The answer to one call, faults included. faults.Reset: cut the connection instead."""
        rules = self.faults.take(request)
        self.books.open(request)
        reply = faults.before(self.faults, rules, request)
        if reply is None:
            try:
                reply = self._checked(request, route, in_flight)
            except ApiError as error:
                reply = error_reply(error)
                self._refused(reply)
                if request.book is not None:
                    request.book.refused = True
        if self.settings.notice:
            self._add_notice(reply)
        reply = faults.after(self.faults, rules, request, reply)
        if request.book is not None:
            request.book.status = reply.status
        self._code(request, reply)
        return reply

    def _checked(self, request: Request, route: routes.Route | None, in_flight: int) -> Reply:
        if request.key == 'unknown':
            raise no_such_route()
        if request.method == 'POST' and not request.sent_body:
            raise ApiError(411, 'Length Required', None, ABSENT)
        if request.key != oauth.KEY:
            self._authorize(request)
        if self.settings.limits and in_flight > self.settings.max_in_flight:
            raise self.limits.refuse('in flight', 'Too many requests are in flight.', 'max_in_flight')
        if not self.limits.take(request.key):
            raise self.limits.refuse(request.key, 'Too Many Requests', 'endpoint_limits', 'brand_limit')
        if self.settings.percent_500 and self.dice.random() * 100 < self.settings.percent_500:
            raise ApiError(500, 'Internal Server Error', 'SANDBOX_500', more={'instanceId': 'sandbox'})
        if request.key == oauth.KEY:
            return self.oauth.mint(request)
        self.jobs.settle()
        return route.handler(self, request, request.args)

    def _authorize(self, request: Request) -> None:
        token = request.headers.get('x-api-token')
        authorization = request.headers.get('authorization', '')
        if token is None and not authorization:
            raise ApiError(400, 'Expected authorization in headers, but none provided.', 'ATP_2')
        if token is not None:
            if not secrets.compare_digest(token.encode('latin-1', 'replace'), self.token.encode()):
                raise ApiError(401, 'Unrecognized X-API-TOKEN.', 'DCD_7')
            return
        self.oauth.check(authorization)

    def _refused(self, reply: Reply) -> None:
        if reply.status == 429 and self.settings.retry_after is not None:
            reply.extra.append(('retry-after', self.settings.retry_after))

    def _add_notice(self, reply: Reply) -> None:
        if reply.content_type == 'application/json' and reply.length():
            document = json.loads(reply.whole())
            if isinstance(document.get('meta'), dict):
                document['meta']['notice'] = self.settings.notice
                reply.body = dump(document)

    def _code(self, request: Request, reply: Reply) -> None:
        settings = self.settings
        is_json = reply.content_type == 'application/json'
        if any(name == 'content-encoding' for name, _ in reply.extra):
            return
        if 'gzip' in request.headers.get('accept-encoding', '') and (
                settings.gzip_json if is_json else settings.gzip_files):
            compress_reply(reply)
        elif is_json and settings.chunked_json and reply.length() and reply.claimed_length is None:
            reply.chunked = True
