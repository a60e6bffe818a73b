"""The composition root: `create_app(settings)` ties blueprints, errors and collaborators together."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Flask
from pymongo.database import Database

from lrs import api
from lrs.access import clients, guard, limits
from lrs.api import errors as api_errors
from lrs.api import schemas
from lrs.console import rooms as console
from lrs.console import shell
from lrs.content import errors as content_errors
from lrs.content.cmi5 import gate
from lrs.content.lti import pages as lti_pages
from lrs.credentials import errors as credential_errors
from lrs.credentials import learner_record
from lrs.credentials.public import endorsement_pages, hosted_assertions, registry
from lrs.credentials.public import pages as credential_pages
from lrs.credentials.wallets import pages as wallet_pages
from lrs.fast_path.application import Application
from lrs.fast_path.bodies import FAST
from lrs.foundation import errors as foundation_errors
from lrs.foundation.bodies import PLAIN
from lrs.foundation.context import Services
from lrs.foundation.database import Document, connect
from lrs.foundation.settings import Settings
from lrs.foundation.watching import health, metrics, telemetry
from lrs.http import error_answers, security_headers
from lrs.http.json_answers import FiniteJSON
from lrs.indexes import ensure_indexes
from lrs.lake.bounds import set_bounds
from lrs.messaging import unsubscribe
from lrs.migrations import run as migrations
from lrs.portal import rooms as portal
from lrs.scim import pages as scim_pages
from lrs.xapi import consistent_through, inbound_log, protocol, resources, sessions
from lrs.xapi import errors as xapi_errors

BLUEPRINTS: list[Blueprint] = [
    *resources.BLUEPRINTS,
    schemas.blp,
    credential_pages.blp,
    hosted_assertions.blp,
    learner_record.blp,
    endorsement_pages.blp,
    wallet_pages.blp,
    registry.blp,
    lti_pages.blueprint,
    scim_pages.blueprint,
    *console.BLUEPRINTS,
    *portal.BLUEPRINTS,
    portal.FEEDS,
    unsubscribe.blp,
]

# Error class -> HTTP status, as each part declares it; a class of ours that is not covered fails a test.
STATUS: dict[type[Exception], int] = {
    **foundation_errors.STATUS,
    **xapi_errors.STATUS,
    **credential_errors.STATUS,
    **content_errors.STATUS,
    **api_errors.STATUS,
}

# Routes from below and beside `access`; every other one names its scope, or PUBLIC, itself.
PUBLIC: Final = frozenset(
    {
        "static",
        "health.healthz",
        "health.readyz",
        "metrics.metrics",
        "unsubscribing.ask",
        "unsubscribing.stop",
    }
)


def create_app(settings: Settings, db: Database[Document] | None = None) -> Flask:
    """Make the WSGI application; `db` is given by tests."""
    app = Application("lrs") if settings.fast_path else Flask("lrs")
    app.json = FiniteJSON(app)
    database = connect(settings) if db is None else db
    set_bounds(settings.lake_memory_mb, settings.lake_threads)
    services = app.extensions["laurel"] = Services(
        settings, database, bodies=FAST if settings.fast_path else PLAIN
    )
    migrations.start(database, services.now())
    ensure_indexes(database)
    if settings.bootstrap_key and settings.bootstrap_secret:
        clients.bootstrap(database, settings.bootstrap_key, settings.bootstrap_secret, services.now())
    error_answers.register(app, STATUS, inbound_log.note_refusal)
    metrics.register(app)
    telemetry.register(app, telemetry.start(settings, "laurel-web"))
    limits.register(app, settings)
    health.register(app)
    protocol.register(app, services)
    consistent_through.announce_writes(app, settings)
    app.extensions[sessions.SESSIONS] = gate.session
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    api.register(app)
    shell.register(app)
    security_headers.register(app, services.settings)
    guard.check_routes(app, PUBLIC)
    return app
