"""An XM Directory: its people, who is the same person, its lists, transactions and batches (API.md 7)."""

from __future__ import annotations

import itertools
import marshal
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from account import iso
from people import Ids, Members, People, new_contact

CRITERIA = {'email': 'email', 'firstName': 'firstName', 'lastName': 'lastName', 'externalDataReference': 'extRef',
            'phone': 'phone'}
GUESSED = ('email', 'extRef', 'phone')      # by these a made-up person is found


@dataclass
class Directory:
    """An XM Directory with its contacts and mailing lists."""

    id: str
    name: str
    default: bool = False
    people: int = 0                                 # so many contacts are made up
    created: int = 0                                # when the first of them was
    lists: dict = field(default_factory=dict)       # CG_ -> MailingList
    forbidden: str = ''                             # what the token is refused: '', 'contacts' or 'all'
    dedupe: dict = field(default_factory=lambda: {name: name == 'email' for name in CRITERIA})

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.contacts = People(self.people, self.id, self.created)
        self.transactions = Transactions(self.id)
        self.batches: dict[str, Batch] = {}             # BT_ -> Batch
        self._searched: tuple[str, list[str], Iterator[dict]] | None = None     # the last search: how far it came
        self.criteria(self.dedupe)

    # ---- who is the same

    def criteria(self, dedupe: dict) -> None:
        """From now on two contacts are the same person if they agree in all of these; none: never."""
        self.dedupe = {name: bool(dedupe.get(name, False)) for name in CRITERIA}
        self._names = [CRITERIA[name] for name, on in self.dedupe.items() if on]
        self._keys: dict[int, int] = {}         # hash of a key -> who has or had it; the next number if that is taken
        for number in self.contacts.written():
            self._remember(number, self.contacts.of(number))

    def key(self, contact: dict) -> tuple | None:
        """What makes two contacts the same person here; None when that is unknown."""
        parts = tuple([(contact.get(name) or '').strip().lower() for name in self._names])
        return parts if parts and all(parts) else None

    def known(self, given: dict) -> int | None:
        """The person a contact is, by the directory's criteria."""
        key = self.key(given)
        if key is None:
            return None
        place = hash(key)
        while (number := self._keys.get(place)) is not None:
            if self.key(self.contacts.of(number)) == key:
                return number
            place += 1
        name = next((name for name in GUESSED if name in self._names), None)
        guessed = name and self.contacts.guess(name, given[name].strip())
        return guessed if guessed is not None and self.key(self.contacts.of(guessed)) == key else None

    def _remember(self, number: int, contact: dict) -> None:
        key = self.key(contact)
        if key is None:
            return
        place = hash(key)
        while self._keys.setdefault(place, number) != number:
            place += 1

    # ---- writing

    def add(self, given: dict, now: int, entry: int = 0) -> int:
        """A new person, whoever else there is. entry: of the books, 0 if no call wrote it."""
        contact = new_contact(given, now)
        contact['writes'], contact['last'] = int(entry > 0), entry
        number = self.contacts.add(contact)
        self._searched = None
        self._remember(number, contact)
        return number

    def change(self, number: int, how: Callable[[dict], None], entry: int = 0) -> None:
        """Let how change a contact."""
        contact = self.contacts.of(number)
        how(contact)
        if entry:
            contact['writes'] += 1
            contact['last'] = entry
        self.contacts.put(number, contact)
        self._searched = None
        self._remember(number, contact)

    def resize(self, count: int) -> None:
        """So many contacts are made up from now on."""
        self.contacts.resize(count)
        self._searched = None

    # ---- search

    def search(self, asked: str, test: Callable[[dict], bool], hint: tuple[str, str] | None, end: int) -> list[str]:
        """The ids of the first contacts a search finds; the next page of the same search goes on from there."""
        if self._searched is None or self._searched[0] != asked:
            self._searched = asked, [], self.contacts.search(test, hint)
        _, found, more = self._searched
        found += [contact['contactId'] for contact in itertools.islice(more, max(0, end - len(found)))]
        return found[:end]


@dataclass
class MailingList:
    """A mailing list: who is on it, and under which id here."""

    id: str
    name: str
    owner: str
    created: int
    modified: int
    members: Members
    forbidden: bool = False


class Transactions:
    """What happened to people (API.md 7.5): a contact has the numbers of its own."""

    def __init__(self, pool: str):
        self.ids = Ids('CTR_', pool)
        self.packed: list[bytes] = []

    def add(self, person: int, mailing_list: str, moment: int, data: dict) -> int:
        self.packed.append(marshal.dumps((person, mailing_list, moment, data)))
        return len(self.packed) - 1

    def person(self, number: int) -> int:
        return marshal.loads(self.packed[number])[0]

    def shown(self, number: int) -> dict:
        """As a contact and a batch show it; the members are a guess."""
        _, mailing_list, moment, data = marshal.loads(self.packed[number])
        return {'transactionId': self.ids(number), 'mailingListId': mailing_list, 'transactionDate': iso(moment),
                'data': data}


@dataclass
class Batch:
    """A transaction batch."""

    id: str
    created: int
    transactions: array = field(default_factory=lambda: array('q'))
