"""`/schemas/rules-1.json`: the schema of rule files for editors, without authentication (3-5)."""

from __future__ import annotations

from functools import cache
from importlib import resources

from flask import Blueprint, Response, request

blp = Blueprint("schemas", "lrs.schemas_view")


@cache
def _schema() -> bytes:
    return resources.files("schemas").joinpath("rules-1.json").read_bytes()


@blp.get("/schemas/rules-1.json")
def rules_schema() -> Response:
    """Answer the JSON Schema of rule files, readable by any page, with an ETag."""
    response = Response(_schema(), content_type="application/schema+json")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.add_etag()
    response.make_conditional(request)
    return response
