"""XM Directory: directories, contacts and mailing lists (API.md 7.2 to 7.4). Contact imports are contact_imports.py."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable

import contact_rules
from account import iso, now_ms
from directory import Directory, MailingList
from params import epoch_ms
from people import FIELDS, Members, View, short
from replies import ApiError, Reply, bad, json_body, not_found, ok, page, page_size
from rows import make_id
from wire import Request

SEARCHABLE = FIELDS + ('id', 'emailDomain')
SEARCH_DEPTH = 10_000


def refused() -> ApiError:
    return ApiError(403, 'The operation is forbidden.', 'SANDBOX_403')


def gate(box) -> None:
    """What is beneath a directory in an account without XM Directory (API.md 7.2: not known)."""
    if box.settings.xm_directory != 'on':
        raise refused() if box.settings.xm_directory == 'forbidden' else not_found('Directory not found.')


def directory_of(box, args: dict, *, contacts: bool = False) -> Directory:
    """The directory of a path; contacts: what only a directory administrator may see (API.md 7.3)."""
    gate(box)
    found = box.account.directories.get(args['directory'])
    if found is None:
        raise not_found('Directory not found.')
    if found.forbidden == 'all' or (contacts and (found.forbidden or not box.settings.directory_admin)):
        raise refused()
    return found


def list_of(box, args: dict) -> tuple[Directory, MailingList]:
    directory = directory_of(box, args)
    found = directory.lists.get(args['list'])
    if found is None:
        raise not_found('Mailing list not found.')
    if found.forbidden:
        raise refused()
    return directory, found


def contact_of(box, args: dict) -> tuple[Directory, dict]:
    directory = directory_of(box, args, contacts=True)
    found = directory.contacts.get(args['contact'])
    if found is None:
        raise not_found('Contact not found.')
    return directory, found


def date(box, ms: int) -> object:
    return ms if box.settings.contact_dates == 'epoch' else iso(ms)


def _with_embedded(request: Request, shown: dict, contact: dict) -> dict:
    if request.query.get('includeEmbedded') == 'true':
        shown['embeddedData'] = contact['embeddedData']
    return shown


def _since(request: Request, items: View, moment: Callable[[object], int]) -> View | list:
    """Of some, those who changed since a date, if one is given."""
    text = request.query.get('since')
    if text is None:
        return items
    try:
        since = epoch_ms(text)
    except ValueError:
        raise bad('Invalid request. Missing or invalid parameter since') from None
    return [item for item in items[:] if moment(item) >= since]


def directories(box, request: Request, args: dict) -> Reply:
    if box.settings.xm_directory == 'forbidden':
        raise refused()
    items = list(box.account.directories.values()) if box.settings.xm_directory == 'on' else []
    count = request.query.get('includeCount') == 'true'
    return ok(page(box, request, items, lambda item: {
        'directoryId': item.id, 'name': item.name, 'contactCount': len(item.contacts) if count else 0,
        'isDefault': item.default, 'deduplicationCriteria': item.dedupe}, token=True))


def contacts(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args, contacts=True)
    with directory.lock:
        return ok(page(box, request, directory.contacts.everyone(), dict, token=True, size=page_size(box, request)))


def contact(box, request: Request, args: dict) -> Reply:
    directory, found = contact_of(box, args)
    ident, out = found['contactId'], found['unsubscribed']
    member = {item.id: {'contactLookupId': entry['lookup'], 'name': item.name, 'unsubscribed': entry['unsubscribed'],
                        'unsubscribeDate': date(box, item.modified) if entry['unsubscribed'] else None,
                        'ownerId': item.owner}
              for item in directory.lists.values() if (entry := item.members.get(ident)) is not None}
    return ok({'contactId': ident, 'creationDate': date(box, found['creationDate']),
               'lastModified': date(box, found['lastModified']), 'firstName': found['firstName'],
               'lastName': found['lastName'], 'email': found['email'],
               'emailDomain': (found['email'] or '').partition('@')[2], 'phone': found['phone'],
               'language': found['language'], 'writeBlanks': False, 'extRef': found['extRef'],
               'embeddedData': found['embeddedData'],
               'transactionData': [directory.transactions.shown(number) for number in found['transactions']],
               'stats': {'invitesCount': 0, 'responseCount': 0}, 'skipped': False, 'directoryUnsubscribed': out,
               'directoryUnsubscribeDate': date(box, found['lastModified']) if out else None,
               'mailingListMembership': member})


def _given(box, request: Request) -> dict:
    """A contact from a body; 400 for one that cannot be taken."""
    given = json_body(request)
    name = contact_rules.flaw(box.settings, given)
    if name is not None or contact_rules.bad_address(box.settings, given):
        raise bad(f'Invalid request. Missing or invalid parameter {name or "email"}')
    return given


def create_contact(box, request: Request, args: dict) -> Reply:
    """POST: a new person, or the one the directory's criteria find."""
    directory = directory_of(box, args, contacts=True)
    given = _given(box, request)
    with directory.lock:
        number, _ = contact_rules.store(box.settings, directory, given, request.book.number)
    request.book.done(directory.contacts.ident(number))
    return ok({'id': request.book.made})


def update_contact(box, request: Request, args: dict) -> Reply:
    """PUT: partial; empty text overwrites only with writeBlanks."""
    directory, found = contact_of(box, args)
    given = json_body(request)
    name = contact_rules.flaw(box.settings, {**{name: found[name] for name in FIELDS}, **given})
    if name is not None or contact_rules.bad_address(box.settings, given):
        raise bad(f'Invalid request. Missing or invalid parameter {name or "email"}')
    with directory.lock:
        directory.change(directory.contacts.number(found['contactId']),
                         lambda contact: contact_rules.merge(box.settings, contact, given), request.book.number)
    request.book.done(found['contactId'])
    return ok()


# ---- search -------------------------------------------------------------------------------------------------

def _matcher(given: object):
    """A filter of {filterType, comparison, value}, or of and/or lists."""
    if not isinstance(given, dict):
        raise bad('Invalid request. Missing or invalid parameter filter')
    for word, combine in (('and', all), ('or', any)):
        parts = given.get(word)
        if isinstance(parts, list):
            tests = [_matcher(part) for part in parts]
            return lambda item: combine(test(item) for test in tests)
    if isinstance(given.get('conjunction'), str) and isinstance(given.get('filters'), list):
        return _matcher({given['conjunction'].lower(): given['filters']})
    kind, comparison, value = given.get('filterType'), given.get('comparison'), given.get('value')
    tests = {'eq': lambda a, b: a == b, 'neq': lambda a, b: a != b, 'contains': lambda a, b: b in a,
             'startsWith': lambda a, b: a.startswith(b)}
    if kind not in SEARCHABLE or comparison not in tests or not isinstance(value, str):
        raise bad('Invalid request. Missing or invalid parameter filter')
    test = tests[comparison]
    return lambda item: test(_search_text(item, kind), value.lower())


def _search_text(item: dict, kind: str) -> str:
    if kind == 'emailDomain':
        return (item['email'] or '').partition('@')[2].lower()
    return str(item['contactId' if kind == 'id' else kind] or '').lower()


def _hint(given: dict) -> tuple[str, str] | None:
    """A field that must equal a value, for a directory too large to look through."""
    if isinstance(given.get('and'), list):
        return next(filter(None, map(_hint, given['and'])), None)
    if given.get('comparison') == 'eq' and given.get('filterType') in ('id', 'email', 'extRef'):
        return given['filterType'], given['value']
    return None


def search(box, request: Request, args: dict) -> Reply:
    """POST contacts/search: skipToken is base64 of the offset, and past 10,000 it is a 400."""
    directory = directory_of(box, args, contacts=True)
    asked = json_body(request).get('filter')
    matcher = _matcher(asked)
    size = page_size(box, request)
    try:
        start = int(base64.b64decode(request.query.get('skipToken', 'MA=='), validate=True))
    except ValueError:
        raise bad('Invalid request. Missing or invalid parameter skipToken') from None
    if start < 0 or start + size > SEARCH_DEPTH:
        raise bad('A search reaches no further than 10000 contacts.')
    with directory.lock:
        found = directory.search(json.dumps(asked), matcher, _hint(asked), start + size + 1)[start:]
    shown = []
    for ident in found[:size]:
        item = directory.contacts.get(ident)
        brief = short(item)
        shown.append(_with_embedded(request, {'id': brief.pop('contactId'), **brief}, item))
    following = None
    if len(found) > size:
        token = base64.b64encode(str(start + size).encode()).decode().replace('=', '%3D')
        query = [f'{name}={value}' for name, value in request.query.items() if name != 'skipToken']
        following = f'{box.base_url}{request.raw_path}?' + '&'.join([*query, f'skipToken={token}'])
    return ok({'elements': shown, 'nextPage': following})


def opted_out(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args, contacts=True)
    with directory.lock:
        items = _since(request, directory.contacts.opted_out(), lambda item: item['lastModified'])
        return ok(page(box, request, items, short, token=True, size=page_size(box, request)))


# ---- mailing lists ------------------------------------------------------------------------------------------

def lists(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    owner = request.query.get('ownerId')
    items = [item for item in directory.lists.values() if owner in (None, item.owner)]
    return ok(page(box, request, items, lambda item: _list(box, request, item), token=True,
                   size=page_size(box, request)))


def _list(box, request: Request, item: MailingList) -> dict:
    shown = {'mailingListId': item.id, 'name': item.name, 'ownerId': item.owner, 'contactCount': 0,
             'lastModifiedDate': date(box, item.modified), 'creationDate': date(box, item.created)}
    if request.query.get('includeCount') == 'true':
        shown['contactCount'] = len(item.members)
    elif box.settings.list_count_absent:
        del shown['contactCount']
    return shown


def one_list(box, request: Request, args: dict) -> Reply:
    _, found = list_of(box, args)
    return ok(_list(box, request, found))


def create_list(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    body = json_body(request)
    if not isinstance(body.get('name'), str) or not 0 < len(body['name']) <= 100:
        raise bad('Invalid request. Missing or invalid parameter name')
    now = now_ms()
    ident = make_id('CG_', uuid.uuid4())
    directory.lists[ident] = MailingList(ident, body['name'], body.get('ownerId', box.account.user_id), now, now,
                                         Members(directory.contacts, ident))
    return ok({'id': ident})


def _member(request: Request, directory: Directory, ident: str, member: dict) -> dict:
    item = directory.contacts.get(ident)
    shown = {'contactId': ident, 'contactLookupId': member['lookup'], **{name: item[name] for name in FIELDS},
             'unsubscribed': item['unsubscribed'], 'mailingListUnsubscribed': member['unsubscribed']}
    return _with_embedded(request, shown, item)


def _members(box, request: Request, args: dict, mark: str) -> Reply:
    directory, found = list_of(box, args)
    settings = box.settings
    size = page_size(box, request, settings.list_page_size, settings.list_max_page_size)
    with directory.lock:
        items = found.members.everyone()
        if mark:
            items = _since(request, found.members.chosen(mark),
                           lambda pair: directory.contacts.get(pair[0])['lastModified'])
        return ok(page(box, request, items, lambda pair: _member(request, directory, *pair), token=True, size=size))


def list_contacts(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, '')


def list_bounced(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, 'bounced')


def list_opted_out(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, 'unsubscribed')


def list_contact(box, request: Request, args: dict) -> Reply:
    directory, found = list_of(box, args)
    ident = args['contact']
    if ident.startswith('CGC_'):
        ident = found.members.by_lookup(ident) or ident
    member = found.members.get(ident)
    if member is None:
        raise not_found('Contact not found.')
    return ok(_member(request, directory, ident, member))


def create_member(box, request: Request, args: dict) -> Reply:
    """POST: the only way to put a person on a list is to create the person again (API.md 7.4)."""
    directory, found = list_of(box, args)
    given = _given(box, request)
    with directory.lock:
        number, _ = contact_rules.store(box.settings, directory, given, request.book.number)
        contact_rules.join(box.settings, found, number, given)
    ident = directory.contacts.ident(number)
    request.book.done(ident)
    return ok({'id': ident, 'contactLookupId': found.members.get(ident)['lookup']})
