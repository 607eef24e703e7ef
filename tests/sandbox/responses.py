"""Single responses and uploaded files (API.md 4.2, 4.4). Imports are response_imports.py."""

from __future__ import annotations

from replies import Reply, bad, json_body, not_found, ok
from render import Objects
from response_imports import blank, cell
from rows import FIELDS
from surveys import allowed
from wire import Request


def get(box, request: Request, args: dict) -> Reply:
    """GET responses/{rid}: 202 while it is not stored yet."""
    survey = allowed(box, args['survey'])
    index = survey.find(args['response'])
    if index is None:
        raise not_found('Response not found.')
    calls = box.pending.get(args['response'], 0)
    if calls < box.settings.response_pending_calls:
        box.pending[args['response']] = calls + 1
        return ok({'message': 'The response is not stored yet. Try again later.'}, status=202)
    return ok(Objects(survey).make(survey.row(index)))


def create(box, request: Request, args: dict) -> Reply:
    """POST responses {values: {...}}."""
    survey = allowed(box, args['survey'])
    values = json_body(request).get('values')
    if not isinstance(values, dict):
        raise bad('Invalid request. Missing or invalid parameter values')
    row = blank(survey)
    known = {slot.name: place for place, slot in enumerate(survey.slots)}
    for name, value in values.items():
        if name in known:
            text = ','.join(value) if isinstance(value, list) else str(value)
            row[FIELDS + known[name]] = cell(survey.slots[known[name]])(text)
    request.book.done(survey.add_row(row))
    return ok({'responseId': request.book.made})


def delete(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    if survey.find(args['response']) is None:
        raise not_found('Response not found.')
    survey.delete(args['response'])
    return ok()


def uploaded(box, request: Request, args: dict) -> Reply:
    allowed(box, args['survey'])
    data = box.uploads.get(args['file'])
    if data is None:
        raise not_found('File not found.')
    return Reply(200, data, 'application/octet-stream')
