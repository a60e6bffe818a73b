"""A person's credential of another issuer comes in: the ordered list of what has to hold before it counts.

It has to verify now (signature, dates, status), be made for an address that the person owns, and be
recognised by a rule in force: what was earned, by whom it is issued, how long ago. A Comprehensive Learner
Record is opened: each credential in it counts by itself.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR
from lrs.credentials.recognising import telling
from lrs.credentials.recognising.policy import Earned, recognised_by
from lrs.credentials.recognising.store import RecognitionStore, first_check, shown
from lrs.credentials.verifying.copy import followed, read_copy, sparing, text_of, verify_credential
from lrs.credentials.verifying.verify import (
    REFUSALS,
    UNANSWERED,
    Failed,
    Inquiry,
    check_holder,
    instant,
    is_record,
    issuer_id,
    subject_of,
)
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import AccessError, Collision
from lrs.foundation.fetching import Fetched, FetchRefused
from lrs.people.records import MBOX
from rules.catalogue.rule_set import RuleSet
from rules.credentials.proving.proofs import as_list
from rules.errors import RuleError
from statements.errors import InvalidStatement

Document = dict[str, Any]
MOST: Final = 200  # imports of one person that count
LONGEST: Final = 60.0  # seconds in which issuers have to answer, for one import as a whole


class NotRecognised(AccessError):
    """A copy brought by a person does not count; `reasons` say why, one for each credential in it."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons))


@dataclass(frozen=True, slots=True)
class Part:
    """One credential of a copy: its claims and its own text."""

    claims: Mapping[str, Any]
    text: str

    @property
    def name(self) -> str:
        """Return what it is called."""
        return str(self.claims.get("name") or achievement_of(self.claims).get("name") or "Credential")[:200]


@dataclass(frozen=True, slots=True)
class Importer:
    """What importing needs: who does it, what is published, how issuers are asked."""

    editor: Editor
    rules: RuleSet
    ask: Inquiry
    public_url: str

    def bring(self, person: Document, data: bytes) -> list[Document]:
        """Import what a copy says a person earned elsewhere; return what counts now, as shown to people.

        Importing the same again changes nothing. Raises NotRecognised where nothing of it counts, Collision.
        """
        parts, reasons, found = opened(data, within(self.ask, LONGEST)), [], []
        for part in parts:
            try:
                found.append(self.accept(person, part))
            except (Failed, RuleError) as error:
                reasons.append(f"{part.name}: {error}" if len(parts) > 1 else str(error))
        if not found:
            raise NotRecognised(reasons)
        return found

    def accept(self, person: Document, part: Part) -> Document:
        """Import one verified credential; raise Failed where it is not theirs, or no rule recognises it."""
        address = check_bound(part.claims, mailboxes(person))
        earned, rules_found = self.recognised(part.claims)
        store, row = RecognitionStore(self.editor.db), self.row(person, part, earned)
        known = store.standing(row["issuer"], row["credential"], row["valid_from"])
        if known is not None:
            return same_person(known, person["_id"])
        if store.count(person["_id"]) >= MOST:
            raise Failed(f"more than {MOST} credentials of one person are not kept")
        actor = identifier_at(person, MBOX + address, earned.awarded_at)
        row |= {"certifications": sorted(rules_found), "actor": actor}
        try:
            telling.check(row, actor)
        except InvalidStatement as error:  # such as an achievement that no statement can name
            raise Failed(f"it cannot be told as a statement: {error}") from error

        def act(session: ClientSession) -> None:
            store.add(row, session)
            after = {name: row[name] for name in ("issuer", "credential", "achievement")}
            self.editor.note("credential.recognise", "person", person["_id"], org=VENDOR, after=after)

        try:
            self.editor.change(act)
        except DuplicateKeyError as error:
            raise Collision("it was brought a moment ago") from error
        telling.tell(self.editor.db, self.public_url, row, actor, self.editor.now)
        store.mark_told(row["_id"])
        return shown({**row, "stands": True})

    def recognised(self, claims: Mapping[str, Any]) -> tuple[Earned, frozenset[str]]:
        """Return what was earned, and the certifications that recognise it; raise Failed where none does."""
        achievement = achievement_of(claims).get("id")
        at = instant(claims.get("awardedDate")) or instant(claims.get("validFrom"))
        if not isinstance(achievement, str) or at is None:
            raise Failed("it names no achievement")
        earned = Earned(issuer_id(claims), achievement, at.astimezone(dt.UTC))
        found, why = recognised_by(self.rules, earned, self.editor.now)
        if not found:
            raise Failed(why)
        return earned, found

    def row(self, person: Document, part: Part, earned: Earned) -> Document:
        """Return an import as it is kept."""
        now, claims = self.editor.now, part.claims
        start, end = instant(claims["validFrom"]), instant(claims.get("validUntil"))
        name = "rec_" + new_id(now)
        return {
            "_id": name, "person": person["_id"], "issuer": earned.issuer, "issuer_name": issuer_name(claims),
            "credential": str(claims.get("id")), "valid_from": start, "valid_until": end,
            "awarded_at": earned.awarded_at, "achievement": earned.achievement, "name": part.name,
            "copy": part.text, "by": self.editor.who,
            "statement": telling.statement_id(name), "imported_at": now, "told": False, "checked_at": now,
            "check_at": first_check(now), "problem": None, "taken_back_at": None, "reason": None,
        }  # fmt: skip


def same_person(known: Document, person: str) -> Document:
    """Return an import that is there already; raise Failed where somebody else brought it."""
    if known["person"] != person:
        raise Failed("it counts for somebody else already")
    return shown(known)


def opened(data: bytes, ask: Inquiry) -> list[Part]:
    """Return the credentials of a copy after verifying it; raise NotRecognised where it does not verify."""
    try:
        text = text_of(followed(data, ask))
        report = verify_credential(text.encode(), ask)
        if report.verdict != "valid":
            told = [
                f"{one.name}: {one.detail}"
                for one in report.checks
                if one.outcome not in {"ok", "not checked"}
            ]
            raise Failed("; ".join(told))
        copy = read_copy(text.encode())
    except (*REFUSALS, *UNANSWERED) as error:
        raise NotRecognised([str(error)]) from error
    if copy.is_assertion:
        raise NotRecognised(["Open Badges 2.0 is not recognised; ask the issuer for Open Badges 3.0"])
    if copy.selective is not None:
        raise NotRecognised(["an SD-JWT does not say enough; ask for the credential as JWT or JSON"])
    if not is_record(copy.claims):
        return [Part(copy.claims, text)]
    return [
        Part(with_identifiers(one, copy.claims), json.dumps(one))
        for one in as_list(subject_of(copy.claims).get("verifiableCredential"))
    ]


def with_identifiers(held: Document, record: Mapping[str, Any]) -> Document:
    """Return a credential of a record, said to be of whom its own issuer says that the record is.

    What another issuer wrote round a credential binds it to nobody.
    """
    subject = subject_of(held)
    if "identifier" in subject or issuer_id(held) != issuer_id(record):
        return held
    named = {"identifier": subject_of(record).get("identifier")}
    return {**held, "credentialSubject": {**subject, **named}}


def achievement_of(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the achievement of a credential, nothing for one that is no object."""
    found = subject_of(claims).get("achievement")
    return found if isinstance(found, dict) else {}


def issuer_name(claims: Mapping[str, Any]) -> str | None:
    """Return what an issuer calls itself, None where it does not say."""
    issuer = claims.get("issuer")
    name = issuer.get("name") if isinstance(issuer, dict) else None
    return str(name)[:200] if name else None


def mailboxes(person: Document) -> list[str]:
    """Return the mail addresses that a person owns now."""
    owned = (row["ifi"] for row in person["ifis"] if row["until"] is None)
    return [ifi.removeprefix(MBOX) for ifi in owned if ifi.startswith(MBOX)]


def check_bound(claims: Mapping[str, Any], addresses: list[str]) -> str:
    """Return the address of the person that a credential was made for; raise Failed."""
    if not as_list(subject_of(claims).get("identifier")):
        raise Failed("it does not say by a mail address whom it was made for")
    for address in addresses:
        with suppress(Failed):
            check_holder(claims, address)
            return address
    raise Failed("it was made for another mail address than those of this person")


def identifier_at(person: Document, preferred: str, at: dt.datetime) -> str:
    """Return an identifier that the person owned when the award was made; raise Failed."""
    held = [
        row["ifi"]
        for row in person["ifis"]
        if (row["from"] is None or row["from"] <= at) and (row["until"] is None or at < row["until"])
    ]
    if not held:
        raise Failed("no identifier of this person reaches back to its award")
    return preferred if preferred in held else str(min(held, key=lambda ifi: (not ifi.startswith(MBOX), ifi)))


def within(ask: Inquiry, seconds: float) -> Inquiry:
    """Return an inquiry that asks each address once, few of them, and none after some seconds."""
    end = time.monotonic() + seconds
    ask = sparing(ask)
    get: Callable[[str, str], Fetched] = ask.get

    def in_time(url: str, accept: str) -> Fetched:
        if time.monotonic() > end:
            raise FetchRefused(url, f"issuers did not answer within {seconds:g} s")
        return get(url, accept)

    return replace(ask, get=in_time)
