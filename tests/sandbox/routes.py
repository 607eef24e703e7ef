"""The routes: key, method, path, calls per minute, handler (API.md 2 and appendix A).

The key names an endpoint everywhere: in limits, faults, counts and waits. A path not in the table answers the codeless
404 before anything else is looked at.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

import contact_imports
import contacts
import definitions
import distributions
import exports
import legacy_lists
import oauth
import response_imports
import responses
import schema
import survey_imports
import surveys
import transactions

BASE = '/API/v3'
SURVEY = '/surveys/{survey}'
POOL = '/directories/{directory}'
LIST = POOL + '/mailinglists/{list}'
OLD = '/mailinglists'


@dataclass(frozen=True)
class Route:
    """One endpoint. slash: a trailing slash is accepted; legacy: only with the switch on."""

    key: str
    method: str
    path: str
    limit: int
    handler: Callable
    slash: bool = True
    legacy: bool = False


TABLE = (
    Route('whoami', 'GET', '/whoami', 3000, surveys.whoami),
    Route('surveys', 'GET', '/surveys', 3000, surveys.list_surveys),
    Route('survey_create', 'POST', '/surveys', 3000, survey_imports.create),
    Route('survey', 'GET', SURVEY, 3000, surveys.get_survey),
    Route('survey_update', 'PUT', SURVEY, 3000, surveys.update),
    Route('survey_delete', 'DELETE', SURVEY, 3000, surveys.delete),
    Route('quotas', 'GET', SURVEY + '/quotas', 3000, surveys.quotas),
    Route('languages', 'GET', SURVEY + '/languages', 2000, surveys.languages),
    Route('export_start', 'POST', SURVEY + '/export-responses', 100, exports.start),
    Route('export_progress', 'GET', SURVEY + '/export-responses/{job}', 1000, exports.progress),
    Route('export_file', 'GET', SURVEY + '/export-responses/{file}/file', 100, exports.file, slash=False),
    Route('filters', 'GET', SURVEY + '/filters', 100, exports.filters),
    Route('schema', 'GET', SURVEY + '/response-schema', 60, schema.get),
    Route('response_create', 'POST', SURVEY + '/responses', 120, responses.create),
    Route('response', 'GET', SURVEY + '/responses/{response}', 240, responses.get),
    Route('response_delete', 'DELETE', SURVEY + '/responses/{response}', 60, responses.delete),
    Route('uploaded_file', 'GET', SURVEY + '/responses/{response}/uploaded-files/{file}', 120, responses.uploaded,
          slash=False),
    Route('import_start', 'POST', SURVEY + '/import-responses', 100, response_imports.start),
    Route('import_progress', 'GET', SURVEY + '/import-responses/{job}', 100, response_imports.progress),
    Route('definition', 'GET', '/survey-definitions/{survey}', 3000, definitions.get),
    Route('definition_part', 'GET', '/survey-definitions/{survey}/{part}', 3000, definitions.part),
    Route('definition_one', 'GET', '/survey-definitions/{survey}/{part}/{one}', 3000, definitions.part),
    Route('distributions', 'GET', '/distributions', 3000, distributions.list_all),
    Route('distribution', 'GET', '/distributions/{distribution}', 3000, distributions.get),
    Route('distribution_links', 'GET', '/distributions/{distribution}/links', 500, distributions.links),
    Route('distribution_history', 'GET', '/distributions/{distribution}/history', 300, distributions.history),
    Route('directories', 'GET', '/directories', 3000, contacts.directories),
    Route('contacts', 'GET', POOL + '/contacts', 3000, contacts.contacts),
    Route('contact_create', 'POST', POOL + '/contacts', 500, contacts.create_contact),
    Route('contacts_search', 'POST', POOL + '/contacts/search', 500, contacts.search),
    Route('opted_out', 'GET', POOL + '/contacts/optedOutContacts', 3000, contacts.opted_out),
    Route('contact', 'GET', POOL + '/contacts/{contact}', 3000, contacts.contact),
    Route('contact_update', 'PUT', POOL + '/contacts/{contact}', 500, contacts.update_contact),
    Route('lists', 'GET', POOL + '/mailinglists', 3000, contacts.lists),
    Route('list_create', 'POST', POOL + '/mailinglists', 500, contacts.create_list),
    Route('list', 'GET', LIST, 3000, contacts.one_list),
    Route('list_contacts', 'GET', LIST + '/contacts', 3000, contacts.list_contacts),
    Route('list_contact', 'GET', LIST + '/contacts/{contact}', 3000, contacts.list_contact),
    Route('list_contact_create', 'POST', LIST + '/contacts', 500, contacts.create_member),
    Route('list_bounced', 'GET', LIST + '/bouncedContacts', 3000, contacts.list_bounced),
    Route('list_opted_out', 'GET', LIST + '/optedOutContacts', 3000, contacts.list_opted_out),
    Route('contact_import', 'POST', LIST + '/transactioncontacts', 100, contact_imports.start),
    Route('contact_import_status', 'GET', LIST + '/transactioncontacts/{job}', 500, contact_imports.status),
    Route('contact_import_summary', 'GET', LIST + '/transactioncontacts/{job}/summary', 3000,
          contact_imports.summary),
    Route('contact_import_report', 'GET', POOL + '/imports/api-import/jobs/{job}/report', 10, contact_imports.report),
    Route('contact_transactions', 'GET', POOL + '/contacts/{contact}/transactions', 3000,
          transactions.contact_transactions),
    Route('batch_create', 'POST', POOL + '/transactionbatches', 500, transactions.create_batch),
    Route('batches', 'GET', POOL + '/transactionbatches', 3000, transactions.batches),
    Route('batch', 'GET', POOL + '/transactionbatches/{batch}', 3000, transactions.batch),
    Route('batch_transactions', 'GET', POOL + '/transactionbatches/{batch}/transactions', 3000,
          transactions.batch_transactions),
    Route('legacy_lists', 'GET', OLD, 3000, legacy_lists.lists, legacy=True),
    Route('legacy_list', 'GET', OLD + '/{list}', 3000, legacy_lists.one_list, legacy=True),
    Route('legacy_contacts', 'GET', OLD + '/{list}/contacts', 3000, legacy_lists.contacts, legacy=True),
    Route('legacy_contact', 'GET', OLD + '/{list}/contacts/{contact}', 3000, legacy_lists.contact, legacy=True),
    Route('legacy_import', 'POST', OLD + '/{list}/contactimports', 3000, legacy_lists.start, legacy=True),
    Route('legacy_import_status', 'GET', OLD + '/{list}/contactimports/{job}', 3000, legacy_lists.status,
          legacy=True),
    Route('legacy_import_summary', 'GET', OLD + '/{list}/contactimports/{job}/summary', 3000, legacy_lists.summary,
          legacy=True),
)
LIMITS = {route.key: route.limit for route in TABLE} | {oauth.KEY: 500}


def _pattern(path: str) -> re.Pattern:
    return re.compile(re.sub(r'\\\{(\w+)\\\}', r'(?P<\1>[^/]+)', re.escape(BASE + path)))


COMPILED = [(route, _pattern(route.path)) for route in TABLE]


def find(method: str, path: str, settings) -> tuple[Route | None, dict]:
    """The route of a path; names are case-sensitive, literal segments win over ids."""
    if settings.double_slash:
        path = re.sub('/{2,}', '/', path)
    slashed = len(path) > 1 and path.endswith('/')
    if slashed:
        path = path[:-1]
    for route, pattern in COMPILED:
        if route.method != method or (slashed and not route.slash) or (route.legacy and not settings.legacy):
            continue
        found = pattern.fullmatch(path)
        if found:
            return route, {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()}
    return None, {}
