"""Who may call a route: each names its scope where it is declared, and nothing runs before that is checked.

A route that names none is refused when its module is imported; `check_routes` looks once more over all of
an application, also at the routes that come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

import flask
from flask import Flask

from lrs.access.auth import Principal, current_principal
from lrs.access.limits import Limits
from lrs.access.scopes import SCOPES
from lrs.foundation.context import current_request, current_services
from lrs.foundation.disk import disk
from lrs.foundation.errors import MissingScope

P = ParamSpec("P")
R = TypeVar("R")
Scope = str | tuple[str, ...]

PUBLIC: Final = "public"  # needs no credentials: the module says what protects it
AUTHENTICATED: Final = "authenticated"  # any principal, whatever it may do
WRITING: Final = frozenset({"POST", "PUT", "PATCH"})  # what is deleted makes room
WORDS: Final[Mapping[Scope, tuple[str, ...] | None]] = {PUBLIC: None, AUTHENTICATED: ()}


class Blueprint(flask.Blueprint):
    """A blueprint whose every route says who may call it: `@blueprint.get("/people", scope="people")`.

    `scope` is a scope, or several of which one is enough, or PUBLIC, or AUTHENTICATED. A route that writes
    little or nothing in spite of its method says `writes=False`: it goes on while a disk is full.
    """

    identify = staticmethod(current_principal)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        *,
        scope: Scope | None = None,
        writes: bool = True,
        **options: Any,
    ) -> None:
        """Register a route behind its scope; raises ValueError where it names none, or an unknown one."""
        if scope is None:
            raise ValueError(f"the route {rule!r} of {self.name!r} names no scope (or PUBLIC)")
        view = guarded(view_func, scope, self.identify, writes)
        super().add_url_rule(rule, endpoint or view_func.__name__, view, provide_automatic_options, **options)


@cache  # one view under several addresses stays one view
def guarded(
    view: Callable[P, R], scope: Scope, identify: Callable[[], Principal], writes: bool = True
) -> Callable[P, R]:
    """Return a view that runs only for whom `identify` finds with one of the scopes.

    Raises MissingScope, LimitReached, and DiskFull for what `writes` by one of WRITING.

    What was asked for stands in the attribute `scopes` of the view.
    """
    named = (scope,) if isinstance(scope, str) else scope
    needed = WORDS.get(scope, named)
    unknown = sorted(set(needed or ()) - set(SCOPES))
    if unknown or not named:
        raise ValueError(f"unknown scopes {unknown}")

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        what, services = current_request(), current_services()
        limits = services.part(Limits)
        limits.admit_address(what.remote_addr)
        if needed is not None:
            principal = identify()
            if needed and not principal.may(*needed):
                raise MissingScope(needed)
            limits.admit(principal, what)
        if writes and what.method in WRITING:
            services.part(disk).check()
        return view(*args, **kwargs)

    checked.scopes = named  # type: ignore[attr-defined]  # read by `check_routes`
    return checked


def check_routes(app: Flask, public: Collection[str] = ()) -> None:
    """Refuse an application with a route that names no scope, but for these public endpoints; ValueError."""
    bare = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in public and not hasattr(app.view_functions[rule.endpoint], "scopes")
    }
    if bare:
        raise ValueError(f"no scope is named by {', '.join(sorted(bare))}")
