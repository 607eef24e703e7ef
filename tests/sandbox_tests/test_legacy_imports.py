"""Contact imports into legacy lists, in both forms (API.md 8.2)."""

import json

import pytest

from helpers import V3, error, everything

NEW, OLD = '/mailinglists/ML_demoOld00000002', '/mailinglists/ML_demoOld00000001'
FORM = {'Content-Type': 'multipart/form-data; boundary=-----------RubyMultipartPost'}
RECORDED = ('-------------RubyMultipartPost\r\n'
            'Content-Disposition: form-data; name="contacts"; filename="contacts.json"\r\nContent-Length: 68\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: binary\r\n\r\n'
            '[{"firstName":"Name001","lastName":"Name002","email":"test@test.com"}]\r\n'
            '-------------RubyMultipartPost--\r\n\r\n')
SOMEONE = {'email': 'a@x'}


@pytest.fixture
def old(box):
    box.settings(legacy=True)
    return box


def send(box, body, headers=None, path=NEW):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return box.api('POST', V3 + path + '/contactimports', data, headers or {'Content-Type': 'application/json'})


def ident_of(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])['result']['id']


def status(box, ident, path=NEW):
    return box.result(f'{path}/contactimports/{ident}')


def contacts(box, path=NEW):
    return everything(box, path + '/contacts')[0]


def test_off_by_default(box):
    for path in ('/mailinglists', NEW + '/contactimports/PGRS_x', NEW + '/contactimports/PGRS_x/summary'):
        assert error(box.api('GET', V3 + path)) == (404, None)
    assert error(send(box, [SOMEONE])) == (404, None) and box.imports() == []


def test_the_recorded_form(old, recordings):
    """What was sent in 2016, byte for byte, gets what was answered, but for the id."""
    exchange = json.loads((recordings / 'legacy_contactimport_create.json').read_text())['interactions'][2]
    assert exchange['request']['body'] == RECORDED
    answer = send(old, RECORDED, FORM)
    assert list(json.loads(answer[2])['result']) == list(json.loads(exchange['response']['body'])['result']) == ['id']
    assert ident_of(answer).startswith('PGRS_')
    person, = contacts(old)
    assert (person['firstName'], person['lastName'], person['email'], person['language'], person['embeddedData']) == (
        'Name001', 'Name002', 'test@test.com', 'null', None)


def test_all_members(old):
    given = {'firstName': 'Zoë', 'lastName': 'Żak', 'email': 'z@x', 'externalDataReference': '007', 'language': 'DE',
             'unsubscribed': True, 'embeddedData': {'Zip': '01067'}}
    ident = ident_of(send(old, [given, {'firstName': 'Only'}], path=OLD))
    assert status(old, ident, OLD) == {
        'percentComplete': 100.0, 'contacts': {'count': {'added': 2, 'updated': 0, 'failed': 0}}, 'invalidEmails': [],
        'status': 'complete'}
    person = contacts(old, OLD)[7]
    assert person == given | {'id': person['id'], 'responseHistory': [], 'emailHistory': []}
    assert person['id'].startswith('MLRP_') and old.result(f'{OLD}/contacts/{person["id"]}') == person
    assert len({item['id'] for item in contacts(old, OLD)}) == 9
    send(old, [given], path=OLD)
    assert len(contacts(old, OLD)) == 10            # nobody is compared


@pytest.mark.parametrize('shape, taken', [('both', (200, 200)), ('array', (200, 400)), ('object', (400, 200))])
def test_the_body_is_an_array_or_an_object(old, shape, taken):
    old.settings(legacy_json=shape)
    assert (send(old, [SOMEONE])[0], send(old, {'contacts': [SOMEONE]})[0]) == taken
    assert send(old, RECORDED, FORM)[0] == 200 and len(contacts(old)) == 1 + taken.count(200)


@pytest.mark.parametrize('body', ['', 'x', '{}', '[]', '{"contacts":[]}', '{"contacts":{}}', '7', '[7]',
                                  '[{"email":7}]', '[{"embeddedData":[]}]', '[{"unsubscribed":"1"}]', '[{"language":1}]'])
def test_without_contacts(old, body):
    assert error(send(old, body)) == (400, 'GPR_1')
    assert json.loads(send(old, body)[2])['meta']['error']['errorMessage'] == 'Missing or invalid parameter panelId.'


@pytest.mark.parametrize('spoil, expected', [
    (('"contacts"', '"people"'), (400, 'GPR_1')), (('application/json', 'text/plain'), (400, 'GPR_1')),
    (('; filename="contacts.json"', ''), (400, 'GPR_1')), (('[{', '{{'), (400, 'GPR_1')),
    (('RubyMultipartPost--', 'RubyMultipartPost'), (413, 'SANDBOX_413'))])
def test_spoiled_forms(old, spoil, expected):
    assert error(send(old, RECORDED.replace(*spoil), FORM)) == expected and contacts(old) == []


def test_refusals(old):
    assert error(send(old, [SOMEONE], path='/mailinglists/ML_none')) == (404, 'PACC_6')
    assert send(old, 'email\na@x', {'Content-Type': 'text/csv'})[0] == 415
    old.settings(max_contacts=2, max_import_bytes=100)
    assert send(old, [SOMEONE] * 2)[0] == 200 and send(old, [SOMEONE] * 3)[0] == 413
    assert send(old, json.dumps([SOMEONE]) + ' ' * 100)[0] == 413
    assert old.api('GET', f'{V3}{NEW}/contactimports/PGRS_000000000000000')[0] == 404


def test_status_and_summary(old):
    old.settings(import_polls=1, import_percents=[30.0])
    ident = ident_of(send(old, [SOMEONE, {'email': 'no'}]))
    assert old.api('GET', f'{V3}{NEW}/contactimports/{ident}/summary')[0] == 404
    first = status(old, ident)
    assert first['percentComplete'] == 30.0 and first['contacts']['count']['added'] == 0
    done = status(old, ident)
    assert done['contacts']['count'] == {'added': 1, 'updated': 0, 'failed': 1} and done['invalidEmails'] == ['no']
    assert old.result(f'{NEW}/contactimports/{ident}/summary') == {
        'contacts': {'count': {'added': 1, 'updated': 0, 'failed': 1}}, 'invalidEmails': ['no']}
    old.settings(legacy_status='bare')
    assert status(old, ident) == {'percentComplete': 100.0}


def test_one_at_a_time(old):
    old.settings(import_seconds=60)
    send(old, [{'firstName': 'One'}])
    send(old, [{'firstName': 'Two'}])
    old.advance(61)
    assert [item['firstName'] for item in contacts(old)] == ['One']
    old.advance(60)
    assert [item['firstName'] for item in contacts(old)] == ['One', 'Two']


def test_books(old):
    old.fault('legacy_import', 'job_failed', nth=2)
    old.settings(failed_import_does=0.5)
    ident_of(send(old, [SOMEONE, {'email': 'b@x', 'externalDataReference': '7'}]))
    assert status(old, ident_of(send(old, [SOMEONE, {'email': 'c@x'}])))['status'] == 'failed'
    assert [(item['target'], item['rows'], item['outcome'], item['counts']['added']) for item in old.imports()] == [
        ('ML_demoOld00000002', 2, 'done', 2), ('ML_demoOld00000002', 2, 'failed', 1)]
    told = old.contacts_of('ML_demoOld00000002')
    assert [(item['email'], item['extRef'], item['writes'], item['last']) for item in told] == [
        ('a@x', None, 1, 1), ('b@x', '7', 1, 1), ('a@x', None, 1, 2)]
    assert old.contacts_of('ML_demoOld00000001') == []
    assert len(old.contacts_of('ML_demoOld00000001', everyone=True)) == 7
