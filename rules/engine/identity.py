"""Reading people, their dated identifiers, affiliations and groups; and making a person on first sight.

people       {_id, org: "vendor", name, email, ifis: [{ifi, from, until, gains?: [{at, of}]}],
              former?: [{ifi, from, until, gains?, lost_at, lost_to, returned_at?}], confirmed, created_at,
              merged_into?, merged_at?, had?: [identifiers before the merge]}
affiliations {_id, person, org, from, until, primary, role, confirmed_at}
groups       {_id, org: "vendor", name, members: [{person, from, until, added_at}],
              past?: [{person, from, until, added_at, removed_at}]}

`from` and `until` are instants or None for an open end; intervals are [from, until). `gains` tell when merges
and splits brought an identifier, and from whom: what was known at an instant can be told later.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from rules.engine.affiliations import holding, span_of
from rules.engine.ownership import note_owners
from rules.errors import UnknownPerson
from rules.evidence.history import BEGINNING, END_OF_TIME, Membership
from rules.stored import VENDOR, Document
from statements.storage.transaction import DUPLICATE_KEY

RACES: Final = 5  # how often other workers may make one of the same persons first
READ: Final = 5000  # rows of one round trip
MAX_IDS: Final = 100  # how many persons one identifier may have had


@dataclass(frozen=True, slots=True)
class Interval:
    """The half-open interval [start, end) in which `of` held: a person, an organization, an identifier.

    `known_at` is when the store learnt of it, as far as that is told: an identifier that a merge brought.
    """

    of: str
    start: dt.datetime = BEGINNING
    end: dt.datetime = END_OF_TIME
    known_at: dt.datetime = BEGINNING

    def holds_at(self, at: dt.datetime) -> bool:
        """Tell whether the instant lies inside."""
        return self.start <= at < self.end

    @property
    def is_whole(self) -> bool:
        """Tell whether it has neither beginning nor end: every statement lies inside."""
        return self.start is BEGINNING and self.end is END_OF_TIME


Owners = Mapping[str, tuple[Interval, ...]]
"""From an IFI to the persons who owned it, each with the interval of ownership."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An identifier that was seen as the actor of a relevant statement, in the store of an organization."""

    ifi: str
    org: str


def owner_at(owners: Owners, ifi: str, at: dt.datetime) -> str | None:
    """Return the person who owned the identifier at an instant (cert#1, person)."""
    for owner in owners.get(ifi, ()):
        if owner.start <= at < owner.end:
            return owner.of
    return None


def owners_of(
    db: Database[Document], ifis: Collection[str], known_at: dt.datetime | None = None
) -> dict[str, tuple[Interval, ...]]:
    """Return who owned each of these identifiers, and when, as known then; unknown ones are left out."""
    found: dict[str, list[Interval]] = defaultdict(list)
    wanted = set(ifis)
    people = db.people.find(
        {"org": VENDOR, "ifis.ifi": {"$in": sorted(wanted)}}, {"ifis": 1, "former": 1}, batch_size=READ
    )
    for person in people if wanted else ():
        for owned in person["ifis"]:
            if owned["ifi"] in wanted:
                found[owned["ifi"]].append(interval(owner_known(person, owned, known_at), owned))
    return {ifi: tuple(sorted(each, key=lambda one: one.start)) for ifi, each in found.items()}


def owner_known(person: Mapping[str, Any], owned: Mapping[str, Any], known_at: dt.datetime | None) -> str:
    """Return whose an identifier of a person was as known then: before merges, between split and merge."""
    owner = str(person["_id"])
    if known_at is None:
        return owner
    away = _away(person, owned["ifi"], known_at)
    if away is not None:
        return str(away.get("lost_to") or owner)
    for gain in reversed(owned.get("gains", ())):
        if gain["at"] <= known_at:
            break
        owner = str(gain["of"])
    return owner


def _away(person: Mapping[str, Any], ifi: str, known_at: dt.datetime) -> Mapping[str, Any] | None:
    """Return how an identifier was lost that had not come back by an instant, where it has by now."""
    return next(
        (
            row
            for row in person.get("former", ())
            if row["ifi"] == ifi and "returned_at" in row and row["lost_at"] <= known_at < row["returned_at"]
        ),
        None,
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """The identifiers of a person: those owned, and those lost by a split with the instant of the loss."""

    owned: tuple[Interval, ...] = ()
    lost: tuple[tuple[Interval, dt.datetime], ...] = ()


NOBODY: Final = Identity()


def identities_of(
    db: Database[Document], persons: Collection[str], known_at: dt.datetime | None = None
) -> dict[str, Identity]:
    """Return the identifiers of each of these persons with their intervals (`of` is the IFI).

    With `known_at`, as they were known then: a person who was merged away later has what was theirs.
    """
    wanted = {"ifis": 1, "former": 1, "had": 1, "merged_at": 1}
    people = db.people.find({"_id": {"$in": list(persons)}}, wanted, batch_size=READ)
    return {person["_id"]: _identity(person, known_at) for person in people}


def _identity(person: Mapping[str, Any], known_at: dt.datetime | None) -> Identity:
    rows, former = person["ifis"], person.get("former", ())
    if known_at is not None:
        if "merged_at" in person and known_at < person["merged_at"]:
            rows = person.get("had", ())
        rows = [one for one in rows if _away(person, one["ifi"], known_at) is None]
    lost = [
        one
        for one in former
        if "returned_at" not in one or (known_at is not None and known_at < one["returned_at"])
    ]
    return Identity(
        tuple(interval(one["ifi"], one) for one in rows),
        tuple((interval(one["ifi"], one), one["lost_at"]) for one in lost),
    )


def interval(of: str, document: Mapping[str, Any]) -> Interval:
    """Return the interval of a document with `from` and `until`, known from the last of its `gains`."""
    gains = document.get("gains")
    known_at = gains[-1]["at"] if gains else BEGINNING
    return Interval(of, document.get("from") or BEGINNING, document.get("until") or END_OF_TIME, known_at)


Admit = Callable[
    [Database[Document], Mapping[str, str], Mapping[str, str], dt.datetime, ClientSession | None], None
]
"""Called with new persons (id -> IFI, id -> organization) in the transaction that inserts them.

It gives them the affiliations that the policies of the organizations allow.
"""


def no_affiliation(*_: Any) -> None:
    """Admit nobody anywhere."""


def persons_for(
    db: Database[Document], sightings: Iterable[Sighting], now: dt.datetime, admit: Admit = no_affiliation
) -> Owners:
    """Return the owners of all identifiers seen; identifiers that nobody ever owned get a person each.

    The id of such a person follows from the identifier, so two workers that see it at once make one person.
    """
    where = {seen.ifi: seen.org for seen in sightings}
    owners = owners_of(db, where)
    for again in range(MAX_IDS):
        missing = [ifi for ifi in where if ifi not in owners]
        if not missing:
            break
        made = {person_id(ifi, again): ifi for ifi in join_digests(db, missing)}
        insert_persons(db, made, {person: where[ifi] for person, ifi in made.items()}, now, admit)
        owners = owners_of(db, where)
    return owners


def insert_persons(
    db: Database[Document],
    made: Mapping[str, str],
    orgs: Mapping[str, str],
    now: dt.datetime,
    admit: Admit = no_affiliation,
) -> None:
    """Insert and admit persons (id -> IFI) in one transaction; those whose id is taken stay as they are."""

    def change(session: ClientSession) -> None:
        taken = {
            row["_id"] for row in db.people.find({"_id": {"$in": list(made)}}, {"_id": 1}, session=session)
        }
        new = {person: ifi for person, ifi in made.items() if person not in taken}
        if new:
            db.people.insert_many([new_person(one, ifi, now) for one, ifi in new.items()], session=session)
            admit(db, new, {person: orgs[person] for person in new}, now, session)

    for _ in range(RACES):
        if not made:
            return
        try:
            with db.client.start_session() as session:
                session.with_transaction(change)
        except BulkWriteError as error:  # another worker made one of them between the look and the insert
            if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise
        else:
            note_owners(db, made, None)
            return


def digest_of(ifi: str) -> str | None:
    """Return the `mbox_sha1sum` identifier that is the same mailbox as an `mbox` identifier."""
    if not ifi.startswith("mbox::"):
        return None
    return "mbox_sha1sum::" + sha1(ifi.removeprefix("mbox::").encode(), usedforsecurity=False).hexdigest()


def join_digests(db: Database[Document], ifis: Collection[str]) -> list[str]:
    """Give each unowned mbox to the owners of its sha1sum, for the same intervals; return the others."""
    digests = {digest: ifi for ifi in ifis if (digest := digest_of(ifi)) is not None}
    owners = owners_of(db, digests)
    for digest, each in owners.items():
        for owner in each:
            start = None if owner.start == BEGINNING else owner.start
            end = None if owner.end == END_OF_TIME else owner.end
            row = {"ifi": digests[digest], "from": start, "until": end}
            give_identifier(db, owner.of, row)
    joined = {digests[digest] for digest in owners}
    return [ifi for ifi in ifis if ifi not in joined]


def give_identifier(db: Database[Document], person: str, row: Document, **more: Any) -> None:
    """Let a person own an identifier who does not yet; `more` are other operators of the update."""
    wanted = {"_id": person, "ifis.ifi": {"$ne": row["ifi"]}}

    def change(session: ClientSession) -> None:
        if db.people.update_one(wanted, {"$push": {"ifis": row}, **more}, session=session).modified_count:
            note_owners(db, [person], session)

    with db.client.start_session() as session:
        session.with_transaction(change)


def person_id(ifi: str, again: int = 0) -> str:
    """Return the id of the person who is made when an identifier is first seen.

    `again` counts the earlier persons of that identifier who own it no more: split off, merged or erased.
    """
    suffix = f"#{again}" if again else ""
    return "p_" + sha256(f"person:{digest_of(ifi) or ifi}{suffix}".encode()).hexdigest()[:26]


def new_person(person: str, ifi: str, now: dt.datetime) -> Document:
    """Return the document of a person of whom one identifier is known."""
    email = ifi.removeprefix("mbox::mailto:") if ifi.startswith("mbox::mailto:") else None
    owned = [ifi, digest] if (digest := digest_of(ifi)) else [ifi]
    return {
        "_id": person,
        "org": VENDOR,
        "name": None,
        "email": email,
        "ifis": [{"ifi": each, "from": None, "until": None} for each in owned],
        "confirmed": False,
        "created_at": now,
    }


def find_person(
    db: Database[Document], named: str, now: dt.datetime, known_at: dt.datetime | None = None
) -> str:
    """Return the person meant by an id, an IFI, an address or `name@organization` now; raises UnknownPerson.

    With `known_at`, as known then: somebody who was merged into another later is still apart.
    """
    found = _find(db, named, now)
    while found.get("merged_into") and (known_at is None or found["merged_at"] <= known_at):
        found = db.people.find_one({"_id": found["merged_into"]}) or {"_id": found["merged_into"]}
    if known_at is not None:
        meant = {named, _as_ifi(named), f"mbox::mailto:{named}"}
        for owned in found.get("ifis", ()):
            if owned["ifi"] in meant:
                return owner_known(found, owned, known_at)
    return str(found["_id"])


def _as_ifi(named: str) -> str:
    return named if "::" in named else f"mbox::mailto:{named.lower()}"


def _find(db: Database[Document], named: str, now: dt.datetime) -> Mapping[str, Any]:
    """Return the document of the person who is called so now; raises UnknownPerson."""
    ifi = _as_ifi(named)
    exact: list[Document] = [
        {"_id": named},
        {"ifis.ifi": ifi},
        {"ifis.ifi": f"mbox::mailto:{named}"},
        {"email": named},
    ]
    for query in exact:
        found = db.people.find_one({"org": VENDOR, **query})
        if found is not None:
            return found
    name, at, org = named.partition("@")
    if at:
        rows = db.affiliations.find({"org": org, **holding(now)}, {"person": 1})
        members = [row["person"] for row in rows]
        people = db.people.find({"_id": {"$in": members}}, {"name": 1, "email": 1})
        matching = [one for one in people if _is_called(one, name)]
        if len(matching) == 1:
            return matching[0]
    raise UnknownPerson(named)


def _is_called(person: Mapping[str, Any], name: str) -> bool:
    local = (person.get("email") or "").partition("@")[0]
    return name.lower() in {(person.get("name") or "").lower(), local.lower()} - {""}


def affiliations_of(db: Database[Document], persons: Collection[str]) -> dict[str, tuple[Interval, ...]]:
    """Return the primary affiliations of each person, confirmed ones only (`of` is the organization).

    An affiliation counts from its confirmation (cert#5-5), and at most one is primary at any instant.
    """
    found: dict[str, list[Interval]] = defaultdict(list)
    rows = db.affiliations.find({"person": {"$in": list(persons)}, "primary": True}, batch_size=READ)
    for row in rows:
        span = span_of(row)
        if span is not None:
            found[row["person"]].append(Interval(row["org"], span[0], span[1] or END_OF_TIME))
    return {person: tuple(sorted(each, key=lambda one: one.start)) for person, each in found.items()}


def organization_at(
    affiliations: Mapping[str, tuple[Interval, ...]], person: str, at: dt.datetime
) -> str | None:
    """Return the organization a person counted for at an instant."""
    return next((one.of for one in affiliations.get(person, ()) if one.holds_at(at)), None)


def names_of(db: Database[Document], persons: Collection[str]) -> dict[str, str]:
    """Return the name of each person, else the address, else the id."""
    rows = db.people.find({"_id": {"$in": list(persons)}}, {"name": 1, "email": 1})
    return {row["_id"]: str(row.get("name") or row.get("email") or row["_id"]) for row in rows}


def listed_names_of(db: Database[Document], persons: Collection[str], now: dt.datetime) -> dict[str, str]:
    """Return how people are called in a listing: `name@organization`, which `find_person` understands."""
    affiliations = affiliations_of(db, persons)
    found = {}
    for person, name in names_of(db, persons).items():
        organization = organization_at(affiliations, person, now)
        found[person] = f"{name.partition('@')[0]}@{organization}" if organization else name
    return found


def groups(db: Database[Document], known_at: dt.datetime | None = None) -> dict[str, tuple[Membership, ...]]:
    """Return all groups with their dated members, as known at an instant; by default now."""
    return {
        str(group.get("name") or group["_id"]): tuple(
            Membership(one["person"], one.get("from") or BEGINNING, one.get("until"))
            for one in _members(group, known_at)
        )
        for group in db.groups.find({"org": VENDOR})
    }


def _members(group: Mapping[str, Any], known_at: dt.datetime | None) -> list[Mapping[str, Any]]:
    """Return the memberships on record at an instant; those without `added_at` have always been."""
    members = list(group["members"])
    if known_at is None:
        return members
    every = [*members, *group.get("past", ())]
    return [
        one
        for one in every
        if (one.get("added_at") or BEGINNING) <= known_at < (one.get("removed_at") or END_OF_TIME)
    ]
