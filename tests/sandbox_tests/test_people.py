"""Directories, lists and contacts as API.md 7 and 8.2 describe them, at any size and for any kind of account."""

import http.client
import json

import pytest

from control import Sandbox
from helpers import POOL, SMALL, V3, error, everything
from people import People, new_contact

HERE = f'/directories/{POOL}'
CUSTOMERS_LIST = f'{HERE}/mailinglists/CG_demoCustomers001'
SHORT = ['contactId', 'firstName', 'lastName', 'email', 'phone', 'extRef', 'language', 'unsubscribed']
FULL = ['contactId', 'creationDate', 'lastModified', 'firstName', 'lastName', 'email', 'emailDomain', 'phone',
        'language', 'writeBlanks', 'extRef', 'embeddedData', 'transactionData', 'stats', 'skipped',
        'directoryUnsubscribed', 'directoryUnsubscribeDate', 'mailingListMembership']
MEMBER = ['contactId', 'contactLookupId', 'firstName', 'lastName', 'email', 'phone', 'extRef', 'language',
          'unsubscribed', 'mailingListUnsubscribed']


@pytest.fixture(scope='module')
def crowd():
    """A million people, two lists of a hundred thousand, 10,000 surveys."""
    with Sandbox.start(limits='off', settings={'job_polls': 0},
                       extra=('--contacts', '1000000', '--surveys', '10000')) as made:
        made.add_list(POOL, 'Half / first', 100_000, id='CG_crowd0000000001')
        made.add_list(POOL, 'Half / last', 100_000, first=900_000, id='CG_crowd0000000002')
        yield made


# ---- members

def test_members_of_each_answer(shared):
    pool = shared.result('/directories?includeCount=true')['elements'][0]
    assert pool == {'directoryId': POOL, 'name': 'Default directory', 'contactCount': 5000, 'isDefault': True,
                    'deduplicationCriteria': {'email': True, 'firstName': False, 'lastName': False,
                                              'externalDataReference': False, 'phone': False}}
    assert shared.result('/directories')['elements'][0]['contactCount'] == 0
    first = shared.result(f'{HERE}/contacts')['elements'][0]
    assert list(first) == SHORT
    assert list(shared.result(f'{HERE}/contacts/{first["contactId"]}')) == FULL
    assert list(shared.result(f'{CUSTOMERS_LIST}/contacts')['elements'][0]) == MEMBER
    assert list(shared.result(f'{CUSTOMERS_LIST}/contacts?includeEmbedded=true')['elements'][0]) == [
        *MEMBER, 'embeddedData']
    assert list(shared.result(CUSTOMERS_LIST)) == ['mailingListId', 'name', 'ownerId', 'contactCount',
                                                   'lastModifiedDate', 'creationDate']
    for path in (f'{HERE}/contacts/optedOutContacts', f'{CUSTOMERS_LIST}/bouncedContacts',
                 f'{CUSTOMERS_LIST}/optedOutContacts'):
        assert list(shared.result(path)['elements'][0]) == (SHORT if 'contacts/' in path else MEMBER)


def test_ids_lead_back(shared):
    listed = shared.result(f'{CUSTOMERS_LIST}/contacts')['elements'][7]
    one = shared.result(f'{HERE}/contacts/{listed["contactId"]}')
    assert one['email'] == listed['email']
    assert one['mailingListMembership']['CG_demoCustomers001']['contactLookupId'] == listed['contactLookupId']
    for ident in (listed['contactId'], listed['contactLookupId']):
        assert shared.result(f'{CUSTOMERS_LIST}/contacts/{ident}') == listed
    for ident in ('CID_0000000000000', 'CID_000000000000000', 'CGC_000000000000000', 'CID_ä', 'x'):
        assert shared.api('GET', f'{V3}{HERE}/contacts/{ident.replace("ä", "%C3%A4")}')[0] == 404


def test_marks(shared):
    out, _ = everything(shared, f'{HERE}/contacts/optedOutContacts')
    everyone, _ = everything(shared, f'{HERE}/contacts?pageSize=1000')
    assert out == [item for item in everyone if item['unsubscribed']]
    gone, _ = everything(shared, f'{CUSTOMERS_LIST}/optedOutContacts')
    members, _ = everything(shared, f'{CUSTOMERS_LIST}/contacts?pageSize=500')
    assert gone == [item for item in members if item['mailingListUnsubscribed']] and len(gone) == 20
    bounced = {item['contactId'] for item in everything(shared, f'{CUSTOMERS_LIST}/bouncedContacts')[0]}
    assert len(bounced) == 23 and bounced < {item['contactId'] for item in members}
    late, _ = everything(shared, f'{HERE}/contacts/optedOutContacts?since=2024-01-03T00:00:00Z')
    assert 0 < len(late) < len(out) and late == out[-len(late):]
    assert shared.api('GET', f'{V3}{HERE}/contacts/optedOutContacts?since=lately')[0] == 400


def test_who_was_added_first_to_nobody_may_opt_out():
    people = People(0, 'empty', 0)
    added = [people.ident(people.add(new_contact({'unsubscribed': out}, 0))) for out in (True, False, True)]
    assert [contact['contactId'] for contact in people.opted_out()[:]] == [added[0], added[2]]


# ---- both answers where the documentation is unsure

def test_page_sizes(box):
    assert len(box.result(f'{CUSTOMERS_LIST}/contacts')['elements']) == 50
    assert len(box.result(f'{CUSTOMERS_LIST}/contacts?pageSize=500')['elements']) == 500
    assert len(box.result(f'{HERE}/contacts?pageSize=1000')['elements']) == 1000
    box.settings(list_max_page_size=50, max_page_size=100)
    for path in (f'{CUSTOMERS_LIST}/contacts?pageSize=100', f'{HERE}/contacts?pageSize=101',
                 f'{HERE}/contacts?pageSize=0', f'{HERE}/contacts?pageSize=-1'):
        assert box.api('GET', V3 + path)[0] == 400, path
    box.settings(page_size_over='cut')
    assert len(box.result(f'{CUSTOMERS_LIST}/contacts?pageSize=100')['elements']) == 50
    assert sum(everything(box, f'{HERE}/contacts?pageSize=1000')[1]) == 5000
    with pytest.raises(Exception, match='page_size_over'):
        box.settings(page_size_over='other')


def test_dates_and_counts(box):
    ident = box.result(f'{HERE}/contacts')['elements'][5]['contactId']
    one = box.result(f'{HERE}/contacts/{ident}')
    assert one['directoryUnsubscribed'] and one['directoryUnsubscribeDate'] == one['lastModified'] == 1704067500000
    box.settings(contact_dates='text', list_count_absent=True)
    assert box.result(f'{HERE}/contacts/{ident}')['directoryUnsubscribeDate'] == '2024-01-01T00:05:00Z'
    assert box.result(CUSTOMERS_LIST)['creationDate'] == '2024-01-02T00:00:00Z'
    assert 'contactCount' not in box.result(CUSTOMERS_LIST)
    assert box.result(CUSTOMERS_LIST + '?includeCount=true')['contactCount'] == 1200


@pytest.mark.parametrize('word', ['forbidden', 'empty'])
def test_account_without_xm_directory(box, word):
    box.settings(xm_directory=word, legacy=True)
    status, _, body = box.api('GET', f'{V3}/directories')
    assert status == (403 if word == 'forbidden' else 200)
    assert word == 'forbidden' or json.loads(body)['result'] == {'elements': [], 'nextPage': None}
    for path in (HERE + '/contacts', HERE + '/mailinglists', CUSTOMERS_LIST + '/contacts'):
        assert box.api('GET', V3 + path)[0] == (403 if word == 'forbidden' else 404)
    job = box.api('POST', f'{V3}{CUSTOMERS_LIST}/transactioncontacts', {'contacts': [{'email': 'a@b.c'}]})
    assert job[0] == (403 if word == 'forbidden' else 404)
    assert len(everything(box, '/mailinglists/ML_demoOld00000001/contacts')[0]) == 7
    assert box.result(f'/surveys/{SMALL}')['id'] == SMALL


def test_refusals_leave_the_rest(box):
    box.settings(directory_admin=False)
    assert error(box.api('GET', f'{V3}{HERE}/contacts'))[0] == 403
    assert error(box.api('GET', f'{V3}{HERE}/contacts/optedOutContacts'))[0] == 403
    assert error(box.api('POST', f'{V3}{HERE}/contacts/search', {'filter': {}}))[0] == 403
    assert box.result(CUSTOMERS_LIST + '/contacts')['elements']
    box.settings(directory_admin=True)
    box.change_list(POOL, 'CG_demoCustomers001', forbidden=True)
    for path in ('', '/contacts', '/bouncedContacts', '/optedOutContacts'):
        assert box.api('GET', V3 + CUSTOMERS_LIST + path)[0] == 403
    assert len(box.result(HERE + '/mailinglists')['elements']) == 4
    assert box.result(HERE + '/mailinglists/CG_demoStaff0000002/contacts')['elements']
    box.change_directory(POOL, forbidden='contacts')
    assert box.api('GET', f'{V3}{HERE}/contacts')[0] == 403
    assert box.api('GET', f'{V3}{HERE}/mailinglists')[0] == 200
    box.change_directory(POOL, forbidden='all')
    assert box.api('GET', f'{V3}{HERE}/mailinglists')[0] == 403
    assert box.result('/directories/POOL_demoSpare000002/contacts')['elements'] == []


# ---- search

def found(box, path='', **filter):
    return box.result(f'{HERE}/contacts/search{path}', 'POST', {'filter': filter})


def test_search(shared):
    by_mail = found(shared, filterType='email', comparison='eq', value='PERSON00007@example.com')['elements']
    assert [item['extRef'] for item in by_mail] == ['000007']
    assert list(by_mail[0]) == ['id', *SHORT[1:]]
    assert found(shared, filterType='id', comparison='eq', value=by_mail[0]['id'])['elements'] == by_mail
    assert found(shared, filterType='extRef', comparison='eq', value='000007')['elements'] == by_mail
    assert 'embeddedData' in found(shared, '?includeEmbedded=true', filterType='extRef', comparison='eq',
                                   value='000007')['elements'][0]
    both = {'and': [{'filterType': 'firstName', 'comparison': 'eq', 'value': 'Ada'},
                    {'filterType': 'email', 'comparison': 'eq', 'value': 'person00025@example.com'}]}
    assert [item['extRef'] for item in found(shared, **both)['elements']] == ['000025']
    either = {'or': [{'filterType': 'extRef', 'comparison': 'eq', 'value': f'00000{i}'} for i in (3, 1)]}
    assert [item['extRef'] for item in found(shared, **either)['elements']] == ['000001', '000003']
    assert found(shared, filterType='firstName', comparison='eq', value='Nobody')['elements'] == []


def test_search_pages(shared):
    page = found(shared, '?pageSize=5', filterType='firstName', comparison='eq', value='Ada')
    assert page['nextPage'].endswith('/contacts/search?pageSize=5&skipToken=NQ%3D%3D')      # 5 in base64
    again = shared.result(page['nextPage'][len(shared.url + V3):], 'POST',
                          {'filter': {'filterType': 'firstName', 'comparison': 'eq', 'value': 'Ada'}})
    assert again['nextPage'].endswith('MTA%3D') and [item['extRef'] for item in again['elements']] == [
        f'{number:06}' for number in range(125, 250, 25)]


def test_search_ends_at_ten_thousand(crowd):
    given = {'filter': {'filterType': 'firstName', 'comparison': 'eq', 'value': 'Ada'}}     # 40,000 people
    path = f'{V3}{HERE}/contacts/search?pageSize=1000&skipToken='
    assert json.loads(crowd.api('POST', path + 'OTAwMA%3D%3D', given)[2])['result']['nextPage'].endswith('MTAwMDA%3D')
    assert crowd.api('POST', path + 'MTAwMDA%3D', given)[0] == 400
    assert crowd.api('POST', path + 'nonsense!', given)[0] == 400


# ---- size

def memory(box):
    with open(f'/proc/{box.pid}/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))


def cpu_seconds(box):
    with open(f'/proc/{box.pid}/stat') as stat:
        words = stat.read().rpartition(')')[2].split()
    return (int(words[11]) + int(words[12])) / 100


def test_a_million_contacts(crowd):
    """Any page is there at once, and nothing grows: all 10,000 would cost some ten seconds."""
    connection = http.client.HTTPConnection('127.0.0.1', crowd.port)

    def get(path):
        connection.request('GET', path, headers={'X-API-TOKEN': crowd.token})
        return json.loads(connection.getresponse().read())['result']

    base = f'{V3}{HERE}/contacts?useNewPaginationScheme=true&skipToken=st'
    get(base + '0')
    before, begun = memory(crowd), cpu_seconds(crowd)
    seen = set()
    for start in range(0, 1_000_000, 2500):         # 400 of the 10,000 pages
        page = get(base + str(start))
        assert len(page['elements']) == 100 and page['nextPage']
        seen.update(item['contactId'] for item in page['elements'])
    assert len(seen) == 40_000 and memory(crowd) - before < 4000 and cpu_seconds(crowd) - begun < 5
    assert get(base + '999900')['nextPage'] is None
    last = get(base + '999999')['elements'][0]
    assert last['email'] == 'person999999@example.com'
    assert get(f'{V3}{HERE}/contacts/{last["contactId"]}')['mailingListMembership'].keys() == {'CG_crowd0000000002'}
    assert get(f'{V3}{HERE}/contacts/optedOutContacts?skipToken=st10300')['nextPage'] is None
    connection.close()


def test_large_lists(crowd):
    path = f'{HERE}/mailinglists/CG_crowd0000000002'
    assert crowd.result(path + '?includeCount=true')['contactCount'] == 100_000
    page = crowd.result(f'{path}/contacts?pageSize=500&includeEmbedded=true&skipToken=st99500')
    assert page['nextPage'] is None and page['elements'][-1]['email'] == 'person999999@example.com'
    assert page['elements'][-1]['embeddedData'] == {'Department': 'Sales', 'Code': '099'}
    ident = page['elements'][3]['contactLookupId']
    assert crowd.result(f'{path}/contacts/{ident}')['contactLookupId'] == ident


def test_ten_thousand_surveys(crowd):
    surveys, pages = everything(crowd, '/surveys')
    assert len({item['id'] for item in surveys}) == 10_006 and len(pages) == 101


# ---- changes

def test_changes_are_kept(box):
    newcomer = {'filterType': 'email', 'comparison': 'eq', 'value': 'new@example.com'}
    assert found(box, **newcomer)['elements'] == []
    people, _ = everything(box, f'{HERE}/contacts?pageSize=1000')
    out = next(item['contactId'] for item in people if item['unsubscribed'])
    path = f'{HERE}/contacts/{people[3]["contactId"]}'
    assert box.api('PUT', V3 + path, {'lastName': 'New', 'unsubscribed': True, 'phone': ''})[0] == 200
    assert box.result(path)['lastName'] == 'New' and box.result(path)['phone'] == people[3]['phone']
    box.api('PUT', f'{V3}{HERE}/contacts/{out}', {'unsubscribed': False, 'writeBlanks': True})
    assert box.add_contact(POOL, email='PERSON00004@example.com', firstName='Other') == people[4]['contactId']
    new = box.add_contact(POOL, 'CG_demoCustomers001', email='new@example.com', unsubscribed=True)
    assert box.add_contact(POOL, email='New@example.com', lastName='Twice') == new
    again, _ = everything(box, f'{HERE}/contacts?pageSize=1000')
    assert len(again) == 5001 and again[3]['lastName'] == 'New' and again[4]['firstName'] == 'Other'
    assert again[5000]['lastName'] == 'Twice' and again[6:5000] == people[6:]
    gone = [item['contactId'] for item in everything(box, f'{HERE}/contacts/optedOutContacts')[0]]
    assert gone == [item['contactId'] for item in again if item['unsubscribed']] and out not in gone
    members, _ = everything(box, f'{CUSTOMERS_LIST}/contacts?pageSize=500')
    assert members[1200]['contactId'] == new and members[1200]['mailingListUnsubscribed']
    left = [item['contactId'] for item in everything(box, f'{CUSTOMERS_LIST}/optedOutContacts')[0]]
    assert left == [item['contactId'] for item in members if item['mailingListUnsubscribed']]
    assert found(box, **newcomer)['elements'][0]['id'] == new


def test_lists_and_directories_come_and_go(box):
    pool = box.add_directory('Second', 20)
    ident = box.add_list(pool, 'a/b', 50, owner='GR_group')
    assert len(box.result(f'/directories/{pool}/contacts')['elements']) == 50
    lists = box.result(f'/directories/{pool}/mailinglists?ownerId=GR_group')['elements']
    assert [item['name'] for item in lists] == ['a/b']
    assert box.result(f'/directories/{pool}/mailinglists?ownerId=UR_nobody')['elements'] == []
    box.change_list(pool, ident, name=None)
    assert box.api('GET', f'{V3}/directories/{pool}/mailinglists/{ident}')[0] == 404


def test_import_of_thousands_is_quick(box):
    contacts = [{'email': f'person{i:05}@example.com', 'lastName': 'N'} for i in range(1000)]
    contacts += [{'email': f'm{i}@example.com'} for i in range(9000)]
    job = box.result(f'{CUSTOMERS_LIST}/transactioncontacts', 'POST', {'contacts': contacts})['id']
    done = box.result(f'{CUSTOMERS_LIST}/transactioncontacts/{job}')
    assert done['contacts']['count'] == {'added': 9000, 'updated': 1000, 'failed': 0}


# ---- legacy lists

def test_legacy_lists_of_any_size(box):
    ident = box.add_legacy_list('Ancient', 1234)
    box.settings(legacy=True)
    people, pages = everything(box, f'/mailinglists/{ident}/contacts')
    assert len({item['id'] for item in people}) == 1234 and pages[0] == 100
    assert list(people[0]) == ['id', 'firstName', 'lastName', 'email', 'externalDataReference', 'embeddedData',
                               'language', 'unsubscribed', 'responseHistory', 'emailHistory']
    assert {type(item['embeddedData']) for item in people} == {dict, type(None)}
    assert {item['language'] for item in people} > {'null', 'EN'}
    assert box.result(f'/mailinglists/{ident}/contacts/{people[7]["id"]}') == people[7]
    assert box.api('GET', f'{V3}/mailinglists/{ident}/contacts/MLRP_000000000000000')[0] == 404
    box.settings(legacy=False)
    assert error(box.api('GET', f'{V3}/mailinglists/{ident}/contacts')) == (404, None)
