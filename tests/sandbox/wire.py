"""HTTP/1.1 as the gateway speaks it: requests in, replies out, whole or broken on purpose (API.md 1.4, 1.7)."""

from __future__ import annotations

import json
import socket
import struct
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http import HTTPStatus

MAX_LINE = 65536
MAX_BODY = 64 * 1024 * 1024
PIECE = 256 * 1024
CSP = ("frame-ancestors 'self' *.qualtrics.com *.my.salesforce.com *.visualforce.com *.visual.force.com "
       '*.lightning.force.com; report-uri https://sjc1.qualtrics.com/csp-report')


class Gone(Exception):
    """The client is no longer there, or what it sent is no HTTP."""


class Request:
    """One request, read whole."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | None):
        self.method = method
        self.target = target
        path, _, query = target.partition('?')
        self.raw_path = path
        self.path = urllib.parse.unquote(path)
        self.raw_query = query
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in headers}
        self.header_names = [name for name, _ in headers]
        self.body = body or b''
        self.sent_body = body is not None
        self.key = ''
        self.args: dict[str, str] = {}
        self.arrived = time.monotonic()
        self.job_fault: str | None = None
        self.book: object = None             # its entry in the books, if it is to bring something (books.py)
        self.finished = False

    def json(self) -> object:
        """The body as JSON, ValueError if it is none."""
        return json.loads(self.body.decode('utf-8'))


class Stream:
    """A body too large to hold: its length, and a way to make its pieces."""

    def __init__(self, length: int, pieces: Callable[[], Iterator[bytes]]):
        self.length = length
        self.pieces = pieces

    def read(self) -> bytes:
        return b''.join(self.pieces())


class Reply:
    """An answer and, if a fault wants it, how to spoil it on the way out."""

    def __init__(self, status: int, body: bytes | Stream = b'', content_type: str | None = 'application/json'):
        self.status = status
        self.body = body
        self.content_type = content_type
        self.extra: list[tuple[str, str]] = []
        self.chunked = False
        self.close = False
        self.cut_at: int | None = None       # bytes of the body that go out
        self.cut_reset = False               # RST instead of an orderly close
        self.claimed_length: int | None = None
        self.rate: float | None = None       # bytes a second
        self.head: list[tuple[str, str]] | None = None      # headers instead of the gateway's usual ones
        self.archive: object = None          # what an export file was made of, for the ZIP faults

    def length(self) -> int:
        return self.body.length if isinstance(self.body, Stream) else len(self.body)

    def pieces(self) -> Iterator[bytes]:
        if isinstance(self.body, Stream):
            return self.body.pieces()
        return (self.body[i:i + PIECE] for i in range(0, len(self.body), PIECE))

    def whole(self) -> bytes:
        return self.body.read() if isinstance(self.body, Stream) else self.body


def reset(sock: socket.socket) -> None:
    """Close with RST, whatever is still in the buffers."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()
    except OSError:
        pass


def read_request(rfile, sock: socket.socket) -> Request | None:
    """The next request on a connection; None at its end."""
    line = rfile.readline(MAX_LINE)
    if line in (b'\r\n', b'\n'):
        line = rfile.readline(MAX_LINE)
    if not line:
        return None
    words = line.decode('latin-1').split()
    if len(words) != 3 or not words[2].startswith('HTTP/1.'):
        raise Gone(f'no request line: {line[:80]!r}')
    headers = _read_headers(rfile)
    lowered = {name.lower(): value for name, value in headers}
    if lowered.get('expect', '').lower() == '100-continue':
        sock.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
    request = Request(words[0], words[1], headers, _read_body(rfile, lowered))
    if words[2] == 'HTTP/1.0':
        request.headers.setdefault('connection', 'close')
    return request


def _read_headers(rfile) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    while True:
        line = rfile.readline(MAX_LINE)
        if not line:
            raise Gone('the headers end in the middle')
        if line in (b'\r\n', b'\n'):
            return headers
        name, colon, value = line.decode('latin-1').partition(':')
        if not colon or len(headers) > 200:
            raise Gone('bad header')
        headers.append((name.strip(), value.strip()))


def _read_body(rfile, headers: dict[str, str]) -> bytes | None:
    if headers.get('transfer-encoding', '').lower() == 'chunked':
        return _read_chunks(rfile)
    if 'content-length' not in headers:
        return None
    if not headers['content-length'].isdigit() or int(headers['content-length']) > MAX_BODY:
        raise Gone('bad Content-Length')
    length = int(headers['content-length'])
    body = rfile.read(length)
    if len(body) != length:
        raise Gone('the body ends in the middle')
    return body


def _read_chunks(rfile) -> bytes:
    body = bytearray()
    while True:
        try:
            size = int(rfile.readline(MAX_LINE).split(b';')[0], 16)
        except ValueError:
            raise Gone('bad chunk') from None
        if size == 0:
            while rfile.readline(MAX_LINE) not in (b'\r\n', b'\n', b''):
                pass
            return bytes(body)
        body += rfile.read(size)
        rfile.readline(MAX_LINE)
        if len(body) > MAX_BODY:
            raise Gone('body too large')


def _usual(reply: Reply, milliseconds: int) -> list[tuple[str, str]]:
    """The headers of 2025, in their order."""
    lines = [('request-time', str(milliseconds)), ('x-frame-options', 'DENY'), ('x-xss-protection', '1; mode=block')]
    lines += [pair for pair in reply.extra if pair[0] == 'content-disposition']
    lines.append(('x-permitted-cross-domain-policies', 'master-only'))
    if reply.content_type:
        lines.append(('content-type', reply.content_type))
    lines += _length(reply)
    lines += [('referrer-policy', 'strict-origin-when-cross-origin'), ('x-content-type-options', 'nosniff'),
              ('permissions-policy', 'camera=(), geolocation=(), microphone=()'),
              ('content-security-policy-report-only', CSP), ('date', formatdate(usegmt=True)),
              ('strict-transport-security', 'max-age=63072000; includeSubDomains; preload')]
    return lines + [pair for pair in reply.extra if pair[0] != 'content-disposition']


def _length(reply: Reply) -> list[tuple[str, str]]:
    if reply.chunked:
        return [('transfer-encoding', 'chunked')]
    if reply.status == 204:
        return []
    return [('content-length', str(reply.length() if reply.claimed_length is None else reply.claimed_length))]


def _head(reply: Reply, milliseconds: int, keep: bool) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = 'Unknown'
    if reply.head is None:
        lines = _usual(reply, milliseconds)
    else:
        lines = reply.head + _length(reply) + reply.extra
    if not keep:
        lines.append(('connection', 'close'))
    text = f'HTTP/1.1 {reply.status} {phrase}\r\n' + ''.join(f'{name}: {value}\r\n' for name, value in lines)
    return (text + '\r\n').encode('latin-1', 'replace')


def compress_reply(reply: Reply) -> None:
    """gzip the body, as the gateway did in 2020: Content-Length is then the coded one."""
    coder = zlib.compressobj(6, zlib.DEFLATED, 31)
    reply.body = coder.compress(reply.whole()) + coder.flush()
    reply.extra += [('content-encoding', 'gzip'), ('vary', 'Accept-Encoding')]


def send_reply(sock: socket.socket, request: Request, reply: Reply, before_last: Callable[[], None],
               wait: Callable[[float], bool]) -> bool:
    """Send; False if the connection is over. before_last runs before the last byte is handed to the socket."""
    spoiled = reply.cut_at is not None or reply.claimed_length is not None
    keep = not (reply.close or spoiled or request.headers.get('connection', '').lower() == 'close')
    head = _head(reply, int((time.monotonic() - request.arrived) * 1000), keep)
    if request.method == 'HEAD' or reply.length() == 0 or reply.cut_at == 0:
        before_last()
        sock.sendall(head + (b'0\r\n\r\n' if reply.chunked and request.method != 'HEAD' else b''))
    else:
        _send_body(sock, head, reply, before_last, wait)
    if reply.cut_at is not None and reply.cut_reset:
        reset(sock)
    return keep


def _send_body(sock: socket.socket, head: bytes, reply: Reply, before_last: Callable[[], None],
               wait: Callable[[float], bool]) -> None:
    pending = head
    for piece in _paced(_framed(_limited(reply.pieces(), reply.cut_at), reply.chunked), reply.rate, wait):
        if len(pending) + len(piece) < 65536 and pending is head:
            pending = head + piece
            head = b''
            continue
        sock.sendall(pending)
        pending = piece
    if len(pending) > 65536:
        sock.sendall(pending[:-1])
        pending = pending[-1:]
    before_last()
    sock.sendall(pending)


def _limited(pieces: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
    if limit is None:
        yield from pieces
        return
    for piece in pieces:
        if len(piece) >= limit:
            yield piece[:limit]
            return
        limit -= len(piece)
        yield piece


def _framed(pieces: Iterator[bytes], chunked: bool) -> Iterator[bytes]:
    if not chunked:
        yield from pieces
        return
    for piece in pieces:
        yield b'%x\r\n%s\r\n' % (len(piece), piece)
    yield b'0\r\n\r\n'


def _paced(pieces: Iterator[bytes], rate: float | None, wait: Callable[[float], bool]) -> Iterator[bytes]:
    if not rate:
        yield from pieces
        return
    size = max(1, int(rate / 20))
    free = False
    for piece in pieces:
        for start in range(0, len(piece), size):
            part = piece[start:start + size]
            free = free or wait(len(part) / rate)
            yield part
