"""Single responses, the response schema, uploaded files, and imports of responses (API.md 4)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import uuid

import rows
from account import Survey, now_ms
from replies import ApiError, Reply, bad, json_body, not_found, ok
from render import Objects
from rows import FIELDS
from surveys import allowed
from wire import Request

IMPORTED = '4'
CSV_TYPES = {'text/csv': ',', 'text/tsv': '\t', 'text/tab-separated-values': '\t'}


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
            slot = survey.slots[known[name]]
            row[FIELDS + known[name]] = _cell(slot, ','.join(value) if isinstance(value, list) else str(value))
    return ok({'responseId': survey.add_row(row)})


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


# ---- import -------------------------------------------------------------------------------------------------

def blank(survey: Survey) -> list:
    """A row that came by API: status 4, a new id, nothing answered."""
    now = now_ms()
    row = [None] * (FIELDS + len(survey.slots))
    row[:FIELDS] = [rows.make_id('R_', uuid.uuid4()), now, now, now, now, IMPORTED, '', '100', '0', True, '', '', '',
                    '', '', '', 'anonymous', survey.languages[0]]
    return row


def _cell(slot, text: str) -> object:
    """A cell as it is kept: choice keys for codes or labels, text for the rest."""
    if text == '':
        return None
    names = {}
    for key, (recode, label, shown) in slot.choices.items():
        for name in (shown, label, recode):
            names[name] = key
    if slot.kind in ('multi', 'order'):
        return tuple(names.get(part, part) for part in text.split(',') if names.get(part, part) in slot.choices) or None
    return names.get(text, text)


class ImportJob:
    """Every row a new response, stored when the job ends."""

    prefix = 'IMP_'

    def __init__(self, survey: Survey, made: list[list], failed: bool):
        self.survey = survey
        self.made = made
        self.broken = failed

    def ready(self) -> bool:
        return True

    def failed(self) -> bool:
        return self.broken

    def finish(self) -> None:
        for row in self.made:
            self.survey.add_row(row)


def _decode(data: bytes, charset: str) -> str:
    try:
        if charset.upper().startswith('UTF-16'):
            return data.decode('utf-16')
        return data.decode('utf-8-sig')
    except UnicodeDecodeError:
        raise bad('The file is not in the given charset.') from None


def _targets(survey: Survey, table: list[list[str]], single: bool) -> tuple[list, int]:
    """What each column means, and how many header rows there are."""
    tags = {slot.tag: place for place, slot in enumerate(survey.slots)}
    names = {slot.name: place for place, slot in enumerate(survey.slots)}
    head = table[2] if len(table) > 2 else []
    if head and any(cell.startswith('{"ImportId"') for cell in head):
        found = []
        for cell in head:
            try:
                found.append(json.loads(cell))
            except ValueError:
                found.append({})
        return [(names.get(item.get('ImportId')), item.get('choiceId')) for item in found], 3
    if not single:
        raise bad('The third row must hold the ImportIds.')
    return [(tags.get(cell, names.get(cell)), None) for cell in table[0]], 1


def parse(survey: Survey, text: str, delimiter: str, single: bool) -> list[list]:
    """The rows of an import file; 400 for one that cannot be read."""
    try:
        table = list(csv.reader(io.StringIO(text, newline=''), delimiter=delimiter, strict=True))
    except csv.Error:
        raise bad('The file cannot be parsed.') from None
    if not table or not table[0]:
        raise bad('The file is empty.')
    targets, skip = _targets(survey, table, single)
    made = []
    for line in table[skip:]:
        if line and len(line) != len(targets):
            raise bad(f'Row {len(made) + skip + 1} has {len(line)} columns, not {len(targets)}.')
        if line:
            made.append(_row(survey, targets, line))
    return made


def _row(survey: Survey, targets: list, line: list[str]) -> list:
    row = blank(survey)
    for (place, choice), text in zip(targets, line):
        if place is None:
            continue
        slot = survey.slots[place]
        if choice is None:
            row[FIELDS + place] = _cell(slot, text)
        elif text:
            key = next((key for key, value in slot.choices.items() if value[0] == choice), None)
            row[FIELDS + place] = (row[FIELDS + place] or ()) + ((key,) if key else ())
    return row


def _source(box, request: Request) -> tuple[bytes, str, str]:
    """Data, delimiter, charset: a raw body, or a URL in JSON."""
    kind = request.headers.get('content-type', '').split(';')[0].strip().lower()
    if kind in CSV_TYPES:
        return request.body, CSV_TYPES[kind], request.headers.get('charset', 'UTF-8')
    if kind != 'application/json':
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    body = json_body(request)
    delimiter = {'csv': ',', 'tsv': '\t'}.get(str(body.get('format')))
    data = box.remote_files.get(str(body.get('fileUrl')))
    if delimiter is None or data is None:
        raise bad(f'Invalid request. Missing or invalid parameter {"format" if delimiter is None else "fileUrl"}')
    return data, delimiter, str(body.get('charset', 'UTF-8'))


def start_import(box, request: Request, args: dict) -> Reply:
    """POST import-responses; the same Idempotency-Key and file create nothing twice."""
    survey = allowed(box, args['survey'])
    settings = box.settings
    if len(request.body) > settings.max_import_bytes:
        raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
    key = request.headers.get('idempotency-key')
    digest = hashlib.sha256(survey.id.encode() + request.body).hexdigest()
    with box.keys_lock:
        if key and key in box.keys:
            old_digest, job_id = box.keys[key]
            if old_digest != digest:
                raise ApiError(settings.multi_key_conflict, 'The Idempotency-Key was used for another body.',
                               'SANDBOX_409')
            job = box.jobs.table[job_id]
        else:
            data, delimiter, charset = _source(box, request)
            made = parse(survey, _decode(data, charset), delimiter, settings.single_header_import)
            with box.jobs.opening() as add:
                job = add(ImportJob(survey, made, False), survey.id, request.job_fault,
                          settings.import_polls, settings.import_seconds)
            if key:
                box.keys[key] = (digest, job.id)
    return ok({'progressId': job.id, 'percentComplete': 0.0, 'status': 'inProgress'}, id_first=True)


def import_progress(box, request: Request, args: dict) -> Reply:
    allowed(box, args['survey'])
    job = box.jobs.find(args['job'], args['survey'], ImportJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    if state == 'running':
        return ok({'percentComplete': 0.0, 'status': 'inProgress'}, id_first=True)
    return ok({'percentComplete': 100.0, 'status': state}, id_first=True)


