"""Every recorded request, put to the sandbox: status, members, types, headers, archive, and the very bytes."""

import io
import json
import struct
import urllib.parse
import zipfile

import pytest

from control import Sandbox

NAMES = ('distribution_history', 'distribution_links', 'fetch_one_qid_2025', 'fetch_survey_2025',
         'legacy_contactimport_create', 'legacy_mailinglist_contacts', 'legacy_mailinglists_list',
         'questions_list_403', 'survey_definitions_qsf', 'survey_find', 'survey_get', 'surveys_list',
         'surveys_list_2016')
# members an exchange of 2016 lacks and later ones have, and what the gateway of the time put in by itself
GREW = {'requestId', 'comments', 'loopAndMerge', 'creationDate'}
HOPS = {'x-envoy-upstream-service-time', 'x-edgeconnect-midmile-rtt', 'x-edgeconnect-origin-mex-latency',
        'connection', 'server', 'content-encoding', 'vary'}
OLD = ('surveys_list_2016', 'survey_find', 'legacy_contactimport_create')
NOTICE = 'Request proxied. For faster response times, use this host instead: az1.qualtrics.com'


@pytest.fixture(scope='module')
def replay(recordings):
    with Sandbox.start(account='recorded', recorded=recordings, limits='off',
                       settings={'legacy': True, 'job_polls': 2}) as made:
        yield made


def shape(value):
    """Member names in order and JSON types, arrays by the shape of their first element."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def differences(ours, theirs, path='', *, exact):
    """Where two shapes differ; null on either side matches anything, an empty array any array."""
    if 'NoneType' in (ours, theirs) or (isinstance(ours, list) and isinstance(theirs, list) and not (ours and theirs)):
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        if not exact:
            ours = {name: item for name, item in ours.items() if name in theirs or name not in GREW}
        if list(ours) != list(theirs) and not path.endswith(('/questions', '/choices', '/blocks', '/Payload')):
            found.append(f'{path}: {list(ours)} for {list(theirs)}')
        for name in theirs:
            if name in ours:
                found += differences(ours[name], theirs[name], f'{path}/{name}', exact=exact)
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], path + '[]', exact=exact)
    return [] if ours == theirs else [f'{path}: {ours} for {theirs}']


class Replayer:
    """Sends recorded requests, with the ids the sandbox gave in place of the recorded ones."""

    def __init__(self, box):
        self.box = box
        self.ids = {}

    def send(self, interaction):
        request = interaction['request']
        parts = urllib.parse.urlsplit(request['uri'])
        path = parts.path + ('?' + parts.query if parts.query else '')
        for recorded, ours in self.ids.items():
            path = path.replace(recorded, ours)
        headers = {name: value for name, value in request['headers'].items()
                   if name.lower() in ('content-type', 'accept')}
        body = request['body'].encode() or None
        if request['method'] == 'POST':
            headers.setdefault('Content-Type', 'application/json')
        return self.box.api(request['method'], path, body, headers)

    def learn(self, ours, theirs):
        for member in ('progressId', 'fileId', 'id'):
            if isinstance(theirs, dict) and isinstance(theirs.get(member), str) and isinstance(ours.get(member), str):
                self.ids[theirs[member]] = ours[member]


@pytest.mark.parametrize('name', NAMES)
def test_replay(replay, recordings, name):
    exchange = json.loads((recordings / f'{name}.json').read_text())
    player = Replayer(replay)
    polls = sum('"inProgress"' in item['response'].get('body', '') for item in exchange['interactions']) - 1
    replay.settings(job_polls=max(polls, 0), notice=None)
    for interaction in exchange['interactions']:
        theirs = interaction['response']
        if 'notice' in theirs.get('body', ''):
            replay.settings(notice=NOTICE)
        status, headers, body = player.send(interaction)
        assert status == theirs['status'], interaction['request']['uri']
        missing = {key.lower() for key in theirs['headers']} - set(headers) - HOPS
        if status == 200:
            assert not missing, f'headers {missing}'
        if 'body_file' in theirs:
            assert headers['content-type'] == theirs['headers']['content-type']
            assert headers['content-disposition'] == theirs['headers']['content-disposition']
            same_archive(body, (recordings / theirs['body_file']).read_bytes())
            continue
        mine, recorded = json.loads(body), json.loads(theirs['body'])
        if name in ('surveys_list_2016', 'legacy_contactimport_create'):
            recorded['result'].pop('nextPage', None)        # the 2016 pages were ten long, and edited
            mine['result'].pop('nextPage', None)
        assert differences(shape(mine), shape(recorded), exact=name not in OLD) == []
        player.learn(mine.get('result', {}), recorded.get('result', {}))


def fields(data):
    """The layout of an archive: local header, descriptor, central directory, end."""
    end = data.rindex(b'PK\5\6')
    start, = struct.unpack_from('<I', data, end + 16)
    local = struct.unpack_from('<IHHHHHIIIHH', data)
    central = struct.unpack_from('<IHHHHHHIIIHHHHHII', data, start)
    descriptor = struct.unpack_from('<IIII', data, start - 16)
    return {'local': (local[0], local[1], local[2], local[3], local[6], local[7], local[8], local[9], local[10]),
            'name': data[30:30 + local[9]], 'central': central[:5] + central[10:], 'descriptor': descriptor[0],
            'same': descriptor[1:] == central[7:10], 'crc': central[7], 'size': central[9],
            'end': struct.unpack_from('<IHHHH', data, end), 'comment': data[end + 20:]}


def same_archive(ours, theirs):
    mine, recorded = fields(ours), fields(theirs)
    # where the central directory begins depends on the deflater
    assert mine | {'central': mine['central'][:-1]} == recorded | {'central': recorded['central'][:-1]}
    with zipfile.ZipFile(io.BytesIO(ours)) as a, zipfile.ZipFile(io.BytesIO(theirs)) as b:
        assert a.testzip() is None
        assert a.read(a.namelist()[0]) == b.read(b.namelist()[0])


@pytest.fixture(scope='module')
def bare():
    """The recorded account without the recordings: the same ids, made-up answers."""
    with Sandbox.start(account='recorded', settings={'job_polls': 1}) as made:
        yield made


def test_layout_said_again(bare):
    """The layout of the recorded archives (API.md 3.3) as plain numbers, for where the recordings are absent."""
    facts = fields(bare.export('SV_3gbwq8aJgqPwQDP'))
    assert facts['local'] == (0x04034B50, 20, 0x0808, 8, 0, 0, 0, 16, 0) and facts['name'] == b'Beskar Armor.csv'
    assert facts['central'][:5] == (0x02014B50, 20, 20, 0x0808, 8)
    assert facts['central'][5:-1] == (16, 0, 0, 0, 0, 0)
    assert facts['descriptor'] == 0x08074B50 and facts['same']
    assert facts['end'] == (0x06054B50, 0, 0, 1, 1) and facts['comment'] == b'\0\0'


def test_answers_said_again(bare):
    """Headers and members of the recorded answers, for where the recordings are absent."""
    _, headers, body = bare.api('GET', '/API/v3/surveys/')
    assert [*headers] == ['request-time', 'x-frame-options', 'x-xss-protection', 'x-permitted-cross-domain-policies',
                          'content-type', 'content-length', 'referrer-policy', 'x-content-type-options',
                          'permissions-policy', 'content-security-policy-report-only', 'date',
                          'strict-transport-security']
    document = json.loads(body)
    assert list(document) == ['result', 'meta'] and list(document['meta']) == ['httpStatus', 'requestId']
    assert list(document['result']) == ['elements', 'nextPage'] and document['result']['nextPage'] is None
    assert document['result']['elements'][0] == {
        'id': 'SV_3gbwq8aJgqPwQDP', 'name': 'Beskar Armor', 'ownerId': 'UR_8wfG5qsMxuh0Jrn',
        'lastModified': document['result']['elements'][0]['lastModified'], 'creationDate': '2020-02-20T00:35:40Z',
        'isActive': True}
    history = bare.result('/distributions/EMD_RmjB8Gfpjlki6ms/history')['elements']
    assert list(history[0]) == ['contactId', 'contactLookupId', 'distributionId', 'status', 'surveyLink',
                                'contactFrequencyRuleId', 'responseId', 'responseCompletedAt', 'sentAt', 'openedAt',
                                'responseStartedAt', 'surveySessionId']


def test_error_order_of_members(bare):
    status, _, body = bare.api('GET', '/API/v3/surveys/SV_0fEV92PdRg8a2e0')
    assert status == 404
    assert body == (b'{"meta":{"httpStatus":"404 - Not Found","error":{"errorMessage":"Survey not found.",'
                    b'"errorCode":"GSI_2"}}}')
