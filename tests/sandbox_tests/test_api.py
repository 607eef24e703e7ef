"""The account as API.md describes it: check order, paging, exports, formats, limits, imports, contacts."""

import concurrent.futures
import csv
import http.client
import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from control import Sandbox
from helpers import CUSTOMERS, EMPTY, PANEL, POOL, SMALL, V3, error, everything, parsed, unzip

LIST = f'/directories/{POOL}/mailinglists/CG_demoPilot0000003'


def start(box, survey, **params):
    return box.api('POST', f'{V3}/surveys/{survey}/export-responses', params)


# ---- check order and errors

def test_first_line_and_loopback():
    root = Path(__file__).resolve().parents[1] / 'sandbox'
    with subprocess.Popen([sys.executable, str(root), '--port', '0', '--until-stdin-closes'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        url, token = process.stdout.readline().split()
        assert url.startswith('http://127.0.0.1:') and len(token) == 40
        process.stdin.close()
        assert process.wait(10) == 0


def test_check_order(shared):
    status, _, body = shared.api('GET', f'{V3}/nothing', token=False)
    assert (status, json.loads(body)) == (404, {'meta': {'httpStatus': '404 - Not Found', 'error': {
        'errorMessage': 'The requested resource does not exist.'}}})
    connection = http.client.HTTPConnection('127.0.0.1', shared.port)
    connection.putrequest('POST', f'{V3}/surveys/{SMALL}/export-responses')
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()
    assert error(shared.api('GET', f'{V3}/whoami', token=False)) == (400, 'ATP_2')
    assert error(shared.api('GET', f'{V3}/whoami', headers={'X-API-TOKEN': 'x' * 40})) == (401, 'DCD_7')
    assert error(shared.api('GET', f'{V3}/surveys/SV_0000000000000')) == (404, 'GSI_2')
    assert error(shared.api('GET', f'{V3}/survey-definitions/SV_0000000000000')) == (403, 'QMST_2.1')
    assert error(shared.api('GET', f'{V3}/distributions/EMD_x/links?surveyId={SMALL}')) == (404, 'GED_3')
    assert shared.api('GET', f'{V3}/surveys/{SMALL}/responses')[0] == 404
    assert shared.api('GET', f'{V3}/mailinglists')[0] == 404
    assert shared.api('GET', f'{V3}/Surveys')[0] == 404


def test_slashes_headers_and_range(shared):
    for path in ('/surveys/', f'/surveys/{SMALL}/', f'/surveys//{SMALL}'):
        assert shared.api('GET', V3 + path)[0] == 200
    status, headers, _ = shared.api('GET', f'{V3}/whoami', headers={'Range': 'bytes=0-3'})
    assert status == 200
    assert headers['request-time'].isdigit() and headers['content-type'] == 'application/json'
    assert not {'etag', 'last-modified', 'accept-ranges', 'cache-control', 'server'} & set(headers)


def test_a_new_token_kills_the_old(box):
    old = box.token
    assert box.new_token() != old
    assert box.api('GET', f'{V3}/whoami')[0] == 200
    assert error(box.api('GET', f'{V3}/whoami', headers={'X-API-TOKEN': old})) == (401, 'DCD_7')


# ---- paging

@pytest.mark.parametrize('knobs', [{}, {'short_pages': True}, {'empty_pages': True},
                                   {'short_pages': True, 'empty_pages': True, 'page_size': 30}])
def test_paging(box, knobs):
    box.add_surveys(250)
    box.settings(**knobs)
    elements, pages = everything(box, '/surveys')
    assert len({item['id'] for item in elements}) == len(elements) == 256
    if knobs.get('empty_pages'):
        assert 0 in pages[1:-1]
    if knobs.get('short_pages'):
        assert any(0 < size < max(pages) for size in pages[:-1]) or max(pages) < 100


def test_proxied(box):
    box.settings(page_size=2, proxied_host='az1.qualtrics.com', notice='Request proxied.')
    document = json.loads(box.api('GET', f'{V3}/surveys')[2])
    assert document['result']['nextPage'].startswith('https://az1.qualtrics.com/API/v3/surveys?')
    assert 'proxyInfo=%7B%22proxyDepth%22%3A1%7D' in document['result']['nextPage']
    assert document['meta']['notice'] == 'Request proxied.'


# ---- exports

def test_export_flow(box):
    box.settings(job_polls=1)
    answer = json.loads(start(box, SMALL, format='csv')[2])['result']
    assert list(answer) == ['progressId', 'percentComplete', 'status'] and len(answer['progressId']) == 18
    base = f'/surveys/{SMALL}/export-responses/'
    running = box.result(base + answer['progressId'])
    assert running == {'percentComplete': 0.0, 'status': 'inProgress'}
    done = box.result(base + answer['progressId'])
    assert list(done) == ['fileId', 'percentComplete', 'status'] and done['fileId'].endswith('-def')
    status, headers, body = box.api('GET', V3 + base + done['fileId'] + '/file', headers={'Range': 'bytes=1-2'})
    assert status == 200 and len(body) == int(headers['content-length'])
    assert headers['content-disposition'].startswith('attachment; filename=Team+lunch+')
    assert unzip(body) == box.entry(SMALL)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ['Team lunch 🍜 / Mittagessen.csv']
    box.advance(700_000)
    assert box.api('GET', V3 + base + done['fileId'] + '/file')[0] == 404


def test_null_file_id_and_odd_percent(box):
    box.settings(null_file_id=True, job_polls=2, odd_percent_every=1)
    job = json.loads(start(box, SMALL, format='csv')[2])['result']['progressId']
    path = f'/surveys/{SMALL}/export-responses/{job}'
    assert box.result(path) == {'fileId': None, 'percentComplete': 0.0, 'status': 'inProgress'}
    assert box.result(path)['percentComplete'] == 83.33333333333334


@pytest.mark.parametrize('given', [
    *({'format': kind, name: value} for kind in ('json', 'ndjson') for name, value in (
        ('useLabels', True), ('breakoutSets', False), ('seenUnansweredRecode', 9),
        ('multiselectSeenUnansweredRecode', 9), ('includeDisplayOrder', True), ('formatDecimalAsComma', True),
        ('timeZone', 'Europe/Berlin'), ('newlineReplacement', ' '))),
    {'format': 'xml', 'newlineReplacement': ' '}, {'format': 'spss', 'newlineReplacement': ' '}, {}, {'format': 'CSV'},
    {'Format': 'csv'}, {'format': 'csv', 'lastResponseId': 'R_1'}, {'format': 'csv', 'uselabels': True},
    {'format': 'csv', 'timeZone': 'Europe/Paris'}, {'format': 'csv', 'timeZone': 'europe/berlin'},
    {'format': 'csv', 'seenUnansweredRecode': ''}, {'format': 'csv', 'limit': ''}, {'format': 'csv', 'limit': '5'},
    {'format': 'csv', 'useLabels': 'true'}, {'format': 'csv', 'useLabels': True, 'includeLabelColumns': True},
    {'format': 'csv', 'continuationToken': 'x', 'allowContinuation': True},
    {'format': 'csv', 'continuationToken': 'unknown'}, {'format': 'csv', 'filterId': 'no-uuid'},
    {'format': 'csv', 'filterId': '00000000-0000-4000-8000-000000000000'},
    {'format': 'csv', 'questionIds': ['QID999']}, {'format': 'csv', 'startDate': '2024-01-01'},
    {'format': 'csv', 'startDate': '2024-01-01T00:00:00.000Z'}])
def test_refused_parameters(shared, given):
    assert error(start(shared, CUSTOMERS, **given)) == (400, 'SANDBOX_400')


def test_filter_exclusions(shared):
    filters = shared.result(f'/surveys/{CUSTOMERS}/filters')['elements']
    ident = filters[0]['filterId']
    assert list(filters[0]) == ['filterId', 'filterName', 'creationDate']
    for other in ({'sortByLastModifiedDate': True}, {'allowContinuation': True}, {'continuationToken': 'x'}):
        assert start(shared, CUSTOMERS, format='csv', filterId=ident, **other)[0] == 400
    previews = unzip(shared.export(CUSTOMERS, filterId=filters[1]['filterId']))
    assert previews.count(b'\r\n') == 3 + 40


def test_knobs_of_parameters(box):
    box.settings(format_required=False, json_rejects='effective', unknown_ids='ignore', utc_zone=True)
    assert start(box, SMALL)[0] == 200
    assert start(box, SMALL, format='json', useLabels=False)[0] == 200
    assert start(box, SMALL, format='json', useLabels=True)[0] == 400
    assert start(box, SMALL, format='csv', questionIds=['QID999'], timeZone='UTC')[0] == 200


def test_csv_rules(shared):
    data = unzip(shared.export(CUSTOMERS, timeZone='America/Denver'))
    assert not data.startswith(b'\xef\xbb\xbf') and data.endswith(b'\r\n')
    text = data.decode()
    table = list(csv.reader(io.StringIO(text, newline=''), strict=True))
    assert len(table) == 2003 and len({len(row) for row in table}) == 1
    assert text.count('\r\n') == 2003 and text.replace('\r\n', '').count('\n') > 100
    assert table[0][:3] == ['StartDate', 'EndDate', 'Status'] and table[1][12] == 'External Data Reference'
    assert json.loads(table[2][0]) == {'ImportId': 'startDate', 'timeZone': 'America/Denver'}
    assert '"{""ImportId"":""endDate"",""timeZone"":""America/Denver""}"' in text
    assert json.loads(table[2][table[0].index('Uses_-1')]) == {'ImportId': 'QID2', 'choiceId': '-1'}
    assert '<' not in ''.join(table[1])
    again = io.StringIO(newline='')
    csv.writer(again, lineterminator='\r\n').writerows(table)
    assert again.getvalue() == text                         # minimal quoting
    recorded = [row[7] for row in parsed(unzip(shared.export(CUSTOMERS)))[3:]]
    assert recorded == sorted(recorded)
    plain = unzip(shared.export(CUSTOMERS, newlineReplacement=' '))
    assert plain.replace(b'\r\n', b'').count(b'\n') == 5      # those of the question texts in row 2


def test_columns_by_parameters(shared):
    def head(**params):
        return parsed(unzip(shared.export(CUSTOMERS, limit=5, **params)))

    assert 'Uses' in head(breakoutSets=False)[0] and 'Uses_1' in head()[0]
    assert 'Source_DO' in head(includeDisplayOrder=True)[0] and 'Source_DO' not in head()[0]
    assert head(surveyMetadataIds=[], questionIds=[])[0] == ['cong.first_name', 'SolutionRevision', 'Source channel']
    assert head(surveyMetadataIds=['_recordId'], questionIds=['QID3'], embeddedDataIds=[])[0] == [
        'ResponseId', 'NPS_NPS_GROUP', 'NPS']
    assert head(sortByLastModifiedDate=True)[0][17] == 'LastModifiedDate'
    labels = head(useLabels=True)
    assert labels[3][2] in ('IP Address', 'Survey Preview') and labels[3][6] == 'True'
    doubled = head(includeLabelColumns=True, questionIds=['QID1'])
    assert sum('IsLabelsColumn' in cell for cell in doubled[2]) == 1
    assert len(head()) == 8


def test_other_formats(shared):
    tsv = unzip(shared.export(CUSTOMERS, format='tsv'))
    assert tsv[:2] == b'\xff\xfe' and tsv.endswith('\r\n'.encode('utf-16-le'))
    rows = list(csv.reader(io.StringIO(tsv.decode('utf-16'), newline=''), delimiter='\t'))
    assert rows == parsed(unzip(shared.export(CUSTOMERS)))
    document = json.loads(unzip(shared.export(CUSTOMERS, format='json')))
    assert list(document) == ['responses'] and len(document['responses']) == 2000
    first = document['responses'][0]
    assert list(first) == ['responseId', 'values', 'labels', 'displayedFields', 'displayedValues']
    assert isinstance(first['values']['status'], int) and first['values']['_recordId'] == first['responseId']
    lines = unzip(shared.export(CUSTOMERS, format='ndjson')).decode().split('\n')
    assert lines.pop() == '' and [json.loads(line) for line in lines] == document['responses']
    import xml.etree.ElementTree as tree
    assert len(tree.fromstring(unzip(shared.export(CUSTOMERS, format='xml')))) == 2000
    sav = unzip(shared.export(SMALL, format='spss'))
    assert sav[:4] == b'$FL2' and b'Qualtrics' in sav[:64]
    assert shared.export(SMALL, compress=False) == shared.entry(SMALL)


def test_empty_survey_dates_and_unfinished(shared):
    assert unzip(shared.export(EMPTY)).count(b'\r\n') == 3
    rows = parsed(unzip(shared.export(CUSTOMERS)))[3:]
    moment = rows[700][7]
    iso = moment.replace(' ', 'T') + 'Z'
    before = parsed(unzip(shared.export(CUSTOMERS, endDate=iso)))[3:]
    after = parsed(unzip(shared.export(CUSTOMERS, startDate=iso)))[3:]
    assert before + after == rows and after[0] == rows[700]
    unfinished = parsed(unzip(shared.export(CUSTOMERS, exportResponsesInProgress=True)))[3:]
    assert len(unfinished) == 9 and all(row[8].startswith('FS_') and not row[7] for row in unfinished)


def test_ends_of_a_span_that_belong_or_do_not(box):
    """API.md 3.2 says inclusive and exclusive; nobody has seen it."""
    at = 1_750_000_000
    for ms in (0, 0, 400):
        box.append(EMPTY, 1, recorded=at * 1000 + ms)
    first, _, last = box.response_ids(EMPTY)           # at .000, .001 and .400 of the second
    iso = '2025-06-15T15:06:40Z'

    def ids(**given):
        return [row[8] for row in parsed(unzip(box.export(EMPTY, **given)))[3:]]

    assert (ids(startDate=iso)[0], ids(endDate=iso)) == (first, [])
    box.settings(start_date_belongs=False, end_date_belongs=True)
    assert (len(ids(startDate=iso)), ids(endDate=iso)) == (2, [first])
    box.settings(dates_in_seconds=True)
    assert (ids(startDate=iso), ids(endDate=iso)[-1]) == ([], last)
    box.settings(start_date_belongs=True, end_date_belongs=False, dated_export_lacks=1)
    assert (len(ids(startDate=iso)), len(ids())) == (2, 3)


def test_continuation(box):
    base = f'/surveys/{SMALL}/export-responses'
    job = box.result(base, 'POST', {'format': 'csv', 'allowContinuation': True})['progressId']
    token = box.result(f'{base}/{job}')['continuationToken']
    assert len(token) == 70
    ids = box.append(SMALL, 3)
    job = box.result(base, 'POST', {'format': 'csv', 'continuationToken': token})['progressId']
    done = box.result(f'{base}/{job}')
    data = unzip(box.api('GET', f'{V3}{base}/{done["fileId"]}/file')[2])
    assert [row[8] for row in parsed(data)[3:]] == ids
    box.advance(8 * 86400)
    assert start(box, SMALL, format='csv', continuationToken=done['continuationToken'])[0] == 400


def continued(box, token, **params):
    base = f'/surveys/{SMALL}/export-responses'
    job = box.result(base, 'POST', {'format': 'csv', 'continuationToken': token, **params})['progressId']
    done = box.result(f'{base}/{job}')
    return parsed(unzip(box.api('GET', f'{V3}{base}/{done["fileId"]}/file')[2])), done


def test_what_a_continuation_brings_has_knobs(box):
    base = f'/surveys/{SMALL}/export-responses'
    old = box.response_ids(SMALL)
    job = box.result(base, 'POST', {'format': 'csv', 'allowContinuation': True})['progressId']
    token = box.result(f'{base}/{job}')['continuationToken']
    ids = box.append(SMALL, 3)
    cases = (({'continuation_repeats': 2}, old[-2:] + ids), ({'continuation_order': 'reversed'}, ids[::-1]),
             ({'continuation_misses': 1}, ids[:2]), ({'continuation_modified': True}, [old[1], *ids]))
    defaults = {'continuation_repeats': 0, 'continuation_order': 'recorded', 'continuation_misses': 0,
                'continuation_modified': False}
    for settings, expected in cases:
        if 'continuation_modified' in settings:
            box.edit(SMALL, old[1], {'QID1': '1'})
        box.settings(**defaults | settings)
        assert [row[8] for row in continued(box, token)[0][3:]] == expected
    box.settings(**defaults, continuation_heading='?')
    assert continued(box, token)[0][0][:2] == ['StartDate?', 'EndDate']
    box.settings(continuation_heading='', continuation='silent')
    assert 'continuationToken' not in continued(box, token)[1]
    box.settings(continuation='refused')
    assert start(box, SMALL, format='csv', continuationToken=token)[0] == 400
    assert start(box, SMALL, format='csv', allowContinuation=True)[0] == 200


def test_data_changes(box):
    ids = box.response_ids(SMALL)
    before = box.result(f'/surveys/{SMALL}')['responseCounts']
    box.append(SMALL, 2, {'QID1': '2'})
    box.delete_response(SMALL, ids[0])
    box.edit(SMALL, ids[3], {'QID2': '3'})
    after = box.result(f'/surveys/{SMALL}')['responseCounts']
    assert after == {'auditable': before['auditable'] + 1, 'generated': before['generated'], 'deleted': 1}
    rows = parsed(box.entry(SMALL))
    assert rows[0][17:] == ['1', '2', '3', '1', '2', '3']       # tags repeat
    assert len(rows) == 3 + 15 and ids[0] not in [row[8] for row in rows]
    assert [row[18] for row in rows if row[8] == ids[3]] == ['3']
    box.settings(export_lag=3600.0)
    assert unzip(box.export(SMALL)).count(b'\r\n') == 3 + 13


def test_large_survey_and_limit_of_rows(box):
    data = unzip(box.export(PANEL))
    assert data == box.entry(PANEL)
    box.settings(max_rows_per_file=1000)
    with zipfile.ZipFile(io.BytesIO(box.export(CUSTOMERS))) as archive:
        assert archive.namelist() == ['Customer satisfaction 2026.csv', 'Customer satisfaction 2026_1.csv']
        assert archive.testzip() is None


def test_big_survey(box):
    box.settings(max_export_bytes=3_000_000_000)
    box.make_big(SMALL, 1_100_000_000)
    job = box.result(f'/surveys/{SMALL}/export-responses', 'POST', {'format': 'csv'})['progressId']
    done = box.result(f'/surveys/{SMALL}/export-responses/{job}')
    data = box.api('GET', f'{V3}/surveys/{SMALL}/export-responses/{done["fileId"]}/file')[2]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.infolist()[0].file_size == 1_100_000_000
    box.make_big(SMALL, 20_000_000)
    assert len(unzip(box.export(SMALL))) == 20_000_000
    box.settings(max_export_bytes=1_000_000)
    job = box.result(f'/surveys/{SMALL}/export-responses', 'POST', {'format': 'csv'})['progressId']
    assert box.result(f'/surveys/{SMALL}/export-responses/{job}') == {
        'fileId': None, 'percentComplete': 100.0, 'status': 'failed'}


# ---- limits

def test_buckets(box):
    box.settings(max_jobs=1000)
    begin = time.monotonic()
    taken = 0
    while start(box, SMALL, format='csv')[0] == 200:
        taken += 1
    assert 100 <= taken <= 101 + (time.monotonic() - begin) * 100 / 60      # it drains meanwhile
    box.advance(1.3)                                        # 100 a minute: two more have drained
    assert [start(box, SMALL, format='csv')[0] for _ in range(3)][:2] == [200, 200]
    box.settings(retry_after='7')
    box.settings(endpoint_limits={'whoami': 1})
    box.api('GET', f'{V3}/whoami')
    status, headers, _ = box.api('GET', f'{V3}/whoami')
    assert (status, headers['retry-after']) == (429, '7')
    box.settings(limits=False)
    assert box.api('GET', f'{V3}/whoami')[0] == 200


def test_brand_bucket(box):
    box.settings(brand_limit=5)
    codes = [box.api('GET', f'{V3}/{path}')[0] for path in ('whoami', 'surveys') * 4]
    assert codes.count(200) == 5 and codes.count(429) == 3
    assert box.stats()['refused_429'] == 3


def test_what_was_over_a_limit_is_told_unless_it_was_asked_for(box):
    box.settings(brand_limit=1, max_in_flight=1, max_jobs=1)
    box.fault('whoami', 'status', status=429)
    for path in ('whoami', 'surveys', 'surveys'):
        box.api('GET', f'{V3}/{path}')
    assert box.exceeded() == []
    box.check_limits()
    box.settings(brand_limit=3000, max_in_flight=30, max_jobs=15)
    box.reset_limits()
    codes = [start(box, SMALL, format='csv')[0] for _ in range(17)]
    jobs = codes.count(429)
    box.settings(max_jobs=1000)
    while start(box, SMALL, format='csv')[0] == 200:
        pass
    assert box.exceeded() == ['jobs'] * jobs + ['export_start']
    box.reset_stats()
    with pytest.raises(AssertionError, match='export_start'):
        box.check_limits()


def test_in_flight(box):
    box.hold('whoami')
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        calls = [pool.submit(box.api, 'GET', f'{V3}/whoami') for _ in range(64)]
        assert box.wait_held('whoami', 64)
        box.release()
        codes = [call.result()[0] for call in calls]
    assert codes.count(200) == 30 and codes.count(429) == 34
    assert box.stats()['most_in_flight'] == 64
    box.reset_stats()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        assert all(answer[0] == 200 for answer in pool.map(lambda _: box.api('GET', f'{V3}/surveys'), range(600)))
    assert box.stats()['most_in_flight'] <= 30


def test_jobs_at_once(box):
    box.hold_jobs()
    codes = [start(box, SMALL, format='csv')[0] for _ in range(17)]
    assert codes == [200] * 15 + [429] * 2 and box.stats()['most_jobs'] == 15
    jobs = [job['id'] for job in box.jobs()]
    path = f'/surveys/{SMALL}/export-responses/'
    assert {box.result(path + job)['status'] for job in jobs} == {'inProgress'}
    assert box.release_jobs(1) == 1
    assert [box.result(path + job)['status'] for job in jobs[:2]] == ['complete', 'inProgress']
    assert start(box, SMALL, format='csv')[0] == 200
    box.release_jobs()
    assert box.result(path + jobs[1])['status'] == 'complete'


def test_abandoned_connections(box):
    for _ in range(20):
        sock = socket.create_connection(('127.0.0.1', box.port))
        sock.sendall(f'GET {V3}/surveys HTTP/1.1\r\nHost: x\r\nX-API-TOKEN: {box.token}\r\n\r\n'.encode())
        sock.close()
    assert box.wait_idle() and box.api('GET', f'{V3}/whoami')[0] == 200


# ---- the rest of the account

def test_surveys_documents(shared):
    listed, _ = everything(shared, '/surveys')
    assert sorted(item['name'] for item in listed).count('Staff survey') == 2
    for item in listed:
        shown = shared.result(f'/surveys/{item["id"]}')
        assert list(shown) == ['id', 'name', 'ownerId', 'organizationId', 'isActive', 'creationDate',
                               'lastModifiedDate', 'expiration', 'questions', 'exportColumnMap', 'blocks', 'flow',
                               'embeddedData', 'comments', 'loopAndMerge', 'responseCounts']
        _, _, body = shared.api('GET', f'{V3}/survey-definitions/{item["id"]}?format=qsf')
        document = json.loads(body)
        assert list(document) == ['meta', 'result'] and list(document['result']) == ['SurveyEntry', 'SurveyElements']
        assert isinstance(shared.result(f'/survey-definitions/{item["id"]}')['QuestionCount'], str)
        schema = shared.result(f'/surveys/{item["id"]}/response-schema')
        assert schema['$id'] == f'http://qualtrics.com/API/v3/surveys/{item["id"]}/response-schema'
        shared.result(f'/surveys/{item["id"]}/quotas'), shared.result(f'/surveys/{item["id"]}/languages')


def test_single_response(box):
    ident = box.response_ids(CUSTOMERS)[5]
    assert box.result(f'/surveys/{CUSTOMERS}/responses/{ident}')['responseId'] == ident
    box.settings(response_pending_calls=1)
    other = box.response_ids(CUSTOMERS)[6]
    path = f'{V3}/surveys/{CUSTOMERS}/responses/{other}'
    assert [box.api('GET', path)[0] for _ in range(2)] == [202, 200]
    assert box.api('GET', f'{V3}/surveys/{CUSTOMERS}/responses/R_nothing')[0] == 404


def test_import_responses(box):
    data = box.entry(CUSTOMERS, limit=4)
    path = f'{V3}/surveys/{CUSTOMERS}/import-responses'
    headers = {'Content-Type': 'text/csv', 'charset': 'UTF-8', 'Idempotency-Key': 'a'}
    jobs = [json.loads(box.api('POST', path, data, headers)[2])['result']['progressId'] for _ in range(2)]
    assert jobs[0] == jobs[1]
    assert box.api('POST', path, data + b'\r\n', headers)[0] == 409
    assert box.result(f'/surveys/{CUSTOMERS}/import-responses/{jobs[0]}') == {
        'percentComplete': 100.0, 'status': 'complete'}
    old = parsed(data)[3:]
    new = parsed(box.entry(CUSTOMERS))[2003:]
    assert [row[17:] for row in new] == [row[17:] for row in old] and {row[2] for row in new} == {'4'}
    assert not {row[8] for row in new} & {row[8] for row in old}
    tsv = {'Content-Type': 'text/tsv', 'charset': 'UTF-16'}
    assert box.api('POST', path, box.entry(CUSTOMERS, 'tsv', limit=2), tsv)[0] == 200
    assert box.api('POST', path, b'x' * (5 * 1024 * 1024 + 1), {'Content-Type': 'text/csv'})[0] == 413
    assert box.api('POST', path, b'x', {'Content-Type': 'image/png'})[0] == 415
    assert box.api('POST', path, b'a,"b\r\n', {'Content-Type': 'text/csv'})[0] == 400


def test_directory(shared):
    people, pages = everything(shared, f'/directories/{POOL}/contacts')
    assert len({item['contactId'] for item in people}) == 5000 and pages[0] == 100
    assert set(people[0]) == {'contactId', 'firstName', 'lastName', 'email', 'phone', 'extRef', 'language',
                              'unsubscribed'}
    one = shared.result(f'/directories/{POOL}/contacts/{people[0]["contactId"]}')
    assert isinstance(one['creationDate'], int) and 'CG_demoCustomers001' in one['mailingListMembership']
    lists, _ = everything(shared, f'/directories/{POOL}/mailinglists?includeCount=true')
    assert [item['contactCount'] for item in lists] == [1200, 230, 5, 0]
    customers = f'/directories/{POOL}/mailinglists/CG_demoCustomers001'
    members, _ = everything(shared, customers + '/contacts?includeEmbedded=true')
    assert len(members) == 1200 and members[0]['contactLookupId'].startswith('CGC_') and members[0]['embeddedData']
    for path in ('contacts/optedOutContacts', 'mailinglists/CG_demoCustomers001/bouncedContacts',
                 'mailinglists/CG_demoCustomers001/optedOutContacts'):
        assert everything(shared, f'/directories/{POOL}/{path}')[0]
    found = shared.result(f'/directories/{POOL}/contacts/search?pageSize=5', 'POST', {
        'filter': {'filterType': 'email', 'comparison': 'eq', 'value': 'person00007@example.com'}})
    assert [item['email'] for item in found['elements']] == ['person00007@example.com'] and 'id' in found['elements'][0]
    mailings, _ = everything(shared, f'/distributions?surveyId={CUSTOMERS}')
    assert len(mailings) == 2 and shared.api('GET', f'{V3}/distributions')[0] == 400
    for part in (f'links?surveyId={CUSTOMERS}', 'history'):
        assert len(everything(shared, f'/distributions/{mailings[0]["id"]}/{part}')[0]) == 1200


def test_contact_import(box):
    box.settings(import_polls=1)
    contacts = [{'email': 'new1@example.com', 'firstName': 'New'}, {'email': 7}, {},
                {'email': 'person00003@example.com'}, {'email': 'NEW1@example.com', 'lastName': 'Twice'}, {'email': 'no address', 'firstName': 'X'}]
    made = box.result(LIST + '/transactioncontacts', 'POST', {'contacts': contacts})
    assert made['id'].startswith('PGRS_') and made['contacts'] == {'unprocessed': [1, 2]}
    assert made['status'] == 'in progress' and made['tracking']['url'].endswith(made['id'])
    path = f'{LIST}/transactioncontacts/{made["id"]}'
    assert box.result(path)['status'] == 'in progress'
    done = box.result(path)
    assert done['contacts']['count'] == {'added': 1, 'updated': 2, 'failed': 1} and done['status'] == 'complete'
    assert done['invalidEmails'] == ['no address']
    unknown = LIST.replace('Pilot', 'Nobody')
    job = box.result(unknown + '/transactioncontacts', 'POST', {'contacts': [{'email': 'a@b.c'}]})['id']
    box.result(f'{unknown}/transactioncontacts/{job}')
    assert box.result(f'{unknown}/transactioncontacts/{job}')['contacts']['count'] == {
        'added': 0, 'updated': 0, 'failed': 0}
    many = {'contacts': [{'email': f'm{i}@example.com'} for i in range(10_001)]}
    assert box.api('POST', V3 + LIST + '/transactioncontacts', many)[0] == 413
    assert box.api('POST', V3 + LIST + '/transactioncontacts', {'contacts': []})[0] == 400


def test_legacy(box):
    box.settings(legacy=True)
    assert [item['id'] for item in everything(box, '/mailinglists')[0]] == ['ML_demoOld00000001', 'ML_demoOld00000002']
    path = '/mailinglists/ML_demoOld00000002'
    job = box.result(path + '/contactimports', 'POST', {'contacts': [{'email': 'a@example.com'}]})['id']
    assert box.result(f'{path}/contactimports/{job}')['percentComplete'] == 100.0
    assert everything(box, path + '/contacts')[0][0]['language'] == 'null'
    assert error(box.api('GET', f'{V3}/mailinglists/ML_none')) == (404, 'PACC_6')


def test_deterministic():
    with Sandbox.start() as one, Sandbox.start() as two:
        assert one.entry_sha256(CUSTOMERS) == two.entry_sha256(CUSTOMERS) and one.token != two.token
