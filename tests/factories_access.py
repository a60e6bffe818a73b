"""Organizations, clients, users and launches for tests of access."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import clients, organizations, sessions, users
from lrs.access.scopes import ADMIN_SCOPES, SCOPES, XAPI_SCOPES
from lrs.foundation.audit import Editor
from lrs.people import affiliations, records

Document = dict[str, Any]
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
PASSWORD = "correct horse battery staple"
PARTNER_SCOPES = (*XAPI_SCOPES, *ADMIN_SCOPES)


def editor(db: Database[Document], now: dt.datetime | None = None) -> Editor:
    """Somebody who changes things, at the present instant unless another is given."""
    return Editor(db, {"kind": "test", "id": "test", "name": "test", "org": "vendor"}, now or utc_now())


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def basic(key: str, secret: str) -> dict[str, str]:
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {token}", "X-Experience-API-Version": "1.0.3"}


def make_org(db: Database[Document], org: str, **properties: Any) -> Document:
    return organizations.add_org(editor(db), org, {"name": f"Org {org}", "parent": "vendor", **properties})


def make_client(db: Database[Document], org: str, **properties: Any) -> dict[str, str]:
    """Make a client and return its headers; every scope unless told otherwise."""
    document, secret = clients.add_client(editor(db), org, {"scopes": SCOPES, **properties})
    return basic(document["_id"], secret)


def key_of(headers: dict[str, str]) -> str:
    return base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]


def make_user(db: Database[Document], org: str, role: str, email: str) -> Document:
    return users.add_user(editor(db), org, {"email": email, "role": role, "name": role, "password": PASSWORD})


def learner_of(db: Database[Document], email: str) -> Document:
    """Return the user who is known to read an address, made unless a test before made one."""
    if db.users.find_one({"email": email}) is None:
        make_user(db, "vendor", "learner", email)
    found = db.users.find_one_and_update({"email": email}, {"$set": {"mailbox": email}})
    assert found is not None
    return found


def make_person(db: Database[Document], email: str, org: str | None = None, name: str | None = None) -> str:
    """Make a person who counts for an organization."""
    made = records.add_person(editor(db), [f"mbox::mailto:{email}"], name=name)
    if org is not None:
        start = utc_now() - dt.timedelta(days=30)
        affiliations.affiliate(editor(db), made["_id"], org, start=start, known_as=f"mbox::mailto:{email}")
    return str(made["_id"])


@dataclass
class Browser:
    """A person who logged in: Flask's client with the session's cookie, and the token forms carry."""

    client: FlaskClient
    csrf: str
    headers: dict[str, str] = field(default_factory=dict)

    def open(self, path: str, method: str = "GET", **kwargs: Any) -> Any:
        headers = {sessions.CSRF_HEADER: self.csrf, **kwargs.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **kwargs)


def log_in(app: Flask, user: Document) -> Browser:
    """Begin a session without the login page."""
    services = app.extensions["laurel"]
    own = {"user": user["_id"]}
    before = services.db.sessions.distinct("csrf", own)
    token = sessions.begin(services.db, services.settings, user, "127.0.0.1", services.now())
    client = app.test_client()
    client.set_cookie(sessions.cookie_name(services.settings), token, domain="localhost")
    return Browser(client, services.db.sessions.find_one({**own, "csrf": {"$nin": before}})["csrf"])
