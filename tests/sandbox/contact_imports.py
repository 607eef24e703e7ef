"""Contact imports into a directory's list (API.md 8.1). The legacy ones are legacy_lists.py."""

from __future__ import annotations

import json
from array import array

import contact_rules
from account import now_ms
from contacts import directory_of, gate, refused
from directory import Directory, MailingList
from replies import ApiError, Reply, bad, json_body, not_found, ok, page, page_size
from wire import Request

REFUSED, FAILED, ADDED, UPDATED, COLLAPSED = range(5)       # what became of a contact
WORDS = ('unprocessed', 'failed', 'added', 'updated', 'duplicate')
TOLD = {'running': 'in progress', 'complete': 'complete', 'failed': 'failed'}


class ContactJob:
    """The contacts of one POST; an unknown list, directory or batch ends with all counts zero."""

    prefix = 'PGRS_'

    def __init__(self, box, request: Request, args: dict, meta: dict | None, unprocessed: list[int]):
        self.settings = box.settings
        self.directory: Directory | None = box.account.directories.get(args['directory'])
        self.list: MailingList | None = self.directory and self.directory.lists.get(args['list'])
        self.batch = meta and self.directory and self.directory.batches.get(meta.get('batchId'))
        self.lost = self.list is None or (meta is not None and self.batch is None and 'batchId' in meta)
        self.fields = meta['fields'] if meta else ()
        self.lane = args['list']
        self.entry = request.book.number
        self.body: bytes | None = request.body      # what it holds is read again when its time has come
        self.unprocessed = frozenset(unprocessed)
        self.counts = {'added': 0, 'updated': 0, 'failed': 0}
        self.invalid: list[str] = []
        self.transactions = 0
        self.fates = bytearray(request.book.rows)
        self.people = array('q', bytes(8 * request.book.rows))

    def ready(self) -> bool:
        return self.body is None

    def failed(self) -> bool:
        return False

    def store(self, share: float) -> None:
        """Put the contacts where they belong, or only the first share of them."""
        contacts = [] if self.lost else json.loads(self.body)['contacts']
        if contacts:
            with self.directory.lock:
                self._store(contacts[:int(len(contacts) * share)])
        self.body = None

    def _store(self, contacts: list) -> None:
        fates, people = self.fates, self.people
        seen: set[int] = set()
        for place, given in enumerate(contacts):
            if place in self.unprocessed:
                continue
            if contact_rules.bad_address(self.settings, given):
                self.invalid.append(given['email'])
                fates[place] = FAILED
                continue
            number, new = contact_rules.store(self.settings, self.directory, given, self.entry)
            contact_rules.join(self.settings, self.list, number, given)
            fates[place] = ADDED if new else COLLAPSED if number in seen else UPDATED
            people[place] = number
            seen.add(number)
            if given.get('transactionData') is not None:
                self._transaction(number, given['transactionData'])
        collapsed = fates.count(COLLAPSED) if self.settings.collapsed_rows == 'updated' else 0
        self.counts.update(added=fates.count(ADDED), updated=fates.count(UPDATED) + collapsed,
                           failed=fates.count(FAILED))

    def _transaction(self, number: int, data: dict) -> None:
        kept = {name: contact_rules.text(value) for name, value in data.items() if name in self.fields}
        made = self.directory.transactions.add(number, self.list.id, now_ms(), kept)
        self.directory.change(number, lambda contact: contact['transactions'].append(made))
        if self.batch is not None:
            self.batch.transactions.append(made)
        self.transactions += 1


def check_size(settings, body: bytes) -> None:
    if len(body) > settings.max_import_bytes:
        raise ApiError(settings.too_large_status, 'Request Entity Too Large', 'SANDBOX_413')


def check_count(settings, contacts: list) -> None:
    if len(contacts) > settings.max_contacts:
        raise ApiError(settings.too_many_contacts_status, 'Too many contacts.', 'SANDBOX_413')


def _checked(settings, request: Request) -> tuple[list, dict | None]:
    """The contacts, and transactionMeta if there is one."""
    check_size(settings, request.body)
    body = json_body(request)
    contacts = body.get('contacts')
    if not isinstance(contacts, list) or not contacts:
        raise bad('Invalid request. Missing or invalid parameter contacts')
    check_count(settings, contacts)
    uses = any(isinstance(item, dict) and item.get('transactionData') is not None for item in contacts)
    meta = body.get('transactionMeta')
    good = isinstance(meta, dict) and isinstance(meta.get('fields'), list) and (
        isinstance(meta.get('batchId'), str) or ('batchId' not in meta and not settings.batch_required))
    if uses != (meta is not None) or (uses and not good):
        raise bad('Invalid request. Missing or invalid parameter transactionMeta')
    return contacts, meta


def _flawed(settings, given: object, fields: list | tuple) -> bool:
    if contact_rules.flaw(settings, given) is not None:
        return True
    data = given.get('transactionData')
    return data is not None and settings.transaction_fields == 'refuse' and any(name not in fields for name in data)


def start(box, request: Request, args: dict) -> Reply:
    """POST transactioncontacts; whether directory, list and batch exist is not checked."""
    gate(box)
    settings = box.settings
    contacts, meta = _checked(settings, request)
    directory = box.account.directories.get(args['directory'])
    found = directory.lists.get(args['list']) if directory else None
    if settings.imports_check_permission and directory and (
            directory.forbidden == 'all' or (found and found.forbidden)):
        raise refused()
    fields = meta['fields'] if meta else ()
    unprocessed = [place for place, item in enumerate(contacts) if _flawed(settings, item, fields)]
    request.book.rows = len(contacts)
    with box.jobs.opening() as add:
        job = add(ContactJob(box, request, args, meta, unprocessed), args['list'], request.job_fault,
                  settings.import_polls, settings.import_seconds)
        request.book.job = job
    return ok({'id': job.id, 'contacts': {'unprocessed': unprocessed},
               'tracking': {'url': f'{box.base_url}{request.raw_path.rstrip("/")}/{job.id}'},
               'status': 'in progress'})


def status(box, request: Request, args: dict) -> Reply:
    """GET transactioncontacts/{PGRS}: note the space in "in progress"."""
    gate(box)
    job = box.jobs.find(args['job'], args['list'], ContactJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    running, work = state == 'running', job.work
    shown = {'percentComplete': job.step(box.settings.import_percents) if running else 100.0,
             'contacts': {'count': {name: 0 if running else value for name, value in work.counts.items()}},
             'transactions': {'count': {'created': 0 if running else work.transactions}}, 'status': TOLD[state]}
    told = box.settings.invalid_emails
    if not running and (told == 'always' or (told == 'present' and work.invalid)):
        shown['invalidEmails'] = work.invalid
    return ok(shown)


def _ended(box, request: Request, args: dict, owner: str):
    """The work of a job that is told to have ended."""
    job = box.jobs.find(args['job'], owner, ContactJob.prefix)
    if job.state == 'running':
        raise not_found('The import has not ended.')
    return job.work


def summary(box, request: Request, args: dict) -> Reply:
    """GET .../summary: deprecated, and gone with the knob."""
    if not box.settings.import_summary:
        raise not_found('Not found.')
    work = _ended(box, request, args, args['list'])
    return ok({'contacts': {'count': dict(work.counts)}, 'transactions': {'count': {'created': work.transactions}},
               'invalidEmails': work.invalid})


def report(box, request: Request, args: dict) -> Reply:
    """GET imports/api-import/jobs/{PGRS}/report: the path is official, the shape is made up."""
    directory = directory_of(box, args)
    job = box.jobs.table.get(args['job'])
    if not box.settings.import_report or job is None or getattr(job.work, 'directory', None) is not directory:
        raise not_found('Report not found.')
    work = _ended(box, request, args, job.owner)
    return ok(page(box, request, range(len(work.fates)), lambda place: {
        'index': place, 'status': WORDS[work.fates[place]],
        'contactId': directory.contacts.ident(work.people[place]) if work.fates[place] >= ADDED else None},
        token=True, size=page_size(box, request)))
