"""Health for machines: /healthz says that the process serves, /readyz that writes are taken."""

from __future__ import annotations

import pymongo
from flask import Blueprint, Flask, Response
from pymongo.errors import PyMongoError

from lrs.foundation.context import Services, current_services
from lrs.foundation.disk import disk

blueprint = Blueprint("health", __name__)
READY_SECONDS = 3.0


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer 200 as long as this process serves requests; it asks nobody else."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when MongoDB has a primary that accepts writes, and the disks have room, else 503."""
    services = current_services()
    reason = not_writable(services) or services.part(disk).lack()
    if reason is None:
        return Response("ready\n", content_type="text/plain; charset=utf-8")
    return Response(
        f"not ready: {reason}\n", 503, {"Retry-After": "2"}, content_type="text/plain; charset=utf-8"
    )


def not_writable(services: Services) -> str | None:
    """Return why MongoDB does not take writes now, None when it does; asks for at most 3 seconds."""
    try:
        with pymongo.timeout(READY_SECONDS):
            hello = services.db.client.admin.command("hello")
    except PyMongoError as error:
        return f"MongoDB does not answer ({type(error).__name__})"
    writable = hello.get("isWritablePrimary") or hello.get("msg") == "isdbgrid"
    return None if writable else "MongoDB has no primary"


def register(app: Flask) -> None:
    """Install the health routes."""
    app.register_blueprint(blueprint)
