"""The response schema: JSON Schema 2019-09 of a response, one property for each field of `values` (API.md 4.3)."""

from __future__ import annotations

import columns
from account import Survey
from questions import Slot
from render import number
from replies import Reply, ok
from surveys import allowed
from wire import Request

NUMBERS = frozenset(('status', 'progress', 'duration', 'finished'))
POINT = {'type': 'object', 'properties': {'x': {'type': 'number'}, 'y': {'type': 'number'}}}


def _metadata(item: columns.Metadata) -> dict:
    made = {'description': item.text, 'type': 'number' if item.ident in NUMBERS else 'string', 'dataType': 'metadata',
            'exportTag': item.tag}
    if item.tag.endswith('Date'):
        made['format'] = 'date-time'
    if item.ident == 'status':
        made['oneOf'] = [{'label': label, 'const': int(code)} for code, label in columns.STATUS_LABELS.items()]
    if item.ident == 'finished':
        made['oneOf'] = [{'label': 'False', 'const': 0}, {'label': 'True', 'const': 1}]
    return made


def _type(slot: Slot) -> str:
    if slot.kind in ('multi', 'order', 'heat'):
        return 'array'
    coded = slot.kind in ('single', 'nps_group') and all(
        not isinstance(number(recode), str) for recode, _, _ in slot.choices.values())
    return 'number' if coded or columns.is_number(slot) else 'string'


def _property(slot: Slot, survey: Survey) -> dict:
    made = {'description': slot.text, 'type': _type(slot),
            'dataType': 'embeddedData' if slot.kind == 'embedded' else 'question'}
    if slot.kind == 'embedded' and slot.group == 'date':
        made['format'] = 'date-time'
    if slot.kind != 'embedded':
        made['exportTag'] = slot.tag
    if slot.question:
        made |= {'questionId': slot.question, 'questionExportTag': survey.questions[slot.question]['questionName']}
    if slot.loop:
        made['loopNumber'] = slot.loop
    codes = [{'label': label, 'const': key if slot.kind == 'order' else
              recode if made['type'] == 'array' else number(recode)}
             for key, (recode, label, _) in slot.choices.items()]
    if slot.kind == 'heat':
        made['items'] = POINT
    elif made['type'] == 'array':
        made |= {'items': {'type': 'string', 'oneOf': codes}, 'uniqueItems': True}
    elif codes:
        made['oneOf'] = codes
    return made


def document(survey: Survey) -> dict:
    values = {item.ident: _metadata(item) for item in columns.METADATA if not (survey.anonymous and item.personal)}
    values |= {slot.name: _property(slot, survey) for slot in survey.slots}
    return {'$schema': 'https://json-schema.org/draft/2019-09/schema#',
            '$id': f'http://qualtrics.com/API/v3/surveys/{survey.id}/response-schema', 'type': 'object',
            'title': survey.name, 'description': 'Survey response',
            'required': ['values', 'displayedFields', 'displayedValues', 'labels', 'responseId'],
            'properties': {'responseId': {'type': 'string'}, 'values': {'type': 'object', 'properties': values},
                           'displayedFields': {'type': 'array', 'items': {'type': 'string'}},
                           'displayedValues': {'type': 'object'}, 'labels': {'type': 'object'}}}


def get(box, request: Request, args: dict) -> Reply:
    return ok(document(allowed(box, args['survey'])))
