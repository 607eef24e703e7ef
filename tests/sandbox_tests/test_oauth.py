"""OAuth 2 by client credentials, as API.md 1.3, 1.8 and 1.9 have it."""

import base64
import json

import pytest

from helpers import V3, error

FORM = 'application/x-www-form-urlencoded'


def mint(box, body=b'grant_type=client_credentials', client=None, content_type=FORM, scheme='Basic'):
    code = base64.b64encode(':'.join(client or box.client()).encode()).decode()
    status, _, text = box.api('POST', '/oauth2/token', body,
                              {'Authorization': f'{scheme} {code}', 'Content-Type': content_type}, token=False)
    return status, json.loads(text)


def whoami(box, bearer, scheme='Bearer'):
    return box.api('GET', f'{V3}/whoami', headers={'Authorization': f'{scheme} {bearer}'}, token=False)


def test_a_client_mints_and_asks(box):
    status, answer = mint(box)
    assert status == 200 and list(answer) == ['access_token', 'token_type', 'expires_in', 'scope']
    assert answer['token_type'] == 'Bearer' and answer['expires_in'] == 3599
    assert box.bearers() == [answer['access_token']]
    for scheme in ('Bearer', 'bearer'):
        by_bearer = json.loads(whoami(box, answer['access_token'], scheme)[2])['result']
        assert by_bearer == json.loads(box.api('GET', f'{V3}/whoami')[2])['result']


def test_a_bearer_grows_old(box):
    bearer = mint(box)[1]['access_token']
    box.advance(3598)
    assert whoami(box, bearer)[0] == 200
    box.advance(2)
    assert error(whoami(box, bearer)) == (401, 'AUTH_6.0')
    assert whoami(box, mint(box)[1]['access_token'])[0] == 200


def test_the_lifetime_is_a_knob(box):
    box.settings(bearer_lifetime=5)
    answer = mint(box)[1]
    assert answer['expires_in'] == 5
    box.advance(6)
    assert error(whoami(box, answer['access_token'])) == (401, 'AUTH_6.0')


def test_expired_and_forgotten_bearers_differ(box):
    bearer = mint(box)[1]['access_token']
    box.expire_bearers()
    assert error(whoami(box, bearer)) == (401, 'AUTH_6.0')
    box.forget_bearers()
    assert error(whoami(box, bearer)) == (401, 'DCD_7')
    assert json.loads(whoami(box, bearer)[2])['meta']['requestId'] == ''


def test_another_data_centre_knows_no_bearer(box):
    box.settings(oauth_elsewhere=True)
    status, answer = mint(box)
    assert status == 200 and error(whoami(box, answer['access_token'])) == (401, 'DCD_7')
    assert box.api('GET', f'{V3}/whoami')[0] == 200


@pytest.mark.parametrize(('given', 'status'), [
    ({'client': ('sandbox', 'wrong')}, 401), ({'scheme': 'Bearer'}, 401), ({'content_type': 'application/json'}, 400),
    ({'body': b'grant_type=password'}, 400), ({'body': b'x=y'}, 400)])
def test_what_is_no_mint_is_refused(given, status, box):
    assert mint(box, **given)[0] == status and box.bearers() == []


def test_a_scope_may_be_wanted(box):
    box.settings(scope_required=True)
    assert mint(box) == (400, {'error': 'invalid_scope'})
    answer = mint(box, b'grant_type=client_credentials&scope=read%3Asurveys+read%3Ausers')[1]
    assert answer['scope'] == 'read:surveys read:users'


def test_a_renewed_client_forgets_the_old_secret(box):
    old, bearer = box.client(), mint(box)[1]['access_token']
    assert box.renew_client() == box.client() != old
    assert mint(box, client=old)[0] == 401 and error(whoami(box, bearer)) == (401, 'DCD_7')
    assert mint(box)[0] == 200


def test_mints_have_their_limit(box):
    box.settings(endpoint_limits={'oauth_token': 2})
    assert [mint(box)[0] for _ in range(3)] == [200, 200, 429]


def test_a_mint_can_fail(box):
    box.fault('oauth_token', 'status', nth=1, status=503)
    assert [mint(box)[0] for _ in range(2)] == [503, 200]
