"""Every route, asked by everybody who should not get through: the table has a line per method and path.

A route without a line fails `test_every_route_has_its_line`; so does a line whose scopes are not those that
the view asks for. To add a route, add a line: `line("GET /api/v1/things/<thing>", "scope", kind=…)`. Kinds:

admin   an organization's own administrators may use it, within their organization
vendor  only the vendor's principals may; others get 403 (or 404, 422) and learn nothing
xapi    the store of the client's organization
page    for people who logged in; others are sent to the login page
public  needs no credentials; `why` says what protects it
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, SECRET, empty, worker_database
from factories_access import (
    Browser,
    basic,
    editor,
    key_of,
    log_in,
    make_client,
    make_org,
    make_person,
    make_user,
    utc_now,
)
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database

from lrs import invitations, launch
from lrs.app import create_app
from lrs.mail import FileMailer
from lrs.settings import Settings
from lrs.tenancy import SCOPES, expand_scopes
from lrs.users import ROLES

MARK = "secretmarker"  # stands in every value of the organization that others must not see
VICTIM = "victim"
ACTIVITY = f"http://content.example/{MARK}"
LEARNER = {"objectType": "Agent", "mbox": f"mailto:{MARK}@victim.example"}
Headers = dict[str, str]


@dataclass(frozen=True)
class Line:
    """What a route asks for, and a request of it that would succeed for the owner of the ids."""

    method: str
    rule: str
    scopes: tuple[str, ...] = ()
    kind: str = "admin"
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    why: str = ""


def line(route: str, *scopes: str, kind: str = "admin", **more: Any) -> Line:
    method, rule = route.split(" ", 1)
    return Line(method, rule, scopes, kind, **more)


STATE = {"activityId": ACTIVITY, "agent": json.dumps(LEARNER), "stateId": "bookmark"}
PROFILE = {"agent": json.dumps(LEARNER), "profileId": "settings"}
ACTIVITY_PROFILE = {"activityId": ACTIVITY, "profileId": "settings"}
STATEMENT = {
    "actor": LEARNER,
    "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
    "object": {"id": ACTIVITY},
}
DATE = "2026-01-01T00:00:00Z"

LINES = [
    line("POST /xapi/statements", "statements/write", kind="xapi", body=STATEMENT),
    line(
        "PUT /xapi/statements",
        "statements/write",
        kind="xapi",
        body=STATEMENT,
        query={"statementId": str(uuid.uuid4())},
    ),
    line("GET /xapi/statements", "statements/read", "statements/read/mine", kind="xapi"),
    line("GET /xapi/activities/state", "state", "all/read", kind="xapi", query=STATE),
    line("PUT /xapi/activities/state", "state", kind="xapi", query=STATE, body={"a": 1}),
    line("POST /xapi/activities/state", "state", kind="xapi", query=STATE, body={"a": 1}),
    line("DELETE /xapi/activities/state", "state", kind="xapi", query=STATE),
    line("GET /xapi/agents/profile", "profile", "all/read", kind="xapi", query=PROFILE),
    line("PUT /xapi/agents/profile", "profile", kind="xapi", query=PROFILE, body={"a": 1}),
    line("POST /xapi/agents/profile", "profile", kind="xapi", query=PROFILE, body={"a": 1}),
    line("DELETE /xapi/agents/profile", "profile", kind="xapi", query=PROFILE),
    line("GET /xapi/activities/profile", "profile", "all/read", kind="xapi", query=ACTIVITY_PROFILE),
    line("PUT /xapi/activities/profile", "profile", kind="xapi", query=ACTIVITY_PROFILE, body={"a": 1}),
    line("POST /xapi/activities/profile", "profile", kind="xapi", query=ACTIVITY_PROFILE, body={"a": 1}),
    line("DELETE /xapi/activities/profile", "profile", kind="xapi", query=ACTIVITY_PROFILE),
    line("GET /xapi/agents", "statements/read", "profile", kind="xapi", query={"agent": json.dumps(LEARNER)}),
    line(
        "GET /xapi/activities",
        "statements/read",
        "profile",
        "state",
        kind="xapi",
        query={"activityId": ACTIVITY},
    ),
    line("GET /xapi/about", kind="public", why="versions of the software"),
    line("GET /api/v1/orgs", "orgs"),
    line("POST /api/v1/orgs", "orgs", kind="vendor", body={"id": "new", "name": "New"}),
    line("GET /api/v1/orgs/<org>", "orgs"),
    line("PATCH /api/v1/orgs/<org>", "orgs", body={"name": "X"}),
    line("POST /api/v1/orgs/<org>/domains", "orgs", body={"domain": "victim.example"}),
    line("POST /api/v1/orgs/<org>/domains/verify", "orgs", body={"code": "WRONG"}),
    line("DELETE /api/v1/orgs/<org>/domains/<domain>", "orgs"),
    line("GET /api/v1/clients", "orgs"),
    line("POST /api/v1/clients", "orgs", body={"org": VICTIM, "scopes": ["state"]}),
    line("GET /api/v1/clients/<key>", "orgs"),
    line("PATCH /api/v1/clients/<key>", "orgs", body={"label": "x"}),
    line("DELETE /api/v1/clients/<key>", "orgs"),
    line("POST /api/v1/clients/<key>/rotate", "orgs", body={}),
    line("GET /api/v1/users", "orgs"),
    line("POST /api/v1/users", "orgs", body={"org": VICTIM, "email": "n@n.example", "role": "partner_admin"}),
    line("GET /api/v1/users/<user>", "orgs"),
    line("PATCH /api/v1/users/<user>", "orgs", body={"name": "x"}),
    line("GET /api/v1/audit", "orgs"),
    line("GET /api/v1/people", "people"),
    line("POST /api/v1/people", "people", kind="vendor", body={"email": "n@n.example"}),
    line("GET /api/v1/people/pending", "people"),
    line("POST /api/v1/people/roster", "people", query={"org": VICTIM}),
    line("GET /api/v1/people/<person>", "people"),
    line("PATCH /api/v1/people/<person>", "people", kind="vendor", body={"name": "x"}),
    line(
        "POST /api/v1/people/<person>/identifiers",
        "people",
        kind="vendor",
        body={"ifi": "mbox::mailto:a@b.c"},
    ),
    line(
        "POST /api/v1/people/<person>/identifiers/end",
        "people",
        kind="vendor",
        body={"ifi": "mbox::mailto:a@b.c"},
    ),
    line("POST /api/v1/people/<person>/affiliations", "people", kind="vendor", body={"org": VICTIM}),
    line("POST /api/v1/people/<person>/affiliations/<affiliation>/end", "people", body={}),
    line("POST /api/v1/people/<person>/affiliations/<affiliation>/confirm", "people", kind="vendor"),
    line("POST /api/v1/people/<person>/merge", "people", kind="vendor", body={"gone": "p_x"}),
    line(
        "POST /api/v1/people/<person>/split", "people", kind="vendor", body={"ifis": ["mbox::mailto:a@b.c"]}
    ),
    line("POST /api/v1/people/<person>/erase", "people", kind="vendor", body={"reason": "asked"}),
    line("POST /api/v1/people/invitations", "people", body={"org": VICTIM, "email": "n@n.example"}),
    line(
        "POST /api/v1/people/invitations/accept",
        kind="public",
        body={"code": "WRONG"},
        why="the code of the mail",
    ),
    line("GET /api/v1/groups", "people", kind="vendor"),
    line("GET /api/v1/groups/<group>", "people", kind="vendor"),
    line("PUT /api/v1/groups/<group>", "people", kind="vendor", body={"members": []}),
    line(
        "POST /api/v1/launches",
        "statements/write",
        body={"url": "http://c.example/", "activity_id": ACTIVITY, "actor": LEARNER},
    ),
    line("GET /api/v1/launches", "statements/write"),
    line("DELETE /api/v1/launches/<launch>", "statements/write"),
    line("POST /api/v1/launches/<launch>/fetch", kind="public", why="the secret of the fetch URL, once"),
    line("GET /api/v1/openapi.json", kind="public", why="documentation"),
    line("GET /api/v1/docs", kind="public", why="documentation"),
    line("POST /api/v1/statements/query", "analytics", body={"organizations": [VICTIM]}),
    line("DELETE /api/v1/statements/query/<query_id>", "analytics"),
    line("GET /api/v1/statements/export", "analytics"),
    line("GET /api/v1/statements/tail", "analytics"),
    line("GET /api/v1/queries", "analytics"),
    line("POST /api/v1/queries", "analytics", body={}),
    line("GET /api/v1/queries/<query_id>", "analytics"),
    line("PATCH /api/v1/queries/<query_id>", "analytics", body={}),
    line("DELETE /api/v1/queries/<query_id>", "analytics"),
    line("POST /api/v1/queries/<query_id>/links", "analytics", body={}),
    line("DELETE /api/v1/queries/<query_id>/links", "analytics"),
    line("POST /api/v1/queries/<query_id>/run", "analytics", body={}),
    line("GET /api/v1/queries/shared/<token>", kind="public", why="the token of the link"),
    line("GET /api/v1/reports", "analytics"),
    line("GET /api/v1/reports/<name>", "analytics", query={"organization": VICTIM}),
    line("POST /api/v1/deals", "analytics", body={}),
    line("GET /api/v1/deals/comparison", "analytics"),
    line("GET /api/v1/orgs/<org>/roster", "analytics", "people"),
    line("GET /api/v1/people/<person>/timeline", "analytics", "people"),
    line("GET /api/v1/awards", "people", "rules"),
    line("GET /api/v1/reviews", "people", "rules"),
    line("GET /api/v1/events", "rules", "analytics", kind="vendor"),
    line("GET /api/v1/people/<person>/certifications/<certification>/explain", "people", "rules"),
    line("GET /api/v1/people/<person>/certifications/<certification>/history", "people", "rules"),
    line(
        "POST /api/v1/people/<person>/certifications/<certification>/facts",
        "people",
        "rules",
        kind="vendor",
        body={"kind": "hold", "reason": "other", "note": "x"},
    ),
    line("GET /api/v1/gates/<gate>", "gates"),
    line(
        "POST /api/v1/gates/<gate>/check",
        "gates",
        body={"organization": VICTIM, "submitter": "x", "deal": {}},
    ),
    line("POST /api/v1/gates/<gate>/check/batch", "gates", body={"questions": []}),
    line("GET /api/v1/rules", "rules", kind="vendor"),
    line("GET /api/v1/rules/<rule_id>", "rules", kind="vendor"),
    line("POST /api/v1/rules/<rule_id>/retire", "rules", kind="vendor", body={}),
    line("POST /api/v1/rules/check", "rules", kind="vendor", body={}),
    line("POST /api/v1/rules/test", "rules", kind="vendor", body={}),
    line("POST /api/v1/rules/plans", "rules", kind="vendor", body={}),
    line("GET /api/v1/rules/plans/<plan_id>", "rules", kind="vendor"),
    line("POST /api/v1/rules/plans/<plan_id>/apply", "rules", kind="vendor", body={}),
    line("GET /api/v1/webhooks", "orgs"),
    line("POST /api/v1/webhooks", "orgs", body={}),
    line("GET /api/v1/webhooks/<endpoint>", "orgs"),
    line("PATCH /api/v1/webhooks/<endpoint>", "orgs", body={}),
    line("DELETE /api/v1/webhooks/<endpoint>", "orgs"),
    line("GET /api/v1/webhooks/<endpoint>/deliveries", "orgs"),
    line("POST /api/v1/webhooks/<endpoint>/deliveries/<event>/resend", "orgs", body={}),
    line("POST /api/v1/webhooks/<endpoint>/resend", "orgs", body={}),
    line("POST /api/v1/webhooks/<endpoint>/secrets", "orgs", body={}),
    line("GET /registry", kind="public", why="what holders and partners publish"),
    line("GET /registry.json", kind="public", why="what holders and partners publish"),
    line("GET /registry/partners", kind="public", why="what partners publish"),
    line("GET /registry/partners.json", kind="public", why="what partners publish"),
    line("GET /registry/partners/<org>", kind="public", why="what partners publish"),
    line("GET /registry/partners/<org>/brand.css", kind="public", why="what partners publish"),
    line("GET /registry/partners/<org>/logo.png", kind="public", why="what partners publish"),
    line("GET /api/v1/credentials", "people", "rules"),
    line("GET /api/v1/credentials/<award>", "people", "rules"),
    line("POST /api/v1/credentials/<award>/links", "people", body={}),
    line("POST /api/v1/credentials/verify", body={}),
    line("GET /api/v1/orgs/<org>/brand", "orgs"),
    line("PUT /api/v1/orgs/<org>/brand", "orgs", body={}),
    line("GET /unsubscribe/<path:token>", kind="public", why="the token of the mail"),
    line("POST /unsubscribe/<path:token>", kind="public", why="the token of the mail"),
    line("GET /console", "orgs", "people", "analytics", "rules", kind="page"),
    line("GET /console/people", "people", kind="page", query={"org": VICTIM}),
    line("GET /console/people/<person>", "people", kind="page"),
    line("GET /console/clients", "orgs", kind="page"),
    line("GET /login", kind="public", why="the login page"),
    line("POST /login", kind="public", why="password, lock-out"),
    line("POST /logout", kind="public", why="ends the own session only"),
    line("GET /login/oidc", kind="public", why="leads to the login provider"),
    line("GET /login/callback", kind="public", why="state of this browser, code of the provider"),
    line("GET /join", kind="public", why="the code of the mail"),
    line("POST /join", kind="public", why="the code of the mail"),
    line("GET /healthz", kind="public", why="health of the process"),
    line("GET /readyz", kind="public", why="health of the process"),
    line("GET /metrics", kind="public", why="its own token, or this machine only"),
    line("GET /static/<path:filename>", kind="public", why="style sheets"),
    line("GET /static/fonts/<face>.woff", kind="public", why="fonts"),
    line("GET /schemas/rules-1.json", kind="public", why="published schema"),
    line("GET /.well-known/did.json", kind="public", why="public keys"),
    line("GET /.well-known/jwks.json", kind="public", why="public keys"),
    line("GET /did.json", kind="public", why="public keys"),
    line("GET /<tenant>/did.json", kind="public", why="public keys"),
    line("GET /keys/<kid>", kind="public", why="public keys"),
    line("GET /status/<name>", kind="public", why="status lists are public"),
    line("GET /achievements/<certification>/<version>", kind="public", why="what a credential says"),
    line("GET /credentials/<award>", kind="public", why="shown only where the holder displays it"),
    line("GET /credentials/<award>/badge.png", kind="public", why="as the credential"),
    line("GET /credentials/<award>/card.png", kind="public", why="as the credential"),
    line("GET /credentials/<award>/display", kind="public", why="the holder's token"),
    line("POST /credentials/<award>/display", kind="public", why="the holder's token"),
    line("GET /credentials/<award>/evidence/<key>", kind="public", why="as the credential"),
    line("GET /credentials/<award>/refresh", kind="public", why="as the credential"),
    line("GET /credentials/<award>/verify", kind="public", why="as the credential"),
]
TABLE = {(one.method, one.rule): one for one in LINES}
GUARDED = [one for one in LINES if one.kind not in {"public", "page"}]
PAGES = [one for one in LINES if one.kind == "page"]
IDS = [f"{one.method} {one.rule}" for one in GUARDED]


@dataclass
class World:
    """The application with its victim, its rival, and everybody who tries."""

    app: Flask
    db: Database[dict[str, Any]]
    ids: dict[str, str]
    wrong: Headers
    revoked: Headers
    expired: Headers
    rival: Headers
    launched: Headers
    admin: Browser
    without: dict[tuple[str, ...], Headers] = field(default_factory=dict)

    def ask(self, one: Line, headers: Headers | None, ids: dict[str, str] | None = None, **query: Any) -> Any:
        """Send the line's request."""
        return self._send(self.app.test_client(), one, headers or {}, ids, query)

    def ask_as_admin(self, one: Line) -> Any:
        return self._send(self.admin.client, one, {"X-CSRF-Token": self.admin.csrf}, None, {})

    def _send(self, client: Any, one: Line, headers: Headers, ids: dict[str, str] | None, query: Any) -> Any:
        known = ids or self.ids
        if one.method in {"POST", "PUT"} and "<" not in one.rule:
            one = as_own(one)
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known.get(found[1], "none"), one.rule)
        version = {} if one.kind != "xapi" else {"X-Experience-API-Version": "1.0.3"}
        extra = {"If-Match": "*"} if one.kind != "xapi" and one.method in {"PATCH", "PUT"} else {}
        return client.open(
            path, method=one.method, json=one.body, query_string={**one.query, **query},
            headers={**version, **extra, **headers},
        )  # fmt: skip

    def client_without(self, one: Line) -> Headers:
        """Return a client of the vendor that has every scope but those of the route."""
        if one.scopes not in self.without:
            lacking = [scope for scope in SCOPES if not expand_scopes([scope]) & set(one.scopes)]
            self.without[one.scopes] = make_client(self.db, "vendor", scopes=lacking, vendor_wide=True)
        return self.without[one.scopes]


def as_own(one: Line) -> Line:
    """Return the request with harmless words: what somebody stores, the same one may read again."""
    body = json.dumps(one.body).replace(MARK, "own").replace("victim.example", "own.example")
    query = {name: value.replace(MARK, "own").replace("victim.", "own.") for name, value in one.query.items()}
    return replace(one, body=json.loads(body), query=query)


@pytest.fixture(scope="module")
def world(mongod: str, mongo_client: MongoClient[dict[str, Any]], tmp_path_factory: Any) -> Iterator[World]:
    db = mongo_client[worker_database("_matrix")]
    empty(db)
    settings = Settings(
        mongodb_uri=mongod, database=db.name, public_url="http://lrs.example", bootstrap_key=KEY,
        bootstrap_secret=SECRET, data_folder=Path(tmp_path_factory.mktemp("matrix")),
    )  # fmt: skip
    app = create_app(settings, db)
    make_org(db, VICTIM, name=f"{MARK} Ltd", attributes={"note": MARK}, region=MARK)
    make_org(db, "rival")
    victim = make_client(db, VICTIM, label=f"{MARK}-lms")
    person = make_person(db, f"{MARK}@victim.example", VICTIM, name=MARK)
    make_person(db, "someone@rival.example", "rival")
    user = make_user(db, VICTIM, "partner_admin", f"{MARK}@victim.example")
    admin = log_in(app, make_user(db, "rival", "partner_admin", "pat@rival.example"))
    mailer = FileMailer(settings.data_folder / "mail")
    pending = invitations.invite(editor(db), settings, mailer, VICTIM, {"email": f"{MARK}2@victim.example"})
    invitations.ask_domain(editor(db), settings, mailer, VICTIM, domain=f"{MARK}.example")
    client = app.test_client()
    for one in ("POST /xapi/statements", "PUT /xapi/activities/state", "PUT /xapi/agents/profile"):
        chosen = TABLE[tuple(one.split(" ", 1))]  # type: ignore[index]  # a pair
        sent = client.open(
            chosen.rule,
            method=chosen.method,
            json=chosen.body,
            query_string=chosen.query,
            headers={**victim, "If-None-Match": "*"} if chosen.method == "PUT" else victim,
        )
        assert sent.status_code in {200, 204}, sent.text
    made = client.post("/api/v1/launches", json=TABLE["POST", "/api/v1/launches"].body, headers=victim)
    assert made.status_code == 201, made.text
    rival = make_client(db, "rival", controlled_by="partner")
    wish = {
        "url": "http://c.example/",
        "activity_id": "http://c.example/own",
        "actor": {"mbox": "mailto:own@rival.example"},
    }
    own = client.post("/api/v1/launches", json=wish, headers=rival)
    token = launch.sign_token(
        db,
        own.json["id"],
        issuer=settings.public_url,
        expires_at=utc_now() + dt.timedelta(hours=1),
        now=utc_now(),
    )
    revoked, expired = make_client(db, "vendor"), make_client(db, "vendor")
    db.clients.update_one({"_id": key_of(revoked)}, {"$set": {"revoked_at": utc_now()}})
    db.clients.update_one(
        {"_id": key_of(expired)}, {"$set": {"expires_at": utc_now() - dt.timedelta(seconds=1)}}
    )
    ids = {
        "org": VICTIM, "key": key_of(victim), "person": person, "user": user["_id"],
        "launch": made.json["id"], "affiliation": pending["_id"], "domain": f"{MARK}.example",
        "group": "assessors", "name": "completions",
    }  # fmt: skip
    yield World(
        app, db, ids, basic(KEY, "wrong"), revoked, expired, rival,
        {"Authorization": f"Bearer {token}"}, admin,
    )  # fmt: skip
    mongo_client.drop_database(db.name)


def shown(response: Any) -> str:
    """Everything that an answer says: status, headers, body."""
    body = "" if response.mimetype == "text/event-stream" else response.get_data(as_text=True)
    return f"{response.status}\n{response.headers}\n{body}"


def leaks(one: Line, response: Any, ids: dict[str, str]) -> list[str]:
    """Return what an answer says of the victim that was not in the request."""
    asked = json.dumps([one.rule, one.body, one.query, ids if "<" in one.rule else {}])
    text = shown(response)
    words = {MARK, VICTIM, *(value for name, value in ids.items() if name not in {"group", "name"})}
    return [word for word in sorted(words) if word in text and word not in asked]


def principal_may(one: Line) -> bool:
    """Tell whether a partner's administrator holds a scope of the route."""
    return not one.scopes or bool(expand_scopes(ROLES["partner_admin"].scopes) & set(one.scopes))


def rules_of(app: Flask) -> Iterator[tuple[str, str, Any]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule, app.view_functions[rule.endpoint]


def test_every_route_has_its_line(world: World) -> None:
    found = {(method, rule): view for method, rule, view in rules_of(world.app)}
    assert sorted(set(found) - set(TABLE)) == [], "routes without a line in LINES"
    assert sorted(set(TABLE) - set(found)) == [], "lines without a route"


def test_every_view_asks_for_the_scopes_of_its_line(world: World) -> None:
    wrong = {
        f"{method} {rule}": (getattr(view, "needs", None), TABLE[method, rule].scopes)
        for method, rule, view in rules_of(world.app)
        if (method, rule) in TABLE
        and (getattr(view, "needs", None) if TABLE[method, rule].kind != "public" else ())
        != TABLE[method, rule].scopes
    }
    assert wrong == {}


@pytest.mark.parametrize("one", GUARDED, ids=IDS)
@pytest.mark.parametrize("who", ["nobody", "wrong", "revoked", "expired"])
def test_whoever_proves_nothing_gets_401(world: World, one: Line, who: str) -> None:
    response = world.ask(one, None if who == "nobody" else getattr(world, who))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert leaks(one, response, world.ids) == []


@pytest.mark.parametrize(
    "one", [one for one in GUARDED if one.scopes], ids=[f"{o.method} {o.rule}" for o in GUARDED if o.scopes]
)
def test_a_client_without_the_scope_gets_403(world: World, one: Line) -> None:
    response = world.ask(one, world.client_without(one))
    assert response.status_code == 403
    assert leaks(one, response, world.ids) == []


@pytest.mark.parametrize("one", GUARDED, ids=IDS)
def test_another_organizations_client_learns_nothing(world: World, one: Line) -> None:
    response = world.ask(one, world.rival)
    assert response.status_code < 500
    assert response.status_code != 401
    if one.kind == "vendor":
        assert response.status_code in {403, 404, 422}
    assert leaks(one, response, world.ids) == []


@pytest.mark.parametrize(
    "one",
    [one for one in GUARDED if "<" in one.rule],
    ids=[f"{o.method} {o.rule}" for o in GUARDED if "<" in o.rule],
)
def test_what_belongs_to_others_answers_like_what_is_not_there(world: World, one: Line) -> None:
    unknown = {**dict.fromkeys(world.ids, "nothing-here"), "name": world.ids["name"]}
    theirs, nothing = world.ask(one, world.rival), world.ask(one, world.rival, unknown)
    assert theirs.status_code == nothing.status_code
    said, expected = theirs.get_json(silent=True) or {}, nothing.get_json(silent=True) or {}
    assert said.get("type") == expected.get("type")
    assert sorted(theirs.headers.keys()) == sorted(nothing.headers.keys())


@pytest.mark.parametrize("one", GUARDED, ids=IDS)
def test_a_partner_admin_stays_in_the_own_organization(world: World, one: Line) -> None:
    response = world.ask_as_admin(one)
    if one.kind == "xapi":
        assert response.status_code == 401, "a cookie is no proof for a content request"
    elif one.kind == "vendor" or not principal_may(one):
        assert response.status_code in {403, 404, 422}
    else:
        assert response.status_code not in {401, 500}
    assert leaks(one, response, world.ids) == []


@pytest.mark.parametrize("one", GUARDED, ids=IDS)
def test_a_launch_token_reaches_only_its_own_learner(world: World, one: Line) -> None:
    response = world.ask(one, world.launched)
    assert leaks(one, response, world.ids) == []
    if (one.method, one.rule) == ("GET", "/xapi/statements"):
        assert response.json["statements"] == []
    else:
        assert response.status_code == 403, response.text


@pytest.mark.parametrize("one", PAGES, ids=[one.rule for one in PAGES])
def test_pages_are_for_users_of_the_realm(world: World, one: Line) -> None:
    for headers in (None, world.wrong, world.revoked, world.rival, world.launched):
        response = world.ask(one, headers)
        assert (response.status_code, response.location.split("?")[0]) == (302, "/login")
        assert leaks(one, response, world.ids) == []
    response = world.ask_as_admin(one)
    assert response.status_code == (404 if "<" in one.rule else 200)
    assert leaks(one, response, world.ids) == []


def test_the_open_routes_say_nothing_of_an_organization(world: World) -> None:
    for one in LINES:
        if one.kind == "public":
            response = world.ask(one, None)
            assert response.status_code < 500 or one.rule == "/readyz", (one, response.text)
            assert one.why
            if one.rule.startswith("/registry"):  # partners are listed by name and region, nothing else
                assert not [word for word in (f"{MARK}@", ACTIVITY) if word in shown(response)], one
            else:
                assert leaks(one, response, world.ids) == [], one


def test_the_owner_gets_through(world: World) -> None:
    """The ids and requests of the table are real: the vendor's own client reaches what others are refused."""
    headers = basic(KEY, SECRET)
    for one in (
        TABLE["GET", rule]
        for rule in ("/api/v1/orgs/<org>", "/api/v1/clients/<key>", "/api/v1/people/<person>")
    ):
        assert world.ask(one, headers).status_code == 200
    assert replace(LINES[0], kind="xapi").scopes == ("statements/write",)


BODIES = [
    b"", b"null", b"[]", b'"x"', b"1e400", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 5000, b'{"a":"\\ud800"}',
    b'{"id":"\\u0000","name":"\\ud800","org":"vendor","email":"\\ud800","person":"\\ud800","url":"\\ud800"}',
    b'{"limit":99999999999999999999999,"scopes":[null],"ifis":[1],"members":[[]],"filter":{"$where":"1"}}',
    b'{"organization":["x"],"submitter":{"$ne":1},"deal":1,"questions":[null],"kind":[],"gone":"\\u0000"}',
]  # fmt: skip
ODD_QUERIES = [
    "limit=-1",
    "limit=x",
    "after=%00",
    "after=%ff",
    "org=%00",
    "email=%ff",
    "ifi=x",
    "a=" + "x" * 5000,
    "limit[$gt]=1",
]


@pytest.mark.parametrize(
    "one", [one for one in LINES if one.rule.startswith(("/api", "/login", "/join", "/console"))],
    ids=[f"{o.method} {o.rule}" for o in LINES if o.rule.startswith(("/api", "/login", "/join", "/console"))],
)  # fmt: skip
def test_nothing_that_is_sent_makes_a_server_error(world: World, one: Line) -> None:
    """Bad input is answered by a 4xx, whoever sends it (here: who may do everything)."""
    client, headers = world.app.test_client(), {**basic(KEY, SECRET), "If-Match": "*"}
    path = re.sub(r"<(?:\w+:)?(\w+)>", "none", one.rule)
    if one.method in {"POST", "PUT", "PATCH"}:
        for body in BODIES:
            answer = client.open(
                path, method=one.method, data=body, content_type="application/json", headers=headers
            )
            assert answer.status_code < 500, (body[:80], answer.text[:300])
    for query in ODD_QUERIES:
        answer = client.open(f"{path}?{query}", method=one.method, headers=headers)
        assert answer.status_code < 500, (query, answer.text[:300])
    strange = re.sub(r"<(?:\w+:)?(\w+)>", "%00%ed%a0%80$ne", one.rule)
    assert client.open(strange, method=one.method, headers=headers).status_code < 500
