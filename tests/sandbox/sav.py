"""An SPSS system file with the marks of API.md 3.5: numbers, dates and value labels, very long texts, case count -1."""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Iterable, Iterator

from columns import Column
from rows import ALPHABET

PRODUCT = '@(#) SPSS DATA FILE Java Writer (c) Qualtrics - 0.1.0'
WIDTH = 2000                                # bytes of a text; it lies in seven segments of 255 and one of 236
SEGMENTS = (255,) * 7 + (236,)
ELEMENTS = sum(-(-width // 8) for width in SEGMENTS)
F, A, DATETIME = 5, 1, 22                   # formats
END, RAW, BLANK, MISSING = 252, 253, 254, 255
EPOCH = datetime.datetime(1582, 10, 14)


def _cut(text: str, width: int) -> bytes:
    """At most so many bytes of UTF-8, whole characters."""
    return text.encode('utf-8', 'replace')[:width].decode('utf-8', 'ignore').encode()


def _pad(text: str, width: int) -> bytes:
    return _cut(text, width).ljust(width)


def short_name(number: int) -> str:
    """A_0 ... A_Z, A_10 ... in base 36; the segments of a text add @1 to @7."""
    word = ''
    while number or not word:
        number, rest = divmod(number, 36)
        word = ALPHABET[rest] + word
    return f'A_{word}'


def _long_names(columns: list[Column]) -> list[str]:
    used: set[str] = set()
    names = []
    for number, column in enumerate(columns):
        name = re.sub(r'[^A-Za-z0-9_.]', '_', column.tag)[:56]
        if name.lower() in used or not name[:1].isalpha():
            name = f'V{number}_{name}'
        used.add(name.lower())
        names.append(name)
    return names


def _extension(subtype: int, size: int, data: bytes) -> bytes:
    return struct.pack('<iiii', 7, subtype, size, len(data) // size) + data


def _variable(name: str, width: int, form: int, label: bytes) -> bytes:
    """One variable; a width of 0 is a number, a text has further records for every eight bytes."""
    head = struct.pack('<iiiiii', 2, width, 1 if label else 0, 0, form, form) + _pad(name, 8)
    if label:
        head += struct.pack('<i', len(label)) + label.ljust(-(-len(label) // 4) * 4)
    return head + (struct.pack('<iiiiii', 2, -1, 0, 0, 0, 0) + b' ' * 8) * (-(-width // 8) - 1)


def _form(column: Column) -> int:
    """Type, width and decimals of a number: DATETIME20, F40.2 or F40.0."""
    if column.kind == 'date':
        return DATETIME << 16 | 20 << 8
    return F << 16 | 40 << 8 | (2 if column.kind == 'number' else 0)


def _labels(column: Column, place: int) -> bytes:
    """The value labels of one variable."""
    data = struct.pack('<ii', 3, len(column.labels))
    for code, label in column.labels.items():
        text = _cut(label, 120)
        data += struct.pack('<dB', float(code), len(text)) + text.ljust(-(-(len(text) + 1) // 8) * 8 - 1)
    return data + struct.pack('<iii', 4, 1, place)


def _dictionary(columns: list[Column]) -> bytes:
    variables, labels, place = bytearray(), bytearray(), 1
    for number, column in enumerate(columns):
        name, label = short_name(number), _cut(column.text, 252)
        if column.kind != 'text':
            variables += _variable(name, 0, _form(column), label)
            labels += _labels(column, place) if column.labels else b''
            place += 1
            continue
        for part, width in enumerate(SEGMENTS):
            variables += _variable(f'{name}@{part}' if part else name, width, A << 16 | width << 8,
                                   b'' if part else label)
        place += ELEMENTS
    long = [(short_name(number), name) for number, name in enumerate(_long_names(columns))]
    wide = [f'{name}={WIDTH:05}\0\t' for (name, _), column in zip(long, columns) if column.kind == 'text']
    head = b'$FL2' + _pad(PRODUCT, 60) + struct.pack('<iiiiid', 2, place - 1, 1, 0, -1, 100.0)
    head += b'01 Jan 2600:00:00' + b' ' * 64 + b'\0' * 3
    tail = _extension(3, 4, struct.pack('<8i', 1, 0, 0, -1, 1, 1, 2, 65001))
    tail += _extension(13, 1, '\t'.join(f'{name}={word}' for name, word in long).encode())
    if wide:
        tail += _extension(14, 1, ''.join(wide).encode())
    return head + variables + labels + tail + _extension(20, 1, b'UTF-8') + struct.pack('<ii', 999, 0)


def _number(kind: str, text: str) -> tuple[bytes, bytes]:
    """The command byte of a number, and its eight bytes if the command does not say it all."""
    try:
        value = ((datetime.datetime.fromisoformat(text) - EPOCH).total_seconds() if kind == 'date' else
                 float(text.replace(',', '.')))
    except ValueError:          # nothing, or an imported answer that is no code
        return bytes([MISSING]), b''
    if value.is_integer() and -99 <= value <= 151:
        return bytes([int(value) + 100]), b''
    return bytes([RAW]), struct.pack('<d', value)


def _text(text: str) -> tuple[bytes, bytes]:
    """The commands of a text's elements, and the bytes of those that are no blanks."""
    if text == '':
        return NOTHING
    data, place, whole = _cut(text, WIDTH), 0, b''
    for width in SEGMENTS:
        whole += data[place:place + width].ljust(-(-width // 8) * 8)
        place += width
        if place >= len(data):
            break
    parts = [whole[i:i + 8] for i in range(0, len(whole), 8)]
    commands = bytes([BLANK if part == b' ' * 8 else RAW for part in parts]).ljust(ELEMENTS, bytes([BLANK]))
    return commands, b''.join([part for part in parts if part != b' ' * 8])


NOTHING = (bytes([BLANK]) * ELEMENTS, b'')


def _groups(commands: bytes, data: bytes) -> bytes:
    """Eight commands, then the data they ask for, and so on."""
    out, place, done = bytearray(), 0, 0
    while (found := commands.find(RAW, done)) >= 0:
        end = found // 8 * 8 + 8
        out += commands[done:end]
        size = 8 * commands.count(RAW, found, end)
        out += data[place:place + size]
        place, done = place + size, end
    return bytes(out + commands[done:])


def file(columns: list[Column], rows: Iterable[list]) -> Iterator[bytes]:
    """The file in pieces."""
    yield _dictionary(columns)
    commands, data = b'', b''
    for row in rows:
        cells = [_text(column.cell(row)) if column.kind == 'text' else _number(column.kind, column.cell(row))
                 for column in columns]
        commands += b''.join([cell[0] for cell in cells])
        data += b''.join([cell[1] for cell in cells])
        whole = len(commands) // 8 * 8
        size = 8 * commands.count(RAW, 0, whole)
        yield _groups(commands[:whole], data[:size])
        commands, data = commands[whole:], data[size:]
    yield _groups((commands + bytes([END])).ljust(-(-(len(commands) + 1) // 8) * 8, b'\0'), data)
