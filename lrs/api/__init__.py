"""The administration and analysis API at /api/v1: one flask-smorest Api, its document and page.

Every route module exposes `blp`, a `lrs.api.contract.Blueprint`, and has its line in `blueprints`.
"""

from __future__ import annotations

from typing import Any, Final

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Blueprint, Flask, Response, current_app, jsonify, render_template

from lrs.api import (
    analytics,
    audit,
    awards,
    clients,
    credentials,
    events,
    gates,
    groups,
    invitations,
    launches,
    orgs,
    people,
    reports,
    rules,
    users,
    webhooks,
)

PREFIX: Final = "/api/v1"
SPEC: Final[dict[str, Any]] = {
    "title": "Laurel",
    "version": "1",
    "openapi_version": "3.1.0",
    "info": {"description": "Administration and analysis of a Laurel learning record store."},
}

pages = Blueprint("api_pages", __name__)


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest is not typed
    """flask-smorest without error handlers of its own: `lrs.errors` answers with problem details."""

    def _register_error_handlers(self) -> None:
        """Leave the errors to the application."""


def blueprints() -> list[Blueprint]:
    """Return the blueprints of the API; a new module adds its line here."""
    return [
        orgs.blp,
        clients.blp,
        people.blp,
        invitations.blp,
        groups.blp,
        launches.blp,
        users.blp,
        audit.blp,
        analytics.blp,
        reports.blp,
        rules.blp,
        awards.blp,
        credentials.blp,
        gates.blp,
        events.blp,
        webhooks.blp,
    ]


def schema_name(schema: Any) -> str:
    """Return the name of a schema in the document: its class, after its module where that is not its noun."""
    cls: Any = resolve_schema_cls(schema)
    name = str(cls.__name__)
    module = cls.__module__.rpartition(".")[2].title().replace("_", "")
    return name.removesuffix("Schema") if name.endswith("Schema") or module == "Schema" else f"{module}{name}"


def register(app: Flask) -> None:
    """Mount the API, its OpenAPI document and its page on an application."""
    api = Api(app, spec_kwargs={**SPEC, "marshmallow_plugin": MarshmallowPlugin(schema_name)})
    for name, scheme in {"basic": "basic", "bearer": "bearer"}.items():
        api.spec.components.security_scheme(name, {"type": "http", "scheme": scheme})
    for blp in blueprints():
        api.register_blueprint(blp, url_prefix=PREFIX + (blp.url_prefix or ""))
    app.extensions["laurel_openapi"] = api.spec
    app.register_blueprint(pages, url_prefix=PREFIX)


@pages.get("/openapi.json")
def openapi() -> Response:
    """Answer the OpenAPI document."""
    return jsonify(current_app.extensions["laurel_openapi"].to_dict())


@pages.get("/docs")
def docs() -> str:
    """Answer the page that describes every route to people; it loads nothing from anywhere."""
    return render_template("api/docs.html", spec=current_app.extensions["laurel_openapi"].to_dict())
