#!/usr/bin/env python3
"""check_render.py PROGRAM: what render_file makes, read by Python's csv and openpyxl."""

import csv
import datetime
import io
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

try:
    import openpyxl
except ImportError:
    print('openpyxl is not installed (apt install python3-openpyxl)')
    sys.exit(77)

PROGRAM = ''
CELL_MAX = 32767
ZONES = Path('/usr/share/zoneinfo/Europe/Berlin').exists()
RECORDED = os.environ.get('QXFS_RECORDED', '')


def table(rows):
    """A table as the service writes it: CRLF, quotes where needed only."""
    out = io.StringIO()
    csv.writer(out, lineterminator='\r\n').writerows(rows)
    return out.getvalue().encode('utf-8', 'surrogateescape')


def ident(**members):
    return json.dumps(members, separators=(',', ':'))


def headed(columns, rows):
    """columns: (tag, text, members of the third row)"""
    return table([[tag for tag, _, _ in columns], [text for _, text, _ in columns],
                  [ident(**third) for _, _, third in columns], *rows])


def decoded(text):
    """What Excel shows of a text in a workbook."""
    return re.sub(r'_x([0-9A-Fa-f]{4})_', lambda m: chr(int(m[1], 16)), text) if isinstance(text, str) else text


def schema_of(**values):
    return {'type': 'object', 'properties': {'responseId': {'type': 'string'},
                                             'values': {'type': 'object', 'properties': values}}}


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        (self.folder / 'scratch').mkdir()

    def run_program(self, name, base, schema=None, zone='UTC', environment=None):
        (self.folder / 'base').write_bytes(base)
        if schema is not None:
            text = schema if isinstance(schema, str) else json.dumps(schema, indent=2, ensure_ascii=False)
            (self.folder / 'schema').write_text(text, encoding='utf-8')
        out = self.folder / 'out.xlsx'
        done = subprocess.run([PROGRAM, name, self.folder / 'base', '-' if schema is None else self.folder / 'schema',
                               zone, self.folder / 'scratch', out], capture_output=True, text=True, check=False,
                              env={**os.environ, **(environment or {})})
        self.assertEqual(list((self.folder / 'scratch').iterdir()), [])
        return done, out

    def render(self, name, base, schema=None, zone='UTC', environment=None):
        done, out = self.run_program(name, base, schema, zone, environment)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return out.read_bytes()

    def rows(self, name, base, **more):
        text = self.render(name, base, **more).decode('utf-8', 'surrogateescape')
        return list(csv.reader(io.StringIO(text, newline='')))

    def book(self, name, base, **more):
        return openpyxl.load_workbook(io.BytesIO(self.render(name, base, **more)))

    def cells(self, sheet):
        return [[decoded(cell.value) for cell in row] for row in sheet.iter_rows()]


ONE = [('Q1', 'One?', {'ImportId': 'QID1_TEXT'})]


class Plain(Case):
    def test_one_heading_row_and_the_service_s_rows_byte_for_byte(self):
        rest = b'a,"b ""c""\nz"\r\n\r\n"",  x \r\nlast,row without an end'
        columns = [('Q1', 'One?', {'ImportId': 'QID1'}), ('a,"b"', 'x\ny', {'ImportId': 'QID2_TEXT'})]
        made = self.render('responses.plain.csv', headed(columns, []) + rest)
        self.assertEqual(made, b'Q1,"a,""b"""\r\n' + rest)

    def test_no_responses_is_a_heading_alone(self):
        self.assertEqual(self.render('responses.plain.csv', headed(ONE, [])), b'Q1\r\n')
        self.assertEqual(self.render('responses.plain.csv', headed(ONE, []).rstrip(b'\r\n')), b'Q1\r\n')

    def test_a_byte_order_mark_is_no_part_of_a_name(self):
        self.assertEqual(self.render('responses.plain.csv', b'\xef\xbb\xbf' + headed(ONE, [['x']])), b'Q1\r\nx\r\n')

    def test_636_columns_with_repeated_tags_have_unique_names(self):
        columns = [('StartDate', 'Start Date', {'ImportId': 'startDate', 'timeZone': 'Z'})]
        for n in range(127):
            for choice in range(1, 6):
                columns.append((str(choice), f'{n}', {'ImportId': f'QID{n}', 'choiceId': str(choice)}))
        self.assertEqual(len(columns), 636)
        names = self.rows('responses.plain.csv', headed(columns, []))[0]
        self.assertEqual(len({name.casefold() for name in names}), 636)
        self.assertEqual(names[:3], ['StartDate', '1_QID0_1', '2_QID0_2'])
        fewer = self.rows('responses.plain.csv', headed(columns[:1] + columns[300:], []))[0]
        self.assertEqual(fewer[1:], names[300:])

    def test_case_makes_no_difference(self):
        columns = [(tag, '', {'ImportId': f'QID{n}'}) for n, tag in enumerate(('q', 'Q', 'Ä', 'ä', 'q_QID0', '', ''))]
        names = self.rows('responses.plain.csv', headed(columns, []))[0]
        self.assertEqual(names, ['q_QID0', 'Q_QID1', 'Ä_QID2', 'ä_QID3', 'q_QID0_2', 'QID5', 'QID6'])

    def test_equal_in_everything_is_numbered(self):
        columns = [('x', '', {'ImportId': 'A'})] * 4 + [('x', '', {'ImportId': 'A', 'IsLabelsColumn': True})]
        names = self.rows('responses.plain.csv', headed(columns, []))[0]
        self.assertEqual(names, ['x_A', 'x_A_2', 'x_A_3', 'x_A_4', 'x_A_label'])

    def test_what_is_no_such_table_is_refused_in_words(self):
        for base in (b'', b'a,b\r\nc,d\r\n', b'a\r\nb\r\nc\r\nz\r\n', b'"' + b'x' * 20_000_000):
            done, _ = self.run_program('responses.plain.csv', base)
            self.assertEqual(done.returncode, 1, base[:20])
            self.assertIn('responses.csv is not of the form', done.stderr)

    def test_random_tables_come_out_as_they_went_in(self):
        dice = random.Random(1)
        alphabet = string.ascii_letters + ' \t,;"\'\n\r\u00e4\U0001f44d=_0\x01' + '\udcff'
        for _ in range(25):
            width = dice.randint(1, 6)
            rows = [[''.join(dice.choices(alphabet, k=dice.randint(0, 12))) for _ in range(width)]
                    for _ in range(dice.randint(0, 30))]
            columns = [(f'Q{n}', f'text {n}', {'ImportId': f'QID{n}_TEXT'}) for n in range(width)]
            made = self.rows('responses.plain.csv', headed(columns, rows))
            self.assertEqual(made, [[tag for tag, _, _ in columns], *rows])


META = [('StartDate', 'Start Date', {'ImportId': 'startDate', 'timeZone': 'Z'}),
        ('Status', 'Response Type', {'ImportId': 'status'}),
        ('Progress', 'Progress', {'ImportId': 'progress'}),
        ('Finished', 'Finished', {'ImportId': 'finished'}),
        ('ResponseId', 'Response ID', {'ImportId': '_recordId'}),
        ('Q1', 'How\nmuch?', {'ImportId': 'QID1'}),
        ('Q2', 'Colour', {'ImportId': 'QID2'}),
        ('Q3_1', 'All that apply - red', {'ImportId': 'QID3', 'choiceId': '1'}),
        ('Q4', 'Phone', {'ImportId': 'QID4_TEXT'}),
        ('Q5', 'NPS', {'ImportId': 'QID5'}),
        ('zip', 'zip', {'ImportId': 'zip'})]
CODES = [{'const': 1, 'label': 'Red'}, {'const': 2, 'label': '2'}]
SCHEMA = schema_of(
    startDate={'type': 'string', 'format': 'date-time', 'dataType': 'metadata', 'exportTag': 'StartDate',
               'description': 'Start Date'},
    progress={'type': 'number', 'dataType': 'metadata', 'exportTag': 'Progress', 'description': 'Progress'},
    QID1={'type': ['number', 'null'], 'dataType': 'question', 'exportTag': 'Q1', 'description': 'How\nmuch?'},
    QID2={'type': 'number', 'dataType': 'question', 'exportTag': 'Q2', 'description': 'Colour', 'oneOf': CODES},
    QID3={'type': 'array', 'dataType': 'question', 'exportTag': 'Q3', 'description': 'All that apply',
          'items': {'type': 'string', 'oneOf': [{'const': '1', 'label': 'red, or so'}]}},
    QID4_TEXT={'type': 'string', 'dataType': 'question', 'exportTag': 'Q4', 'description': 'Phone'},
    QID5={'type': 'number', 'dataType': 'question', 'exportTag': 'Q5', 'description': 'NPS',
          'oneOf': [{'const': n, 'label': str(n)} for n in range(11)]},
    zip={'type': 'string', 'dataType': 'embeddedData', 'exportTag': 'zip', 'description': 'zip'})


class Xlsx(Case):
    def test_cells_are_typed_as_the_schema_says(self):
        rows = [['2020-02-19 18:16:42', 'IP Address', '100', 'True', 'R_1', '3.5', '2', 'red', '007', '9', '0012'],
                ['2020-07-19 18:16:42', 'Survey Preview', '5', 'False', 'R_2', '007', 'Red', '', '=1+1', '10', '1e5'],
                ['soon', '', '', 'maybe', 'R_3', '-1', '', '', 'https://example.org', '', '-5'],
                ['', '', '', '', 'R_4', '12345678901234567890', '', '', '+49 30 1', '', '@SUM(A1)']]
        sheet = self.book('responses.xlsx', headed(META, rows), schema=SCHEMA)['Responses']
        moment = datetime.datetime
        self.assertEqual(self.cells(sheet)[2:], [
            [moment(2020, 2, 19, 18, 16, 42), 'IP Address', 100, True, 'R_1', 3.5, '2', 'red', '007', 9, '0012'],
            [moment(2020, 7, 19, 18, 16, 42), 'Survey Preview', 5, False, 'R_2', '007', 'Red', None, '=1+1', 10, '1e5'],
            ['soon', None, None, 'maybe', 'R_3', -1, None, None, 'https://example.org', None, '-5'],
            [None, None, None, None, 'R_4', '12345678901234567890', None, None, '+49 30 1', None, '@SUM(A1)']])
        kinds = {cell.coordinate: cell.data_type for row in sheet.iter_rows() for cell in row}
        self.assertEqual([kinds[name] for name in ('A3', 'C3', 'D3', 'I3', 'I4', 'G3')],
                         ['d', 'n', 'b', 's', 's', 's'])
        self.assertFalse([name for name, kind in kinds.items() if kind == 'f'])
        self.assertFalse([cell for row in sheet.iter_rows() for cell in row if cell.hyperlink])

    def test_codes_are_numbers_in_codes_xlsx(self):
        rows = [['2020-02-19 18:16:42', '0', '100', '1', 'R_1', '3.5', '2', '1', '007', '9', '0012'],
                ['2020-02-19 18:16:42', '17', '100', '0', 'R_2', '', '1', '', '1', '', '']]
        sheet = self.book('responses.codes.xlsx', headed(META, rows), schema=SCHEMA)['Responses']
        moment = datetime.datetime(2020, 2, 19, 18, 16, 42)
        self.assertEqual(self.cells(sheet)[2:], [
            [moment, 0, 100, True, 'R_1', 3.5, 2, 1, '007', 9, '0012'],
            [moment, 17, 100, False, 'R_2', None, 1, None, '1', None, None]])

    def test_headings_are_frozen_and_unique_and_the_second_row_is_the_questions(self):
        columns = [*META, ('Q1', 'Once more', {'ImportId': 'QID9_TEXT'})]
        sheet = self.book('responses.xlsx', headed(columns, [['']]), schema=SCHEMA)['Responses']
        cells = self.cells(sheet)
        self.assertEqual(cells[0], ['StartDate (UTC)', 'Status', 'Progress', 'Finished', 'ResponseId', 'Q1_QID1', 'Q2',
                                    'Q3_1', 'Q4', 'Q5', 'zip', 'Q1_QID9_TEXT'])
        self.assertEqual(cells[1][5], 'How\nmuch?')
        self.assertEqual(sheet.freeze_panes, 'A3')
        self.assertTrue(sheet.auto_filter.ref.startswith('A2:L'))

    @unittest.skipUnless(ZONES, 'no tz database')
    def test_dates_are_in_the_zone_asked_for_and_the_heading_names_it(self):
        for source, zone, want in (('Z', 'Europe/Berlin', (2020, 7, 1, 2, 30)),
                                   ('America/Denver', 'Europe/Berlin', (2020, 7, 1, 8, 30)),
                                   ('America/Denver', 'UTC', (2020, 7, 1, 6, 30)),
                                   ('Moon/Tycho', 'Europe/Berlin', (2020, 7, 1, 0, 30))):
            base = headed([('StartDate', 'Start', {'ImportId': 'startDate', 'timeZone': source})],
                          [['2020-07-01 00:30:00']])
            sheet = self.book('responses.xlsx', base, schema=SCHEMA, zone=zone)['Responses']
            shown = source if source.startswith('Moon') else zone
            self.assertEqual(sheet['A1'].value, f'StartDate ({shown})')
            self.assertEqual(sheet['A3'].value, datetime.datetime(*want))

    def test_the_machine_s_zone_is_the_default(self):
        base = headed([('EndDate', 'End', {'ImportId': 'endDate', 'timeZone': 'Z'})], [['2020-07-01 00:30:00']])
        sheet = self.book('responses.xlsx', base, zone='', environment={'TZ': 'Asia/Tokyo'})['Responses']
        self.assertEqual(sheet['A1'].value, 'EndDate (Asia/Tokyo)' if ZONES else 'EndDate (UTC)')

    def test_without_a_schema_only_the_metadata_have_types(self):
        row = ['2020-02-19 18:16:42', '0', '100', '1', 'R_1', '3.5', '2', '1', '007', '9', '0012']
        for schema in (None, 'no JSON {', '{"values":{"properties":[1]}}', '{"properties":{"values":{"QID1":{}}}}'):
            book = self.book('responses.codes.xlsx', headed(META, [row]), schema=schema)
            self.assertEqual(self.cells(book['Responses'])[2],
                             [datetime.datetime(2020, 2, 19, 18, 16, 42), 0, 100, True, 'R_1', *row[5:]])
            about = [cells[0] for cells in self.cells(book['About'])]
            self.assertEqual('Types' in about, schema == 'no JSON {')

    def test_what_a_cell_cannot_hold_is_cut_and_listed(self):
        wide = '\U0001f44d'         # two of Excel's characters
        texts = ['x' * CELL_MAX, 'x' * 40000, wide * 20000, '_x0041_' * 5000]
        base = headed([('ResponseId', '', {'ImportId': '_recordId'}), ('Q1', '', {'ImportId': 'QID1_TEXT'})],
                      [[f'R_{n}', text] for n, text in enumerate(texts)])
        book = self.book('responses.xlsx', base)
        cells = [row[1].value for row in book['Responses'].iter_rows(min_row=3)]
        self.assertEqual(cells[0], texts[0])
        self.assertEqual(cells[1], 'x' * CELL_MAX)
        self.assertEqual(cells[2], wide * (CELL_MAX // 2))
        self.assertTrue(texts[3].startswith(decoded(cells[3])))
        self.assertLessEqual(len(cells[3]), CELL_MAX)
        listed = [row for row in self.cells(book['About']) if row[1] and str(row[1]).startswith('R_')]
        self.assertEqual(listed, [['row 2', 'R_1', 'Q1', '40000 bytes'], ['row 3', 'R_2', 'Q1', '80000 bytes'],
                                  ['row 4', 'R_3', 'Q1', '35000 bytes']])

    def test_columns_behind_the_last_are_listed(self):
        columns = [(f'Q{n}', '', {'ImportId': f'QID{n}'}) for n in range(16386)]
        base = headed(columns, [[str(n) for n in range(16386)]])
        book = self.book('responses.xlsx', base)
        self.assertEqual(book['Responses'].max_column, 16384)
        self.assertEqual(book['Responses'].cell(3, 16384).value, '16383')
        self.assertEqual([row[1] for row in self.cells(book['About'])][-2:], ['Q16384', 'Q16385'])

    def test_rows_past_the_last_go_to_further_sheets(self):
        count = 2 * 1048574 + 3
        base = headed(ONE, []) + b''.join(b'%d\r\n' % n for n in range(count))
        path = io.BytesIO(self.render('responses.xlsx', base))
        archive = zipfile.ZipFile(path)
        self.assertEqual(re.findall(r'<sheet name="([^"]*)"', archive.read('xl/workbook.xml').decode()),
                         ['Responses', 'Responses 2', 'Responses 3', 'About'])
        seen = []
        for sheet in (1, 2, 3):
            text = archive.read(f'xl/worksheets/sheet{sheet}.xml').decode()
            self.assertIn('<row r="2"', text)
            seen += re.findall(r'<row r="\d+"><c r="A\d+" t="inlineStr"><is><t>(\d+)</t>', text)
            self.assertEqual('<row r="1048576"' in text, sheet < 3)
        self.assertEqual(seen, [str(n) for n in range(count)])

    def test_odd_bytes_make_a_workbook_that_opens(self):
        base = headed(ONE, []) + b'"a\x00b"\r\n\xff\xfe\xc3(\r\n\xed\xa0\x80\r\n\xef\xbf\xbf\r\n\x01\x1b_x0041_\r\n' \
            b'<&>]]>\r\n" x \n"\r\n'
        sheet = self.book('responses.xlsx', base)['Responses']
        self.assertEqual([decoded(row[0].value) for row in sheet.iter_rows(min_row=3)],
                         ['a\ufffdb', '\ufffd\ufffd\ufffd(', '\ufffd\ufffd\ufffd', '\ufffd', '\x01\x1b_x0041_', '<&>]]>',
                          ' x \n'])

    def test_a_number_behind_which_a_nul_hides_more_is_a_text(self):
        base = headed([('Progress', '', {'ImportId': 'progress'})], []) + b'"1\x002"\r\n'
        self.assertEqual(self.book('responses.xlsx', base)['Responses']['A3'].value, '1\ufffd2')

    def test_random_tables_come_back(self):
        dice = random.Random(2)
        alphabet = string.ascii_letters + ' \t,;"\'\n\u00e4\U0001f44d=_x0&<\r\x01'
        for _ in range(10):
            width = dice.randint(1, 6)
            rows = [[''.join(dice.choices(alphabet, k=dice.randint(0, 12))) for _ in range(width)]
                    for _ in range(dice.randint(1, 30))]
            columns = [(f'Q{n}', f'text {n}', {'ImportId': f'QID{n}_TEXT'}) for n in range(width)]
            sheet = self.book('responses.xlsx', headed(columns, rows))['Responses']
            made = [[sheet.cell(r + 3, c + 1).value or '' for c in range(width)] for r in range(len(rows))]
            self.assertEqual([[decoded(text) for text in row] for row in made], rows)

    def test_a_table_without_rows(self):
        book = self.book('responses.xlsx', headed(META, []), schema=SCHEMA)
        self.assertEqual(book['Responses'].max_row, 2)
        self.assertEqual(book.sheetnames, ['Responses', 'About'])

    def test_two_renderings_are_the_same_bytes(self):
        base = headed(ONE, [['x']])
        self.assertEqual(self.render('responses.xlsx', base), self.render('responses.xlsx', base))


class Contacts(Case):
    def test_all_is_text_under_one_heading(self):
        rows = [['contactId', 'firstName', 'phone', 'unsubscribed'], ['CID_1', 'Ann', '0049301', 'false'],
                ['CID_2', '=1', '007', 'true']]
        book = self.book('contacts.xlsx', table(rows))
        self.assertEqual(self.cells(book['Contacts']), rows)
        self.assertEqual(book['Contacts'].freeze_panes, 'A2')
        self.assertEqual(book.sheetnames, ['Contacts', 'About'])


class Codebook(Case):
    def test_a_line_for_each_code_and_one_for_open_columns(self):
        rows = self.rows('codebook.csv', json.dumps(SCHEMA).encode())
        self.assertEqual(rows[0], ['column', 'ImportId', 'question', 'type', 'code', 'label'])
        self.assertEqual(rows[1], ['StartDate', 'startDate', 'Start Date', 'date-time', '', ''])
        self.assertEqual(rows[3:7], [['Q1', 'QID1', 'How\nmuch?', 'number', '', ''],
                                     ['Q2', 'QID2', 'Colour', 'number', '1', 'Red'],
                                     ['Q2', 'QID2', 'Colour', 'number', '2', '2'],
                                     ['Q3', 'QID3', 'All that apply', 'array', '1', 'red, or so']])
        self.assertEqual(len(rows), 1 + 2 + 1 + 2 + 1 + 1 + 11 + 1)

    def test_the_schema_may_stand_otherwise(self):
        inner = SCHEMA['properties']['values']
        want = self.rows('codebook.csv', json.dumps(SCHEMA).encode())
        for schema in ({'values': inner}, {'result': SCHEMA}, {'title': '{"values":', 'a': [{'values': inner}],
                                                              'properties': {'x': [1], 'values': inner}}):
            for indent in (None, 2):
                self.assertEqual(self.rows('codebook.csv', json.dumps(schema, indent=indent).encode()), want)

    def test_members_that_say_little_still_have_a_line(self):
        schema = schema_of(**{'cong.first_name': {}, '_recordId': {'type': 'string'}, 'odd': {'oneOf': [
            {'const': 1.5}, {'const': True, 'label': 'yes'}, {}, 7]}, 'empty': {'oneOf': []}, 'none': 5})
        self.assertEqual(self.rows('codebook.csv', json.dumps(schema).encode())[1:], [
            ['cong.first_name', 'cong.first_name', '', '', '', ''], ['ResponseId', '_recordId', '', 'string', '', ''],
            ['odd', 'odd', '', '', '1.5', '1.5'], ['odd', 'odd', '', '', 'true', 'yes'], ['odd', 'odd', '', '', '', ''],
            ['odd', 'odd', '', '', '', ''], ['empty', 'empty', '', '', '', '']])

    def test_a_cut_schema_is_refused(self):
        whole = json.dumps(SCHEMA).encode()
        for end in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            done, _ = self.run_program('codebook.csv', whole[:end])
            self.assertEqual(done.returncode, 1)
            self.assertIn('schema.json is not of the form', done.stderr)


@unittest.skipUnless(RECORDED, 'QXFS_RECORDED names no folder of recorded exchanges')
class Recorded(Case):
    def test_the_service_s_own_files(self):
        for path in sorted(Path(RECORDED).glob('bodies/*.csv')):
            base = path.read_bytes()
            whole = list(csv.reader(io.StringIO(base.decode(), newline='')))
            plain = self.rows('responses.plain.csv', base)
            self.assertEqual(plain[1:], whole[3:])
            self.assertEqual(plain[0], whole[0])
            sheet = self.book('responses.xlsx', base)['Responses']
            self.assertEqual(sheet.max_row, len(whole) - 1)
            self.assertEqual(sheet['A1'].value, 'StartDate (UTC)')
            self.assertIsInstance(sheet['A3'].value, datetime.datetime)
            self.assertIs(sheet['G3'].value, True)


if __name__ == '__main__':
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
