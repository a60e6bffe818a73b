"""Launches of kept content: who may run which attempt, for how long, by a secret in the address.

content_enrolments {_id: first registration, org, item, ifi, person, actor, created_at,
                    retakes [registration] (a cmi5 course that was begun anew),
                    version (that a learner of H5P, Tin Can, HTML is on)}
content_launches   {_id: hash of the token, org, item, version, registration, attempt, mode, reason, person,
                    actor, learner {id, name}, language, return_url, created_at, expires_at}

The token is the whole right of a player: no cookie, so that no other package of the same browser has it. Its
life slides while the learner works.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database

from lrs.content.attempts.deciding import decide
from lrs.content.attempts.policy import Policy
from lrs.content.attempts.store import Learner, begin, latest
from lrs.content.origin.addresses import content_origin
from lrs.content.packages.model import Kind
from lrs.content.player.shelf import Shelf, Shelved
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.settings import Settings
from statements.parsing.actor import ifi

Document = dict[str, Any]

LIFE: Final = dt.timedelta(hours=24)
KEPT: Final = dt.timedelta(days=7)  # after its end, so that people hear that it is over and not unknown
LONGEST_TOKEN: Final = 64

INDEXES: dict[str, list[IndexModel]] = {
    "content_enrolments": [
        IndexModel([("org", ASCENDING), ("item", ASCENDING), ("ifi", ASCENDING)], unique=True),
        IndexModel([("ifi", ASCENDING)]),  # erasure
    ],
    "content_launches": [
        IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("registration", ASCENDING)]),
        IndexModel([("person", ASCENDING)]),
    ],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be opened for whom."""

    org: str
    item: str
    actor: Mapping[str, Any]
    person: str | None = None
    name: str = ""  # shown to the content as the learner's name
    language: str = "en"
    return_url: str | None = None
    wants_new: bool = False
    mode: str = "normal"  # or "review", "browse": nothing that happens counts


def launch(
    db: Database[Document], shelf: Shelf, wanted: Wanted, now: dt.datetime, version: Shelved | None = None
) -> tuple[str, Document]:
    """Open a course for a learner; return the token and the launch. Raises UnknownThing, Collision.

    `version` is the one that is run, by default the newest, or that of the attempt that goes on. An attempt
    is begun in normal mode only; a review looks at one that there is.
    """
    registration = enrolled(db, wanted) if wanted.mode == "review" else enrol(db, wanted, now)
    newest = latest(db, registration)
    current = version or shelf.newest(wanted.item)
    decision = decide(newest, current.policy, now, wants_new=wanted.wants_new)
    version = current
    begins = wanted.mode == "normal" and decision.choice == "begin"
    if newest is not None and not begins:
        version = shelf.version(newest["version"])
    if current.package.kind is Kind.H5P:
        version = kept_version(db, shelf, wanted, current)
    attempt = newest
    if version.outline is not None and attempt is None and wanted.mode == "review":
        raise Collision("the learner has begun no attempt, so there is nothing to look at")
    if version.outline is not None and begins:
        learner = Learner(wanted.org, wanted.person, wanted.actor, registration, wanted.item)
        number = newest["number"] + 1 if newest else 1
        attempt = begin(db, learner, version.id, version.policy, now, number=number)
    token = secrets.token_urlsafe(32)
    document: Document = {
        "_id": hash_token(token),
        "registration": str(registration),
        "version": version.id,
        "attempt": attempt["_id"] if attempt else None,
        "mode": "review" if decision.choice == "review" else wanted.mode,
        "reason": decision.reason,
        **_asked(wanted, registration),
        "created_at": now,
        "expires_at": now + LIFE,
        "forget_at": now + LIFE + KEPT,
    }
    db.content_launches.insert_one(document)
    return token, document


def enrol(db: Database[Document], wanted: Wanted, now: dt.datetime) -> UUID:
    """Return the present registration of a learner in an item: one for all attempts, but for cmi5."""
    key = _key(wanted)
    fresh = {
        "_id": str(uuid.uuid4()),
        "person": wanted.person,
        "actor": dict(wanted.actor),
        "created_at": now,
    }
    found = db.content_enrolments.find_one_and_update(
        key, {"$setOnInsert": fresh}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert found is not None  # noqa: S101 -- an upsert that returns the document after it
    return UUID(registrations_of(found)[-1])


def enrolled(db: Database[Document], wanted: Wanted) -> UUID:
    """Return the present registration of a learner who opened the item; raises Collision for another."""
    found = db.content_enrolments.find_one(_key(wanted))
    if found is None:
        raise Collision("the learner has not opened it, so there is nothing to look at")
    return UUID(registrations_of(found)[-1])


def registrations_of(enrolment: Mapping[str, Any]) -> list[str]:
    """Return the registrations of an enrolment, the present one last."""
    return [enrolment["_id"], *enrolment.get("retakes", ())]


def retake(db: Database[Document], wanted: Wanted, policy: Policy) -> UUID | None:
    """Begin a further registration, for a kind whose registration cannot be begun anew (cmi5).

    Returns None where the policy leaves no attempt, or another request was quicker.
    """
    found = db.content_enrolments.find_one(_key(wanted))
    if found is None:
        return None
    known = registrations_of(found)
    if policy.attempts is not None and len(known) >= policy.attempts:
        return None
    fresh = str(uuid.uuid4())
    seen = {**_key(wanted), "retakes": found.get("retakes")}
    pushed = db.content_enrolments.update_one(seen, {"$push": {"retakes": fresh}}).modified_count
    return UUID(fresh) if pushed else None


def kept_version(db: Database[Document], shelf: Shelf, wanted: Wanted, current: Shelved) -> Shelved:
    """Return the version of content without attempts of ours that an enrolled learner is on.

    The first one that was opened, or the newest where a new attempt is wanted.
    """
    found = db.content_enrolments.find_one(_key(wanted)) or {}
    if found.get("version") and not wanted.wants_new:
        return shelf.version(found["version"])
    db.content_enrolments.update_one(_key(wanted), {"$set": {"version": current.id}})
    return current


def _key(wanted: Wanted) -> Document:
    return {"org": wanted.org, "item": wanted.item, "ifi": ifi(wanted.actor)}


def _asked(wanted: Wanted, registration: UUID) -> Document:
    return {
        "org": wanted.org,
        "item": wanted.item,
        "person": wanted.person,
        "actor": dict(wanted.actor),
        "learner": {"id": wanted.person or str(registration), "name": wanted.name},
        "language": wanted.language,
        "return_url": wanted.return_url,
    }


def player_url(settings: Settings, token: str, launch: Mapping[str, Any]) -> str:
    """Return the address of a launch's player: on a host that no other package and no other learner has."""
    tag = tag_of(UUID(launch["registration"]))
    return f"{content_origin(settings, launch['version'], tag)}/play/{token}/"


def tag_of(registration: UUID) -> str:
    """Return what keeps the learners of one browser apart in the host name of their content."""
    return hashlib.sha256(registration.bytes).hexdigest()[:16]


def hash_token(token: str) -> str:
    """Return the hash under which a token of 256 random bits is kept."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def find(db: Database[Document], token: str, now: dt.datetime) -> Document:
    """Return the running launch of a token, its life made longer where half of it is over.

    Raises UnknownThing for every other token.
    """
    found = db.content_launches.find_one({"_id": hash_token(token)}) if len(token) <= LONGEST_TOKEN else None
    if found is None or found["expires_at"] <= now:
        raise UnknownThing("launch", "of this address")
    if found["expires_at"] - now < LIFE / 2:
        ends = {"expires_at": now + LIFE, "forget_at": now + LIFE + KEPT}
        db.content_launches.update_one({"_id": found["_id"]}, {"$set": ends})
    return found
