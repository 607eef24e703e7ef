"""The columns of a CSV, TSV, XML or SPSS export and the text in each cell (API.md 3.4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import rows
from questions import Slot
from rows import FIELDS


@dataclass
class Metadata:
    """One of the fixed columns: tag, question text, ImportId, the name a parameter uses, place in the row."""

    tag: str
    text: str
    ident: str
    asked: str
    place: int
    personal: bool = False

    @property
    def kind(self) -> str:
        if self.ident in CODES:
            return 'code'
        return 'date' if self.tag.endswith('Date') else 'number' if self.ident in ('progress', 'duration') else 'text'


METADATA = (
    Metadata('StartDate', 'Start Date', 'startDate', 'startDate', rows.START),
    Metadata('EndDate', 'End Date', 'endDate', 'endDate', rows.END),
    Metadata('Status', 'Response Type', 'status', 'status', rows.STATUS),
    Metadata('IPAddress', 'IP Address', 'ipAddress', 'ipAddress', rows.IP, True),
    Metadata('Progress', 'Progress', 'progress', 'progress', rows.PROGRESS),
    Metadata('Duration (in seconds)', 'Duration (in seconds)', 'duration', 'duration', rows.DURATION),
    Metadata('Finished', 'Finished', 'finished', 'finished', rows.FINISHED),
    Metadata('RecordedDate', 'Recorded Date', 'recordedDate', 'recordedDate', rows.RECORDED),
    Metadata('ResponseId', 'Response ID', '_recordId', '_recordId', rows.RID),
    Metadata('RecipientLastName', 'Recipient Last Name', 'recipientLastName', 'recipientLastName', rows.LAST, True),
    Metadata('RecipientFirstName', 'Recipient First Name', 'recipientFirstName', 'recipientFirstName', rows.FIRST,
             True),
    Metadata('RecipientEmail', 'Recipient Email', 'recipientEmail', 'recipientEmail', rows.EMAIL, True),
    Metadata('ExternalReference', 'External Data Reference', 'externalDataReference', 'externalReference',
             rows.REFERENCE, True),
    Metadata('LocationLatitude', 'Location Latitude', 'locationLatitude', 'locationLatitude', rows.LATITUDE, True),
    Metadata('LocationLongitude', 'Location Longitude', 'locationLongitude', 'locationLongitude', rows.LONGITUDE,
             True),
    Metadata('DistributionChannel', 'Distribution Channel', 'distributionChannel', 'distributionChannel',
             rows.CHANNEL),
    Metadata('UserLanguage', 'User Language', 'userLanguage', 'userLanguage', rows.LANGUAGE))
LAST_MODIFIED = Metadata('LastModifiedDate', 'Last Modified Date', 'lastModifiedDate', 'lastModifiedDate',
                         rows.MODIFIED)
STATUS_LABELS = {'0': 'IP Address', '1': 'Survey Preview', '2': 'Survey Test', '4': 'Imported', '8': 'Spam',
                 '16': 'Offline', '17': 'Offline Survey Preview'}
CODES = {'status': STATUS_LABELS, 'finished': {'0': 'False', '1': 'True'}}
CLOCK = [f'{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}' for s in range(86400)]


@dataclass
class Column:
    """A column: three header cells and the function that makes a cell of a row."""

    tag: str
    text: str
    ident: dict
    cell: Callable[[list], str]
    kind: str = 'text'          # what SPSS makes of it: text, date, number or code
    labels: dict = field(default_factory=dict)      # of a code


def is_number(slot: Slot) -> bool:
    """Does the schema call it a number that is no code?"""
    return slot.kind in ('nps', 'number', 'rank', 'timing') or (slot.kind, slot.group) == ('embedded', 'number')


class Dates:
    """Moments as `YYYY-MM-DD HH:MM:SS` in one zone, fast enough for a hundred thousand rows."""

    def __init__(self, zone: str | None):
        self.zone = ZoneInfo(zone) if zone else None
        self.offsets: dict[int, int] = {}
        self.days: dict[int, str] = {}

    def text(self, ms: int | None) -> str:
        if ms is None:
            return ''
        second = ms // 1000
        if self.zone is not None:
            quarter = second // 900
            offset = self.offsets.get(quarter)
            if offset is None:
                offset = self.offsets[quarter] = self._offset(quarter * 900)
            second += offset
        day, clock = divmod(second, 86400)
        text = self.days.get(day)
        if text is None:
            text = self.days[day] = time.strftime('%Y-%m-%d ', time.gmtime(day * 86400))
        return text + CLOCK[clock]

    def _offset(self, second: int) -> int:
        import datetime
        moment = datetime.datetime.fromtimestamp(second, self.zone)
        return int(moment.utcoffset().total_seconds())


class Layout:
    """The columns one set of parameters asks for."""

    def __init__(self, survey, params: dict):
        self.params = params
        self.labels = params['useLabels']
        self.dates = Dates(params['timeZone'])
        self.made: list[Column] = []
        self.seen = self._recode('seenUnansweredRecode')
        self.seen_multi = self._recode('multiselectSeenUnansweredRecode') or self.seen
        self._metadata(survey)
        wanted = params['questionIds']
        for place, slot in enumerate(survey.slots):
            if slot.kind == 'embedded':
                if params['embeddedDataIds'] is None or slot.name in params['embeddedDataIds']:
                    self._add(slot.tag, slot.text, {'ImportId': slot.name}, self._cell(slot, FIELDS + place, ''))
            elif wanted is None or slot.question in wanted:
                self._question(slot, FIELDS + place)

    def _recode(self, name: str) -> str:
        value = self.params[name]
        return '' if value is None else str(value)

    def _add(self, tag: str, text: str, ident: dict, cell: Callable[[list], str], kind: str = 'text',
             labels: dict | None = None) -> None:
        if labels and (self.labels or not all(code.lstrip('-').isdigit() for code in labels)):
            kind, labels = 'text', None
        self.made.append(Column(tag, text, ident, cell, kind, labels or {}))

    def _metadata(self, survey) -> None:
        wanted = self.params['surveyMetadataIds']
        known = METADATA + ((LAST_MODIFIED,) if self.params['sortByLastModifiedDate'] else ())
        for item in known:
            if survey.anonymous and item.personal:
                continue
            if wanted is None or item.ident in wanted or item.asked in wanted:
                ident = {'ImportId': item.ident}
                if item.tag.endswith('Date'):
                    ident['timeZone'] = self.params['timeZone'] or 'Z'
                self._add(item.tag, item.text, ident, self._metadata_cell(item), item.kind, CODES.get(item.ident))

    def _metadata_cell(self, item: Metadata) -> Callable[[list], str]:
        place = item.place
        if item.tag.endswith('Date'):
            text = self.dates.text
            return lambda row: text(row[place])
        if item.tag == 'Finished':
            yes, no = ('True', 'False') if self.labels else ('1', '0')
            return lambda row: yes if row[place] else no
        if item.tag == 'Status' and self.labels:
            return lambda row: STATUS_LABELS.get(row[place], row[place])
        return lambda row: row[place]

    def _question(self, slot: Slot, place: int) -> None:
        if slot.kind == 'multi' and self.params['breakoutSets']:
            self._broken_out(slot, place)
        elif slot.kind == 'multi':
            self._doubled(slot, lambda which: _joined(place, {key: value[which] for key, value in slot.choices.items()},
                                                      self.seen_multi))
        elif slot.kind in ('single', 'nps_group'):
            self._doubled(slot, lambda which: _coded(place, {key: value[which] for key, value in slot.choices.items()},
                                                     self.seen))
        elif slot.kind == 'order':
            if self.params['includeDisplayOrder']:
                names = {key: value[2] for key, value in slot.choices.items()}
                self._add(slot.tag, slot.text, {'ImportId': slot.name}, _order(place, names, self.labels))
        else:
            asked = slot.kind in ('nps', 'number', 'rank', 'text') and not slot.group
            self._add(slot.tag, slot.text, {'ImportId': slot.name},
                      self._cell(slot, place, self.seen if asked else ''), 'number' if is_number(slot) else 'text')

    def _cell(self, slot: Slot, place: int, unseen: str) -> Callable[[list], str]:
        if is_number(slot) and self.params['formatDecimalAsComma']:
            return lambda row: unseen if row[place] is None else row[place].replace('.', ',')
        if slot.kind == 'heat':
            return lambda row: ';'.join([f'{x},{y}' for x, y in row[place] or ()])
        return _plain(place, unseen)

    def _doubled(self, slot: Slot, cell) -> None:
        """A coded column; with includeLabelColumns a second one with the labels."""
        codes = {recode: label for recode, label, _ in slot.choices.values()} if slot.kind != 'multi' else None
        self._add(slot.tag, slot.text, {'ImportId': slot.name}, cell(1 if self.labels else 0),
                  'code' if codes else 'text', codes)
        if self.params['includeLabelColumns']:
            self._add(slot.tag, slot.text, {'ImportId': slot.name, 'IsLabelsColumn': True}, cell(1))

    def _broken_out(self, slot: Slot, place: int) -> None:
        for key, (recode, label, text) in slot.choices.items():
            tag, head = f'{slot.tag}_{recode}', f'{slot.text} - {text}'
            ident = {'ImportId': slot.name, 'choiceId': recode}
            self._add(tag, head, ident, _ticked(place, key, label if self.labels else '1', self.seen_multi), 'code',
                      {'1': label})
            if self.params['includeLabelColumns']:
                self._add(tag, head, {**ident, 'IsLabelsColumn': True}, _ticked(place, key, label, self.seen_multi))


def _plain(place: int, unseen: str) -> Callable[[list], str]:
    return lambda row: unseen if row[place] is None else row[place]


def _coded(place: int, names: dict, unseen: str) -> Callable[[list], str]:
    names = {None: unseen, **names}
    return lambda row: names.get(row[place], row[place])


def _joined(place: int, names: dict, unseen: str) -> Callable[[list], str]:
    return lambda row: ','.join([names[key] for key in row[place]]) if row[place] else unseen


def _ticked(place: int, key: str, word: str, unseen: str) -> Callable[[list], str]:
    return lambda row: word if row[place] and key in row[place] else unseen


def _order(place: int, names: dict, labels: bool) -> Callable[[list], str]:
    return lambda row: '|'.join([names[key] if labels else key for key in row[place] or ()])


def layout(survey, params: dict) -> list[Column]:
    return Layout(survey, params).made
