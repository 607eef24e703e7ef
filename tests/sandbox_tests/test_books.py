"""Every fault on every call that writes, and what the books say of it: the account and the books never differ."""

import concurrent.futures
import hashlib
import http.client
import json
import time

import pytest

from helpers import EMPTY, POOL, V3

LIST_ID, OLD_ID = 'CG_demoEmpty0000004', 'ML_demoOld00000002'
LIST = f'/directories/{POOL}/mailinglists/{LIST_ID}'
JSON = {'Content-Type': 'application/json'}
FORM = (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nN\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: text/plain\r\n\r\n1. Well?\r\n--b--\r\n')
# route -> path, body, headers, what it writes to, rows, the route and path of its job
WRITES = {
    'contact_import': (LIST + '/transactioncontacts', b'{"contacts":[{"email":"a@x"},{"email":"b@x"}]}', JSON,
                       LIST_ID, 2, 'contact_import_status'),
    'legacy_import': (f'/mailinglists/{OLD_ID}/contactimports', b'[{"email":"a@x"},{"email":"b@x"}]', JSON, OLD_ID, 2,
                      'legacy_import_status'),
    'import_start': (f'/surveys/{EMPTY}/import-responses', b'Q1,Q2\r\n1,a\r\n2,b\r\n',
                     {'Content-Type': 'text/csv', 'charset': 'UTF-8'}, EMPTY, 2, 'import_progress'),
    'survey_create': ('/surveys', FORM, {'Content-Type': 'multipart/form-data; boundary=b'}, None, 1, None),
    'contact_create': (f'/directories/{POOL}/contacts', b'{"email":"a@x"}', JSON, POOL, 1, None),
    'list_contact_create': (LIST + '/contacts', b'{"email":"a@x"}', JSON, LIST_ID, 1, None),
    'response_create': (f'/surveys/{EMPTY}/responses', b'{"values":{"QID2_TEXT":"a"}}', JSON, EMPTY, 1, None)}
JOBS = [route for route, given in WRITES.items() if given[5]]


@pytest.fixture
def account(box):
    box.settings(legacy=True)
    return box


def send(box, route, **headers):
    path, body, given, _, _, _ = WRITES[route]
    return box.api('POST', V3 + path, body, given | headers)


def there(box):
    """How much is in the account, of all that these calls write."""
    info = box.info()
    return (len(info['surveys']) - 6 + info['surveys'][EMPTY]['auditable']
            + info['directories'][POOL]['contacts'] - 5000 + len(box.contacts_of(OLD_ID)))


def entry(box):
    return box.imports()[-1]


# what a fault is called, its arguments, the answer (None: the connection is cut), whether the work was done
FAULTS = [('status', {'status': 503}, 503, False), ('status', {'status': 504}, 504, False),
          ('status', {'status': 500, 'html': True}, 500, False), ('status', {'status': 502, 'body': ''}, 502, False),
          ('status', {'status': 429}, 429, False), ('status', {'status': 429, 'retry_after': 2}, 429, False),
          ('status', {'status': 401}, 401, False), ('status', {'status': 403}, 403, False),
          ('status', {'status': 404}, 404, False), ('auth_expired', {}, 401, False), ('html', {}, 200, False),
          ('reset_before', {}, None, False), ('reset_after', {}, None, True), ('cut', {'at': 0}, None, True),
          ('cut', {'at': 20, 'reset': True}, None, True), ('status_after', {}, 504, True),
          ('status_after', {'status': 503}, 503, True), ('status_after', {'status': 500, 'html': True}, 500, True),
          ('status_after', {'status': 429, 'retry_after': 2}, 429, True), ('broken_json', {}, 200, True),
          ('empty_body', {}, 200, True), ('wrong_types', {}, 200, True)]


@pytest.mark.parametrize('route', WRITES)
def test_faults_before_and_after_the_work(account, route):
    """The second call of each kind is hit; the first and the third are not."""
    box, rows, expected = account, WRITES[route][4], 0
    box.settings(limits=False, import_polls=0)
    box.change_directory(POOL, dedupe={})
    for kind, given, status, works in FAULTS:
        rule = box.fault(route, kind, nth=2, **given)
        for number in (1, 2, 3):
            if number == 2 and status is None:
                with pytest.raises((ConnectionError, http.client.HTTPException)):
                    send(box, route)
            else:
                answered, headers, _ = send(box, route)
                assert answered == (status if number == 2 else 200)
                wait = given.get('retry_after') if number == 2 else None
                assert headers.get('retry-after') == (wait and str(wait))
            done = works or number != 2
            expected += rows * done
            assert there(box) == expected, (kind, given, number)
            told = entry(box)
            assert told['outcome'] == ('done' if done else 'nothing') and told['route'] == route
            assert told['rows'] == (rows if done else None)
            assert told['status'] == (200 if number != 2 or kind == 'cut' else status)
        box.clear_faults(rule)
    assert len(box.imports(route)) == len(box.imports()) == 3 * len(FAULTS)
    assert box.totals()['imports'] == {route: {'done': 3 * len(FAULTS) - 12, 'nothing': 12}}


@pytest.mark.parametrize('route', WRITES)
@pytest.mark.parametrize('kind, while_hung, later', [('hold', False, True), ('hold_after', True, True)])
def test_calls_that_hang(account, route, kind, while_hung, later):
    """Whoever gives up on one that hangs does not know whether it was done, or will be."""
    box, rows = account, WRITES[route][4]
    box.fault(route, kind)
    connection = http.client.HTTPConnection('127.0.0.1', box.port)
    path, body, headers, *_ = WRITES[route]
    connection.request('POST', V3 + path, body, headers | {'X-API-TOKEN': box.token})
    assert box.wait_held(route)
    connection.close()
    assert there(box) == rows * while_hung
    box.release()
    assert box.wait_idle() and there(box) == rows * later
    assert send(box, route)[0] == 200


def test_one_that_hangs_and_is_never_done(account):
    account.fault('contact_import', 'hold')
    account.fault('contact_import', 'reset_before', nth=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(send, account, 'contact_import')
        assert account.wait_held('contact_import')
        account.release()
        assert isinstance(call.exception(), ConnectionError)
    assert there(account) == 0 and entry(account)['outcome'] == 'nothing'


def test_an_answer_after_some_time(account):
    account.fault('contact_import', 'hold_after', seconds=0.01)
    assert send(account, 'contact_import')[0] == 200 and there(account) == 2


@pytest.mark.parametrize('route', JOBS)
def test_a_percentage_of_calls_fails_before_the_work(account, route):
    account.settings(percent_500=50.0, max_jobs=100)
    account.change_directory(POOL, dedupe={})
    answers = [send(account, route)[0] for _ in range(30)]
    account.settings(percent_500=0.0)
    assert set(answers) == {200, 500} and there(account) == 2 * answers.count(200)
    assert account.totals()['imports'][route] == {'done': answers.count(200), 'refused': answers.count(500)}


@pytest.mark.parametrize('route', JOBS)
def test_the_ceiling_of_jobs(account, route):
    account.settings(max_jobs=2, retry_after='7')
    account.hold_jobs()
    answers = [send(account, route) for _ in range(3)]
    assert [answer[0] for answer in answers] == [200, 200, 429] and answers[2][1]['retry-after'] == '7'
    assert [item['outcome'] for item in account.imports()] == ['running', 'running', 'refused'] and there(account) == 0


@pytest.mark.parametrize('route', JOBS)
@pytest.mark.parametrize('status', [401, 403, 404, 429, 500, 503, 504])
def test_polls_fail_too(account, route, status):
    made = json.loads(send(account, route)[2])['result']
    path = f'{V3}{WRITES[route][0]}/{made.get("id") or made["progressId"]}'
    account.fault(WRITES[route][5], 'status', nth=1, status=status)
    account.fault(WRITES[route][5], 'reset_after', nth=2)
    assert account.api('GET', path)[0] == status
    with pytest.raises(ConnectionError):
        account.api('GET', path)
    assert account.api('GET', path)[0] == 200 and there(account) == 2


def test_what_an_entry_tells(account):
    begun = time.time()
    send(account, 'import_start', **{'Idempotency-Key': 'k-1'})
    send(account, 'import_start', **{'Idempotency-Key': 'k-1'})
    account.api('POST', f'{V3}/surveys/{EMPTY}/import-responses', b'Q1,Q2\r\n', WRITES['import_start'][2] | {
        'Idempotency-Key': 'k-1'})
    first, again, other = account.imports()
    body = WRITES['import_start'][1]
    job = account.jobs()[0]['id']
    assert {name: value for name, value in first.items() if name != 'time'} == {
        'number': 1, 'route': 'import_start', 'target': EMPTY, 'key': 'k-1', 'sha256': hashlib.sha256(body).hexdigest(),
        'bytes': len(body), 'rows': 2, 'status': 200, 'job': job, 'made': None, 'same': None, 'outcome': 'done',
        'counts': {'responses': 2}}
    assert begun <= first['time'] <= time.time()
    assert again | {'time': 0} == first | {'number': 2, 'same': 1, 'outcome': 'same', 'counts': {}, 'time': 0}
    assert (other['outcome'], other['status'], other['job'], other['rows']) == ('refused', 409, None, None)
    assert account.imports(first=3) == [other] and account.imports(target='CG_x') == []
    assert account.totals() == {'imports': {'import_start': {'done': 1, 'same': 1, 'refused': 1}},
                                'counts': {'responses': 2}, 'times': {}, 'responses': 2, 'surveys': []}


def test_whom_what_wrote_and_how_often(account):
    path = V3 + LIST
    for contacts in ([{'email': 'a@x'}, {'email': 'b@x'}],
                     [{'email': 'b@x'}, {'email': 'B@x'}, {'email': 'person00001@example.com'}]):
        account.api('POST', path + '/transactioncontacts', {'contacts': contacts})
    made = json.loads(account.api('POST', path + '/contacts', {'email': 'c@x'})[2])['result']['id']
    account.api('PUT', f'{V3}/directories/{POOL}/contacts/{made}', {'firstName': 'C'})
    told = account.contacts_of(LIST_ID, fields=('email', 'firstName'))
    assert [(item['email'], item['writes'], item['last']) for item in told] == [
        ('a@x', 1, 1), ('B@x', 3, 2), ('person00001@example.com', 1, 2), ('c@x', 2, 4)]
    assert account.totals()['times'] == {'1': 2, '2': 1, '3': 1}
    assert {item['email'] for item in account.contacts_of(POOL)} == {item['email'] for item in told}
    assert account.contacts_of('CG_demoPilot0000003') == []
    everyone = account.contacts_of('CG_demoPilot0000003', everyone=True)
    assert [(item['email'], item['writes']) for item in everyone] == [(f'person{n:05}@example.com', 0)
                                                                     for n in range(0, 5000, 1000)]
    account.add_contact(POOL, 'CG_demoPilot0000003', email='by@test')
    assert account.contacts_of('CG_demoPilot0000003') == []         # the test's own are not in the books
    assert [item['made'] for item in account.imports()] == [None, None, made, made]


def test_what_was_changed_while_an_import_ran(account):
    """An import that is not stored yet changes nobody; others may come first."""
    account.settings(import_seconds=60)
    account.api('POST', V3 + LIST + '/transactioncontacts', {'contacts': [{'email': 'a@x', 'lastName': 'Import'}]})
    account.api('POST', V3 + LIST + '/contacts', {'email': 'a@x', 'lastName': 'Call'})
    told = account.contacts_of(LIST_ID, fields=('lastName',))
    assert told == [{'lastName': 'Call', 'writes': 1, 'last': 2}]
    account.advance(61)
    assert account.contacts_of(LIST_ID, fields=('lastName',)) == [{'lastName': 'Import', 'writes': 2, 'last': 1}]
