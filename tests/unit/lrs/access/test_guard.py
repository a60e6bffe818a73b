"""A route says who may call it where it is declared; one that says nothing never gets into an application."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from flask import Blueprint as FlaskBlueprint
from flask import Flask
from places import ROOT

from lrs.access.auth import Principal
from lrs.access.guard import AUTHENTICATED, PUBLIC, Blueprint, check_routes
from lrs.access.scopes import SCOPES, expand_scopes
from lrs.api.contract import Blueprint as ApiBlueprint
from lrs.foundation.context import Services
from lrs.foundation.errors import MissingScope
from lrs.foundation.settings import Settings


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_is_told_to_who_administers(scope: str) -> None:
    assert f"`{scope}`" in (ROOT / "docs" / "access.md").read_text(encoding="utf-8")


def answer() -> str:
    return "seen"


def principal(*scopes: str) -> Principal:
    return Principal("client", "key", "vendor", None, "vendor", expand_scopes(scopes), {})


def application(*scopes: str, **route: Any) -> Flask:
    """Return an application with one route, asked by somebody who holds these scopes."""

    class Asked(Blueprint):
        identify = staticmethod(lambda: principal(*scopes))

    blueprint = Asked("things", __name__)
    blueprint.get("/things", **route)(answer)
    app = Flask("things")
    app.extensions["laurel"] = Services(Settings(), MagicMock())
    app.register_blueprint(blueprint)
    return app


@pytest.mark.parametrize(
    "blueprint", [Blueprint("things", __name__), ApiBlueprint("things", __name__, description="Things.")]
)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_route_without_a_scope_is_refused_where_it_is_declared(blueprint: Any, method: str) -> None:
    with pytest.raises(ValueError, match=r"the route '/things' of 'things' names no scope"):
        getattr(blueprint, method)("/things")(answer)


@pytest.mark.parametrize("scope", ["peeple", (), ("people", "peeple"), "", ("people", "public")])
def test_an_unknown_scope_is_refused_where_it_is_declared(scope: Any) -> None:
    with pytest.raises(ValueError, match="unknown scopes"):
        application(scope=scope)


def test_an_application_with_a_route_from_elsewhere_is_refused_unless_it_is_listed_as_public() -> None:
    app = application(scope="people")
    elsewhere = FlaskBlueprint("elsewhere", __name__)
    elsewhere.get("/elsewhere")(answer)
    app.register_blueprint(elsewhere)
    with pytest.raises(ValueError, match=r"no scope is named by /elsewhere$"):
        check_routes(app, {"static"})
    check_routes(app, {"static", "elsewhere.answer"})


@pytest.mark.parametrize(
    ("held", "scope", "passes"),
    [
        ((), PUBLIC, True),
        ((), AUTHENTICATED, True),
        ((), "people", False),
        (("people",), "people", True),
        (("rules",), ("people", "rules"), True),
        (("orgs",), ("people", "rules"), False),
        (("all",), "statements/read/mine", True),
        (("all",), "people", False),
    ],
)
def test_one_of_the_scopes_is_enough(held: tuple[str, ...], scope: Any, *, passes: bool) -> None:
    client = application(*held, scope=scope).test_client()
    if passes:
        assert client.get("/things").text == "seen"
    else:
        client.application.testing = True
        with pytest.raises(MissingScope):
            client.get("/things")
