"""Export jobs: POST, poll, file, continuation (API.md 3.1, 3.3, 3.6, 3.7)."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass

import params as parameters
import render
import zips
from account import Snapshot, Survey, now_ms
from replies import ApiError, Reply, bad, json_body, not_found, ok, page
from rows import FINISHED, MODIFIED, RECORDED, START, STATUS
from surveys import allowed
from wire import Request, Stream

AT_ONCE = 5_000            # rows rendered while the POST waits; more are rendered behind it
CACHE_BYTES = 256 * 1024 * 1024


@dataclass
class Content:
    """What one export holds, and up to where in the survey it reaches."""

    packs: list[zips.Packed]
    size: int

    def held(self) -> int:
        return sum(len(data) for pack in self.packs for data, _ in pack.segments)


@dataclass
class Token:
    """A continuation token's meaning."""

    survey: str
    seen: int
    moment: int
    by_modified: bool
    made: float


class Exports:
    """The rendered entries, kept by survey version and parameters."""

    def __init__(self, box):
        self.box = box
        self.lock = threading.Lock()
        self.cache: dict[tuple, Content] = {}
        self.tokens: dict[str, Token] = {}
        self.made = 0

    def content(self, survey: Survey, snap: Snapshot, params: dict, since: Token | None) -> Content:
        key = self._key(survey, snap, params, since)
        with self.lock:
            found = self.cache.get(key)
        if found is None:
            found = self._render(survey, snap, params, since)
            with self.lock:
                self.cache[key] = found
                while len(self.cache) > 1 and sum(item.held() for item in self.cache.values()) > CACHE_BYTES:
                    self.cache.pop(next(iter(self.cache)))
        return found

    def cached(self, survey: Survey, snap: Snapshot, params: dict, since: Token | None) -> bool:
        with self.lock:
            return self._key(survey, snap, params, since) in self.cache

    def _key(self, survey: Survey, snap: Snapshot, params: dict, since: Token | None) -> tuple:
        shown = {name: value for name, value in params.items() if name not in ('compress', 'allowContinuation',
                                                                               'continuationToken')}
        text = json.dumps(shown, sort_keys=True)
        settings = self.box.settings
        again = since and (since.seen, since.moment, settings.continuation_repeats, settings.continuation_modified,
                           settings.continuation_order, settings.continuation_heading)
        return (id(survey), survey.version, snap.total, survey.big, text, again, settings.date_semantics,
                settings.start_date_belongs, settings.end_date_belongs, settings.dates_in_seconds,
                settings.dated_export_lacks, settings.dates_without_heading, settings.max_rows_per_file, settings.later_files_heading)

    def _render(self, survey: Survey, snap: Snapshot, params: dict, since: Token | None) -> Content:
        if survey.big:
            pack = big_entry(survey, snap, params)
            return Content([pack], pack.size)
        chosen = list(select(survey, snap, params, since, self.box.settings))
        if since and not since.by_modified:
            chosen = continued(chosen, survey, snap, since, self.box.settings)
        if params['startDate'] is not None or params['endDate'] is not None:
            chosen = chosen[self.box.settings.dated_export_lacks:]
        most = self.box.settings.max_rows_per_file
        packs = []
        for start in range(0, max(1, len(chosen)), most):
            part = chosen[start:start + most]
            made = (snap.row(item) if isinstance(item, int) else item for item in part)
            heading = start == 0 or self.box.settings.later_files_heading
            if self.box.settings.dates_without_heading and params['surveyMetadataIds'] == ['recordedDate']:
                heading = False
            entry = render.entry(survey, params, made, heading)
            if since and self.box.settings.continuation_heading:
                entry = retitled(entry, params, self.box.settings.continuation_heading)
            packs.append(zips.pack(entry))
        return Content(packs, sum(pack.size for pack in packs))

    def new_token(self, survey: Survey, snap: Snapshot, by_modified: bool) -> str:
        token = base64.urlsafe_b64encode(hashlib.blake2b(uuid.uuid4().bytes, digest_size=52).digest()).decode()[:70]
        with self.lock:
            self.tokens[token] = Token(survey.id, snap.total, now_ms(), by_modified, self.box.clock())
        return token

    def token(self, text: str, survey: Survey) -> Token:
        settings = self.box.settings
        with self.lock:
            token = self.tokens.get(text)
        if token is None or token.survey != survey.id or settings.continuation == 'refused':
            raise bad('Invalid request. Missing or invalid parameter continuationToken')
        if self.box.clock() - token.made > settings.token_lifetime:
            raise ApiError(settings.expired_token_status, 'The continuation token has expired.', 'SANDBOX_400')
        return token


def visible(survey: Survey, lag: float) -> Snapshot:
    """The responses an export sees: the youngest may not be there yet."""
    snap = survey.snapshot()
    if lag > 0:
        youngest = now_ms() - int(lag * 1000)
        while snap.total > survey.base and snap.row(snap.total - 1)[RECORDED] > youngest:
            snap.total -= 1
    return snap


def select(survey: Survey, snap: Snapshot, params: dict, since: Token | None, settings):
    """Numbers of the rows (or rows, for unfinished ones) in the order they are exported."""
    if params['exportResponsesInProgress']:
        yield from survey.unfinished_rows()[:params['limit']]
        return
    by_modified = params['sortByLastModifiedDate']
    place = MODIFIED if by_modified else RECORDED if settings.date_semantics == 'recorded' else START
    tests = _tests(survey, params, since, place, settings)
    first = since.seen if since and not (since.by_modified or by_modified) else 0
    indexes = snap.indexes(first)
    if tests:
        indexes = (i for i in indexes if all(test(snap.row(i)) for test in tests))
    if by_modified:
        indexes = iter(sorted(indexes, key=lambda i: snap.row(i)[MODIFIED]))
    elif survey.shuffled:
        indexes = iter(sorted(indexes, key=lambda i: snap.row(i)[RECORDED]))
    limit = params['limit']
    for number, index in enumerate(indexes):
        if limit is not None and number >= limit:
            return
        yield index


def continued(chosen: list, survey: Survey, snap: Snapshot, since: Token, settings) -> list:
    """What a continuation brings as the knobs want it."""
    known = [index for index in snap.indexes() if index < since.seen]
    again = set(known[len(known) - settings.continuation_repeats:]) if settings.continuation_repeats else set()
    if settings.continuation_modified:
        again |= {index for index in known if snap.row(index)[MODIFIED] >= since.moment}
    made = sorted(again) + chosen
    return made[::-1] if settings.continuation_order == 'reversed' else made


def retitled(entry, params: dict, text: str):
    """The entry with a text behind its first export tag."""
    code = 'utf-16-le' if params['format'] == 'tsv' else 'utf-8'
    whole = b''.join(entry)
    mark = ('\t' if params['format'] == 'tsv' else ',').encode(code)
    return iter((whole.replace(mark, text.encode(code) + mark, 1),))


def _tests(survey: Survey, params: dict, since: Token | None, place: int, settings) -> list:
    unit = 1000 if settings.dates_in_seconds else 1
    start, end = params['startDate'], params['endDate']
    tests = []
    if start is not None:
        first = start + (not settings.start_date_belongs)
        tests.append(lambda row: row[place] // unit * unit >= first)
    if end is not None:
        behind = end + settings.end_date_belongs
        tests.append(lambda row: row[place] // unit * unit < behind)
    if since and place == MODIFIED:
        tests.append(lambda row: row[MODIFIED] >= since.moment)
    if params['filterId']:
        found = next(item for item in survey.filters if item['filterId'] == params['filterId'])
        status = found.get('status')
        tests.append(lambda row: row[FINISHED] and (status is None or row[STATUS] == status))
    return tests


def big_entry(survey: Survey, snap: Snapshot, params: dict) -> zips.Packed:
    """An entry of exactly survey.big bytes: the headers, one block of rows over and over, one long last row."""
    head = b''.join(render.entry(survey, params, ()))
    encoded = params['format'] == 'tsv'
    index = snap.indexes()
    sample = [snap.row(i) for i in index][:200] or [survey.generate(i) for i in range(200)]
    lines = b''.join(render.entry(survey, params, sample))[len(head):]
    block = lines * max(1, (1 << 20) // len(lines))
    room = max(0, survey.big - len(head))
    times = max(0, room - 4096) // len(block)
    rest = room - times * len(block)
    ending = '\r\n'.encode('utf-16-le' if encoded else 'utf-8')
    unit = 'x'.encode('utf-16-le' if encoded else 'utf-8')
    tail = unit * ((rest - len(ending)) // len(unit)) + ending if rest > len(ending) else b''
    return zips.repeated(head, block, times, tail)


class ExportJob:
    """One export, from the POST to the file."""

    prefix = 'ES_'

    def __init__(self, box, survey: Survey, params: dict):
        self.box = box
        self.survey = survey
        self.name = survey.name
        self.params = params
        self.file_id = str(uuid.uuid4()) + box.settings.file_id_suffix
        self.since = box.exports.token(params['continuationToken'], survey) if params['continuationToken'] else None
        self.snap = visible(survey, box.settings.export_lag)
        if self.since and box.settings.continuation_misses:
            self.snap.total = max(self.since.seen, self.snap.total - box.settings.continuation_misses)
        self.token = None
        wanted = params['allowContinuation'] or params['continuationToken']
        if wanted and box.settings.continuation != 'silent':
            self.token = box.exports.new_token(survey, self.snap, params['sortByLastModifiedDate'])
        self.content: Content | None = None
        self.moment = 0.0
        few = self.snap.total <= AT_ONCE or survey.big
        if few or box.exports.cached(survey, self.snap, params, self.since):
            self._work()
        else:
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        self.content = self.box.exports.content(self.survey, self.snap, self.params, self.since)
        self.moment = time.time()
        self.box.jobs.changed()

    def ready(self) -> bool:
        return self.content is not None

    def failed(self) -> bool:
        return self.content is not None and self.content.size > self.box.settings.max_export_bytes

    def archive(self) -> zips.Archive:
        kind = render.extension(self.params['format'])
        names = [f'{self.name}.{kind}' if i == 0 else f'{self.name}_{i}.{kind}'
                 for i in range(len(self.content.packs))]
        return zips.Archive(list(zip(names, self.content.packs)), self.moment)


def survey_of(box, args: dict) -> Survey:
    return allowed(box, args['survey'])


def start(box, request: Request, args: dict) -> Reply:
    """POST export-responses."""
    survey = survey_of(box, args)
    params = parameters.check(box.settings, survey, json_body(request))
    with box.jobs.opening() as add:
        job = add(ExportJob(box, survey, params), survey.id, request.job_fault,
                  box.settings.job_polls, box.settings.job_seconds)
    result = {'progressId': job.id, 'percentComplete': 0.0, 'status': 'inProgress'}
    return ok(result, id_first=True)


def progress(box, request: Request, args: dict) -> Reply:
    """GET export-responses/{progressId}."""
    survey_of(box, args)
    job = box.jobs.find(args['job'], args['survey'], 'ES_')
    if request.job_fault:
        job.forced = request.job_fault
    state = box.jobs.poll(job)
    settings = box.settings
    if state == 'running':
        result: dict = {'percentComplete': job.percent(settings), 'status': 'inProgress'}
        if settings.null_file_id:
            result = {'fileId': None, **result}
        return ok(result, id_first=True)
    if state == 'failed':
        return ok({'fileId': None, 'percentComplete': 100.0, 'status': 'failed'}, id_first=True)
    result = {'fileId': job.work.file_id, 'percentComplete': 100.0, 'status': 'complete'}
    if job.forced == 'no_file_id':
        del result['fileId']
    if job.work.token:
        result['continuationToken'] = job.work.token
    return ok(result, id_first=True)


def file(box, request: Request, args: dict) -> Reply:
    """GET export-responses/{fileId}/file. Range is ignored."""
    survey_of(box, args)
    job = box.jobs.by_file(args['file'], args['survey'])
    settings = box.settings
    if job is None or job.forced == 'file_404':
        raise not_found('File not found.')
    if box.clock() - job.done > settings.file_lifetime:
        raise ApiError(settings.expired_file_status, 'The file has expired.', 'SANDBOX_404')
    work = job.work
    archive = work.archive()
    if not work.params['compress'] and not settings.compress_anyway and len(archive.entries) == 1:
        name, packed = archive.entries[0]
        reply = Reply(200, Stream(packed.size, packed.raw), 'application/octet-stream')
    else:
        name = f'{work.name}.zip'
        reply = Reply(200, archive.stream(), 'application/zip')
        reply.archive = archive
    reply.extra.append(('content-disposition', f'attachment; filename={urllib.parse.quote_plus(name)}'))
    return reply


def filters(box, request: Request, args: dict) -> Reply:
    """GET filters."""
    survey = survey_of(box, args)
    names = ('filterId', 'filterName', 'creationDate')
    return ok(page(box, request, survey.filters, lambda item: {name: item[name] for name in names}))


def full_entry(box, survey: Survey, given: dict, part: int = 0) -> zips.Packed:
    """The entry a full export with these parameters would hold now; for the tests, not for the API."""
    checked = parameters.check(box.settings, survey, {'format': 'csv', **given})
    return box.exports.content(survey, survey.snapshot(), checked, None).packs[part]
