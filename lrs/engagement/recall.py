"""Questions that come back (cert#2.12): which are asked of somebody today, and what they answer.

recall_cards {_id: PERSON/RECALL/QUESTION, org: "vendor", person, recall, question,
              answers [{at, right, statement}]}

An answer is an ordinary statement of the vendor's store: `answered` the question's activity, with success and
response, under the label RECALLED. Cards are read off these statements (`cards_from_statements`): they can be
dropped and made again.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pymongo import ASCENDING, IndexModel, ReplaceOne
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.engagement.published import recalls
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.people.records import MBOX, account_here
from rules import calendar
from rules.catalogue.relevance import relevance
from rules.catalogue.rule_set import RuleSet
from rules.engagement import spacing
from rules.engagement.spacing import Answer, Card
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.language.engagement import Question, Recall
from rules.stored import RECALLED
from statements.ingest import Writer, store_statements
from statements.parsing.actor import agent_of
from statements.parsing.parse import parse_json, parse_statements
from statements.parsing.search_keys import key
from statements.query.mongo_filter import STANDING
from statements.storage.store import StatementStore

Document = dict[str, Any]
ANSWERED: Final = "http://adlnet.gov/expapi/verbs/answered"
INTERACTION: Final = "http://adlnet.gov/expapi/activities/cmi.interaction"
ASSESSMENT: Final = "http://adlnet.gov/expapi/activities/assessment"
NAMESPACE: Final = UUID("3c8a1f0e-6b0d-5c0e-8a55-4d0f5f0b7a21")

INDEXES: dict[str, list[IndexModel]] = {
    "recall_cards": [IndexModel([("org", ASCENDING), ("person", ASCENDING)])],
}


def cards_of(
    db: Database[Document],
    rules: RuleSet,
    person: str,
    now: dt.datetime,
    held: set[str] | None = None,
) -> list[Card]:
    """Return all questions about what somebody holds now, each with how it stands.

    `held` are the certifications held now, where the caller knows them.
    """
    published = recalls(rules, now)
    about = {one.certification for one in published}
    held = held_among(db, person, about, now) if held is None else about & held
    wanted = {"org": VENDOR, "person": person, "certification": {"$in": sorted(held)}}
    passes = passes_of(db, wanted, now) if held else {}
    asked = [one for one in published if one.certification in passes]
    if not asked:
        return []
    answers = answers_of(db, person)
    return [
        spacing.card(one, question, max(passes[one.certification]), answers[one.id, question.id])
        for one in asked
        for question in one.questions
    ]


def held_among(
    db: Database[Document], person: str, certifications: Collection[str], now: dt.datetime
) -> set[str]:
    """Return which of some certifications somebody holds now."""
    wanted = {"org": VENDOR, "person": person, "certification": {"$in": sorted(certifications)}}
    rows = db.standings.find(wanted, {"certification": 1, "states": 1}) if certifications else ()
    found = ((row["certification"], state_at(row, now)) for row in rows)
    return {name for name, one in found if one and one.counts and one.state in HELD_STATES}


def passes_of(
    db: Database[Document], wanted: Mapping[str, Any], now: dt.datetime
) -> dict[str, list[dt.datetime]]:
    """Return when periods of some awards began by now, the passes, by certification."""
    found: dict[str, list[dt.datetime]] = defaultdict(list)
    for row in db.awards.find(wanted, {"certification": 1, "periods.awarded_at": 1}):
        for period in row.get("periods", ()):
            if period["awarded_at"] <= now:
                found[row["certification"]].append(period["awarded_at"])
    return found


def answers_of(db: Database[Document], person: str) -> dict[tuple[str, str], list[Answer]]:
    """Return what somebody answered, by recall and question."""
    rows = db.recall_cards.find({"org": VENDOR, "person": person})
    found: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for row in rows:
        found[row["recall"], row["question"]] = [Answer(**one) for one in row["answers"]]
    return found


def due_cards(cards: Sequence[Card], now: dt.datetime) -> tuple[Card, ...]:
    """Return the questions that are asked today, of all together as many as the largest `a_day` says."""
    today: dict[str, int] = defaultdict(int)
    for one in cards:
        day = calendar.local_date(now, one.recall.timezone)
        today[one.recall.id] += sum(
            calendar.local_date(each.at, one.recall.timezone) == day for each in one.answers
        )
    most = max((one.recall.a_day for one in cards), default=0)
    return spacing.due(cards, now, today, most)


def find_card(cards: Iterable[Card], recall: str, question: str) -> Card:
    """Return one of some cards; raises UnknownThing."""
    for one in cards:
        if (one.recall.id, one.question.id) == (recall, question):
            return one
    raise UnknownThing("question", f"{recall}/{question}")


def answer(
    db: Database[Document],
    person: Mapping[str, Any],
    card: Card,
    chosen: str,
    *,
    base: str,
    now: dt.datetime,
) -> Answer:
    """Write what somebody answered; `chosen` is the number of the answer from 1 on.

    The id of the statement follows from how often the question was answered before, so that one form, however
    often it is sent, counts once. Raises InvalidField for what is no answer, Collision where it was taken.
    """
    answers = card.question.answers
    if not chosen.isdecimal() or len(chosen) > 2 or not 1 <= int(chosen) <= len(answers):
        raise InvalidField("answer", f"is a number from 1 to {len(answers)}")
    turn = f"{person['_id']} {card.recall.id} {card.question.id} {len(card.answers)}"
    statement = str(uuid5(NAMESPACE, turn))
    given = Answer(_milliseconds(now), statement, answers[int(chosen) - 1] == card.question.right)
    if db.statements.find_one({"org": VENDOR, "id": UUID(statement)}, {"_id": 1}) is not None:
        remake_cards(db, person)  # a process died between the statement and the card
        raise Collision("this question was answered already; load the page again")
    made = _statement(db, person, card, given, chosen=int(chosen), base=base)
    _store(db, made, base, now)
    row = {"at": given.at, "right": given.right, "statement": statement}
    place = {"org": VENDOR, "person": person["_id"], "recall": card.recall.id, "question": card.question.id}
    db.recall_cards.update_one(
        {
            "_id": card_id(person["_id"], card.recall.id, card.question.id),
            "answers.statement": {"$ne": statement},
        },
        {"$setOnInsert": place, "$push": {"answers": row}},
        upsert=True,
    )
    return given


def card_id(person: str, recall: str, question: str) -> str:
    """Return the id of the card of a person and a question."""
    return f"{person}/{recall}/{question}"


def _milliseconds(at: dt.datetime) -> dt.datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def activity_of(base: str, recall: Recall, question: Question) -> str:
    """Return the activity of a question; its last two parts name it."""
    return f"{base}/recall/{recall.id}/{question.id}"


def _statement(
    db: Database[Document],
    person: Mapping[str, Any],
    card: Card,
    given: Answer,
    *,
    chosen: int,
    base: str,
) -> Document:
    recall, question = card.recall, card.question
    choices = [{"id": str(n), "description": {"und": text}} for n, text in enumerate(question.answers, 1)]
    right = str(question.answers.index(question.right) + 1)
    owned = [row["ifi"] for row in person["ifis"] if row["until"] is None]
    chosen_ifi = min(owned, key=lambda one: (not one.startswith(MBOX), one), default=None)
    agent = agent_of(chosen_ifi or account_here(db, person["_id"], base))
    return {
        "id": given.statement,
        "actor": {**agent, **({"name": person["name"]} if person.get("name") else {})},
        "verb": {"id": ANSWERED, "display": {"en": "answered"}},
        "object": {
            "objectType": "Activity", "id": activity_of(base, recall, question),
            "definition": {
                "type": INTERACTION, "interactionType": "choice", "name": {"und": question.ask[:200]},
                "description": {"und": question.ask}, "choices": choices, "correctResponsesPattern": [right],
            },
        },
        "result": {"success": given.right, "response": str(chosen)},
        "context": {
            "contextActivities": {
                "parent": [{
                    "objectType": "Activity", "id": f"{base}/recall/{recall.id}",
                    "definition": {"type": ASSESSMENT, "name": {"und": recall.title}},
                }],
            },
            "extensions": {
                f"{base}/extensions/recall": f"{recall.id}-{recall.version}",
                f"{base}/extensions/certification": recall.certification,
            },
        },
        "timestamp": given.at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }  # fmt: skip


def _store(db: Database[Document], made: Document, base: str, now: dt.datetime) -> None:
    writer = Writer(
        client=RECALLED, label=RECALLED, controlled_by="vendor",
        authority={"objectType": "Agent", "account": {"homePage": base, "name": RECALLED}},
    )  # fmt: skip
    store_statements(
        StatementStore(db, VENDOR), parse_statements(orjson.dumps([made])), writer=writer, version="1.0.3",
        now=now, attachments={}, is_relevant=relevance(db),
    )  # fmt: skip


def cards_from_statements(db: Database[Document], person: Mapping[str, Any]) -> list[Document]:
    """Return the cards that somebody's standing statements make."""
    own = {row["ifi"] for row in person["ifis"]}
    wanted = {
        "org": VENDOR, "keys": {"$in": [key("a", one) for one in own]}, "client": RECALLED, "verb": ANSWERED,
        **STANDING,
    }  # fmt: skip
    found: dict[str, Document] = {}
    for row in db.statements.find(wanted, {"raw": 1, "actor": 1}):
        if row["actor"] not in own:
            continue
        said = parse_json(row["raw"])
        recall, question = said["object"]["id"].rsplit("/", 2)[1:]
        name = card_id(person["_id"], recall, question)
        place = {"_id": name, "org": VENDOR, "person": person["_id"], "recall": recall, "question": question}
        made = found.setdefault(name, {**place, "answers": []})
        at = dt.datetime.fromisoformat(said["timestamp"])
        made["answers"].append({"at": at, "right": said["result"]["success"], "statement": said["id"]})
    for one in found.values():
        one["answers"].sort(key=lambda each: (each["at"], each["statement"]))
    return list(found.values())


def remake_cards(db: Database[Document], person: Mapping[str, Any]) -> int:
    """Make the cards of somebody again from their statements; return how many there are."""
    made = cards_from_statements(db, person)
    kept = [one["_id"] for one in made]
    db.recall_cards.delete_many({"org": VENDOR, "person": person["_id"], "_id": {"$nin": kept}})
    if made:
        db.recall_cards.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in made])
    return len(made)


def remake_all(db: Database[Document], persons: Collection[str] | None = None) -> int:
    """Make the cards of everybody (or of some) again; return how many there are."""
    whom: Document = {"org": VENDOR, "merged_into": None}
    if persons is not None:
        whom["_id"] = {"$in": list(persons)}
    else:
        writers = db.statements.distinct("actor", {"org": VENDOR, "keys": key("c", RECALLED)})
        carded = db.recall_cards.distinct("person", {"org": VENDOR})
        whom["$or"] = [{"ifis.ifi": {"$in": writers}}, {"_id": {"$in": carded}}]
    return sum(remake_cards(db, one) for one in db.people.find(whom))
