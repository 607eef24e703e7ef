"""The parameter check of an export: every name, type and exclusion of API.md 3.2."""

from __future__ import annotations

import datetime
import re
import uuid

from replies import ApiError

FORMATS = ('csv', 'tsv', 'json', 'ndjson', 'spss', 'xml')
DEFAULTS: dict[str, object] = {
    'format': 'csv', 'compress': True, 'startDate': None, 'endDate': None, 'limit': None, 'useLabels': False,
    'includeLabelColumns': False, 'breakoutSets': True, 'seenUnansweredRecode': None,
    'multiselectSeenUnansweredRecode': None, 'includeDisplayOrder': False, 'formatDecimalAsComma': False,
    'timeZone': None, 'newlineReplacement': None, 'questionIds': None, 'embeddedDataIds': None,
    'surveyMetadataIds': None, 'filterId': None, 'exportResponsesInProgress': False, 'sortByLastModifiedDate': False,
    'allowContinuation': False, 'continuationToken': None, 'includeWaveWeights': False}
BOOLEANS = frozenset(name for name, value in DEFAULTS.items() if isinstance(value, bool))
INTEGERS = frozenset(('limit', 'seenUnansweredRecode', 'multiselectSeenUnansweredRecode'))
DATES = frozenset(('startDate', 'endDate'))
ARRAYS = frozenset(('questionIds', 'embeddedDataIds', 'surveyMetadataIds'))
NOT_FOR_JSON = ('useLabels', 'breakoutSets', 'seenUnansweredRecode', 'multiselectSeenUnansweredRecode',
                'includeDisplayOrder', 'formatDecimalAsComma', 'timeZone', 'newlineReplacement')
ZONES = frozenset('''Pacific/Midway Pacific/Honolulu America/Anchorage America/Los_Angeles America/Phoenix
America/Denver America/Chicago America/New_York Canada/Atlantic Canada/Newfoundland America/La_Paz America/Montevideo
America/Argentina/Buenos_Aires America/Noronha Atlantic/Azores Atlantic/Cape_Verde Atlantic/Reykjavik Europe/London
Europe/Berlin Europe/Athens Europe/Moscow Africa/Bangui Africa/Harare Africa/Nairobi Asia/Tehran Asia/Muscat Asia/Baku
Asia/Kabul Asia/Yekaterinburg Asia/Karachi Asia/Calcutta Asia/Katmandu Asia/Dhaka Asia/Novosibirsk Asia/Rangoon
Asia/Yakutsk Asia/Seoul Australia/Adelaide Australia/Brisbane Australia/Canberra Asia/Magadan Pacific/Auckland
Pacific/Fiji Pacific/Tongatapu'''.split())
MOMENT = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)')


def epoch_ms(text: str) -> int:
    """An ISO moment with Z or an offset, in ms; milliseconds are refused, as some endpoints do."""
    if not MOMENT.fullmatch(text):
        raise ValueError(text)
    return int(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() * 1000)


class Checker:
    """Checks one POST body for one survey."""

    def __init__(self, settings, given: dict, columns: dict):
        self.settings = settings
        self.given = given
        self.columns = columns      # parameter name -> the ids it may name
        self.values = dict(DEFAULTS)

    def refuse(self, name: str, why: str = 'Missing or invalid parameter') -> None:
        raise ApiError(400, f'Invalid request. {why} {name}', self.settings.row_error_code)

    def check(self) -> dict:
        for name, value in self.given.items():
            if name not in DEFAULTS:
                self.refuse(name)
            self.values[name] = self._typed(name, value)
        if 'format' not in self.given and self.settings.format_required:
            self.refuse('format')
        self._format_exclusions()
        self._pairs()
        self._unknown_ids()
        if self.values['exportResponsesInProgress']:
            self.values['sortByLastModifiedDate'] = False       # has no effect then
        return self.values

    def _typed(self, name: str, value: object) -> object:
        if name in BOOLEANS:
            good = isinstance(value, bool)
        elif name in INTEGERS:
            good = isinstance(value, int) and not isinstance(value, bool) and (name != 'limit' or value > 0)
        elif name in ARRAYS:
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif name in DATES:
            return self._moment(name, value)
        else:
            good = isinstance(value, str) and value != ''
        if not good or not self._word_is_known(name, value):
            self.refuse(name)
        return value

    def _word_is_known(self, name: str, value: object) -> bool:
        if name == 'format':
            return value in FORMATS
        if name == 'timeZone':
            return value in ZONES or (value == 'UTC' and self.settings.utc_zone)
        if name == 'filterId':
            try:
                uuid.UUID(str(value))
            except ValueError:
                return False
        return True

    def _moment(self, name: str, value: object) -> int:
        try:
            return epoch_ms(value if isinstance(value, str) else '')
        except ValueError:
            self.refuse(name)
            raise

    def _set(self, name: str) -> bool:
        """Was the parameter asked for in a way that changes something?"""
        return self.values[name] != DEFAULTS[name]

    def _format_exclusions(self) -> None:
        kind = self.values['format']
        if kind in ('json', 'ndjson'):
            for name in NOT_FOR_JSON:
                if name in self.given and (self.settings.json_rejects == 'present' or self._set(name)):
                    self.refuse(name, f'Parameter not supported with format {kind}:')
        elif kind not in ('csv', 'tsv') and 'newlineReplacement' in self.given:
            self.refuse('newlineReplacement', f'Parameter not supported with format {kind}:')

    def _pairs(self) -> None:
        if self._set('useLabels') and self._set('includeLabelColumns'):
            self.refuse('includeLabelColumns', 'Parameter not supported with useLabels:')
        if 'continuationToken' in self.given and 'allowContinuation' in self.given:
            self.refuse('allowContinuation', 'Parameter not supported with continuationToken:')
        if 'filterId' in self.given:
            for name in ('sortByLastModifiedDate', 'allowContinuation', 'continuationToken'):
                if self._set(name):
                    self.refuse('filterId', f'Parameter not supported with {name}:')

    def _unknown_ids(self) -> None:
        if self.settings.unknown_ids != 'reject':
            return
        for name, known in self.columns.items():
            for item in self.values[name] or ():
                if item not in known:
                    self.refuse(name)


def check(settings, survey, given: dict) -> dict:
    """All parameters with their defaults filled in, or ApiError 400."""
    from columns import METADATA
    metadata = {ident for column in METADATA for ident in (column.ident, column.asked)}
    columns = {'questionIds': set(survey.questions), 'surveyMetadataIds': metadata,
               'embeddedDataIds': {item['name'] for item in survey.embedded}}
    values = Checker(settings, given, columns).check()
    if values['filterId'] and values['filterId'] not in {item['filterId'] for item in survey.filters}:
        raise ApiError(400, 'Invalid request. Missing or invalid parameter filterId', settings.row_error_code)
    return values
