"""Questions as GET /surveys/{id} shows them, and the fields a response has for each (API.md 3.4, 5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SINGLE_SELECTORS = ('SAVR', 'SAHR', 'SACOL', 'DL', 'SB')
TIMING = (('FIRST_CLICK', 'First Click'), ('LAST_CLICK', 'Last Click'), ('PAGE_SUBMIT', 'Page Submit'),
          ('CLICK_COUNT', 'Click Count'))
BROWSER = (('BROWSER', 'Browser'), ('VERSION', 'Version'), ('OS', 'Operating System'), ('RESOLUTION', 'Resolution'))
UPLOAD = (('FILE_ID', 'Id'), ('FILE_NAME', 'Name'), ('FILE_SIZE', 'Size'), ('FILE_TYPE', 'Type'))
TAGS = re.compile(r'<[^>]*>')


def plain(text: str) -> str:
    """HTML tags removed, newlines kept."""
    return TAGS.sub('', text) if '<' in text else text


@dataclass
class Slot:
    """One field of a response: where its value lies and how it is named."""

    name: str                   # QID16, QID19_TEXT, QID10_2, QID18_NPS_GROUP
    tag: str                    # export tag without choice
    text: str                   # second header row without choice
    kind: str                   # single, multi, text, nps, number, order, embedded, word
    question: str = ''          # QID16; '' for embedded data
    choices: dict = field(default_factory=dict)     # key -> (recode, label, text)
    offered: tuple = ()
    group: str = ''             # what a fill-in depends on: the choice key of a text entry


def choice(recode: int | str, text: str, variable: str | None = None, entry: bool = False) -> dict:
    shown = {'recode': str(recode), 'description': variable or text, 'choiceText': text, 'imageDescription': None,
             'variableName': variable, 'analyze': True}
    if entry:
        shown['textEntry'] = True
    return shown


def question(kind: str, selector: str, sub: str | None, text: str, name: str, *, choices: list | None = None,
             rows: list | None = None, force: bool = False, randomize: bool = False, label: str | None = None) -> dict:
    """A question in the form of GET /surveys/{id}. A choice is a text or a finished choice()."""
    made: dict = {'questionType': {'type': kind, 'selector': selector, 'subSelector': sub}, 'questionText': text,
                  'questionLabel': label, 'validation': {'doesForceResponse': force}, 'questionName': name}
    if choices is not None:
        made['choices'] = {str(i): item if isinstance(item, dict) else choice(i, item)
                           for i, item in enumerate(choices, 1)}
    if rows is not None:
        made['subQuestions'] = {str(i): choice(i, item) for i, item in enumerate(rows, 1)}
    if randomize:
        made['randomization'] = {'type': 'All', 'questionsPerPage': None}
    return made


def _choices_of(shown: dict) -> dict:
    return {key: (value['recode'], plain(value['description'] or ''), plain(value['choiceText'] or ''))
            for key, value in shown.get('choices', {}).items()}


def _coded(qid: str, shown: dict, kind: str) -> list[Slot]:
    tag, text, choices = shown['questionName'], plain(shown['questionText']), _choices_of(shown)
    entries = [key for key, value in shown['choices'].items() if value.get('textEntry')]
    head = f'{text} - Selected Choice' if entries or kind == 'multi' else text
    slots = [Slot(qid, tag, head, kind, qid, choices, tuple(choices))]
    for key in entries:
        recode, _, label = choices[key]
        slots.append(Slot(f'{qid}_{key}_TEXT', f'{tag}_{recode}_TEXT', f'{text} - {label} - Text', 'text', qid,
                          group=key))
    return slots


def _matrix(qid: str, shown: dict) -> list[Slot]:
    tag, text, choices = shown['questionName'], plain(shown['questionText']), _choices_of(shown)
    kind = 'multi' if shown['questionType']['subSelector'] == 'MultipleAnswer' else 'single'
    return [Slot(f'{qid}_{key}', f'{tag}_{key}', f'{text} - {plain(row["choiceText"])}', kind, qid, choices,
                 tuple(choices)) for key, row in shown['subQuestions'].items()]


def _choice_question(qid: str, shown: dict) -> list[Slot]:
    selector = shown['questionType']['selector']
    if selector == 'NPS':
        tag, text = shown['questionName'], plain(shown['questionText'])
        groups = {'1': ('1', 'Detractor', 'Detractor'), '2': ('2', 'Passive', 'Passive'),
                  '3': ('3', 'Promoter', 'Promoter')}
        return [Slot(f'{qid}_NPS_GROUP', f'{tag}_NPS_GROUP', f'{text} - Group', 'nps_group', qid, groups),
                Slot(qid, tag, text, 'nps', qid)]
    return _coded(qid, shown, 'single' if selector in SINGLE_SELECTORS else 'multi')


def _parts(qid: str, shown: dict, parts, kind: str) -> list[Slot]:
    tag, text = shown['questionName'], plain(shown['questionText'])
    return [Slot(f'{qid}_{ident}', f'{tag}_{label}', f'{text} - {label}', kind, qid, group=ident)
            for ident, label in parts]


def slots_of(qid: str, shown: dict) -> list[Slot]:
    """The fields of one question, in column order; a descriptive text has none."""
    kind = shown['questionType']['type']
    if kind == 'MC':
        slots = _choice_question(qid, shown)
    elif kind == 'Matrix':
        slots = _matrix(qid, shown)
    elif kind == 'TE' and shown['questionType']['selector'] == 'FORM':
        slots = [Slot(f'{qid}_{key}', f'{shown["questionName"]}_{key}', plain(value['choiceText']), 'text', qid)
                 for key, value in shown['choices'].items()]
    elif kind == 'TE':
        slots = [Slot(f'{qid}_TEXT', shown['questionName'], plain(shown['questionText']), 'text', qid)]
    elif kind == 'Slider':
        slots = [Slot(f'{qid}_{key}', f'{shown["questionName"]}_{key}',
                      f'{plain(shown["questionText"])} - {plain(value["choiceText"])}', 'number', qid)
                 for key, value in shown['choices'].items()]
    elif kind == 'Timing':
        slots = _parts(qid, shown, TIMING, 'timing')
    elif kind == 'Meta':
        slots = _parts(qid, shown, BROWSER, 'browser')
    elif kind == 'FileUpload':
        slots = _parts(qid, shown, UPLOAD, 'upload')
    else:
        return []
    if shown.get('randomization') and shown['questionType']['type'] == 'MC':
        slots.append(Slot(f'{qid}_DO', f'{shown["questionName"]}_DO', f'{plain(shown["questionText"])} - Display Order',
                          'order', qid, _choices_of(shown), tuple(shown['choices'])))
    return slots
