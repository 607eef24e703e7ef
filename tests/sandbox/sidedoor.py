"""The side door: what tests change and ask under /_sandbox/, JSON over HTTP, no token, never counted."""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from collections.abc import Callable

import books
import contact_rules
import demo
import exports
import params
import samples
from account import Survey, now_ms
from box import random_token
from directory import Directory, MailingList
from people import Members
from replies import ApiError, dump
from rows import make_id
from wire import Reply, Request, Stream

BASE = '/_sandbox'


def answer(server, request: Request) -> Reply:
    """POST /_sandbox/NAME with a JSON object of arguments, or GET with a query; the answer is JSON or bytes."""
    name = request.raw_path[len(BASE):].strip('/') or 'info'
    function = DOORS.get(name)
    if function is None:
        return Reply(404, dump({'error': f'no {name}; there are: {", ".join(sorted(DOORS))}'}))
    try:
        given = request.json() if request.body else dict(request.query)
        server.box.jobs.settle()
        result = function(server, **given)
    except (ValueError, TypeError, KeyError, ApiError) as error:
        return Reply(400, dump({'error': f'{name}: {error}'}))
    return result if isinstance(result, Reply) else Reply(200, dump({'value': result}))


def _survey(server, ident: str) -> Survey:
    found = server.box.account.surveys.get(ident)
    if found is None:
        raise KeyError(f'no survey {ident}')
    return found


def info(server) -> dict:
    box = server.box
    return {'base_url': box.base_url, 'side_url': f'http://127.0.0.1:{server.side_port}', 'token': box.token,
            'client_id': box.oauth.client[0], 'client_secret': box.oauth.client[1],
            'surveys': {item.id: {'name': item.name, **item.counts()} for item in box.account.surveys.values()},
            'directories': {item.id: {'name': item.name, 'contacts': len(item.contacts),
                                      'lists': {one.id: one.name for one in item.lists.values()}}
                            for item in box.account.directories.values()},
            'distributions': list(box.account.distributions), 'legacy_lists': list(box.account.legacy_lists)}


def settings(server, **values) -> dict:
    server.box.settings.update(values)
    return server.box.settings.as_dict()


# ---- faults and waiting -------------------------------------------------------------------------------------

def fault(server, endpoint: str, kind: str, **given) -> int:
    return server.box.faults.add(endpoint, kind, **given)


def clear_faults(server, id: int | None = None) -> None:
    server.box.faults.clear(id)


def list_faults(server) -> list:
    return server.box.faults.describe()


def release(server) -> None:
    server.box.faults.release()


def wait_held(server, endpoint: str = '*', count: int = 1, timeout: float = 10.0) -> bool:
    return server.box.faults.wait_held(endpoint, count, timeout)


def wait_for(server, endpoint: str, count: int = 1, timeout: float = 10.0, answered: bool = False) -> bool:
    return server.box.stats.wait_for(endpoint, count, timeout, answered)


def wait_idle(server, timeout: float = 10.0) -> bool:
    return server.box.stats.wait_idle(timeout)


def requests(server, endpoint: str | None = None) -> list:
    with server.box.stats.changed:
        return [entry for entry in server.box.stats.log if endpoint in (None, entry['endpoint'])]


def stats(server) -> dict:
    return server.box.stats.summary() | {'jobs_running': server.box.jobs.running()}


def reset_stats(server) -> None:
    server.box.stats.reset()


def limits(server) -> dict:
    return server.box.limits.levels()


def exceeded(server) -> list:
    return server.box.limits.exceeded


def reset_limits(server) -> None:
    server.box.limits.reset()


# ---- jobs ---------------------------------------------------------------------------------------------------

def hold_jobs(server) -> None:
    server.box.jobs.hold()


def release_jobs(server, count: int | None = None) -> int:
    return server.box.jobs.release(count)


def jobs(server) -> list:
    return server.box.jobs.describe()


def wait_ready(server, timeout: float = 10.0) -> bool:
    return server.box.jobs.wait_ready(timeout)


def force_job(server, job: str, fault: str | None) -> None:
    server.box.jobs.table[job].forced = fault


def forget_jobs(server) -> None:
    server.box.jobs.forget()


def advance(server, seconds: float) -> None:
    """Move the sandbox's clock on: buckets drain, files, tokens and bearers grow old."""
    server.box.skipped += seconds


# ---- data ---------------------------------------------------------------------------------------------------

def append(server, survey: str, count: int = 1, values: dict | None = None, recorded: int | None = None,
           late: bool = False) -> list:
    found = _survey(server, survey)
    if server.box.settings.append_touches_survey:
        found.modified = now_ms()
    return found.append(count, values, recorded, late)


def edit(server, survey: str, response: str, values: dict) -> None:
    found = _survey(server, survey)
    found.edit(response, values)
    if server.box.settings.edit_touches_survey:
        found.modified = now_ms()


def delete_response(server, survey: str, response: str) -> None:
    _survey(server, survey).delete(response)


def response_ids(server, survey: str, first: int = 0, count: int = 1000) -> list:
    return _survey(server, survey).ids(int(first), int(count))


def add_survey(server, name: str = 'A new survey', responses: int = 0, id: str | None = None,
               created: int | None = None, modified: int | None = None, like: str | None = None, listed: bool = True,
               active: bool = True, unfinished: int = 0, first: bool = False) -> str:
    account = server.box.account
    made = demo.small_survey(id or make_id('SV_', uuid.uuid4()), name, account, responses, created, modified)
    if like is not None:
        source = _survey(server, like)
        for member in ('questions', 'blocks', 'flow', 'embedded', 'typed', 'loops', 'orders', 'languages', 'anonymous'):
            setattr(made, member, getattr(source, member))
    made.listed, made.active, made.unfinished = listed, active, unfinished
    with account.lock:
        account.surveys = {made.id: made, **account.surveys} if first else {**account.surveys, made.id: made}
    return made.id


def add_sample(server, kind: str) -> str:
    """A survey of samples.py; its id."""
    account = server.box.account
    made = samples.make(kind, account)
    with account.lock:
        account.surveys = {**account.surveys, made.id: made}
    return made.id


def add_surveys(server, count: int, prefix: str = 'Survey', responses: int = 0) -> list:
    account = server.box.account
    made = [demo.small_survey(make_id('SV_', uuid.uuid4()), f'{prefix} {i}', account, responses)
            for i in range(int(count))]
    with account.lock:
        account.surveys = {**account.surveys, **{survey.id: survey for survey in made}}
    return [survey.id for survey in made]


def delete_survey(server, survey: str) -> None:
    with server.box.account.lock:
        server.box.account.surveys = {ident: item for ident, item in server.box.account.surveys.items()
                                      if ident != survey}


def change_survey(server, survey: str, **members) -> None:
    """Set members: name, active, modified, created, listed, forbidden, owner, unfinished, anonymous, filters."""
    found = _survey(server, survey)
    for name, value in members.items():
        if name not in ('name', 'active', 'modified', 'created', 'listed', 'forbidden', 'owner', 'unfinished',
                        'anonymous', 'filters', 'expiration'):
            raise ValueError(f'no member {name}')
        setattr(found, name, value)
    if 'modified' not in members and ('name' in members or 'active' in members):
        found.modified = now_ms()
    found.changed()


def add_question(server, survey: str, name: str, text: str = 'One more question') -> str:
    return _survey(server, survey).add_question(name, text)


def make_big(server, survey: str, size: int) -> None:
    found = _survey(server, survey)
    found.big = int(size)
    found.changed()


# ---- people -------------------------------------------------------------------------------------------------

def _directory(server, ident: str) -> Directory:
    found = server.box.account.directories.get(ident)
    if found is None:
        raise KeyError(f'no directory {ident}')
    return found


def add_directory(server, name: str, contacts: int = 0, id: str | None = None, default: bool = False) -> str:
    made = Directory(id or make_id('POOL_', uuid.uuid4()), name, default, int(contacts), demo.T0)
    with server.box.account.lock:
        server.box.account.directories = {**server.box.account.directories, made.id: made}
    return made.id


def change_directory(server, directory: str, **members) -> None:
    """name, default, forbidden ('', 'contacts' or 'all'), contacts (how many are made up), dedupe (the criteria)."""
    found = _directory(server, directory)
    for name, value in members.items():
        if name not in ('name', 'default', 'forbidden', 'contacts', 'dedupe') or value not in (
                ('', 'contacts', 'all') if name == 'forbidden' else (value,)):
            raise ValueError(f'no member {name}, or not {value!r}')
        if name in ('contacts', 'dedupe'):
            with found.lock:
                found.resize(int(value)) if name == 'contacts' else found.criteria(value)
        else:
            setattr(found, name, value)


def add_list(server, directory: str, name: str, contacts: int = 0, first: int = 0, id: str | None = None,
             owner: str | None = None, created: int = demo.T0) -> str:
    """A mailing list of the directory's people from number first on; the directory grows if they are more."""
    found = _directory(server, directory)
    ident = id or make_id('CG_', uuid.uuid4())
    with found.lock:
        found.resize(max(found.contacts.count, first + contacts))
        members = Members(found.contacts, ident, range(first, first + contacts))
        made = MailingList(ident, name, owner or server.box.account.user_id, created, created, members)
        found.lists = {**found.lists, ident: made}
    return ident


def change_list(server, directory: str, list: str, **members) -> None:
    """name, owner, created, modified, forbidden; None for name takes the list away."""
    found = _directory(server, directory)
    if members.get('name', '') is None:
        found.lists = {ident: item for ident, item in found.lists.items() if ident != list}
        return
    for name, value in members.items():
        if name not in ('name', 'owner', 'created', 'modified', 'forbidden'):
            raise ValueError(f'no member {name}')
        setattr(found.lists[list], name, value)


def add_contact(server, directory: str, list: str | None = None, **fields) -> str:
    """A person, by the directory's criteria a new one or not; on a list too if one is given."""
    found = _directory(server, directory)
    settings = server.box.settings
    with found.lock:
        number, _ = contact_rules.store(settings, found, fields)
        if list is not None:
            contact_rules.join(settings, found.lists[list], number, fields)
    return found.contacts.ident(number)


def add_distribution(server, survey: str, directory: str, list: str, id: str | None = None, created: int = demo.T0,
                     **more) -> str:
    account, ident = server.box.account, id or make_id('EMD_', uuid.uuid4())
    made = demo.mailing(account, _directory(server, directory), list, survey, ident, created, **more)
    with account.lock:
        account.distributions = {**account.distributions, ident: made}
    return ident


def add_legacy_list(server, name: str, contacts: int = 0, id: str | None = None) -> str:
    made = demo.legacy_list(id or make_id('ML_', uuid.uuid4()), name, int(contacts), server.box.account.user_id)
    with server.box.account.lock:
        server.box.account.legacy_lists = {**server.box.account.legacy_lists, made['element']['id']: made}
    return made['element']['id']


# ---- the bytes ----------------------------------------------------------------------------------------------

def _entry(server, survey: str, part: int, given: dict):
    asked = {name: _value(value) for name, value in given.items()}
    return exports.full_entry(server.box, _survey(server, survey), asked, int(part))


def _value(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def entry(server, survey: str, part: int = 0, **given) -> Reply:
    """The exact bytes of the entry a full export would hold now. A parameter's value is JSON where it can be."""
    packed = _entry(server, survey, part, given)
    return Reply(200, Stream(packed.size, packed.raw), 'application/octet-stream')


def entry_sha256(server, survey: str, part: int = 0, **given) -> dict:
    packed = _entry(server, survey, part, given)
    return {'sha256': packed.sha256(), 'size': packed.size, 'crc32': packed.crc}


def defaults(server) -> dict:
    return dict(params.DEFAULTS)


def put_remote_file(server, url: str, text: str | None = None, base64: str | None = None) -> None:
    """What a fileUrl holds, as text or in base64; neither: nothing is there any more."""
    if text is None and base64 is None:
        server.box.remote_files.pop(url, None)
    else:
        server.box.remote_files[url] = text.encode() if text is not None else b64decode(base64, validate=True)


def forget_keys(server) -> None:
    """No Idempotency-Key is remembered."""
    with server.box.keys_lock:
        server.box.keys.clear()


def put_upload(server, file: str, text: str) -> None:
    server.box.uploads[file] = text.encode()


# ---- access -------------------------------------------------------------------------------------------------

def new_token(server, token: str | None = None) -> str:
    """The old token is dead at once; the new one is the answer."""
    server.box.token = token or random_token()
    return server.box.token


def expire_bearers(server) -> None:
    server.box.oauth.expire()


def forget_bearers(server) -> None:
    server.box.oauth.forget()


def bearers(server) -> list:
    """All that were minted, oldest first."""
    return server.box.oauth.minted()


def renew_client(server) -> list:
    """The OAuth client's old secret, and its bearers, are dead at once; id and new secret are the answer."""
    return list(server.box.oauth.renew_client())


def pause(server, mode: str = 'refuse') -> None:
    if mode not in ('refuse', 'hang'):
        raise ValueError('mode is refuse or hang')
    server.pause(mode)


def resume(server) -> None:
    server.resume()


def lose_connections(server) -> None:
    server.lose_connections()


DOORS: dict[str, Callable] = {door.__name__: door for door in (
    info, settings, fault, clear_faults, release, wait_held, wait_for, wait_idle, requests, stats, reset_stats, limits,
    exceeded, reset_limits, hold_jobs, release_jobs, jobs, wait_ready, force_job, forget_jobs, advance, append, edit,
    delete_response, response_ids, add_survey, add_sample, add_surveys, delete_survey, change_survey, add_question,
    make_big, entry, entry_sha256,
    add_directory, change_directory, add_list, change_list, add_contact, add_distribution,
    add_legacy_list, defaults, put_remote_file, forget_keys, put_upload, new_token, expire_bearers,
    forget_bearers, bearers, renew_client, pause, resume, lose_connections,
    *books.DOORS)}
DOORS['faults'] = list_faults
