"""Distributions, their links and history (API.md 6)."""

from __future__ import annotations

from collections.abc import Callable

from params import epoch_ms
from replies import ApiError, Reply, bad, not_found, ok, page, page_size
from wire import Request

TYPES = ('Invite', 'ThankYou', 'Reminder', 'Email', 'Portal', 'PortalInvite', 'GeneratedInvite')


def _found(box, ident: str) -> dict:
    found = box.account.distributions.get(ident)
    if found is None:
        raise not_found('Distribution not found.', 'GED_3')
    return found


def _survey(box, request: Request, ident: str | None = None) -> str:
    """The surveyId that must be given, of the survey the distribution is of."""
    survey = request.query.get('surveyId')
    if not survey or ident not in (None, survey):
        raise bad('Invalid request. Missing or invalid parameter surveyId')
    found = box.account.surveys.get(survey)
    if found is not None and found.forbidden:
        raise ApiError(box.settings.forbidden_status, 'The operation is forbidden.', 'SANDBOX_403')
    return survey


def _between(request: Request) -> Callable[[dict], bool]:
    """sendStartDate and sendEndDate."""
    bounds = {}
    for name in ('sendStartDate', 'sendEndDate'):
        try:
            bounds[name] = epoch_ms(request.query[name]) if name in request.query else None
        except ValueError:
            raise bad(f'Invalid request. Missing or invalid parameter {name}') from None
    start, end = bounds.values()
    return lambda item: ((start is None or epoch_ms(item['sendDate']) >= start)
                         and (end is None or epoch_ms(item['sendDate']) < end))


def list_all(box, request: Request, args: dict) -> Reply:
    survey = _survey(box, request)
    kind = request.query.get('distributionRequestType')
    if kind is not None and kind not in TYPES:
        raise bad('Invalid request. Missing or invalid parameter distributionRequestType')
    wanted, between = request.query.get('mailingListId'), _between(request)
    items = [item['element'] for item in box.account.distributions.values()
             if item['element']['surveyLink']['surveyId'] == survey]
    items = [item for item in items if kind in (None, item['requestType'])
             and wanted in (None, item['recipients']['mailingListId']) and between(item)]
    return ok(page(box, request, items, lambda item: shown(box, item), token=True, size=page_size(box, request)))


def shown(box, item: dict) -> dict:
    """An element; with the knob as sparse as some real ones (API.md 10.30)."""
    if not box.settings.sparse_distributions:
        return item
    link = {name: value for name, value in item['surveyLink'].items() if name != 'surveyId'}
    return {name: value for name, value in item.items() if name not in ('embeddedData', 'parentDistributionId')} | {
        'surveyLink': link, 'headers': {name: value for name, value in item['headers'].items() if name != 'subject'}}


def get(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['distribution'])['element']
    _survey(box, request, found['surveyLink']['surveyId'])
    return ok({**shown(box, found), 'message': {**found['message'], 'messageText': None}})


def links(box, request: Request, args: dict) -> Reply:
    """skipToken is the last contact's id."""
    found = _found(box, args['distribution'])
    _survey(box, request, found['element']['surveyLink']['surveyId'])
    form = (lambda item: item) if box.settings.link_unsubscribed == 'boolean' else (
        lambda item: {**item, 'unsubscribed': '1' if item['unsubscribed'] else '0'})
    return ok(page(box, request, found['links'], form, token=True, size=page_size(box, request), key='contactId'))


def history(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['distribution'])
    return ok(page(box, request, found['history'], dict, token=True, size=page_size(box, request)), id_first=True)


def element(ident: str, survey: str, owner: str, brand: str, mailing_list: str | None, sent: int, created: str,
            **more) -> dict:
    """A distribution as the list shows it. more: members of the element instead, subject and linkType."""
    link = {'surveyId': survey, 'expirationDate': None, 'linkType': more.pop('linkType', 'Individual')}
    headers = {'fromEmail': 'noreply@qemailserver.example', 'replyToEmail': 'team@example.com',
               'fromName': 'Research team'}
    if 'subject' in more:
        headers['subject'] = more.pop('subject')
    return {'id': ident, 'parentDistributionId': None, 'ownerId': owner, 'organizationId': brand,
            'requestStatus': 'Done', 'requestType': 'Invite', 'sendDate': created, 'createdDate': created,
            'modifiedDate': created, 'headers': headers,
            'recipients': {'mailingListId': mailing_list, 'contactId': None, 'libraryId': owner, 'sampleId': None},
            'message': {'libraryId': owner, 'messageId': 'MS_0000000000000001', 'messageType': 'Library'},
            'surveyLink': link,
            'stats': {'sent': sent, 'failed': 0, 'started': sent // 2, 'bounced': sent // 50, 'opened': sent * 2 // 3,
                      'skipped': 0, 'finished': sent // 3, 'complaints': 0, 'blocked': 0},
            'embeddedData': None} | more


def link_of(survey: str, distribution: str, contact: dict, lookup: str, host: str) -> dict:
    return {'contactId': contact['contactId'], 'transactionId': None,
            'link': f'http://{host}/jfe/form/{survey}?Q_CHL=gl&Q_DL={distribution[4:]}_{survey[3:]}_{lookup}',
            'exceededContactFrequency': False, 'linkExpiration': '2027-12-31T00:00:00Z', 'status': 'Email not sent',
            'lastName': contact['lastName'], 'firstName': contact['firstName'],
            'externalDataReference': contact['extRef'], 'email': contact['email'],
            'unsubscribed': contact['unsubscribed']}


def history_of(survey: str, distribution: str, contact: dict, lookup: str, host: str, number: int) -> dict:
    status = ('SurveyFinished', 'Success', 'Opened', 'SurveyStarted', 'SoftBounce')[number % 5]
    done = status == 'SurveyFinished'
    started = done or status == 'SurveyStarted'
    return {'contactId': contact['contactId'], 'contactLookupId': lookup, 'distributionId': distribution,
            'status': status,
            'surveyLink': f'http://{host}/jfe/form/{survey}?Q_CHL=email&Q_DL={distribution}_{survey[3:]}_{lookup}',
            'contactFrequencyRuleId': None, 'responseId': 'R_' + contact['contactId'][4:] if done else None,
            'responseCompletedAt': '2026-03-02T10:15:00Z' if done else None, 'sentAt': '2026-03-01T09:00:00.123Z',
            'openedAt': '2026-03-01T12:30:00.000Z' if status != 'Success' else None,
            'responseStartedAt': '2026-03-02T10:11:00.000Z' if started else None,
            'surveySessionId': 'FS_' + contact['contactId'][4:] if started else None}


