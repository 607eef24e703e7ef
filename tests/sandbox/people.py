"""People by the million: contacts and lists made on demand from a number, beside the few that were changed or added.

An id holds its owner's number, so that whoever is asked for is found without a table, and a directory of any size
takes no memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from rows import ALPHABET, PAIRS

FIELDS = ('firstName', 'lastName', 'email', 'phone', 'extRef', 'language')
SPACE = 62 ** 15
FACTOR = 0x18C1DE5B3C1578B5254CF      # odd and no multiple of 31, so that it can be undone
BACK = pow(FACTOR, -1, SPACE)
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


def new_contact(ident: str, given: dict, now: int) -> dict:
    """A contact as it is kept."""
    made = {'contactId': ident, **{name: given.get(name) for name in FIELDS}}
    made.update({'unsubscribed': bool(given.get('unsubscribed', False)), 'creationDate': now, 'lastModified': now,
                 'embeddedData': dict(given.get('embeddedData') or {})})
    return made


def short(contact: dict) -> dict:
    return {name: contact[name] for name in ('contactId', *FIELDS, 'unsubscribed')}


class People:
    """A directory's contacts: count of them made up, some of these changed since, and others added behind."""

    def __init__(self, count: int, seed: str, created: int):
        self.count = count
        self.created = created
        self.ids = Ids('CID_', seed)
        self.kept: dict[str, dict] = {}     # CID_ -> contact, for the changed and the added
        self.added: list[str] = []

    def __len__(self) -> int:
        return self.count + len(self.added)

    def _number(self, ident: str) -> int | None:
        number = self.ids.number(ident)
        return number if number is not None and number < self.count else None

    @staticmethod
    def fields(number: int) -> dict:
        """The fields of a made-up person, without the id."""
        return {'firstName': FIRST[number % len(FIRST)], 'lastName': LAST[number * 7 % len(LAST)],
                'email': f'person{number:05}@example.com',
                'phone': f'+49 30 {number:07}' if number % 4 == 0 else None, 'extRef': f'{number:06}',
                'language': LANGUAGES[number % 3], 'unsubscribed': number % OUT_EVERY == OUT_AT}

    def _make(self, ident: str, number: int) -> dict:
        moment = self.created + number * 60_000
        return {'contactId': ident, **self.fields(number), 'creationDate': moment, 'lastModified': moment,
                'embeddedData': {'Department': DEPARTMENTS[number % 3], 'Code': f'{number % 100:03}'}}

    def get(self, ident: str) -> dict | None:
        found = self.kept.get(ident)
        if found is None and (number := self._number(ident)) is not None:
            return self._make(ident, number)
        return found

    def at(self, place: int) -> dict:
        ident = self.ident(place)
        return self.kept.get(ident) or self._make(ident, place)

    def short(self, place: int) -> dict:
        """A contact as a list shows it, in the time of a glance."""
        if self.kept:
            return short(self.at(place))
        return {'contactId': self.ids(place), **self.fields(place)}

    def ident(self, place: int) -> str:
        return self.ids(place) if place < self.count else self.added[place - self.count]

    def add(self, contact: dict) -> None:
        self.kept[contact['contactId']] = contact
        self.added.append(contact['contactId'])

    def change(self, ident: str) -> dict:
        """The contact to write to: from now on it is kept."""
        return self.kept.setdefault(ident, self.get(ident))

    def everyone(self) -> View:
        """All, as a list shows them."""
        return View(len(self), self.short)

    def opted_out(self) -> View:
        numbers: range | list[int] = range(OUT_AT, self.count, OUT_EVERY)
        if self.kept:
            places = {ident: self.count + place for place, ident in enumerate(self.added)}
            numbers = sorted({number for number in numbers if self.ids(number) not in self.kept}
                             | {places[ident] if ident in places else self._number(ident)
                                for ident, contact in self.kept.items() if contact['unsubscribed']})
        return View(len(numbers), lambda place: self.at(numbers[place]))

    def search(self, test: Callable[[dict], bool], hint: tuple[str, str] | None) -> Iterator[dict]:
        """Whom a test picks, in order. hint: a field that must equal a value, where the test says so."""
        guessed = None if hint is None else self.guess(*hint)
        places = range(len(self)) if hint is None else sorted(
            {base for ident in self.kept if (base := self._number(ident)) is not None}
            | {self.count + place for place in range(len(self.added))} | ({guessed} - {None}))
        for place in places:
            contact = self.at(place)
            if test(contact):
                yield contact

    def guess(self, name: str, value: str) -> int | None:
        """Which made-up person has a value, if one does; name is id, email or extRef."""
        if name == 'id':
            return self._number(value)
        digits = value.lower().removeprefix('person').partition('@')[0] if name == 'email' else value
        number = int(digits) if digits.isascii() and digits.isdigit() else self.count
        return number if number < self.count else None


class Members:
    """Who is on a mailing list: a range of a directory's people, and those who joined or changed since."""

    def __init__(self, people: People, list_id: str, numbers: range = range(0)):
        self.people = people
        self.numbers = numbers
        self.ids = Ids('CGC_', list_id)
        self.changed: dict[str, dict] = {}      # CID_ -> {lookup, unsubscribed, bounced}
        self.joined: list[str] = []

    def __len__(self) -> int:
        return len(self.numbers) + len(self.joined)

    def _place(self, ident: str) -> int | None:
        number = self.people.ids.number(ident)
        return self.numbers.index(number) if number is not None and number in self.numbers else None

    def _make(self, place: int) -> dict:
        return {'lookup': self.ids(self.numbers[place]), 'unsubscribed': place % LIST_OUT_EVERY == LIST_OUT_AT,
                'bounced': place % BOUNCED_EVERY == BOUNCED_AT}

    def get(self, ident: str) -> dict | None:
        found = self.changed.get(ident)
        if found is None and (place := self._place(ident)) is not None:
            return self._make(place)
        return found

    def at(self, place: int) -> tuple[str, dict]:
        if place >= len(self.numbers):
            ident = self.joined[place - len(self.numbers)]
            return ident, self.changed[ident]
        ident = self.people.ident(self.numbers[place])
        return ident, self.changed.get(ident) or self._make(place)

    def by_lookup(self, lookup: str) -> str | None:
        """The CID_ of a CGC_ (or of any lookup id) on this list."""
        number = self.ids.number(lookup)
        if number is not None and number in self.numbers:
            return self.people.ident(number)
        return next((ident for ident, member in self.changed.items() if member['lookup'] == lookup), None)

    def join(self, ident: str) -> dict:
        """Put a person on the list; the entry to write to."""
        if ident in self.changed:
            return self.changed[ident]
        place = self._place(ident)
        if place is None:
            self.joined.append(ident)
            self.changed[ident] = {'lookup': self.ids(SPACE // 2 + len(self.joined)), 'unsubscribed': False,
                                   'bounced': False}
        else:
            self.changed[ident] = self._make(place)
        return self.changed[ident]

    def everyone(self) -> View:
        return View(len(self), self.at)

    def chosen(self, word: str) -> View:
        """Those with a mark: unsubscribed or bounced."""
        first, step = (BOUNCED_AT, BOUNCED_EVERY) if word == 'bounced' else (LIST_OUT_AT, LIST_OUT_EVERY)
        places: range | list[int] = range(first, len(self.numbers), step)
        if self.changed:
            own = {ident: place for place, ident in enumerate(self.joined, len(self.numbers))}
            places = sorted({place for place in places if self.at(place)[0] not in self.changed}
                            | {own[ident] if ident in own else self._place(ident)
                               for ident, member in self.changed.items() if member[word]})
        return View(len(places), lambda place: self.at(places[place]))
