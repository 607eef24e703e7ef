"""whoami, the list of surveys, one survey, quotas, languages (API.md 5.1 to 5.4, 9). New ones are survey_imports.py."""

from __future__ import annotations

from account import Survey, iso, now_ms
from replies import ABSENT, ApiError, Reply, json_body, ok, page
from rows import make_id
from wire import Request


def allowed(box, ident: str) -> Survey:
    """The survey of an id; 404 GSI_2 if there is none, 403 if the token lost it."""
    survey = box.account.surveys.get(ident)
    if survey is None or box.clock() < survey.found_from:
        raise ApiError(404, 'Survey not found.', 'GSI_2', ABSENT)
    if survey.forbidden:
        raise ApiError(box.settings.forbidden_status, 'The operation is forbidden.', 'SANDBOX_403')
    return survey


def whoami(box, request: Request, args: dict) -> Reply:
    return ok(dict(box.account.user), id_first=True)


def summary(survey: Survey) -> dict:
    return {'id': survey.id, 'name': survey.name, 'ownerId': survey.owner, 'lastModified': iso(survey.modified),
            'creationDate': iso(survey.created), 'isActive': survey.active}


def list_surveys(box, request: Request, args: dict) -> Reply:
    with box.account.lock:
        now = box.clock()
        shown = [survey for survey in box.account.surveys.values() if survey.listed and now >= survey.listed_from]
    return ok(page(box, request, shown, summary, token=request.query.get('useNewPaginationScheme') == 'true'))


def export_column_map(survey: Survey) -> dict:
    """Tags and what they are made of; a repeated tag keeps one entry, as an object must."""
    made: dict = {}
    for qid in survey.question_order():
        shown = survey.questions[qid]
        tag = shown['questionName']
        for key, sub in shown.get('subQuestions', {}).items():
            made[f'{tag}_{key}'] = {'question': qid, 'subQuestion': f'{qid}.subQuestions.{key}'}
        if 'subQuestions' in shown:
            continue
        many = shown['questionType']['type'] == 'MC' and shown['questionType']['selector'].startswith('M')
        if many or shown['questionType']['selector'] == 'FORM':
            for key in shown['choices']:
                made[f'{tag}_{key}'] = {'question': qid, 'choice': f'{qid}.choices.{key}'}
        elif shown['questionType']['type'] != 'DB':
            made[tag] = {'question': qid}
    return made


def document(survey: Survey) -> dict:
    """The result of GET /surveys/{id}, members as recorded."""
    shown = {'id': survey.id, 'name': survey.name, 'ownerId': survey.owner, 'organizationId': survey.organization,
             'isActive': survey.active, 'creationDate': iso(survey.created),
             'lastModifiedDate': iso(survey.modified), 'expiration': survey.expiration,
             'questions': survey.questions, 'exportColumnMap': export_column_map(survey), 'blocks': survey.blocks,
             'flow': survey.flow, 'embeddedData': survey.embedded, 'comments': {}, 'loopAndMerge': {
                 ident: {'columnNames': {}, 'loopAndMergeSettings': {'staticTimes': times}}
                 for ident, times in survey.loops.items()},
             'responseCounts': survey.counts()}
    shown.update(survey.more)
    return shown


def get_survey(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    with survey.lock:
        return ok(document(survey))


def quotas(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    counts = survey.counts()
    items = [] if survey.base < 1000 else [
        {'id': make_id('QO_', survey.id, name), 'name': name, 'count': counts['auditable'] // share, 'quota': 100_000,
         'logicType': kind, 'combinations': [] if kind == 'Simple' else [
             {'name': f'{name}, {part}', 'count': counts['auditable'] // share // 2, 'quota': 50_000}
             for part in ('North', 'South')]}
        for name, share, kind in (('Women', 2, 'Simple'), ('Under 30', 5, 'Cross'))]
    return ok(page(box, request, items, dict))


def languages(box, request: Request, args: dict) -> Reply:
    return ok({'AvailableLanguages': list(allowed(box, args['survey']).languages)})


def delete(box, request: Request, args: dict) -> Reply:
    survey = allowed(box, args['survey'])
    with box.account.lock:
        box.account.surveys.pop(survey.id, None)
    return ok()


def update(box, request: Request, args: dict) -> Reply:
    """PUT: name, isActive, expiration, ownerId, all optional; only meta comes back."""
    survey = allowed(box, args['survey'])
    body = json_body(request)
    for member, attribute in (('name', 'name'), ('isActive', 'active'), ('expiration', 'expiration'),
                              ('ownerId', 'owner')):
        if member in body:
            setattr(survey, attribute, body[member])
    survey.modified = now_ms()
    return ok()


