"""What an issuer's status lists say of a credential: Bitstring Status List 1.0, every kind of entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lrs.credentials.embedded_proofs import check_proofs, read_document
from lrs.credentials.verifying.verify import (
    LEEWAY,
    MIN_ENTRIES,
    Failed,
    Inquiry,
    Revoked,
    instant,
    issuer_id,
    issuer_key,
    subject_of,
)
from lrs.foundation.fetching import Fetched
from rules.credentials.proving.proofs import as_list
from rules.credentials.proving.signing import read_compact, verify
from rules.credentials.proving.status_list import decode, get_value

LIST_TYPES: Final = (
    "application/vc+jwt, application/vc;q=0.9, application/ld+json;q=0.8, application/json;q=0.7, */*;q=0.1"
)
INVALIDATES: Final = frozenset({"revocation", "suspension"})
MAX_ENTRIES: Final = 10


def check_statuses(claims: Mapping[str, Any], ask: Inquiry) -> str | None:
    """Check every status entry of a credential; None where it has none; raise Failed."""
    entries = as_list(claims.get("credentialStatus"))
    if len(entries) > MAX_ENTRIES or not all(isinstance(one, dict) for one in entries):
        raise Failed(f"credentialStatus is not one to {MAX_ENTRIES} objects")
    return "; ".join(check_entry(one, claims, ask) for one in entries) or None


def check_entry(entry: Mapping[str, Any], claims: Mapping[str, Any], ask: Inquiry) -> str:
    """Say what the list of an entry says; raise Failed where the credential is not in force."""
    if entry.get("type") != "BitstringStatusListEntry":
        raise Failed(f"status of type {entry.get('type')!r} cannot be checked")
    purpose, url = str(entry.get("statusPurpose")), str(entry.get("statusListCredential"))
    size = number(entry.get("statusSize", 1), "statusSize")
    if not 1 <= size <= 64:
        raise Failed("statusSize is not between 1 and 64")
    listed = read_list(ask.get(url, LIST_TYPES), url, claims, ask)
    subject = subject_of(listed)
    if purpose not in as_list(subject.get("statusPurpose")):
        raise Failed(f"the list is not for {purpose!r}")
    bits = decode(str(subject.get("encodedList")))
    if len(bits) * 8 // size < MIN_ENTRIES:
        raise Failed(f"the list has fewer than {MIN_ENTRIES} entries")
    index = number(entry.get("statusListIndex"), "statusListIndex")
    place = f"{purpose}: {'bit' if size == 1 else 'entry'} {index} of {url}"
    return f"{judge(entry, purpose, get_value(bits, index, size), place)}, list of {listed.get('validFrom')}"


def judge(entry: Mapping[str, Any], purpose: str, value: int, place: str) -> str:
    """Say what a value means for a purpose; raise Failed where it ends the credential, or is not known."""
    if purpose in INVALIDATES:
        if value:
            raise Revoked(f"{place} is set; the issuer no longer stands by this copy")
        return f"{place} is clear"
    if purpose == "refresh":
        return f"{place} says that a newer copy is to be had" if value else f"{place} is clear"
    if purpose == "message":
        return f"{place} says {message(entry, value)!r}"
    raise Failed(f"{place} has a purpose that is not known")


def message(entry: Mapping[str, Any], value: int) -> str:
    """Return the text that an entry gives to a value, or the value."""
    for one in as_list(entry.get("statusMessage")):
        if isinstance(one, dict) and str(one.get("status")).lower() == hex(value):
            return str(one.get("message"))[:200]
    return hex(value)


def read_list(fetched: Fetched, url: str, claims: Mapping[str, Any], ask: Inquiry) -> Mapping[str, Any]:
    """Return a list after checking who signed it, its name and its dates; raise Failed."""
    issuer = issuer_id(claims)
    if fetched.body.lstrip().startswith(b"{"):
        listed = read_document(fetched.body.decode(errors="replace"))
        check_list(listed, url, issuer, ask)
        check_proofs(listed, ask)
    else:
        token = read_compact(fetched.body.decode("ascii", "replace"))
        listed = token.claims
        check_list(listed, url, issuer, ask)
        verify(token, issuer_key(issuer, token.header, ask))
    return listed


def check_list(listed: Mapping[str, Any], url: str, issuer: str, ask: Inquiry) -> None:
    """Check issuer, name and dates of a list; raise Failed."""
    if issuer_id(listed) != issuer:
        raise Failed(f"the status list is signed by {issuer_id(listed)}, not by {issuer}")
    if listed.get("id", url) != url:
        raise Failed(f"the status list at {url} says that it is {listed.get('id')!r}")
    start, end = instant(listed.get("validFrom")), instant(listed.get("validUntil"))
    if start is not None and start > ask.now + LEEWAY:
        raise Failed(f"the status list is not valid before {listed['validFrom']}")
    if end is not None and end < ask.now - LEEWAY:
        raise Failed(f"the status list is valid until {listed['validUntil']}, which is over")


def number(value: Any, name: str) -> int:
    """Return a whole number, also where it is written as text; raise Failed."""
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Failed(f"{name} is not a number")
    return int(text)
