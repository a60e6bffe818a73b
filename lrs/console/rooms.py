"""The rooms of the console: every blueprint of pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from lrs.access.guard import Blueprint
from lrs.console.entry import home, preferences, search, second_factor, setup, sign_in, start
from lrs.console.organizations import clients, identities, joining, partners, people, users
from lrs.console.programme import (
    assignments,
    certifications,
    deciding,
    expiries,
    explained,
    planning,
    plans,
    restoring,
    rules,
    suggesting,
)
from lrs.console.recipes import pages as recipes
from lrs.console.records import (
    ask,
    audit,
    content,
    health,
    inbound,
    live,
    platforms,
    questions,
    reports,
    statements,
    webhooks,
)

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    sign_in.blueprint,
    setup.blueprint,
    second_factor.blueprint,
    preferences.blueprint,
    start.blueprint,
    home.blueprint,
    search.blueprint,
    certifications.blueprint,
    assignments.blueprint,
    rules.blueprint,
    recipes.blueprint,
    suggesting.blueprint,
    suggesting.files,
    restoring.blueprint,
    planning.blueprint,
    plans.blueprint,
    expiries.blueprint,
    people.blueprint,
    identities.blueprint,
    explained.blueprint,
    deciding.blueprint,
    partners.blueprint,
    joining.blueprint,
    statements.blueprint,
    live.blueprint,
    content.blueprint,
    platforms.blueprint,
    ask.blueprint,
    questions.blueprint,
    reports.blueprint,
    inbound.blueprint,
    clients.blueprint,
    users.blueprint,
    webhooks.blueprint,
    audit.blueprint,
    health.blueprint,
)
