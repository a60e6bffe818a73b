"""The rooms of the console: every blueprint of pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from lrs.console.entry import home, preferences, search, second_factor, settings, sign_in, start
from lrs.console.organizations import clients, groups, identities, joining, partners, people, tiers, users
from lrs.console.programme import (
    assignments,
    bulk,
    certifications,
    deciding,
    expiries,
    explained,
    plans,
    rules,
)
from lrs.console.records import (
    ask,
    audit,
    content,
    events,
    health,
    inbound,
    live,
    platforms,
    questions,
    reports,
    statements,
    uploads,
    webhooks,
)
from lrs.console.shell import Pages

BLUEPRINTS: Final[tuple[Pages, ...]] = (
    sign_in.blueprint,
    second_factor.blueprint,
    preferences.blueprint,
    start.blueprint,
    home.blueprint,
    search.blueprint,
    certifications.blueprint,
    assignments.blueprint,
    rules.blueprint,
    plans.blueprint,
    expiries.blueprint,
    people.blueprint,
    identities.blueprint,
    explained.blueprint,
    deciding.blueprint,
    bulk.blueprint,
    partners.blueprint,
    joining.blueprint,
    tiers.blueprint,
    groups.blueprint,
    statements.blueprint,
    uploads.blueprint,
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
    events.blueprint,
    audit.blueprint,
    health.blueprint,
    settings.blueprint,
)
