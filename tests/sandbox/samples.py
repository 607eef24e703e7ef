"""Surveys for one purpose each: many columns, awkward answers, every kind of question (API.md 3.4, 3.5, 4.3, 10.5)."""

from __future__ import annotations

import demo
from account import Account, Survey
from questions import choice, question
from rows import FIELDS, make_id

COLUMNS = 636
LONG = 32_767       # characters, what a cell of a spreadsheet holds

# answers that programs like to take for something else
TEXTS = (
    '007', '=1+1', '+1', '-1', '@SUM(A1:A9)', '=cmd|\' /C calc\'!A0', "'quoted", '1e5', '1E400', '0.10', '1,5', '1.234,56',
    '12345678901234567890', '00712', '+49 30 0123456', '2024-01-31', '31.01.2024', '1/2', '10:30', '2024-01-31 10:30:00',
    'TRUE', 'false', 'NA', 'null', 'NaN', '#N/A', '#REF!', 'inf', '-', ' ', '  two before, two behind  ', 'tab\there',
    'one line\nanother', 'three\n\nlines', 'with\r\nCR and LF', 'a lone\rCR', '"', '""', 'say "hi", please', 'a,b;c|d',
    'back\\slash\\n', '<b>bold</b> & more', 'https://example.org/?a=1&b=2', 'bell \x07, escape \x1b, unit \x1f',
    'backspace \x08 and \x0b', 'delete \x7f', '_x000D_', 'soft\u00adhyphen', 'zero\u200bwidth', '\ufeffmark first',
    'e\u0301 is é', 'مرحبا بالعالم', 'שלום', '日本語のテキスト', '👍', '🤷🏻\u200d♀️ family 👨\u200d👩\u200d👧', '𝒜𝓁𝓁', '\U0010fffd',
    'x' * LONG, 'y' * (LONG + 1), 'ä' * 40_000, '😀' * 20_000, 'long\n' * 20_000, 'z' * 1_000_000)
ODD_CHOICES = ('007', '=2+2', 'TRUE', '2024-01-31', '1e5', 'yes, "quoted"\nand broken', '<em>é</em> 👍', '-5')


def wide(account: Account) -> Survey:
    """636 columns under the export tags 1 to 5, over and over, as in issue qualtRics#176."""
    asked = []
    columns = 17
    while columns < COLUMNS:
        number = len(asked)
        tag, left = str(number % 5 + 1), COLUMNS - columns
        text = f'Part {number // 5 + 1}, item {tag}'
        if number % 7 == 2 and left >= 4:
            asked.append(question('MC', 'MAVR', 'TX', text, tag, choices=['Tea', 'Coffee', 'Juice', 'Water']))
            columns += 4
        elif number % 7 == 4 and left >= 3:
            asked.append(question('Matrix', 'Likert', 'SingleAnswer', text, tag, choices=demo.AGREE,
                                  rows=['Price', 'Taste', 'Price']))
            columns += 3
        elif number % 7 == 5 and left >= 2:
            asked.append(question('MC', 'SAVR', 'TX', text, tag, choices=['Yes', choice(2, 'Other', entry=True)]))
            columns += 2
        elif number % 7 == 6:
            asked.append(question('TE', 'SL', None, text, tag))
            columns += 1
        else:
            asked.append(question('MC', 'SAVR', 'TX', text, tag, choices=['Never', 'Sometimes', 'Always']))
            columns += 1
    return _survey(account, 'SV_sampleWide00636', '636 columns, five tags', asked, 25)


def texts(account: Account) -> Survey:
    """Answers of all types, and the texts above one after the other in the first column."""
    asked = [question('TE', 'ESTB', None, 'Anything at all', 'Any'),
             question('MC', 'SAVR', 'TX', 'Choices that look like something else', '=Odd', choices=list(ODD_CHOICES)),
             question('MC', 'MAVR', 'TX', 'Several of them', 'Many', choices=list(ODD_CHOICES)),
             question('Slider', 'HSLIDER', None, 'How warm?', 'Warm', choices=['Degrees']),
             question('TE', 'FORM', None, 'Details', 'Form', choices=['Postal code', 'Phone', 'Birthday']),
             question('MC', 'NPS', None, 'Recommend?', 'NPS'),
             question('MC', 'SAHR', 'TX', 'Halves', 'Half', choices=[choice('0.5', 'A half'), choice('-1', 'Less')])]
    embedded = [{'name': name, 'defaultValue': None} for name in ('Age', 'Visit', 'Flag', 'Zip', 'a,b "c"', '007')]
    made = _survey(account, 'SV_sampleTexts0001', 'Awkward answers', asked, len(TEXTS), embedded=embedded,
                   typed={'Age': 'number', 'Visit': 'date'}, languages=('EN',))
    places = {slot.name: FIELDS + place for place, slot in enumerate(made.slots)}
    for number, text in enumerate(TEXTS):
        row = made.generate(number)
        answers = {'QID1_TEXT': text, 'QID2': str(number % len(ODD_CHOICES) + 1),
                   'QID4_1': ('0', '36.6', '-273.15', '100', '12345678901234567890')[number % 5],
                   'QID5_1': f'{number:05}', 'QID5_2': f'+49 30 {number:07}', 'QID5_3': f'1999-12-{number % 28 + 1:02}',
                   'Age': (str(20 + number), '3.5', None)[number % 3], 'Zip': f'0{number:04}',
                   'Visit': f'2024-02-{number % 28 + 1:02}T23:30:00Z', 'Flag': ('true', 'false')[number % 2],
                   'a,b "c"': TEXTS[number % 20], '007': '7'}
        for name, value in answers.items():
            row[places[name]] = value
        made.edits[number] = row
    return made


def forms(account: Account) -> Survey:
    """One question of every kind that API.md 3.4 gives a form of column for."""
    other = choice(3, 'Other', entry=True)
    asked = demo.customer_questions() + [
        question('MC', 'MAVR', 'TX', 'Ticks, with texts', 'Ticks',
                 choices=[choice(0, 'x', entry=True), choice(11, 'lambda'), choice(10, 'y', entry=True)]),
        question('Matrix', 'Likert', 'SingleAnswer', 'Rows with a text', 'RowText', choices=['Low', 'High'],
                 rows=['Plain', other], randomize=True, answerRandomization={'type': 'All'}),
        question('Matrix', 'Likert', 'MultipleAnswer', 'Ticked rows with a text', 'RowTicks', choices=['Am', 'Pm'],
                 rows=['Plain', other]),
        question('Matrix', 'TE', 'Short', 'Texts in a table', 'Table', choices=['Name', 'Age'], rows=['First', 'Second']),
        question('SBS', 'SBSMatrix', None, 'Side by side', 'Beside', rows=['Bed', 'Board'], columns={
            '1': question('Matrix', 'Likert', 'SingleAnswer', 'How good?', '1', choices=['Bad', 'Good']),
            '2': question('Matrix', 'Likert', 'MultipleAnswer', 'When?', '2', choices=['Summer', 'Winter'])}),
        question('DD', 'DL', None, 'Year and make', 'Drill', choices=['1999', 'Volvo'], rows=['Year', 'Make']),
        question('RO', 'DND', 'TX', 'Put in order', 'Rank', choices=['One', 'Two', 'Three']),
        question('CS', 'VRTL', 'TX', 'Spend 100 points', 'Sum', choices=['Here', 'There']),
        question('PGR', 'DragAndDrop', 'NoColumns', 'Group them', 'Groups', choices=['Cat', 'Dog'],
                 groups=['Loved', 'Feared']),
        question('HeatMap', 'Image', None, 'Click where it hurts', 'Heat'),
        question('FileUpload', 'FileUpload', None, 'A photo, please', 'Photo'),
        question('Draw', 'Signature', None, 'Sign here', 'Sign'),
        question('TE', 'ML', None, 'In your own words', 'Words', textIq='0123456789abcdef01234567'),
        question('TE', 'SL', None, 'What of [Field-1]?', 'Again'),
        question('MC', 'NPS', None, 'Recommend [Field-1]?', 'Loop NPS'),
        question('MC', 'SAVR', 'TX', 'Which [Field-1]?', 'Which', choices=['This', other])]
    made = _survey(account, 'SV_sampleForms0001', 'Every kind of question', asked, 40,
                   embedded=[{'name': 'cong.first_name', 'defaultValue': 'Ada'}], languages=('EN', 'DE'))
    looped = list(made.questions)[-3:]
    block = make_id('BL_', made.id, 'loop')
    for item in made.blocks.values():
        item['elements'] = [part for part in item['elements'] if part.get('questionId') not in looped]
    made.blocks[block] = {'description': 'Loop', 'elements': [
        {'type': 'Question', 'questionId': qid} for qid in looped]}
    made.flow.append({'id': block, 'type': 'Block'})
    made.loops = {block: 2}
    made.orders = {'FL_20_DO': tuple(made.blocks), f'{next(iter(made.blocks))}_DO': ('QID1', 'QID2', 'QID3')}
    return made


def strange(account: Account) -> Survey:
    """What a definition may hold: deep and long values, numbers beyond a double, texts next to booleans."""
    deep: object = 'bottom'
    for _ in range(480):
        deep = {'0': deep, 'Type': 'BooleanExpression'}
    asked = [question('MC', 'SAVR', 'TX', 'مرحبا <b>שלום</b> \u2028 "x" \\ / \x07', 'Q1', choices=['a', 'b'], designer={
        'DisplayLogic': deep, 'inPage': False, 'Hidden': 'true', 'Size': 12345678901234567890, 'Ratio': 0.1,
        'Tiny': 1e-300, 'Empty': {}, 'None': [], 'Nothing': None, 'Long': 'x' * 200_000})]
    return _survey(account, 'SV_sampleStrange01', 'Strange / definition', asked, 3)


def _survey(account: Account, ident: str, name: str, asked: list, count: int, **more) -> Survey:
    made = demo.make_survey(ident, name, asked, count, demo.T0 + 30 * demo.DAY, **more)
    made.owner, made.organization = account.user_id, account.brand
    return made


KINDS = {'wide': wide, 'texts': texts, 'forms': forms, 'strange': strange}


def make(kind: str, account: Account) -> Survey:
    if kind not in KINDS:
        raise ValueError(f'a sample is one of {", ".join(KINDS)}')
    return KINDS[kind](account)
