"""The composition root: `create_app(settings)` ties blueprints, errors and collaborators together."""

from __future__ import annotations

from flask import Blueprint, Flask
from pymongo.database import Database

from lrs.context import Laurel
from lrs.database import Document, connect, ensure_indexes
from lrs.settings import Settings

BLUEPRINTS: list[Blueprint] = []


def create_app(settings: Settings, db: Database[Document] | None = None) -> Flask:
    """Make the WSGI application; `db` is given by tests."""
    app = Flask("lrs")
    database = connect(settings) if db is None else db
    ensure_indexes(database)
    app.extensions["laurel"] = Laurel(settings, database)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
