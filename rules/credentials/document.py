"""The credential as a document: a pure function of plain values (cert#7)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from rules.credentials import assessments
from rules.credentials.assessments import Assessment
from rules.credentials.proving.status_list import rfc3339
from rules.language.model import Skill

CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
)
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: a did:web name, a name for people, and the public address without a slash at its end."""

    did: str
    name: str
    base: str
    kid_form: Literal["did", "url"] = "did"

    def kid(self, key: str) -> str:
        """Return the `kid` of a key: `<did>#<key>`, or its URL (cert#7-2)."""
        return self.kids(key)[0]

    def method(self, key: str) -> str:
        """Return the name of a key in the did:web document, whatever tokens call it."""
        return f"{self.did}#{key}"

    def kids(self, key: str) -> tuple[str, str]:
        """Return both names of a key: that of the present setting, and that of the other one."""
        names = self.method(key), f"{self.base}/keys/{key}"
        return names if self.kid_form == "did" else names[::-1]


@dataclass(frozen=True, slots=True)
class Achievement:
    """What is certified, in the version of the period; `criteria` is an IRI or text."""

    certification: str
    version: str
    title: str
    description: str
    criteria: str
    skills: tuple[Skill, ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceNote:
    """One thing that was proven, in words for people; never a raw statement."""

    key: str
    name: str
    narrative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardPeriod:
    """All that a credential says about one period of one award.

    `award` is the award id (ULID text) and the credential id; `period` counts from 1; `awarded_at` is the
    first award instant, kept through renewals; `ends_at` the exclusive end of validity without grace
    (None = forever); `timezone` the programme zone; `emails` the addresses of the holder, newest first.
    """

    award: str
    person: str
    period: int
    achievement: Achievement
    awarded_at: dt.datetime
    valid_from: dt.datetime
    ends_at: dt.datetime | None
    timezone: str = "UTC"
    evidence: tuple[EvidenceNote, ...] = ()
    result: tuple[str, ...] = ()
    assessments: tuple[Assessment, ...] = ()  # only what the holder lets others see
    emails: tuple[str, ...] = ()
    subject_did: str | None = None


def build_credential(
    period: AwardPeriod,
    issuer: Issuer,
    *,
    valid_from: dt.datetime,
    status: Mapping[str, Any],
    subject: str,
    salts: Sequence[str] = (),
    refreshable: bool = False,
) -> dict[str, Any]:
    """Return the claims of a VC-JWT: the credential's members, then the registered claims equal to them.

    `valid_from` has whole seconds; `subject` is the opaque URI of the holder; `salts` has one entry per
    address. No wrapper, no nulls, no empty arrays.
    """
    url = f"{issuer.base}/credentials/{period.award}"
    until = last_second(period.ends_at, period.timezone)
    body: dict[str, Any] = {
        "@context": list(CONTEXTS),
        "id": url,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": period.achievement.title,
        "issuer": {"id": issuer.did, "type": ["Profile"], "name": issuer.name, "url": issuer.base},
        "validFrom": rfc3339(valid_from),
        "awardedDate": rfc3339(whole_second(period.awarded_at)),
        "validUntil": rfc3339(until) if until else None,
        "credentialSubject": build_subject(period, issuer, subject, salts),
        "evidence": [
            *(build_evidence(note, url) for note in period.evidence),
            *assessments.evidence(period.assessments, url),
        ],
        "credentialStatus": dict(status),
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
        "refreshService": {"id": f"{url}/refresh", "type": "1EdTechCredentialRefresh"}
        if refreshable
        else None,
    }
    claims = {
        "iss": issuer.did,
        "jti": url,
        "sub": body["credentialSubject"]["id"],
        "nbf": int(valid_from.timestamp()),
        "exp": int(until.timestamp()) if until else None,
    }
    return cast("dict[str, Any]", without_empty(body | claims))


def build_subject(period: AwardPeriod, issuer: Issuer, subject: str, salts: Sequence[str]) -> dict[str, Any]:
    """Return the AchievementSubject: an opaque id, hashed addresses, the achievement."""
    achievement = build_achievement(period.achievement, issuer.base)
    described = assessments.descriptions(period.assessments, achievement["id"])
    return {
        "id": subject,
        "type": ["AchievementSubject"],
        "identifier": [hash_identity(one, salt) for one, salt in zip(period.emails, salts, strict=True)],
        "achievement": achievement | {"resultDescription": described},
        "result": [
            *({"type": ["Result"], "value": value} for value in period.result),
            *assessments.results(period.assessments, achievement["id"]),
        ],
    }


def build_achievement(achievement: Achievement, base: str) -> dict[str, Any]:
    """Return the Achievement, whose id is the public page of that version of the certification."""
    criteria = achievement.criteria
    is_iri = criteria.startswith(("https://", "http://")) and not any(map(str.isspace, criteria))
    return {
        "id": f"{base}/achievements/{achievement.certification}/{achievement.version}",
        "type": ["Achievement"],
        "name": achievement.title,
        "description": achievement.description or achievement.title,
        "criteria": {"id" if is_iri else "narrative": criteria or achievement.title},
        "version": achievement.version,
        "achievementType": "Certification",
        "alignment": [build_alignment(one) for one in achievement.skills],
    }


def build_alignment(skill: Skill) -> dict[str, Any]:
    """Return the Alignment of an achievement to a skill of a framework."""
    return {
        "type": ["Alignment"],
        "targetName": skill.name,
        "targetUrl": skill.url,
        "targetFramework": skill.framework,
        "targetCode": skill.code,
    }


def build_evidence(note: EvidenceNote, url: str) -> dict[str, Any]:
    """Return one Evidence whose id is a page that asks for a token or for the holder's consent."""
    return {
        "id": f"{url}/evidence/{note.key}",
        "type": ["Evidence"],
        "name": note.name,
        "narrative": note.narrative,
    }


def hash_identity(address: str, salt: str) -> dict[str, Any]:
    """Return the IdentityObject of an address, trimmed and lower-cased, hashed with its salt (cert#7-1)."""
    digested = hashlib.sha256((address.strip().lower() + salt).encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digested}",
        "identityType": "emailAddress",
        "salt": salt,
    }


def last_second(ends_at: dt.datetime | None, timezone: str) -> dt.datetime | None:
    """Return the last whole second before the exclusive end, with the offset of the programme zone."""
    if ends_at is None:
        return None
    return (whole_second(ends_at) - dt.timedelta(seconds=1)).astimezone(ZoneInfo(timezone))


def whole_second(instant: dt.datetime) -> dt.datetime:
    """Cut an aware instant to whole seconds, in UTC, so that text and NumericDate agree."""
    return instant.astimezone(dt.UTC).replace(microsecond=0)


def digest(period: AwardPeriod) -> str:
    """Return a hash of everything a period says; equal hashes need no new credential."""
    ends = period.ends_at.isoformat() if period.ends_at else None
    said = [core_digest(period), ends, period.timezone, period.emails, period.subject_did]
    # by itself: what says none of it keeps the hash that it always had
    details = [[one.said for one in period.assessments]] if period.assessments else []
    return sha256([*said, *details])


def core_digest(period: AwardPeriod) -> str:
    """Return a hash of what must not change without spending the old credential's bit."""
    achievement = period.achievement
    return sha256(
        [
            period.person,
            [achievement.certification, achievement.version, achievement.title],
            [whole_second(one).isoformat() for one in (period.awarded_at, period.valid_from)],
            [[note.key, note.name, note.narrative] for note in period.evidence],
            period.result,
        ]
    )


def sha256(value: Any) -> str:
    """Hash a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def without_empty(value: Any) -> Any:
    """Leave out nulls and empty arrays at every depth (cert#7)."""
    if isinstance(value, Mapping):
        return {key: without_empty(item) for key, item in value.items() if item is not None and item != []}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value
