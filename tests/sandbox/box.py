"""The sandbox as a whole, and what happens to one call (check order of API.md appendix B1)."""

from __future__ import annotations

import base64
import binascii
import json
import random
import secrets
import string
import threading
import time
import urllib.parse

import faults
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

OAUTH = '/oauth2/token'
CLIENT = ('sandbox-client', 'sandbox-secret')
TOKEN_LETTERS = string.ascii_letters + string.digits


def random_token() -> str:
    return ''.join(secrets.choice(TOKEN_LETTERS) for _ in range(40))


class Box:
    """Everything behind the port."""

    def __init__(self, account: Account, settings: Settings, token: str):
        self.account = account
        self.settings = settings
        self.token = token
        self.base_url = ''
        self.skipped = 0.0              # seconds the tests moved the clock on
        self.bearers: dict[str, float] = {}
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
        if request.raw_path == OAUTH:
            request.key = 'oauth_token'
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
        if request.key == 'oauth_token':
            return self._mint(request)
        self._authorize(request)
        if self.settings.limits and in_flight > self.settings.max_in_flight:
            raise ApiError(429, 'Too many requests are in flight.', 'SANDBOX_429')
        if not self.limits.take(request.key):
            raise ApiError(429, 'Too Many Requests', 'SANDBOX_429')
        if self.settings.percent_500 and self.dice.random() * 100 < self.settings.percent_500:
            raise ApiError(500, 'Internal Server Error', 'SANDBOX_500', more={'instanceId': 'sandbox'})
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
        scheme, _, bearer = authorization.partition(' ')
        if scheme.lower() != 'bearer' or bearer not in self.bearers:
            raise ApiError(401, 'Unrecognized X-API-TOKEN.', 'DCD_7', '')
        if self.clock() > self.bearers[bearer]:
            raise ApiError(401, 'The access token has expired.', 'AUTH_6.0')

    def _mint(self, request: Request) -> Reply:
        """Client credentials (API.md 1.3): id and secret are CLIENT's."""
        kind, _, code = request.headers.get('authorization', '').partition(' ')
        try:
            given = base64.b64decode(code, validate=True).decode().partition(':')
        except (binascii.Error, UnicodeDecodeError):
            given = ('', '', '')
        form = urllib.parse.parse_qs(request.body.decode('latin-1'))
        if request.method != 'POST' or kind.lower() != 'basic' or (given[0], given[2]) != CLIENT:
            return Reply(401, dump({'error': 'invalid_client'}))
        if form.get('grant_type') != ['client_credentials']:
            return Reply(400, dump({'error': 'unsupported_grant_type'}))
        bearer = random_token()
        self.bearers[bearer] = self.clock() + 3599
        return Reply(200, dump({'access_token': bearer, 'token_type': 'Bearer', 'expires_in': 3599,
                                'scope': ' '.join(form.get('scope', ['manage:all']))}))

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
