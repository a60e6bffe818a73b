"""The rooms of the portal: every blueprint of pages, in the order of their menus."""

from __future__ import annotations

from typing import Final

from lrs.console.shell import Pages
from lrs.portal.me import assignment, certification, elsewhere, history, home, own_data, record, settings
from lrs.portal.partner import due, overview, people

BLUEPRINTS: Final[tuple[Pages, ...]] = (
    home.blueprint,
    assignment.blueprint,
    certification.blueprint,
    record.blueprint,
    elsewhere.blueprint,
    history.blueprint,
    settings.blueprint,
    own_data.blueprint,
    overview.blueprint,
    people.blueprint,
    due.blueprint,
)
