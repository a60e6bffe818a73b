"""Checking somebody's copy in whatever form: token or JSON, bare, baked into a picture, in our PDF."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lrs.credentials.embedded_proofs import check_proofs, proofs_of, read_document
from lrs.credentials.verifying.open_badges_2 import Assertion, Steps, is_assertion
from lrs.credentials.verifying.selective import Selective
from lrs.credentials.verifying.status import check_statuses
from lrs.credentials.verifying.verify import (
    JWT_TYPES,
    Failed,
    Inquiry,
    Unsaid,
    Verification,
    check_claims,
    check_dates,
    check_holder,
    check_signature,
    check_structure,
    is_record,
    run,
    subject_of,
)
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.baking import NotBaked, unbake
from rules.credentials.learner_record import MOST
from rules.credentials.proving.proofs import as_list
from rules.credentials.proving.signing import InvalidToken, Token, read_compact


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy says, and how it is signed: `token` is None where its proofs are embedded.

    `selective` is the whole of an SD-JWT VC, whose `claims` are those that its holder tells of.
    """

    claims: Mapping[str, Any]
    form: str
    token: Token | None = None
    selective: Selective | None = None

    @property
    def is_assertion(self) -> bool:
        """Say whether it is of Open Badges 2.0."""
        return is_assertion(self.claims)


def read_copy(data: bytes) -> Copy:
    """Return the credential of a file; raise Failed or InvalidToken for none."""
    text = text_of(data)
    if text.startswith("{"):
        document = read_document(text)
        if is_assertion(document):
            return Copy(document, "JSON of Open Badges 2.0")
        kinds = ", ".join(str(one.get("cryptosuite") or one.get("type")) for one in proofs_of(document))
        return Copy(document, f"JSON with an embedded proof, {kinds}")
    if "~" in text and text.startswith("ey"):
        found = Selective(text)
        return Copy(found.claims, f"SD-JWT, {signed_by(found.token)}", found.token, found)
    token = read_compact(text)
    return Copy(token.claims, f"compact JWS, {signed_by(token)}", token)


def signed_by(token: Token) -> str:
    """Say what the header of a token names."""
    return f"{token.header.get('alg')}, key {token.header.get('kid', 'unnamed')}"


def text_of(data: bytes) -> str:
    """Return a credential as text: itself, baked into a PNG or SVG, or attached to a PDF; raise Failed."""
    try:
        if data.startswith(b"%PDF-"):
            return attached_to(data)
        if data.startswith(b"\x89PNG") or data.lstrip()[:1] == b"<":
            return unbake(data)
        return data.decode().strip()
    except NotBaked as error:
        raise Failed(str(error)) from error
    except UnicodeDecodeError as error:
        raise Failed("neither a picture nor a text") from error


ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2000}")
MOST_ADDRESSES = 40  # that the contents of one record may lead to
# Tokens hold none of the characters before them, so that no byte of a file is looked at from two beginnings.
ATTACHED = re.compile(
    rb"/Subtype /application#2Fvc\+jwt\b[^>]{0,500}>>\s{0,9}stream\r?\n"
    rb"([A-Za-z0-9_.\-]{1,1000000}?)\s{0,9}endstream"
)


def attached_to(pdf: bytes) -> str:
    """Return the token that a certificate of ours has as a file, unfiltered; raise Failed."""
    found = ATTACHED.search(pdf)
    if found is None:
        raise Failed("the PDF has no credential attached that can be read; ask for its PNG, SVG or JWT")
    return found[1].decode("ascii", "replace").strip()


def followed(data: bytes, ask: Inquiry) -> bytes:
    """Return a copy; where a picture, or the copy itself, only names an address, what that answers."""
    text = text_of(data)
    return ask.get(text, JWT_TYPES).body if ADDRESS.fullmatch(text) else data


def check_assertion(report: Verification, steps: Steps) -> None:
    """Run the checks of an assertion; those behind one that did not pass have nothing to go by."""
    for name, step in steps:
        run(report, name, step)
        if report.verdict != "valid":
            return


def sparing(ask: Inquiry) -> Inquiry:
    """Return an inquiry that asks each address once, and not more than MOST_ADDRESSES."""
    known: dict[tuple[str, str], Fetched] = {}

    def get(url: str, accept: str) -> Fetched:
        if (url, accept) not in known:
            if len(known) >= MOST_ADDRESSES:
                raise FetchRefused(url, f"more than {MOST_ADDRESSES} addresses to ask")
            known[url, accept] = ask.get(url, accept)
        return known[url, accept]

    return replace(ask, get=get)


def check_contents(claims: Mapping[str, Any], ask: Inquiry) -> str:
    """Check every credential of a learner record, each with its own proof and of the record's subject.

    Raises Failed for one that is not valid, Unsaid where none is false and an issuer does not answer.
    """
    subject = subject_of(claims)
    held = as_list(subject.get("verifiableCredential"))
    if not 1 <= len(held) <= MOST or not all(isinstance(one, dict) for one in held):
        raise Failed(f"a record holds between 1 and {MOST} credentials")
    ask, unsaid = sparing(ask), ""
    for one in held:
        name = str(one.get("name") or one.get("id"))[:100]
        if is_record(one):
            raise Failed(f"{name} is a record within a record")
        if subject_of(one).get("id") != subject.get("id"):
            raise Failed(f"{name} is about somebody else")
        report = verify_credential(json.dumps(one).encode(), ask)
        told = {check.outcome: f"{name}: {check.detail}" for check in reversed(report.checks)}
        if report.verdict == "not valid":
            raise Failed(told["failed"])
        unsaid = unsaid or told.get("cannot say", "")
    if unsaid:
        raise Unsaid(unsaid)
    return f"{len(held)} credentials of the subject, each valid by itself"


def verify_credential(data: bytes, ask: Inquiry, *, email: str | None = None) -> Verification:
    """Check a credential: form, structure, claims, signature, dates, status, and whose it is if asked.

    Returns a report; never raises for what the credential or its servers say.
    """
    report = Verification()
    try:
        copy = read_copy(followed(data, ask))
    except (Failed, InvalidToken) as error:
        report.add("form", str(error), "failed")
        return report
    except FetchRefused as error:
        report.add("form", str(error), "cannot say")
        return report
    report.add("form", copy.form)
    if copy.is_assertion:
        assertion = Assertion(copy.claims, copy.token, ask)
        check_assertion(report, assertion.steps(email))
        report.claims = assertion.claims
        return report
    report.claims = copy.claims
    for name, step in copy.selective.steps(ask, email) if copy.selective else steps_of(copy, ask, email):
        run(report, name, step)
    return report


def steps_of(copy: Copy, ask: Inquiry, email: str | None) -> Steps:
    """Return the checks of a credential of Open Badges 3.0 or a record, in their order."""
    claims, token = copy.claims, copy.token
    steps: Steps = [("structure", lambda: check_structure(claims))]
    if token is None:
        steps.append(("signature", lambda: check_proofs(claims, ask)))
    else:
        signed = token
        steps += [
            ("claims", lambda: check_claims(claims)),
            ("signature", lambda: check_signature(signed, ask)),
        ]
    steps += [
        ("dates", lambda: check_dates(claims, ask.now)),
        ("status", lambda: check_statuses(claims, ask)),
    ]
    if is_record(claims):
        steps.append(("contents", lambda: check_contents(claims, ask)))
    if email is not None:
        steps.append(("holder", lambda: check_holder(claims, email)))
    return steps
