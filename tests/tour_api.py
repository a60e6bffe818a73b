"""The tour of the administration, of people, rules, awards, credentials, analysis and pages; see tests/tour.py."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
from urllib.parse import unquote, urlsplit

from conftest import basic
from factories import make_statement
from factories_access import PASSWORD, log_in
from PIL import Image
from tour import ACTIVITY, AGENT, Tour

from lrs import notice_mail
from lrs.erasure import MODES
from lrs.sessions import CSRF_HEADER
from rules.people import person_id

ANA, BEA = "mbox::mailto:ana.lima@drift.example", "mbox::mailto:bea.lindqvist@aurora.example"

NEWER = """kind: Certification
id: tour
version: "{version}"
title: Tour
role: sales
product: acme-platform
evidence:
  exam: {{verb: passed, activity: "https://x.example/tour"}}
award:
  when: {{score: exam, at_least: 0.{version}, attempt: best}}
validity: {{lasts: 12 months, counted_from: completion, timezone: UTC}}
tests:
  - name: the exam counts
    given:
      - {{who: a, verb: passed, activity: "https://x.example/tour", score: 0.95, at: 2026-01-31}}
    expect:
      - {{who: a, at: 2026-02-15, status: active}}
"""
DEALS = """id,partner,person,product,created,won,amount
d1,drift,ana.lima@drift.example,acme-platform,2026-03-01,yes,1000
d2,aurora,bea.lindqvist@aurora.example,acme-platform,2026-03-02,no,
"""


def png() -> str:
    """Return a small picture in base64."""
    into = io.BytesIO()
    Image.new("RGB", (40, 20), (20, 90, 80)).save(into, "PNG")
    return base64.b64encode(into.getvalue()).decode()


def organizations(tour: Tour) -> None:
    """Administer organizations, clients and users."""
    tour.go("POST /api/v1/orgs", json={"id": "tour", "name": "Tour"})
    tour.ids["org"] = "tour"
    tour.ask_each(
        "GET /api/v1/orgs",
        {},
        {"parent": "vendor"},
        {"kind": "partner"},
        {"status": "active"},
        {"region": "EMEA"},
    )
    tour.go("GET /api/v1/orgs/<org>")
    tour.go("PATCH /api/v1/orgs/<org>", json={"name": "Tours", "region": "EMEA"})
    tour.ids["domain"] = "tour.example"
    tour.go("POST /api/v1/orgs/<org>/domains", json={"domain": "tour.example"})
    tour.go("POST /api/v1/orgs/<org>/domains/verify", json={"code": tour.code("postmaster@tour.example")})
    tour.go("DELETE /api/v1/orgs/<org>/domains/<domain>")
    tour.go("PUT /api/v1/orgs/<org>/brand", json={"colour": "#14584c", "logo": png()})
    tour.go("GET /api/v1/orgs/<org>/brand")
    made = tour.go("POST /api/v1/clients", json={"org": "tour", "scopes": ["all"], "label": "lms"})
    tour.ids["key"] = made.json["key"]
    tour.ask_each("GET /api/v1/clients", {}, {"org": "tour"}, {"label": "lms"}, {"limit": "1"})
    tour.go("GET /api/v1/clients/<key>")
    tour.go("PATCH /api/v1/clients/<key>", json={"label": "other"})
    rotated = tour.go("POST /api/v1/clients/<key>/rotate", json={})
    tour.go("GET /xapi/statements", headers=basic(made.json["key"], rotated.json["secret"]))
    tour.go("DELETE /api/v1/clients/<key>")
    user = {"org": "tour", "email": "u@tour.example", "role": "partner_admin", "password": PASSWORD}
    tour.ids["user"] = tour.go("POST /api/v1/users", json=user).json["id"]
    tour.go("GET /api/v1/users")
    tour.go("GET /api/v1/users/<user>")
    tour.go("PATCH /api/v1/users/<user>", json={"name": "Uma"})
    tour.ask_each(
        "GET /api/v1/audit",
        {}, {"limit": "2"}, {"org": "tour"}, {"who": "test-key"}, {"action": "client.rotate"},
        {"action": "client."}, {"thing": tour.ids["key"]}, {"since": "2020-01-01T00:00:00Z"},
        {"since": "2030-01-01T00:00:00Z"}, {"until": "2020-01-01T00:00:00Z"},
    )  # fmt: skip


def add_person(tour: Tour, name: str) -> str:
    """Add a person by mail address, who has a statement."""
    address = f"mailto:{name}@tour.example"
    made = tour.go("POST /api/v1/people", json={"ifis": [f"mbox::{address}"], "email": address[7:]})
    tour.go("POST /xapi/statements", json=make_statement(actor={"mbox": address}))
    return str(made.json["id"])


def people(tour: Tour) -> None:
    """Administer people, affiliations, groups and invitations."""
    tour.ids["person"] = add_person(tour, "ida")
    other = add_person(tour, "ida2")
    tour.ask_each(
        "GET /api/v1/people",
        {}, {"limit": "2"}, {"org": "drift"}, {"email": "ana.lima@drift.example"},
        {"ifi": "mbox::mailto:ida@tour.example"},
    )  # fmt: skip
    tour.go("GET /api/v1/people/<person>")
    tour.go("PATCH /api/v1/people/<person>", json={"name": "Ida T"})
    ifi = {"ifi": "mbox::mailto:ida3@tour.example"}
    tour.go("POST /api/v1/people/<person>/identifiers", json=ifi)
    tour.go("POST /api/v1/people/<person>/identifiers/end", json=ifi)
    tour.go("POST /api/v1/people/<person>/affiliations", json={"org": "tour", "role": "sales"})
    invite, wish = "POST /api/v1/people/invitations", {"email": "ida@tour.example", "role": "sales"}
    tour.go(invite, json={**wish, "org": "borealis"})
    tour.ask_each("GET /api/v1/people/pending", {}, {"limit": "1"})
    tour.go("POST /api/v1/people/invitations/accept", json={"code": tour.code("To: ida@tour.example")})
    tour.go(invite, json={**wish, "org": "cumulus", "email": "new@tour.example"})
    tour.go("GET /join", query_string={"code": tour.code("To: new@tour.example")})
    tour.go("POST /join", data={"code": tour.code("To: new@tour.example")})
    tour.go(invite, json={**wish, "org": "aurora"})
    waiting = tour.look.affiliations.find_one({"org": "aurora", "confirmed_at": None})
    assert waiting is not None
    person, tour.ids["affiliation"] = tour.ids["person"], waiting["_id"]
    tour.ids["person"] = "-"
    tour.go("POST /api/v1/people/<person>/affiliations/<affiliation>/confirm")
    tour.go("POST /api/v1/people/<person>/affiliations/<affiliation>/end", json={})
    tour.ids["person"] = person
    roster = "email,name,role\nida@tour.example,Ida,sales\nnew2@tour.example,New,technical\n"
    tour.go("POST /api/v1/people/roster", query_string={"org": "tour"}, data=roster, content_type="text/csv")
    merge = "POST /api/v1/people/<person>/merge"
    basis = tour.go(merge, json={"gone": other}).json["preview"]["basis"]
    tour.go(merge, json={"gone": other, "dry_run": False, "basis": basis})
    split, part = "POST /api/v1/people/<person>/split", {"ifis": ["mbox::mailto:ida2@tour.example"]}
    basis = tour.go(split, json=part).json["preview"]["basis"]
    tour.go(split, json={**part, "dry_run": False, "basis": basis})
    tour.ids["group"] = "tourists"
    tour.go("PUT /api/v1/groups/<group>", json={"members": [{"person": person}]})
    tour.go("GET /api/v1/groups/<group>")
    tour.go("GET /api/v1/groups")
    for mode in MODES:
        tour.ids["person"] = add_person(tour, f"gone-{mode}")
        for dry_run in (True, False):
            body = {"mode": mode, "reason": "asked", "dry_run": dry_run}
            tour.go("POST /api/v1/people/<person>/erase", json=body)
    tour.ids["person"] = person


def launches(tour: Tour) -> None:
    """Make, fetch, use and end launches."""
    wish = {"url": "https://c.example/", "activity_id": ACTIVITY, "actor": AGENT}
    made = tour.go("POST /api/v1/launches", json=wish).json
    cmi5 = {
        **wish, "kind": "cmi5", "publisher_id": "https://c.example/au", "person": person_id(ANA),
        "mode": "Normal",
    }  # fmt: skip
    del cmi5["actor"]
    launch = tour.go("POST /api/v1/launches", json=cmi5).json
    tour.ask_each("GET /api/v1/launches", {}, {"limit": "1"})
    tour.ids["launch"] = launch["id"]
    fetch = re.search(r"fetch=([^&]+)", launch["launch_url"])
    assert fetch is not None
    tour.go("POST /api/v1/launches/<launch>/fetch", query_string=urlsplit(unquote(fetch[1])).query)
    tour.ids["launch"] = made["id"]
    tour.go("DELETE /api/v1/launches/<launch>")


def rules(tour: Tour) -> None:
    """Check, plan, apply, show and retire rules, and ask gates."""
    for version in ("1", "2"):
        files = {"files": [{"file": "tour.yaml", "text": NEWER.format(version=version)}]}
        tour.go("POST /api/v1/rules/check", json=files)
        tour.go("POST /api/v1/rules/test", json=files)
        tour.ids["plan_id"] = tour.go("POST /api/v1/rules/plans", json=files).json["plan_id"]
        tour.go("GET /api/v1/rules/plans/<plan_id>")
        tour.go("POST /api/v1/rules/plans/<plan_id>/apply")
        who = {"actor": AGENT, "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}}
        tour.go(
            "POST /xapi/statements",
            json=make_statement(
                **who, object={"id": "https://x.example/tour"}, result={"score": {"scaled": 0.9}}
            ),
        )
        tour.settle()
    tour.ids["rule_id"] = "tour"
    tour.go("GET /api/v1/rules")
    tour.ask_each("GET /api/v1/rules/<rule_id>", {}, {"version": "1"})
    tour.go("POST /api/v1/rules/<rule_id>/retire", json={"withdraw": True})
    tour.settle()
    tour.ids["gate"] = "deal-registration"
    question = {
        "organization": "aurora", "submitter": "bea.lindqvist@aurora.example",
        "deal": {"product": "acme-platform"},
    }  # fmt: skip
    tour.go("GET /api/v1/gates/<gate>")
    tour.go("POST /api/v1/gates/<gate>/check", json=question)
    tour.go("POST /api/v1/gates/<gate>/check/batch", json={"questions": [question, question]})


def awards(tour: Tour) -> None:
    """Ask what people hold, and decide about it."""
    tour.ids |= {"person": person_id(BEA), "certification": "sales-pro"}
    tour.ask_each(
        "GET /api/v1/awards",
        {}, {"person": tour.ids["person"]}, {"certification": "sales-pro"}, {"organization": "aurora"},
        {"state": "active"}, {"state": "expired", "certification": "sales-pro", "limit": "2"}, {"limit": "2"},
    )  # fmt: skip
    tour.ask_each("GET /api/v1/reviews", {}, {"certification": "sales-pro"})
    facts = "POST /api/v1/people/<person>/certifications/<certification>/facts"
    tour.go(facts, json={"kind": "hold", "reason": "misconduct"})
    tour.settle()
    tour.go(facts, json={"kind": "lift"})
    tour.settle()
    tour.ask_each(
        "GET /api/v1/people/<person>/certifications/<certification>/explain",
        {},
        {"at": "2026-06-01T00:00:00Z"},
    )
    tour.go("GET /api/v1/people/<person>/certifications/<certification>/history")
    tour.ask_each("GET /api/v1/events", {}, {"after": "3"}, {"type": "award.issued"})


def credentials(tour: Tour) -> None:
    """Ask for credentials in every form, as holder and as somebody who checks."""
    found = tour.look.credentials.find_one({"certification": "sales-pro", "person": person_id(BEA)})
    assert found is not None, sorted(tour.look.credentials.distinct("certification"))
    award = found["award"]
    tour.ids |= {"award": award, "version": "3"}
    tour.ask_each(
        "GET /api/v1/credentials", {}, {"certification": "sales-pro"}, {"person": tour.ids["person"]}
    )
    shown = tour.go("GET /api/v1/credentials/<award>").json
    link = tour.go("POST /api/v1/credentials/<award>/links", json={"right": "holder"}).json["url"]
    tour.go("POST /api/v1/credentials/verify", json={"credential": shown["jwt"]})
    token = {"token": link.rpartition("token=")[2]}
    everything = {"shown": "yes", "name": "full", "evidence": "yes", "registry": "yes"}
    tour.go("GET /credentials/<award>/display", query_string=token)
    tour.go("POST /credentials/<award>/display", query_string=token, data={**token, **everything})
    for form in ("text/html", "image/png", "image/svg+xml", "application/pdf", "application/vc+jwt"):
        tour.go("GET /credentials/<award>", headers={"Accept": form})
    for path in ("badge.png", "card.png", "refresh", "verify"):
        tour.go(f"GET /credentials/<award>/{path}")
    evidence = shown["claims"].get("evidence") or [{"id": "/none"}]
    tour.ids["key"] = evidence[0]["id"].rpartition("/")[2]
    tour.go("GET /credentials/<award>/evidence/<key>")
    tour.go("GET /achievements/<certification>/<version>")
    tour.ids |= {
        "kid": shown["issues"][-1]["key"],
        "name": str(shown["issues"][-1]["status_list"]),
        "tenant": "none",
    }
    for route in ("/keys/<kid>", "/status/<name>", "/.well-known/did.json", "/.well-known/jwks.json"):
        tour.go(f"GET {route}")
    for route in ("/did.json", "/<tenant>/did.json"):  # the issuer of a test has no path
        tour.go(f"GET {route}", ok=404)


def webhooks(tour: Tour) -> None:
    """Make, change and end an endpoint; look at deliveries and send them again."""
    made = tour.go("POST /api/v1/webhooks", json={"url": "http://127.0.0.1:9/hook"})
    tour.ids["endpoint"] = made.json["id"]
    tour.go("GET /api/v1/webhooks")
    tour.go("GET /api/v1/webhooks/<endpoint>")
    tour.go("PATCH /api/v1/webhooks/<endpoint>", json={"types": ["award.suspended", "award.reinstated"]})
    tour.go("PATCH /api/v1/webhooks/<endpoint>", json={"enabled": True})
    tour.go("POST /api/v1/webhooks/<endpoint>/secrets")
    tour.settle()
    tour.ids |= {"person": person_id(BEA), "certification": "sales-pro"}
    facts = "POST /api/v1/people/<person>/certifications/<certification>/facts"
    tour.go(facts, json={"kind": "hold", "reason": "misconduct"})
    tour.settle()
    tour.go(facts, json={"kind": "lift"})
    tour.settle()
    delivery = tour.look.deliveries.find_one({"endpoint": tour.ids["endpoint"]})
    assert delivery is not None
    tour.ids["event"] = delivery["event"]
    tour.go("POST /api/v1/webhooks/<endpoint>/deliveries/<event>/resend")
    tour.ask_each(
        "GET /api/v1/webhooks/<endpoint>/deliveries",
        {},
        {"state": "waiting"},
        {"state": "dead", "limit": "2"},
    )
    tour.go("POST /api/v1/webhooks/<endpoint>/resend")
    tour.settle()
    tour.go("DELETE /api/v1/webhooks/<endpoint>")


def analysis(tour: Tour) -> None:
    """Ask reports, timelines, deals, queries, exports and the tail."""
    verb = {"field": "verb", "eq": "http://adlnet.gov/expapi/verbs/passed"}
    count = {"measures": {"n": "count"}}
    day = {"field": "stored", "gt": "2026-01-01T00:00:00Z"}
    ask = "POST /api/v1/statements/query"
    for body in (
        {"filter": verb, "limit": 5}, {"filter": verb, **count, "organizations": ["drift"]},
        {"filter": {"all": [verb, day]}, "group": ["actor"], **count, "organizations": ["drift"]},
        {"filter": {"field": "actor", "eq": ANA}, "limit": 5}, {"limit": 5, "organizations": ["drift"]},
    ):  # fmt: skip
        tour.go(ask, json=body)
    tour.ids["query_id"] = "tour"
    tour.go("DELETE /api/v1/statements/query/<query_id>", ok=404)
    for form in ("ndjson", "csv", "parquet"):
        query = {"format": form, "organization": "drift"}
        with tour.go("GET /api/v1/statements/export", query_string=query) as answer:
            answer.get_data()
    tail = tour.go("GET /api/v1/statements/tail", query_string={"organization": "drift"})
    next(iter(tail.response))
    tail.close()
    made = tour.go("POST /api/v1/queries", json={"name": "tour", "query": count, "schedule": "0 6 * * *"})
    tour.ids["query_id"] = made.json["id"]
    tour.go("GET /api/v1/queries")
    tour.go("GET /api/v1/queries/<query_id>")
    tour.go("PATCH /api/v1/queries/<query_id>", json={"name": "grand tour"})
    tour.go("POST /api/v1/queries/<query_id>/run")
    link = tour.go("POST /api/v1/queries/<query_id>/links", json={"days": 7}).json["path"]
    tour.ids["token"] = link.rpartition("/")[2]
    tour.go("GET /api/v1/queries/shared/<token>")
    tour.settle()
    tour.go("DELETE /api/v1/queries/<query_id>/links")
    tour.go("DELETE /api/v1/queries/<query_id>")
    tour.go("POST /api/v1/deals", data=DEALS, content_type="text/csv")
    tour.go("GET /api/v1/deals/comparison", query_string={"certification": "sales-pro"})
    names = [one["name"] for one in tour.go("GET /api/v1/reports").json["items"]]
    for tour.ids["name"] in names:
        tour.ask_each(
            "GET /api/v1/reports/<name>",
            {"certification": "sales-pro"}, {"certification": "sales-pro", "organization": "aurora"},
        )  # fmt: skip
    tour.ids |= {"org": "aurora", "person": person_id(BEA)}
    tour.go("GET /api/v1/orgs/<org>/roster")
    tour.go("GET /api/v1/people/<person>/timeline")


def console(tour: Tour) -> None:
    """Log in, look around, log out."""
    user = {"org": "vendor", "email": "boss@vendor.example", "role": "vendor_admin", "password": PASSWORD}
    made = tour.go("POST /api/v1/users", json=user).json
    browser = log_in(tour.app, tour.look.users.find_one({"_id": made["id"]}))
    tour.go("GET /login", client=tour.app.test_client())
    form = {"email": user["email"], "password": PASSWORD}
    tour.go("POST /login", client=tour.app.test_client(), data=form)
    tour.go("GET /login/callback", query_string={"state": "x", "code": "y"}, ok=401)
    for path in ("", "/people", "/people/<person>", "/clients"):
        for query in ({}, {"org": "aurora"}):
            tour.go(f"GET /console{path}", client=browser.client, query_string=query)
    tour.go("POST /logout", client=browser.client, headers={CSRF_HEADER: browser.csrf})


def pages(tour: Tour) -> None:
    """Open what everybody may open."""
    tour.ids |= {"org": "aurora", "filename": "app.css", "face": "none"}
    for path in ("registry", "registry.json", "registry/partners", "registry/partners.json"):
        tour.ask_each(f"GET /{path}", {}, {"q": "bea"}, {"page": "1", "certification": "sales-pro"})
    for path in ("", "/brand.css"):
        tour.go(f"GET /registry/partners/<org>{path}")
    tour.ids["org"] = "tour"
    tour.go("GET /registry/partners/<org>/logo.png")
    way_out = notice_mail.token(tour.settings, "ana@x.example", "before_expiry")
    tour.ids["token"] = way_out
    tour.go("GET /unsubscribe/<path:token>")
    tour.go("POST /unsubscribe/<path:token>")
    for path in (
        "healthz",
        "readyz",
        "metrics",
        "schemas/rules-1.json",
        "api/v1/openapi.json",
        "api/v1/docs",
    ):
        tour.go(f"GET /{path}")
    tour.go("GET /static/<path:filename>", ok=404)
    tour.go("GET /static/fonts/<face>.woff", ok=404)


def later(tour: Tour) -> None:
    """Let time pass for the worker: reminders go out, awards end, mail and status lists grow old."""
    for days in (5, 60, 300):
        tour.ahead += dt.timedelta(days=days)
        tour.settle()


PARTS = (
    organizations, people, launches, rules, awards, credentials, webhooks, analysis, console, pages, later,
)  # fmt: skip
