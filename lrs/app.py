"""The composition root: `create_app(settings)` ties blueprints, errors and collaborators together."""

from __future__ import annotations

from flask import Blueprint, Flask
from pymongo.database import Database

from lrs import (
    api,
    console,
    errors,
    hardening,
    health,
    protocol,
    registry,
    resources,
    schemas_view,
    tenancy,
    unsubscribing,
    verification,
)
from lrs.application import Application
from lrs.context import Laurel
from lrs.database import Document, connect, ensure_indexes
from lrs.settings import Settings

BLUEPRINTS: list[Blueprint] = [
    *resources.BLUEPRINTS,
    schemas_view.blp,
    verification.blp,
    registry.blp,
    console.blueprint,
    unsubscribing.blp,
]


def create_app(settings: Settings, db: Database[Document] | None = None) -> Flask:
    """Make the WSGI application; `db` is given by tests."""
    app = Application("lrs")
    database = connect(settings) if db is None else db
    ensure_indexes(database)
    here = app.extensions["laurel"] = Laurel(settings, database)
    if settings.bootstrap_key and settings.bootstrap_secret:
        tenancy.bootstrap(database, settings.bootstrap_key, settings.bootstrap_secret, here.now())
    errors.register(app)
    health.register(app)
    protocol.register(app, here)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    api.register(app)
    hardening.register(app, here.settings)
    return app
