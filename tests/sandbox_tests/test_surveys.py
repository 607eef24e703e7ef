"""What a survey's folder reads: schema, columns, definitions, quotas, filters, distributions, and the samples."""

import csv
import io
import json
import shutil
import struct
import subprocess
import xml.etree.ElementTree as tree

import pytest

import samples
from control import Sandbox
from helpers import CUSTOMERS, SMALL, V3, error, everything, parsed, unzip

FORMS, TEXTS, WIDE, STRANGE = 'SV_sampleForms0001', 'SV_sampleTexts0001', 'SV_sampleWide00636', 'SV_sampleStrange01'
csv.field_size_limit(1 << 24)


@pytest.fixture(scope='module')
def sampled():
    """The demo account with all samples."""
    words = [word for kind in samples.KINDS for word in ('--sample', kind)]
    with Sandbox.start(limits='off', settings={'job_polls': 0}, extra=tuple(words)) as made:
        yield made


def table(box, survey, **params):
    return parsed(unzip(box.export(survey, **params)))


def schema_of(box, survey):
    return box.result(f'/surveys/{survey}/response-schema')


def named(rows, ident, choice=None):
    """The cells of a column, by ImportId and choice."""
    want = {'ImportId': ident} | ({'choiceId': choice} if choice else {})
    place = next(i for i, cell in enumerate(rows[2]) if json.loads(cell) == want)
    return [row[place] for row in rows[3:]]


# ---- schema and columns

@pytest.mark.parametrize('survey', [CUSTOMERS, SMALL, 'SV_demoStaff000200', FORMS, TEXTS, WIDE])
def test_schema_names_every_column(sampled, survey):
    document = schema_of(sampled, survey)
    assert document['required'] == ['values', 'displayedFields', 'displayedValues', 'labels', 'responseId']
    fields = document['properties']['values']['properties']
    tags, texts, idents = table(sampled, survey, includeDisplayOrder=True, limit=1)[:3]
    seen = set()
    for tag, text, ident in zip(tags, texts, map(json.loads, idents)):
        field = fields[ident['ImportId']]
        seen.add(ident['ImportId'])
        choice = ident.get('choiceId')
        if choice:
            assert field['type'] == 'array' and choice in {one['const'] for one in field['items']['oneOf']}
        if field['dataType'] != 'embeddedData':
            assert tag == field['exportTag'] + (f'_{choice}' if choice else '')
        assert text.startswith(field['description']) or field['description'].startswith(text)
    assert seen == set(fields)


def test_schema_types(sampled):
    fields = schema_of(sampled, FORMS)['properties']['values']['properties']
    assert fields['startDate']['format'] == 'date-time' and fields['startDate']['dataType'] == 'metadata'
    assert fields['QID1'] | {'oneOf': None} == {
        'description': 'How did you hear of us? - Selected Choice', 'type': 'number', 'dataType': 'question',
        'exportTag': 'Source', 'questionId': 'QID1', 'questionExportTag': 'Source', 'oneOf': None}
    assert fields['QID1']['oneOf'][2] == {'label': 'Advert', 'const': 3}
    assert fields['QID2']['items']['oneOf'][4] == {'label': 'None of these', 'const': '-1'}
    assert fields['2_QID27']['loopNumber'] == 2 and fields['2_QID27']['questionId'] == 'QID27'
    assert fields['2_QID27']['exportTag'] == '2_Which' and fields['2_QID27']['questionExportTag'] == 'Which'
    assert fields['QID21']['items']['properties'].keys() == {'x', 'y'}
    assert {fields[name]['type'] for name in ('QID3', 'QID8_1', 'QID18_1', 'QID19_1', 'QID10_LAST_CLICK')} == {'number'}
    assert fields['cong.first_name']['dataType'] == 'embeddedData' and fields['QID6_TEXT']['type'] == 'string'
    typed = schema_of(sampled, TEXTS)['properties']['values']['properties']
    assert typed['Age']['type'] == 'number' and typed['Visit']['format'] == 'date-time'
    assert typed['Zip']['type'] == typed['Flag']['type'] == 'string'
    assert [one['const'] for one in typed['QID7']['oneOf']] == [0.5, -1]


@pytest.mark.parametrize('survey', [FORMS, TEXTS, CUSTOMERS])
def test_objects_fit_the_schema(sampled, survey):
    """Each value of the JSON export has the type its property says, and a code among its oneOf."""
    fields = schema_of(sampled, survey)['properties']['values']['properties']
    kinds = {'string': str, 'number': (int, float), 'array': list}
    for made in json.loads(unzip(sampled.export(survey, format='json', limit=60)))['responses']:
        for name, value in made['values'].items():
            field = fields[name]
            assert isinstance(value, kinds[field['type']]), name
            if 'oneOf' in field:
                assert value in [one['const'] for one in field['oneOf']]
            if name in made['labels'] and 'oneOf' in field:
                assert {'label': made['labels'][name], 'const': value} in field['oneOf']
            for one in value if 'oneOf' in field.get('items', ()) else ():
                assert one in [code['const'] for code in field['items']['oneOf']]


def test_forms_of_columns(sampled):
    """Those of API.md 3.4, as the TSV file of 2022 has them."""
    rows = table(sampled, FORMS, includeDisplayOrder=True)
    found = {(tag, *json.loads(ident).values()) for tag, ident in zip(rows[0], rows[2])}
    assert found > {('Ticks_0_TEXT', 'QID12_1_TEXT'), ('Ticks_11', 'QID12', '11'), ('RowText_2_TEXT', 'QID13_2_TEXT'),
                    ('RowTicks_2_1', 'QID14_2', '1'), ('Table_2_1', 'QID15_2_1'), ('Beside#1_2', 'QID16#1_2'),
                    ('Beside#2_1_2', 'QID16#2_1', '2'), ('Drill_2', 'QID17_2'), ('Photo_Id', 'QID22_FILE_ID'),
                    ('1_Again', '1_QID25_TEXT'), ('2_Which_3_TEXT', '2_QID27_2_TEXT'), ('RowText_ADO', 'QID13_ADO'),
                    ('FL_20_DO', 'FL_20_DO'), ('NPS_NPS_GROUP', 'QID3_NPS_GROUP')}
    assert rows[1][rows[0].index('Beside#2_1_2')] == 'Side by side - When? - Bed - Winter'
    assert rows[1][rows[0].index('1_Again')] == '1 - What of [Field-1]?'
    sizes = list(zip(named(rows, 'QID22_FILE_ID'), named(rows, 'QID22_FILE_SIZE')))
    assert all(bool(ident) == bool(size) for ident, size in sizes) and any(ident for ident, _ in sizes)
    texts = {(code, bool(text)) for code, text in zip(named(rows, '1_QID27'), named(rows, '1_QID27_2_TEXT'))}
    assert texts >= {('3', True), ('1', False)} and ('1', True) not in texts
    response = tree.fromstring(unzip(sampled.export(FORMS, format='xml')))[0]
    names = [child.tag for child in response]
    assert '__QID25_TEXT' in names and '__QID25_TEXT-1' in names and 'QID20_0_GROUP_1' in names


# ---- samples

def test_636_columns(sampled):
    rows = table(sampled, WIDE)
    assert {len(row) for row in rows} == {636} and len(rows) == 28
    tags = rows[0][17:]
    assert {'1', '2', '3', '4', '5'} < set(tags) and len(set(tags)) < 60
    idents = [(one['ImportId'], one.get('choiceId')) for one in map(json.loads, rows[2])]
    assert len(set(idents)) == 636 > len({ident for ident, _ in idents})
    assert table(sampled, WIDE, breakoutSets=False)[0] != rows[0]


@pytest.mark.parametrize('kind', ['csv', 'tsv', 'json', 'ndjson', 'xml'])
def test_awkward_texts_come_through(sampled, kind):
    data = unzip(sampled.export(TEXTS, format=kind))
    if kind in ('csv', 'tsv'):
        text = data.decode('utf-16' if kind == 'tsv' else 'utf-8')
        rows = list(csv.reader(io.StringIO(text, newline=''), delimiter='\t' if kind == 'tsv' else ','))
        found = named(rows, 'QID1_TEXT')
    elif kind == 'xml':
        found = [one.find('QID1_TEXT').text for one in tree.fromstring(data)]
        lost = str.maketrans('', '', ''.join(map(chr, [*range(9), 11, 12, *range(14, 32)])))
        assert found == [text.translate(lost).replace('\r\n', '\n').replace('\r', '\n') for text in samples.TEXTS]
        return
    else:
        objects = json.loads(data)['responses'] if kind == 'json' else map(json.loads, data.split(b'\n')[:-1])
        found = [one['values']['QID1_TEXT'] for one in objects]
    assert found == list(samples.TEXTS)
    assert max(map(len, found)) == 1_000_000 and sum(len(text) > 32_767 for text in found) >= 4


def test_typed_answers(sampled):
    rows = table(sampled, TEXTS)
    assert named(rows, 'QID4_1')[:5] == ['0', '36.6', '-273.15', '100', '12345678901234567890']
    assert named(rows, 'QID5_1')[:2] == ['00000', '00001'] and named(rows, 'Zip')[1] == '00001'
    assert named(rows, 'Age')[:3] == ['20', '3.5', ''] and set(named(rows, 'Flag')) == {'true', 'false'}
    assert set(named(rows, 'QID7')) <= {'0.5', '-1', ''}
    assert named(table(sampled, TEXTS, formatDecimalAsComma=True), 'QID4_1')[1:3] == ['36,6', '-273,15']
    assert named(table(sampled, TEXTS, formatDecimalAsComma=True), 'QID1_TEXT')[9] == '0.10'
    first = json.loads(unzip(sampled.export(TEXTS, format='json', limit=2)))['responses'][1]['values']
    assert first['QID4_1'] == 36.6 and first['Age'] == 3.5 and first['007'] == '7'
    labels = named(table(sampled, TEXTS, useLabels=True), 'QID2')
    assert labels[:4] == ['007', '=2+2', 'TRUE', '2024-01-31']
    lines = named(table(sampled, TEXTS, newlineReplacement=' / '), 'QID1_TEXT')
    assert 'one line / another' in lines and not any('\n' in line for line in lines)


def test_a_strange_definition(sampled):
    for form in ('', '?format=qsf'):
        _, _, body = sampled.api('GET', f'{V3}/survey-definitions/{STRANGE}{form}')
        for piece in ('"Size":12345678901234567890', '"Ratio":0.1,', '"Tiny":1e-300', '"Hidden":"true"', '"inPage":false',
                      'مرحبا <b>שלום</b>', '\u2028', '\\u0007', '"x"'.replace('"', '\\"')):
            assert piece.encode() in body, piece
        depth = deepest = 0
        for byte in body.replace(b'\\"', b''):
            depth += (byte in b'{[') - (byte in b'}]')
            deepest = max(deepest, depth)
        assert 480 < deepest < 512


def test_spss_marks(sampled):
    data = unzip(sampled.export(FORMS, format='spss'))
    layout, elements, coding, weight, cases, bias = struct.unpack_from('<iiiiid', data, 64)
    columns = table(sampled, FORMS, limit=1)
    assert (data[:4], layout, coding, weight, cases, bias) == (b'$FL2', 2, 1, 0, -1, 100.0)
    assert data[4:64].startswith(b'@(#) SPSS DATA FILE Java Writer (c) Qualtrics - 0.1.0')
    texts = data.count(b'=02000\0\t')
    assert elements == len(columns[0]) - texts + 254 * texts and 30 < texts < len(columns[0])
    assert b'A_5=Duration__in_seconds_' in data and b'UTF-8' in data and len(data) > 40 * 250 * texts


@pytest.mark.skipif(not shutil.which('pspp-convert'), reason='pspp-convert (Debian: pspp) is not installed')
@pytest.mark.parametrize('survey', [FORMS, TEXTS, WIDE])
def test_spss_in_another_program(sampled, tmp_path, survey):
    (tmp_path / 'a.sav').write_bytes(unzip(sampled.export(survey, format='spss')))
    done = subprocess.run(['pspp-convert', tmp_path / 'a.sav', tmp_path / 'a.csv'], capture_output=True, check=True)
    assert done.stderr == b''
    theirs = parsed((tmp_path / 'a.csv').read_bytes())
    ours = table(sampled, survey)
    assert len(theirs) == len(ours) - 2 and len(theirs[0]) == len(ours[0])
    for place, tag in enumerate(ours[0]):
        if tag in ('Status', 'Progress', 'ResponseId', 'Source', 'Form_1', '1'):
            assert [row[place].strip() for row in theirs[1:]] == [row[place] for row in ours[3:]], tag
    if survey == TEXTS:
        place = ours[0].index('Warm_1')
        assert [float(row[place]) for row in theirs[1:]] == [float(row[place]) for row in ours[3:]]
        place = ours[0].index('Any')
        cut = [text.encode()[:2000].decode(errors='ignore').rstrip(' ') for text in samples.TEXTS]
        assert [row[place].replace('\r\n', '\n') for row in theirs[1:]] == [
            text.replace('\r\n', '\n') for text in cut]


# ---- parameters

def test_seen_but_unanswered(sampled):
    rows = table(sampled, CUSTOMERS)
    filled = table(sampled, CUSTOMERS, seenUnansweredRecode=-99, multiselectSeenUnansweredRecode=0)
    for ident, choice, word in (('QID1', None, '-99'), ('QID2', '1', '0'), ('QID6_TEXT', None, '-99'),
                                ('QID3', None, '-99'), ('QID7_2', None, '-99'), ('QID1_4_TEXT', None, ''),
                                ('SolutionRevision', None, '')):
        before, after = named(rows, ident, choice), named(filled, ident, choice)
        assert after == [cell or word for cell in before], ident
    assert '' in named(rows, 'QID6_TEXT')
    same = table(sampled, CUSTOMERS, seenUnansweredRecode=999)
    assert set(named(same, 'QID2', '1')) == {'1', '999'}


def test_modified_order(box):
    ids = box.response_ids(SMALL)
    box.edit(SMALL, ids[2], {'QID1': '3'})
    sorted_rows = table(box, SMALL, sortByLastModifiedDate=True)
    assert named(sorted_rows, '_recordId') == [*ids[:2], *ids[3:], ids[2]]
    one = json.loads(unzip(box.export(SMALL, format='ndjson', sortByLastModifiedDate=True)).split(b'\n')[-2])
    assert one['responseId'] == ids[2] and one['values']['lastModifiedDate'] > one['values']['recordedDate']


def test_unfinished_are_alone(sampled):
    rows = table(sampled, CUSTOMERS, exportResponsesInProgress=True, sortByLastModifiedDate=True)
    assert len(rows) == 12 and 'LastModifiedDate' not in rows[0]
    made = json.loads(unzip(sampled.export(CUSTOMERS, format='json', exportResponsesInProgress=True)))['responses']
    assert {one['responseId'][:3] for one in made} == {'FS_'} and not any('recordedDate' in one['values'] for one in made)


@pytest.mark.parametrize('given', [{'surveyMetadataIds': ['status', 'externalReference']}, {'questionIds': ['QID3']},
                                   {'embeddedDataIds': ['SolutionRevision'], 'questionIds': []}])
def test_objects_keep_to_the_ids(sampled, given):
    made = json.loads(unzip(sampled.export(CUSTOMERS, format='json', limit=9, **given)))['responses']
    names = {name for one in made for name in one['values'] if name.startswith('QID') or name == 'SolutionRevision'}
    if 'surveyMetadataIds' in given:
        assert 'status' in made[0]['values'] and 'startDate' not in made[0]['values'] and len(names) > 20
    elif given['questionIds']:
        assert names == {'QID3', 'QID3_NPS_GROUP', 'SolutionRevision'}
    else:
        assert names == {'SolutionRevision'}


def test_zone_moves_dates_only(sampled):
    utc, there = table(sampled, CUSTOMERS), table(sampled, CUSTOMERS, timeZone='Asia/Katmandu')
    assert json.loads(there[2][0]) == {'ImportId': 'startDate', 'timeZone': 'Asia/Katmandu'}
    assert [row[8:] for row in utc[3:]] == [row[8:] for row in there[3:]] and utc[3][0] != there[3][0]


# ---- documents

def test_definitions(sampled):
    plain = sampled.result(f'/survey-definitions/{CUSTOMERS}')
    assert list(plain)[:12] == ['QuestionCount', 'SurveyOptions', 'SurveyID', 'SurveyName', 'SurveyStatus',
                                'LastModified', 'BrandID', 'OwnerID', 'LastAccessed', 'CreatorID', 'LastActivated',
                                'Questions']
    assert plain['LastModified'] == '2024-04-03T00:00:00Z' and plain['LastAccessed'] is None
    assert plain['Questions']['QID1']['QuestionText_Unsafe'] == 'How did you hear of us?'
    assert len(plain['Questions']['QID3']['Choices']) == 11 and isinstance(plain['Questions']['QID3']['Choices'], list)
    qsf = sampled.result(f'/survey-definitions/{CUSTOMERS}?format=qsf')
    assert qsf['SurveyEntry']['LastModified'] == '2024-04-03 00:00:00'
    asked = [item['Payload'] for item in qsf['SurveyElements'] if item['Element'] == 'SQ']
    assert len(asked) == int(plain['QuestionCount']) and not any('QuestionText_Unsafe' in item for item in asked)
    assert asked[1]['RecodeValues'] == {'5': '-1'}


def test_quotas_languages_filters(sampled):
    quotas = sampled.result(f'/surveys/{CUSTOMERS}/quotas')
    assert [item['logicType'] for item in quotas['elements']] == ['Simple', 'Cross'] and quotas['nextPage'] is None
    assert all(list(item) == ['id', 'name', 'count', 'quota', 'logicType', 'combinations']
               for item in quotas['elements'])
    assert sampled.result(f'/surveys/{SMALL}/quotas') == {'elements': [], 'nextPage': None}
    assert sampled.result(f'/surveys/{CUSTOMERS}/languages') == {'AvailableLanguages': ['EN', 'DE', 'ES']}
    filters, _ = everything(sampled, f'/surveys/{CUSTOMERS}/filters')
    assert [item['filterName'] for item in filters] == ['Finished / complete', 'Previews only']


def test_filters_are_paged_by_offset(box):
    box.change_survey(SMALL, filters=[{'filterId': f'{n:08}-0000-4000-8000-000000000000', 'filterName': 'the same',
                                       'creationDate': '2024-01-01T00:00:00Z'} for n in range(150)])
    page = box.result(f'/surveys/{SMALL}/filters')
    assert page['nextPage'].endswith('/filters?offset=100')
    assert len({item['filterId'] for item in everything(box, f'/surveys/{SMALL}/filters')[0]}) == 150


def test_everything_of_a_forbidden_survey(box):
    box.forbid(CUSTOMERS)
    for path in (f'/surveys/{CUSTOMERS}', *(f'/surveys/{CUSTOMERS}/{part}' for part in (
            'response-schema', 'quotas', 'languages', 'filters', 'responses/R_x')),
                 f'/survey-definitions/{CUSTOMERS}', f'/survey-definitions/{CUSTOMERS}?format=qsf',
                 f'/distributions?surveyId={CUSTOMERS}',
                 f'/distributions/EMD_demoInvite00001/links?surveyId={CUSTOMERS}'):
        assert box.api('GET', V3 + path)[0] == 403, path
    assert box.api('POST', f'{V3}/surveys/{CUSTOMERS}/export-responses', {'format': 'csv'})[0] == 403
    assert box.api('GET', f'{V3}/distributions?surveyId=SV_demoStaff000201')[0] == 200


# ---- distributions

ELEMENT = ['id', 'parentDistributionId', 'ownerId', 'organizationId', 'requestStatus', 'requestType', 'sendDate',
           'createdDate', 'modifiedDate', 'headers', 'recipients', 'message', 'surveyLink', 'stats', 'embeddedData']


def test_distributions(shared):
    first, second = shared.result(f'/distributions?surveyId={CUSTOMERS}')['elements']
    assert list(first) == list(second) == ELEMENT
    assert 'subject' in first['headers'] and 'subject' not in second['headers']
    assert (first['requestStatus'], second['requestStatus']) == ('Done', 'complete')
    assert second['parentDistributionId'] == first['id'] and second['surveyLink']['linkType'] == 'Anonymous'
    assert 'messageText' not in first['message']
    assert 'messageText' in shared.result(f'/distributions/{first["id"]}?surveyId={CUSTOMERS}')['message']
    for query, count in (('&distributionRequestType=Reminder', 1), ('&mailingListId=CG_demoPilot0000003', 1),
                         (f'&sendStartDate={second["sendDate"]}', 1), (f'&sendEndDate={second["sendDate"]}', 1),
                         ('&sendStartDate=2030-01-01T00:00:00Z', 0), ('&pageSize=1', 1)):
        found = shared.result(f'/distributions?surveyId={CUSTOMERS}{query}')['elements']
        assert len(found) == count, query
    for query in ('', f'?surveyId={CUSTOMERS}&distributionRequestType=invite',
                  f'?surveyId={CUSTOMERS}&sendStartDate=today'):
        assert error(shared.api('GET', f'{V3}/distributions{query}')) == (400, 'SANDBOX_400')
    assert shared.api('GET', f'{V3}/distributions/{first["id"]}')[0] == 400


def test_links_go_on_after_the_last_contact(shared):
    path = f'/distributions/EMD_demoInvite00001/links?surveyId={CUSTOMERS}'
    page = shared.result(path)
    assert page['nextPage'].endswith(f'skipToken={page["elements"][-1]["contactId"]}')
    links, pages = everything(shared, path)
    assert len({item['contactId'] for item in links}) == 1200 and len(pages) == 12
    assert list(links[0]) == ['contactId', 'transactionId', 'link', 'exceededContactFrequency', 'linkExpiration',
                              'status', 'lastName', 'firstName', 'externalDataReference', 'email', 'unsubscribed']
    assert shared.api('GET', f'{V3}{path}&skipToken=CID_nobody')[0] == 400


def test_both_forms_of_distributions(box):
    box.settings(sparse_distributions=True, link_unsubscribed='text', short_pages=True, empty_pages=True)
    first = box.result(f'/distributions?surveyId={CUSTOMERS}')['elements'][0]
    assert 'surveyId' not in first['surveyLink'] and 'subject' not in first['headers'] and 'embeddedData' not in first
    links, pages = everything(box, f'/distributions/EMD_demoInvite00001/links?surveyId={CUSTOMERS}')
    assert len({item['contactId'] for item in links}) == 1200 and 0 in pages
    assert {item['unsubscribed'] for item in links} == {'0', '1'}
    ident = box.add_distribution(SMALL, 'POOL_demoMain0000001', 'CG_demoStaff0000002', requestStatus='Pending')
    assert len(everything(box, f'/distributions/{ident}/history')[0]) == 230
    assert box.result(f'/distributions/{ident}?surveyId={SMALL}')['requestStatus'] == 'Pending'
