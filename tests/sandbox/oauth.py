"""An OAuth 2 client's own bearers: minted with id and secret, grown old, refused (API.md 1.3, 1.8)."""

from __future__ import annotations

import base64
import binascii
import secrets
import string
import threading
import urllib.parse
from collections.abc import Callable

from replies import ApiError, dump
from settings import Settings
from wire import Reply, Request

PATH = '/oauth2/token'
KEY = 'oauth_token'
LETTERS = string.ascii_letters + string.digits


def random_text(length: int = 40) -> str:
    return ''.join(secrets.choice(LETTERS) for _ in range(length))


class OAuth:
    """One client of the account, and what it has minted."""

    def __init__(self, settings: Settings, clock: Callable[[], float]):
        self.settings = settings
        self.clock = clock
        self.client = (random_text(32), random_text(64))
        self.lock = threading.Lock()
        self.bearers: dict[str, float] = {}     # guarded by lock: until when each is good

    def renew_client(self) -> tuple[str, str]:
        """Its secret and all that it minted are dead at once; the new pair is the answer."""
        self.client = (self.client[0], random_text(64))
        self.forget()
        return self.client

    def expire(self) -> None:
        with self.lock:
            self.bearers = {bearer: float('-inf') for bearer in self.bearers}

    def forget(self) -> None:
        """No bearer is known any more."""
        with self.lock:
            self.bearers = {}

    def minted(self) -> list[str]:
        with self.lock:
            return list(self.bearers)

    def check(self, authorization: str) -> None:
        """Bearer (in any case); an ApiError for one that is expired, unknown, or of another data centre."""
        scheme, _, bearer = authorization.partition(' ')
        with self.lock:
            until = self.bearers.get(bearer) if scheme.lower() == 'bearer' else None
        if until is None or self.settings.oauth_elsewhere:
            raise ApiError(401, 'Unrecognized X-API-TOKEN.', 'DCD_7', '')
        if self.clock() > until:
            raise ApiError(401, 'The access token has expired.', 'AUTH_6.0')

    def mint(self, request: Request) -> Reply:
        """The errors' form is RFC 6749's: API.md has none."""
        if request.method != 'POST' or _basic(request) != self.client:
            return Reply(401, dump({'error': 'invalid_client', 'error_description': 'Client authentication failed.'}))
        form = urllib.parse.parse_qs(request.body.decode('latin-1'))
        kind = request.headers.get('content-type', '').partition(';')[0].strip()
        if kind != 'application/x-www-form-urlencoded' or form.get('grant_type') != ['client_credentials']:
            return Reply(400, dump({'error': 'unsupported_grant_type'}))
        scope = form.get('scope')
        if self.settings.scope_required and not scope:
            return Reply(400, dump({'error': 'invalid_scope'}))
        bearer = random_text()
        with self.lock:
            self.bearers[bearer] = self.clock() + self.settings.bearer_lifetime
        return Reply(200, dump({'access_token': bearer, 'token_type': 'Bearer',
                                'expires_in': int(self.settings.bearer_lifetime),
                                'scope': ' '.join(scope or ['manage:all'])}))


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, code = request.headers.get('authorization', '').partition(' ')
    try:
        name, _, secret = base64.b64decode(code, validate=True).decode().partition(':')
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if scheme.lower() == 'basic' else None
