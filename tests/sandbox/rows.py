"""Responses made on demand from a survey's seed and the row's number (API.md 3.4 for what they hold)."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable

from questions import Slot

# the places of a row: a plain list, the fields of the questions follow the metadata
(RID, START, END, RECORDED, MODIFIED, STATUS, IP, PROGRESS, DURATION, FINISHED, LAST, FIRST, EMAIL, REFERENCE,
 LATITUDE, LONGITUDE, CHANNEL, LANGUAGE, FIELDS) = range(19)

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
PREVIEW_EVERY = 50          # one row in fifty is a preview (status 1) and counts as generated
PREVIEW_AT = 7

SENTENCES = {
    'EN': ('This is the way', 'Good, strong armor!', 'It works, mostly', 'No complaints at all.',
           'He said "never again", and meant it', 'First line\nsecond line', 'Too expensive; too heavy',
           'Came late.\n\nBut it came.', 'Would buy again 👍', 'n/a', '007', '=1+1', '+49 30 123456', '-', 'It\'s fine',
           'The tab\tis mine', 'Really helpful people', 'I waited, and waited, and waited.', 'ok', '3.14', '0012',
           'See https://example.org/?a=1&b=2', 'Nothing to add', '100 % happy', 'Café table arrived broken'),
    'DE': ('Alles bestens', 'Straße gesperrt, Lieferung verspätet', 'Größe passt nicht', 'Na ja …',
           'Sehr gut, gerne wieder!', 'Übermäßig teuer', '„Nie wieder“, sagte sie', 'Erste Zeile\nzweite Zeile',
           'Weiß nicht', 'Die Tür klemmt; sonst gut', '1,5 Stunden gewartet', 'Keine Angabe', '🙂 prima', 'äöüß ÄÖÜ'),
    'ES': ('Muy bien', '¿Por qué tan caro?', '¡Excelente servicio!', 'Llegó tarde, pero llegó',
           'El niño está contento', 'Sin comentarios', 'Primera línea\nsegunda línea', 'Años de buen uso',
           'No sé, no contesto', 'Dijo "mañana"', 'Más o menos 🤷🏻‍♀️'),
}
BROWSERS = (('Firefox', '128.0', 'Linux', '1920x1080'), ('Chrome', '126.0.0.0', 'Windows NT 10.0', '2560x1440'),
            ('Safari', '17.5', 'Macintosh', '1440x900'), ('Chrome', '125.0.0.0', 'Android 14', '412x915'))
CHANNELS = ('anonymous', 'anonymous', 'email', 'gl', 'social', 'qr')
PLACES = (('40.5', '-111.5'), ('52.52', '13.405'), ('40.4168', '-3.7038'), ('', ''), ('47.6062', '-122.3321'))
UPLOADS = {'FILE_ID': 'F_upload000000{:03}', 'FILE_NAME': 'Foto {}.jpg', 'FILE_SIZE': '{}000',
           'FILE_TYPE': 'image/jpeg'}
FILLERS = tuple(range(0, 256, 11))


def _texts(language: str) -> list[str]:
    base = SENTENCES[language]
    made = list(base)
    number = 0
    while len(made) < 256:
        made.append(base[number * 7 % len(base)] + ' ' + base[(number * 5 + 1) % len(base)])
        number += 1
    return made


TEXTS = {language: _texts(language) for language in SENTENCES}


def digest_of(seed: bytes, index: int) -> bytes:
    return hashlib.blake2b(index.to_bytes(8, 'little'), key=seed, digest_size=64).digest()


def letters(digest: bytes, offset: int = 40) -> str:
    """15 letters and digits, as the service's ids have."""
    number = int.from_bytes(digest[offset:offset + 12], 'little')
    parts = []
    for _ in range(8):
        number, rest = divmod(number, 3844)
        parts.append(PAIRS[rest])
    return ''.join(parts)[:15]


def make_id(prefix: str, *words: object) -> str:
    """An id that is the same at each start."""
    return prefix + letters(hashlib.blake2b('\0'.join(map(str, words)).encode(), digest_size=64).digest())


def _multi_table(keys: tuple) -> list[tuple | None]:
    return [tuple(key for bit, key in enumerate(keys) if (value >> (bit % 8)) & 1) or None for value in range(256)]


def _order_table(keys: tuple) -> list[tuple]:
    return [keys[value % len(keys):] + keys[:value % len(keys)] for value in range(256)]


def _cycle(values: list) -> list:
    return [values[i % len(values)] for i in range(256)]


def table_of(slot: Slot, language: str) -> list:
    """The value for each of 256 bytes: a row's field is one look-up."""
    keys = slot.offered
    if slot.kind == 'single':
        return _cycle([*keys] * 5 + [None])
    if slot.kind == 'multi':
        return _multi_table(keys)
    if slot.kind == 'nps':
        return _cycle(['10', '9', '8', '9', '7', '6', '10', '5', '3', '0', None])
    if slot.kind == 'text':
        return [None if i in FILLERS else text for i, text in enumerate(TEXTS[language])]
    if slot.kind in ('number', 'rank'):
        return [str(i * 100 // 255) if slot.kind == 'number' else str(1 + i % 3) for i in range(256)]
    if slot.kind == 'upload':
        return [None if i % 3 else UPLOADS[slot.group].format(i) for i in range(256)]
    if slot.kind == 'heat':
        return [None if i % 5 == 0 else tuple((i * 3 % 640 + n, i * 2 % 480) for n in range(i % 5)) for i in range(256)]
    if slot.kind == 'timing':
        return [str(i % 9) if slot.group == 'CLICK_COUNT' else f'{i * 0.731:.3f}' for i in range(256)]
    if slot.kind == 'browser':
        place = ('BROWSER', 'VERSION', 'OS', 'RESOLUTION').index(slot.group)
        return [BROWSERS[i % 4][place] for i in range(256)]
    if slot.kind == 'order':
        return _order_table(keys)
    return [None] * 256


def generator(seed: bytes, slots: list[Slot], languages: tuple[str, ...], first_ms: int, step_ms: int,
              anonymous: bool, defaults: dict) -> Callable[[int], list]:
    """A function from a row's number to the row. step_ms is the time between two recorded responses."""
    tables = {language: [table_of(slot, language) for slot in slots] for language in languages}
    plans = {language: _plan(slots, tables[language], defaults) for language in languages}

    def row(index: int) -> list:
        digest = digest_of(seed, index)
        language = languages[digest[0] % len(languages)]
        recorded = first_ms + index * step_ms + digest[1] * (step_ms - 1) // 255
        duration = 20 + digest[2] * 7 + digest[3]
        end = recorded - (digest[4] & 1) * 1000
        preview = index % PREVIEW_EVERY == PREVIEW_AT
        latitude, longitude = ('', '') if anonymous else PLACES[digest[5] % 5]
        made = ['R_' + letters(digest), end - duration * 1000, end, recorded, recorded, '1' if preview else '0',
                '' if anonymous or preview else f'192.0.2.{digest[6]}', '100', str(duration), True, '', '', '', '',
                latitude, longitude, 'preview' if preview else CHANNELS[digest[7] % 6], language]
        wide = digest * (1 + len(slots) // 30)
        made.extend([table[wide[8 + place]] for place, table in enumerate(plans[language][0])])
        for place, function in plans[language][1]:
            made[FIELDS + place] = function(made)
        return made

    return row


def _plan(slots: list[Slot], tables: list, defaults: dict) -> tuple[list, list]:
    """The look-up tables, and the fields that follow from other fields."""
    places = {slot.name: FIELDS + place for place, slot in enumerate(slots)}
    later = []
    for place, slot in enumerate(slots):
        source = f'{slot.loop}_{slot.question}' if slot.loop else slot.question
        if slot.kind == 'nps_group':
            later.append((place, _nps_group(places[source])))
        elif slot.kind == 'text' and slot.group:
            later.append((place, _text_entry(places[source], slot.group, FIELDS + place)))
        elif slot.kind == 'upload' and slot.group != 'FILE_ID':
            later.append((place, _upload(places[f'{source}_FILE_ID'], UPLOADS[slot.group])))
        elif slot.kind == 'embedded':
            value = defaults.get(slot.name)
            tables[place] = [value] * 256
    return tables, later


def _nps_group(source: int) -> Callable[[list], str | None]:
    def group(row: list) -> str | None:
        value = row[source]
        return None if value is None else '1' if int(value) < 7 else '2' if int(value) < 9 else '3'
    return group


def _upload(source: int, form: str) -> Callable[[list], str | None]:
    return lambda row: row[source] and form.format(int(row[source][-3:]))


def _text_entry(source: int, key: str, own: int) -> Callable[[list], str | None]:
    def text(row: list) -> str | None:
        value = row[source]
        chosen = key in value if isinstance(value, tuple) else key == value
        return row[own] if chosen else None
    return text


def unfinished(row: list) -> list:
    """The same person, still answering: a session id and no recorded date (API.md 3.4)."""
    made = list(row)
    made[RID] = 'FS_' + row[RID][2:]
    made[RECORDED] = None
    made[PROGRESS] = str(20 + len(row[RID]) * 3 % 60)
    made[FINISHED] = False
    half = FIELDS + (len(row) - FIELDS) // 2
    made[half:] = [None] * (len(row) - half)
    return made
