"""What pages say of a credential: a function of facts and time, computed when somebody asks."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lrs.credentials.consent import Display, DisplayStore, Right, seen_by, shown_name
from lrs.credentials.drawing.badge_art import Badge
from lrs.credentials.issuer import issuer_of, links_of
from lrs.foundation.context import Services
from lrs.words.reader import mark, spoken_date, t
from rules.calendar import local_date
from rules.catalogue.store import cache_of
from rules.credentials.due_awards import version_of
from rules.credentials.proving.signing import read_compact
from rules.credentials.store import Record
from rules.engine.merges import award_of
from rules.engine.standings import state_at
from rules.errors import RuleError
from rules.language.model import Certification
from rules.wording.phrases import spoken

Document = dict[str, Any]
Tone = Literal["good", "late", "bad"]


class UnknownCredential(RuleError):
    """There is no such credential, or nobody who asks so may see it: both read the same (cert#7-6)."""

    def __init__(self) -> None:
        super().__init__("there is no credential to be seen here")


class MergedCredential(RuleError):
    """A merge made the credential part of another, which whoever asks may see."""

    def __init__(self, award: str, now: str, token: str | None) -> None:
        self.award, self.now, self.token = award, now, token
        super().__init__(f"credential {award} is now part of credential {now}")


@dataclass(frozen=True, slots=True)
class Words:
    """How a state reads on a page."""

    label: str
    tone: Tone
    sentence: str

    def told(self) -> Words:
        """Return the same in the reader's language."""
        return Words(t(self.label), self.tone, t(self.sentence))


STATES: Mapping[str, Words] = {
    "active": Words(mark("Valid"), "good", mark("The issuer stands by this credential.")),
    "renewal_open": Words(mark("Valid"), "good", mark("The issuer stands by this credential.")),
    "grace": Words(
        mark("Renewal overdue"), "late", mark("Its validity is over; the holder may still renew it in time.")
    ),
    "expired": Words(mark("Expired"), "late", mark("Its validity is over and it was not renewed.")),
    "suspended": Words(mark("Suspended"), "bad", mark("The issuer has suspended it; it may be reinstated.")),
    "revoked": Words(mark("Revoked"), "bad", mark("The issuer has revoked it for good.")),
    "withdrawn": Words(mark("Withdrawn"), "bad", mark("It was withdrawn.")),
    "annulled": Words(mark("Annulled"), "bad", mark("It was issued on evidence that did not hold.")),
}
OUT_OF_FORCE = frozenset({"suspended", "revoked", "withdrawn", "annulled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialView:
    """All that pages, pictures and the PDF show of one credential."""

    id: str
    url: str
    jwt: str
    issued_at: dt.datetime
    claims: Mapping[str, Any]
    title: str
    description: str
    criteria: tuple[tuple[int, str], ...]
    criteria_url: str | None
    skills: tuple[Mapping[str, Any], ...] = ()
    evidence: tuple[tuple[str, str, str], ...]
    results: tuple[tuple[str, str], ...] = ()
    issuer: str
    did: str
    holder: str | None
    state: str
    since: dt.date
    awarded: dt.date
    valid_from: dt.date
    valid_until: dt.date | None
    periods: int
    badge: Badge
    display: Display
    right: Right | None
    token: str | None
    certification: str
    version: str
    person: str
    image: str | None = None
    level: str | None = None
    role: str | None = None
    product: str | None = None

    @property
    def words(self) -> Words:
        """Return how the state reads, in the reader's language."""
        return STATES.get(self.state, STATES["annulled"]).told()

    @property
    def validity(self) -> str:
        """Return one line on how long it is or was valid."""
        if self.state in OUT_OF_FORCE:
            return t("%(state)s since %(day)s", state=self.words.label, day=spoken_date(self.since))
        if self.valid_until is None:
            return t("Valid without end")
        until = spoken_date(self.valid_until)
        return (
            t("Valid until %(day)s", day=until)
            if self.words.tone == "good"
            else t("Was valid until %(day)s", day=until)
        )

    @property
    def query(self) -> str:
        """Return what links on a page carry so that a token goes on working."""
        return f"?token={self.token}" if self.token and self.right else ""


def find_view(services: Services, award: str, token: str | None = None) -> CredentialView:
    """Return what may be seen of a credential; raise UnknownCredential when nothing may be.

    Raises MergedCredential where it is part of another now: whoever may see the one is led to the other.
    """
    credential_issuer = issuer_of(services.settings, services.db)
    record = credential_issuer.store.newest(award) if is_id(award) else None
    if record is None:
        raise UnknownCredential
    now = services.now()
    right = links_of(services.settings).right(token, award, now)
    display = seen_by(DisplayStore(services.db).get(award, record.person), right)
    if not display.shown:
        raise UnknownCredential
    if (part := part_now(services, award)) is not None:
        links = links_of(services.settings)
        carried = links.carry(token, right, part.award) if token and right else None
        if carried is None and not DisplayStore(services.db).get(part.award, part.person).shown:
            raise UnknownCredential
        raise MergedCredential(award, part.award, carried)
    return view_of(services, record, display, right=right, token=token)


def listed(services: Services, records: Iterable[Record]) -> Iterator[Record]:
    """Yield the credentials that stand for themselves, without those that a merge made part of others."""
    merged = {"org": "vendor", "merged_into": {"$exists": True}}
    gone = set(services.db["people"].distinct("_id", merged))
    return (one for one in records if one.person not in gone or part_now(services, one.award) is None)


def part_now(services: Services, award: str) -> Record | None:
    """Return the credential that a merge made this one part of; None where it stands for itself."""
    found = services.db["awards"].find_one({"_id": award, "merged_into": {"$exists": True}})
    part = award_of(services.db, found) if found else None
    return issuer_of(services.settings, services.db).store.newest(part) if part else None


def is_id(text: str) -> bool:
    """Say whether a text can be the id of an award."""
    return len(text) == 26 and text.isascii() and text.isalnum()


def view_of(
    services: Services,
    record: Record,
    display: Display,
    *,
    right: Right | None = None,
    token: str | None = None,
) -> CredentialView:
    """Return the view of a credential as far as `display` lets it be seen."""
    claims = read_compact(record.jwt).claims
    award = services.db["awards"].find_one({"_id": record.award}) or {}
    person = services.db["people"].find_one({"_id": record.person}, {"name": 1}) or {}
    document = document_of(services, record)
    zone = document.validity.timezone if document else "UTC"
    state, since = state_of(services, record, award)
    achievement = claims["credentialSubject"]["achievement"]
    criteria = achievement["criteria"]
    issuer = claims["issuer"]
    badge = Badge(claims["name"], issuer["name"], record.certification, spoken_level(document))
    return CredentialView(
        id=record.award,
        url=claims["id"],
        jwt=record.jwt,
        issued_at=record.issued_at,
        claims=claims,
        title=claims["name"],
        description=achievement["description"],
        criteria=criteria_lines(criteria.get("narrative", "")),
        criteria_url=criteria.get("id"),
        skills=tuple(achievement.get("alignment", ())),
        evidence=evidence_lines(claims) if display.evidence else (),
        results=result_lines(claims) if display.evidence else (),
        issuer=issuer["name"],
        did=issuer["id"],
        holder=shown_name(person.get("name"), display),
        state=state,
        since=local_date(since, zone),
        awarded=local_date(dt.datetime.fromisoformat(claims["awardedDate"]), zone),
        valid_from=local_date(record.valid_from, zone),
        valid_until=until_of(claims),
        periods=record.period,
        badge=badge,
        display=display,
        right=right,
        token=token,
        certification=record.certification,
        version=record.version,
        person=record.person,
        image=document.badge.image if document else None,
        level=document.level if document else None,
        role=document.role if document else None,
        product=document.product if document else None,
    )


def state_of(services: Services, record: Record, award: Mapping[str, Any]) -> tuple[str, dt.datetime]:
    """Return the state at this instant and since when: from the award's facts, else from the credential's."""
    part = part_now(services, record.award) if award.get("merged_into") else None
    if part is not None:  # as good as what it is part of
        return state_of(services, part, services.db["awards"].find_one({"_id": part.award}) or {})
    now = services.now()
    found = state_at(award, now) if award.get("states") else None
    if found is not None and found.state in STATES:
        return found.state, found.since
    entry = issuer_of(services.settings, services.db).store.entry_of(record)
    if award.get("annulled") or "set_at" in entry:
        reason = str(entry.get("reason", "annulled"))
        return (reason if reason in STATES else "annulled"), entry.get("set_at", now)
    if record.ends_at is not None and record.ends_at <= now:
        return "expired", record.ends_at
    return "active", record.valid_from


def document_of(services: Services, record: Record) -> Certification | None:
    """Return the published version under which a credential was issued."""
    try:
        return version_of(cache_of(services.db).get(), record.certification, record.version)
    except (KeyError, LookupError):
        return None


def spoken_level(document: Certification | None) -> str | None:
    """Return the level as words."""
    return spoken(document.level) if document and document.level else None


def criteria_lines(narrative: str) -> tuple[tuple[int, str], ...]:
    """Return the criteria as (depth, text) lines of the Markdown list that the credential carries."""
    lines = []
    for line in narrative.splitlines():
        text = line.lstrip()
        if text:
            lines.append(((len(line) - len(text)) // 2, text.removeprefix("- ").removeprefix("* ")))
    return tuple(lines)


def evidence_lines(claims: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return (key, name, narrative) of each evidence."""
    return tuple(
        (one["id"].rpartition("/")[2], one["name"], one.get("narrative") or told_file(one))
        for one in claims.get("evidence", ())
    )


def told_file(one: Mapping[str, Any]) -> str:
    """Return an evidence file in words: it stays with the issuer, its hash tells whether a copy is one."""
    digest = base64.b64decode(one["digestSRI"].partition("-")[2]).hex()
    return f"File, {one['mediaType']}, SHA-256 {digest}"


def result_lines(claims: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return (what, outcome) of each result that says what it is of: points, levels of a rubric."""
    subject = claims["credentialSubject"]
    known = {one["id"]: one for one in subject["achievement"].get("resultDescription", ())}
    lines = []
    for one in subject.get("result", ()):
        described = known.get(one.get("resultDescription"))
        if described is None:
            continue
        levels = {level["id"]: level["name"] for level in described.get("rubricCriterionLevel", ())}
        reached = levels.get(one.get("achievedLevel")) or f"{one.get('value')} of {described.get('valueMax')}"
        lines.append((described["name"], reached))
    return tuple(lines)


def until_of(claims: Mapping[str, Any]) -> dt.date | None:
    """Return the expiry date in the programme zone: validUntil carries its offset."""
    text = claims.get("validUntil")
    return dt.datetime.fromisoformat(text).date() if text else None
