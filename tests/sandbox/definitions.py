"""survey-definitions, with `meta` first and 403 QMST_2.1 for a foreign id (API.md 5.4)."""

from __future__ import annotations

import time

import questions
from account import Survey, iso
from replies import ApiError, Reply, not_found, ok
from rows import make_id
from wire import Request

NEVER = '0000-00-00 00:00:00'


def _survey(box, ident: str) -> Survey:
    survey = box.account.surveys.get(ident)
    if survey is None or survey.forbidden or box.clock() < survey.found_from:
        more = {'notice': box.settings.notice} if box.settings.notice else {}
        raise ApiError(403, 'The operation is forbidden.', 'QMST_2.1', more=more)
    return survey


def _when(ms: int) -> str:
    """As a QSF has it; the plain document has ISO dates."""
    return time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(ms // 1000))


def _choices(shown: dict) -> dict:
    return {key: {'Display': value['choiceText'], **({'TextEntry': 'true'} if value.get('textEntry') else {})}
            for key, value in shown.items()}


def _lists(kind: dict, shown: dict) -> dict:
    """Choices and what goes with them: an array for NPS, fixed ones for timing and browser, rows and answers."""
    if kind['selector'] == 'NPS':
        return {'Choices': [{'Display': str(n)} for n in range(11)], 'ChoiceOrder': [str(n) for n in range(11)]}
    if kind['type'] in ('Timing', 'Meta'):
        entry = {'TextEntry': 1} if kind['type'] == 'Meta' else {}
        parts = questions.TIMING if kind['type'] == 'Timing' else questions.BROWSER
        return {'Choices': {str(n): {'Display': label, **entry} for n, (_, label) in enumerate(parts, 1)}}
    made: dict = {}
    lists = shown.get('subQuestions') or shown.get('choices')
    if lists:
        made |= {'Choices': _choices(lists), 'ChoiceOrder': list(lists)}
    if 'subQuestions' in shown and 'choices' in shown:
        made |= {'Answers': _choices(shown['choices']), 'AnswerOrder': list(shown['choices'])}
    recodes = {key: value['recode'] for key, value in shown.get('choices', {}).items() if value['recode'] != key}
    return made | ({'RecodeValues': recodes} if recodes else {})


def payload(qid: str, shown: dict) -> dict:
    """A question as the designer knows it; mixed types are the service's own."""
    kind = shown['questionType']
    made: dict = {'QuestionText': shown['questionText'], 'DefaultChoices': False,
                  'DataExportTag': shown['questionName'], 'QuestionType': kind['type'], 'Selector': kind['selector']}
    if kind['subSelector']:
        made['SubSelector'] = kind['subSelector']
    made.update({'Configuration': {'QuestionDescriptionOption': 'UseText'},
                 'QuestionDescription': shown['questionText'][:100]})
    made |= _lists(kind, shown)
    force = 'ON' if shown['validation']['doesForceResponse'] else 'OFF'
    made.update({'Validation': {'Settings': {'ForceResponse': force, 'ForceResponseType': 'ON', 'Type': 'None'}},
                 'GradingData': [], 'Language': [], 'NextChoiceId': len(made.get('Choices', ())) + 1,
                 'NextAnswerId': len(made.get('Answers', ())) + 1, 'QuestionID': qid})
    return made | shown.get('designer', {})


def _blocks(survey: Survey) -> list[dict]:
    return [{'Type': 'Default' if number == 0 else 'Standard', 'Description': block['description'], 'ID': ident,
             'BlockElements': [{'Type': 'Page Break'} if item['type'] == 'PageBreak' else
                               {'Type': 'Question', 'QuestionID': item['questionId']} for item in block['elements']]}
            for number, (ident, block) in enumerate(survey.blocks.items())]


def _flow(survey: Survey) -> dict:
    flow = [{'Type': 'Block', 'ID': ident, 'FlowID': f'FL_{number}', 'Autofill': []}
            for number, ident in enumerate(survey.blocks, 2)]
    if survey.embedded:
        fields = [{'Description': item['name'], 'Type': 'Custom', 'Field': item['name'], 'VariableType': 'String',
                   'DataVisibility': [], 'AnalyzeText': False, 'Value': item['defaultValue']}
                  for item in survey.embedded]
        flow.insert(0, {'Type': 'EmbeddedData', 'FlowID': f'FL_{len(flow) + 2}', 'EmbeddedData': fields})
    return {'Type': 'Root', 'FlowID': 'FL_1', 'Flow': flow, 'Properties': {'Count': len(flow) + 1,
                                                                          'RemovedFieldsets': []}}


def _options() -> dict:
    return {'BackButton': 'false', 'SaveAndContinue': 'true', 'SurveyProtection': 'PublicSurvey',
            'BallotBoxStuffingPrevention': 'false', 'NoIndex': 'Yes', 'SecureResponseFiles': 'true',
            'SurveyExpiration': 'None', 'SurveyTermination': 'DefaultMessage', 'Header': '', 'Footer': '',
            'ProgressBarDisplay': 'None', 'PartialData': '+1 week', 'ValidationMessage': '',
            'PreviousButton': ' ← ', 'NextButton': ' → ', 'SkinLibrary': 'sandbox', 'SkinType': 'MQ',
            'Skin': 'sandbox1', 'NewScoring': 1}


def qsf(survey: Survey) -> dict:
    """The result of ?format=qsf: SurveyEntry and SurveyElements."""
    if survey.qsf is not None:
        return survey.qsf
    status = 'Active' if survey.active else 'Inactive'
    entry = {'SurveyID': survey.id, 'SurveyName': survey.name, 'SurveyDescription': None,
             'SurveyOwnerID': survey.owner, 'SurveyBrandID': survey.organization, 'DivisionID': None,
             'SurveyLanguage': survey.languages[0], 'SurveyActiveResponseSet': make_id('RS_', survey.id),
             'SurveyStatus': status, 'SurveyStartDate': NEVER, 'SurveyExpirationDate': NEVER,
             'SurveyCreationDate': _when(survey.created), 'CreatorID': survey.owner,
             'LastModified': _when(survey.modified), 'LastAccessed': NEVER,
             'LastActivated': _when(survey.created) if survey.active else NEVER, 'Deleted': None}

    def element(kind: str, primary: str, secondary: str | None, third: str | None, load: object) -> dict:
        return {'SurveyID': survey.id, 'Element': kind, 'PrimaryAttribute': primary,
                'SecondaryAttribute': secondary, 'TertiaryAttribute': third, 'Payload': load}

    scoring = {'ScoringCategories': [], 'ScoringCategoryGroups': [], 'ScoringSummaryCategory': None,
               'ScoringSummaryAfterQuestions': 0, 'ScoringSummaryAfterSurvey': 0, 'DefaultScoringCategory': None,
               'AutoScoringCategory': None}
    preview = {'PreviewType': 'Brand', 'PreviewID': '2c333b20-e572-4a5a-8371-dd275de80bbc'}
    elements = [element('BL', 'Survey Blocks', None, None, _blocks(survey)),
                element('FL', 'Survey Flow', None, None, _flow(survey)),
                element('PL', 'Preview Link', None, None, preview),
                element('SO', 'Survey Options', None, None, _options()),
                element('SCO', 'Scoring', None, None, scoring),
                element('PROJ', 'CORE', None, '1.1.0', {'ProjectCategory': 'CORE', 'SchemaVersion': '1.1.0'}),
                element('STAT', 'Survey Statistics', None, None, {'MobileCompatible': False,
                                                                  'ID': 'Survey Statistics'}),
                element('QC', 'Survey Question Count', str(len(survey.questions)), None, None)]
    elements += [element('SQ', qid, shown['questionText'][:100], None, payload(qid, shown))
                 for qid, shown in survey.questions.items()]
    elements.append(element('RS', make_id('RS_', survey.id), 'Default Response Set', None, None))
    return {'SurveyEntry': entry, 'SurveyElements': elements}


def document(survey: Survey) -> dict:
    """The plain form: ISO dates, null for never, and the options hold some of what QSF has in its entry."""
    active = iso(survey.created) if survey.active else None
    options = {**_options(), 'SurveyLanguage': survey.languages[0], 'ActiveResponseSet': make_id('RS_', survey.id),
               'SurveyStartDate': survey.expiration['startDate'],
               'SurveyExpirationDate': survey.expiration['endDate'], 'SurveyCreationDate': iso(survey.created)}
    asked = {qid: {**payload(qid, shown), 'QuestionText_Unsafe': shown['questionText']}
             for qid, shown in survey.questions.items()}
    return {'QuestionCount': str(len(survey.questions)), 'SurveyOptions': options, 'SurveyID': survey.id,
            'SurveyName': survey.name, 'SurveyStatus': 'Active' if survey.active else 'Inactive',
            'LastModified': iso(survey.modified), 'BrandID': survey.organization, 'OwnerID': survey.owner,
            'LastAccessed': None, 'CreatorID': survey.owner, 'LastActivated': active, 'Questions': asked,
            'Blocks': {block['ID']: block for block in _blocks(survey)}, 'SurveyFlow': _flow(survey),
            'Scoring': {}, 'ProjectInfo': {'ProjectCategory': 'CORE'}, 'ResponseSets': {}}


def get(box, request: Request, args: dict) -> Reply:
    survey = _survey(box, args['survey'])
    if request.query.get('format') == 'qsf':
        return ok(qsf(survey), meta_first=True)
    return ok(document(survey), meta_first=True)


def part(box, request: Request, args: dict) -> Reply:
    """questions, questions/{id}, flow, options, metadata."""
    survey = _survey(box, args['survey'])
    name, ident = args['part'], args.get('one')
    loads = list(document(survey)['Questions'].values())
    if name == 'questions' and ident:
        found = next((load for load in loads if load['QuestionID'] == ident), None)
        if found is None:
            raise not_found('Question not found.')
        return ok(found, meta_first=True)
    parts = {'questions': {'elements': loads, 'nextPage': None}, 'flow': _flow(survey), 'options': _options(),
             'metadata': {'SurveyName': survey.name, 'SurveyDescription': None,
                          'SurveyStatus': 'Active' if survey.active else 'Inactive'}}
    if name not in parts or ident:
        raise not_found('Not found.')
    return ok(parts[name], meta_first=True)
