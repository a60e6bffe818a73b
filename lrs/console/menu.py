"""The menu as data: what is there, where it leads, and who may go there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lrs.words.reader import mark


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `scopes` are those of its page, of which one is enough; `vendor`: for the vendor's users."""

    name: str
    path: str
    scopes: tuple[str, ...]
    vendor: bool = False


Group = tuple[str, tuple[Entry, ...]]

MENU: Final[tuple[Group, ...]] = (
    ("", (Entry(mark("Today"), "/console", ("orgs", "people", "analytics", "rules")),)),
    (
        mark("Certify"),
        (
            Entry(mark("Certifications"), "/console/certifications", ("rules", "people", "analytics")),
            Entry(mark("Assignments"), "/console/assignments", ("rules", "people", "analytics")),
            Entry(mark("Rules"), "/console/rules", ("rules",), vendor=True),
            Entry(mark("Expiring"), "/console/expiries", ("people", "analytics")),
        ),
    ),
    (
        mark("People"),
        (
            Entry(mark("People"), "/console/people", ("people",)),
            Entry(mark("Partners"), "/console/partners", ("orgs", "people", "analytics")),
            Entry(mark("Tiers"), "/console/tiers", ("orgs", "people", "analytics")),
            Entry(mark("Groups"), "/console/groups", ("people",), vendor=True),
        ),
    ),
    (
        mark("Records"),
        (
            Entry(mark("Content"), "/console/content", ("content/read",)),
            Entry(mark("Statements"), "/console/statements", ("analytics",)),
            Entry(mark("Live"), "/console/live", ("analytics",)),
            Entry(mark("Ask"), "/console/ask", ("analytics",)),
            Entry(mark("Dashboards"), "/console/dashboards", ("analytics",)),
            Entry(mark("Questions"), "/console/questions", ("analytics",)),
            Entry(mark("Reports"), "/console/reports", ("analytics",)),
            Entry(mark("Refused"), "/console/inbound", ("orgs",)),
        ),
    ),
    (
        mark("Operate"),
        (
            Entry(mark("Clients"), "/console/clients", ("orgs",)),
            Entry(mark("Launch links"), "/console/launches", ("statements/write",)),
            Entry(mark("Webhooks"), "/console/webhooks", ("orgs",)),
            Entry(mark("Events"), "/console/events", ("rules", "analytics"), vendor=True),
            Entry(mark("Learning systems"), "/console/platforms", ("orgs",), vendor=True),
            Entry(mark("Users"), "/console/users", ("orgs",)),
            Entry(mark("Sign-in"), "/console/sign-in", ("orgs",)),
            Entry(mark("Settings"), "/console/settings", ("orgs",)),
            Entry(mark("Audit"), "/console/audit", ("orgs",)),
            Entry(mark("Health"), "/console/health", ("rules",), vendor=True),
        ),
    ),
)


def is_here(path: str, entry: Entry) -> bool:
    """Tell whether a page belongs to an entry: it is its page, or lies below."""
    return path == entry.path or (entry.path != "/console" and path.startswith(f"{entry.path}/"))


def shown(may: Callable[..., bool], *, of_vendor: bool) -> Iterator[Group]:
    """Yield the groups with the entries that somebody may open; a group without any is left out."""
    for title, entries in MENU:
        open_to = tuple(one for one in entries if may(*one.scopes) and (of_vendor or not one.vendor))
        if open_to:
            yield title, open_to
