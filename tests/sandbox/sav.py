"""A small but readable SPSS system file with the marks of API.md 3.5: header, variables, long names, case count -1."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from columns import Column
from rows import ALPHABET

PRODUCT = '@(#) SPSS DATA FILE Java Writer (c) Qualtrics - 0.1.0'
WIDTH = 64              # bytes of a text variable here; the service takes 2,000
CHUNKS = WIDTH // 8
RAW, END = 253, 252


def _pad(text: str, width: int) -> bytes:
    data = text.encode()[:width]
    while data and len(data) == width:
        try:
            data.decode()
            break
        except UnicodeDecodeError:
            data = data[:-1]
    return data.ljust(width)


def short_name(number: int) -> str:
    letters = ALPHABET[:36]
    return f'A_{letters[number]}' if number < 36 else f'A_{letters[number // 36]}{letters[number % 36]}'


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


def _dictionary(columns: list[Column]) -> bytes:
    out = bytearray()
    out += b'$FL2' + _pad(PRODUCT, 60) + struct.pack('<iiiiid', 2, len(columns) * CHUNKS, 1, 0, -1, 100.0)
    out += b'01 Jan 2600:00:00' + b' ' * 64 + b'\0' * 3
    for number, column in enumerate(columns):
        label = column.text.encode()[:120]
        padded = label.ljust(-(-len(label) // 4) * 4)
        form = 1 << 16 | WIDTH << 8
        out += struct.pack('<iiiiii', 2, WIDTH, 1, 0, form, form) + _pad(short_name(number), 8)
        out += struct.pack('<i', len(label)) + padded
        out += (struct.pack('<iiiiii', 2, -1, 0, 0, 0, 0) + b' ' * 8) * (CHUNKS - 1)
    pairs = zip(range(len(columns)), _long_names(columns))
    names = '\t'.join(f'{short_name(number)}={name}' for number, name in pairs).encode()
    out += _extension(3, 4, struct.pack('<8i', 1, 0, 0, -1, 1, 1, 2, 65001))
    out += _extension(13, 1, names) + _extension(20, 1, b'UTF-8')
    return bytes(out + struct.pack('<ii', 999, 0))


def file(columns: list[Column], rows: Iterable[list]) -> Iterator[bytes]:
    """The file in pieces; every column is a text variable, and a cell is one block of eight raw elements."""
    yield _dictionary(columns)
    cells = [column.cell for column in columns]
    raw = bytes([RAW]) * CHUNKS
    for row in rows:
        yield b''.join([raw + _pad(cell(row), WIDTH) for cell in cells])
    yield bytes([END]) + b'\0' * 7
