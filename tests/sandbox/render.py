"""The bytes of an export's entry: CSV, TSV, JSON, NDJSON, XML (API.md 3.4, 3.5). SPSS is in sav.py."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

import sav
from columns import STATUS_LABELS, Column, Dates, is_number, layout
from rows import (CHANNEL, DURATION, EMAIL, END, FIELDS, FINISHED, FIRST, IP, LANGUAGE, LAST, LATITUDE, LONGITUDE,
                  MODIFIED, PROGRESS, RECORDED, REFERENCE, RID, START, STATUS)

BATCH = 4000
EXTENSIONS = {'spss': 'sav'}
UTC = Dates(None)
WHOLE, DECIMAL = re.compile(r'-?[0-9]+'), re.compile(r'-?[0-9]*\.[0-9]+')
ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode


def extension(kind: str) -> str:
    return EXTENSIONS.get(kind, kind)


def entry(survey, params: dict, rows: Iterable[list], heading: bool = True) -> Iterator[bytes]:
    """The entry of a ZIP in pieces."""
    kind = params['format']
    if kind == 'csv':
        return (text.encode('utf-8', 'surrogatepass') for text in _table(survey, params, rows, ',', heading))
    if kind == 'tsv':
        return _utf16(_table(survey, params, rows, '\t', heading))
    if kind == 'json':
        return _json(survey, params, rows)
    if kind == 'ndjson':
        return _ndjson(survey, params, rows)
    if kind == 'xml':
        return _xml(layout(survey, params), rows)
    return sav.file(layout(survey, params), rows)


def _utf16(texts: Iterator[str]) -> Iterator[bytes]:
    yield b'\xff\xfe'
    for text in texts:
        yield text.encode('utf-16-le', 'surrogatepass')


def _table(survey, params: dict, rows: Iterable[list], delimiter: str, heading: bool) -> Iterator[str]:
    columns = layout(survey, params)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator='\r\n')
    if heading:
        writer.writerow([column.tag for column in columns])
        writer.writerow([column.text for column in columns])
        writer.writerow([json.dumps(column.ident, ensure_ascii=False, separators=(',', ':')) for column in columns])
    cells = [column.cell for column in columns]
    newline = params['newlineReplacement']
    count = 0
    for row in rows:
        made = [cell(row) for cell in cells]
        if newline is not None:
            made = [cell.replace('\n', newline) for cell in made]
        writer.writerow(made)
        count += 1
        if count % BATCH == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _moment(ms: int, milliseconds: bool = False) -> str:
    text = UTC.text(ms).replace(' ', 'T')
    return f'{text}.{ms % 1000:03}Z' if milliseconds else text + 'Z'


def _codes(slot) -> list:
    codes = [slot.choices[key][0] for key in slot.offered]
    return codes if slot.kind == 'multi' else [number(code) for code in codes]


def number(text: str) -> object:
    """A number if it is one, a whole one without a point; otherwise the text."""
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text


class Objects:
    """A response as the object R of API.md 3.5: unanswered fields are simply absent."""

    def __init__(self, survey, params: dict | None = None):
        questions = params and params['questionIds']
        embedded = params and params['embeddedDataIds']
        self.metadata = params and params['surveyMetadataIds']
        self.by_modified = params and params['sortByLastModifiedDate']
        self.slots = [(FIELDS + place, slot) for place, slot in enumerate(survey.slots)
                      if (slot.name in embedded if slot.kind == 'embedded' and embedded is not None else
                          slot.question in questions if slot.kind != 'embedded' and questions is not None else True)]
        slots = [slot for _, slot in self.slots]
        self.displayed = [slot.name for slot in slots if slot.kind != 'embedded'][::-1]
        self.offered = {slot.name: _codes(slot) for slot in slots if slot.offered and slot.kind != 'order'}

    def make(self, row: list) -> dict:
        values = self._metadata(row)
        labels = {'status': STATUS_LABELS.get(row[STATUS], row[STATUS]), 'finished': str(row[FINISHED])}
        for place, slot in self.slots:
            if row[place] is not None:
                self._answer(slot, row[place], values, labels)
        return {'responseId': row[RID], 'values': values, 'labels': labels, 'displayedFields': self.displayed,
                'displayedValues': self.offered}

    def _metadata(self, row: list) -> dict:
        values = {'startDate': _moment(row[START]), 'endDate': _moment(row[END]), 'status': int(row[STATUS]),
                  'ipAddress': row[IP], 'progress': int(row[PROGRESS]), 'duration': int(row[DURATION]),
                  'finished': int(row[FINISHED]),
                  'recordedDate': None if row[RECORDED] is None else _moment(row[RECORDED], True),
                  '_recordId': row[RID], 'locationLatitude': row[LATITUDE], 'locationLongitude': row[LONGITUDE],
                  'distributionChannel': row[CHANNEL], 'userLanguage': row[LANGUAGE]}
        values |= {'recipientLastName': row[LAST], 'recipientFirstName': row[FIRST], 'recipientEmail': row[EMAIL],
                   'externalDataReference': row[REFERENCE]}
        if self.by_modified:
            values['lastModifiedDate'] = _moment(row[MODIFIED], True)
        wanted = self.metadata
        return {name: value for name, value in values.items()
                if value not in (None, '') and (wanted is None or name in wanted
                                        or (name == 'externalDataReference' and 'externalReference' in wanted))}

    @staticmethod
    def _answer(slot, value, values: dict, labels: dict) -> None:
        if slot.kind in ('single', 'nps_group'):
            recode, label, _ = slot.choices.get(value, (value, value, value))
            values[slot.name] = number(recode)
            labels[slot.name] = label
        elif slot.kind == 'multi':
            values[slot.name] = [slot.choices[key][0] for key in value]
            labels[slot.name] = [slot.choices[key][1] for key in value]
        elif slot.kind == 'order':
            values[slot.name] = list(value)
        elif slot.kind == 'heat':
            values[slot.name] = [{'x': x, 'y': y} for x, y in value]
        elif is_number(slot):
            values[slot.name] = number(value)
        else:
            values[slot.name] = value


def _dump(value: object) -> bytes:
    return ENCODE(value).encode('utf-8', 'surrogatepass')


def _json(survey, params: dict, rows: Iterable[list]) -> Iterator[bytes]:
    objects = Objects(survey, params)
    yield b'{"responses":['
    for number, row in enumerate(rows):
        yield (b',' if number else b'') + _dump(objects.make(row))
    yield b']}'


def _ndjson(survey, params: dict, rows: Iterable[list]) -> Iterator[bytes]:
    objects = Objects(survey, params)
    for row in rows:
        yield _dump(objects.make(row)) + b'\n'


def _element_names(columns: list[Column]) -> list[str]:
    """Children are named by ImportId; a leading digit becomes an underscore before it, clashes get -1, -2."""
    used: dict[str, int] = {}
    names = []
    for column in columns:
        ident = column.ident['ImportId']
        choice = column.ident.get('choiceId')
        whole = f'{ident}_{choice}' if choice else ident
        name = ''.join(c if c.isalnum() or c in '_-.' else '_' for c in whole)
        if name[:1].isdigit():
            name = '_' + name[1:]
        count = used.get(name, 0)
        used[name] = count + 1
        names.append(f'{name}-{count}' if count else name)
    return names


def _clean(text: str) -> str:
    return escape(''.join(c for c in text if c in '\t\n\r' or ord(c) >= 32))


def _xml(columns: list[Column], rows: Iterable[list]) -> Iterator[bytes]:
    names = _element_names(columns)
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<Responses>'
    for row in rows:
        parts = ['<Response>']
        for name, column in zip(names, columns):
            text = column.cell(row)
            parts.append(f'<{name}>{_clean(text)}</{name}>' if text else f'<{name}/>')
        yield (''.join(parts) + '</Response>').encode()
    yield b'</Responses>'
