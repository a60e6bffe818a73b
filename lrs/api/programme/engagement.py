"""Points, boards, milestones and questions that come back, over HTTP (cert#2.12, cert#2.13)."""

from __future__ import annotations

from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.programme import answers
from lrs.api.programme.assignments import READERS
from lrs.api.programme.rules import answer, visible
from lrs.api.rights import vendor_only
from lrs.engagement import leaderboards, recall
from lrs.engagement.explained import explained
from lrs.engagement.published import name_of, seasons
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, UnknownThing
from lrs.people.records import get_person
from rules.catalogue.store import cache_of
from rules.engagement.spacing import Card

blp = Blueprint("engagement", __name__, description="Points, boards, milestones, questions that come back.")

Document = dict[str, Any]
NOT_COUNTED: Final[Document] = {"at": None, "people": (), "partners": ()}


class Given(Schema):
    """An answer to a question as it was listed."""

    answer = fields.Integer(required=True, validate=validate.Range(1, 99))
    turn = fields.Integer(
        required=True, metadata={"description": "As listed: an answer that is sent again counts once."}
    )


@blp.get("/engagement/seasons", scope=READERS)
@blp.response(200, answers.SeasonList)
def list_seasons() -> Response:
    """List the seasons with how many people and partners their boards were counted of."""
    services = current_services()
    known = seasons(cache_of(services.db).get(), services.now())
    return answer({"items": [leaderboards.row_of(services.db, *one) for one in known], "next": None})


@blp.get("/engagement/seasons/<season>/board", scope=READERS)
@blp.response(200, answers.Board)
def board(season: str) -> Response:
    """Show a board as people see it: who agreed to be on it, by the name that each lets others see."""
    services = current_services()
    for document, one in seasons(cache_of(services.db).get(), services.now()):
        if name_of(document, one) == season:
            found = leaderboards.shown(services.db, document, one, 0) or NOT_COUNTED
            people = [{name: each[name] for name in ("place", "name", "points")} for each in found["people"]]
            return answer({
                "season": season, "title": one.title, "at": found["at"], "people": people,
                "partners": found["partners"],
            })  # fmt: skip
    raise UnknownThing("season", season)


@blp.get("/people/<person>/engagement", scope="people")
@blp.response(200, answers.OwnEngagement)
def explain(person: str) -> Response:
    """Say what brought somebody points, how far milestones are, when questions come back; the vendor's."""
    vendor_only()
    services = current_services()
    return answer(explained(services.db, visible(person), services.now()))


@blp.get("/people/<person>/questions", scope="people")
@blp.response(200, answers.QuestionList)
def list_questions(person: str) -> Response:
    """List the questions that are asked of somebody today, without what is right; the vendor's."""
    vendor_only()
    services = current_services()
    cards = cards_of(person)
    waiting = recall.due_cards(cards, services.now())
    later = min((one.due_at for one in cards if one not in waiting), default=None)
    items = [
        {
            "recall": one.recall.id, "question": one.question.id, "certification": one.recall.certification,
            "ask": one.question.ask, "turn": len(one.answers), "due_at": one.due_at,
            "answers": [{"answer": n, "text": text} for n, text in enumerate(one.question.answers, 1)],
        }
        for one in waiting
    ]  # fmt: skip
    return answer({"items": items, "next_at": later})


def cards_of(person: str) -> list[Card]:
    """Return the questions of somebody who is seen."""
    services = current_services()
    return recall.cards_of(services.db, cache_of(services.db).get(), visible(person), services.now())


@blp.post("/people/<person>/questions/<recall_id>/<question>", scope="people")
@blp.arguments(Given)
@blp.response(201, answers.AnsweredQuestion)
def give(body: Document, person: str, recall_id: str, question: str) -> Response:
    """Take somebody's answer to a question of today: a statement of theirs; the vendor's."""
    vendor_only()
    services, cards = current_services(), cards_of(person)
    card, now = recall.find_card(cards, recall_id, question), services.now()
    if body["turn"] != len(card.answers):
        raise Collision("this question was answered since; list the questions again")
    if card not in recall.due_cards(cards, now):
        raise Collision("this question is not asked today")
    whom, base = get_person(services.db, visible(person)), services.settings.public_url
    given = recall.answer(services.db, whom, card, str(body["answer"]), base=base, now=now)
    after = recall.find_card(cards_of(person), recall_id, question)
    told = {
        "right": given.right, "statement": given.statement, "correct": card.question.right,
        "because": card.question.because, "due_at": after.due_at,
    }  # fmt: skip
    return answer(told, 201)
