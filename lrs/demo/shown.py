"""What the people and partners of the living example show in public: most agreed, some in part, some not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from pymongo.database import Database

from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.public.branding import set_brand
from lrs.demo.cast import Learner
from rules.engine.identity import person_id

COLOURS: Final = {"aurora": "#0f4c81", "borealis": "#14584c", "cumulus": "#7a1f3d", "drift": "#f2b705"}
# Read in turn, so that every kind of choice is met among the first people of the cast.
CHOICES: Final = (
    Display(shown=True, name="full", evidence=True, registry=True),
    Display(shown=True, name="full", evidence=False, registry=True),
    Display(shown=True, name="initials", evidence=True, registry=True),
    Display(shown=True, name="full", evidence=True, registry=False),
    Display(),
)


def show_people(db: Database[dict[str, Any]], cast: Iterable[Learner], now: dt.datetime) -> None:
    """Record the choice of each person for all their credentials."""
    displays = DisplayStore(db)
    for number, learner in enumerate(cast):
        displays.choose(None, person_id(learner.ifi), CHOICES[number % len(CHOICES)], now)


def dress_partners(db: Database[dict[str, Any]], now: dt.datetime) -> None:
    """Give the partners their colours."""
    for org, colour in COLOURS.items():
        set_brand(db, org, colour=colour, logo=None, now=now)
