"""The menu as data: what is there, where it leads, and who may go there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lrs.words.reader import mark, t


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


ACTIONS: Final[tuple[Entry, ...]] = (
    Entry(mark("New rule"), "/console/rules/new", ("rules",), vendor=True),
    Entry(mark("New rule from a recipe"), "/console/rules/recipes", ("rules",), vendor=True),
    Entry(mark("New assignment"), "/console/rules/new-assignment", ("rules",), vendor=True),
    Entry(mark("Ask a question"), "/console/ask", ("analytics",)),
    Entry(mark("Upload statements"), "/console/statements/upload", ("statements/write",), vendor=True),
    Entry(mark("Upload content"), "/console/content#new", ("content/write",)),
    Entry(mark("Decide about many people"), "/console/decisions", ("people", "rules"), vendor=True),
    Entry(mark("Invite an administrator"), "/console/users#new", ("orgs",)),
    Entry(mark("Make a client"), "/console/clients#new", ("orgs",)),
    Entry(mark("Make a launch link"), "/console/launches#new", ("statements/write",)),
    Entry(mark("Add a webhook"), "/console/webhooks#new", ("orgs",)),
    Entry(mark("Words of notices"), "/console/settings/notices", ("orgs",), vendor=True),
    Entry(mark("Policies and retention"), "/console/settings/policies", ("orgs",)),
    Entry(mark("My account and passkeys"), "/console/account", ()),
    Entry(mark("My second factor"), "/console/second-factor", ()),
    Entry(mark("My certifications"), "/me", ()),
)
"""What somebody does rather than looks at: found by its words, like the pages of the menu."""


def is_here(path: str, entry: Entry) -> bool:
    """Tell whether a page belongs to an entry: it is its page, or lies below."""
    return path == entry.path or (entry.path != "/console" and path.startswith(f"{entry.path}/"))


def shown(may: Callable[..., bool], *, of_vendor: bool) -> Iterator[Group]:
    """Yield the groups with the entries that somebody may open; a group without any is left out."""
    for title, entries in MENU:
        open_to = tuple(one for one in entries if opens(one, may, of_vendor=of_vendor))
        if open_to:
            yield title, open_to


def opens(entry: Entry, may: Callable[..., bool], *, of_vendor: bool) -> bool:
    """Tell whether somebody may open an entry."""
    return may(*entry.scopes) and (of_vendor or not entry.vendor)


def fitting(
    words: str, entries: Iterable[Entry], may: Callable[..., bool], *, of_vendor: bool
) -> Iterator[Entry]:
    """Yield the entries that somebody may open and whose name, in the reader's language, has these words."""
    wanted = words.casefold().split()
    for one in entries:
        name = t(one.name).casefold()
        if all(word in name for word in wanted) and opens(one, may, of_vendor=of_vendor):
            yield one
