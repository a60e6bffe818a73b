"""/me/questions: the questions that come back today, one at a time; a right one comes back later."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, request

from lrs.access.guard import AUTHENTICATED
from lrs.console.shell import redirected
from lrs.engagement.recall import answer, cards_of, due_cards, find_card
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, UnknownThing
from lrs.portal.mine import Mine, me, page
from lrs.words.engine import titles
from rules.catalogue.store import cache_of
from rules.engagement.spacing import Card

Document = dict[str, Any]
Choice = tuple[int, str]

blueprint = Mine("me_questions", __name__)


@blueprint.get("/me/questions", scope=AUTHENTICATED)
def questions() -> Response:
    """Show how the last answer was, and the next question of today."""
    services, person = current_services(), me()
    cards = cards_of(services.db, cache_of(services.db).get(), person["_id"], services.now())
    waiting = due_cards(cards, services.now())
    card = waiting[0] if waiting else None
    return page(
        "questions.html",
        last=last_of(cards), card=card, choices=choices(person, card) if card else (),
        left=len(waiting), titles=titles(),
        later=min((one.due_at for one in cards if one not in waiting), default=None),
    )  # fmt: skip


def last_of(cards: list[Card]) -> Card | None:
    """Return the question that was answered just now, as the address names it."""
    recall, _, question = request.args.get("of", "").partition("/")
    try:
        found = find_card(cards, recall, question)
    except UnknownThing:
        return None
    return found if found.answers else None


def choices(person: Document, card: Card) -> list[Choice]:
    """Return the answers with their numbers, in an order of the person's own, another one each time."""
    salt = f"{person['_id']} {card.recall.id} {card.question.id} {len(card.answers)}"
    numbered = enumerate(card.question.answers, 1)
    return sorted(numbered, key=lambda one: hashlib.sha256(f"{salt} {one[0]}".encode()).digest())


@blueprint.post("/me/questions/<recall>/<question>", scope=AUTHENTICATED)
def give(recall: str, question: str) -> Response:
    """Take an answer, and go on to how it was and what is next."""
    services, person, now = current_services(), me(), current_services().now()
    cards = cards_of(services.db, cache_of(services.db).get(), person["_id"], now)
    card = find_card(cards, recall, question)
    if request.form.get("turn") != str(len(card.answers)):
        return redirected(f"/me/questions?of={recall}/{question}")  # the form was sent before
    if card not in due_cards(cards, now):
        raise Collision("this question is not asked today")
    base = services.settings.public_url
    answer(services.db, person, card, request.form.get("answer", ""), base=base, now=now)
    return redirected(f"/me/questions?of={recall}/{question}")
