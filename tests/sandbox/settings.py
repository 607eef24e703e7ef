"""Every knob of the sandbox, with the default that API.md holds most likely (API.md appendices B and C).

A knob is set at start with `--set NAME=JSON` or later through the side door.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields


@dataclass
class Settings:
    """The account's temper: limits, paging, jobs, formats, and both answers where API.md is unsure."""

    # limits (API.md 2)
    limits: bool = True                  # leaky buckets, in-flight and job ceilings
    brand_limit: int = 3000              # calls per minute over all endpoints
    endpoint_limits: dict = field(default_factory=dict)   # endpoint key -> calls per minute, over the table's
    max_in_flight: int = 30
    max_jobs: int = 15
    retry_after: str | None = None       # text of Retry-After on a 429; None leaves it out
    # HTTP (API.md 1.4, 1.7)
    chunked_json: bool = False           # JSON in Transfer-Encoding: chunked
    gzip_json: bool = False              # gzip-coded JSON where the client offers gzip
    gzip_files: bool = False             # the same for export files, as in 2020
    notice: str | None = None            # meta.notice of a proxied call
    proxied_host: str | None = None      # nextPage then points at this host
    double_slash: bool = True            # a doubled slash in the path is tolerated
    idle_seconds: float = 120.0          # a kept-alive connection is closed after this
    percent_500: float = 0.0             # share of calls answered 500 (issue qualtRics#217: about 0.01)
    random_seed: int = 1                 # of the above
    # paging (API.md 1.6)
    page_size: int = 100
    short_pages: bool = False            # middle pages of 77 to 87 per cent
    empty_pages: bool = False            # an empty page with a nextPage after every full one
    max_page_size: int = 1000            # what pageSize may ask for
    list_page_size: int = 50             # default for a mailing list's contacts
    list_max_page_size: int = 500        # some documentation says 50
    # export jobs (API.md 3.1)
    job_polls: int = 2                   # polls answered inProgress before the job is complete
    job_seconds: float = 0.0             # shortest time a job runs
    job_spread: float = 0.0              # by this share of it, at most, jobs take more or less
    job_lifetime: float = 120.0          # a job nobody polls leaves the running ones after this
    job_percents: list = field(default_factory=lambda: [0.0])   # of the running polls; the last one stays
    odd_percent_every: int = 5           # every k-th job says 83.33333333333334 before it is complete; 0 never
    null_file_id: bool = False           # fileId: null while running (the documentation's form)
    file_lifetime: float = 604800.0
    token_lifetime: float = 604800.0
    expired_token_status: int = 400
    expired_file_status: int = 404
    file_id_suffix: str = '-def'
    export_lag: float = 0.0              # responses younger than this are not exported yet
    max_export_bytes: int = 1_800_000_000
    max_rows_per_file: int = 1_000_000
    compress_anyway: bool = False        # compress:false is ignored, as the documentation reserves
    # export parameters (API.md 3.2)
    format_required: bool = True
    date_semantics: str = 'recorded'     # or 'started'
    json_rejects: str = 'present'        # the eight names are refused when present, or 'effective' when not default
    utc_zone: bool = False               # timeZone "UTC" is on the list
    unknown_ids: str = 'reject'          # questionIds and the like that name nothing: 'reject' or 'ignore'
    row_error_code: str = 'SANDBOX_400'
    # counts (API.md 0.2)
    edit_touches_survey: bool = False    # editing a response moves lastModifiedDate
    append_touches_survey: bool = False
    # imports (API.md 4.1, 8)
    import_polls: int = 2
    import_seconds: float = 0.0
    max_import_bytes: int = 5 * 1024 * 1024
    max_contacts: int = 10_000
    too_many_contacts_status: int = 413  # "413 or 400"
    multi_key_conflict: int = 409        # same Idempotency-Key, other body
    single_header_import: bool = True    # an import with one header row is taken
    survey_import_returns_name: bool = False
    # the rest
    response_pending_calls: int = 0      # GET of a response answers 202 so many times first
    legacy: bool = False                 # /mailinglists and contactimports
    forbidden_status: int = 403
    contact_dates: str = 'epoch'         # or 'text'

    def update(self, values: dict) -> None:
        """Set some knobs; an unknown name or a value of another type is a ValueError."""
        known = {item.name: item for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f'no setting {name}')
            setattr(self, name, _checked(name, getattr(self, name), value))

    def as_dict(self) -> dict:
        return asdict(self)


def _checked(name: str, old: object, value: object) -> object:
    if isinstance(old, bool):
        good = isinstance(value, bool)
    elif isinstance(old, int):
        good = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(old, float):
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif isinstance(old, (dict, list)):
        good = isinstance(value, type(old))
    else:
        good = value is None or isinstance(value, str)
    if not good:
        raise ValueError(f'setting {name} cannot be {value!r}')
    return float(value) if isinstance(old, float) else value
