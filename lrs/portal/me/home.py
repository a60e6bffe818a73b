"""GET /me: what I hold, what is next with the shortest way, by when, and one tap to the course."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Response, request

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.assignments import assigned, row_of, titles_of, urgency
from lrs.analysis.audience import alone
from lrs.analysis.targets import asked_people
from lrs.content.fulfilling import courses_for_each
from lrs.content.library.learners import learner_of
from lrs.content.library.visibility import Visibility, may_see
from lrs.credentials.issuer import links_of
from lrs.credentials.public.pages import linkedin
from lrs.credentials.public.view import until_of
from lrs.engagement.next_steps import suggested
from lrs.engagement.recall import cards_of as cards_asked
from lrs.engagement.recall import due_cards
from lrs.foundation.context import current_services
from lrs.instruction import sessions
from lrs.portal.me.progress import strip_of
from lrs.portal.mine import Mine, me, page
from lrs.portal.models.standing import One, Overview, overview
from lrs.portal.models.way import Step, shortest_way
from lrs.words.engine import engine, named, titles
from rules import queries
from rules.catalogue.store import cache_of
from rules.credentials.proving.signing import read_compact
from rules.credentials.store import CredentialStore
from rules.engagement.followers import Suggestion
from rules.engine.standings import StateAt, state_at
from rules.explaining.explain import Explanation
from rules.programmes.assignments import OPEN
from rules.stored import VENDOR

Document = dict[str, Any]
EXPLAINED: Final = 12  # certifications whose way is shown; the others are links

blueprint = Mine("me", __name__)


@dataclass(frozen=True, slots=True)
class Card:
    """What is next in one certification: how much is met, the shortest way, courses by requirement, dates."""

    one: One
    met: int
    of: int
    steps: tuple[Step, ...]
    courses: dict[str, Document]
    dates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a page needs of a credential: the fields of `linkedin`, and the holder's own links."""

    id: str
    url: str
    title: str
    issuer: str
    valid_from: dt.date
    valid_until: dt.date | None
    token: str


@blueprint.get("/me", scope=AUTHENTICATED)
def home() -> Response:
    """Show how the own person stands, most urgent first."""
    services = current_services()
    person, now = me(), services.now()
    seen = standing_of(person["_id"], now)
    paths = paths_of(person["_id"], now)
    shown = seen.next[:EXPLAINED]
    told = queries.explain_each(services.db, person["_id"], [one.certification for one in shown], now)
    cards = cards_of(person["_id"], shown, told, now)
    return page(
        "home.html",
        person=person, titles=titles(), paths=paths, seen=seen, further=seen.next[EXPLAINED:],
        cards=cards, sessions=sessions_for([*cards, *paths], now),
        credentials=credentials_of(person["_id"], now),
        waiting=waiting_questions(person["_id"], seen, now), effort=strip_of(person, now),
        advice=advice_for(person["_id"], seen, now),
        linkedin=linkedin, others=other_titles(seen), welcome="welcome" in request.args,
        soon=now.date() + dt.timedelta(days=90),
    )  # fmt: skip


def waiting_questions(person: str, seen: Overview, now: dt.datetime) -> int:
    """Return how many questions are asked today of a person who stands so."""
    db, held = current_services().db, {one.certification for one in seen.held}
    return len(due_cards(cards_asked(db, cache_of(db).get(), person, now, held), now))


def advice_for(person: str, seen: Overview, now: dt.datetime) -> Suggestion | None:
    """Return what similar people did next, of what the person has nothing to do with yet."""
    services = current_services()
    fewest = services.settings.similar_people
    awarded = any(one.award for one in (*seen.held, *seen.next, *seen.past))
    if not fewest or not awarded:
        return None
    wanted = [name for name, _ in other_titles(seen)]
    return suggested(services.db, person, wanted, fewest, now)


def sessions_for(cards: Sequence[Card | PathCard], now: dt.datetime) -> dict[str, Document]:
    """Return the next session for each activity that steps of these cards name."""
    return sessions_of([step for one in cards for step in one.steps], now)


def sessions_of(steps: Sequence[Step], now: dt.datetime) -> dict[str, Document]:
    """Return the next session for each activity that these steps name, of those that the person may book."""
    named = {activity for step in steps for activity in step.activities}
    return sessions.by_activity(current_services().db, me()["_id"], named, now)


def other_titles(seen: Overview) -> list[tuple[str, str]]:
    """Return id and title of each certification that the person has nothing to do with yet."""
    known = {one.certification for one in (*seen.held, *seen.next, *seen.past)}
    return sorted(
        ((name, title) for name, title in titles().items() if name not in known), key=lambda one: one[1]
    )


def standing_of(person: str, now: dt.datetime) -> Overview:
    """Return how a person stands in everything that they began or that is asked of them."""
    db = current_services().db
    standings: dict[str, StateAt] = {}
    for row in db.standings.find({"org": VENDOR, "person": person}, {"certification": 1, "states": 1}):
        found = state_at(row, now)
        if found is not None and found.counts:
            standings[row["certification"]] = found
    published = cache_of(db).get().certifications
    asks = [name for name, one in published.items() if any(v.document.targets for v in one.versions)]
    asked = {
        one.certification: (one.asked.due, one.overdue)
        for one in (asked_people(db, alone(db, person), asks, now) if asks else ())
    }
    return overview(standings, asked)


def cards_of(person: str, shown: Sequence[One], told: dict[str, Explanation], now: dt.datetime) -> list[Card]:
    """Return what is next in these certifications, with the courses that the person may open."""
    known = [(one, told[one.certification]) for one in shown if one.certification in told]
    services = current_services()
    url, open_to = services.settings.public_url, opens_to(person, now)
    courses = courses_for_each(services.db, [found for _, found in known], url, open_to)
    return [
        Card(
            one,
            found.met,
            found.of,
            shortest_way(found.tree),
            {each["requirement"]: each for each in reversed(some)},
            tuple(engine(step.what) for step in found.next if step.at is not None),
        )
        for (one, found), some in zip(known, courses, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class PathCard:
    """An assignment that is open: how the person stands, the steps left, courses by requirement."""

    row: Document
    title: str
    steps: tuple[Step, ...] = ()
    courses: dict[str, Document] = field(default_factory=dict)


def paths_of(person: str, now: dt.datetime) -> list[PathCard]:
    """Return the assignments in which there is something to do, the most urgent first."""
    services = current_services()
    rows = sorted((row_of(*one) for one in assigned(services.db, now, [person])), key=urgency)
    known = named(titles_of(cache_of(services.db).get()))
    todo = [row for row in rows if row["state"] in {*OPEN, "upcoming"}]
    return [
        path_card(person, row, known[row["assignment"]], now)
        if i < EXPLAINED
        else PathCard(row, known[row["assignment"]])
        for i, row in enumerate(todo)
    ]


def path_card(person: str, row: Document, title: str, now: dt.datetime) -> PathCard:
    """Return what is left of a path, with the courses that the person may open."""
    services = current_services()
    told = queries.explain_path(services.db, person, row["assignment"], now, now)
    courses = courses_for_each(services.db, [told], services.settings.public_url, opens_to(person, now))[0]
    found = {each["requirement"]: each for each in reversed(courses)}
    return PathCard(row, title, shortest_way(told.tree), found)


def opens_to(person: str, now: dt.datetime) -> Callable[[Document], bool]:
    """Return what tells whether a person may open a content item; the person is read when one is at hand."""
    learner = functools.cache(lambda: learner_of(current_services().db, person, now))
    return lambda item: may_see(item["org"], Visibility.of(item["visible"]), learner(), now)


def credentials_of(person: str, now: dt.datetime) -> dict[str, Credential]:
    """Return the current credentials of a person by award, with the holder's links."""
    services, names = current_services(), titles()
    links, found = links_of(services.settings), {}
    for one in CredentialStore(services.db).current(person=person):
        found[one.award] = Credential(
            id=one.award,
            url=f"{services.settings.public_url}/credentials/{one.award}",
            title=names.get(one.certification, one.certification),
            issuer=services.settings.issuer_name,
            valid_from=one.valid_from.date(),
            valid_until=until_of(read_compact(one.jwt).claims),
            token=links.make(one.award, "holder", now),
        )
    return found
