"""Each fault kind, the waits, and going dark."""

import concurrent.futures
import http.client
import io
import json
import shutil
import socket
import subprocess
import time
import zipfile
import zlib

import pytest

from control import SandboxError

SMALL = 'SV_demoSmall000014'
V3 = '/API/v3'
EXPORTS = f'/surveys/{SMALL}/export-responses'


def whoami(box):
    return box.api('GET', f'{V3}/whoami')


def finished(box):
    """The path of a finished export's file."""
    job = box.result(EXPORTS, 'POST', {'format': 'csv'})['progressId']
    return f'{V3}{EXPORTS}/{box.result(f"{EXPORTS}/{job}")["fileId"]}/file'


def statuses(box, count):
    return [whoami(box)[0] for _ in range(count)]


def test_which_calls(box):
    rule = box.fault('whoami', 'status', nth=2, status=503)
    assert statuses(box, 3) == [200, 503, 200]
    assert box.faults()[0]['hits'] == 1
    box.clear_faults(rule)
    box.fault('whoami', 'status', first=2)
    assert statuses(box, 3) == [500, 500, 200]
    box.clear_faults()
    box.fault('*', 'status', start=2, end=3, status=502)
    assert statuses(box, 4) == [200, 502, 502, 200]
    box.clear_faults()
    box.fault('whoami', 'status', every=3, status=504)
    assert statuses(box, 6) == [200, 200, 504, 200, 200, 504]
    box.clear_faults()
    box.fault('survey', 'status', match=SMALL, status=403)
    assert box.api('GET', f'{V3}/surveys/SV_demoStaff000201')[0] == 200
    assert box.api('GET', f'{V3}/surveys/{SMALL}')[0] == 403
    with pytest.raises(SandboxError):
        box.fault('whoami', 'no such kind')


def test_made_answers(box):
    box.fault('whoami', 'status', nth=1, status=429, retry_after=3, error_code='X_1', message='slow down')
    box.fault('whoami', 'status', nth=2, status=500, html=True)
    box.fault('whoami', 'html', nth=3)
    box.fault('whoami', 'redirect', nth=4, location='http://127.0.0.1:1/x', status=307)
    box.fault('whoami', 'auth_expired', nth=5)
    box.fault('whoami', 'body', nth=6, body={'result': None})
    box.fault('whoami', 'header', nth=7, name='retry-after', value='0')
    status, headers, body = whoami(box)
    assert (status, headers['retry-after']) == (429, '3') and b'"errorCode":"X_1"' in body
    for expected in (500, 200):
        status, headers, body = whoami(box)
        assert status == expected and headers['content-type'].startswith('text/html') and body.startswith(b'<!DOCTYPE')
    status, headers, body = whoami(box)
    assert (status, headers['location'], body) == (307, 'http://127.0.0.1:1/x', b'')
    assert b'AUTH_6.0' in whoami(box)[2]
    assert json.loads(whoami(box)[2]) == {'result': None}
    assert whoami(box)[1]['retry-after'] == '0'


def test_resets_and_repeats(box):
    before = box.result(f'/surveys/{SMALL}')['responseCounts']
    box.fault('*', 'reset_before', nth=1)
    with pytest.raises(ConnectionError):
        whoami(box)
    path = f'{V3}/surveys/{SMALL}/responses'
    box.clear_faults()
    box.fault('response_create', 'reset_after', nth=1)
    box.fault('response_create', 'status_after', nth=2)
    with pytest.raises(ConnectionError):
        box.api('POST', path, {'values': {}})
    assert box.api('POST', path, {'values': {}})[0] == 504
    after = box.result(f'/surveys/{SMALL}')['responseCounts']
    assert after['auditable'] == before['auditable'] + 2
    assert [entry['status'] for entry in box.requests('response_create')] == [None, 504]


@pytest.mark.parametrize('reset', [False, True])
@pytest.mark.parametrize('at', [0, 1, 700])
def test_cut(box, at, reset):
    path = finished(box)
    whole = box.api('GET', path)[2]
    box.fault('export_file', 'cut', at=at, reset=reset)
    connection = http.client.HTTPConnection('127.0.0.1', box.port)
    connection.request('GET', path, headers={'X-API-TOKEN': box.token})
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        answer = connection.getresponse()
        assert int(answer.headers['content-length']) == len(whole)
        answer.read()
    if isinstance(caught.value, http.client.IncompleteRead) and not reset:
        assert caught.value.partial == whole[:at]
    connection.close()


def test_spoiled_json(box):
    for kind in ('broken_json', 'wrong_types', 'empty_body', 'gzip'):
        box.fault('whoami', kind, first=1)
    # one rule of each would meet in the same call, so take them one by one
    box.clear_faults()
    box.fault('whoami', 'broken_json', first=1)
    with pytest.raises(ValueError):
        json.loads(whoami(box)[2])
    box.clear_faults()
    box.fault('surveys', 'wrong_types', first=1)
    assert isinstance(json.loads(box.api('GET', f'{V3}/surveys')[2])['result']['elements'], dict)
    box.fault('whoami', 'empty_body', first=1)
    status, headers, body = whoami(box)
    assert (status, headers['content-length'], body) == (200, '0', b'')
    box.fault('whoami', 'gzip', first=1)
    status, headers, body = whoami(box)
    assert headers['content-encoding'] == 'gzip' and json.loads(zlib.decompress(body, 31))['result']
    box.fault('whoami', 'wrong_length', first=1, by=-5)
    assert whoami(box)[2].startswith(b'{"result"')
    box.clear_faults()
    box.fault('whoami', 'wrong_length', first=1, by=5)
    with pytest.raises(http.client.IncompleteRead):
        whoami(box)
    box.settings(chunked_json=True)
    assert whoami(box)[1]['transfer-encoding'] == 'chunked'
    box.settings(chunked_json=False, gzip_json=True, gzip_files=True)
    assert box.api('GET', f'{V3}/whoami', headers={'Accept-Encoding': 'gzip'})[1]['content-encoding'] == 'gzip'


def test_archives(box, tmp_path):
    path = finished(box)
    whole = box.api('GET', path)[2]
    if shutil.which('unzip'):
        (tmp_path / 'a.zip').write_bytes(whole)
        subprocess.run(['unzip', '-tq', tmp_path / 'a.zip'], check=True, stdout=subprocess.DEVNULL)

    def spoiled(kind, **given):
        box.clear_faults()
        box.fault('export_file', kind, **given)
        return box.api('GET', path)[2]

    def names(data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()

    changed = spoiled('corrupt', offset=300)
    assert [i for i, (a, b) in enumerate(zip(whole, changed)) if a != b] == [300]
    assert spoiled('corrupt', offset=-1)[:-1] == whole[:-1]
    headless = spoiled('zip_no_directory')
    assert whole.startswith(headless) and b'PK\1\2' not in headless
    assert names(spoiled('zip_two')) == [*names(whole), 'second.csv']
    assert names(spoiled('zip_empty')) == []
    assert names(spoiled('zip_name')) == ['../../../tmp/evil.csv']
    assert names(spoiled('zip_name', name='/etc/passwd')) == ['/etc/passwd']
    with zipfile.ZipFile(io.BytesIO(spoiled('zip_bomb', size=1 << 30))) as archive:
        assert archive.infolist()[0].file_size == 1 << 30


def test_jobs(box):
    def poll(job):
        return json.loads(box.api('GET', f'{V3}{EXPORTS}/{job}')[2]).get('result')

    def start(kind):
        box.clear_faults()
        box.fault('export_start', kind)
        return box.result(EXPORTS, 'POST', {'format': 'csv'})['progressId']

    assert poll(start('job_failed')) == {'fileId': None, 'percentComplete': 100.0, 'status': 'failed'}
    assert poll(start('job_vanished')) is None
    assert poll(start('no_file_id')) == {'percentComplete': 100.0, 'status': 'complete'}
    job = start('job_never_ends')
    assert {poll(job)['status'] for _ in range(5)} == {'inProgress'}
    box.force_job(job, None)
    assert poll(job)['status'] == 'complete'
    job = start('file_404')
    assert box.api('GET', f'{V3}{EXPORTS}/{poll(job)["fileId"]}/file')[0] == 404
    box.clear_faults()
    job = box.result(EXPORTS, 'POST', {'format': 'csv'})['progressId']
    box.fault('export_progress', 'job_vanished')
    assert poll(job) is None


def test_hold_delay_throttle(box):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        box.hold('whoami')
        call = pool.submit(whoami, box)
        assert box.wait_held('whoami') and not call.done()
        assert box.wait_for('whoami', 1) and not box.wait_for('whoami', 1, timeout=0, answered=True)
        box.release()
        assert call.result()[0] == 200 and box.wait_for('whoami', 1, answered=True)
        box.fault('whoami', 'delay', seconds=600)
        call = pool.submit(whoami, box)
        assert box.wait_held('whoami')
        box.release()
        assert call.result()[0] == 200
        box.clear_faults()
        path = finished(box)
        box.fault('export_file', 'throttle', rate=10)
        call = pool.submit(box.api, 'GET', path)
        assert box.wait_held('*', 1)
        box.release()
        assert call.result()[0] == 200


def test_throttle_takes_its_time(box):
    box.fault('whoami', 'throttle', rate=2000)
    begun = time.monotonic()
    size = len(whoami(box)[2])
    assert time.monotonic() - begun >= size / 2000 * 0.8


def test_log(box):
    box.reset_stats()
    box.api('POST', f'{V3}{EXPORTS}?x=1', {'format': 'csv'}, {'Idempotency-Key': 'k'})
    entry, = box.requests('export_start')
    assert entry['path'].endswith('/export-responses') and entry['query'] == 'x=1' and entry['status'] == 200
    assert entry['token'] and entry['body'] == '{"format": "csv"}' and entry['idempotency_key'] == 'k'
    assert box.token not in json.dumps(entry)
    assert box.count() == 1 and box.stats()['counts'] == {'export_start': 1, '*': 1}


def test_forbidden_and_random_errors(box):
    box.forbid(SMALL)
    assert box.api('GET', f'{V3}/surveys/{SMALL}')[0] == 403
    assert SMALL in box.api('GET', f'{V3}/surveys')[2].decode()
    box.forbid(SMALL, False)
    box.revoke_token()
    assert whoami(box)[0] == 401
    box.restore_token()
    box.settings(percent_500=50.0)
    assert {200, 500} == set(statuses(box, 40))


@pytest.mark.parametrize('mode', ['refuse', 'hang'])
def test_dark(box, mode):
    kept = http.client.HTTPConnection('127.0.0.1', box.port, timeout=10)
    kept.request('GET', f'{V3}/whoami', headers={'X-API-TOKEN': box.token})
    kept.getresponse().read()
    box.pause(mode)
    if mode == 'refuse':
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', box.port), timeout=5)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            kept.request('GET', f'{V3}/whoami', headers={'X-API-TOKEN': box.token})
            kept.getresponse()
        box.resume()
    else:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(whoami, box)
            with pytest.raises(concurrent.futures.TimeoutError):
                call.result(timeout=0.1)
            box.resume()
            assert call.result()[0] == 200
    assert whoami(box)[0] == 200
    kept.close()


def test_surveys_come_and_go(box):
    many = box.add_surveys(3000)
    assert len(many) == 3000
    ident = box.add_survey('Fresh / new', 5, created=1_700_000_000_000, like='SV_demoCustomers02', listed=False)
    assert box.result(f'/surveys/{ident}')['responseCounts']['auditable'] == 5
    assert ident not in json.dumps([item['id'] for item in box.result('/surveys')['elements']])
    box.rename(ident, 'Other')
    assert box.result(f'/surveys/{ident}')['name'] == 'Other'
    columns = box.entry(ident).split(b'\r\n')[0].count(b',')
    box.append(ident, 1)
    box.add_question(ident, 'More')
    assert box.entry(ident).split(b'\r\n')[0].count(b',') == columns + 1
    box.delete_survey(ident)
    assert box.api('GET', f'{V3}/surveys/{ident}')[0] == 404
