"""The account: who asks, surveys with their responses, what else there is (API.md 5 to 9)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import rows
from questions import Slot, looped, question, slots_of
from rows import FIELDS, MODIFIED, RECORDED, RID, STATUS


def iso(ms: int) -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(ms // 1000))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Snapshot:
    """A survey's responses at one moment; cheap, because unedited rows are made on demand."""

    survey: 'Survey'
    total: int
    edits: dict
    deleted: frozenset

    def indexes(self, first: int = 0):
        deleted = self.deleted
        return (i for i in range(first, self.total) if i not in deleted) if deleted else range(first, self.total)

    def row(self, index: int) -> list:
        edited = self.edits.get(index)
        return edited if edited is not None else self.survey.generate(index)


@dataclass
class Survey:
    """One survey: its document in the form of GET /surveys/{id}, and rows from a seed plus what was changed."""

    id: str
    name: str
    owner: str
    organization: str
    created: int                                    # epoch ms
    modified: int
    questions: dict = field(default_factory=dict)   # in the form of GET /surveys/{id}
    blocks: dict = field(default_factory=dict)
    flow: list = field(default_factory=list)
    embedded: list = field(default_factory=list)    # [{name, defaultValue}]
    typed: dict = field(default_factory=dict)       # of embedded data: name -> number or date; text if not in it
    loops: dict = field(default_factory=dict)       # BL_ -> passes
    orders: dict = field(default_factory=dict)      # FL_20_DO, BL_x_DO -> what was shown in any order
    languages: tuple = ('EN',)
    active: bool = True
    expiration: dict = field(default_factory=lambda: {'startDate': None, 'endDate': None})
    base: int = 0                                   # rows made from the seed
    step: int = 60_000                              # ms between two of them
    unfinished: int = 0
    anonymous: bool = False
    listed: bool = True
    forbidden: bool = False
    big: int = 0                                    # every export's entry inflates to so many bytes
    filters: list = field(default_factory=list)     # [{filterId, filterName, creationDate, status}]
    qsf: dict | None = None                         # an imported definition, given back as it came
    more: dict = field(default_factory=dict)        # further members of GET /surveys/{id}

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 0
        self.edits: dict[int, list] = {}
        self.deleted: set[int] = set()
        self.total = self.base
        self.generated = sum(1 for _ in range(rows.PREVIEW_AT, self.base, rows.PREVIEW_EVERY))
        self.removed = 0
        self.found_from = self.listed_from = 0.0            # of the sandbox's clock: nobody sees it before
        self.imported: list[tuple[int, int, int]] = []      # first row, how many, number of the entry in the books
        self.shuffled = False                               # not all rows are in recorded order
        self.seed = self.id.encode()[:64]
        self.last_recorded = self.created + self.base * self.step
        self._index: dict[str, int] | None = None
        self._slots: list[Slot] | None = None
        self._make = None

    @property
    def slots(self) -> list[Slot]:
        """The fields of a response after the metadata: questions in the order of the blocks, then embedded data."""
        if self._slots is None:
            made = [slot if loop == 0 else looped(slot, loop) for qid, loop in self.passes()
                    for slot in slots_of(qid, self.questions[qid])]
            made += [Slot(ident, ident, f'{ident} - Display Order', 'order', '', {key: (key, key, key) for key in keys},
                          tuple(keys)) for ident, keys in self.orders.items()]
            made += [Slot(item['name'], item['name'], item['name'], 'embedded', group=self.typed.get(item['name'], ''))
                     for item in self.embedded]
            self._slots = made
        return self._slots

    def question_order(self) -> list[str]:
        order = [item['questionId'] for block in self.blocks.values() for item in block['elements']
                 if item['type'] == 'Question']
        return order + [qid for qid in self.questions if qid not in set(order)]

    def passes(self) -> list[tuple[str, int]]:
        """The questions in the order of their columns, those of a loop once for each pass; 0 is no loop."""
        made: list[tuple[str, int]] = []
        for ident, block in self.blocks.items():
            asked = [item['questionId'] for item in block['elements'] if item['type'] == 'Question']
            made += [(qid, loop) for loop in range(1, self.loops[ident] + 1) for qid in asked
                     ] if ident in self.loops else [(qid, 0) for qid in asked]
        known = {qid for qid, _ in made}
        return made + [(qid, 0) for qid in self.questions if qid not in known]

    def generate(self, index: int) -> list:
        if self._make is None:
            defaults = {item['name']: item['defaultValue'] for item in self.embedded}
            self._make = rows.generator(self.seed, self.slots, self.languages, self.created, self.step,
                                        self.anonymous, defaults)
        return self._make(index)

    def snapshot(self) -> Snapshot:
        with self.lock:
            return Snapshot(self, self.total, dict(self.edits), frozenset(self.deleted))

    def unfinished_rows(self) -> list[list]:
        return [rows.unfinished(self.generate(10_000_000 + i)) for i in range(self.unfinished)]

    def row(self, index: int) -> list:
        return self.edits.get(index) or self.generate(index)

    def find(self, rid: str) -> int | None:
        """The row's number of a response id."""
        with self.lock:
            if self._index is None:
                self._index = {self.row(i)[RID]: i for i in range(self.total)}
            index = self._index.get(rid)
            return None if index is None or index in self.deleted else index

    def changed(self) -> None:
        self.version += 1

    def add_row(self, row: list) -> str:
        """A row made elsewhere, behind the others. Its recorded date is never before the last one."""
        with self.lock:
            row[RECORDED] = row[MODIFIED] = self.last_recorded = max(row[RECORDED], self.last_recorded + 1)
            self.edits[self.total] = row
            if self._index is not None:
                self._index[row[RID]] = self.total
            self.total += 1
            self.generated += row[STATUS] != '0' and row[STATUS] != '4'
            self.changed()
            return row[RID]

    def take(self, made: list[list], entry: int, dated: bool) -> None:
        """Imported rows, behind the others; dated: with the recorded dates they bring. entry: of the books."""
        with self.lock:
            start = self.total
            for row in made:
                while len(row) < FIELDS + len(self.slots):          # a question came while the import ran
                    row.insert(len(row) - len(self.embedded), None)
                recorded = row[RECORDED]
                self.add_row(row)
                if dated:
                    self.backdate(row, recorded)
            if made:
                self.imported.append((start, len(made), entry))

    def backdate(self, row: list, recorded: int) -> None:
        if recorded < row[RECORDED]:
            row[RECORDED] = recorded
            self.shuffled = True

    def append(self, count: int, values: dict | None = None, recorded: int | None = None, late: bool = False) -> list[str]:
        """count new responses, recorded now, answered from the seed unless values says otherwise."""
        made = []
        with self.lock:
            for _ in range(count):
                row = self.generate(self.total)
                stamp = now_ms() if recorded is None else recorded
                row[rows.START] += stamp - row[rows.END]
                row[rows.END] = row[RECORDED] = stamp
                if row[STATUS] == '1':
                    row[STATUS], row[rows.CHANNEL] = '0', 'anonymous'
                self.fill(row, values or {})
                made.append(self.add_row(row))
                if late:
                    self.backdate(row, stamp)
        return made

    def fill(self, row: list, values: dict) -> None:
        """Set fields of a row by their names (QID16, QID19_TEXT, an embedded data name)."""
        places = {slot.name: place for place, slot in enumerate(self.slots)}
        for name, value in values.items():
            if name not in places:
                raise ValueError(f'no field {name}')
            row[FIELDS + places[name]] = tuple(value) if isinstance(value, list) else value

    def edit(self, rid: str, values: dict) -> None:
        with self.lock:
            index = self._known(rid)
            row = list(self.row(index))
            self.fill(row, values)
            row[MODIFIED] = max(now_ms(), row[MODIFIED] + 1)
            self.edits[index] = row
            self.changed()

    def delete(self, rid: str) -> None:
        with self.lock:
            index = self._known(rid)
            self.generated -= self.row(index)[STATUS] not in ('0', '4')
            self.deleted.add(index)
            self.removed += 1
            self.changed()

    def _known(self, rid: str) -> int:
        index = self.find(rid)
        if index is None:
            raise KeyError(f'no response {rid} in {self.id}')
        return index

    def add_question(self, name: str, text: str) -> str:
        """One more text question, at the end of the last block."""
        with self.lock:
            number = len(self.questions) + 1
            while f'QID{number}' in self.questions:
                number += 1
            qid = f'QID{number}'
            place = FIELDS + len(self.slots) - len(self.embedded)
            self.questions = {**self.questions, qid: question('TE', 'SL', None, text, name)}
            if self.blocks:
                list(self.blocks.values())[-1]['elements'].append({'type': 'Question', 'questionId': qid})
            for row in self.edits.values():
                row.insert(place, None)
            self._slots = self._make = None
            self.modified = now_ms()
            self.changed()
            return qid

    def counts(self) -> dict:
        alive = self.total - len(self.deleted)
        return {'auditable': alive - self.generated, 'generated': self.generated, 'deleted': self.removed}

    def ids(self, first: int = 0, count: int = 1000) -> list[str]:
        snap = self.snapshot()
        return [snap.row(i)[RID] for i in list(snap.indexes())[first:first + count]]


@dataclass
class Account:
    """Everything the token may see."""

    user: dict
    brand: str
    surveys: dict = field(default_factory=dict)         # SV_ -> Survey
    directories: dict = field(default_factory=dict)     # POOL_ -> Directory
    distributions: dict = field(default_factory=dict)   # EMD_ -> {element, links, history}
    legacy_lists: dict = field(default_factory=dict)    # ML_ -> {element, contacts, imports}

    def __post_init__(self) -> None:
        self.lock = threading.RLock()

    @property
    def user_id(self) -> str:
        return self.user['userId']
