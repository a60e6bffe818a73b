"""Signing in in a browser: passkeys with Chromium's own authenticator, and pages for every reader."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import CHROMIUM, Page, browsing
from factories_access import PASSWORD, editor, learner_of, log_in, make_org, make_person, make_user
from factories_saml import SamlProvider
from factories_sign_in import Provider
from flask import Flask
from pymongo.database import Database
from served_pages import AXE, TAGS, served

from lrs.access import sessions
from lrs.people import invitations
from lrs.scim import tokens
from lrs.sign_in import providers, saml_metadata
from lrs.sign_in.providers import Wish

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
Db = Database[dict[str, Any]]
KEY = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def site(app: Flask, db: Db) -> Iterator[str]:
    """The application at a name, as passkeys need one."""
    with served(app) as address:
        url = address.replace("127.0.0.1", "localhost")
        services = app.extensions["laurel"]
        changed = dataclasses.replace(services.settings, public_url=url)
        app.extensions["laurel"] = dataclasses.replace(services, settings=changed)
        yield url


@pytest.fixture
def page() -> Iterator[Page]:
    with browsing() as browser:
        yield browser.open("about:blank", 1280, 900)


def submit(page: Page, form: str, **fields: str) -> None:
    for name, value in fields.items():
        page.run(f"document.querySelector({json.dumps(f'{form} [name={name}]')}).value = {json.dumps(value)}")
    page.run(f"document.querySelector({json.dumps(f'{form} button')}).click()")


def at(page: Page, path: str) -> None:
    page.wait(f"document.readyState === 'complete' && location.pathname === {json.dumps(path)}")


def password(page: Page, site: str, email: str) -> None:
    page.go(f"{site}/login")
    at(page, "/login")
    submit(page, "form[action='/login']", email=email, password=PASSWORD)


def test_a_passkey_is_made_and_logs_in_alone_and_after_the_password(site: str, db: Db, page: Page) -> None:
    ada = make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
    password(page, site, "ada@vendor.example")
    at(page, "/console")
    page.call("WebAuthn.enable")
    key = page.call("WebAuthn.addVirtualAuthenticator", options=KEY)["authenticatorId"]
    page.go(f"{site}/console/account")
    at(page, "/console/account")
    assert page.run("document.querySelector('[data-without-passkeys]').hidden"), "it can make one"
    submit(page, "form[data-passkey=make]", name="Virtual key")
    page.wait("document.querySelector('#passkeys .rows b')?.textContent === 'Virtual key'")
    kept = (db.users.find_one({"_id": ada["_id"]}) or {})["passkeys"][0]
    assert kept["name"] == "Virtual key"
    assert len(page.call("WebAuthn.getCredentials", authenticatorId=key)["credentials"]) == 1
    page.call("Network.clearBrowserCookies")
    page.go(f"{site}/login?onward=/console/users")
    at(page, "/login")
    page.run("document.querySelector('form[data-passkey=use] button').click()")
    at(page, "/console/users")
    assert (db.users.find_one({"_id": ada["_id"]}) or {})["passkeys"][0]["count"] > kept["count"]
    db.users.update_one(
        {"_id": ada["_id"]}, {"$set": {"second_factor": {"sealed": b"", "last": 0, "recovery": []}}}
    )
    page.call("Network.clearBrowserCookies")
    password(page, site, "ada@vendor.example")
    at(page, "/login/code")
    page.run("document.querySelector('form[data-passkey=use] button').click()")
    at(page, "/console")
    page.call("WebAuthn.setUserVerified", authenticatorId=key, isUserVerified=False)
    page.call("Network.clearBrowserCookies")
    page.go(f"{site}/login")
    at(page, "/login")
    page.run("document.querySelector('form[data-passkey=use] button').click()")
    page.wait("!document.querySelector('form[data-passkey=use] [role=alert]').hidden")
    assert page.run("location.pathname") == "/login", "who is not verified stays outside"


def test_the_address_leads_to_the_provider_and_back_in_a_browser(
    app: Flask, site: str, db: Db, page: Page
) -> None:
    """The policy lets no form be redirected elsewhere: a page leads on, also where scripts are off."""
    make_org(db, "north")
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    idp = Provider()
    try:
        services = app.extensions["laurel"]
        settings = dataclasses.replace(services.settings, allow_private_addresses=True)
        app.extensions["laurel"] = dataclasses.replace(services, settings=settings)
        wish = Wish("oidc", "Okta", ("north.example",), issuer=idp.url, client_id="laurel")
        one = providers.add(editor(db), settings, "north", wish, "s3cret")
        providers.enable(editor(db), one["_id"], enabled=True)
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.go(f"{site}/login")
        page.call("Emulation.setScriptExecutionDisabled", value=False)
        at(page, "/login")
        submit(page, "form[action='/login/next']", email="ana@north.example")
        page.wait(f"location.href.startsWith({json.dumps(f'{idp.url}/authorize?')})")
        query = urlsplit(page.run("location.href")).query
        idp.asked = {name: values[0] for name, values in parse_qs(query).items()}
        idp.claims = {"sub": "42", "email": "ana@north.example", "email_verified": True}
        page.run(
            f"location.href = {json.dumps(f'{site}/login/callback?state=' + idp.asked['state'] + '&code=code-1')}"
        )
        at(page, "/me")
        admin = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
        cookie = admin.client.get_cookie("laurel", domain="localhost")
        page.call("Network.setCookie", name="laurel", value=cookie.value if cookie else "", url=site)
        page.go(f"{site}/console/sign-in/{one['_id']}")
        at(page, f"/console/sign-in/{one['_id']}")
        page.run("document.querySelector('button[value=try]').click()")
        page.wait(f"location.href.startsWith({json.dumps(f'{idp.url}/authorize?')})")
    finally:
        idp.server.shutdown()
        idp.server.server_close()


@pytest.fixture
def pages(app: Flask, site: str, db: Db) -> dict[str, str | None]:
    """The pages about signing in: path -> cookie of who looks, None for nobody."""
    make_org(db, "north")
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    settings = app.extensions["laurel"].settings
    told = saml_metadata.read(SamlProvider().metadata().encode())
    wish = Wish("saml", "North's ADFS", ("north.example",), entity_id=told.entity_id, sso_url=told.sso_url,
                certificates=told.certificates, claim="memberOf", roles=(("managers", "partner_admin"),))  # fmt: skip
    one = providers.add(editor(db), settings, "north", wish)
    wish = Wish("oidc", "Okta", ("north.example",), issuer="https://north.okta.example", client_id="0oa1")
    other = providers.add(editor(db), settings, "north", wish, "s3cret")
    providers.enable(editor(db), one["_id"], enabled=True)
    tokens.make(editor(db), "north", "Entra ID")
    make_person(db, "ana@north.example", "north", "Ana Lima")
    row = {"id": "x", "key": b"", "count": 1, "name": "Phone", "synced": True, "used_at": None}
    cookies = {}
    for user in (
        make_user(db, "vendor", "vendor_admin", "ada@vendor.example"),
        learner_of(db, "ana@north.example"),
    ):
        now = app.extensions["laurel"].now()
        keys = [
            {**row, "id": f"{user['_id']}{n}", "created_at": now, "used_at": now if n else None}
            for n in range(2)
        ]
        db.users.update_one({"_id": user["_id"]}, {"$set": {"passkeys": keys}})
        cookie = log_in(app, user).client.get_cookie(sessions.cookie_name(settings), domain="localhost")
        log_in(app, user)
        cookies[user["role"]] = cookie.value if cookie else None
    admin, learner = cookies["vendor_admin"], cookies["learner"]
    claims = [{"name": "memberOf", "value": "all, managers"}, {"name": "email", "value": "ana@north.example"}]
    trial = {"provider": one["_id"], "at": None, "problem": None, "role": "partner_admin", "email": "ana@north.example",
             "subject": "ana@north.example", "claims": claims}  # fmt: skip
    db.sessions.update_many({}, {"$set": {"trial": trial}})
    return {
        "/login": None, "/login?all=1": None, "/console/account": admin, "/console/sign-in": admin,
        f"/console/sign-in/{one['_id']}": admin, f"/console/sign-in/{other['_id']}": admin, "/me/settings": learner,
    }  # fmt: skip


def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(
    site: str, page: Page, pages: dict[str, str | None]
) -> None:
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing; scripts/test installs it where npm is at hand")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    pictures = os.environ.get("LAUREL_PICTURES")  # a folder for whoever wants to see them
    for number, (path, cookie) in enumerate(pages.items()):
        page.call("Network.clearBrowserCookies")
        if cookie is not None:
            page.call("Network.setCookie", name="laurel", value=cookie, url=site)
        for width, theme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
            page.call("Network.setCookie", name="laurel-theme", value=theme, url=site)
            page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                      mobile=width < 600)  # fmt: skip
            page.go(f"{site}{path}")
            at(page, path.partition("?")[0])
            page.run("document.querySelectorAll('details.make').forEach(one => { one.open = true })")
            if pictures:
                height = page.run("document.documentElement.scrollHeight")
                page.call("Emulation.setDeviceMetricsOverride", width=width, height=min(height, 4000),
                          deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
                page.screenshot(Path(pictures) / f"{number}-{width}-{theme}.png")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], (path, width, theme)
