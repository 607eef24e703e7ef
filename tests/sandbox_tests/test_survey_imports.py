"""New surveys as API.md 5.3 describes them: files, addresses, copies; when they are seen."""

import concurrent.futures
import json
import random

import pytest

from helpers import CUSTOMERS, SMALL, V3, error, everything

QSF, TXT, DOC = 'application/vnd.qualtrics.survey.qsf', 'text/plain', 'application/msword'
DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
OLE = bytes.fromhex('d0cf11e0a1b11ae1') + b'\0' * 500
FORM = {'Content-Type': 'multipart/form-data; boundary="x y"'}
URL = 'https://files.example.org/survey.qsf'


def field(name, data, kind=None, file=None):
    head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file else '')
    head += f'\r\nContent-Type: {kind}' if kind else ''
    return b'--x y\r\n' + head.encode() + b'\r\n\r\n' + (data if isinstance(data, bytes) else data.encode()) + b'\r\n'


def post(box, *fields, end=b'--x y--\r\n', headers=FORM):
    return box.api('POST', f'{V3}/surveys', b''.join(fields) + end, headers)


def send(box, data, kind=QSF, name='Brand néw'):
    return post(box, field('name', name), field('file', data, kind, 'f.qsf'))


def made(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])['result']['id']


def listed(box):
    return [item['id'] for item in everything(box, '/surveys')[0]]


def qsf(box, survey):
    return json.loads(box.api('GET', f'{V3}/survey-definitions/{survey}?format=qsf')[2])


def questions(box, ident):
    """name -> (text, texts of the choices)"""
    found = box.result(f'/surveys/{ident}')['questions'].values()
    return {item['questionName']: (item['questionText'], [one['choiceText'] for one in item.get('choices', {}).values()])
            for item in found}


# ---- the file

def test_a_qsf_comes_back_as_it_went(box):
    document = qsf(box, CUSTOMERS)['result']
    answer = send(box, json.dumps(document, ensure_ascii=False, indent=1))
    ident = made(answer)
    assert json.loads(answer[2])['result'] == {'id': ident} and ident.startswith('SV_')
    survey = box.result(f'/surveys/{ident}')
    assert survey['name'] == 'Brand néw' and not survey['isActive']
    assert survey['responseCounts'] == {'auditable': 0, 'generated': 0, 'deleted': 0}
    assert qsf(box, ident)['result'] == document and listed(box)[-1] == ident
    assert questions(box, ident)['Better'] == ('What could we do <em>better</em>?', [])
    box.settings(survey_import_returns_name=True)
    second = send(box, json.dumps(document))
    assert json.loads(second[2])['result'] == {'id': made(second), 'name': 'Brand néw'} and made(second) != ident
    assert [item['route'] for item in box.imports() if item['outcome'] == 'done'] == ['survey_create'] * 2
    assert box.totals()['surveys'] == [ident, made(second)]


def test_what_is_no_qsf(box):
    document = qsf(box, SMALL)
    whole, result = json.dumps(document), document['result']
    for data in (b'', b'{}', b'[]', b'x', b'{"SurveyElements":[]}', whole, json.dumps(result)[:-1],
                 json.dumps(result).encode('utf-16'), json.dumps({**result, 'SurveyElements': {}}),
                 json.dumps({**result, 'SurveyElements': [{'Element': 'SQ', 'Payload': None}]})):
        status, _, body = send(box, data)
        assert status == 400 and 'does not appear to be a valid survey' in body.decode()
    assert len(listed(box)) == 6 and {item['outcome'] for item in box.imports()} == {'refused'}


def test_the_parts_own_type_decides(box):
    text = '1. Are you well?\n\nYes\nNo\n'
    for data, kind in ((text, TXT), (text, 'Text/Plain; charset=utf-8'), (OLE, DOC)):
        assert made(send(box, data, kind)) in listed(box)
    assert send(box, text, QSF)[0] == send(box, text, DOC)[0] == 400
    for kind in (None, 'application/octet-stream', 'application/json', 'text/csv', DOCX):
        assert error(send(box, text, kind)) == (415, 'SANDBOX_415'), kind
    box.settings(docx_import=True)
    assert made(send(box, b'PK\3\4' + b'\0' * 99, DOCX)) and send(box, OLE, DOCX)[0] == 400


def test_simple_text(box):
    text = '\ufeff1. Are you well?\r\n\r\na. Yes, very\r\nb. No\r\n\r\n[[PageBreak]]\r\n\r\n2) Why?\r\n'
    assert questions(box, made(send(box, text, TXT))) == {
        'Q1': ('Are you well?', ['Yes, very', 'No']), 'Q2': ('Why?', [])}
    assert send(box, text.encode('utf-16'), TXT)[0] == 400


def test_advanced_text(box):
    text = ('[[AdvancedFormat]]\n\n[[Block:One]]\n\n[[Question:MC:SingleAnswer]]\n[[ID:Well]]\nAre you\nwell?\n'
            '[[Choices]]\nYes\nNo\n\n[[Question:TextEntry]]\nWhy?\n')
    assert questions(box, made(send(box, text, TXT))) == {'Well': ('Are you\nwell?', ['Yes', 'No']), 'Q2': ('Why?', [])}


@pytest.mark.parametrize('text', ['', 'Dear all,\n\nplease answer.\n', '[[AdvancedFormat]]\n', '1.\n'])
def test_text_without_questions(box, text):
    assert questions(box, made(send(box, text, TXT))) == {}
    box.settings(txt_without_questions='refuse')
    assert send(box, text, TXT)[0] == 400


def test_limit(box):
    box.settings(max_import_bytes=1000)
    assert send(box, '1. ' + 'x' * 997, TXT)[0] == 200
    assert error(send(box, '1. ' + 'x' * 998, TXT)) == (413, 'SANDBOX_413')


# ---- the form

def test_forms_that_are_none(box):
    name, file = field('name', 'N'), field('file', '1. Well?', TXT)
    assert made(post(box, file, name)) and made(post(box, b'preamble\r\n', name, file, end=b'--x y--'))
    assert post(box, file)[0] == post(box, name)[0] == post(box, field('name', ''), file)[0] == 400
    for fields, end in (((name, file), b''), ((), b''), ((), b'--x y--\r\n'),
                        ((name, b'--x y\r\nnothing\r\n'), b'--x y--'),
                        ((name, b'--x y\r\nContent-Type: text/plain\r\n\r\n1. x\r\n'), b'--x y--'),
                        ((name, b'--x yz\r\n' + file[5:]), b'--x y--')):
        assert error(post(box, *fields, end=end)) == (413, 'SANDBOX_413'), (fields, end)
    assert post(box, name, file, headers={'Content-Type': 'multipart/form-data'})[0] == 413
    assert post(box, name, file, headers={'Content-Type': 'application/x-www-form-urlencoded'})[0] == 415
    assert box.api('POST', f'{V3}/surveys', {'name': 'N'})[0] == 415


def test_names_of_all_kinds(box):
    for name in ('Größe / 100 %', 'a"b;c', 'two\r\nlines', '  spaces  ', '🍜' * 50, 'x y--'):
        ident = made(post(box, field('name', name), field('file', '', TXT)))
        assert box.result(f'/surveys/{ident}')['name'] == name


def test_a_form_is_taken_byte_for_byte(box):
    """What looks like line ends, boundaries or text to a mail program is data here."""
    dice = random.Random(7)
    texts = [OLE + dice.randbytes(100_000), OLE + b'\r\n\r\n\n\r--x\r\n--x z\x0b\x0c\x1c\x85\r\n', OLE + b'\r\n']
    for data in texts:
        assert send(box, data, DOC)[0] == 200
    sizes = [item['bytes'] for item in box.imports()]
    rest = len(field('name', 'Brand néw') + field('file', b'', DOC, 'f.qsf') + b'--x y--\r\n')
    assert sizes == [len(data) + rest for data in texts]


# ---- from an address

def from_address(box, url=URL, kind=QSF, name='Far'):
    return post(box, *(field(*pair) for pair in (('name', name), ('contentType', kind), ('fileUrl', url)) if pair[1]))


def test_from_an_address(box):
    assert from_address(box)[0] == 400                              # nothing is there, and nobody is asked
    document = qsf(box, SMALL)['result']
    box.put_remote_file(URL, json.dumps(document))
    ident = made(from_address(box))
    assert box.result(f'/surveys/{ident}')['name'] == 'Far' and qsf(box, ident)['result'] == document
    assert from_address(box, kind=TXT)[0] == 200 and from_address(box, kind=None)[0] == 415
    assert from_address(box, kind='text/csv')[0] == 415 and from_address(box, name=None)[0] == 400
    for url in ('file:///etc/passwd', 'survey.qsf', None):
        assert from_address(box, url)[0] == 400
    box.put_remote_file(URL, b'x' * 5_000_001)
    assert from_address(box)[0] == 413


def test_copies(box):
    head = {'X-COPY-SOURCE': CUSTOMERS, 'X-COPY-DESTINATION-OWNER': 'UR_x', 'Content-Type': 'application/json'}
    ident = made(box.api('POST', f'{V3}/surveys', b'{"projectName":"Twin"}', head))
    assert box.result(f'/surveys/{ident}')['name'] == 'Twin' and questions(box, ident) == questions(box, CUSTOMERS)
    assert box.api('POST', f'{V3}/surveys', b'{}', {**head, 'X-COPY-SOURCE': 'SV_0000000000000'})[0] == 404


# ---- when

def test_a_new_survey_is_seen_after_a_while(box):
    box.settings(survey_list_delay=60, survey_get_delay=10)
    ident = made(send(box, '1. Well?', TXT))

    def seen():
        return (ident in listed(box), box.api('GET', f'{V3}/surveys/{ident}')[0],
                box.api('GET', f'{V3}/survey-definitions/{ident}')[0])

    assert seen() == (False, 404, 403)
    box.advance(11)
    assert seen() == (False, 200, 200)
    box.advance(50)
    assert seen() == (True, 200, 200)
    box.settings(survey_list_delay=0)
    assert made(send(box, '1. Well?', TXT)) in listed(box)


@pytest.mark.parametrize('limits', [True, False])
def test_fifteen_at_the_same_time(box, limits):
    box.settings(survey_import_seconds=600, max_in_flight=100, limits=limits)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(send, box, '1. Well?', TXT) for _ in range(15)]
        assert box.wait_held('survey_create', 15)
        last = pool.submit(send, box, '1. Well?', TXT)
        if limits:
            assert last.result()[0] == 429
        else:
            assert box.wait_held('survey_create', 16)
        box.release()
        assert {call.result()[0] for call in calls} == {200}
    box.settings(survey_import_seconds=0)
    assert send(box, '1. Well?', TXT)[0] == 200 and len(listed(box)) == 6 + (16 if limits else 17)
