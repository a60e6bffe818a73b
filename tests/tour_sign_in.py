"""The part of the tour that signs in: by providers of an organization and passkeys; and what a directory asks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from factories_access import PASSWORD, editor, log_in, make_user
from factories_saml import SamlProvider, encoded
from factories_sign_in import Provider, SoftKey
from tour import Tour

from lrs.access.sessions import CSRF_HEADER
from lrs.people import invitations

PLACE = "/console/sign-in"


def sign_in(tour: Tour, browser: Any) -> None:
    """Keep providers in the console, log in by each; make a passkey and use it; provision by SCIM."""
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    who = editor(tour.db)
    who.change(lambda session: invitations.set_domain(who, "aurora", "idp.example", session))
    openid(tour, author)
    saml(tour, author)
    for form in ("", ".json", ".csv"):
        tour.go(f"GET {PLACE}{form}", client=browser.client)
    passkeys(tour)
    directory(tour, author)


def add(tour: Tour, author: Any, **form: str) -> None:
    made = tour.go(f"POST {PLACE}", data={"org": "aurora", "name": "Theirs", **form}, **author)
    tour.ids["provider"] = made.location.rsplit("/", 1)[-1]
    tour.go(f"GET {PLACE}/<provider>", client=author["client"])
    tour.go(f"POST {PLACE}/<provider>", data={"action": "enable"}, **author)


def openid(tour: Tour, author: Any) -> None:
    idp = Provider()
    idp.claims = {"sub": "1", "email": "one@idp.example", "email_verified": True}
    try:
        add(tour, author, kind="oidc", issuer=idp.url, client_id="laurel")
        client = tour.app.test_client()
        tour.go("POST /login/next", client=client, data={"email": "one@idp.example"})
        for _ in range(2):  # the first arrival makes what the second one finds
            away = tour.go("GET /login/oidc/<provider>", client=client)
            idp.asked = dict(parse_qsl(urlsplit(away.location).query))
            back = {"state": idp.asked["state"], "code": "code-1"}
            tour.go("GET /login/callback", client=client, query_string=back)
        tour.go(f"POST {PLACE}/only", data={"org": "aurora", "only": "no"}, **author)
    finally:
        idp.server.shutdown()
        idp.server.server_close()
    tour.go(f"POST {PLACE}/<provider>", data={"action": "remove"}, **author)


def saml(tour: Tour, author: Any) -> None:
    idp, client = SamlProvider(), tour.app.test_client()
    add(tour, author, kind="saml", metadata=idp.metadata())
    tour.go("GET /login/saml/metadata", client=client)
    idp.take(tour.go("GET /login/saml/<provider>", client=client).location)
    url = tour.settings.public_url
    told = '<saml:Attribute Name="email"><saml:AttributeValue>two@idp.example</saml:AttributeValue></saml:Attribute>'
    said = {"audience": f"{url}/login/saml/metadata", "place": f"{url}/login/saml/acs", "attributes": told}
    form = {"SAMLResponse": encoded(idp.response(**said)), "RelayState": idp.state}
    tour.go("POST /login/saml/acs", client=client, data=form)


def passkeys(tour: Tour) -> None:
    parts = urlsplit(tour.settings.public_url)
    key = SoftKey(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")
    user = make_user(tour.db, "vendor", "analyst", "key@vendor.example")
    browser = log_in(tour.app, user)
    mine = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    options = tour.go("POST /account/passkeys/options", **mine).json
    tour.go("POST /account/passkeys", data={"answer": json.dumps(key.made(options))}, **mine)
    tour.go("GET /console/account", client=browser.client)
    client = tour.app.test_client()
    options = tour.go("POST /login/passkey/options", client=client).json
    tour.go("POST /login/passkey", client=client, data={"answer": json.dumps(key.answered(options))})
    factor = {"sealed": b"", "last": 0, "recovery": []}  # never asked: the passkey stands in for it
    tour.db.users.update_one({"_id": user["_id"]}, {"$set": {"second_factor": factor}})
    form = {"email": "key@vendor.example", "password": PASSWORD}
    tour.go("POST /login", client=client, data=form)
    options = tour.go("POST /login/code/passkey/options", client=client).json
    tour.go("POST /login/code/passkey", client=client, data={"answer": json.dumps(key.answered(options))})
    tour.db.users.update_one({"_id": user["_id"]}, {"$set": {"second_factor": None}})
    tour.go("POST /account/sessions", data={"session": "others"}, **mine)


def directory(tour: Tour, author: Any) -> None:
    page = tour.go(f"POST {PLACE}/scim", data={"org": "aurora", "label": "Directory"}, **author).text
    token = page.partition("scim_")[2].partition("<")[0]
    asking = {"client": tour.app.test_client(), "headers": {"Authorization": f"Bearer scim_{token}"}}
    rest = "/scim/v2/<path:rest>"
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "three@idp.example"}
    tour.ids["rest"] = "Users"
    made = tour.go(f"POST {rest}", json=user, **asking).json
    for query in ({}, {"filter": 'userName eq "three@idp.example"'}, {"filter": 'externalId eq "x"'}):
        tour.go(f"GET {rest}", query_string=query, **asking)
    tour.ids["rest"] = f"Users/{made['id']}"
    tour.go(f"GET {rest}", **asking)
    tour.go(f"PUT {rest}", json={**user, "displayName": "Three"}, **asking)
    change = {"op": "replace", "path": "active", "value": False}
    schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    tour.go(f"PATCH {rest}", json={"schemas": [schema], "Operations": [change]}, **asking)
    tour.go(f"DELETE {rest}", **asking)
    tour.go("GET /scim/v2", **asking)
    for method, status in (("POST", 405), ("PUT", 405), ("PATCH", 405), ("DELETE", 405)):
        tour.go(f"{method} /scim/v2", ok=status, **asking)
    tour.ids["token"] = (tour.look.scim_tokens.find_one() or {})["name"]
    tour.go(f"POST {PLACE}/scim/<token>/revoke", **author)
