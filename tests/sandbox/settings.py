"""Every knob of the sandbox, with the default that API.md holds most likely (API.md appendices B and C).

A knob is set at start with `--set NAME=JSON` or later through the side door.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields


# the words a knob may be, where not any text will do
CHOICES = {'page_size_over': ('refuse', 'cut'), 'date_semantics': ('recorded', 'started'),
           'json_rejects': ('present', 'effective'), 'unknown_ids': ('reject', 'ignore'),
           'link_unsubscribed': ('boolean', 'text'), 'xm_directory': ('on', 'forbidden', 'empty'),
           'contact_dates': ('epoch', 'text'), 'too_large_status': (413, 400), 'too_many_contacts_status': (413, 400),
           'multi_key_conflict': (409, 400), 'contact_needs': ('any', 'email'),
           'unknown_contact_members': ('ignore', 'refuse'), 'embedded_over': ('refuse', 'cut', 'keep'),
           'blank_values': ('keep', 'write'), 'unsubscribed_means': ('both', 'directory', 'list'),
           'collapsed_rows': ('updated', 'uncounted'), 'invalid_emails': ('present', 'always', 'never'), 'addresses': ('loose', 'dotted'),
           'transaction_fields': ('refuse', 'drop'), 'legacy_json': ('both', 'array', 'object'),
           'legacy_status': ('full', 'bare'), 'import_errors': ('job', 'post'),
           'charset_header': ('required', 'optional'), 'charset_in_type': ('ignored', 'used', 'refused'),
           'import_columns': ('ignore', 'fail'), 'import_recorded': ('now', 'file'),
           'txt_without_questions': ('empty', 'refuse'), 'continuation': ('on', 'refused', 'silent'),
           'continuation_order': ('recorded', 'reversed')}


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
    # OAuth 2, client credentials (API.md 1.3); a mint that fails is a fault of 'oauth_token'
    bearer_lifetime: float = 3599.0      # also what expires_in says, in whole seconds
    scope_required: bool = False         # a mint without scope is a 400; two working clients send none
    oauth_elsewhere: bool = False        # the client's account is of another data centre: 401 DCD_7
    # paging (API.md 1.6)
    page_size: int = 100
    short_pages: bool = False            # middle pages of 77 to 87 per cent
    empty_pages: bool = False            # an empty page with a nextPage after every full one
    max_page_size: int = 1000            # what pageSize may ask for
    page_size_over: str = 'refuse'       # a larger pageSize is a 400, or 'cut' to the maximum
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
    expired_token_status: int = 400      # not documented; or 404
    # what a continuation brings (API.md 3.6); whatever is not a default is unlikely, or a fault
    continuation: str = 'on'             # a token is 'refused' (400) where it is used; 'silent': none is ever given
    continuation_repeats: int = 0        # so many of the last responses before it come again
    continuation_modified: bool = False  # those modified since come again, also when sorted by recorded date
    continuation_order: str = 'recorded'     # or 'reversed'
    continuation_heading: str = ''       # stands behind the first export tag
    continuation_misses: int = 0         # so many of the newest do not come yet
    expired_file_status: int = 404
    file_id_suffix: str = '-def'
    export_lag: float = 0.0              # responses younger than this are not exported yet
    max_export_bytes: int = 1_800_000_000
    max_rows_per_file: int = 1_000_000
    later_files_heading: bool = True     # of a table's further files; nobody tells
    compress_anyway: bool = False        # compress:false is ignored, as the documentation reserves
    # export parameters (API.md 3.2)
    format_required: bool = True
    date_semantics: str = 'recorded'     # or 'started'
    json_rejects: str = 'present'        # the eight names are refused when present, or 'effective' when not default
    start_date_belongs: bool = True      # startDate is inclusive
    end_date_belongs: bool = False       # endDate is exclusive
    dates_in_seconds: bool = False       # both are compared with the date's whole seconds
    dated_export_lacks: int = 0          # so many of the first rows do not come if a date was asked for: a fault
    dates_without_heading: bool = False  # an export of nothing but recorded dates begins with a date: a fault
    utc_zone: bool = False               # timeZone "UTC" is on the list
    unknown_ids: str = 'reject'          # questionIds and the like that name nothing: 'reject' or 'ignore'
    row_error_code: str = 'SANDBOX_400'
    # counts (API.md 0.2)
    edit_touches_survey: bool = False    # editing a response moves lastModifiedDate
    append_touches_survey: bool = False
    # imports (API.md 4.1, 8)
    import_polls: int = 2                # polls answered "in progress"; what it brings is stored all the same
    import_seconds: float = 0.0          # from the POST (or the end of the one before it in its list) to storing
    import_percents: list = field(default_factory=lambda: [0.0])    # of the running polls; the last one stays
    failed_import_does: float = 0.0      # share of the rows that a failed import stored
    max_import_bytes: int = 5_000_000    # "5 MB"
    too_large_status: int = 413          # of a contact import above it: "413 or 400"
    max_contacts: int = 10_000
    too_many_contacts_status: int = 413  # "413 or 400"
    import_summary: bool = True          # the deprecated summary is still there
    import_report: bool = False          # the report of a contact import, in a made-up shape; False: 404
    imports_check_permission: bool = True   # 403 at once for a list or a directory that is forbidden
    contact_needs: str = 'any'           # a contact without a name, an address, a phone or an extRef, or 'email'
    unknown_contact_members: str = 'ignore'     # or 'refuse': the contact is unprocessed
    embedded_over: str = 'refuse'        # embedded data above 200 and 1,024 characters; or 'cut', 'keep'
    blank_values: str = 'keep'           # "" over a value, without writeBlanks: 'keep' the value or 'write' the blank
    unsubscribed_means: str = 'both'     # an import's unsubscribed is the 'directory', the 'list' or 'both'
    collapsed_rows: str = 'updated'      # a row that another of the same import matches; or 'uncounted'
    addresses: str = 'loose'             # what an e-mail address must be is not told; 'dotted': its domain has a dot
    invalid_emails: str = 'present'      # invalidEmails of a status: if there are any, 'always' or 'never'
    batch_required: bool = True          # transactionMeta without batchId is a 400
    transaction_fields: str = 'refuse'   # data not in transactionMeta.fields: unprocessed, or 'drop'
    legacy_json: str = 'both'            # the JSON body of a legacy import: 'array', 'object' or 'both'
    legacy_status: str = 'full'          # its status has counts; 'bare': percentComplete alone, as recorded
    import_errors: str = 'job'           # what is wrong in a responses file fails the job; 'post': 400 at once
    failed_import_says: bool = True      # meta.error of a failed responses import
    charset_header: str = 'required'     # a raw responses file without it is a 400; or 'optional' (UTF-8)
    charset_in_type: str = 'ignored'     # text/csv; charset=...: or 'used', 'refused' (415)
    single_header_import: bool = True    # an import with one header row is taken
    import_columns: str = 'ignore'       # columns the survey has not; or 'fail'
    import_recorded: str = 'now'         # recorded date of an imported response; or as in the 'file'
    multi_key_conflict: int = 409        # same Idempotency-Key, other body
    survey_import_returns_name: bool = False
    survey_list_delay: float = 0.0       # until a new survey is in the list
    survey_get_delay: float = 0.0        # until it is found by its id
    survey_import_seconds: float = 0.0   # how long a POST of a survey takes
    max_survey_imports: int = 15         # at the same time
    docx_import: bool = False            # .docx is taken
    txt_without_questions: str = 'empty'    # makes an empty survey; or 'refuse' (400)
    # directories (API.md 7)
    xm_directory: str = 'on'             # an account without it: 'forbidden' (403) or 'empty' (no directory)
    directory_admin: bool = True         # an ordinary user's token is refused a directory's contacts with 403
    contact_dates: str = 'epoch'         # or 'text'
    list_count_absent: bool = False      # contactCount is left out of a list, not 0, unless includeCount=true
    legacy: bool = False                 # /mailinglists and contactimports
    # distributions (API.md 6, 10.30)
    sparse_distributions: bool = False   # subject, surveyId and more are missing, as in some real lists
    link_unsubscribed: str = 'boolean'   # in links: false (2021), or 'text': "0" (2019)
    # the rest
    response_pending_calls: int = 0      # GET of a response answers 202 so many times first
    forbidden_status: int = 403

    def update(self, values: dict) -> None:
        """Set some knobs; an unknown name or a value of another type is a ValueError."""
        known = {item.name: item for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f'no setting {name}')
            if value not in CHOICES.get(name, (value,)):
                raise ValueError(f'setting {name} is one of {CHOICES[name]}')
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
