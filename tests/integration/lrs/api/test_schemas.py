"""The schema of rule files is served to editors (cert#3-5)."""

from __future__ import annotations

import importlib.resources

from flask.testing import FlaskClient


def test_schema_is_served_without_authentication(client: FlaskClient) -> None:
    """cert#3-5: the same bytes as in the package."""
    reply = client.get("/schemas/rules-1.json")
    assert reply.status_code == 200
    assert reply.data == importlib.resources.files("schemas").joinpath("rules-1.json").read_bytes()
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/schemas/rules-1.json", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304
