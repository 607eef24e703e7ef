"""The side door from Python, for tests.

    with Sandbox.start(limits='off', settings={'job_polls': 0}) as box:
        box.url, box.token
        box.fault('export_file', 'cut', nth=1, at=1000)
        box.append('SV_demoSmall000014', 3)

Endpoints are named by the keys of routes.py.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW = float(os.environ.get('QXFS_SLOW', '1'))      # sanitizers make everything slower: bounds are multiplied by this
PATIENCE = 10.0 * SLOW                              # seconds; an event that comes costs none of them
TREE = HERE.parents[1]


def recordings() -> Path | None:
    """The folder of recorded exchanges: QXFS_RECORDED, or shared/recorded beside the tree or a folder it is in."""
    given = os.environ.get('QXFS_RECORDED')
    places = [Path(given)] if given else [above / 'shared' / 'recorded' for above in TREE.parents]
    return next((place for place in places if place.is_dir()), None)


class SandboxError(Exception):
    """The side door refused."""


class Nursery:
    """The process that this one's sandboxes come from (nursery.py), begun with the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None

    def order(self, **order) -> list[str]:
        with self.lock:
            if self.process is None:
                self.process = subprocess.Popen([sys.executable, str(HERE), '--nursery'], stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, text=True)
                atexit.register(self.end)
            self.process.stdin.write(json.dumps(order) + '\n')
            self.process.stdin.flush()
            return self.process.stdout.readline().split()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


NURSERY = Nursery()


class Sandbox:
    """A running sandbox: its address, its token, and its side door. Methods may be called from several threads."""

    def __init__(self, url: str, token: str, pid: int | None = None):
        self.url = url
        self.token = token
        self.pid = pid
        self.port = urllib.parse.urlsplit(url).port
        self.local = threading.local()
        self.side_port = urllib.parse.urlsplit(url).port
        self.side_port = urllib.parse.urlsplit(self.info()['side_url']).port

    # ---- life

    @classmethod
    @contextlib.contextmanager
    def start(cls, *, account: str = 'demo', limits: str = 'on', token: str | None = None, port: int = 0,
              recorded: str | Path | None = None, settings: dict | None = None,
              extra: tuple[str, ...] = ()) -> Iterator['Sandbox']:
        """Start a server, and end it when the block is left. extra: further words of its command line,
        as ('--contacts', '1000000') or ('--replay', folder)."""
        box = cls.spawn(account=account, limits=limits, token=token, port=port, recorded=recorded, settings=settings,
                        extra=extra)
        try:
            yield box
        finally:
            box.stop()

    @classmethod
    def spawn(cls, *, account: str = 'demo', limits: str = 'on', token: str | None = None, port: int = 0,
              recorded: str | Path | None = None, settings: dict | None = None,
              extra: tuple[str, ...] = ()) -> 'Sandbox':
        """The same without a block; call stop() yourself."""
        given = ['--port', str(port), '--account', account, '--limits', limits, *extra]
        if token:
            given += ['--token', token]
        if recorded:
            given += ['--recorded', str(recorded)]
        for name, value in (settings or {}).items():
            given += ['--set', f'{name}={json.dumps(value)}']
        answer = NURSERY.order(start=given)
        if len(answer) != 3:
            raise SandboxError('the sandbox did not start')
        return cls(answer[0], answer[1], int(answer[2]))

    def stop(self) -> None:
        """End the server this object started."""
        if self.pid is not None:
            NURSERY.order(stop=self.pid)

    # ---- talking

    def _raw(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        for attempt in (0, 1):
            connection = getattr(self.local, 'connection', None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection('127.0.0.1', self.side_port,
                                                                                timeout=120)
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (ConnectionError, http.client.HTTPException):
                connection.close()
                self.local.connection = None
                if attempt:
                    raise
        raise AssertionError('not reached')

    def call(self, name: str, /, **arguments):
        """Any door of sidedoor.py by name."""
        status, data = self._raw('POST', f'/_sandbox/{name}', json.dumps(arguments).encode())
        answer = json.loads(data)
        if status != 200:
            raise SandboxError(answer['error'])
        return answer['value']

    def info(self) -> dict:
        """Addresses, token, ids and counts of everything in the account."""
        return self.call('info')

    def settings(self, **knobs) -> dict:
        """Set knobs of settings.py; all of them come back."""
        return self.call('settings', **knobs)

    # ---- faults

    def fault(self, endpoint: str, kind: str, **given) -> int:
        """A fault on calls to an endpoint (or '*').

        Which calls, counted from now: nth=, first=, start= and end=, every=, match= (a pattern in the target); all
        if none is given. The rest are the kind's own. Returns the rule's id for clear_faults.
        """
        return self.call('fault', endpoint=endpoint, kind=kind, **given)

    def clear_faults(self, rule: int | None = None) -> None:
        """Forget a rule, or all; what waits goes on."""
        self.call('clear_faults', id=rule)

    def faults(self) -> list[dict]:
        """The rules, with how many calls each saw (calls) and hit (hits)."""
        return self.call('faults')

    def hold(self, endpoint: str, **given) -> int:
        """Calls to an endpoint wait, unanswered, until release()."""
        return self.fault(endpoint, 'hold', **given)

    def release(self) -> None:
        """Everything held, delayed or throttled goes on; holds end."""
        self.call('release')

    def wait_held(self, endpoint: str = '*', count: int = 1, timeout: float = PATIENCE) -> bool:
        """Block until so many calls are held or delayed."""
        return self.call('wait_held', endpoint=endpoint, count=count, timeout=timeout)

    # ---- what came in

    def wait_for(self, endpoint: str, count: int = 1, timeout: float = PATIENCE, answered: bool = False) -> bool:
        """Block until so many calls came in (or were answered) since the last reset_stats."""
        return self.call('wait_for', endpoint=endpoint, count=count, timeout=timeout, answered=answered)

    def wait_idle(self, timeout: float = PATIENCE) -> bool:
        """Block until no call is in flight."""
        return self.call('wait_idle', timeout=timeout)

    def requests(self, endpoint: str | None = None) -> list[dict]:
        """The calls, oldest first: method path query headers endpoint time status seconds token body body_bytes ..."""
        return self.call('requests', endpoint=endpoint)

    def stats(self) -> dict:
        """counts answered statuses in_flight most_in_flight most_jobs refused_429 jobs_running seconds."""
        return self.call('stats')

    def count(self, endpoint: str = '*') -> int:
        """How many calls came in since the last reset_stats."""
        return self.stats()['counts'].get(endpoint, 0)

    def reset_stats(self) -> None:
        self.call('reset_stats')

    def limits(self) -> dict:
        """How full each bucket is."""
        return self.call('limits')

    def exceeded(self) -> list[str]:
        """Endpoints (or 'jobs', 'in flight') for which a call was answered 429 because a limit of the service was not
        kept: none that a fault asked for, or whose knob was turned. reset_stats forgets none."""
        return self.call('exceeded')

    def check_limits(self) -> None:
        """Colleagues would have noticed: no call may have been over a limit of the service."""
        exceeded = self.exceeded()
        assert not exceeded, f'{len(exceeded)} calls were over the limits of the account: {exceeded[:20]}'

    def reset_limits(self) -> None:
        self.call('reset_limits')

    # ---- jobs and time

    def hold_jobs(self) -> None:
        """No job ends, those running included, until release_jobs."""
        self.call('hold_jobs')

    def release_jobs(self, count: int | None = None) -> int:
        """Let all go on, or only the oldest few; how many were released."""
        return self.call('release_jobs', count=count)

    def jobs(self) -> list[dict]:
        """id owner state polled held forced file params of each job."""
        return self.call('jobs')

    def force_job(self, job: str, fault: str | None) -> None:
        """Make one job fail, vanish, never end ...; None undoes it."""
        self.call('force_job', job=job, fault=fault)

    def forget_jobs(self) -> None:
        """All jobs and files are gone: 404."""
        self.call('forget_jobs')

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock on (buckets, files, tokens, job durations)."""
        self.call('advance', seconds=seconds)

    # ---- data

    def append(self, survey: str, count: int = 1, values: dict | None = None, recorded: int | None = None,
               late: bool = False) -> list[str]:
        """New responses, recorded now (or at recorded, ms); their ids. values: {'QID2_TEXT': 'x', 'QID1': '2'}.

        No date is before the last one's, but of those that come late.
        """
        return self.call('append', survey=survey, count=count, values=values, recorded=recorded, late=late)

    def edit(self, survey: str, response: str, values: dict) -> None:
        self.call('edit', survey=survey, response=response, values=values)

    def delete_response(self, survey: str, response: str) -> None:
        self.call('delete_response', survey=survey, response=response)

    def response_ids(self, survey: str, first: int = 0, count: int = 1000) -> list[str]:
        """Ids in recorded order."""
        return self.call('response_ids', survey=survey, first=first, count=count)

    def add_survey(self, name: str, responses: int = 0, **given) -> str:
        """A survey of two questions (or like=another's); id created modified listed active unfinished first."""
        return self.call('add_survey', name=name, responses=responses, **given)

    def add_sample(self, kind: str) -> str:
        """A survey for one purpose (samples.py): 'wide' of 636 columns with repeated tags, 'texts' of awkward
        answers, 'forms' of one question of every kind, 'strange' of what a definition may hold; its id."""
        return self.call('add_sample', kind=kind)

    def add_surveys(self, count: int, prefix: str = 'Survey', responses: int = 0) -> list[str]:
        return self.call('add_surveys', count=count, prefix=prefix, responses=responses)

    def delete_survey(self, survey: str) -> None:
        self.call('delete_survey', survey=survey)

    def change_survey(self, survey: str, **members) -> None:
        """name active modified created listed forbidden owner unfinished anonymous filters expiration."""
        self.call('change_survey', survey=survey, **members)

    def rename(self, survey: str, name: str) -> None:
        self.change_survey(survey, name=name)

    def forbid(self, survey: str, forbidden: bool = True) -> None:
        """403 for everything of one survey; it stays listed."""
        self.change_survey(survey, forbidden=forbidden)

    def add_question(self, survey: str, name: str, text: str = 'One more question') -> str:
        """A further text question: columns and lastModifiedDate change."""
        return self.call('add_question', survey=survey, name=name, text=text)

    def make_big(self, survey: str, size: int) -> None:
        """Every export of the survey inflates to so many bytes (0: as it is). csv and tsv."""
        self.call('make_big', survey=survey, size=size)

    # ---- people

    def add_directory(self, name: str, contacts: int = 0, **given) -> str:
        """A directory of so many made-up people; id, default."""
        return self.call('add_directory', name=name, contacts=contacts, **given)

    def change_directory(self, directory: str, **members) -> None:
        """name default contacts (how many are made up) forbidden ('', 'contacts': 403 for these, 'all') dedupe."""
        self.call('change_directory', directory=directory, **members)

    def add_list(self, directory: str, name: str, contacts: int = 0, **given) -> str:
        """A mailing list of any size: the directory's people from number first= on; id owner created."""
        return self.call('add_list', directory=directory, name=name, contacts=contacts, **given)

    def change_list(self, directory: str, mailing_list: str, **members) -> None:
        """name (None: gone) owner created modified forbidden (403 for all of it; it stays listed)."""
        self.call('change_list', directory=directory, list=mailing_list, **members)

    def add_contact(self, directory: str, mailing_list: str | None = None, **fields) -> str:
        """A person with the fields of a contact import; the CID_. Known ones are changed."""
        return self.call('add_contact', directory=directory, list=mailing_list, **fields)

    def add_distribution(self, survey: str, directory: str, mailing_list: str, **given) -> str:
        """A mailing to everybody on a list, with links and history; id, created, or members of the element."""
        return self.call('add_distribution', survey=survey, directory=directory, list=mailing_list, **given)

    def add_legacy_list(self, name: str, contacts: int = 0, **given) -> str:
        """A list of the Survey Platform API; seen with the knob legacy."""
        return self.call('add_legacy_list', name=name, contacts=contacts, **given)

    def add_batch(self, directory: str) -> str:
        """A transaction batch, for a contact import's transactionMeta; the BT_."""
        return self.result(f'/directories/{directory}/transactionbatches', 'POST', {'transactionIds': []})['id']

    def put_remote_file(self, url: str, content: str | bytes | None) -> None:
        """What a fileUrl holds: the sandbox itself never asks anybody. None: nothing."""
        given = {'base64': base64.b64encode(content).decode()} if isinstance(content, bytes) else {'text': content}
        self.call('put_remote_file', url=url, **given)

    # ---- the books: what came in to be written, and what became of it (books.py)

    def imports(self, route: str | None = None, target: str | None = None, first: int = 1) -> list[dict]:
        """Every call that came in to write, oldest first, answered or not, from a number on.

        number route target key sha256 bytes time rows status job made same counts, and outcome: done, running, failed,
        same (the job of entry `same` was given again), refused, lost (a job that did nothing), nothing (a fault came
        before the work).
        """
        return self.call('imports', route=route, target=target, first=first)

    def contacts_of(self, where: str, everyone: bool = False,
                    fields: tuple[str, ...] = ('contactId', 'email', 'extRef')) -> list[dict]:
        """Who is in a list (CG_, ML_) or directory because of what came in, or everyone: fields (also embeddedData,
        unsubscribed ...), writes (how often a row or a call wrote that person) and last (the last entry's number)."""
        told = self.call('contacts_of', list=where, everyone=everyone, fields=fields)
        return [dict(zip(told['names'], row)) for row in told['rows']]

    def responses_of(self, survey: str, values: bool = True) -> list[dict]:
        """The responses that came by import: responseId, entry (its number), row (in it, from 1), values."""
        return self.call('responses_of', survey=survey, values=values)

    def totals(self) -> dict:
        """imports {route: {outcome: n}}, counts, times {"1": people written once, ...}, responses, surveys [SV_]."""
        return self.call('totals')

    def forget_keys(self) -> None:
        """No Idempotency-Key is remembered any more."""
        self.call('forget_keys')

    # ---- the bytes

    def entry(self, survey: str, format: str = 'csv', part: int = 0, **params) -> bytes:
        """The exact bytes of the entry a full export with these parameters would hold now."""
        query = {'survey': survey, 'format': format, 'part': str(part)}
        query |= {name: json.dumps(value) for name, value in params.items()}
        status, data = self._raw('GET', '/_sandbox/entry?' + urllib.parse.urlencode(query), None)
        if status != 200:
            raise SandboxError(json.loads(data)['error'])
        return data

    def entry_sha256(self, survey: str, format: str = 'csv', part: int = 0, **params) -> dict:
        """sha256, size and crc32 of the same, without moving it."""
        return self.call('entry_sha256', survey=survey, format=format, part=part, **params)

    # ---- access

    def new_token(self, token: str | None = None) -> str:
        """The old token is dead; the object keeps the new one."""
        self.token = self.call('new_token', token=token)
        return self.token

    def revoke_token(self) -> None:
        """No token is good; self.token stays the old one. restore_token() takes it back."""
        self.call('new_token')

    def restore_token(self) -> None:
        self.call('new_token', token=self.token)

    def client(self) -> tuple[str, str]:
        """Id and secret of the account's OAuth client."""
        told = self.info()
        return told['client_id'], told['client_secret']

    def renew_client(self) -> tuple[str, str]:
        """Its old secret, and all that it minted, are dead."""
        return tuple(self.call('renew_client'))

    def bearers(self) -> list[str]:
        """What was minted, oldest first."""
        return self.call('bearers')

    def expire_bearers(self) -> None:
        """AUTH_6.0 for all that were minted."""
        self.call('expire_bearers')

    def forget_bearers(self) -> None:
        """DCD_7 for all that were minted."""
        self.call('forget_bearers')

    def pause(self, mode: str = 'refuse') -> None:
        """Go dark: 'refuse' (connections refused, open ones cut) or 'hang' (nothing is answered)."""
        self.call('pause', mode=mode)

    def resume(self) -> None:
        self.call('resume')

    def lose_connections(self) -> None:
        """What is open now is silent for good, as after a suspend; new connections are served."""
        self.call('lose_connections')

    # ---- the API itself, for tests of the sandbox

    def api(self, method: str, path: str, body: object = None, headers: dict | None = None,
            token: bool = True) -> tuple[int, dict, bytes]:
        """One call of the API on a connection of its own: status, headers, body."""
        given = {'X-API-TOKEN': self.token} if token else {}
        data = body
        if body is not None and not isinstance(body, (bytes, str)):
            data = json.dumps(body)
            given['Content-Type'] = 'application/json'
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            connection.request(method, path, data, given | (headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def result(self, path: str, method: str = 'GET', body: object = None) -> dict:
        """The result member of a call that must succeed."""
        status, _, data = self.api(method, '/API/v3' + path, body)
        if status != 200:
            raise SandboxError(f'{method} {path}: {status} {data[:300]!r}')
        return json.loads(data)['result']

    def export(self, survey: str, **params) -> bytes:
        """A whole export through the API: the bytes of the file."""
        base = f'/surveys/{survey}/export-responses'
        job = self.result(base, 'POST', {'format': 'csv', **params})['progressId']
        while (state := self.result(f'{base}/{job}'))['status'] == 'inProgress':
            self.call('wait_ready', timeout=PATIENCE)
        status, _, data = self.api('GET', f'/API/v3{base}/{state["fileId"]}/file')
        if status != 200:
            raise SandboxError(f'file: {status}')
        return data
