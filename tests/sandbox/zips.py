"""Archives laid out as the service's: API.md 3.3 and the two archives under recorded/bodies.

Version 2.0, flags 0x0808, zeros in the local header, a data descriptor with its signature, the truth in the central
directory, no extra fields, the moment of the export in UTC. The entry may be larger than memory: it is kept deflated,
as segments that may repeat.
"""

from __future__ import annotations

import hashlib
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wire import Stream

FLAGS = 0x0808
LIMIT32 = 0xFFFFFFFF
LEVEL = 3               # quick; the service's own level is not known


@dataclass
class Packed:
    """A deflated entry: segments (bytes, how often), CRC and both sizes."""

    segments: list[tuple[bytes, int]]
    crc: int
    compressed: int
    size: int

    def deflated(self) -> Iterator[bytes]:
        for data, times in self.segments:
            for _ in range(times):
                yield data

    def raw(self) -> Iterator[bytes]:
        """The entry itself."""
        engine = zlib.decompressobj(-15)
        for data in self.deflated():
            for start in range(0, len(data), 65536):
                yield engine.decompress(data[start:start + 65536])
        yield engine.flush()

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.raw():
            digest.update(piece)
        return digest.hexdigest()


def pack(pieces: Iterable[bytes]) -> Packed:
    """Deflate an entry."""
    engine = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    out = []
    crc = size = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
        size += len(piece)
        out.append(engine.compress(piece))
    out.append(engine.flush())
    data = b''.join(out)
    return Packed([(data, 1)], crc, len(data), size)


def repeated(head: bytes, block: bytes, times: int, tail: bytes) -> Packed:
    """An entry of head, block times over, tail: made in the time one block takes."""
    parts = []
    for data in (head, block):
        engine = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        parts.append(engine.compress(data) + engine.flush(zlib.Z_FULL_FLUSH))
    engine = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    parts.append(engine.compress(tail) + engine.flush())
    segments = [(parts[0], 1), (parts[1], times), (parts[2], 1)]
    crc = crc_combine(zlib.crc32(head), _crc_times(zlib.crc32(block), len(block), times), len(block) * times)
    crc = crc_combine(crc, zlib.crc32(tail), len(tail))
    return Packed(segments, crc, sum(len(data) * count for data, count in segments),
                  len(head) + len(block) * times + len(tail))


def _multiply(matrix: list[int], vector: int) -> int:
    total = 0
    for row in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= row
        vector >>= 1
    return total


def _square(matrix: list[int]) -> list[int]:
    return [_multiply(matrix, row) for row in matrix]


def crc_combine(first: int, second: int, length: int) -> int:
    """The CRC of two pieces put together, from theirs and the second's length."""
    if length <= 0:
        return first
    matrix = _square(_square(_square([0xEDB88320] + [1 << bit for bit in range(31)])))     # one zero byte
    while length:
        if length & 1:
            first = _multiply(matrix, first)
        matrix = _square(matrix)
        length >>= 1
    return first ^ second


def _crc_times(crc: int, length: int, times: int) -> int:
    """The CRC of a piece of this length put together so many times, by doubling."""
    total, total_length = 0, 0
    while times:
        if times & 1:
            total = crc_combine(total, crc, length) if total_length else crc
            total_length += length
        times >>= 1
        if times:
            crc = crc_combine(crc, crc, length)
            length *= 2
    return total


def dos_time(second: float) -> tuple[int, int]:
    """Date and time words of a moment in UTC."""
    moment = time.gmtime(second)
    date = (moment.tm_year - 1980) << 9 | moment.tm_mon << 5 | moment.tm_mday
    return date, moment.tm_hour << 11 | moment.tm_min << 5 | moment.tm_sec // 2


def _word(name: str) -> bytes:
    return name.encode('utf-8', 'surrogatepass')


@dataclass
class Archive:
    """Entries with names, and the moment they were exported."""

    entries: list[tuple[str, Packed]]
    moment: float

    def _local(self, name: bytes) -> bytes:
        date, clock = dos_time(self.moment)
        return struct.pack('<IHHHHHIIIHH', 0x04034B50, 20, FLAGS, 8, clock, date, 0, 0, 0, len(name), 0) + name

    def _central(self, name: bytes, packed: Packed, offset: int) -> bytes:
        date, clock = dos_time(self.moment)
        return struct.pack('<IHHHHHHIIIHHHHHII', 0x02014B50, 20, 20, FLAGS, 8, clock, date, packed.crc,
                           packed.compressed, packed.size, len(name), 0, 0, 0, 0, 0, offset) + name

    def directory_start(self) -> int:
        return sum(30 + len(_word(name)) + packed.compressed + 16 for name, packed in self.entries)

    def length(self) -> int:
        return self.directory_start() + sum(46 + len(_word(name)) for name, _ in self.entries) + 22

    def pieces(self) -> Iterator[bytes]:
        directory = []
        offset = 0
        for name, packed in self.entries:
            if max(packed.size, packed.compressed, offset) > LIMIT32:
                raise ValueError('the service was never seen to make 64-bit archives')
            word = _word(name)
            directory.append(self._central(word, packed, offset))
            yield self._local(word)
            yield from packed.deflated()
            yield struct.pack('<IIII', 0x08074B50, packed.crc, packed.compressed, packed.size)
            offset += 30 + len(word) + packed.compressed + 16
        yield b''.join(directory)
        size = sum(map(len, directory))
        yield struct.pack('<IHHHHIIH', 0x06054B50, 0, 0, len(directory), len(directory), size, offset, 0)

    def stream(self) -> Stream:
        return Stream(self.length(), self.pieces)
