"""multipart/form-data, byte for byte (RFC 7578)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from replies import ApiError
from wire import Request

BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.I)
PARAMETER = re.compile(r';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
PLAIN = ('', '7bit', '8bit', 'binary')


@dataclass
class Part:
    """One field of a form."""

    file: str       # its file name, '' if none is given
    kind: str       # its own type, '' if none is given
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode('utf-8', 'replace')


def _malformed() -> ApiError:
    return ApiError(413, 'The multipart body is malformed.', 'SANDBOX_413')


def parts(request: Request) -> dict[str, Part]:
    """The parts of a form by name; 415 for another type, 413 for a malformed one, as documented (API.md 1.8)."""
    kind = request.headers.get('content-type', '')
    if kind.partition(';')[0].strip().lower() != 'multipart/form-data':
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    found = BOUNDARY.search(kind)
    if found is None:
        raise _malformed()
    line = b'\r\n--' + (found[1] or found[2]).encode('latin-1')
    pieces = (b'\r\n' + request.body).split(line)
    if len(pieces) < 3 or not pieces[-1].startswith(b'--'):
        raise _malformed()
    return dict(_part(piece) for piece in pieces[1:-1])


def _part(piece: bytes) -> tuple[str, Part]:
    padding, _, rest = piece.partition(b'\r\n')
    head, blank, data = (b'\r\n' + rest).partition(b'\r\n\r\n')
    if padding.strip() or not blank:
        raise _malformed()
    headers = {}
    for line in head.decode('utf-8', 'replace').split('\r\n')[1:]:
        name, colon, value = line.partition(':')
        if not colon:
            raise _malformed()
        headers[name.strip().lower()] = value.strip()
    given = {found[1].lower(): re.sub(r'\\(.)', r'\1', found[2]) if found[2] is not None else found[3]
             for found in PARAMETER.finditer(headers.get('content-disposition', ''))}
    if 'name' not in given or headers.get('content-transfer-encoding', '').lower() not in PLAIN:
        raise _malformed()
    kind = headers.get('content-type', '').partition(';')[0].strip().lower()
    return given['name'], Part(given.get('filename', ''), kind, data)
