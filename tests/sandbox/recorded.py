"""An account with the objects of the recorded exchanges, for replaying them (shared/recorded).

With the folder of recordings at hand the surveys, their questions and their responses are those recorded; without it
the same ids stand for made-up data of the same form.
"""

from __future__ import annotations

import calendar
import csv
import io
import json
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import demo
import distributions
import rows
from account import Account, Survey
from columns import METADATA, STATUS_LABELS
from legacy_lists import legacy_contact
from questions import question

OWNER = 'UR_8wfG5qsMxuh0Jrn'
BESKAR = 'SV_3gbwq8aJgqPwQDP'
ZONE = 'America/Denver'
OTHERS = (('SV_56icaa9YAafpAqx', 'Cats Can Have a Little Salami', '2020-02-11T03:34:45Z', '2020-02-11T04:05:01Z'),
          ('SV_5BJRo2RGHajIlOB', 'Sourdough Bread', '2020-03-29T20:33:12Z', '2020-03-29T20:48:44Z'),
          ('SV_ezYI0F3V9K5Tr3D', 'Priorities for tidymodels', '2020-04-23T18:23:25Z', '2020-05-06T19:18:36Z'))


def epoch(text: str) -> int:
    return calendar.timegm(time.strptime(text, '%Y-%m-%dT%H:%M:%SZ')) * 1000


def _local(text: str, zone: ZoneInfo) -> int:
    import datetime
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def from_document(shown: dict) -> Survey:
    """A survey from the result of a GET /surveys/{id}."""
    return Survey(shown['id'], shown['name'], shown['ownerId'], shown['organizationId'],
                  epoch(shown['creationDate']), epoch(shown['lastModifiedDate']), shown['questions'], shown['blocks'],
                  shown['flow'], shown['embeddedData'], active=shown['isActive'], expiration=shown['expiration'])


def load_csv(survey: Survey, data: bytes, zone: str) -> None:
    """Responses from a CSV exported with labels."""
    table = list(csv.reader(io.StringIO(data.decode(), newline='')))
    idents = [json.loads(cell)['ImportId'] for cell in table[2]]
    places = {item.ident: item for item in METADATA}
    slots = {slot.name: (place, slot) for place, slot in enumerate(survey.slots)}
    codes = {label: code for code, label in STATUS_LABELS.items()}
    where = ZoneInfo(zone)
    for line in table[3:]:
        row: list = [''] * rows.FIELDS + [None] * len(survey.slots)
        for ident, text in zip(idents, line):
            if ident in slots:
                place, slot = slots[ident]
                keys = {label: key for key, (_, label, _) in slot.choices.items()}
                row[rows.FIELDS + place] = keys.get(text, text) if text else None
            elif ident.endswith('Date'):
                row[places[ident].place] = _local(text, where)
            elif ident in ('status', 'finished'):
                row[places[ident].place] = codes[text] if ident == 'status' else text == 'True'
            else:
                row[places[ident].place] = text
        row[rows.MODIFIED] = row[rows.RECORDED]
        survey.edits[survey.total] = row
        survey.total += 1
        survey.generated += row[rows.STATUS] != '0'
    survey.last_recorded = max((row[rows.RECORDED] for row in survey.edits.values()), default=survey.created)


def _result(folder: Path, name: str, number: int = 0) -> dict:
    stored = json.loads((folder / f'{name}.json').read_text())['interactions'][number]['response']['body']
    return json.loads(stored)['result']


def _beskar(folder: Path | None) -> Survey:
    if folder is None:
        made = demo.make_survey(BESKAR, 'Beskar Armor', [], 0, epoch('2020-02-20T00:35:40Z'),
                            embedded=[{'name': 'SolutionRevision', 'defaultValue': '2'}])
        choices = ['daily', 'weekly', 'monthly', 'less often', 'do not use']
        made.questions = {f'QID{n}': question('MC', 'SAVR', 'TX', f'Question {n}?', f'Q{n}', choices=choices)
                          for n in (63, 16, 17, 18)}
        made.questions |= {f'QID{n}': question('TE', 'ESTB', None, f'Question {n}?', f'Q{n}') for n in (19, 22)}
        made.append(44, recorded=made.created)
        return made
    made = from_document(_result(folder, 'survey_get'))
    load_csv(made, (folder / 'bodies' / 'fetch_survey_2025_8.csv').read_bytes(), ZONE)
    return made


def _definition(folder: Path | None) -> Survey:
    ident = 'SV_6s93xhVtm1e4j3v'
    made = demo.make_survey(ident, 'API TEST PROJECT', demo.customer_questions(), 3, epoch('2019-03-07T23:12:17Z'))
    if folder is not None:
        made.qsf = _result(folder, 'survey_definitions_qsf')
    made.listed = False
    return made


def _mailings(made: Account) -> None:
    survey, mailing, person = 'SV_06PSFx0kpItCz0q', 'EMD_RmjB8Gfpjlki6ms', 'CID_6RkMIPKLVnNn197'
    lookup = 'MLRP_elBa85GU65DunKC'
    contact = {'contactId': person, 'lastName': None, 'firstName': None, 'extRef': None,
               'email': 'person001@example.com', 'unsubscribed': False}
    host = 'examplebrand.az1.qualtrics.com'
    history = {**distributions.history_of(survey, mailing, contact, lookup, host, 3),
               'surveySessionId': 'FS_3HS5kKiC5bhRMpO'}
    made.distributions[mailing] = {
        'element': distributions.element(mailing, survey, OWNER, 'conjoint', None, 1, '2021-06-01T18:59:23Z'),
        'links': [distributions.link_of(survey, mailing, contact, lookup, host)], 'history': [history]}


def _legacy(folder: Path | None) -> dict:
    made = {}
    for ident, name in (('ML_3kszNEnMWzZA1gN', 'Best sourdough bread bakers'),
                        ('ML_6xLATuSWeOcGWyh', 'Cats I have known and loved'),
                        ('ML_0APx3C4rmHER6w5', 'Panel name'), ('ML_bC2c5xBz1DxyOYB', 'Panel name')):
        made[ident] = demo.legacy_list(ident, name, 0, OWNER)
    made['ML_6xLATuSWeOcGWyh']['contacts'].more += (
        _result(folder, 'legacy_mailinglist_contacts')['elements'] if folder else
        [legacy_contact('MLRP_6QXn89m96OXMZ8h', {'firstName': 'Lucy', 'lastName': 'Pumpkin',
                                                 'email': 'person006@example.com'})])
    return made


def account(path: str | None) -> Account:
    folder = Path(path) if path and Path(path).is_dir() else None
    made = demo.empty_account(OWNER, 'conjoint')
    beskar = _beskar(folder)
    for survey in (beskar, *(demo.make_survey(ident, name, demo.small_questions(), 5, epoch(created),
                                          modified=epoch(modified)) for ident, name, created, modified in OTHERS)):
        survey.owner = OWNER
        made.surveys[survey.id] = survey
    bare = Survey('SV_0fEV92PdRg8a2e9', 'test', OWNER, 'conjoint', epoch('2016-04-01T09:12:05Z'),
                  epoch('2016-04-06T15:04:28Z'), listed=False)
    for survey in (bare, _definition(folder)):
        made.surveys[survey.id] = survey
    _mailings(made)
    made.legacy_lists = _legacy(folder)
    return made
