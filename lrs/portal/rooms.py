"""The rooms of the portal: every blueprint of pages, in the order of their menus."""

from __future__ import annotations

from typing import Final

from lrs.console.shell import Pages
from lrs.portal.instructor import rubrics, signing
from lrs.portal.instructor import sessions as instructor_sessions
from lrs.portal.me import (
    assignment,
    certification,
    elsewhere,
    history,
    home,
    own_data,
    progress,
    questions,
    record,
    sessions,
    settings,
)
from lrs.portal.partner import due, excusing, overview, people, sharing

BLUEPRINTS: Final[tuple[Pages, ...]] = (
    home.blueprint,
    assignment.blueprint,
    certification.blueprint,
    questions.blueprint,
    progress.blueprint,
    record.blueprint,
    sessions.blueprint,
    elsewhere.blueprint,
    history.blueprint,
    settings.blueprint,
    own_data.blueprint,
    overview.blueprint,
    people.blueprint,
    excusing.blueprint,
    sharing.blueprint,
    due.blueprint,
    instructor_sessions.blueprint,
    signing.blueprint,
    rubrics.blueprint,
)
FEEDS: Final = sessions.feeds  # of calendars: no session's cookie, the address is the proof
