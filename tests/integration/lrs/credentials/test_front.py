"""The first page and the pages of errors: of the house, for people; data for everybody else."""

from __future__ import annotations

from typing import Any

from factories_access import log_in, make_org, make_user
from flask import Flask
from flask.testing import FlaskClient

PEOPLE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_first_page_leads_to_registry_console_and_api(client: FlaskClient) -> None:
    page = client.get("/", headers=PEOPLE)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for way in ("/registry", "/registry/partners", "/console", "/api/v1/docs", "/login"):
        assert f'href="{way}"' in page.text


def test_what_is_not_there_is_a_page_of_the_house(client: FlaskClient) -> None:
    page = client.get("/nowhere/<script>", headers=PEOPLE)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is nothing here" in page.text
    assert "/static/credentials.css" in page.text
    assert "<script>" not in page.text
    assert client.get("/nowhere").json["error"] == "NotFound", "clients go on to get JSON"


def test_what_is_not_allowed_is_a_page_of_the_house(app: Flask, db: Any) -> None:
    make_org(db, "north")
    analyst = log_in(app, make_user(db, "vendor", "analyst", "mina@vendor.example"))
    page = analyst.open("/console/clients", headers=PEOPLE)
    assert (page.status_code, page.mimetype) == (403, "text/html")
    assert "/static/" in page.text
    assert "<h1>" in page.text
