"""The scopes: what a client, a user or a token may be allowed, and what each includes.

A new scope is a line here; the routes that ask for it name it as their `scope` (lrs.access.guard).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lrs.foundation.errors import InvalidField

XAPI_SCOPES: Final = (
    "statements/write",
    "statements/read",
    "statements/read/mine",
    "state",
    "profile",
    "define",
    "all/read",
    "all",
)
ADMIN_SCOPES: Final = (
    "rules",
    "people",
    "orgs",
    "analytics",
    "gates",
    "content/read",
    "content/write",
    "assess",
)
SCOPES: Final = XAPI_SCOPES + ADMIN_SCOPES
# What a scope includes besides itself; administration is never included in an xAPI scope.
INCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "all": XAPI_SCOPES,
    "all/read": ("statements/read", "statements/read/mine"),
    "statements/read": ("statements/read/mine",),
    "content/write": ("content/read",),
}


def expand_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes with all that they include."""
    held = set(scopes)
    for scope in tuple(held):
        held.update(INCLUDES.get(scope, ()))
    return frozenset(held)


def check_scope_names(scopes: Iterable[str]) -> list[str]:
    """Return the scopes sorted; raises InvalidField for an unknown one."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise InvalidField("scopes", f"unknown scope {unknown[0]!r}; known are {', '.join(SCOPES)}")
    return wanted
