"""Questions as GET /surveys/{id} shows them, and the fields a response has for each (API.md 3.4, 5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

SINGLE_SELECTORS = ('SAVR', 'SAHR', 'SACOL', 'DL', 'SB')
TIMING = (('FIRST_CLICK', 'First Click'), ('LAST_CLICK', 'Last Click'), ('PAGE_SUBMIT', 'Page Submit'),
          ('CLICK_COUNT', 'Click Count'))
BROWSER = (('BROWSER', 'Browser'), ('VERSION', 'Version'), ('OS', 'Operating System'), ('RESOLUTION', 'Resolution'))
UPLOAD = (('FILE_ID', 'Id'), ('FILE_NAME', 'Name'), ('FILE_SIZE', 'Size'), ('FILE_TYPE', 'Type'))
# what Text iQ adds to a text question
TEXT_IQ = (('ParTopics', 'Parent Topics', 'text'), ('SenPol', 'Sentiment Polarity', 'number'),
           ('SenScore', 'Sentiment Score', 'number'), ('Sentiment', 'Sentiment', 'text'),
           ('TopicSenLabel', 'Topic Sentiment Label', 'text'), ('TopicSenScore', 'Topic Sentiment Score', 'number'),
           ('Topics', 'Topics', 'text'))
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
    kind: str                   # single multi text nps nps_group number rank timing browser upload heat order embedded
    question: str = ''          # QID16; '' for embedded data
    choices: dict = field(default_factory=dict)     # key -> (recode, label, text)
    offered: tuple = ()
    group: str = ''             # what a fill-in depends on: the choice key of a text entry; a timing's part
    loop: int = 0               # the pass of a loop, from 1


def choice(recode: int | str, text: str, variable: str | None = None, entry: bool = False) -> dict:
    shown = {'recode': str(recode), 'description': variable or text, 'choiceText': text, 'imageDescription': None,
             'variableName': variable, 'analyze': True}
    if entry:
        shown['textEntry'] = True
    return shown


def question(kind: str, selector: str, sub: str | None, text: str, name: str, *, choices: list | None = None,
             rows: list | None = None, force: bool = False, randomize: bool = False, label: str | None = None,
             **more) -> dict:
    """A question in the form of GET /surveys/{id}. A choice or a row is a text or a finished choice()."""
    made: dict = {'questionType': {'type': kind, 'selector': selector, 'subSelector': sub}, 'questionText': text,
                  'questionLabel': label, 'validation': {'doesForceResponse': force}, 'questionName': name}
    if choices is not None:
        made['choices'] = {str(i): item if isinstance(item, dict) else choice(i, item)
                           for i, item in enumerate(choices, 1)}
    if rows is not None:
        made['subQuestions'] = {str(i): item if isinstance(item, dict) else choice(i, item)
                                for i, item in enumerate(rows, 1)}
    if randomize:
        made['randomization'] = {'type': 'All', 'questionsPerPage': None}
    return made | more


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


def _with_entries(qid: str, shown: dict, rows: list[Slot]) -> list[Slot]:
    """Each row of a matrix, and behind it the text of a row that takes one."""
    made = []
    for slot, (key, row) in zip(rows, shown['subQuestions'].items()):
        made.append(slot)
        if row.get('textEntry'):
            made.append(Slot(f'{qid}_{key}_TEXT', f'{shown["questionName"]}_{key}_TEXT', f'{slot.text} - Text', 'text',
                             qid))
    return made


def _matrix(qid: str, shown: dict) -> list[Slot]:
    tag, text, choices = shown['questionName'], plain(shown['questionText']), _choices_of(shown)
    if shown['questionType']['selector'] == 'TE':
        return [Slot(f'{qid}_{key}_{column}', f'{tag}_{key}_{column}', f'{text} - {plain(row["choiceText"])} - {label}',
                     'text', qid) for key, row in shown['subQuestions'].items()
                for column, (_, _, label) in choices.items()]
    kind = 'multi' if shown['questionType']['subSelector'] == 'MultipleAnswer' else 'single'
    rows = [Slot(f'{qid}_{key}', f'{tag}_{key}', f'{text} - {plain(row["choiceText"])}', kind, qid, choices,
                 tuple(choices)) for key, row in shown['subQuestions'].items()]
    return _with_entries(qid, shown, rows)


def _side_by_side(qid: str, shown: dict) -> list[Slot]:
    """One matrix beside the other: QID22#1_2, with several answers QID22#2_2 and a choiceId."""
    tag, text = shown['questionName'], plain(shown['questionText'])
    made = []
    for number, column in shown['columns'].items():
        choices = _choices_of(column)
        kind = 'multi' if column['questionType']['subSelector'] == 'MultipleAnswer' else 'single'
        made += [Slot(f'{qid}#{number}_{key}', f'{tag}#{number}_{key}',
                      f'{text} - {plain(column["questionText"])} - {plain(row["choiceText"])}', kind, qid, choices,
                      tuple(choices)) for key, row in shown['subQuestions'].items()]
    return made


def _drill_down(qid: str, shown: dict) -> list[Slot]:
    choices = _choices_of(shown)
    return [Slot(f'{qid}_{key}', f'{shown["questionName"]}_{key}',
                 f'{plain(shown["questionText"])} - {plain(row["choiceText"])}', 'single', qid, choices, tuple(choices))
            for key, row in shown['subQuestions'].items()]


def _numbers(kind: str) -> Callable[[str, dict], list[Slot]]:
    """One number for each item: a slider, a sum, a rank."""
    return lambda qid, shown: [
        Slot(f'{qid}_{key}', f'{shown["questionName"]}_{key}',
             f'{plain(shown["questionText"])} - {plain(value["choiceText"])}', kind, qid)
        for key, value in shown['choices'].items()]


def _groups(qid: str, shown: dict) -> list[Slot]:
    """Pick, group, rank: which items are in a group, and their ranks in it (the form of the XML file)."""
    tag, text, choices = shown['questionName'], plain(shown['questionText']), _choices_of(shown)
    made = []
    for number, group in enumerate(shown['groups']):
        made.append(Slot(f'{qid}_{number}_GROUP', f'{tag}_{number}_GROUP', f'{text} - Groups - {group}', 'multi', qid,
                         choices, tuple(choices)))
        made += [Slot(f'{qid}_G{number}_{key}_RANK', f'{tag}_{number}_{key}_RANK',
                      f'{text} - Ranks - {group} - {label} - Rank', 'rank', qid)
                 for key, (_, _, label) in choices.items()]
    return made


def _text(qid: str, shown: dict) -> list[Slot]:
    tag, text = shown['questionName'], plain(shown['questionText'])
    if shown['questionType']['selector'] == 'FORM':
        return [Slot(f'{qid}_{key}', f'{tag}_{key}', plain(value['choiceText']), 'text', qid)
                for key, value in shown['choices'].items()]
    made = [Slot(f'{qid}_TEXT', tag, text, 'text', qid)]
    return made + [Slot(f'{qid}_TEXT_{shown["textIq"]}{part}', f'{tag} - {label}', f'{text} - {label}', kind, qid)
                   for part, label, kind in (TEXT_IQ if shown.get('textIq') else ())]


def _heat_map(qid: str, shown: dict) -> list[Slot]:
    return [Slot(qid, shown['questionName'], plain(shown['questionText']), 'heat', qid)]


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


KINDS: dict[str, Callable[[str, dict], list[Slot]]] = {
    'MC': _choice_question, 'Matrix': _matrix, 'TE': _text, 'Slider': _numbers('number'), 'CS': _numbers('number'),
    'RO': _numbers('rank'), 'PGR': _groups, 'SBS': _side_by_side, 'DD': _drill_down, 'HeatMap': _heat_map,
    'Timing': lambda qid, shown: _parts(qid, shown, TIMING, 'timing'),
    'Meta': lambda qid, shown: _parts(qid, shown, BROWSER, 'browser'),
    'FileUpload': lambda qid, shown: _parts(qid, shown, UPLOAD, 'upload'),
    'Draw': lambda qid, shown: _parts(qid, shown, UPLOAD, 'upload')}


def slots_of(qid: str, shown: dict) -> list[Slot]:
    """The fields of one question, in column order; a descriptive text has none."""
    slots = KINDS.get(shown['questionType']['type'], lambda *_: [])(qid, shown)
    order = 'subQuestions' if 'subQuestions' in shown else 'choices'
    for member, word, what in (('randomization', 'DO', order), ('answerRandomization', 'ADO', 'choices')):
        if shown.get(member) and slots:
            items = _choices_of({'choices': shown[what]})
            slots.append(Slot(f'{qid}_{word}', f'{shown["questionName"]}_{word}',
                              f'{plain(shown["questionText"])} - Display Order', 'order', qid, items, tuple(items)))
    return slots


def looped(slot: Slot, number: int) -> Slot:
    """The same field in a pass of a loop: 2_QID21_TEXT."""
    return replace(slot, name=f'{number}_{slot.name}', tag=f'{number}_{slot.tag}', text=f'{number} - {slot.text}',
                   loop=number)
