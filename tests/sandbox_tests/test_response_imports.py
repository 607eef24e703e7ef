"""Imports of responses as API.md 4.1 describes them."""

import concurrent.futures
import csv
import io
import json

import pytest

from helpers import CUSTOMERS, EMPTY as HERE, SMALL, V3, error, parsed, unzip

URL = 'https://files.example.org/answers.csv'
HEADS = [['Q1', 'Q2'], ['Are you well?', 'Why?'], ['{"ImportId":"QID1"}', '{"ImportId":"QID2_TEXT"}']]


def table(*rows, heads=HEADS, delimiter=','):
    out = io.StringIO(newline='')
    csv.writer(out, delimiter=delimiter).writerows([*heads, *rows])
    return out.getvalue()


def send(box, data, kind='text/csv', charset='UTF-8', survey=HERE, **headers):
    given = {'Content-Type': kind} | ({'charset': charset} if charset else {})
    body = data.encode() if isinstance(data, str) else data
    return box.api('POST', f'{V3}/surveys/{survey}/import-responses', body, given | headers)


def progress_id(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])['result']['progressId']


def poll(box, ident, survey=HERE):
    """The whole answer of one poll."""
    return json.loads(box.api('GET', f'{V3}/surveys/{survey}/import-responses/{ident}')[2])


def brought(box, *given, survey=HERE, **more):
    """Import, and the status that ends it."""
    return poll(box, progress_id(send(box, *given, survey=survey, **more)), survey)['result']['status']


def failure(box, *given, **more):
    """Import, and why it failed."""
    told = poll(box, progress_id(send(box, *given, **more)))
    assert told['result'] == {'percentComplete': 100.0, 'status': 'failed'}
    return told['meta']['error']['errorMessage']


def answers(box, survey=HERE):
    """What was imported: the fields of each response."""
    return [item['values'] for item in box.responses_of(survey)]


# ---- the file

def test_what_was_exported_comes_again_as_new_responses(box):
    for survey, kind in ((CUSTOMERS, 'csv'), (SMALL, 'csv'), (CUSTOMERS, 'tsv')):
        old = parsed(box.entry(survey))
        given = box.entry(survey, kind, limit=9)
        charset = 'UTF-16' if kind == 'tsv' else 'UTF-8'
        assert brought(box, given, f'text/{kind}', charset, survey=survey) == 'complete'
        new = parsed(box.entry(survey))
        tags = old[0]
        assert new[:len(old)] == old and len(new) == len(old) + 9
        for before, after in zip(old[3:12], new[-9:]):
            differ = {tag for tag, a, b in zip(tags, before, after) if a != b}
            assert {'ResponseId', 'Status', 'RecordedDate'} == differ | {'Status'}, differ
            assert after[tags.index('Status')] == '4'
        assert len({row[tags.index('ResponseId')] for row in new[3:]}) == len(new) - 3
        assert {row[tags.index('ResponseId')][:2] for row in new[-9:]} == {'R_'}


def test_counts_and_single_responses(box):
    elsewhere = box.result(f'/surveys/{SMALL}')
    before = box.result(f'/surveys/{HERE}')
    assert brought(box, table(['1', 'Because'], ['2', ''])) == 'complete'
    after = box.result(f'/surveys/{HERE}')
    assert after['responseCounts']['auditable'] == before['responseCounts']['auditable'] + 2
    assert after['lastModifiedDate'] == before['lastModifiedDate']
    assert box.result(f'/surveys/{SMALL}') == elsewhere
    ident = box.responses_of(HERE)[0]['responseId']
    one = box.result(f'/surveys/{HERE}/responses/{ident}')
    assert one['values']['QID1'] == 1 and one['values']['QID2_TEXT'] == 'Because' and one['values']['status'] == 4
    box.settings(append_touches_survey=True)
    box.change_survey(HERE, modified=0)
    brought(box, table(['1', 'x']))
    assert box.result(f'/surveys/{HERE}')['lastModifiedDate'] > '2020'


def test_after_an_import_a_continuation_brings_its_rows_alone(box):
    path = f'/surveys/{HERE}/export-responses'
    job = box.result(path, 'POST', {'format': 'csv', 'allowContinuation': True})['progressId']
    token = box.result(f'{path}/{job}')['continuationToken']
    brought(box, table(['1', 'fresh']))
    assert [row[-1] for row in parsed(unzip(box.export(HERE, continuationToken=token)))[3:]] == ['fresh']


@pytest.mark.parametrize('kind, delimiter', [('text/csv', ','), ('text/tsv', '\t'), ('text/tab-separated-values', '\t'),
                                             ('TEXT/CSV', ',')])
@pytest.mark.parametrize('charset, coding', [('UTF-8', 'utf-8'), ('utf-8', 'utf-8-sig'), ('UTF-16', 'utf-16'),
                                             ('UTF-16', 'utf-16-le')])
def test_types_and_charsets(box, kind, delimiter, charset, coding):
    text = table(['1', 'Größe 👍\nnächste "Zeile", ja\t!'], delimiter=delimiter)
    assert brought(box, text.encode(coding), kind, charset) == 'complete'
    assert answers(box) == [{'QID1': '1', 'QID2_TEXT': 'Größe 👍\nnächste "Zeile", ja\t!'}]


def test_the_charset_header(box):
    text = table(['1', 'x'])
    assert error(send(box, text, charset=None)) == (400, 'SANDBOX_400')
    assert send(box, text, charset='latin1')[0] == 400
    assert send(box, text, 'text/csv; charset=utf-8', None)[0] == 400
    assert send(box, text, 'text/csv; charset=utf-8')[0] == 200
    box.settings(charset_in_type='used')
    assert send(box, text.encode('utf-16'), 'text/csv; charset=UTF-16', None)[0] == 200
    box.settings(charset_in_type='refused')
    assert send(box, text, 'text/csv; charset=utf-8')[0] == 415
    box.settings(charset_header='optional')
    assert send(box, text, charset=None)[0] == 200
    assert len(answers(box)) == 3
    for kind in ('text/plain', 'application/octet-stream', 'multipart/form-data; boundary=x', 'application/csv'):
        assert send(box, text, kind)[0] == 415


def test_limit(box):
    box.settings(max_import_bytes=300)
    text = table(['1', ''])
    assert brought(box, text + '1,' + 'x' * (300 - len(text) - 2)) == 'complete'
    assert send(box, text + '1,' + 'x' * (301 - len(text) - 2))[0] == 413
    assert [item['rows'] for item in box.imports()] == [2, None]


def test_headers(box):
    single = table(['1', 'a'], heads=HEADS[:1])
    named = table(['2', 'b'], heads=[['QID1', 'QID2_TEXT']])
    assert brought(box, single) == brought(box, named) == 'complete'
    assert answers(box) == [{'QID1': '1', 'QID2_TEXT': 'a'}, {'QID1': '2', 'QID2_TEXT': 'b'}]
    box.settings(single_header_import=False)
    assert 'ImportIds' in failure(box, single)
    assert brought(box, table(['1', 'c'])) == 'complete'
    assert 'ImportIds' in failure(box, table(['1', 'x'], heads=[*HEADS[:2], ['{"ImportId":"QID1"', '']]))


def test_labels_and_codes(box):
    assert brought(box, table(['Yes', 'a'], ['2', 'b'])) == 'complete'
    assert [item['QID1'] for item in answers(box)] == ['1', '2']
    labels = box.entry(CUSTOMERS, useLabels=True, limit=20)
    assert brought(box, labels, survey=CUSTOMERS) == 'complete'
    assert parsed(box.entry(CUSTOMERS, useLabels=True, surveyMetadataIds=[]))[-20:] == parsed(
        box.entry(CUSTOMERS, useLabels=True, surveyMetadataIds=[], limit=20))[3:]
    joined = box.entry(CUSTOMERS, breakoutSets=False, limit=20)
    assert brought(box, joined, survey=CUSTOMERS) == 'complete'
    both = box.entry(CUSTOMERS, includeLabelColumns=True, limit=20)
    assert brought(box, both, survey=CUSTOMERS) == 'complete'
    plain = parsed(box.entry(CUSTOMERS, surveyMetadataIds=[]))
    assert plain[-20:] == plain[-40:-20] == plain[3:23]


def test_columns_that_are_not_the_surveys(box):
    heads = [[*row, more] for row, more in zip(HEADS, ('Old', 'Old?', '{"ImportId":"QID99"}'))]
    assert brought(box, table(['1', 'x', 'y'], heads=heads)) == 'complete'
    assert answers(box) == [{'QID1': '1', 'QID2_TEXT': 'x'}]
    box.settings(import_columns='fail')
    assert 'QID99' in failure(box, table(['1', 'x', 'y'], heads=heads))
    box.settings(import_columns='ignore')
    assert 'No column' in failure(box, table(['y'], heads=[['Old']]))
    assert len(answers(box)) == 1


def test_recorded_date(box):
    heads = [['RecordedDate', *HEADS[0]], ['Recorded Date', *HEADS[1]],
             ['{"ImportId":"recordedDate","timeZone":"America/Denver"}', *HEADS[2]]]
    old = table(['2023-12-31 17:00:01', '1', 'old'], heads=heads)
    assert brought(box, old) == 'complete'
    assert parsed(box.entry(HERE))[-1][-1] == 'old' and parsed(box.entry(HERE))[-1][7] > '2025'
    box.settings(import_recorded='file')
    assert brought(box, old.replace('old', 'older')) == 'complete'
    rows = parsed(box.entry(HERE))[3:]
    assert [row[7] for row in rows] == sorted(row[7] for row in rows) and rows[0][-1] == 'older'
    assert rows[0][7] == '2024-01-01 00:00:01'
    assert 'date' in failure(box, old.replace('2023-12-31', '31.12.2023'))
    assert 'date' in failure(box, old.replace('America/Denver', 'Nowhere'))


@pytest.mark.parametrize('text, why', [
    ('', 'empty'), ('\r\n\r\n', 'empty'), ('a,"b\r\n', 'parsed'), ('Q1,Q2\r\n"1"x,y\r\n', 'parsed'),
    (table(['1']), 'Row 4'), (table(['1', 'x'], ['1', 'x', 'y']), 'Row 5'), (b'Q1,Q2\r\n1,\xff\r\n', 'charset')])
def test_files_that_cannot_be_read(box, text, why):
    assert why in failure(box, text) and answers(box) == []
    box.settings(failed_import_says=False)
    told = poll(box, progress_id(send(box, text)))
    assert told['result']['status'] == 'failed' and 'error' not in told['meta']
    box.settings(import_errors='post')
    status, _, body = send(box, text)
    assert status == 400 and why in json.loads(body)['meta']['error']['errorMessage']
    assert [item['outcome'] for item in box.imports()] == ['failed', 'failed', 'refused']


def test_long_cells(box):
    assert brought(box, table(['1', 'x' * 1_000_000])) == 'complete'
    assert len(answers(box)[0]['QID2_TEXT']) == 1_000_000


def test_a_question_that_comes_while_it_runs(box):
    box.settings(import_seconds=60)
    send(box, table(['1', 'x']))
    box.add_question(HERE, 'More')
    box.advance(61)
    assert parsed(box.entry(HERE))[-1][-3:] == ['1', 'x', '']


def test_unknown_surveys_and_jobs(box):
    assert error(send(box, table(['1', 'x']), survey='SV_0000000000000')) == (404, 'GSI_2')
    ident = progress_id(send(box, table(['1', 'x'])))
    assert box.api('GET', f'{V3}/surveys/{CUSTOMERS}/import-responses/{ident}')[0] == 404
    box.forbid(HERE)
    assert send(box, table(['1', 'x']))[0] == 403


# ---- from an address

def remote(box, url=URL, **more):
    return box.api('POST', f'{V3}/surveys/{HERE}/import-responses',
                   {'format': 'csv', 'fileUrl': url, 'charset': 'UTF-8', **more})


def test_from_an_address(box):
    box.put_remote_file(URL, table(['1', 'far']))
    assert poll(box, progress_id(remote(box)))['result']['status'] == 'complete'
    box.put_remote_file(URL, table(['2', 'wide'], delimiter='\t').encode('utf-16'))
    assert poll(box, progress_id(remote(box, format='tsv', charset='UTF-16')))['result']['status'] == 'complete'
    assert [item['QID2_TEXT'] for item in answers(box)] == ['far', 'wide']
    for spoiled in ({'format': 'json'}, {'format': None}, {'charset': 'latin1'}, {'url': 'file:///etc/passwd'},
                    {'url': 'ftp://x/y'}, {'url': 7}, {'url': 'https://'}):
        assert remote(box, **spoiled)[0] == 400, spoiled
    assert box.api('POST', f'{V3}/surveys/{HERE}/import-responses', {})[0] == 400


def test_an_address_with_nothing_or_too_much(box):
    assert 'nothing' in poll(box, progress_id(remote(box)))['meta']['error']['errorMessage']
    box.put_remote_file(URL, table(['1', 'x']))
    box.put_remote_file(URL, None)
    assert 'nothing' in poll(box, progress_id(remote(box)))['meta']['error']['errorMessage']
    box.put_remote_file(URL, b'x' * 5_000_001)
    assert 'too large' in poll(box, progress_id(remote(box)))['meta']['error']['errorMessage']
    box.settings(import_errors='post')
    assert remote(box)[0] == 400


# ---- once

def test_the_same_key_and_file_are_the_same_job(box):
    text = table(['1', 'once'])
    first = progress_id(send(box, text, **{'Idempotency-Key': 'k'}))
    assert progress_id(send(box, text, **{'Idempotency-Key': 'k'})) == first
    assert poll(box, first)['result']['status'] == 'complete'
    assert progress_id(send(box, text, **{'Idempotency-Key': 'k'})) == first
    assert len(answers(box)) == 1
    assert [(item['outcome'], item['key'], item['job'], item['same']) for item in box.imports('import_start')] == [
        ('done', 'k', first, None), ('same', 'k', first, 1), ('same', 'k', first, 1)]
    assert progress_id(send(box, text, **{'Idempotency-Key': 'other'})) != first
    assert progress_id(send(box, text)) != progress_id(send(box, text)) and len(answers(box)) == 4
    box.forget_keys()
    assert progress_id(send(box, text, **{'Idempotency-Key': 'k'})) != first and len(answers(box)) == 5


def test_the_same_key_for_something_else(box):
    assert send(box, table(['1', 'x']), **{'Idempotency-Key': 'k'})[0] == 200
    assert error(send(box, table(['1', 'y']), **{'Idempotency-Key': 'k'})) == (409, 'SANDBOX_409')
    assert send(box, table(['1', 'x']), survey=SMALL, **{'Idempotency-Key': 'k'})[0] == 409
    box.settings(multi_key_conflict=400)
    assert send(box, table(['1', 'y']), **{'Idempotency-Key': 'k'})[0] == 400
    assert len(answers(box)) == 1


def test_a_key_whose_post_was_refused_is_not_remembered(box):
    box.settings(import_errors='post')
    assert send(box, 'a,"b', **{'Idempotency-Key': 'k'})[0] == 400
    box.fault('import_start', 'status', nth=1, status=503)
    assert send(box, table(['1', 'x']), **{'Idempotency-Key': 'k'})[0] == 503
    assert brought(box, table(['1', 'x']), **{'Idempotency-Key': 'k'}) == 'complete' and len(answers(box)) == 1


def test_the_same_key_at_the_same_time(box):
    box.settings(max_in_flight=100, max_jobs=100)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        calls = [pool.submit(send, box, table(*[['1', 'x']] * 200),
                             **{'Idempotency-Key': 'k'}) for _ in range(12)]
        assert len({progress_id(call.result()) for call in calls}) == 1
    assert len(answers(box)) == 200


def test_a_failed_import_may_have_stored_some(box):
    box.settings(failed_import_does=0.25)
    box.fault('import_start', 'job_failed', nth=1)
    text = table(*[['1', str(n)] for n in range(8)])
    assert failure(box, text, **{'Idempotency-Key': 'k'}) == 'The import failed.'
    assert [item['QID2_TEXT'] for item in answers(box)] == ['0', '1']
    assert poll(box, progress_id(send(box, text, **{'Idempotency-Key': 'k'})))['result']['status'] == 'failed'
    assert len(answers(box)) == 2


def test_status_while_it_runs(box):
    box.settings(import_polls=2, import_percents=[0.0, 50.0])
    ident = progress_id(send(box, table(['1', 'x'])))
    assert [poll(box, ident)['result'] for _ in range(3)] == [
        {'percentComplete': 0.0, 'status': 'inProgress'}, {'percentComplete': 50.0, 'status': 'inProgress'},
        {'percentComplete': 100.0, 'status': 'complete'}]
    box.fault('import_progress', 'job_vanished')
    assert box.api('GET', f'{V3}/surveys/{HERE}/import-responses/{ident}')[0] == 404


def test_responses_of_a_large_import(box):
    text = table(*[['1', f'answer {n}'] for n in range(30_000)])
    assert brought(box, text) == 'complete'
    told = box.responses_of(HERE)
    assert [item['row'] for item in told] == list(range(1, 30_001)) and {item['entry'] for item in told} == {1}
    assert len({item['responseId'] for item in told}) == 30_000
    assert [item['values']['QID2_TEXT'] for item in told] == [f'answer {n}' for n in range(30_000)]
    box.delete_response(HERE, told[1]['responseId'])
    assert [item['row'] for item in box.responses_of(HERE, values=False)[:2]] == [1, 3]
