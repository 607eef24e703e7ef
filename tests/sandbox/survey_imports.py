"""New surveys: from a file, from an address, as a copy (API.md 5.3)."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import uuid

import forms
import questions
from account import Survey, now_ms
from replies import ApiError, Reply, bad, json_body, ok
from rows import make_id
from surveys import allowed
from wire import Request

QSF = 'application/vnd.qualtrics.survey.qsf'
TEXT = 'text/plain'
DOC = 'application/msword'
DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
MAGIC = {DOC: bytes.fromhex('d0cf11e0a1b11ae1'), DOCX: b'PK\3\4'}
NUMBERED = re.compile(r'\s*\d+[.)]\s+(\S.*)')
MARK = re.compile(r'\[\[(\w+)(?::([^\]]*))?\]\]\s*')
BAD_FILE = 'Error parsing file: The file does not appear to be a valid survey'


class Ceiling:
    """How many imports of surveys may run at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running = 0

    @contextlib.contextmanager
    def one(self, box):
        """Be one of them; 429 if there is no room."""
        with self.lock:
            if box.settings.limits and self.running >= box.settings.max_survey_imports:
                raise box.limits.refuse('survey imports', 'Too many surveys are imported at the same time.',
                                        'max_survey_imports')
            self.running += 1
        try:
            yield
        finally:
            with self.lock:
                self.running -= 1


def create(box, request: Request, args: dict) -> Reply:
    """POST /surveys."""
    if 'x-copy-source' in request.headers:
        source = allowed(box, request.headers['x-copy-source'])
        name = json_body(request).get('projectName') or f'{source.name} - Copy'
        return _added(box, request, _copy(box, source, str(name)))
    with box.survey_imports.one(box):
        if box.settings.survey_import_seconds:
            box.faults.wait(box.settings.survey_import_seconds, request.key)
        name, kind, data = _source(box, request)
        if len(data) > box.settings.max_import_bytes:
            raise ApiError(413, 'Request Entity Too Large', 'SANDBOX_413')
        survey = _blank(box, name)
        _fill(box.settings, survey, kind, data)
    return _added(box, request, survey)


def _source(box, request: Request) -> tuple[str, str, bytes]:
    """Name, type and content: of the file in the form, or of what is at the address the form names."""
    parts = forms.parts(request)
    name = parts['name'].text if 'name' in parts else ''
    if not name:
        raise bad('Invalid request. Missing or invalid parameter name')
    if 'file' in parts:
        return name, parts['file'].kind, parts['file'].data
    if 'fileUrl' not in parts:
        raise bad('Invalid request. Missing or invalid parameter file')
    url, kind = parts['fileUrl'].text, parts['contentType'].text if 'contentType' in parts else ''
    data = box.remote_files.get(url)
    if data is None or not re.match(r'https?://[^/]', url):
        raise bad('Invalid request. Missing or invalid parameter fileUrl')
    return name, kind.lower(), data


def _blank(box, name: str) -> Survey:
    now = now_ms()
    return Survey(make_id('SV_', uuid.uuid4()), name, box.account.user_id, box.account.brand, now, now, active=False)


def _copy(box, source: Survey, name: str) -> Survey:
    survey = _blank(box, name)
    for member in ('questions', 'blocks', 'flow', 'embedded', 'typed', 'loops', 'orders', 'languages'):
        setattr(survey, member, json.loads(json.dumps(getattr(source, member))))
    survey.languages = tuple(survey.languages)
    return survey


def _added(box, request: Request, survey: Survey) -> Reply:
    """In the account at once, but shown only after a while."""
    settings, now = box.settings, box.clock()
    survey.found_from, survey.listed_from = now + settings.survey_get_delay, now + settings.survey_list_delay
    with box.account.lock:
        box.account.surveys = {**box.account.surveys, survey.id: survey}
    request.book.done(survey.id)
    result = {'id': survey.id}
    if settings.survey_import_returns_name:
        result['name'] = survey.name
    return ok(result)


# ---- what a file holds --------------------------------------------------------------------------------------

def _fill(settings, survey: Survey, kind: str, data: bytes) -> None:
    """Give a survey the questions of a file; 415 for a type that is none of them, 400 for a file that is no survey."""
    known = (QSF, TEXT, DOC, DOCX) if settings.docx_import else (QSF, TEXT, DOC)
    if kind not in known:
        raise ApiError(415, 'Unsupported Media Type', 'SANDBOX_415')
    if kind == QSF:
        survey.qsf, found = _qsf(data)
    elif kind == TEXT:
        found = _text(settings, data)
    elif data.startswith(MAGIC[kind]):
        found = {'QID1': questions.question('TE', 'SL', None, 'What Word had to ask', 'Q1')}
    else:
        raise bad(BAD_FILE)
    survey.questions = found
    survey.blocks = {make_id('BL_', survey.id): {
        'description': 'Default Question Block',
        'elements': [{'type': 'Question', 'questionId': qid} for qid in survey.questions]}}
    survey.flow = [{'id': ident, 'type': 'Block'} for ident in survey.blocks]


def _qsf(data: bytes) -> tuple[dict, dict]:
    """SurveyEntry and SurveyElements in UTF-8, and not in the envelope of an answer (issues #335 #336)."""
    try:
        document = json.loads(data.decode('utf-8'))
        elements = document['SurveyElements']
        if not isinstance(elements, list) or not isinstance(document['SurveyEntry']['SurveyID'], str):
            raise ValueError
        loads = [item['Payload'] for item in elements if item['Element'] == 'SQ']
        return document, {load['QuestionID']: questions.question(
            'TE', 'SL', None, str(load.get('QuestionText') or ''), str(load.get('DataExportTag') or load['QuestionID']))
            for load in loads}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise bad(BAD_FILE) from None


def _text(settings, data: bytes) -> dict:
    """Simple TXT (numbered questions, their choices below) or advanced (marks in double brackets)."""
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        raise bad(BAD_FILE) from None
    lines = [line.strip() for line in text.splitlines()]
    found = _advanced(lines) if any(line.startswith('[[AdvancedFormat]]') for line in lines) else _simple(lines)
    if not found and settings.txt_without_questions == 'refuse':
        raise bad(BAD_FILE)
    return {f'QID{number}': questions.question('MC', 'SAVR', 'TX', asked, tag or f'Q{number}', choices=choices)
            if choices else questions.question('TE', 'SL', None, asked, tag or f'Q{number}')
            for number, (asked, tag, choices) in enumerate(found, 1)}


def _simple(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    made: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if (numbered := NUMBERED.fullmatch(line)) is not None:
            made.append((numbered[1], '', []))
        elif made and line and not MARK.match(line):
            made[-1][2].append(re.sub(r'^\w[.)]\s+', '', line))
    return made


def _advanced(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    """[[Question:...]] begins one, [[ID:tag]] names it, its text follows; [[Choices]] begins the choices."""
    made: list[list] = []
    choosing = False
    for line in lines:
        mark = MARK.match(line)
        if mark is not None:
            name, rest = mark[1].lower(), line[mark.end():]
            choosing = 'choice' in name or (choosing and name not in ('question', 'block'))
            if name == 'question':
                made.append(['', '', []])
            elif name == 'id' and made:
                made[-1][1] = mark[2] or ''
            line = rest
        if not line or not made:
            continue
        if choosing:
            made[-1][2].append(line)
        else:
            made[-1][0] = f'{made[-1][0]}\n{line}'.strip()
    return [(asked, tag, choices) for asked, tag, choices in made]
