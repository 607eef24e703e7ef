"""The books: what came in to be written to the account, whatever was answered, and what became of it.

For tests, never for the API: a crash test compares a client's journal with them. An entry is made when a call has been
read, so one that a fault kept from the work, or whose answer was lost, is in them too.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass

from people import View
from rows import RID
from wire import Request

# endpoint -> which part of the path it writes to
BOOKED = {'contact_import': 'list', 'legacy_import': 'list', 'list_contact_create': 'list',
          'contact_create': 'directory', 'contact_update': 'contact', 'import_start': 'survey', 'response_create': 'survey', 'survey_create': None}


@dataclass(slots=True)
class Entry:
    """One call that came in to write."""

    number: int
    route: str
    target: str | None          # CG_, ML_, POOL_, CID_ or SV_
    key: str | None             # Idempotency-Key
    sha256: str                 # of the body
    bytes: int
    time: float                 # epoch seconds
    rows: int | None = None     # contacts or responses in it, once it was read
    refused: bool = False
    status: int | None = None   # of the answer as it went out; None: none went out
    job: object = None
    made: str | None = None     # what is there since: SV_, CID_, R_
    same: int | None = None     # the entry whose job was given again

    def done(self, made: str, rows: int = 1) -> None:
        self.made, self.rows = made, rows

    @property
    def outcome(self) -> str:
        """same, refused, done, running, failed, lost (nothing was done), or nothing: a fault came before the work."""
        if self.refused or self.same is not None:
            return 'refused' if self.refused else 'same'
        if self.job is None:
            return 'done' if self.made else 'nothing'
        if not self.job.work.ready():
            return 'running'
        return 'lost' if self.job.forced == 'job_lost' else 'failed' if self.job.broken() else 'done'

    def shown(self) -> dict:
        work = self.job.work if self.job and self.same is None else None
        return {'number': self.number, 'route': self.route, 'target': self.target, 'key': self.key,
                'sha256': self.sha256, 'bytes': self.bytes, 'time': self.time, 'rows': self.rows,
                'status': self.status, 'job': self.job and self.job.id, 'made': self.made, 'same': self.same,
                'outcome': self.outcome, 'counts': dict(work.counts) if work else {}}


class Books:
    """All entries."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: list[Entry] = []

    def open(self, request: Request) -> None:
        """Enter a call, if it is one to enter."""
        if request.key not in BOOKED:
            return
        digest = hashlib.sha256(request.body).hexdigest()
        with self.lock:
            request.book = Entry(len(self.entries) + 1, request.key, request.args.get(BOOKED[request.key]),
                                 request.headers.get('idempotency-key'), digest, len(request.body), time.time())
            self.entries.append(request.book)


# ---- doors of the side door ---------------------------------------------------------------------------------

def imports(server, route: str | None = None, target: str | None = None, first: int = 1) -> list:
    """The entries, oldest first, from a number on."""
    with server.box.books.lock:
        entries = server.box.books.entries[int(first) - 1:]
    return [entry.shown() for entry in entries if route in (None, entry.route) and target in (None, entry.target)]


def _people(server, ident: str) -> View:
    """Who is in a list or a directory, as contacts."""
    account = server.box.account
    if ident in account.legacy_lists:
        return account.legacy_lists[ident]['contacts'].books()
    if ident in account.directories:
        people = account.directories[ident].contacts
        return View(len(people), lambda place: people.of(people.at(place)))
    for directory in account.directories.values():
        if ident in directory.lists:
            members, people = directory.lists[ident].members, directory.contacts
            return View(len(members), lambda place: people.of(members.number(place)))
    raise KeyError(f'no list or directory {ident}')


def contacts_of(server, list: str, everyone: bool = False, fields: tuple = ('contactId', 'email', 'extRef')) -> dict:
    """Who is on a list (or in a directory, a legacy list) because of what came in, or everyone.

    Rows of fields, then how often each was written and by which entry at last.
    """
    people = _people(server, list)
    names = (*fields, 'writes', 'last')
    shown = (contact for contact in map(people.at, range(len(people))) if everyone or contact['writes'])
    return {'names': names, 'rows': [tuple(map(contact.get, names)) for contact in shown]}


def responses_of(server, survey: str, values: bool = True) -> list:
    """The responses that came by import, oldest first: responseId, number of the entry, row in it, values."""
    found = server.box.account.surveys[survey]
    made = []
    with found.lock:
        names = [slot.name for slot in found.slots]
        for start, count, entry in found.imported:
            for place in range(count):
                if start + place in found.deleted:
                    continue
                row = found.row(start + place)
                shown = {'responseId': row[RID], 'entry': entry, 'row': place + 1}
                if values:
                    shown['values'] = {name: value for name, value in zip(names, row[-len(names):] if names else ())
                                       if value is not None}
                made.append(shown)
    return made


def totals(server) -> dict:
    """How much of everything: outcomes and rows of each route, and of all people how many were written how often."""
    box = server.box
    with box.books.lock:
        entries = box.books.entries[:]
    routes: dict[str, Counter] = {}
    for entry in entries:
        routes.setdefault(entry.route, Counter())[entry.outcome] += 1
    counts: Counter = Counter()
    for entry in entries:
        counts.update(entry.shown()['counts'])
    times: Counter = Counter()
    for directory in box.account.directories.values():
        with directory.lock:
            times.update(map(directory.contacts.writes, directory.contacts.written()))
    del times[0]
    return {'imports': {route: dict(found) for route, found in routes.items()}, 'counts': dict(counts),
            'times': {str(number): many for number, many in times.items()},
            'responses': sum(count for survey in box.account.surveys.values() for _, count, _ in survey.imported),
            'surveys': [entry.made for entry in entries if entry.route == 'survey_create' and entry.made]}


DOORS = (imports, contacts_of, responses_of, totals)
