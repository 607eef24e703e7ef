"""Lifelike data, the same at each start: surveys of 0, 14, 2,000 and 100,000 responses, people, lists, mailings."""

from __future__ import annotations

import distributions
from account import Account, Survey, iso
from directory import Directory, MailingList
from legacy_lists import OldPeople
from people import Members
from questions import choice, question
from rows import ALPHABET, make_id

DAY = 86_400_000
T0 = 1_704_067_200_000          # 2024-01-01
BRAND = 'sandbox'
USER = 'UR_sandboxOwner001'
COLLEAGUE = 'UR_sandboxOther002'
LONG_HTML = ('<div style="font-family:Arial,sans-serif;font-size:14px;"><p>Please read each statement carefully '
             'and say how far you agree with it. There are <strong>no right or wrong answers</strong>; we are '
             'interested in your own view.</p>\n<p>Item {}: {}</p></div>')
STATEMENTS = ('I feel at ease here.', 'My work is valued, and I am told so.', 'I know whom to ask.',
              'The tools I need are there', 'I could recommend this place to a friend', 'Meetings begin on time',
              'I learn something every week', 'My pay is fair; my colleagues\' pay too', 'The canteen is "good"',
              'I can say what I think')
AGREE = [choice(5, 'Strongly agree'), choice(4, 'Somewhat agree'), choice(3, 'Neither agree nor disagree'),
         choice(2, 'Somewhat disagree'), choice(1, '<b>Strongly</b> disagree')]


def make_survey(ident: str, name: str, questions: list, count: int, created: int, *, modified: int | None = None,
            languages: tuple = ('EN',), step: int = 3_600_000, **more) -> Survey:
    made = {f'QID{number}': item for number, item in enumerate(questions, 1)}
    halves = [list(made)[:len(made) // 2 + 1], list(made)[len(made) // 2 + 1:]]
    blocks = {}
    for number, part in enumerate(half for half in halves if half):
        elements: list[dict] = []
        for qid in part:
            elements += [{'type': 'Question', 'questionId': qid}, {'type': 'PageBreak'}]
        blocks[make_id('BL_', ident, number)] = {'description': f'Block {number + 1}', 'elements': elements[:-1]}
    flow = [{'type': 'Group', 'flow': [{'type': 'EmbeddedData'}]}] + [
        {'id': block, 'type': 'Block'} for block in blocks]
    return Survey(ident, name, USER, BRAND, created, modified or created + 3 * DAY, made, blocks, flow,
                  languages=languages, base=count, step=step, **more)


def customer_questions() -> list:
    """One question of nearly every kind."""
    return [
        question('MC', 'SAVR', 'TX', 'How did you hear of us?', 'Source', force=True, randomize=True, choices=[
            'A friend', 'Search engine', '<span style="color:#8e44ad">Advert</span>',
            choice(4, 'Somewhere else', entry=True)]),
        question('MC', 'MAVR', 'TX', 'Which of these do you use?\nTick all that apply.', 'Uses', choices=[
            'The shop', 'The app', 'The "hotline"', 'E-mail, letters', choice(-1, 'None of these')]),
        question('MC', 'NPS', None, 'How likely are you to recommend us to a friend or colleague?', 'NPS'),
        question('Matrix', 'Likert', 'SingleAnswer', 'How far do you agree?', 'Agree', choices=AGREE,
                 rows=['Delivery was quick', 'Staff were kind', 'The price, all in all, is fair']),
        question('Matrix', 'Likert', 'MultipleAnswer', 'When do you use what?', 'When',
                 choices=['Morning', 'Noon', 'Night'], rows=['Shop', 'App']),
        question('TE', 'ESTB', None, 'What could we do <em>better</em>?', 'Better'),
        question('TE', 'FORM', None, 'Your details', 'Details', choices=['Town', 'Postal code']),
        question('Slider', 'HSLIDER', None, 'How warm do you feel towards us?', 'Warm', choices=['Warmth']),
        question('DB', 'TB', None, '<p>Nearly done. Thank you!</p>', 'Thanks'),
        question('Timing', 'PageTimer', None, 'Timing', 'Timer'),
        question('Meta', 'Browser', None, 'Browser Meta Info', 'Browser')]


def small_questions() -> list:
    return [question('MC', 'SAHR', 'TX', 'Are you well?', 'Q1', choices=['Yes', 'No']),
            question('TE', 'SL', None, 'Why?', 'Q2')]


def large_questions(count: int) -> list:
    """A long questionnaire: its GET is about 230 KB."""
    return [question('MC', 'SAVR', 'TX', LONG_HTML.format(i, STATEMENTS[i % 10]), f'S{i}', choices=AGREE)
            for i in range(1, count + 1)]


def wide_questions() -> list:
    """Twenty columns for the survey of 100,000."""
    return [question('MC', 'SAVR', 'TX', 'Your age group', 'Age', choices=['18-29', '30-44', '45-64', '65+']),
            question('MC', 'MAVR', 'TX', 'Which media?', 'Media', choices=['Paper', 'Radio', 'Television', 'Web']),
            question('Matrix', 'Likert', 'SingleAnswer', 'How far do you agree?', 'A', choices=AGREE,
                     rows=list(STATEMENTS[:6])),
            question('MC', 'NPS', None, 'Recommend?', 'NPS'),
            question('TE', 'ML', None, 'Anything else?', 'Open')]


def repeated_tags() -> list:
    """Export tags 1 to 3, each twice (issue qualtRics#176)."""
    return [question('MC', 'SAVR', 'TX', f'Part {part}: {text}', str(number), choices=['Never', 'Sometimes', 'Always'])
            for part in (1, 2) for number, text in enumerate(('I read', 'I write', 'I count'), 1)]


def small_survey(ident: str, name: str, account: Account, count: int, created: int | None = None,
                 modified: int | None = None) -> Survey:
    """Two questions; for what tests add."""
    created = T0 if created is None else created
    made = make_survey(ident, name, small_questions(), count, created, modified=modified, step=60_000)
    made.owner, made.organization = account.user_id, account.brand
    return made


def _filters(ident: str) -> list:
    return [{'filterId': _uuid(ident, name), 'filterName': name, 'creationDate': iso(T0 + DAY), 'status': status}
            for name, status in (('Finished / complete', None), ('Previews only', '1'))]


def _uuid(*words: str) -> str:
    source = make_id('', *words) + make_id('', *words, 'more') + '00'
    letters = ''.join(f'{ALPHABET.index(c) % 16:x}' for c in source)
    return f'{letters[:8]}-{letters[8:12]}-4{letters[13:16]}-8{letters[17:20]}-{letters[20:32]}'


def surveys() -> list[Survey]:
    embedded = [{'name': 'cong.first_name', 'defaultValue': None}, {'name': 'SolutionRevision', 'defaultValue': '2'},
                {'name': 'Source channel', 'defaultValue': 'web, direct'}]
    made = [
        make_survey('SV_demoEmpty000001', 'Exit interview (draft)', small_questions(), 0, T0 + 400 * DAY, active=False),
        make_survey('SV_demoSmall000014', 'Team lunch 🍜 / Mittagessen', repeated_tags(), 14, T0 + 300 * DAY),
        make_survey('SV_demoCustomers02', 'Customer satisfaction 2026', customer_questions(), 2000, T0 + 90 * DAY,
                languages=('EN', 'DE', 'ES'), embedded=embedded, unfinished=9, filters=_filters('customers')),
        make_survey('SV_demoPanel100000', 'Panel wave 7: Größe & Gewicht', wide_questions(), 100_000, T0,
                languages=('DE', 'EN', 'ES'), step=600_000, unfinished=120, filters=_filters('panel')),
        make_survey('SV_demoStaff000200', 'Staff survey', large_questions(150), 200, T0 + 200 * DAY, anonymous=True,
                languages=('EN', 'ES')),
        make_survey('SV_demoStaff000201', 'Staff survey', small_questions(), 37, T0 + 210 * DAY, languages=('EN', 'DE'))]
    made[-1].owner = COLLEAGUE
    return made


def _directories(people: int) -> dict:
    main = Directory('POOL_demoMain0000001', 'Default directory', True, people, T0)
    spare = Directory('POOL_demoSpare000002', 'Old people / archive')
    for ident, name, numbers in (('CG_demoCustomers001', 'Customers', range(1200)),
                                 ('CG_demoStaff0000002', 'Staff / Équipe', range(1200, 1430)),
                                 ('CG_demoPilot0000003', 'Pilot', range(0, 5000, 1000)),
                                 ('CG_demoEmpty0000004', 'Nobody yet', range(0))):
        members = Members(main.contacts, ident, range(*slice(numbers.start, numbers.stop, numbers.step).indices(people)))
        main.lists[ident] = MailingList(ident, name, USER, T0 + DAY, T0 + 2 * DAY, members)
    return {main.id: main, spare.id: spare}


def mailing(account: Account, directory: Directory, list_id: str, survey: str, ident: str, created: int,
            **more) -> dict:
    """A distribution to everybody on a list, with links and history; more: as distributions.element()."""
    members = directory.lists[list_id].members.everyone()[:]
    host = f'{account.brand}.az1.qualtrics.example'
    people = [(directory.contacts.get(cid), member['lookup']) for cid, member in members]
    return {'element': distributions.element(ident, survey, account.user_id, account.brand, list_id, len(people),
                                             iso(created), **more),
            'links': [distributions.link_of(survey, ident, item, lookup, host) for item, lookup in people],
            'history': [distributions.history_of(survey, ident, item, lookup, host, number)
                        for number, (item, lookup) in enumerate(people)]}


def _distributions(account: Account) -> None:
    directory = account.directories['POOL_demoMain0000001']
    for ident, survey, name, days, more in (
            ('EMD_demoInvite00001', 'SV_demoCustomers02', 'CG_demoCustomers001', 95, {'subject': 'Five minutes, please'}),
            ('EMD_demoInvite00002', 'SV_demoCustomers02', 'CG_demoPilot0000003', 99, {
                'requestType': 'Reminder', 'requestStatus': 'complete', 'linkType': 'Anonymous',
                'parentDistributionId': 'EMD_demoInvite00001'}),
            ('EMD_demoInvite00003', 'SV_demoStaff000201', 'CG_demoStaff0000002', 220, {
                'requestType': 'GeneratedInvite', 'requestStatus': 'Generated'})):
        account.distributions[ident] = mailing(account, directory, name, survey, ident, T0 + days * DAY, **more)


def legacy_list(ident: str, name: str, count: int, owner: str) -> dict:
    return {'element': {'libraryId': owner, 'id': ident, 'name': name, 'category': 'Unassigned',
                        'folder': '/Uncategorized'}, 'contacts': OldPeople(count, ident)}


def _legacy() -> dict:
    return {ident: legacy_list(ident, name, count, USER) for ident, name, count in (
        ('ML_demoOld00000001', 'Old list', 7), ('ML_demoOld00000002', 'Older / list', 0))}


def empty_account(user: str = USER, brand: str = BRAND) -> Account:
    return Account({'brandId': brand, 'userId': user, 'userName': 'ada@example.com', 'accountType': 'UT_BRANDADMIN',
                    'firstName': 'Ada', 'lastName': 'Müller', 'email': 'ada@example.com', 'datacenter': 'az1',
                    'language': 'en'}, brand)


def account(people: int = 5000) -> Account:
    made = empty_account()
    made.surveys = {survey.id: survey for survey in surveys()}
    made.directories = _directories(people)
    made.legacy_lists = _legacy()
    _distributions(made)
    return made
