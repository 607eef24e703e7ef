"""Imports of responses (API.md 4.1): a raw CSV or TSV, or the address of one. Every row becomes a new response."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import re
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

import rows
from account import Survey, now_ms
from columns import METADATA, Metadata
from questions import Slot
from replies import ApiError, Reply, bad, dump, json_body, ok
from rows import FIELDS
from surveys import allowed
from wire import Request

IMPORTED = '4'
TYPES = {'text/csv': ',', 'text/tsv': '\t', 'text/tab-separated-values': '\t'}
FORMATS = {'csv': ',', 'tsv': '\t'}
CHARSETS = {'utf-8': 'utf-8-sig', 'utf-16': 'utf-16'}
OWN = ('status', '_recordId', 'lastModifiedDate')       # never taken from a file
Setter = Callable[[list, str], None]
csv.field_size_limit(1 << 24)


class Unreadable(Exception):
    """What is wrong with a file."""


def blank(survey: Survey) -> list:
    """A row that came by API: status 4, a new id, nothing answered."""
    now = now_ms()
    row = [None] * (FIELDS + len(survey.slots))
    row[:FIELDS] = [rows.make_id('R_', uuid.uuid4()), now, now, now, now, IMPORTED, '', '100', '0', True, '', '', '',
                    '', '', '', 'anonymous', survey.languages[0]]
    return row


# ---- columns ------------------------------------------------------------------------------------------------

def cell(slot: Slot) -> Callable[[str], object]:
    """A function from a cell's text to what is kept: choice keys for codes or labels, text for the rest."""
    names = {}
    for key, words in slot.choices.items():
        names.update({word: key for word in reversed(words)})
    if slot.kind not in ('multi', 'order'):
        return lambda text: names.get(text, text) if text else None

    def several(text: str) -> object:
        words = [text] if text in names else text.split(',')
        return tuple(names[word] for word in words if word in names) or None

    return several


def _answer(slot: Slot, place: int, choice: str | None) -> Setter:
    """What a cell of a question's column does to a row. choice: of a column that is one tick of several."""
    if choice is None:
        convert = cell(slot)

        def whole(row: list, text: str) -> None:
            row[place] = convert(text)

        return whole
    key = next((key for key, value in slot.choices.items() if value[0] == choice), None)

    def tick(row: list, text: str) -> None:
        if text and key is not None:
            row[place] = (row[place] or ()) + (key,)

    return tick


def _moment(text: str, zone: str) -> int:
    where = ZoneInfo('UTC' if zone == 'Z' else zone)
    return int(datetime.datetime.strptime(text, '%Y-%m-%d %H:%M:%S').replace(tzinfo=where).timestamp() * 1000)


def _metadata(item: Metadata, zone: str, recorded: str) -> Setter | None:
    """The same for one of the fixed columns; an empty cell leaves what is there."""
    if item.ident in OWN or (item.ident == 'recordedDate' and recorded == 'now'):
        return None

    def put(row: list, text: str) -> None:
        if item.tag.endswith('Date'):
            row[item.place] = _moment(text, zone)
        else:
            row[item.place] = text.lower() in ('1', 'true') if item.ident == 'finished' else text

    return lambda row, text: put(row, text) if text else None


def _setter(settings, survey: Survey, places: dict, given: dict) -> Setter | None:
    """What a column does, by what its third header cell says."""
    name = given.get('ImportId')
    if given.get('IsLabelsColumn') and name in places:
        return None
    if name in places:
        return _answer(survey.slots[places[name]], FIELDS + places[name], given.get('choiceId'))
    item = next((item for item in METADATA if name in (item.ident, item.asked, item.tag)), None)
    if item is not None:
        return _metadata(item, str(given.get('timeZone', 'Z')), settings.import_recorded)
    if name not in OWN and settings.import_columns == 'fail':
        raise Unreadable(f'There is no column {name}.')
    return None


def _heads(settings, table: list[list[str]]) -> tuple[list[dict], int]:
    """What each column says it is, and how many header rows there are."""
    third = table[2] if len(table) > 2 else []
    if any(text.startswith('{"ImportId"') for text in third):
        try:
            return [json.loads(text) if text else {} for text in third], 3
        except ValueError:
            raise Unreadable('The third row must hold the ImportIds.') from None
    if not settings.single_header_import:
        raise Unreadable('The third row must hold the ImportIds.')
    return [{'ImportId': text} for text in table[0]], 1


def _by_tag(survey: Survey) -> dict[str, int]:
    """Places by name and, for a file with one header row, by tag."""
    return {slot.tag: place for place, slot in enumerate(survey.slots)} | _by_name(survey)


def _by_name(survey: Survey) -> dict[str, int]:
    return {slot.name: place for place, slot in enumerate(survey.slots)}


def parse(settings, survey: Survey, text: str, delimiter: str) -> list[list]:
    """The rows of a file; Unreadable if it cannot be read."""
    try:
        table = list(csv.reader(io.StringIO(text, newline=''), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Unreadable(f'The file cannot be parsed: {error}.') from None
    table = [line for line in table if line]
    if not table:
        raise Unreadable('The file is empty.')
    heads, skip = _heads(settings, table)
    places = _by_name(survey) if skip == 3 else _by_tag(survey)
    setters = [_setter(settings, survey, places, given) for given in heads]
    if not any(setters):
        raise Unreadable('No column is one of this survey.')
    return [_row(survey, setters, number, line) for number, line in enumerate(table[skip:], skip + 1)]


def _row(survey: Survey, setters: list, number: int, line: list[str]) -> list:
    if len(line) != len(setters):
        raise Unreadable(f'Row {number} has {len(line)} columns, not {len(setters)}.')
    row = blank(survey)
    try:
        for setter, text in zip(setters, line):
            if setter is not None:
                setter(row, text)
    except (ValueError, KeyError):          # a date or a zone
        raise Unreadable(f'Row {number} has a date that is none.') from None
    return row


# ---- job ----------------------------------------------------------------------------------------------------

class ImportJob:
    """Every row a new response, stored when the job ends."""

    prefix = 'IMP_'

    def __init__(self, settings, survey: Survey, entry):
        self.settings = settings
        self.survey = survey
        self.entry = entry
        self.rows: list[list] | None = []
        self.error: str | None = None
        self.counts = {'responses': 0}

    def read(self, data: bytes | None, delimiter: str, charset: str) -> None:
        """What is wrong with the file is told now, or by the job's end (knob import_errors)."""
        try:
            if data is None:
                raise Unreadable('There is nothing at fileUrl.')
            if len(data) > self.settings.max_import_bytes:
                raise Unreadable('The file is too large.')
            self.rows = parse(self.settings, self.survey, data.decode(CHARSETS[charset.lower()]), delimiter)
            self.entry.rows = len(self.rows)
        except (Unreadable, UnicodeDecodeError) as error:
            self.error = str(error) if isinstance(error, Unreadable) else 'The file is not in the given charset.'
            if self.settings.import_errors == 'post':
                raise bad(self.error) from None

    def ready(self) -> bool:
        return self.rows is None

    def failed(self) -> bool:
        return self.error is not None

    def store(self, share: float) -> None:
        chosen = self.rows[:int(len(self.rows) * share)]
        self.survey.take(chosen, self.entry.number, self.settings.import_recorded == 'file')
        self.counts['responses'] = len(chosen)
        if self.settings.append_touches_survey and chosen:
            self.survey.modified = now_ms()
        self.rows = None


def _charset(name: object) -> str:
    if not isinstance(name, str) or name.lower() not in CHARSETS:
        raise bad('Invalid request. Missing or invalid parameter charset')
    return name


def _raw(settings, request: Request, kind: str) -> tuple[bytes, str, str]:
    """A file as the body, its charset in a header of that name (API.md 4.1)."""
    named = re.search(r';\s*charset="?([^\s;"]+)', request.headers['content-type'], re.I)
    if named and settings.charset_in_type == 'refused':
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    charset = request.headers.get('charset')
    if charset is None and named and settings.charset_in_type == 'used':
        charset = named[1]
    if charset is None and settings.charset_header == 'optional':
        charset = 'UTF-8'
    return request.body, TYPES[kind], _charset(charset)


def _source(box, request: Request) -> tuple[bytes | None, str, str]:
    """Data, delimiter, charset: a raw body, or an address in JSON. Nothing is ever fetched: what is there is in the
    table box.remote_files."""
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if kind in TYPES:
        return _raw(box.settings, request, kind)
    if kind != 'application/json':
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    body = json_body(request)
    if body.get('format') not in FORMATS:
        raise bad('Invalid request. Missing or invalid parameter format')
    url = body.get('fileUrl')
    if not isinstance(url, str) or not re.match(r'https?://[^/]', url):
        raise bad('Invalid request. Missing or invalid parameter fileUrl')
    return box.remote_files.get(url), FORMATS[body['format']], _charset(body.get('charset', 'UTF-8'))


def start(box, request: Request, args: dict) -> Reply:
    """POST import-responses; the same Idempotency-Key and file create nothing twice."""
    survey = allowed(box, args['survey'])
    settings = box.settings
    if len(request.body) > settings.max_import_bytes:
        raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
    key, entry = request.headers.get('idempotency-key'), request.book
    digest = hashlib.sha256(survey.id.encode() + request.body).digest()
    with box.keys_lock:
        if key and key in box.keys:
            before, first = box.keys[key]
            if before != digest:
                raise ApiError(settings.multi_key_conflict, 'The Idempotency-Key was used for another body.',
                               'SANDBOX_409')
            entry.job, entry.same, entry.rows = first.job, first.number, first.rows
        else:
            work = ImportJob(settings, survey, entry)
            work.read(*_source(box, request))
            with box.jobs.opening() as add:
                entry.job = add(work, survey.id, request.job_fault, settings.import_polls, settings.import_seconds)
            if key:
                box.keys[key] = digest, entry
    return ok({'progressId': entry.job.id, 'percentComplete': 0.0, 'status': 'inProgress'}, id_first=True)


def progress(box, request: Request, args: dict) -> Reply:
    """GET import-responses/{progressId}; on a failed one meta.error says why."""
    allowed(box, args['survey'])
    job = box.jobs.find(args['job'], args['survey'], ImportJob.prefix)
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    if state == 'running':
        return ok({'percentComplete': job.step(box.settings.import_percents), 'status': 'inProgress'}, id_first=True)
    reply = ok({'percentComplete': 100.0, 'status': state}, id_first=True)
    if state == 'failed' and box.settings.failed_import_says:
        document = json.loads(reply.body)
        document['meta']['error'] = {'errorMessage': job.work.error or 'The import failed.',
                                     'errorCode': 'SANDBOX_IMPORT'}
        reply.body = dump(document)
    return reply
