"""What people did that counts, read from awards, finished courses and answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from pymongo.database import Database

from lrs.engagement.published import product_of
from rules.catalogue.rule_set import RuleSet
from rules.engagement.happenings import Happening
from rules.stored import VENDOR

Document = dict[str, Any]
TAKEN_BACK: Final = frozenset({"revoked", "withdrawn"})
AWARD: Final = {
    "person": 1, "certification": 1, "ordinal": 1, "final": 1, "evaluated": 1, "periods.kind": 1,
    "periods.awarded_at": 1,
}  # fmt: skip


def happenings(
    db: Database[Document], rules: RuleSet, persons: Collection[str]
) -> dict[str, list[Happening]]:
    """Return what each of these people did that can count, whatever season it falls into."""
    found: dict[str, list[Happening]] = defaultdict(list)
    for name, one in (*_awarded(db, rules, persons), *_finished(db, persons), *_answered(db, persons)):
        found[name].append(one)
    return found


def _awarded(
    db: Database[Document], rules: RuleSet, persons: Collection[str]
) -> Iterator[tuple[str, Happening]]:
    """Yield awards and renewals; those that were taken back, or only tried out, bring nothing."""
    for row in db.awards.find({"org": VENDOR, "person": {"$in": list(persons)}}, AWARD):
        if not row.get("evaluated") and row.get("final") not in TAKEN_BACK:
            yield from ((row["person"], one) for one in periods_of(rules, row))


def periods_of(rules: RuleSet, award: Mapping[str, Any]) -> Iterator[Happening]:
    """Yield what the periods of an award are: the award itself, then renewals."""
    name = award["certification"]
    product = product_of(rules, name)
    for number, period in enumerate(award.get("periods", ())):
        if period["kind"] != "re_evaluated":
            kind = "renewal" if period["kind"] == "renewal" else "certification"
            yield Happening(period["awarded_at"], kind, name, award["ordinal"] * 1000 + number, product)  # type: ignore[arg-type]  # a word of the table


def _finished(db: Database[Document], persons: Collection[str]) -> Iterator[tuple[str, Happening]]:
    """Yield the courses of the library that were finished: packages of SCORM, and of cmi5."""
    done = {"person": {"$in": list(persons)}, "over_at": {"$ne": None}}
    for row in db.attempts.find(done, {"person": 1, "item": 1, "over_at": 1, "number": 1}):
        yield row["person"], Happening(row["over_at"], "content", row["item"], row["number"])
    people = db.people.find({"_id": {"$in": list(persons)}}, {"ifis.ifi": 1})
    owners = {owned["ifi"]: row["_id"] for row in people for owned in row["ifis"]}
    enrolled = db.content_enrolments.find({"ifi": {"$in": sorted(owners)}}, {"ifi": 1, "retakes": 1})
    whose = {one: owners[row["ifi"]] for row in enrolled for one in (row["_id"], *row.get("retakes", ()))}
    wanted = {"_id": {"$in": sorted(whose)}, "done_at": {"$exists": True}}
    for row in db.cmi5_registrations.find(wanted, {"item": 1, "done_at": 1}) if whose else ():
        yield whose[row["_id"]], Happening(row["done_at"], "content", row["item"])


def _answered(db: Database[Document], persons: Collection[str]) -> Iterator[tuple[str, Happening]]:
    """Yield the questions that were answered right."""
    rows = db.recall_cards.find({"org": VENDOR, "person": {"$in": list(persons)}})
    for row in rows:
        for number, one in enumerate(row["answers"]):
            if one["right"]:
                what = f"{row['recall']}/{row['question']}"
                yield row["person"], Happening(one["at"], "question", what, number)


def first_awards(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the certifications of somebody's awards, each once, the first first."""
    firsts: dict[str, Any] = {}
    for row in rows:
        if row.get("periods") and not row.get("evaluated") and row.get("final") not in TAKEN_BACK:
            at = row["periods"][0]["awarded_at"]
            firsts[row["certification"]] = min(at, firsts.get(row["certification"], at))
    return tuple(sorted(firsts, key=lambda name: (firsts[name], name)))
