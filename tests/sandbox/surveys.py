"""whoami, the list of surveys, one survey, quotas, languages, and new surveys (API.md 5.1 to 5.4, 9)."""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import uuid

import questions
from account import Survey, iso, now_ms
from replies import ABSENT, ApiError, Reply, bad, json_body, ok, page
from rows import make_id
from wire import Request

QSF = 'application/vnd.qualtrics.survey.qsf'
TYPES = (QSF, 'text/plain', 'application/msword',
         'application/vnd.openxmlformats-officedocument.wordprocessingml.document')


def allowed(box, ident: str) -> Survey:
    """The survey of an id; 404 GSI_2 if there is none, 403 if the token lost it."""
    survey = box.account.surveys.get(ident)
    if survey is None:
        raise ApiError(404, 'Survey not found.', 'GSI_2', ABSENT)
    if survey.forbidden:
        raise ApiError(box.settings.forbidden_status, 'The operation is forbidden.', 'SANDBOX_403')
    return survey


def whoami(box, request: Request, args: dict) -> Reply:
    return ok(dict(box.account.user), id_first=True)


def summary(survey: Survey) -> dict:
    return {'id': survey.id, 'name': survey.name, 'ownerId': survey.owner, 'lastModified': iso(survey.modified),
            'creationDate': iso(survey.created), 'isActive': survey.active}


def list_surveys(box, request: Request, args: dict) -> Reply:
    with box.account.lock:
        shown = [survey for survey in box.account.surveys.values() if survey.listed]
    return ok(page(box, request, shown, summary, token=request.query.get('useNewPaginationScheme') == 'true'))


def export_column_map(survey: Survey) -> dict:
    """Tags and what they are made of; a repeated tag keeps one entry, as an object must."""
    made: dict = {}
    for qid in survey.question_order():
        shown = survey.questions[qid]
        tag = shown['questionName']
        for key, sub in shown.get('subQuestions', {}).items():
            made[f'{tag}_{key}'] = {'question': qid, 'subQuestion': f'{qid}.subQuestions.{key}'}
        if 'subQuestions' in shown:
            continue
        many = shown['questionType']['type'] == 'MC' and shown['questionType']['selector'].startswith('M')
        if many or shown['questionType']['selector'] == 'FORM':
            for key in shown['choices']:
                made[f'{tag}_{key}'] = {'question': qid, 'choice': f'{qid}.choices.{key}'}
        elif shown['questionType']['type'] != 'DB':
            made[tag] = {'question': qid}
    return made


def document(survey: Survey) -> dict:
    """The result of GET /surveys/{id}, members as recorded."""
    shown = {'id': survey.id, 'name': survey.name, 'ownerId': survey.owner, 'organizationId': survey.organization,
             'isActive': survey.active, 'creationDate': iso(survey.created),
             'lastModifiedDate': iso(survey.modified), 'expiration': survey.expiration,
             'questions': survey.questions, 'exportColumnMap': export_column_map(survey), 'blocks': survey.blocks,
             'flow': survey.flow, 'embeddedData': survey.embedded, 'comments': {}, 'loopAndMerge': {
                 ident: {'columnNames': {}, 'loopAndMergeSettings': {'staticTimes': times}}
                 for ident, times in survey.loops.items()},
             'responseCounts': survey.counts()}
    shown.update(survey.more)
    return shown


def get_survey(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    with survey.lock:
        return ok(document(survey))


def quotas(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    counts = survey.counts()
    items = [] if survey.base < 1000 else [
        {'id': make_id('QO_', survey.id, name), 'name': name, 'count': counts['auditable'] // share, 'quota': 100_000,
         'logicType': kind, 'combinations': [] if kind == 'Simple' else [
             {'name': f'{name}, {part}', 'count': counts['auditable'] // share // 2, 'quota': 50_000}
             for part in ('North', 'South')]}
        for name, share, kind in (('Women', 2, 'Simple'), ('Under 30', 5, 'Cross'))]
    return ok(page(box, request, items, dict))


def languages(box, request: Request, args: dict) -> Reply:
    return ok({'AvailableLanguages': list(allowed(box, args['survey']).languages)})


def multipart(request: Request) -> dict[str, tuple[str, str, bytes]]:
    """The parts of a form: name -> (file name, type, bytes). 413 for a malformed one, as documented."""
    kind = request.headers.get('content-type', '')
    if not kind.lower().startswith('multipart/form-data'):
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    head = f'Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n'.encode('latin-1')
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    parts = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param('name', header='content-disposition')
        parts[str(name)] = (part.get_filename() or '', part.get_content_type(), part.get_payload(decode=True) or b'')
    if not parts:
        raise ApiError(413, 'The multipart body is malformed.', 'SANDBOX_413')
    return parts


def create(box, request: Request, args: dict) -> Reply:
    """POST /surveys: import of a file or of a URL, or a copy."""
    if 'x-copy-source' in request.headers:
        source = allowed(box, request.headers['x-copy-source'])
        name = json_body(request).get('projectName') or f'{source.name} - Copy'
        return _added(box, _copy(box, source, str(name)))
    parts = multipart(request)
    name = parts['name'][2].decode('utf-8', 'replace') if 'name' in parts else ''
    if not name:
        raise bad('Invalid request. Missing or invalid parameter name')
    if 'file' in parts:
        _, kind, data = parts['file']
    elif 'fileUrl' in parts:
        url = parts['fileUrl'][2].decode('latin-1')
        kind = parts['contentType'][2].decode('latin-1') if 'contentType' in parts else ''
        data = box.remote_files.get(url)
        if data is None:
            raise bad('Invalid request. Missing or invalid parameter fileUrl')
    else:
        raise bad('Invalid request. Missing or invalid parameter file')
    if len(data) > box.settings.max_import_bytes:
        raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
    return _added(box, _imported(box, name, kind, data))


def _added(box, survey: Survey) -> Reply:
    with box.account.lock:
        box.account.surveys[survey.id] = survey
    result = {'id': survey.id}
    if box.settings.survey_import_returns_name:
        result['name'] = survey.name
    return ok(result)


def _blank(box, name: str) -> Survey:
    now = now_ms()
    return Survey(make_id('SV_', uuid.uuid4()), name, box.account.user_id, box.account.brand, now, now, active=False)


def _copy(box, source: Survey, name: str) -> Survey:
    survey = _blank(box, name)
    for member in ('questions', 'blocks', 'flow', 'embedded', 'typed', 'loops', 'orders', 'languages'):
        setattr(survey, member, json.loads(json.dumps(getattr(source, member))))
    survey.languages = tuple(survey.languages)
    return survey


def _imported(box, name: str, kind: str, data: bytes) -> Survey:
    survey = _blank(box, name)
    if kind not in TYPES:
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    found: list[dict] = []
    if kind == QSF:
        try:
            survey.qsf = json.loads(data.decode('utf-8'))
            found = [item['Payload'] for item in survey.qsf['SurveyElements'] if item['Element'] == 'SQ']
            survey.qsf['SurveyEntry']['SurveyID']
        except (ValueError, KeyError, TypeError):
            raise bad('Error parsing file: The file does not appear to be a valid survey') from None
    elif kind == 'text/plain':
        text = data.decode('utf-8', 'replace')
        found = [{'QuestionText': line} for line in
                 re.findall(r'^(?:\d+\.\s+(.*\S)|\[\[Question:.*\]\]\s*\n(?:\[\[ID:.*\]\]\s*\n)?.*)$', text, re.M)]
    for number, item in enumerate(found, 1):
        qid = item.get('QuestionID') or f'QID{number}'
        survey.questions[qid] = questions.question('TE', 'SL', None, item.get('QuestionText') or '',
                                                   item.get('DataExportTag') or f'Q{number}')
    survey.blocks = {make_id('BL_', survey.id): {
        'description': 'Default Question Block',
        'elements': [{'type': 'Question', 'questionId': qid} for qid in survey.questions]}}
    survey.flow = [{'id': ident, 'type': 'Block'} for ident in survey.blocks]
    return survey


def delete(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    with box.account.lock:
        box.account.surveys.pop(survey.id, None)
    return ok()


def update(box, request: Request, args: dict) -> Reply:
    """PUT: name, isActive, expiration, ownerId, all optional; only meta comes back."""
    survey = allowed(box, args['survey'])
    body = json_body(request)
    for member, attribute in (('name', 'name'), ('isActive', 'active'), ('expiration', 'expiration'),
                              ('ownerId', 'owner')):
        if member in body:
            setattr(survey, attribute, body[member])
    survey.modified = now_ms()
    return ok()


