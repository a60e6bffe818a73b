"""The administration and analysis API at /api/v1: one flask-smorest Api, its document and page.

Every route module exposes `blp`, a `lrs.api.contract.Blueprint`, and has its line in `blueprints`.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any, Final

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask, Response, current_app, jsonify, render_template
from marshmallow import Schema, fields

from lrs.access.guard import PUBLIC, Blueprint
from lrs.api import contract
from lrs.api.instruction import rubrics, sessions, sign_offs
from lrs.api.organizations import (
    audit,
    clients,
    groups,
    holds,
    invitations,
    login_providers,
    orgs,
    people,
    retention,
    users,
)
from lrs.api.programme import (
    assignments,
    awards,
    credentials,
    endorsements,
    engagement,
    events,
    gates,
    recognitions,
    rules,
    webhooks,
)
from lrs.api.records import analytics, content, content_launches, inbound, launches, reports
from lrs.http import problems

PREFIX: Final = "/api/v1"
SPEC: Final[dict[str, Any]] = {
    "title": "Laurel",
    "version": "1",
    "openapi_version": "3.1.0",
    "info": {"description": "Administration and analysis of a Laurel learning record store."},
}

UNNAMED: Final = {"Schema", "Abc", "Answers"}  # modules that say nothing of their schemas: Abc has listings

pages = Blueprint("api_pages", __name__)


class Place(Schema):
    """A place of a request, and what is wrong there."""

    path = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """A refusal as problem details (RFC 9457): `type` names the error, `errorId` is found in the log."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    path = fields.String(required=True, allow_none=True)
    errorId = fields.String(required=True)  # noqa: N815 -- the member is called so
    errors = fields.List(fields.Nested(Place))


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest is not typed
    """flask-smorest with our errors (`lrs.http.error_answers`), and a document made when asked for."""

    def __init__(self, app: Flask, **options: Any) -> None:
        self._undescribed: list[contract.Blueprint] = []
        self._describing = threading.Lock()
        super().__init__(app, **options)

    def _register_responses(self) -> None:
        """Say that every refusal is a problem document."""
        told = {status.name: status.phrase for status in HTTPStatus if status >= 400}
        for name, phrase in {**told, self.DEFAULT_ERROR_RESPONSE_NAME: "Any other refusal"}.items():
            content = {problems.MEDIA_TYPE: {"schema": ProblemSchema}}
            self.spec.components.response(name, {"description": phrase, "content": content}, lazy=True)

    def _register_error_handlers(self) -> None:
        """Leave the errors to the application."""

    def register_blueprint(self, blp: contract.Blueprint, **options: Any) -> None:
        """Mount the routes of a blueprint; to describe them takes longer, so `document` does that."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undescribed.append(blp)

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        with self._describing:
            while self._undescribed:
                blp = self._undescribed.pop(0)
                blp.register_views_in_doc(self, self._app, self.spec, name=blp.name, parameters=None)
                self.spec.tag({"name": blp.name, "description": blp.description})
            document: dict[str, Any] = self.spec.to_dict()
            return document


def blueprints() -> list[contract.Blueprint]:
    """Return the blueprints of the API; a new module adds its line here."""
    return [
        orgs.blp,
        clients.blp,
        people.blp,
        invitations.blp,
        groups.blp,
        retention.blp,
        holds.blp,
        launches.blp,
        content.blp,
        content_launches.blp,
        users.blp,
        login_providers.blp,
        audit.blp,
        inbound.blp,
        analytics.blp,
        reports.blp,
        rules.blp,
        awards.blp,
        credentials.blp,
        recognitions.blp,
        endorsements.blp,
        gates.blp,
        assignments.blp,
        engagement.blp,
        sessions.blp,
        rubrics.blp,
        sign_offs.blp,
        events.blp,
        webhooks.blp,
    ]


def schema_name(schema: Any) -> str:
    """Return the name of a schema in the document: its class, after its module where that is not its noun."""
    cls: Any = resolve_schema_cls(schema)
    name = str(cls.__name__)
    module = cls.__module__.rpartition(".")[2].title().replace("_", "")
    plain = name.endswith("Schema") or module in UNNAMED
    return name.removesuffix("Schema") if plain else f"{module}{name}"


def register(app: Flask) -> None:
    """Mount the API, its OpenAPI document and its page on an application."""
    api = Api(app, spec_kwargs={**SPEC, "marshmallow_plugin": MarshmallowPlugin(schema_name)})
    for name, scheme in {"basic": "basic", "bearer": "bearer"}.items():
        api.spec.components.security_scheme(name, {"type": "http", "scheme": scheme})
    usual, app.url_rule_class = app.url_rule_class, contract.Address
    for blp in blueprints():
        api.register_blueprint(blp, url_prefix=PREFIX + (blp.url_prefix or ""))
    app.url_rule_class = usual
    app.extensions["laurel_openapi"] = api
    app.register_blueprint(pages, url_prefix=PREFIX)


@pages.get("/openapi.json", scope=PUBLIC)
def openapi() -> Response:
    """Answer the OpenAPI document."""
    return jsonify(current_app.extensions["laurel_openapi"].document())


@pages.get("/docs", scope=PUBLIC)
def docs() -> str:
    """Answer the page that describes every route to people; it loads nothing from anywhere."""
    return render_template("api/docs.html", spec=current_app.extensions["laurel_openapi"].document())
