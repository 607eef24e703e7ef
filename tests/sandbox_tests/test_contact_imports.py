"""Contact imports as API.md 8 describes them: what is taken, what becomes of it, and when."""

import json

import pytest

from control import SLOW, Sandbox
from helpers import POOL, V3, error, everything

LIST_ID, OTHER_ID = 'CG_demoEmpty0000004', 'CG_demoPilot0000003'
HERE = f'/directories/{POOL}'
LIST = f'{HERE}/mailinglists/{LIST_ID}'
IMPORT = f'{LIST}/transactioncontacts'
SOMEONE = {'email': 'new@example.org'}


def send(box, contacts, path=IMPORT, **more):
    return box.api('POST', V3 + path, {'contacts': contacts, **more})


def job(box, contacts, path=IMPORT, **more):
    return box.result(path, 'POST', {'contacts': contacts, **more})['id']


def brought(box, contacts, path=IMPORT, **more):
    """The status of an import that has ended."""
    return box.result(f'{path}/{job(box, contacts, path, **more)}')


def counts(box, contacts, path=IMPORT, **more):
    return tuple(brought(box, contacts, path, **more)['contacts']['count'].values())


def members(box, path=LIST):
    return everything(box, f'{path}/contacts?includeEmbedded=true')[0]


def one(box, ident):
    return box.result(f'{HERE}/contacts/{ident}')


# ---- what is taken

def test_limits(box):
    box.settings(max_contacts=3, max_import_bytes=1000)
    assert send(box, [SOMEONE] * 3)[0] == 200
    assert error(send(box, [SOMEONE] * 4)) == (413, 'SANDBOX_413')
    room = 1000 - len(json.dumps({'contacts': [{'firstName': ''}]}))
    assert send(box, [{'firstName': 'x' * room}])[0] == 200
    assert error(send(box, [{'firstName': 'x' * (room + 1)}])) == (413, 'SANDBOX_413')
    box.settings(too_large_status=400)
    assert send(box, [{'firstName': 'x' * (room + 1)}])[0] == 400 and send(box, [SOMEONE] * 4)[0] == 413
    box.settings(too_many_contacts_status=400)
    assert send(box, [SOMEONE] * 4)[0] == 400
    assert [item['outcome'] for item in box.imports()].count('refused') == 5


def test_limits_by_default(box):
    body = {'contacts': [{'firstName': 'x'}] * 10_000}
    assert box.api('POST', V3 + IMPORT, body)[0] == 200
    assert box.api('POST', V3 + IMPORT, {'contacts': body['contacts'] + [SOMEONE]})[0] == 413
    head, tail = b'{"contacts":[{"firstName":"', b'"}]}'
    data = head + b'x' * (5_000_000 - len(head + tail)) + tail
    json_type = {'Content-Type': 'application/json'}
    assert box.api('POST', V3 + IMPORT, data, json_type)[0] == 200
    assert box.api('POST', V3 + IMPORT, data + b' ', json_type)[0] == 413


@pytest.mark.parametrize('body', [{'contacts': []}, {}, {'contacts': {}}, {'contacts': None}, [SOMEONE], 'x'])
def test_a_body_without_contacts_is_refused(shared, body):
    assert error(shared.api('POST', V3 + IMPORT, json.dumps(body), {'Content-Type': 'application/json'})) == (
        400, 'SANDBOX_400')


def test_other_types_are_refused(shared):
    assert shared.api('POST', V3 + IMPORT, b'email\nx@y.z', {'Content-Type': 'text/csv'})[0] == 415
    assert shared.api('POST', V3 + IMPORT, b'{"contacts":', {'Content-Type': 'application/json'})[0] == 400


GOOD = [SOMEONE, {'firstName': 'A'}, {'lastName': 'B'}, {'phone': '1'}, {'extRef': '2'},
        {'email': 'x@y', 'language': None}, {'email': 'x@z', 'embeddedData': {'A': '1', 'B': 2, 'C': None, 'D': True}},
        {'email': 'x@q', 'embeddedData': None}]
NOTHING = [None, 7, 'x@y.z', []]
NOBODY = [{}, {'email': ''}, {'email': None}, {'language': 'EN'}]
WRONG = [{'email': 7}, {'extRef': 5}, {'email': 'x@y', 'phone': 491}, {'email': 'x@y', 'unsubscribed': 'yes'},
         {'email': 'x@y', 'embeddedData': []}, {'email': 'x@y', 'embeddedData': {'A': {}}},
         {'email': 'x@y', 'embeddedData': {'': 'x'}}, {'email': 'x@y', 'embeddedData': {'N' * 201: 'x'}},
         {'email': 'x@y', 'embeddedData': {'N': 'x' * 1025}}, {'email': 'x@y', 'writeBlanks': 1}]


@pytest.mark.parametrize('item', NOTHING + NOBODY + WRONG, ids=lambda item: str(item)[:40])
def test_a_flawed_contact_is_named_by_its_index(shared, item):
    made = shared.result(IMPORT, 'POST', {'contacts': [*GOOD, item, SOMEONE, item]})
    assert made['contacts'] == {'unprocessed': [8, 10]} and made['status'] == 'in progress'


def test_flawed_transaction_data(box):
    meta = {'batchId': box.add_batch(POOL), 'fields': ['A']}
    contacts = [{**SOMEONE, 'transactionData': data}
                for data in ({'A': 'x'}, 'x', {'A': []}, {'B': 'x'}, {'A': 'x' * 1025})]
    assert box.result(IMPORT, 'POST', {'contacts': contacts, 'transactionMeta': meta})['contacts'] == {
        'unprocessed': [1, 2, 3, 4]}


def test_the_flawless_come_all(box):
    assert counts(box, GOOD) == (8, 0, 0)
    assert members(box)[6]['embeddedData'] == {'A': '1', 'B': '2', 'C': '', 'D': 'true'}


def test_what_makes_a_contact_flawed_is_a_knob(box):
    asked = [{'firstName': 'A'}, {'email': 'x@y', 'contactId': 'CID_1'},
             {'email': 'x@z', 'embeddedData': {'N' * 300: 'v' * 2000}}]

    def unprocessed(**knobs):
        box.settings(contact_needs='any', unknown_contact_members='ignore', embedded_over='refuse')
        box.settings(**knobs)
        return box.result(IMPORT, 'POST', {'contacts': asked})['contacts']['unprocessed']

    assert unprocessed() == [2]
    assert unprocessed(contact_needs='email') == [0, 2]
    assert unprocessed(unknown_contact_members='refuse') == [1, 2]
    assert unprocessed(embedded_over='cut') == []
    person, = [item for item in members(box) if item['email'] == 'x@z']
    assert person['embeddedData'] == {'N' * 200: 'v' * 1024}
    assert unprocessed(embedded_over='keep') == []
    assert one(box, person['contactId'])['embeddedData']['N' * 300] == 'v' * 2000


# ---- what becomes of it

def test_contacts_are_in_the_list_and_in_the_directory(box):
    given = {'firstName': 'Zoë', 'lastName': 'Żak', 'email': 'zoe@example.org', 'phone': '+49 1', 'extRef': '007',
             'language': 'DE', 'unsubscribed': True, 'embeddedData': {'Zip': '01067', 'Nöte': 'a, "b"'}}
    assert counts(box, [given]) == (1, 0, 0)
    member, = members(box)
    assert {name: member[name] for name in given} == given and member['mailingListUnsubscribed']
    assert member['contactLookupId'].startswith('CGC_') and member['contactId'].startswith('CID_')
    person = one(box, member['contactId'])
    assert {name: person[name] for name in given if name != 'unsubscribed'} | {'unsubscribed': True} == given
    assert person['directoryUnsubscribed'] and list(person['mailingListMembership']) == [LIST_ID]
    assert everything(box, f'{HERE}/contacts?pageSize=1000')[0][-1]['email'] == 'zoe@example.org'
    assert [item['contactId'] for item in everything(box, f'{LIST}/optedOutContacts')[0]] == [member['contactId']]
    assert everything(box, f'{HERE}/contacts/optedOutContacts')[0][-1]['contactId'] == member['contactId']
    assert box.result(f'{LIST}?includeCount=true')['contactCount'] == 1
    assert box.result('/directories?includeCount=true')['elements'][0]['contactCount'] == 5001
    assert box.result(f'{LIST}/contacts/{member["contactLookupId"]}')['email'] == 'zoe@example.org'


def test_known_people_are_changed(box):
    before = everything(box, f'{HERE}/contacts')[0][2]
    given = {'email': 'PERSON00002@example.com ', 'lastName': 'New', 'embeddedData': {'More': 'x'}}
    assert counts(box, [given]) == (0, 1, 0)
    member, = members(box)
    assert member['contactId'] == before['contactId']
    assert (member['firstName'], member['lastName']) == (before['firstName'], 'New')
    assert member['embeddedData'] == {'Department': 'Küche, Kantine', 'Code': '002', 'More': 'x'}
    assert everything(box, f'{HERE}/contacts')[0][2]['lastName'] == 'New'


@pytest.mark.parametrize('dedupe, expected', [
    ({'email': True}, (2, 2, 0)), ({'email': True, 'firstName': True}, (3, 1, 0)), ({'phone': True}, (3, 1, 0)),
    ({'externalDataReference': True}, (3, 1, 0)), ({}, (4, 0, 0))])
def test_who_is_the_same_is_up_to_the_directory(box, dedupe, expected):
    box.change_directory(POOL, dedupe=dedupe)
    assert box.result('/directories')['elements'][0]['deduplicationCriteria'] == {
        'email': False, 'firstName': False, 'lastName': False, 'externalDataReference': False, 'phone': False} | dedupe
    contacts = [{'email': 'a@x', 'firstName': 'A', 'extRef': 'r', 'phone': '1'},
                {'email': 'A@X', 'firstName': 'a', 'extRef': 's', 'phone': '1'},
                {'email': 'a@x', 'firstName': 'B', 'extRef': 't', 'phone': '2'},
                {'email': 'b@x', 'firstName': 'A', 'extRef': 's', 'phone': '3'}]
    assert counts(box, contacts) == expected and len(members(box)) == expected[0]
    box.settings(collapsed_rows='uncounted')
    again = [{**item, 'email': 'n' + item['email'], 'extRef': 'n' + item['extRef'], 'phone': 'n' + item['phone']}
             for item in contacts]
    assert counts(box, again) == (expected[0], 0, 0)


def test_criteria_changed_later_hold_for_those_who_are_there(box):
    assert counts(box, [{'email': 'a@x', 'phone': '+1'}]) == (1, 0, 0)
    box.change_directory(POOL, dedupe={'phone': True})
    assert counts(box, [{'email': 'b@x', 'phone': '+1'}, {'phone': '+49 30 0000004', 'lastName': 'New'}]) == (0, 2, 0)
    assert [(item['email'], item['lastName']) for item in members(box)] == [
        ('b@x', None), ('person00004@example.com', 'New')]


def test_a_changed_address_is_known_and_the_old_one_is_not(box):
    job(box, [SOMEONE])
    ident = members(box)[0]['contactId']
    for address in ('second@example.org', 'third@example.org', 'second@example.org'):
        assert box.api('PUT', f'{V3}{HERE}/contacts/{ident}', {'email': address})[0] == 200
    assert counts(box, [{'email': 'third@example.org'}, {'email': 'second@example.org'}, SOMEONE]) == (2, 1, 0)


@pytest.mark.parametrize('knob, flag, kept', [('keep', False, True), ('keep', True, False), ('write', False, False)])
def test_blanks(box, knob, flag, kept):
    box.settings(blank_values=knob)
    full = {'email': 'a@x', 'firstName': 'A', 'phone': '1', 'embeddedData': {'K': 'v'}}
    job(box, [full])
    blank = {'email': 'a@x', 'firstName': '', 'phone': None, 'embeddedData': {'K': ''}}
    job(box, [blank | ({'writeBlanks': True} if flag else {})])
    member, = members(box)
    assert bool(member['firstName']) == bool(member['phone']) == bool(member['embeddedData']['K']) == kept


@pytest.mark.parametrize('means, directory, mailing_list', [('both', True, True), ('directory', True, False),
                                                           ('list', False, True)])
def test_whom_unsubscribed_takes_out(box, means, directory, mailing_list):
    box.settings(unsubscribed_means=means)
    job(box, [SOMEONE])
    job(box, [{'email': 'first@x', 'unsubscribed': True}, {**SOMEONE, 'unsubscribed': True}])
    people = members(box)
    for member in people:
        assert (member['unsubscribed'], member['mailingListUnsubscribed']) == (directory, mailing_list)

    def out(path):
        return [item['contactId'] for item in everything(box, f'{path}/optedOutContacts')[0]]

    ids = [item['contactId'] for item in people]
    assert [ident for ident in out(f'{HERE}/contacts') if ident in ids] == ids * directory
    assert out(LIST) == ids * mailing_list
    job(box, [{**SOMEONE, 'unsubscribed': False}])
    assert not members(box)[0]['unsubscribed'] and not members(box)[0]['mailingListUnsubscribed']
    assert [ident for ident in out(f'{HERE}/contacts') if ident in ids] == ids[1:] * directory
    assert out(LIST) == ids[1:] * mailing_list


def test_bad_addresses_fail_and_are_told(box):
    contacts = [{'email': text, 'firstName': 'F'} for text in ('nobody', 'a@', '@b', 'a b@c', 'a@b@c', 'fine@x')]
    done = brought(box, contacts)
    assert done['contacts']['count'] == {'added': 1, 'updated': 0, 'failed': 5}
    assert done['invalidEmails'] == ['nobody', 'a@', '@b', 'a b@c', 'a@b@c'] and done['status'] == 'complete'
    assert [item['email'] for item in members(box)] == ['fine@x']
    assert 'invalidEmails' not in brought(box, [SOMEONE])
    box.settings(invalid_emails='always')
    assert brought(box, [SOMEONE])['invalidEmails'] == []
    box.settings(invalid_emails='never')
    assert 'invalidEmails' not in brought(box, contacts)
    box.settings(addresses='dotted', invalid_emails='present')
    assert brought(box, contacts)['invalidEmails'] == [one['email'] for one in contacts]


@pytest.mark.parametrize('path', [f'{HERE}/mailinglists/CG_000000000000000/transactioncontacts',
                                  f'/directories/POOL_00000000000000/mailinglists/{LIST_ID}/transactioncontacts'])
def test_what_does_not_exist_ends_with_zeros(box, path):
    done = brought(box, [SOMEONE], path)
    assert done == {'percentComplete': 100.0, 'contacts': {'count': {'added': 0, 'updated': 0, 'failed': 0}},
                    'transactions': {'count': {'created': 0}}, 'status': 'complete'}
    assert box.result('/directories?includeCount=true')['elements'][0]['contactCount'] == 5000


def test_refused_lists_and_directories(box):
    box.change_list(POOL, LIST_ID, forbidden=True)
    assert send(box, [SOMEONE])[0] == 403
    box.settings(imports_check_permission=False)
    assert send(box, [SOMEONE])[0] == 200
    box.settings(imports_check_permission=True)
    box.change_list(POOL, LIST_ID, forbidden=False)
    box.change_directory(POOL, forbidden='all')
    assert send(box, [SOMEONE])[0] == 403
    box.change_directory(POOL, forbidden='contacts')
    assert send(box, [SOMEONE])[0] == 200
    assert [item['outcome'] for item in box.imports()] == ['refused', 'done', 'refused', 'done']


# ---- transactions

def test_transactions(box):
    batch = box.add_batch(POOL)
    contacts = [{'email': 'a@x', 'transactionData': {'Order': 17, 'Shop': 'Köln'}}, {'email': 'b@x'},
                {'email': 'a@x', 'transactionData': {'Order': '18'}}]
    done = brought(box, contacts, transactionMeta={'batchId': batch, 'fields': ['Order', 'Shop']})
    assert done['transactions'] == {'count': {'created': 2}}
    first, second = members(box)
    shown = one(box, first['contactId'])['transactionData']
    assert [item['data'] for item in shown] == [{'Order': '17', 'Shop': 'Köln'}, {'Order': '18'}]
    assert {item['mailingListId'] for item in shown} == {LIST_ID} and shown[0]['transactionId'].startswith('CTR_')
    assert one(box, second['contactId'])['transactionData'] == []
    assert everything(box, f'{HERE}/contacts/{first["contactId"]}/transactions')[0] == shown
    listed, _ = everything(box, f'{HERE}/transactionbatches/{batch}/transactions')
    assert listed == [{'contactId': first['contactId'], **item} for item in shown]
    batches, _ = everything(box, f'{HERE}/transactionbatches')
    assert [item['batchId'] for item in batches] == [batch] and isinstance(batches[0]['creationDate'], int)
    assert box.result(f'{HERE}/transactionbatches/{batch}') == batches[0]
    other = box.result(f'{HERE}/transactionbatches', 'POST', {'transactionIds': [shown[1]['transactionId']]})['id']
    assert everything(box, f'{HERE}/transactionbatches/{other}/transactions')[0] == listed[1:]
    assert box.api('POST', f'{V3}{HERE}/transactionbatches', {'transactionIds': ['CTR_000000000000000']})[0] == 404


def test_transaction_meta(box):
    data = [{**SOMEONE, 'transactionData': {'A': '1', 'B': '2'}}]
    meta = {'batchId': box.add_batch(POOL), 'fields': ['A', 'B']}
    assert send(box, data)[0] == 400                                            # data without meta
    assert send(box, [SOMEONE], transactionMeta=meta)[0] == 400                 # meta without data
    for spoiled in ({'batchId': meta['batchId']}, {'fields': ['A', 'B']}, {**meta, 'fields': 'A'},
                    {**meta, 'batchId': 7}, []):
        assert send(box, data, transactionMeta=spoiled)[0] == 400, spoiled
    box.settings(batch_required=False)
    assert brought(box, data, transactionMeta={'fields': ['A', 'B']})['transactions']['count'] == {'created': 1}
    box.settings(transaction_fields='drop')
    assert brought(box, data, transactionMeta={**meta, 'fields': ['A']})['transactions']['count'] == {'created': 1}
    assert one(box, members(box)[0]['contactId'])['transactionData'][-1]['data'] == {'A': '1'}
    unknown = brought(box, data, transactionMeta={**meta, 'batchId': 'BT_000000000000000'})
    assert unknown['contacts']['count'] == {'added': 0, 'updated': 0, 'failed': 0}
    assert unknown['percentComplete'] == 100.0


# ---- how it is told

def test_status_while_it_runs(box):
    box.settings(import_polls=3, import_percents=[0.0, 40.0])
    ident = job(box, [SOMEONE])
    shown = [box.result(f'{IMPORT}/{ident}') for _ in range(5)]
    assert [item['status'] for item in shown] == ['in progress'] * 3 + ['complete'] * 2
    assert [item['percentComplete'] for item in shown] == [0.0, 40.0, 40.0, 100.0, 100.0]
    assert [item['contacts']['count']['added'] for item in shown] == [0, 0, 0, 1, 1]


def test_tracking_and_other_paths(box):
    made = box.result(IMPORT, 'POST', {'contacts': [SOMEONE]})
    assert made['tracking'] == {'url': f'{box.url}{V3}{IMPORT}/{made["id"]}'} and made['id'].startswith('PGRS_')
    for path in (f'{HERE}/mailinglists/{OTHER_ID}/transactioncontacts/{made["id"]}', f'{IMPORT}/PGRS_000000000000000'):
        assert box.api('GET', V3 + path)[0] == 404


def test_summary_and_report(box):
    box.settings(import_polls=1, import_report=True)
    ident = job(box, [SOMEONE, {}, {'email': 'person00001@example.com'}, {'email': 'no'}, SOMEONE])
    summary, report = f'{V3}{IMPORT}/{ident}/summary', f'{V3}{HERE}/imports/api-import/jobs/{ident}/report'
    assert box.api('GET', summary)[0] == box.api('GET', report)[0] == 404       # it runs
    for _ in range(2):
        box.result(f'{IMPORT}/{ident}')
    assert json.loads(box.api('GET', summary)[2])['result'] == {
        'contacts': {'count': {'added': 1, 'updated': 2, 'failed': 1}}, 'transactions': {'count': {'created': 0}},
        'invalidEmails': ['no']}
    shown = json.loads(box.api('GET', report)[2])['result']['elements']
    people = [item['contactId'] for item in members(box)]
    assert [(item['index'], item['status'], item['contactId']) for item in shown] == [
        (0, 'added', people[0]), (1, 'unprocessed', None), (2, 'updated', people[1]), (3, 'failed', None),
        (4, 'duplicate', people[0])]
    assert box.api('GET', report.replace(POOL, 'POOL_demoSpare000002'))[0] == 404
    box.settings(import_summary=False, import_report=False)
    assert box.api('GET', summary)[0] == box.api('GET', report)[0] == 404


# ---- when

def test_stored_whether_polled_or_not(box):
    box.settings(import_polls=5, import_seconds=60)
    job(box, [SOMEONE])
    assert members(box) == [] and box.imports()[0]['outcome'] == 'running'
    box.advance(59)
    assert members(box) == []
    box.advance(2)
    assert len(members(box)) == 1 and box.imports()[0]['outcome'] == 'done'


def test_lists_take_one_import_at_a_time(box):
    box.settings(import_seconds=60, import_polls=1)
    first, second = (job(box, [{'email': 'a@x', 'lastName': name}]) for name in ('One', 'Two'))
    other = f'{HERE}/mailinglists/{OTHER_ID}/transactioncontacts'
    elsewhere = job(box, [{'email': 'b@x'}], other)
    box.advance(61)
    assert [item['lastName'] for item in members(box)] == ['One']
    assert len(members(box, f'{HERE}/mailinglists/{OTHER_ID}')) == 6
    box.advance(60)
    assert [item['lastName'] for item in members(box)] == ['Two']
    words = [box.result(f'{IMPORT}/{second}')['status'] for _ in range(3)]      # one of them counts for the first
    assert words == ['in progress'] * 2 + ['complete']
    assert box.result(f'{IMPORT}/{first}')['status'] == 'complete'
    assert [box.result(f'{other}/{elsewhere}')['status'] for _ in range(2)] == ['in progress', 'complete']


def test_one_that_hangs_holds_up_its_list_only(box):
    box.fault('contact_import', 'job_never_ends', first=1)
    first, second = job(box, [{'email': 'a@x'}]), job(box, [{'email': 'b@x'}])
    assert box.result(f'{IMPORT}/{second}')['status'] == 'in progress' and members(box) == []
    assert counts(box, [{'email': 'c@x'}], f'{HERE}/mailinglists/{OTHER_ID}/transactioncontacts') == (1, 0, 0)
    box.force_job(first, None)
    assert [item['email'] for item in members(box)] == ['a@x', 'b@x']
    assert {box.result(f'{IMPORT}/{ident}')['status'] for ident in (first, second)} == {'complete'}


def test_held_jobs(box):
    box.hold_jobs()
    ident = job(box, [SOMEONE])
    assert box.result(f'{IMPORT}/{ident}')['status'] == 'in progress' and members(box) == []
    box.release_jobs()
    assert box.result(f'{IMPORT}/{ident}')['status'] == 'complete' and len(members(box)) == 1


@pytest.mark.parametrize('share, stored', [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_a_failed_import_may_have_done_something(box, share, stored):
    box.settings(failed_import_does=share)
    box.fault('contact_import', 'job_failed')
    done = brought(box, [{'email': f'{n}@x'} for n in range(4)])
    assert done['status'] == 'failed' and done['contacts']['count']['added'] == stored == len(members(box))
    assert box.imports()[0]['outcome'] == 'failed'


@pytest.mark.parametrize('kind, stored', [('job_vanished', 1), ('job_lost', 0)])
def test_an_import_nobody_knows_any_more(box, kind, stored):
    box.fault('contact_import', kind, nth=1)
    ident = job(box, [SOMEONE])
    assert box.api('GET', f'{V3}{IMPORT}/{ident}')[0] == 404 and len(members(box)) == stored
    assert box.imports()[0]['outcome'] == ('done' if stored else 'lost')
    assert counts(box, [{'email': 'b@x'}]) == (1, 0, 0)         # the next one is not held up


def test_a_poll_may_find_nothing_of_what_was_done(box):
    ident = job(box, [SOMEONE])
    box.fault('contact_import_status', 'job_vanished')
    assert box.api('GET', f'{V3}{IMPORT}/{ident}')[0] == 404 and len(members(box)) == 1
    box.forget_jobs()
    box.clear_faults()
    assert box.api('GET', f'{V3}{IMPORT}/{ident}')[0] == 404


# ---- one by one

def test_contacts_by_themselves(box):
    path = f'{HERE}/contacts'
    made = box.result(path, 'POST', {**SOMEONE, 'firstName': 'A', 'extRef': '7', 'unsubscribed': True,
                                     'embeddedData': {'K': 'v'}, 'language': 'DE'})
    assert list(made) == ['id'] and made['id'].startswith('CID_')
    assert box.result(path, 'POST', {'email': 'NEW@example.org', 'lastName': 'B'}) == made
    person = one(box, made['id'])
    expected = {'firstName': 'A', 'lastName': 'B', 'extRef': '7', 'language': 'DE', 'embeddedData': {'K': 'v'},
                'directoryUnsubscribed': True, 'mailingListMembership': {}}
    assert {name: person[name] for name in expected} == expected
    for flawed in [*NOBODY, *WRONG, {'email': 'no'}]:
        assert box.api('POST', V3 + path, flawed)[0] == 400, flawed
    for flawed in [*WRONG, {'email': 'no'}]:
        assert box.api('PUT', f'{V3}{path}/{made["id"]}', flawed)[0] == 400, flawed
    assert one(box, made['id']) == person
    status, _, body = box.api('PUT', f'{V3}{path}/{made["id"]}',
                              {'lastName': '', 'firstName': 'C', 'unsubscribed': False})
    assert status == 200 and 'result' not in json.loads(body)
    assert (one(box, made['id'])['firstName'], one(box, made['id'])['lastName']) == ('C', 'B')
    box.api('PUT', f'{V3}{path}/{made["id"]}', {'lastName': '', 'writeBlanks': True})
    assert one(box, made['id'])['lastName'] == ''
    assert box.api('PUT', f'{V3}{path}/CID_000000000000000', {'lastName': 'x'})[0] == 404
    box.settings(directory_admin=False)
    assert box.api('POST', V3 + path, SOMEONE)[0] == 403


def test_a_member_by_itself(box):
    made = box.result(f'{LIST}/contacts', 'POST', SOMEONE)
    assert made == {'id': members(box)[0]['contactId'], 'contactLookupId': members(box)[0]['contactLookupId']}
    assert box.result(f'{LIST}/contacts', 'POST', SOMEONE) == made and len(members(box)) == 1
    assert box.api('POST', f'{V3}{LIST}/contacts', {'email': 5})[0] == 400


# ---- size

def memory(box):
    with open(f'/proc/{box.pid}/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))


def cpu_seconds(box):
    with open(f'/proc/{box.pid}/stat') as stat:
        words = stat.read().rpartition(')')[2].split()
    return (int(words[11]) + int(words[12])) / 100


@pytest.mark.timeout(300 * SLOW)
def test_two_hundred_thousand_contacts():
    """Each request costs the same, and all of them less than a kilobyte a person."""
    person = ('{"firstName":"First","lastName":"Last name","email":"new%d@example.org","extRef":"%d","language":"EN",'
              '"embeddedData":{"Department":"Sales","Code":"%d"}}')

    def bring(start):
        """Ten thousand people; the counts, and what they cost."""
        body = '{"contacts":[' + ','.join([person % (n, n, n) for n in range(start, start + 10_000)]) + ']}'
        begun = cpu_seconds(box)
        answer = box.api('POST', V3 + IMPORT, body, {'Content-Type': 'application/json'})
        done = box.result(f'{IMPORT}/{json.loads(answer[2])["result"]["id"]}')['contacts']['count']
        return done, cpu_seconds(box) - begun

    with Sandbox.start(limits='off', settings={'import_polls': 0}) as box:
        before = memory(box)
        told = [bring(start) for start in range(0, 200_000, 10_000)]
        assert {tuple(done.values()) for done, _ in told} == {(10_000, 0, 0)}
        assert max(cost for _, cost in told) < SLOW and (memory(box) - before) * 1024 / 200_000 < 1000
        begun = cpu_seconds(box)
        rows = box.contacts_of(LIST_ID, fields=('email',))
        assert cpu_seconds(box) - begun < 6 * SLOW and len({row['email'] for row in rows}) == len(rows) == 200_000
        assert {row['writes'] for row in rows} == {1}
        done, cost = bring(190_000)
        assert done == {'added': 0, 'updated': 10_000, 'failed': 0} and cost < SLOW
        begun = cpu_seconds(box)
        assert box.totals()['times'] == {'1': 190_000, '2': 10_000} and cpu_seconds(box) - begun < SLOW
        assert box.result(f'{LIST}/contacts?skipToken=st199950')['elements'][-1]['email'] == 'new199999@example.org'
