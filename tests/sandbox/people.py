"""People by the million: contacts and lists made on demand from a number, beside those that were changed or added.

An id holds its owner's number, so that whoever is asked for is found without a table, and a directory of any size
takes no memory. Inside, a person is a number: n for the n-th made-up one, ~k for the k-th that was added; what was
changed or added is kept packed, in a few hundred bytes.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
from array import array
from collections.abc import Callable, Iterator

from rows import ALPHABET, PAIRS

FIELDS = ('firstName', 'lastName', 'email', 'phone', 'extRef', 'language')
KEPT = (*FIELDS, 'unsubscribed', 'creationDate', 'lastModified', 'embeddedData', 'transactions', 'writes', 'last')
SPACE = 62 ** 15
FACTOR = 0x18C1DE5B3C1578B5254CF      # odd and no multiple of 31, so that it can be undone
BACK = pow(FACTOR, -1, SPACE)
ADDED = SPACE // 2                     # ids of the added ones hold numbers from here on
DIGITS = {letter: value for value, letter in enumerate(ALPHABET)}
OUT_AT, OUT_EVERY = 5, 97               # of a directory's people: those who opted out
LIST_OUT_AT, LIST_OUT_EVERY = 3, 61     # of a list's: those who opted out of it
BOUNCED_AT, BOUNCED_EVERY = 7, 53       # and those whose mail came back
FIRST = ('Ada', 'Björn', 'Chloé', 'Diego', 'Eun-ji', 'Fatima', 'Gül', 'Hans', 'Inês', 'Jürgen', 'Kwame', 'Łucja',
         'María', 'Nils', 'Olga', 'Paul', 'Quentin', 'Rosa', 'Søren', 'Tomás', 'Úna', 'Vera', 'Wei', 'Ximena', 'Yara')
LAST = ("O'Neill", 'Müller', 'García', 'Nowak', 'Smith', 'Østergård', 'Li', 'Dubois', 'von der Heide', 'Șerban',
        'Katz', 'Yılmaz', 'Fernández', 'Jones', 'Weiß', 'Ivanova', 'Tanaka', 'Okafor', 'Silva', 'Kim', 'Novák')
LANGUAGES = ('EN', 'DE', 'ES')
DEPARTMENTS = ('Sales', 'R&D', 'Küche, Kantine')


class Ids:
    """Ids of one kind: a prefix and 15 letters and digits that hold a number."""

    def __init__(self, prefix: str, *words: str):
        self.prefix = prefix
        self.shift = int.from_bytes(hashlib.blake2b('\0'.join(words).encode(), digest_size=16).digest(), 'big') % SPACE

    def __call__(self, number: int) -> str:
        value = (number * FACTOR + self.shift) % SPACE
        parts = []
        for _ in range(7):
            value, rest = divmod(value, 3844)
            parts.append(PAIRS[rest])
        return self.prefix + ALPHABET[value] + ''.join(parts)

    def number(self, ident: str) -> int | None:
        """The number of an id of this kind; any id has one, but few are small."""
        word = ident[len(self.prefix):]
        if not ident.startswith(self.prefix) or len(word) != 15 or not word.isascii() or not word.isalnum():
            return None
        value = DIGITS[word[0]]
        for place in range(13, 0, -2):
            value = value * 3844 + DIGITS[word[place]] * 62 + DIGITS[word[place + 1]]
        return (value - self.shift) * BACK % SPACE


class View:
    """What page() turns over: a length, and a function from a place to the element."""

    def __init__(self, length: int, at: Callable[[int], object]):
        self.length = length
        self.at = at

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, places: slice) -> list:
        return [self.at(place) for place in range(*places.indices(self.length))]


def new_contact(given: dict, now: int) -> dict:
    """A contact as it is kept. writes: how often an import or a call wrote it; last: the number of that entry in the
    books (books.py), 0 for none."""
    return {**{name: given.get(name) for name in FIELDS}, 'unsubscribed': bool(given.get('unsubscribed', False)),
            'creationDate': now, 'lastModified': now, 'embeddedData': dict(given.get('embeddedData') or {}),
            'transactions': [], 'writes': 0, 'last': 0}


def short(contact: dict) -> dict:
    return {name: contact[name] for name in ('contactId', *FIELDS, 'unsubscribed')}


def _pack(contact: dict) -> bytes:
    return marshal.dumps([contact[name] for name in KEPT])


def _unpack(ident: str, packed: bytes) -> dict:
    contact = {'contactId': ident}
    contact.update(zip(KEPT, marshal.loads(packed)))
    return contact


class People:
    """A directory's contacts: count of them made up, some of these changed since, and others added behind."""

    def __init__(self, count: int, seed: str, created: int):
        self.count = count
        self.created = created
        self.ids = Ids('CID_', seed)
        self.kept: dict[int, bytes] = {}        # of the made-up ones, those that were changed
        self.added: list[bytes] = []
        self.out: set[int] = set()              # of both, who opted out
        self._opted_out: list[int] | None = None

    def __len__(self) -> int:
        return self.count + len(self.added)

    def resize(self, count: int) -> None:
        self.count = count
        self._opted_out = None

    # ---- who is who

    def number(self, ident: str) -> int | None:
        """The person an id names: n or ~k."""
        number = self.ids.number(ident)
        if number is None or number < self.count:
            return number
        return ~(number - ADDED) if 0 <= number - ADDED < len(self.added) else None

    def ident(self, number: int) -> str:
        return self.ids(number if number >= 0 else ADDED + ~number)

    def at(self, place: int) -> int:
        """Who is at a place of the whole list."""
        return place if place < self.count else ~(place - self.count)

    def place(self, number: int) -> int:
        return number if number >= 0 else self.count + ~number

    # ---- reading

    @staticmethod
    def fields(number: int) -> dict:
        """The fields of a made-up person, without the id."""
        return {'firstName': FIRST[number % len(FIRST)], 'lastName': LAST[number * 7 % len(LAST)],
                'email': f'person{number:05}@example.com',
                'phone': f'+49 30 {number:07}' if number % 4 == 0 else None, 'extRef': f'{number:06}',
                'language': LANGUAGES[number % 3], 'unsubscribed': number % OUT_EVERY == OUT_AT}

    def of(self, number: int) -> dict:
        """The contact of a number that is known to be good."""
        packed = self.added[~number] if number < 0 else self.kept.get(number)
        if packed is not None:
            return _unpack(self.ident(number), packed)
        moment = self.created + number * 60_000
        return {'contactId': self.ids(number), **self.fields(number), 'creationDate': moment, 'lastModified': moment,
                'embeddedData': {'Department': DEPARTMENTS[number % 3], 'Code': f'{number % 100:03}'},
                'transactions': [], 'writes': 0, 'last': 0}

    def get(self, ident: str) -> dict | None:
        number = self.number(ident)
        return None if number is None else self.of(number)

    def short(self, place: int) -> dict:
        """A contact as a list shows it, in the time of a glance."""
        if place < self.count and place not in self.kept:
            return {'contactId': self.ids(place), **self.fields(place)}
        return short(self.of(self.at(place)))

    def everyone(self) -> View:
        """All, as a list shows them."""
        return View(len(self), self.short)

    def written(self) -> Iterator[int]:
        """Those that are kept."""
        return itertools.chain((number for number in self.kept if number < self.count),
                               (~place for place in range(len(self.added))))

    def writes(self, number: int) -> int:
        """How often one of these was written."""
        return marshal.loads(self.added[~number] if number < 0 else self.kept[number])[KEPT.index('writes')]

    def opted_out(self) -> View:
        if self._opted_out is None:
            made_up = {number for number in range(OUT_AT, self.count, OUT_EVERY) if number not in self.kept}
            self._opted_out = sorted(made_up | {self.place(number) for number in self.out if number < self.count})
        places = self._opted_out
        return View(len(places), lambda place: self.of(self.at(places[place])))

    def search(self, test: Callable[[dict], bool], hint: tuple[str, str] | None) -> Iterator[dict]:
        """Whom a test picks, in order. hint: a field that must equal a value, where the test says so."""
        places: range | list[int] = range(len(self))
        if hint is not None:
            guessed = {self.guess(*hint)} - {None}
            places = sorted(map(self.place, guessed if hint[0] == 'id' else guessed | set(self.written())))
        for place in places:
            contact = self.of(self.at(place))
            if test(contact):
                yield contact

    def guess(self, name: str, value: str) -> int | None:
        """Who has an id, or which made-up person has an email, an extRef or a phone, if one does."""
        if name == 'id':
            return self.number(value)
        digits = value.lower().removeprefix('person').partition('@')[0] if name == 'email' else value
        if name == 'phone':
            digits = value.removeprefix('+49 30 ')
        number = int(digits) if digits.isascii() and digits.isdigit() else self.count
        return number if number < self.count else None

    # ---- writing

    def add(self, contact: dict) -> int:
        self.added.append(_pack(contact))
        number = ~(len(self.added) - 1)
        self._mark(number, contact)
        return number

    def put(self, number: int, contact: dict) -> None:
        """Keep a contact as it is now."""
        if number < 0:
            self.added[~number] = _pack(contact)
        else:
            self.kept[number] = _pack(contact)
        self._mark(number, contact)

    def _mark(self, number: int, contact: dict) -> None:
        self._opted_out = None
        if contact['unsubscribed']:
            self.out.add(number)
        else:
            self.out.discard(number)


class Members:
    """Who is on a mailing list: a range of a directory's people, and those who joined or changed since."""

    def __init__(self, people: People, list_id: str, numbers: range = range(0)):
        self.people = people
        self.numbers = numbers
        self.ids = Ids('CGC_', list_id)
        self.joined = array('q')                # the people behind the range
        self.places: dict[int, int] = {}        # of these, person -> place in joined
        self.marks: dict[int, tuple[bool, bool]] = {}   # person -> unsubscribed, bounced, where it is not as made up
        self._chosen: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.numbers) + len(self.joined)

    def _place(self, number: int) -> int | None:
        """The place on the list."""
        if number in self.numbers:
            return self.numbers.index(number)
        place = self.places.get(number)
        return None if place is None else len(self.numbers) + place

    def _entry(self, place: int) -> tuple[int, dict]:
        if place < len(self.numbers):
            number = self.numbers[place]
            made_up = place % LIST_OUT_EVERY == LIST_OUT_AT, place % BOUNCED_EVERY == BOUNCED_AT
            lookup = self.ids(number)
        else:
            number, made_up = self.joined[place - len(self.numbers)], (False, False)
            lookup = self.ids(ADDED + place - len(self.numbers) + 1)
        unsubscribed, bounced = self.marks.get(number, made_up)
        return number, {'lookup': lookup, 'unsubscribed': unsubscribed, 'bounced': bounced}

    def number(self, place: int) -> int:
        """Who is at a place of the list."""
        return self.numbers[place] if place < len(self.numbers) else self.joined[place - len(self.numbers)]

    def get(self, ident: str) -> dict | None:
        """The entry of a CID_: lookup, unsubscribed, bounced."""
        number = self.people.number(ident)
        place = None if number is None else self._place(number)
        return None if place is None else self._entry(place)[1]

    def at(self, place: int) -> tuple[str, dict]:
        number, entry = self._entry(place)
        return self.people.ident(number), entry

    def by_lookup(self, lookup: str) -> str | None:
        """The CID_ of a CGC_ on this list."""
        number = self.ids.number(lookup)
        if number is None:
            return None
        if number in self.numbers:
            return self.people.ident(number)
        place = number - ADDED - 1
        return self.people.ident(self.joined[place]) if 0 <= place < len(self.joined) else None

    def join(self, number: int, unsubscribed: bool | None = None) -> None:
        """Put a person on the list; unsubscribed: from the list only, None if nothing is said about it."""
        if number not in self.numbers and number not in self.places:
            self.places[number] = len(self.joined)
            self.joined.append(number)
        if unsubscribed is not None:
            _, entry = self._entry(self._place(number))
            if entry['unsubscribed'] != unsubscribed:
                self.marks[number] = unsubscribed, entry['bounced']
                self._chosen.clear()

    def everyone(self) -> View:
        return View(len(self), self.at)

    def chosen(self, word: str) -> View:
        """Those with a mark: unsubscribed or bounced."""
        if word not in self._chosen:
            first, step = (BOUNCED_AT, BOUNCED_EVERY) if word == 'bounced' else (LIST_OUT_AT, LIST_OUT_EVERY)
            places = {place for place in range(first, len(self.numbers), step)} | set(map(self._place, self.marks))
            self._chosen[word] = sorted(place for place in places if self._entry(place)[1][word])
        places = self._chosen[word]
        return View(len(places), lambda place: self.at(places[place]))
