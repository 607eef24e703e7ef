"""The replay server: recorded requests get the recorded bytes, anything else the codeless 404."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import params
from control import Sandbox
from helpers import V3, error, everything

BESKAR = 'SV_3gbwq8aJgqPwQDP'
EXPORTS = f'{V3}/surveys/{BESKAR}/export-responses'
MAILING = 'EMD_RmjB8Gfpjlki6ms'
DEFINITION = 'SV_6s93xhVtm1e4j3v'
LEGACY = 'ML_6xLATuSWeOcGWyh'
ALL = {'format': 'csv', 'useLabels': True, 'timeZone': 'America/Denver', 'includeDisplayOrder': True}
ONE = {**ALL, 'limit': 15, 'questionIds': ['QID17'], 'breakoutSets': False}


@pytest.fixture(scope='module')
def player(recordings):
    with Sandbox.start(limits='off', extra=('--replay', str(recordings))) as made:
        yield made


@pytest.fixture
def fresh(recordings):
    """A server of the named recordings."""
    servers = []

    def make(*names, strict=False):
        words = [word for name in names for word in ('--exchange', name)]
        servers.append(Sandbox.spawn(extra=('--replay', str(recordings), *words, *(['--strict'] if strict else []))))
        return servers[-1]
    yield make
    for server in servers:
        server.stop()


def recorded(folder, name, number=0):
    """An answer of a recording, by default its first."""
    return json.loads((folder / f'{name}.json').read_text())['interactions'][number]['response']


@pytest.mark.parametrize(('name', 'path'), [
    ('surveys_list', '/surveys'), ('surveys_list', '/surveys/'), ('surveys_list', '/surveys?offset=0'),
    ('survey_definitions_qsf', f'/survey-definitions/{DEFINITION}?format=qsf'),
    ('distribution_history', f'/distributions/{MAILING}/history'),
    ('distribution_history', f'/distributions/{MAILING}/history?surveyId=SV_06PSFx0kpItCz0q&pageSize=100'),
    ('distribution_links', f'/distributions/{MAILING}/links?surveyId=SV_06PSFx0kpItCz0q'),
    ('legacy_mailinglists_list', '/mailinglists'), ('legacy_mailinglist_contacts', f'/mailinglists/{LEGACY}/contacts')])
def test_documents(player, recordings, name, path):
    theirs = recorded(recordings, name)
    status, headers, body = player.api('GET', V3 + path)
    assert (status, body) == (theirs['status'], theirs['body'].encode())
    for key in ('content-type', 'date', 'request-time'):
        assert headers[key] == theirs['headers'][key]


def test_the_newest_recording_of_a_request(player, fresh, recordings):
    path = f'{V3}/surveys/{BESKAR}/'
    assert player.api('GET', path)[2] == recorded(recordings, 'fetch_survey_2025', 9)['body'].encode()
    only = fresh('survey_get', 'fetch_one_qid_2025')
    assert only.api('GET', path)[2] == recorded(recordings, 'survey_get')['body'].encode()


@pytest.mark.parametrize(('name', 'given', 'polls'), [
    ('fetch_survey_2025', ALL, 7), ('fetch_survey_2025', {**ALL, 'breakoutSets': True}, 7),
    ('fetch_one_qid_2025', ONE, 8), ('fetch_survey_2025', {'format': 'csv'}, 7),
    ('fetch_one_qid_2025', {'format': 'csv', 'questionIds': ['QID17'], 'limit': 15}, 8)])
def test_export(player, recordings, name, given, polls):
    status, _, body = player.api('POST', EXPORTS, given)
    assert (status, body) == (200, recorded(recordings, name)['body'].encode())
    job = json.loads(body)['result']['progressId']
    for number in range(1, polls + 1):
        assert player.api('GET', f'{EXPORTS}/{job}')[2] == recorded(recordings, name, number)['body'].encode()
    done = player.api('GET', f'{EXPORTS}/{job}')[2]
    file = json.loads(done)['result']['fileId']
    status, headers, body = player.api('GET', f'{EXPORTS}/{file}/file')
    theirs = recorded(recordings, name, polls + 1)
    assert status == 200 and body == (recordings / theirs['body_file']).read_bytes()
    assert headers['content-disposition'] == theirs['headers']['content-disposition']
    assert int(headers['content-length']) == len(body)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        entry = archive.read('Beskar Armor.csv')
    assert entry == (recordings / theirs['body_file']).with_suffix('.csv').read_bytes()
    assert len(list(csv.reader(io.StringIO(entry.decode(), newline='')))) > 3


@pytest.mark.parametrize(('method', 'path', 'body'), [
    ('GET', '/directories', None), ('GET', '/surveys/SV_000000000000000', None), ('GET', '/surveys?offset=100', None),
    ('GET', f'/survey-definitions/{DEFINITION}', None), ('GET', f'/surveys/{BESKAR}/quotas', None),
    ('GET', f'/distributions/{MAILING}/links?surveyId=SV_other0000000', None),
    ('POST', f'/surveys/{BESKAR}/export-responses', {'format': 'json'}),
    ('POST', f'/surveys/{BESKAR}/export-responses', []), ('DELETE', f'/surveys/{BESKAR}', None)])
def test_what_was_not_recorded(player, method, path, body):
    status, _, answer = player.api(method, V3 + path, body)
    assert (status, json.loads(answer)) == (404, {'meta': {'httpStatus': '404 - Not Found', 'error': {
        'errorMessage': 'The requested resource does not exist.'}}})


def test_recorded_errors(player):
    assert error(player.api('GET', f'{V3}/surveys/SV_0fEV92PdRg8a2e0')) == (404, 'GSI_2')
    status, _, body = player.api('GET', f'{V3}/survey-definitions/SV_a2AcbPZz1Dxxxx/questions')
    notice = json.loads(body)['meta']['notice']
    assert status == 403 and notice.endswith(f'use this host instead: 127.0.0.1:{player.port}')


def test_credentials_and_who(player):
    assert error(player.api('GET', f'{V3}/surveys', token=False)) == (400, 'ATP_2')
    assert error(player.api('GET', f'{V3}/surveys', headers={'X-API-TOKEN': 'x' * 40})) == (401, 'DCD_7')
    assert player.result('/whoami')['userId'] == 'UR_8wfG5qsMxuh0Jrn'


def test_next_page_leads_back_here(fresh):
    old = fresh('surveys_list_2016')
    surveys, pages = everything(old, '/surveys')
    assert [item['id'] for item in surveys] == ['SV_djzgZ6eJXqnIUyF'] and pages == [1, 0]
    assert old.api('GET', f'{V3}/surveys/{BESKAR}')[0] == 404


def test_strict(fresh):
    box = fresh('fetch_survey_2025', 'distribution_links', strict=True)
    assert box.api('GET', f'{V3}/whoami')[0] == 404
    assert box.api('POST', EXPORTS, ALL)[0] == 404
    assert box.api('POST', EXPORTS, {**ALL, 'breakoutSets': True})[0] == 200
    links = f'{V3}/distributions/{MAILING}/links?surveyId=SV_06PSFx0kpItCz0q'
    assert box.api('GET', links)[0] == 200 and box.api('GET', links + '&pageSize=100')[0] == 404


def test_import_of_contacts(player):
    """A body that is no JSON is not compared."""
    path = f'{V3}/mailinglists/ML_0APx3C4rmHER6w5/contactimports'
    head = {'Content-Type': 'multipart/form-data; boundary=x'}
    assert json.loads(player.api('POST', path, b'--x--', head)[2])['result'] == {'id': 'PGRS_4GvIMg79RFEPW4d'}


def test_side_door(fresh):
    box = fresh()
    box.fault('surveys', 'status', nth=1, status=503)
    assert [box.api('GET', f'{V3}/surveys')[0] for _ in range(2)] == [503, 200]
    assert box.count('surveys') == 2 and box.count('unknown') == 0


def test_what_is_no_recording(tmp_path):
    root = Path(__file__).resolve().parents[1] / 'sandbox'
    (tmp_path / 'made_up.json').write_text(json.dumps({'interactions': [{
        'request': {'method': 'GET', 'uri': 'https://x/API/v3/surveys', 'headers': {}, 'body': ''},
        'response': {'status': 200, 'headers': {'date': 'Tue, 05 Aug 2025 00:46:42 GMT'}, 'body_file': 'b',
                     'body_sha256': '00'}}]}))
    (tmp_path / 'b').write_bytes(b'other bytes')
    for folder, words in ((tmp_path / 'none', 'no recording'), (tmp_path, 'is not what was recorded')):
        done = subprocess.run([sys.executable, str(root), '--replay', str(folder)], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 1 and words in done.stderr and not done.stdout


def test_defaults_are_those_of_an_export():
    assert params.DEFAULTS['breakoutSets'] is True and params.DEFAULTS['format'] == 'csv'
