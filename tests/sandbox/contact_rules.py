"""What a contact may hold, what is refused, and how one is written over another (API.md 2, 7.3, 8.1)."""

from __future__ import annotations

import re

from account import now_ms
from directory import Directory, MailingList
from people import FIELDS

MEMBERS = frozenset((*FIELDS, 'unsubscribed', 'embeddedData', 'transactionData', 'writeBlanks'))
NAMES = FIELDS[:5]                      # with nothing of these nobody is known
MAX_NAME, MAX_VALUE = 200, 1024         # of embedded data, in characters
ADDRESS = {'loose': re.compile(r'[^@\s]+@[^@\s]+'), 'dotted': re.compile(r'[^@\s]+@[^@\s.]+(\.[^@\s.]+)+')}


def flaw(settings, given: object) -> str | None:
    """Why a contact is refused on sight: its shape, or that nothing tells who it is."""
    if not isinstance(given, dict):
        return 'no object'
    for name in FIELDS:
        if not isinstance(given.get(name, ''), (str, type(None))):
            return name
    for name in ('unsubscribed', 'writeBlanks'):
        if not isinstance(given.get(name, False), bool):
            return name
    if (name := _flawed_data(settings, given)) is not None:
        return name
    if settings.unknown_contact_members == 'refuse' and not MEMBERS.issuperset(given):
        return next(name for name in given if name not in MEMBERS)
    if settings.contact_needs == 'email':
        return None if given.get('email') else 'email'
    return None if any(map(given.get, NAMES)) else 'nothing to know a person by'


def _flawed_data(settings, given: dict) -> str | None:
    """embeddedData and transactionData are objects of plain values, none too long."""
    for group in ('embeddedData', 'transactionData'):
        data = given.get(group)
        if data is None:
            continue
        if not isinstance(data, dict):
            return group
        for name, value in data.items():
            if isinstance(value, (dict, list)) or not name:
                return group
            if settings.embedded_over == 'refuse' and (len(name) > MAX_NAME or len(text(value)) > MAX_VALUE):
                return group
    return None


def text(value: object) -> str:
    """A plain JSON value as it is kept."""
    if value is None:
        return ''
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _data(settings, data: dict | None) -> dict:
    if settings.embedded_over != 'cut':
        return {name: text(value) for name, value in (data or {}).items()}
    return {name[:MAX_NAME]: text(value)[:MAX_VALUE] for name, value in (data or {}).items()}


def bad_address(settings, given: dict) -> bool:
    """Is there an e-mail address that is none?"""
    return bool(given.get('email')) and not ADDRESS[settings.addresses].fullmatch(given['email'].strip())


def merge(settings, found: dict, given: dict) -> None:
    """Write what is given over a contact; blanks overwrite with writeBlanks, or where the knob says so."""
    blanks = given.get('writeBlanks') is True or settings.blank_values == 'write'
    for name in FIELDS:
        if given.get(name) or (blanks and name in given):
            found[name] = given[name]
    if given.get('unsubscribed') is not None and settings.unsubscribed_means != 'list':
        found['unsubscribed'] = given['unsubscribed']
    for name, value in _data(settings, given.get('embeddedData')).items():
        if value or blanks:
            found['embeddedData'][name] = value
    found['lastModified'] = now_ms()


def store(settings, directory: Directory, given: dict, entry: int = 0) -> tuple[int, bool]:
    """Add a person, or change the one the directory's criteria find; who it is, and whether it is new.

    entry: of the books. The caller holds the directory's lock.
    """
    known = directory.known(given)
    if known is not None:
        directory.change(known, lambda contact: merge(settings, contact, given), entry)
        return known, False
    made = {**given, 'embeddedData': _data(settings, given.get('embeddedData'))}
    if settings.unsubscribed_means == 'list':
        made.pop('unsubscribed', None)
    return directory.add(made, now_ms(), entry), True


def join(settings, mailing_list: MailingList, number: int, given: dict) -> None:
    """Put a person on a list."""
    out = given.get('unsubscribed') if settings.unsubscribed_means != 'directory' else None
    mailing_list.members.join(number, out)
    mailing_list.modified = now_ms()
