"""`/schemas/rules-1.json`: the schema of rule files for editors, without authentication (cert#3-5)."""

from __future__ import annotations

from functools import cache
from importlib import resources

from flask import Response, request

from lrs.access.guard import PUBLIC, Blueprint

blp = Blueprint("schemas", "lrs.api.schemas")


@cache
def _schema() -> bytes:
    return resources.files("schemas").joinpath("rules-1.json").read_bytes()


@blp.get("/schemas/rules-1.json", scope=PUBLIC)
def rules_schema() -> Response:
    """Answer the JSON Schema of rule files, readable by any page, with an ETag."""
    response = Response(_schema(), content_type="application/schema+json")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.add_etag()
    response.make_conditional(request)
    return response
