"""Login providers of organizations: whom they sign in, what they may say, and what they never reach."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from factories_access import (
    PASSWORD,
    Browser,
    editor,
    learner_of,
    log_in,
    make_org,
    make_person,
    make_user,
)
from factories_sign_in import Provider, SoftKey, led
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.app import create_app
from lrs.foundation.errors import Collision, InvalidField
from lrs.foundation.settings import Settings
from lrs.people import accounts, invitations
from lrs.people.accounts import person_of
from lrs.sign_in import only, providers
from lrs.sign_in.providers import Wish

Db = Database[dict[str, Any]]


@pytest.fixture
def idp() -> Iterator[Provider]:
    running = Provider()
    running.claims = {"sub": "42", "email": "ana@north.example", "email_verified": True, "name": "Ana"}
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def site(app: Flask, settings: Settings, db: Db) -> Flask:
    for org in ("north", "south"):
        make_org(db, org)
        who = editor(db)
        who.change(
            lambda session, who=who, org=org: invitations.set_domain(who, org, f"{org}.example", session)
        )
    return create_app(dataclasses.replace(settings, allow_private_addresses=True), db)


def wish(idp: Provider, **more: Any) -> Wish:
    known = {
        "kind": "oidc",
        "name": "North's",
        "domains": ("north.example",),
        "issuer": idp.url,
        "client_id": "laurel",
    }
    return Wish(**{**known, **more})


def add(site: Flask, db: Db, idp: Provider, org: str = "north", **more: Any) -> str:
    settings = site.extensions["laurel"].settings
    made = providers.add(editor(db), settings, org, wish(idp, **more), "s3cret")
    providers.enable(editor(db), made["_id"], enabled=True)
    return str(made["_id"])


def come(browser: FlaskClient, idp: Provider, email: str = "ana@north.example") -> Any:
    """Give the address, follow to the provider and come back from there."""
    sent = browser.post("/login/next", data={"email": email, "onward": "/me"})
    away = browser.get(led(sent))
    assert away.location.startswith(f"{idp.url}/authorize?"), away.text
    idp.asked = {name: values[0] for name, values in parse_qs(urlsplit(away.location).query).items()}
    return browser.get(f"/login/callback?state={idp.asked['state']}&code=code-1")


def test_the_address_leads_to_the_provider_and_the_first_login_makes_account_person_and_affiliation(
    site: Flask, db: Db, idp: Provider
) -> None:
    provider, browser = add(site, db, idp), site.test_client()
    page = browser.get("/login").text
    assert 'action="/login/next"' in page
    assert 'name="password"' not in page, "the address comes first"
    answer = come(browser, idp)
    assert (answer.status_code, answer.location) == (303, "/me")
    user = db.users.find_one({"email": "ana@north.example"}) or {}
    assert (user["org"], user["role"], user["subject"]) == ("vendor", "learner", f"{provider} 42")
    person = person_of(db, user) or {}
    row = db.affiliations.find_one({"person": person["_id"]}) or {}
    assert (row["org"], row["primary"], row["until"]) == ("north", True, None)
    assert row["confirmed_at"] is not None
    assert browser.get("/me").status_code == 200
    assert (db.sessions.find_one({"user": user["_id"]}) or {})["provider"] == provider
    assert come(site.test_client(), idp).status_code == 303, "the second login finds all that"
    assert [one["count"] for one in db.tries.find()] == [0], "only failures are counted"
    assert db.users.count_documents({}) == db.affiliations.count_documents({}) == 1


def test_who_has_another_address_is_asked_for_a_password(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp)
    answer = site.test_client().post("/login/next", data={"email": "ana@elsewhere.example"})
    assert answer.status_code == 200
    assert 'name="password"' in answer.text
    assert 'value="ana@elsewhere.example"' in answer.text


def test_without_any_provider_the_login_page_is_as_before(site: Flask) -> None:
    assert 'name="password"' in site.test_client().get("/login").text


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "eve@south.example"}, "may not speak for this mail address"),
        ({"email": "eve@vendor.example"}, "may not speak for this mail address"),
        ({"email": "ana@north.example.evil.example"}, "may not speak for this mail address"),
        ({"email": "not an address"}, "told no mail address"),
        ({"email": None, "preferred_username": "ana"}, "told no mail address"),
        ({"email_verified": False}, "has not verified the mail address"),
        ({"email_verified": "true"}, "has not verified the mail address"),
        ({"nonce": "other"}, "answered another login"),
        ({"aud": "another-client"}, "not valid here"),
        ({"iss": "https://evil.example"}, "not valid here"),
    ],
)
def test_what_a_provider_may_not_say_is_refused_plainly_and_changes_nothing(
    site: Flask, db: Db, idp: Provider, claims: dict[str, Any], reason: str
) -> None:
    add(site, db, idp)
    idp.claims |= claims
    answer = come(site.test_client(), idp)
    assert answer.status_code == 401
    assert reason in answer.text
    assert (
        db.users.count_documents({}) == db.people.count_documents({}) == db.sessions.count_documents({}) == 0
    )


def test_an_address_that_is_not_in_the_id_token_is_asked_for_of_the_same_user(
    site: Flask, db: Db, idp: Provider
) -> None:
    add(site, db, idp)
    idp.claims = {"sub": "42"}
    for about in (None, [], {"sub": "43", "email": "ana@north.example"}, {"email": "ana@north.example"}):
        idp.about = about
        site.extensions["laurel"].parts.clear()
        answer = come(site.test_client(), idp)
        assert answer.status_code == 401
        assert "told no mail address" in answer.text
    idp.about = {
        "sub": "42",
        "email": "ana@north.example",
        "email_verified": True,
        "iss": "https://evil.example",
    }
    site.extensions["laurel"].parts.clear()
    assert come(site.test_client(), idp).status_code == 303
    assert db.users.count_documents({"email": "ana@north.example"}) == 1


def test_a_provider_reaches_no_account_that_administers_elsewhere(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp)
    ada = make_user(db, "vendor", "vendor_admin", "ana@north.example")
    answer = come(site.test_client(), idp)
    assert answer.status_code == 401
    assert "may not speak for this account" in answer.text
    assert db.users.find_one({"_id": ada["_id"]}) == ada


def test_an_address_that_changed_hands_does_not_open_the_former_account(
    site: Flask, db: Db, idp: Provider
) -> None:
    add(site, db, idp)
    assert come(site.test_client(), idp).status_code == 303
    idp.claims["sub"] = "43"
    answer = come(site.test_client(), idp)
    assert answer.status_code == 401
    assert "account of this address is another one" in answer.text


def test_who_counts_for_another_partner_is_not_taken_from_it(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp)
    person = make_person(db, "ana@north.example", "south")
    assert come(site.test_client(), idp).status_code == 303
    rows = {row["org"]: row for row in db.affiliations.find({"person": person})}
    assert (rows["south"]["primary"], rows["south"]["until"]) == (True, None)
    assert rows["north"]["primary"] is False


def test_a_password_that_somebody_else_set_ends_with_the_first_login(
    site: Flask, db: Db, idp: Provider
) -> None:
    add(site, db, idp)
    before = make_user(db, "north", "partner_admin", "ana@north.example")
    thief = log_in(site, before)
    assert come(site.test_client(), idp).status_code == 303
    after = db.users.find_one({"_id": before["_id"]}) or {}
    assert (after["password"], after["role"], after["org"]) == (None, "partner_admin", "north")
    assert thief.client.get("/console").status_code == 302


def test_roles_follow_the_claims_at_each_login(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp, claim="groups", roles=(("managers", "partner_admin"), ("everybody", "learner")))
    for groups, place in (
        (["everybody", "managers"], ("north", "partner_admin")),
        (["everybody"], ("vendor", "learner")),
        ("managers", ("north", "partner_admin")),
        ([], ("vendor", "learner")),
    ):
        idp.claims["groups"] = groups
        assert come(site.test_client(), idp).status_code == 303
        user = db.users.find_one({"email": "ana@north.example"}) or {}
        assert (user["org"], user["role"]) == place


def test_roles_that_the_id_token_lacks_are_asked_for_by_their_scope_and_at_userinfo(
    site: Flask, db: Db, idp: Provider
) -> None:
    """Some tell groups by a scope of that name alone, and beside the ID token."""
    add(site, db, idp, claim="groups", roles=(("managers", "partner_admin"),))
    idp.claims |= {"email": "ana@north.example"}
    idp.about = {"sub": "42", "groups": ["managers"]}
    idp.told = {**idp.endpoints(), "scopes_supported": ["openid", "groups"]}
    come(site.test_client(), idp)
    assert idp.asked["scope"] == "openid email profile groups"
    assert (db.users.find_one({"email": "ana@north.example"}) or {})["role"] == "partner_admin"


def test_a_scope_that_the_provider_does_not_offer_is_not_asked_for(
    site: Flask, db: Db, idp: Provider
) -> None:
    add(site, db, idp, claim="groups")
    idp.claims |= {"email": "ana@north.example"}
    for offered in (None, "groups", ["openid"], [1]):
        idp.told = {**idp.endpoints(), "scopes_supported": offered}
        db.identity_providers.update_many({}, {"$inc": {"version": 1}})  # told anew
        come(site.test_client(), idp)
        assert idp.asked["scope"] == "openid email profile"


def test_who_is_given_no_role_is_sent_away(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp, claim="groups", roles=(("managers", "partner_admin"),), default_role=None)
    answer = come(site.test_client(), idp)
    assert answer.status_code == 401
    assert "gives you no right" in answer.text
    assert db.users.count_documents({}) == 0


def test_a_partners_provider_gives_no_role_of_the_vendor(site: Flask, db: Db, idp: Provider) -> None:
    for more in ({"claim": "groups", "roles": (("x", "vendor_admin"),)}, {"default_role": "analyst"}):
        with pytest.raises(InvalidField):
            providers.add(editor(db), site.extensions["laurel"].settings, "north", wish(idp, **more))
    assert db.identity_providers.count_documents({}) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"domains": ("south.example",)},
        {"domains": ("unverified.example",)},
        {"domains": ()},
        {"issuer": "ftp://idp.example"},
        {"issuer": "https://user@idp.example"},
        {"issuer": None},
        {"client_id": ""},
        {"kind": "ldap"},
        {"name": ""},
        {"roles": (("x", "learner"),)},
        {"kind": "saml", "entity_id": "x", "sso_url": "https://idp.example"},
    ],
)
def test_a_provider_that_cannot_be_is_refused_with_the_field(
    site: Flask, db: Db, idp: Provider, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidField):
        providers.add(editor(db), site.extensions["laurel"].settings, "north", wish(idp, **more))
    assert db.identity_providers.count_documents({}) == 0


def test_a_domain_has_one_provider_and_one_that_is_lost_has_none(site: Flask, db: Db, idp: Provider) -> None:
    first = add(site, db, idp)
    second = providers.add(editor(db), site.extensions["laurel"].settings, "north", wish(idp))
    with pytest.raises(Collision):
        providers.enable(editor(db), second["_id"], enabled=True)
    invitations.drop_domain(editor(db), "north", "north.example")
    assert providers.of_address(db, "ana@north.example") is None
    providers.enable(editor(db), first, enabled=False)
    with pytest.raises(Collision):
        providers.enable(editor(db), first, enabled=True)


def test_switching_off_ends_the_sessions_that_it_began_and_refuses_logins_under_way(
    site: Flask, db: Db, idp: Provider
) -> None:
    provider, browser = add(site, db, idp), site.test_client()
    assert come(browser, idp).status_code == 303
    other = site.test_client()
    away = other.get(f"/login/oidc/{provider}")
    idp.asked = {name: values[0] for name, values in parse_qs(urlsplit(away.location).query).items()}
    providers.enable(editor(db), provider, enabled=False)
    forget_sessions = browser.get("/me")
    assert forget_sessions.status_code == 302
    answer = other.get(f"/login/callback?state={idp.asked['state']}&code=code-1")
    assert answer.status_code == 401
    assert "switched off" in answer.text
    assert other.get(f"/login/oidc/{provider}").status_code == 404


def test_an_answer_of_another_provider_than_was_asked_is_refused(site: Flask, db: Db, idp: Provider) -> None:
    add(site, db, idp)
    browser = site.test_client()
    sent = browser.post("/login/next", data={"email": "ana@north.example"})
    state = parse_qs(urlsplit(browser.get(led(sent)).location).query)["state"][0]
    answer = browser.get(f"/login/callback?state={state}&code=code-1&iss=https://evil.example")
    assert answer.status_code == 401
    assert "nother login provider answered" in answer.text


def test_the_secret_is_sealed_and_stands_in_no_audit_entry_and_on_no_page(
    site: Flask, db: Db, idp: Provider
) -> None:
    provider = add(site, db, idp)
    assert "s3cret" not in str(db.identity_providers.find_one())
    assert "s3cret" not in str(list(db.audit.find()))
    admin = log_in(site, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    assert "s3cret" not in admin.client.get(f"/console/sign-in/{provider}").text
    settings = site.extensions["laurel"].settings
    assert providers.secret_of(settings, providers.get(db, provider)) == "s3cret"
    fresh = dataclasses.replace(settings, key_passphrase="new one", key_passphrase_former=None)
    former = (settings.data_folder / "key-passphrase").read_text().strip()
    both = dataclasses.replace(fresh, key_passphrase_former=former)
    with db.client.start_session() as session:
        assert providers.reseal_all(both, db, session) == 1
    assert providers.secret_of(fresh, providers.get(db, provider)) == "s3cret"


@pytest.fixture
def admin(site: Flask, db: Db) -> Browser:
    return log_in(site, make_user(db, "north", "partner_admin", "pat@north.example"))


FORM = {"kind": "oidc", "org": "north", "name": "Okta", "client_id": "laurel", "secret": "s3cret"}


def test_an_administrator_adds_tries_and_switches_on_a_provider(
    site: Flask, db: Db, idp: Provider, admin: Browser
) -> None:
    made = admin.open("/console/sign-in", "POST", data={**FORM, "issuer": idp.url})
    assert made.status_code == 303
    page = made.location
    away = led(admin.open(page, "POST", data={"action": "try"}))
    idp.asked = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}
    idp.claims["groups"] = ["<b>managers</b>"]
    back = admin.client.get(f"/login/callback?state={idp.asked['state']}&code=code-1")
    assert back.location.startswith(page)
    shown = admin.client.get(page).text
    assert "would log in as: learner" in shown
    assert "&lt;b&gt;managers&lt;/b&gt;" in shown
    assert db.users.count_documents({"email": "ana@north.example"}) == 0, "a trial makes nobody"
    assert admin.open(page, "POST", data={"action": "enable"}).status_code == 303
    assert come(site.test_client(), idp).status_code == 303
    one = db.identity_providers.find_one() or {}
    changed = {**FORM, "action": "edit", "issuer": idp.url, "version": one["version"], "name": "Okta 2"}
    assert admin.open(page, "POST", data=changed).status_code == 303
    assert admin.open(page, "POST", data=changed).status_code == 412, "somebody changed it meanwhile"
    assert admin.open(page, "POST", data={"action": "remove"}).status_code == 303
    assert db.identity_providers.count_documents({}) == 0
    assert (db.users.find_one({"email": "ana@north.example"}) or {})["subject"] is None
    assert db.sessions.count_documents({"provider": {"$exists": True}}) == 0


def test_a_partner_sees_and_changes_its_own_providers_only(
    site: Flask, db: Db, idp: Provider, admin: Browser
) -> None:
    other = add(site, db, idp, "south", domains=("south.example",), name="secretmarker")
    assert "secretmarker" not in admin.client.get("/console/sign-in").text
    assert admin.client.get(f"/console/sign-in/{other}").status_code == 404
    assert admin.open(f"/console/sign-in/{other}", "POST", data={"action": "disable"}).status_code == 404
    wrong = admin.open("/console/sign-in", "POST", data={**FORM, "org": "south", "issuer": idp.url})
    assert wrong.status_code == 404


def test_a_provider_on_a_private_address_is_not_asked_unless_the_operator_says_so(
    settings: Settings, db: Db, site: Flask, idp: Provider
) -> None:
    provider = add(site, db, idp)
    shut = create_app(dataclasses.replace(settings, allow_private_addresses=False), db)
    answer = shut.test_client().get(f"/login/oidc/{provider}")
    assert answer.status_code == 401
    assert "does not answer" in answer.text


def test_a_provider_that_answers_nonsense_is_told_plainly(site: Flask, db: Db, idp: Provider) -> None:
    provider = add(site, db, idp)
    idp.told = {"issuer": idp.url}
    answer = site.test_client().get(f"/login/oidc/{provider}")
    assert answer.status_code == 401
    idp.told = ["not", "an", "object"]
    assert site.test_client().get(f"/login/oidc/{provider}").status_code == 401


def alone(site: Flask, db: Db, idp: Provider) -> str:
    """Let the provider of north sign in alone, after a trial."""
    provider = add(site, db, idp)
    providers.note_trial(editor(db), provider)
    only.require(editor(db), "north", only=True)
    return provider


def test_where_the_provider_alone_opens_other_ways_are_refused_with_a_plain_page(
    site: Flask, db: Db, idp: Provider
) -> None:
    learner_of(db, "ana@north.example")
    provider = alone(site, db, idp)
    client = site.test_client()
    for password in (PASSWORD, "a wrong password"):
        answer = client.post("/login", data={"email": "ana@north.example", "password": password})
        assert answer.status_code == 403
        assert "by North&#39;s alone" in answer.text
        assert f"/login/oidc/{provider}?" in answer.text
        assert 'name="password"' not in answer.text
    asked = client.post("/login/link", data={"email": "ana@north.example"})
    assert asked.status_code == 403
    nobody = client.post("/login/link", data={"email": "nobody@north.example"})
    assert (nobody.status_code, "alone" in nobody.text) == (403, True), "nothing is told of accounts"
    assert db.codes.count_documents({"purpose": "login"}) == 0
    assert db.sessions.count_documents({}) == 0
    assert come(client, idp).status_code == 303, "the provider itself opens"
    learner_of(db, "bo@south.example")
    other = site.test_client().post("/login", data={"email": "bo@south.example", "password": PASSWORD})
    assert other.status_code == 303, "others log in as before"


def test_links_passkeys_and_invitations_do_not_go_around_the_provider(
    site: Flask, db: Db, idp: Provider
) -> None:
    user = learner_of(db, "ana@north.example")
    letter = accounts.ask_link(editor(db), site.extensions["laurel"].settings, "ana@north.example")
    assert letter is not None
    code = letter.get_body().get_content().split("code=")[1].split()[0]
    session = log_in(site, user)
    key = SoftKey()
    options = session.open("/account/passkeys/options", "POST").json
    session.open("/account/passkeys", "POST", data={"answer": json.dumps(key.made(options))})
    alone(site, db, idp)
    assert session.client.get("/me").status_code == 302, "sessions that began otherwise end"
    client = site.test_client()
    assert client.post("/login/link/use", data={"code": code}).status_code == 403
    options = client.post("/login/passkey/options").json
    answer = client.post("/login/passkey", data={"answer": json.dumps(key.answered(options))})
    assert answer.status_code == 403
    assert db.sessions.count_documents({}) == 0


def test_the_glass_breaks_for_a_vendors_administrator_with_a_second_factor_alone(
    site: Flask, db: Db, idp: Provider
) -> None:
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "vendor", "vendor.example", session))
    provider = add(site, db, idp, "vendor", domains=("vendor.example",))
    providers.note_trial(editor(db), provider)
    for name in ("ada", "eve"):
        make_user(db, "vendor", "vendor_admin", f"{name}@vendor.example")
    factor = {"sealed": b"", "last": 0, "recovery": []}
    db.users.update_one({"email": "ada@vendor.example"}, {"$set": {"second_factor": factor}})
    only.require(editor(db), "vendor", only=True)
    client = site.test_client()
    form = {"email": "ada@vendor.example", "password": PASSWORD}
    assert client.post("/login", data=form).location == "/login/code"
    wrong = client.post("/login", data={**form, "password": "a wrong password"})
    bare = client.post("/login", data={**form, "email": "eve@vendor.example"})
    assert (wrong.status_code, bare.status_code) == (403, 403)
    assert wrong.text.count("alone") == bare.text.count("alone"), "who may break it is not told"
    providers.enable(editor(db), provider, enabled=False)
    assert client.post("/login", data={**form, "email": "eve@vendor.example"}).status_code == 303


def test_it_needs_a_provider_that_is_on_and_was_tried_and_is_in_the_audit(
    site: Flask, db: Db, idp: Provider, admin: Browser
) -> None:
    form = {"org": "north", "only": "yes"}
    assert admin.open("/console/sign-in/only", "POST", data=form).status_code == 409
    provider = add(site, db, idp)
    assert admin.open("/console/sign-in/only", "POST", data=form).status_code == 409, "not tried yet"
    assert admin.open("/console/sign-in/only", "POST", data={**form, "only": "maybe"}).status_code == 422
    assert admin.open("/console/sign-in/only", "POST", data={**form, "org": "south"}).status_code == 404
    assert (db.orgs.find_one({"_id": "north"}) or {}).get("sso_only") is None
    providers.note_trial(editor(db), provider)
    assert admin.open("/console/sign-in/only", "POST", data=form).status_code == 303
    assert db.audit.count_documents({"action": "org.sso_only", "org": "north"}) == 1
    assert only.required_for(db, "ana@north.example") is not None
