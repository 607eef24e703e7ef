"""XM Directory: directories, contacts, mailing lists, contact imports (API.md 7.2 to 7.4, 8.1)."""

from __future__ import annotations

import base64
import uuid

from account import Directory, MailingList, iso, now_ms
from replies import Reply, bad, count_of, json_body, not_found, ok, page
from rows import make_id
from wire import Request

FIELDS = ('firstName', 'lastName', 'email', 'phone', 'extRef', 'language')
SEARCHABLE = FIELDS + ('id', 'emailDomain')
SEARCH_DEPTH = 10_000


def directory_of(box, args: dict) -> Directory:
    found = box.account.directories.get(args['directory'])
    if found is None:
        raise not_found('Directory not found.')
    return found


def list_of(box, args: dict) -> tuple[Directory, MailingList]:
    directory = directory_of(box, args)
    found = directory.lists.get(args['list'])
    if found is None:
        raise not_found('Mailing list not found.')
    return directory, found


def date(box, ms: int) -> object:
    return ms if box.settings.contact_dates == 'epoch' else iso(ms)


def new_contact(ident: str, given: dict, now: int) -> dict:
    """A contact as it is kept."""
    made = {'contactId': ident, **{name: given.get(name) for name in FIELDS}}
    made.update({'unsubscribed': bool(given.get('unsubscribed', False)), 'creationDate': now, 'lastModified': now,
                 'embeddedData': dict(given.get('embeddedData') or {})})
    return made


def _short(contact: dict) -> dict:
    return {name: contact[name] for name in ('contactId', *FIELDS, 'unsubscribed')}


def _size(box, request: Request, default: int, most: int) -> int:
    return max(1, count_of(request, 'pageSize', default, most))


def _with_embedded(request: Request, shown: dict, contact: dict) -> dict:
    if request.query.get('includeEmbedded') == 'true':
        shown['embeddedData'] = contact['embeddedData']
    return shown


def directories(box, request: Request, args: dict) -> Reply:
    count = request.query.get('includeCount') == 'true'
    return ok(page(box, request, list(box.account.directories.values()), lambda item: {
        'directoryId': item.id, 'name': item.name, 'contactCount': len(item.contacts) if count else 0,
        'isDefault': item.default, 'deduplicationCriteria': item.dedupe}, token=True))


def contacts(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    size = _size(box, request, box.settings.page_size, box.settings.max_page_size)
    with directory.lock:
        items = list(directory.contacts.values())
    return ok(page(box, request, items, _short, token=True, size=size))


def contact(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    found = directory.contacts.get(args['contact'])
    if found is None:
        raise not_found('Contact not found.')
    domain = (found['email'] or '').partition('@')[2]
    member = {item.id: {'contactLookupId': item.members[found['contactId']]['lookup'], 'name': item.name,
                        'unsubscribed': item.members[found['contactId']]['unsubscribed'],
                        'unsubscribeDate': None, 'ownerId': item.owner}
              for item in directory.lists.values() if found['contactId'] in item.members}
    return ok({'contactId': found['contactId'], 'creationDate': date(box, found['creationDate']),
               'lastModified': date(box, found['lastModified']), 'firstName': found['firstName'],
               'lastName': found['lastName'], 'email': found['email'], 'emailDomain': domain,
               'phone': found['phone'], 'language': found['language'], 'writeBlanks': False,
               'extRef': found['extRef'], 'embeddedData': found['embeddedData'], 'transactionData': [],
               'stats': {'invitesCount': 0, 'responseCount': 0}, 'skipped': False,
               'directoryUnsubscribed': found['unsubscribed'], 'directoryUnsubscribeDate': None,
               'mailingListMembership': member})


def create_contact(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    ident, _ = store(directory, json_body(request))
    return ok({'id': ident})


def update_contact(box, request: Request, args: dict) -> Reply:
    """PUT: partial; empty text overwrites only with writeBlanks."""
    directory = directory_of(box, args)
    found = directory.contacts.get(args['contact'])
    if found is None:
        raise not_found('Contact not found.')
    body = json_body(request)
    with directory.lock:
        merge(found, body)
        directory._keys = None
    return ok()


def merge(found: dict, given: dict) -> None:
    for name in (*FIELDS, 'unsubscribed'):
        value = given.get(name)
        if value not in (None, '') or (name in given and given.get('writeBlanks') is True):
            found[name] = value
    found['embeddedData'].update(given.get('embeddedData') or {})
    found['lastModified'] = now_ms()


def store(directory: Directory, given: dict) -> tuple[str, bool]:
    """Add a person, or change the one the directory's criteria find; the id, and whether it is new."""
    with directory.lock:
        key = directory.key(given)
        known = directory.keys().get(key) if key is not None else None
        if known is not None:
            merge(directory.contacts[known], given)
            return known, False
        ident = make_id('CID_', uuid.uuid4())
        directory.contacts[ident] = new_contact(ident, given, now_ms())
        if key is not None:
            directory.keys()[key] = ident
        return ident, True


def join(mailing_list: MailingList, ident: str, given: dict) -> dict:
    member = mailing_list.members.setdefault(ident, {
        'lookup': make_id('CGC_', mailing_list.id, ident), 'unsubscribed': False, 'bounced': False})
    if 'unsubscribed' in given:
        member['unsubscribed'] = bool(given['unsubscribed'])
    mailing_list.modified = now_ms()
    return member


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


def search(box, request: Request, args: dict) -> Reply:
    """POST contacts/search: skipToken is base64 of the offset, and past 10,000 it is a 400."""
    directory = directory_of(box, args)
    matcher = _matcher(json_body(request).get('filter'))
    size = _size(box, request, box.settings.page_size, box.settings.max_page_size)
    try:
        start = int(base64.b64decode(request.query.get('skipToken', 'MA=='), validate=True))
    except ValueError:
        raise bad('Invalid request. Missing or invalid parameter skipToken') from None
    if start + size > SEARCH_DEPTH:
        raise bad('A search reaches no further than 10000 contacts.')
    with directory.lock:
        found = [item for item in directory.contacts.values() if matcher(item)]
    shown = []
    for item in found[start:start + size]:
        short = _short(item)
        shown.append(_with_embedded(request, {'id': short.pop('contactId'), **short}, item))
    following = None
    if start + size < len(found):
        token = base64.b64encode(str(start + size).encode()).decode().replace('=', '%3D')
        query = [f'{name}={value}' for name, value in request.query.items() if name != 'skipToken']
        following = f'{box.base_url}{request.raw_path}?' + '&'.join([*query, f'skipToken={token}'])
    return ok({'elements': shown, 'nextPage': following})


def opted_out(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    with directory.lock:
        items = [item for item in directory.contacts.values() if item['unsubscribed']]
    return ok(page(box, request, items, _short, token=True))


# ---- mailing lists ------------------------------------------------------------------------------------------

def lists(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    owner = request.query.get('ownerId')
    items = [item for item in directory.lists.values() if owner in (None, item.owner)]
    size = _size(box, request, box.settings.page_size, box.settings.max_page_size)
    return ok(page(box, request, items, lambda item: _list(box, request, item), token=True, size=size))


def _list(box, request: Request, item: MailingList) -> dict:
    count = len(item.members) if request.query.get('includeCount') == 'true' else 0
    return {'mailingListId': item.id, 'name': item.name, 'ownerId': item.owner, 'contactCount': count,
            'lastModifiedDate': date(box, item.modified), 'creationDate': date(box, item.created)}


def one_list(box, request: Request, args: dict) -> Reply:
    _, found = list_of(box, args)
    return ok(_list(box, request, found))


def create_list(box, request: Request, args: dict) -> Reply:
    directory = directory_of(box, args)
    body = json_body(request)
    if not isinstance(body.get('name'), str) or not 0 < len(body['name']) <= 100:
        raise bad('Invalid request. Missing or invalid parameter name')
    now = now_ms()
    made = MailingList(make_id('CG_', uuid.uuid4()), body['name'], body.get('ownerId', box.account.user_id), now, now)
    directory.lists[made.id] = made
    return ok({'id': made.id})


def _member(request: Request, directory: Directory, mailing_list: MailingList, ident: str) -> dict:
    item, member = directory.contacts[ident], mailing_list.members[ident]
    shown = {'contactId': ident, 'contactLookupId': member['lookup'], **{name: item[name] for name in FIELDS},
             'unsubscribed': item['unsubscribed'], 'mailingListUnsubscribed': member['unsubscribed']}
    return _with_embedded(request, shown, item)


def _members(box, request: Request, args: dict, wanted) -> Reply:
    directory, found = list_of(box, args)
    settings = box.settings
    size = _size(box, request, settings.list_page_size, settings.list_max_page_size)
    with directory.lock:
        items = [ident for ident, member in found.members.items() if ident in directory.contacts and wanted(member)]
    return ok(page(box, request, items, lambda ident: _member(request, directory, found, ident), token=True, size=size))


def list_contacts(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, lambda member: True)


def list_bounced(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, lambda member: member['bounced'])


def list_opted_out(box, request: Request, args: dict) -> Reply:
    return _members(box, request, args, lambda member: member['unsubscribed'])


def list_contact(box, request: Request, args: dict) -> Reply:
    directory, found = list_of(box, args)
    ident = args['contact']
    if ident.startswith('CGC_'):
        ident = next((cid for cid, member in found.members.items() if member['lookup'] == ident), ident)
    if ident not in found.members:
        raise not_found('Contact not found.')
    return ok(_member(request, directory, found, ident))


def create_member(box, request: Request, args: dict) -> Reply:
    directory, found = list_of(box, args)
    body = json_body(request)
    ident, _ = store(directory, body)
    return ok({'id': ident, 'contactLookupId': join(found, ident, body)['lookup']})


