"""Distributions, their links and history (API.md 6)."""

from __future__ import annotations

from replies import Reply, bad, not_found, ok, page, page_size
from wire import Request


def _found(box, ident: str) -> dict:
    found = box.account.distributions.get(ident)
    if found is None:
        raise not_found('Distribution not found.', 'GED_3')
    return found


def list_all(box, request: Request, args: dict) -> Reply:
    survey = request.query.get('surveyId')
    if not survey:
        raise bad('Invalid request. Missing or invalid parameter surveyId')
    items = [item['element'] for item in box.account.distributions.values()
             if item['element']['surveyLink']['surveyId'] == survey]
    kind = request.query.get('distributionRequestType')
    wanted = request.query.get('mailingListId')
    items = [item for item in items if (kind is None or item['requestType'] == kind)
             and (wanted is None or item['recipients']['mailingListId'] == wanted)]
    return ok(page(box, request, items, dict, token=True, size=page_size(box, request)))


def get(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['distribution'])
    if request.query.get('surveyId') != found['element']['surveyLink']['surveyId']:
        raise bad('Invalid request. Missing or invalid parameter surveyId')
    return ok({**found['element'], 'message': {**found['element']['message'], 'messageText': None}})


def links(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['distribution'])
    if request.query.get('surveyId') != found['element']['surveyLink']['surveyId']:
        raise bad('Invalid request. Missing or invalid parameter surveyId')
    return ok(page(box, request, found['links'], dict, token=True, size=page_size(box, request)))


def history(box, request: Request, args: dict) -> Reply:
    found = _found(box, args['distribution'])
    return ok(page(box, request, found['history'], dict, token=True, size=page_size(box, request)), id_first=True)


def element(ident: str, survey: str, owner: str, brand: str, mailing_list: str | None, sent: int, created: str) -> dict:
    """A distribution as the list shows it."""
    return {'id': ident, 'parentDistributionId': None, 'ownerId': owner, 'organizationId': brand,
            'requestStatus': 'Done', 'requestType': 'Invite', 'sendDate': created, 'createdDate': created,
            'modifiedDate': created,
            'headers': {'fromEmail': 'noreply@qemailserver.example', 'replyToEmail': 'team@example.com',
                        'fromName': 'Research team'},
            'recipients': {'mailingListId': mailing_list, 'contactId': None, 'libraryId': owner, 'sampleId': None},
            'message': {'libraryId': owner, 'messageId': 'MS_0000000000000001', 'messageType': 'Library'},
            'surveyLink': {'surveyId': survey, 'expirationDate': None, 'linkType': 'Individual'},
            'stats': {'sent': sent, 'failed': 0, 'started': sent // 2, 'bounced': sent // 50, 'opened': sent * 2 // 3,
                      'skipped': 0, 'finished': sent // 3, 'complaints': 0, 'blocked': 0},
            'embeddedData': None}


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


