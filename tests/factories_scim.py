"""A directory that speaks SCIM to us with a token, and what it says."""

from __future__ import annotations

import json
from typing import Any

from factories_access import editor, make_org
from flask import Flask
from pymongo.database import Database

from lrs.people import invitations
from lrs.scim import tokens

Db = Database[dict[str, Any]]
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Client:
    """A directory that speaks to us with a token."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client, self.token = app.test_client(), token

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {
            "Authorization": f"Bearer {self.token}",
            **{name.replace("_", "-"): one for name, one in headers.items()},
        }
        data = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
        return self.client.open(
            f"/scim/v2{path}", method=method, data=data, headers=sent, content_type="application/scim+json"
        )

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)


def directory(app: Flask, db: Db, org: str) -> Client:
    make_org(db, org)
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, org, f"{org}.example", session))
    return Client(app, tokens.make(editor(db), org, "Entra ID")[1])


def ana(**more: Any) -> dict[str, Any]:
    return {
        "schemas": [USER], "userName": "Ana@North.example", "externalId": "e-1", "displayName": "Ana Lima",
        "active": True, "emails": [{"value": "ana@north.example", "type": "work", "primary": True}], **more,
    }  # fmt: skip
