"""The lists of the Survey Platform API and imports into them, behind their switch (API.md 8.2)."""

from __future__ import annotations

import json
import marshal

import contact_rules
import forms
from contact_imports import check_count, check_size
from people import Ids, People, View
from replies import ABSENT, ApiError, Reply, not_found, ok, page
from wire import Request

MEMBERS = ('firstName', 'lastName', 'email', 'externalDataReference', 'embeddedData', 'language', 'unsubscribed')


class OldPeople:
    """A legacy list's contacts: count of them made up, some as they were recorded, and those that were imported."""

    def __init__(self, count: int, seed: str):
        self.count = count
        self.ids = Ids('MLRP_', seed)
        self.more: list[dict] = []
        self.imported: list[bytes] = []         # each with the number of its entry in the books

    def __len__(self) -> int:
        return self.count + len(self.more) + len(self.imported)

    def everyone(self) -> View:
        return View(len(self), self.at)

    def books(self) -> View:
        """All, with how often they were written: nobody is written twice."""
        first = len(self) - len(self.imported)

        def at(place: int) -> dict:
            entry = marshal.loads(self.imported[place - first])[0] if place >= first else 0
            shown = self.at(place)
            return {**shown, 'contactId': shown['id'], 'extRef': shown['externalDataReference'],
                    'writes': int(entry > 0), 'last': entry}

        return View(len(self), at)

    def at(self, place: int) -> dict:
        if place >= self.count + len(self.more):
            _, *given = marshal.loads(self.imported[place - self.count - len(self.more)])
            return legacy_contact(self.ids(place), dict(zip(MEMBERS, given)))
        if place >= self.count:
            return self.more[place - self.count]
        given = People.fields(place)
        return legacy_contact(self.ids(place), {
            'firstName': given['firstName'], 'lastName': given['lastName'], 'email': f'old{place:03}@example.com',
            'externalDataReference': given['extRef'] if place % 3 == 0 else None,
            'embeddedData': {'Code': f'{place % 100:03}'} if place % 2 else None,
            'language': given['language'] if place % 5 == 1 else None, 'unsubscribed': given['unsubscribed']})

    def get(self, ident: str) -> dict | None:
        place = self.ids.number(ident)
        if place is not None and place < len(self) and not self.count <= place < self.count + len(self.more):
            return self.at(place)
        return next((item for item in self.more if item['id'] == ident), None)

    def add(self, given: dict, entry: int) -> None:
        self.imported.append(marshal.dumps([entry, *(given.get(name) for name in MEMBERS)]))


def _found(box, ident: str) -> dict:
    found = box.account.legacy_lists.get(ident)
    if found is None:
        raise not_found('Mailing List not found', 'PACC_6')
    return found


def lists(box, request: Request, args: dict) -> Reply:
    return ok(page(box, request, list(box.account.legacy_lists.values()), lambda item: item['element']))


def one_list(box, request: Request, args: dict) -> Reply:
    item = _found(box, args['list'])['element']
    return ok({name: item[name] for name in ('id', 'libraryId', 'name', 'category')})


def contacts(box, request: Request, args: dict) -> Reply:
    return ok(page(box, request, _found(box, args['list'])['contacts'].everyone(), dict))


def contact(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['list'])['contacts'].get(args['contact'])
    if found is None:
        raise not_found('Contact not found.')
    return ok(found)


def legacy_contact(ident: str, given: dict) -> dict:
    return {'id': ident, 'firstName': given.get('firstName'), 'lastName': given.get('lastName'),
            'email': given.get('email'), 'externalDataReference': given.get('externalDataReference'),
            'embeddedData': given.get('embeddedData') or None, 'language': given.get('language') or 'null',
            'unsubscribed': bool(given.get('unsubscribed')), 'responseHistory': [], 'emailHistory': []}


# ---- imports ------------------------------------------------------------------------------------------------

class LegacyJob:
    """An import into a legacy list: everyone is added, nobody is compared."""

    prefix = 'PGRS_'

    def __init__(self, settings, target: OldPeople, lane: str, contacts: list[dict], entry: int):
        self.settings = settings
        self.target = target
        self.lane = lane
        self.contacts: list[dict] | None = contacts
        self.entry = entry
        self.counts = {'added': 0, 'updated': 0, 'failed': 0}
        self.invalid: list[str] = []

    def ready(self) -> bool:
        return self.contacts is None

    def failed(self) -> bool:
        return False

    def store(self, share: float) -> None:
        for given in self.contacts[:int(len(self.contacts) * share)]:
            if contact_rules.bad_address(self.settings, given):
                self.invalid.append(given['email'])
                self.counts['failed'] += 1
            else:
                self.target.add(given, self.entry)
                self.counts['added'] += 1
        self.contacts = None


def _no_contacts() -> ApiError:
    return ApiError(400, 'Missing or invalid parameter panelId.', 'GPR_1', ABSENT)


def _flawed(given: object) -> bool:
    """No object, or a member of the wrong kind."""
    return not isinstance(given, dict) or any(
        not isinstance(given[name], kind) for name, kind in (
            *((name, str) for name in MEMBERS[:4] + MEMBERS[5:6]), ('embeddedData', dict), ('unsubscribed', bool))
        if given.get(name) is not None)


def _contacts(settings, request: Request) -> list[dict]:
    """Form one: a file `contacts` of type application/json; form two: JSON, an array or {contacts: [...]}."""
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    shapes = settings.legacy_json
    try:
        if kind == 'multipart/form-data':
            part = forms.parts(request)['contacts']
            if part.kind != 'application/json' or not part.file:
                raise _no_contacts()
            data, shapes = json.loads(part.data), 'both'
        elif kind == 'application/json':
            data = request.json()
        else:
            raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    except (ValueError, KeyError, RecursionError):
        raise _no_contacts() from None
    if isinstance(data, dict) and shapes != 'array':
        data = data.get('contacts')
    elif isinstance(data, dict) or shapes == 'object':
        raise _no_contacts()
    if not isinstance(data, list) or not data or any(map(_flawed, data)):
        raise _no_contacts()
    return data


def start(box, request: Request, args: dict) -> Reply:
    """POST contactimports: only an id comes back."""
    found = _found(box, args['list'])
    check_size(box.settings, request.body)
    contacts = _contacts(box.settings, request)
    check_count(box.settings, contacts)
    request.book.rows = len(contacts)
    with box.jobs.opening() as add:
        job = add(LegacyJob(box.settings, found['contacts'], args['list'], contacts, request.book.number), args['list'],
                  request.job_fault, box.settings.import_polls, box.settings.import_seconds)
        request.book.job = job
    return ok({'id': job.id})


def status(box, request: Request, args: dict) -> Reply:
    """GET contactimports/{PGRS}: only percentComplete was ever recorded."""
    _found(box, args['list'])
    job = box.jobs.find(args['job'], args['list'], LegacyJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    running = state == 'running'
    shown: dict = {'percentComplete': job.step(box.settings.import_percents) if running else 100.0}
    if box.settings.legacy_status == 'full':
        shown |= {'contacts': {'count': {name: 0 if running else value for name, value in job.work.counts.items()}},
                  'invalidEmails': [] if running else job.work.invalid, 'status': {
                      'running': 'in progress', 'complete': 'complete', 'failed': 'failed'}[state]}
    return ok(shown)


def summary(box, request: Request, args: dict) -> Reply:
    _found(box, args['list'])
    job = box.jobs.find(args['job'], args['list'], LegacyJob.prefix)
    if job.state == 'running':
        raise not_found('The import has not ended.')
    return ok({'contacts': {'count': dict(job.work.counts)}, 'invalidEmails': job.work.invalid})
