"""Transactions and their batches, as far as a contact import needs them (API.md 7.5; the shapes are a guess)."""

from __future__ import annotations

import uuid

from account import now_ms
from contacts import contact_of, date, directory_of
from directory import Batch, Directory
from replies import Reply, json_body, not_found, ok, page, page_size
from rows import make_id
from wire import Request


def _batch(box, args: dict) -> tuple[Directory, Batch]:
    directory = directory_of(box, args)
    found = directory.batches.get(args['batch'])
    if found is None:
        raise not_found('Transaction batch not found.')
    return directory, found


def create_batch(box, request: Request, args: dict) -> Reply:
    """POST transactionbatches {transactionIds, creationDate}: result.id."""
    directory = directory_of(box, args)
    body = json_body(request)
    made = Batch(make_id('BT_', uuid.uuid4()), now_ms())
    with directory.lock:
        for ident in body.get('transactionIds') or ():
            number = directory.transactions.ids.number(str(ident))
            if number is None or number >= len(directory.transactions.packed):
                raise not_found('Transaction not found.')
            made.transactions.append(number)
        directory.batches[made.id] = made
    return ok({'id': made.id})


def batches(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    return ok(page(box, request, list(directory.batches.values()), lambda item: {
        'batchId': item.id, 'creationDate': date(box, item.created)}, token=True))


def batch(box, request: Request, args: dict) -> Reply:
    _, found = _batch(box, args)
    return ok({'batchId': found.id, 'creationDate': date(box, found.created)})


def batch_transactions(box, request: Request, args: dict) -> Reply:
    directory, found = _batch(box, args)
    with directory.lock:
        return ok(page(box, request, found.transactions, lambda number: {
            'contactId': directory.contacts.ident(directory.transactions.person(number)),
            **directory.transactions.shown(number)}, token=True, size=page_size(box, request)))


def contact_transactions(box, request: Request, args: dict) -> Reply:
    directory, found = contact_of(box, args)
    return ok(page(box, request, found['transactions'], directory.transactions.shown, token=True))
