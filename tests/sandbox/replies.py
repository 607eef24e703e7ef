"""The envelope, its errors and its paging (API.md 1.5, 1.6, 1.8)."""

from __future__ import annotations

import json
import urllib.parse
import uuid
from http import HTTPStatus

from wire import Reply, Request

ABSENT = object()
EMPTY_PAGE = 10_000_000


class ApiError(Exception):
    """An answer without a result."""

    def __init__(self, status: int, message: str, code: str | None = None, request_id: object = 'uuid',
                 more: dict | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.request_id = request_id
        self.more = more or {}


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(',', ':')).encode('utf-8', 'surrogatepass')


def status_text(status: int) -> str:
    names = {200: 'OK', 413: 'Request Entity Too Large', 503: 'Temporary Internal Server Error'}
    try:
        return f'{status} - {names.get(status) or HTTPStatus(status).phrase}'
    except ValueError:
        return f'{status} - Unknown'


def ok(result: object = ABSENT, *, meta_first: bool = False, id_first: bool = False, status: int = 200) -> Reply:
    """A success; the order of members differs between endpoints and is given here as recorded."""
    http, ident = ('httpStatus', status_text(status)), ('requestId', str(uuid.uuid4()))
    meta = dict([ident, http] if id_first else [http, ident])
    if result is ABSENT:
        document = {'meta': meta}
    elif meta_first:
        document = {'meta': meta, 'result': result}
    else:
        document = {'result': result, 'meta': meta}
    return Reply(status, dump(document))


def error_reply(error: ApiError) -> Reply:
    about: dict[str, object] = {'errorMessage': error.message}
    if error.code is not None:
        about['errorCode'] = error.code
    meta: dict[str, object] = {'httpStatus': status_text(error.status), 'error': about}
    if error.request_id == 'uuid':
        meta['requestId'] = str(uuid.uuid4())
    elif error.request_id is not ABSENT:
        meta['requestId'] = error.request_id
    meta.update(error.more)
    return Reply(error.status, dump({'meta': meta}))


def no_such_route() -> ApiError:
    """The gateway's answer to an unknown path: neither code nor requestId (API.md 1.8, probed)."""
    return ApiError(404, 'The requested resource does not exist.', None, ABSENT)


def bad(message: str, code: str = 'SANDBOX_400') -> ApiError:
    return ApiError(400, message, code)


def not_found(message: str, code: str = 'SANDBOX_404') -> ApiError:
    return ApiError(404, message, code)


def json_body(request: Request) -> dict:
    """The body as an object; 415 for another type, 400 for anything that is no JSON object."""
    kind = request.headers.get('content-type', 'application/json').split(';')[0].strip().lower()
    if kind not in ('application/json', ''):
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    try:
        value = request.json()
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise bad('The body is not valid JSON.') from None
    if not isinstance(value, dict):
        raise bad('The body must be a JSON object.')
    return value


def count_of(request: Request, name: str, default: int, most: int) -> int:
    """A number from the query, 400 if it is none or out of range."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise bad(f'Invalid request. Missing or invalid parameter {name}')
    return int(text)


def page_size(box, request: Request, default: int | None = None, most: int | None = None) -> int:
    """pageSize, by default what the settings say; over the maximum it is refused, or cut (API.md 7.3, 7.4)."""
    settings = box.settings
    default = settings.page_size if default is None else default
    most = settings.max_page_size if most is None else most
    asked = count_of(request, 'pageSize', default, EMPTY_PAGE if settings.page_size_over == 'cut' else most)
    if asked == 0:
        raise bad('Invalid request. Missing or invalid parameter pageSize')
    return min(asked, most)


def page(box, request: Request, items, make, *, token: bool = False, size: int | None = None,
         key: str | None = None) -> dict:
    """One page of a list: elements and the absolute address of the next one.

    token: the address has a skipToken instead of an offset; with key it is that member of the page's last element.
    """
    settings = box.settings
    size = settings.page_size if size is None else size
    start = _start_of(request, token, items if key else None, key)
    if start >= EMPTY_PAGE:
        return {'elements': [], 'nextPage': _address(box, request, start - EMPTY_PAGE, token)}
    take = size
    if settings.short_pages and start + size < len(items):
        take = max(1, size * (77 + start * 7 % 11) // 100)
    chosen = [make(item) for item in items[start:start + take]]
    following = start + take
    if following >= len(items):
        return {'elements': chosen, 'nextPage': None}
    if key and not settings.empty_pages:
        return {'elements': chosen, 'nextPage': _address(box, request, 0, token, items[following - 1][key])}
    return {'elements': chosen,
            'nextPage': _address(box, request, following + (EMPTY_PAGE if settings.empty_pages else 0), token)}


def _start_of(request: Request, token: bool, items: list | None, key: str | None) -> int:
    name = 'skipToken' if token and 'skipToken' in request.query else 'offset'
    text = request.query.get(name, '0')
    if items is not None and name == 'skipToken':
        found = next((number for number, item in enumerate(items, 1) if item[key] == text), None)
        if found is not None:
            return found
    if name == 'skipToken':
        text = text.removeprefix('st')
    if not text.isascii() or not text.isdigit():
        raise bad(f'Invalid request. Missing or invalid parameter {name}')
    return int(text)


def _address(box, request: Request, start: int, token: bool, word: str | None = None) -> str:
    query = [(name, value) for name, value in request.query.items()
             if name not in ('offset', 'skipToken', 'proxyDepth', 'proxyInfo')]
    query.append(('skipToken', word or f'st{start}') if token else ('offset', str(start)))
    base = box.base_url
    if box.settings.proxied_host:
        host = box.settings.proxied_host
        base = host if '://' in host else f'https://{host}'
        query += [('proxyDepth', '1'), ('proxyInfo', '{"proxyDepth":1}')]
    return f'{base}{request.raw_path}?{urllib.parse.urlencode(query)}'
