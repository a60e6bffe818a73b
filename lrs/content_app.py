"""The composition root of the content origin: `gunicorn "lrs.content_app:from_env()"`.

It shares nothing with the application but the database: no session, no cookie, no route below /xapi or /api.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from typing import Final

from flask import Flask, Response, request
from pymongo.database import Database

from lrs.access.guard import WRITING
from lrs.content.origin import originals, serving
from lrs.content.origin.addresses import check_origins
from lrs.content.origin.headers import security_headers
from lrs.content.player import pages as player_pages
from lrs.foundation.context import Services
from lrs.foundation.database import Document, connect
from lrs.foundation.disk import disk
from lrs.foundation.errors import DiskFull
from lrs.foundation.settings import Settings
from lrs.words import reader
from lrs.xapi.consistent_through import announce_writes

# What runs at the content origin: each takes the application.
PARTS: Final[tuple[Callable[[Flask], None], ...]] = (
    serving.register,
    originals.register,
    player_pages.register,
    reader.register,
)


def create_content_app(settings: Settings, db: Database[Document] | None = None) -> Flask:
    """Make the WSGI application of the content origin; `db` is given by tests."""
    check_origins(settings)
    templates = str(files("lrs").joinpath("templates"))
    app = Flask(
        "lrs.content", static_folder=None, template_folder=templates
    )  # without a secret key Flask has no sessions
    app.extensions["laurel"] = Services(settings, connect(settings) if db is None else db)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_mb * 1024 * 1024
    for register in PARTS:
        register(app)
    announce_writes(app, settings)
    secured = security_headers(settings)

    @app.before_request
    def refuse_while_full() -> Response | None:
        services = app.extensions["laurel"]
        if request.method not in WRITING or services.part(disk).lack() is None:
            return None
        return Response("a disk is full\n", 507, DiskFull.headers, content_type="text/plain; charset=utf-8")

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in secured.items():
            response.headers.setdefault(name, value)
        return response

    @app.get("/healthz")
    def healthy() -> str:
        return "ok\n"

    return app


def from_env() -> Flask:
    """Make the application from the environment, for a WSGI server."""
    return create_content_app(Settings.from_env(os.environ))
