"""Contact imports into a directory's list, and the legacy lists behind their switch (API.md 8)."""

from __future__ import annotations

import json
import uuid

from account import Directory, MailingList
from contacts import gate, join, store
from people import Ids, People, View
from replies import ABSENT, ApiError, Reply, bad, json_body, not_found, ok, page
from rows import make_id
from surveys import multipart
from wire import Request

TEXTS = ('firstName', 'lastName', 'email', 'phone', 'extRef', 'language')


class ContactJob:
    """The contacts of one POST, stored when the job ends; an unknown list ends with all counts zero."""

    prefix = 'PGRS_'

    def __init__(self, directory: Directory | None, mailing_list: MailingList | None, contacts: list[dict]):
        self.directory = directory
        self.list = mailing_list
        self.contacts = contacts
        self.counts = {'added': 0, 'updated': 0, 'failed': 0}
        self.invalid: list[str] = []
        self.transactions = 0

    def ready(self) -> bool:
        return True

    def failed(self) -> bool:
        return False

    def finish(self) -> None:
        if self.directory is None or self.list is None:
            return
        for given in self.contacts:
            email = given.get('email')
            if email and '@' not in email:
                self.invalid.append(email)
                self.counts['failed'] += 1
                continue
            ident, new = store(self.directory, given)
            join(self.list, ident, given)
            self.counts['added' if new else 'updated'] += 1
            self.transactions += 'transactionData' in given


def _refused(given: object) -> bool:
    """Refused on sight: no object, a field of the wrong type, or nothing in it to know a person by."""
    if not isinstance(given, dict):
        return True
    if any(given.get(name) is not None and not isinstance(given[name], str) for name in TEXTS):
        return True
    if not isinstance(given.get('embeddedData', {}), dict) or not isinstance(given.get('unsubscribed', False), bool):
        return True
    return not any(given.get(name) for name in TEXTS[:5])


def _checked(box, request: Request) -> list:
    settings = box.settings
    if len(request.body) > settings.max_import_bytes:
        raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
    body = json_body(request)
    contacts = body.get('contacts')
    if not isinstance(contacts, list) or not contacts:
        raise bad('Invalid request. Missing or invalid parameter contacts')
    if len(contacts) > settings.max_contacts:
        raise ApiError(settings.too_many_contacts_status, 'Too many contacts.', 'SANDBOX_413')
    uses = any(isinstance(item, dict) and 'transactionData' in item for item in contacts)
    meta = body.get('transactionMeta')
    if uses != (meta is not None) or (uses and not (isinstance(meta, dict) and isinstance(meta.get('fields'), list))):
        raise bad('Invalid request. Missing or invalid parameter transactionMeta')
    return contacts


def start(box, request: Request, args: dict) -> Reply:
    """POST transactioncontacts; neither directory nor list is checked."""
    gate(box)
    contacts = _checked(box, request)
    unprocessed = [number for number, item in enumerate(contacts) if _refused(item)]
    good = [item for item in contacts if not _refused(item)]
    directory = box.account.directories.get(args['directory'])
    found = directory.lists.get(args['list']) if directory else None
    with box.jobs.opening() as add:
        job = add(ContactJob(directory, found, good), args['list'], request.job_fault,
                  box.settings.import_polls, box.settings.import_seconds)
    return ok({'id': job.id, 'contacts': {'unprocessed': unprocessed},
               'tracking': {'url': f'{box.base_url}{request.raw_path.rstrip("/")}/{job.id}'},
               'status': 'in progress'})


def status(box, request: Request, args: dict) -> Reply:
    """GET transactioncontacts/{PGRS}: note the space in "in progress"."""
    job = box.jobs.find(args['job'], args['list'], ContactJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    word = {'running': 'in progress', 'complete': 'complete', 'failed': 'failed'}[state]
    shown = {'percentComplete': 0.0 if state == 'running' else 100.0, 'contacts': {'count': dict(job.work.counts)},
             'transactions': {'count': {'created': job.work.transactions}}, 'status': word}
    if job.work.invalid:
        shown['invalidEmails'] = job.work.invalid
    return ok(shown)


def summary(box, request: Request, args: dict) -> Reply:
    job = box.jobs.find(args['job'], args['list'], ContactJob.prefix)
    return ok({'contacts': {'count': dict(job.work.counts)}, 'transactions': {'count': {
        'created': job.work.transactions}}, 'invalidEmails': job.work.invalid})


# ---- legacy -------------------------------------------------------------------------------------------------

def _legacy(box, ident: str) -> dict:
    found = box.account.legacy_lists.get(ident)
    if found is None:
        raise not_found('Mailing List not found', 'PACC_6')
    return found


def legacy_lists(box, request: Request, args: dict) -> Reply:
    return ok(page(box, request, list(box.account.legacy_lists.values()), lambda item: item['element']))


def legacy_list(box, request: Request, args: dict) -> Reply:
    item = _legacy(box, args['list'])['element']
    return ok({name: item[name] for name in ('id', 'libraryId', 'name', 'category')})


class OldPeople:
    """A legacy list's contacts: count of them made up, and those that were imported."""

    def __init__(self, count: int, seed: str, more: list[dict] | None = None):
        self.count = count
        self.ids = Ids('MLRP_', seed)
        self.more = more or []

    def everyone(self) -> View:
        return View(self.count + len(self.more), self.at)

    def at(self, place: int) -> dict:
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
        if place is not None and place < self.count:
            return self.at(place)
        return next((item for item in self.more if item['id'] == ident), None)


def legacy_contacts(box, request: Request, args: dict) -> Reply:
    return ok(page(box, request, _legacy(box, args['list'])['contacts'].everyone(), dict))


def legacy_one(box, request: Request, args: dict) -> Reply:
    found = _legacy(box, args['list'])['contacts'].get(args['contact'])
    if found is None:
        raise not_found('Contact not found.')
    return ok(found)


def legacy_contact(ident: str, given: dict) -> dict:
    return {'id': ident, 'firstName': given.get('firstName'), 'lastName': given.get('lastName'),
            'email': given.get('email'), 'externalDataReference': given.get('externalDataReference'),
            'embeddedData': given.get('embeddedData') or None, 'language': given.get('language') or 'null',
            'unsubscribed': given.get('unsubscribed', False), 'responseHistory': [], 'emailHistory': []}


class LegacyJob:
    """An import into a legacy list."""

    prefix = 'PGRS_'

    def __init__(self, target: OldPeople, contacts: list[dict]):
        self.target = target
        self.contacts = contacts

    def ready(self) -> bool:
        return True

    def failed(self) -> bool:
        return False

    def finish(self) -> None:
        self.target.more += [legacy_contact(make_id('MLRP_', uuid.uuid4()), item) for item in self.contacts]


def _legacy_body(request: Request) -> list:
    """A multipart file `contacts`, or JSON: an array or {contacts: [...]}."""
    try:
        if request.headers.get('content-type', '').startswith('multipart/'):
            data = json.loads(multipart(request)['contacts'][2])
        else:
            data = request.json()
    except (ValueError, KeyError):
        raise ApiError(400, 'Missing or invalid parameter panelId.', 'GPR_1', ABSENT) from None
    contacts = data.get('contacts') if isinstance(data, dict) else data
    if not isinstance(contacts, list) or not all(isinstance(item, dict) for item in contacts):
        raise ApiError(400, 'Missing or invalid parameter panelId.', 'GPR_1', ABSENT)
    return contacts


def legacy_start(box, request: Request, args: dict) -> Reply:
    found = _legacy(box, args['list'])
    if len(request.body) > box.settings.max_import_bytes:
        raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
    contacts = _legacy_body(request)
    with box.jobs.opening() as add:
        job = add(LegacyJob(found['contacts'], contacts), args['list'], request.job_fault,
                  box.settings.import_polls, box.settings.import_seconds)
    return ok({'id': job.id})


def legacy_status(box, request: Request, args: dict) -> Reply:
    job = box.jobs.find(args['job'], args['list'], LegacyJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    done = len(job.work.contacts) if state == 'complete' else 0
    return ok({'percentComplete': 0.0 if state == 'running' else 100.0,
               'contacts': {'count': {'added': done, 'updated': 0, 'failed': 0}}, 'invalidEmails': []})
