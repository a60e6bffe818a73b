"""The tour of the administration, of people, rules, awards, credentials, analysis and pages; see tests/tour.py."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import json
import re
import uuid
from dataclasses import asdict
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

from conftest import basic
from factories import make_statement
from factories_academy import RULE, self_named
from factories_access import PASSWORD, Browser, log_in, make_user
from factories_lti import CLAIM, CLIENT, running_lms
from factories_packages import scorm_files, tincan_document, zipped
from PIL import Image
from tour import ACTIVITY, AGENT, Tour
from tour_sign_in import sign_in

from lrs.access.second_factor import code_of, step_of
from lrs.access.sessions import CSRF_HEADER
from lrs.analysis.reports.catalogue import REPORTS
from lrs.console.programme import planning
from lrs.console.programme.suggesting import KINDS
from lrs.console.recipes.catalogue import RECIPES, TITLE
from lrs.content_app import create_content_app
from lrs.messaging import notice_texts
from lrs.people import merge as people_merge
from lrs.people.privacy.erasure import MODES
from rules.engine.identity import person_id
from rules.publication import plans

ANA, BEA = "mbox::mailto:ana.lima@drift.example", "mbox::mailto:bea.lindqvist@aurora.example"

FIRST_STEPS = """
kind: Assignment
id: first-steps
version: "1"
title: First steps
evidence:
  quiz: {verb: passed, activity: "https://x.example/tour"}
path: [quiz, {holds: sales-pro}]
targets: [{role: sales, due_within: 30 days}, {role: technical}, {person: new@tour.example}]
managers_may_exempt: 30 days
notices: [{after_due: [1 day], to: [holder, partner_admin]}]
tests:
  - name: nobody
    expect: [{who: ana, at: 2026-01-01, status: null}]
"""
NEWER = """kind: Certification
id: tour
version: "{version}"
title: Tour
role: sales
product: acme-platform
evidence:
  exam:
    verb: passed
    activity: "https://x.example/tour"
    attempts: {{at_most: 3, granted_by: {{group: certified-assessors}}}}
award:
  when: {{score: exam, at_least: 0.{version}, attempt: best}}
validity: {{lasts: 12 months, counted_from: completion, timezone: UTC}}
targets: [{{partner: aurora, due_within: 30 days}}]
notices: [{{before_due: [30 days], to: [holder]}}]
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
    refused = tour.go("POST /xapi/statements", json={}, ok=400)
    assert refused.json["error"] == "InvalidStatement"
    tour.go("GET /xapi/extensions/connection")
    tour.go("POST /xapi/extensions/connection", json={})
    listed = tour.go("GET /api/v1/inbound").json["items"]
    tour.ids["refusal"] = listed[0]["id"]
    tour.go("GET /api/v1/inbound/<refusal>")
    tour.ask_each(
        "GET /api/v1/inbound",
        {"org": "tour"}, {"client": "test-key"}, {"error": "InvalidStatement"},
        {"since": "2020-01-01T00:00:00Z"}, {"until": "2020-01-01T00:00:00Z"},
    )  # fmt: skip
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
    tour.go("GET /api/v1/people/<person>/export").close()  # its file too
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
        said = {"verdict": "comment", "comment": "looks right"}
        tour.go("POST /api/v1/rules/plans/<plan_id>/reviews", json=said)
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
    tour.ids |= {"assignment": "first-steps", "person": person_id(BEA)}
    assignments(tour)
    tour.ids["gate"] = "deal-registration"
    question = {
        "organization": "aurora", "submitter": "bea.lindqvist@aurora.example",
        "deal": {"product": "acme-platform"},
    }  # fmt: skip
    tour.go("GET /api/v1/gates/<gate>")
    tour.go("POST /api/v1/gates/<gate>/check", json=question)
    tour.go("POST /api/v1/gates/<gate>/check/batch", json={"questions": [question, question]})


def assignments(tour: Tour) -> None:
    """Publish an assignment, and ask how people stand in it."""
    files = {"files": [{"file": "first-steps.yaml", "text": FIRST_STEPS}]}
    tour.ids["plan_id"] = tour.go("POST /api/v1/rules/plans", json=files).json["plan_id"]
    tour.go("POST /api/v1/rules/plans/<plan_id>/apply")
    tour.settle()
    tour.go("GET /api/v1/assignments")
    tour.ask_each(
        "GET /api/v1/assignments/<assignment>/people",
        {}, {"organization": "aurora"}, {"state": "overdue"}, {"limit": "1"},
    )  # fmt: skip
    tour.go("GET /api/v1/people/<person>/assignments")
    tour.go("GET /api/v1/people/<person>/assignments/<assignment>/explain")


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
    for path in ("badge.png", "card.png", "refresh", "verify", "assertion", "assertion.png"):
        tour.go(f"GET /credentials/<award>/{path}")
    said = tour.go("POST /api/v1/credentials/<award>/endorsements", json={"comment": "Seen at work."}).json
    tour.ids |= {"endorsement": said["id"], "endorser": said["credential"]["issuer"]["id"].rpartition(":")[2]}
    tour.go("GET /api/v1/credentials/<award>/endorsements")
    tour.go("GET /credentials/<award>/endorsements.json")
    tour.go("GET /credentials/<award>", headers={"Accept": "text/html"})
    tour.go("GET /endorsers/<endorser>/did.json")
    tour.go("DELETE /api/v1/credentials/<award>/endorsements/<endorsement>")
    evidence = shown["claims"].get("evidence") or [{"id": "/none"}]
    tour.ids["key"] = evidence[0]["id"].rpartition("/")[2]
    tour.go("GET /credentials/<award>/evidence/<key>")
    tour.go("GET /credentials/<award>/needed", query_string=token)
    wallet(tour, token)
    for form in ("json", "jwt"):
        tour.go(f"GET /credentials/<award>/record.{form}", query_string=token)
    for path in ("", "/badge", "/badge.png"):
        tour.go(f"GET /achievements/<certification>/<version>{path}")
    tour.go("GET /issuer")
    tour.ids |= {
        "kid": shown["issues"][-1]["key"],
        "name": str(shown["issues"][-1]["status_list"]),
        "tenant": "none",
    }
    for route in ("/vct/certification", "/.well-known/jwt-vc-issuer", "/status/<name>/token"):
        tour.go(f"GET {route}")
    for route in ("/keys/<kid>", "/status/<name>", "/.well-known/did.json", "/.well-known/jwks.json"):
        tour.go(f"GET {route}")
    for route in ("/did.json", "/<tenant>/did.json"):  # the issuer of a test has no path
        tour.go(f"GET {route}", ok=404)


def elsewhere(tour: Tour) -> None:
    """Bring what another issuer certified, look at it, and take it back."""
    plan = plans.make_plan(tour.look, [("elsewhere.yaml", RULE)], dt.datetime.now(dt.UTC), "test")
    plans.apply_plan(tour.look, plan["_id"], dt.datetime.now(dt.UTC), "test")
    route = "/api/v1/people/<person>/recognised-credentials"
    copy = self_named(BEA.rpartition(":")[2], dt.datetime.now(dt.UTC)).decode()
    found = tour.go(f"POST {route}", json={"credential": copy}).json["items"]
    tour.ids["recognised"] = found[0]["id"]
    tour.settle()
    tour.look.recognitions.update_many({}, {"$set": {"check_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}})
    tour.settle()
    tour.go(f"GET {route}")
    tour.go(f"POST {route}/<recognised>/take-back", json={"reason": "asked"})
    tour.settle()


def wallet(tour: Tour, token: dict[str, str]) -> None:
    """Take a credential as far as a wallet without a key comes."""
    tour.go("GET /.well-known/openid-credential-issuer")
    tour.go("GET /.well-known/oauth-authorization-server")
    tour.go("GET /credentials/<award>/wallet", query_string=token)
    page = tour.go("POST /credentials/<award>/wallet", query_string=token).text
    code = page.partition("pre-authorized_code%22%3A%22")[2].partition("%22")[0]
    grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
    asked = {"grant_type": grant, "pre-authorized_code": code}
    access = tour.go("POST /oid4vci/token", data=asked).json["access_token"]
    tour.go("POST /oid4vci/nonce")
    headers = {"Authorization": f"Bearer {access}"}
    for path in ("credential", "deferred"):
        tour.go(f"POST /oid4vci/{path}", json={}, headers=headers, ok=400)


def webhooks(tour: Tour) -> None:
    """Make, change and end an endpoint; look at deliveries and send them again."""
    made = tour.go("POST /api/v1/webhooks", json={"url": "http://127.0.0.1:9/hook"})
    tour.ids["endpoint"] = made.json["id"]
    tour.go("GET /api/v1/webhooks")
    tour.go("GET /api/v1/webhooks/<endpoint>")
    tour.go("PATCH /api/v1/webhooks/<endpoint>", json={"types": ["award.suspended", "award.reinstated"]})
    tour.go("PATCH /api/v1/webhooks/<endpoint>", json={"enabled": True})
    tour.go("POST /api/v1/webhooks/<endpoint>/secrets")
    tour.go("POST /api/v1/webhooks/<endpoint>/test")
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
    tour.go("POST /api/v1/sql", json={"sql": "SELECT count(*) FROM statements"}, ok=409)  # no lake
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
        if tour.ids["name"] not in REPORTS:  # no lake
            tour.go("GET /api/v1/reports/<name>", ok=409)
            continue
        tour.ask_each(
            "GET /api/v1/reports/<name>",
            {"certification": "sales-pro"}, {"certification": "sales-pro", "organization": "aurora"},
        )  # fmt: skip
    tour.ids |= {"org": "aurora", "person": person_id(BEA)}
    tour.go("GET /api/v1/orgs/<org>/roster")
    tour.go("GET /api/v1/people/<person>/timeline")


def content(tour: Tour) -> None:
    """Upload packages, look, publish, show, fetch, withdraw and discard."""
    base = "/api/v1/content"
    tour.go(f"POST {base}", data=zipped(scorm_files()), query_string={"name": "tour.zip"})
    tour.settle()
    first = tour.look.content_versions.find_one({"name": "tour.zip"})
    assert first is not None
    tour.ids |= {"item": first["item"], "version": first["_id"]}
    tour.go(f"POST {base}", data=zipped(scorm_files()), query_string={"item": first["item"], "name": "2.zip"})
    tour.go(f"POST {base}", data=zipped({"a.txt": b"no package"}))
    tour.go(f"POST {base}", data=zipped({"tincan.xml": tincan_document(), "index.html": b""}))
    tour.settle()
    tour.go(f"POST {base}/versions/<version>/publish")
    tour.ask_each(f"GET {base}", {}, {"limit": "1"})
    tour.ask_each(f"GET {base}/versions", {}, {"limit": "1"})
    tour.go(f"GET {base}/<item>")
    tour.go(f"GET {base}/versions/<version>")
    tour.go(f"PATCH {base}/<item>", json={"visible": {"orgs": ["vendor"]}})
    tour.ask_each(
        f"GET {base}/visible", {"person": person_id(ANA)}, {"person": person_id(BEA), "language": "de"}
    )
    opened(tour, base)
    tour.go(f"POST {base}/versions/<version>/original")
    tour.go(f"POST {base}/versions/<version>/withdraw")
    second = tour.look.content_versions.find_one({"name": "2.zip"})
    assert second is not None
    tour.ids["version"] = second["_id"]
    tour.go(f"DELETE {base}/versions/<version>")
    served = create_content_app(tour.settings, tour.db).test_client()
    for path in ("index.html", "INDEX.html", "none.html"):
        served.get(f"/v/{first['_id']}/{path}", base_url=f"http://{first['_id']}.content.example")
    served.get("/o/none")


def opened(tour: Tour, base: str) -> None:
    """Open an item and look at what came of it; waiving and abandoning are for cmi5 courses."""
    made = tour.go(f"POST {base}/<item>/launches", json={"person": person_id(BEA)}).json
    course = f"{base}/<item>/registrations/<registration>"
    tour.ids["registration"] = made["registration"]
    tour.ids["attempt"] = tour.go(f"GET {course}/attempts").json["attempts"][0]["id"]
    tour.go(f"GET {course}/attempts/<attempt>/cmi")
    tour.go(f"POST {course}/waive", json={"unit": "u", "reason": "Administrative"}, ok=404)
    tour.go(f"POST {course}/abandon", json={}, ok=404)


CONSOLE_LISTS = (
    "/certifications", "/certifications/<certification>/holders", "/assignments", "/assignments/<assignment>", "/expiries", "/people", "/partners",
    "/partners/<org>/roster", "/clients",
    "/rules", "/statements", "/inbound", "/inbound/groups", "/users", "/webhooks", "/audit", "/tiers",
    "/events",
)  # fmt: skip
CONSOLE_PAGES = (
    "", "/certifications/<certification>", "/certifications/<certification>/versions", "/people/<person>",
    "/people/<person>/certifications/<certification>", "/people/<person>/certifications/<certification>/sheet",
    "/partners/<org>",
)  # fmt: skip


def console_recipes(tour: Tour, browser: Browser, author: dict[str, Any]) -> None:
    """Begin a rule from each recipe, ask for suggestions, restore a version, look at a computation."""
    tour.go("GET /console/rules/recipes", client=browser.client)
    for tour.ids["recipe"], recipe in RECIPES.items():
        tour.go("GET /console/rules/recipes/<recipe>", client=browser.client)
        values = {one.name: one.example or "sales-pro" for one in (TITLE, *recipe.fields)}
        tour.go("POST /console/rules/recipes/<recipe>", data=values, **author)
    for of in KINDS:
        for q in ("", "a", "https://acme"):
            query = {"of": of, "q": q}
            tour.go("GET /console/rules/suggestions", client=browser.client, query_string=query)
    tour.ids["name"] = "none"
    tour.go("GET /console/editor/<name>.js", client=browser.client, ok=404)
    wanted = {"kind": "Certification", "id": "sales-pro", "version": "3"}
    tour.go("POST /console/rules/restore", data=wanted, **author)
    tour.go("GET /console/rules/versions", client=browser.client, query_string={"id": "acme-partners"})


def planned_person(tour: Tour, browser: Browser) -> None:
    """Look at one row of a plan from both sides, and at the computation that made it."""
    run = tour.look.plan_runs.find_one({"plan": tour.ids["plan"]})
    tour.ids["run"] = run["_id"]
    tour.go("GET /console/plan-runs/<run>", client=browser.client)
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    tour.go("POST /console/plan-runs/<run>/again", **author)
    row = tour.look.plan_people.find_one({"plan": tour.ids["plan"]})
    path = "GET /console/plans/<plan>/people/<person>/<certification>"
    kept = dict(tour.ids)
    tour.ids |= {} if row is None else {"person": row["person"], "certification": row["certification"]}
    tour.go(path, client=browser.client, ok=404 if row is None else 200)
    tour.ids |= kept


def console(tour: Tour) -> None:
    """Log in, look around, log out."""
    user = {"org": "vendor", "email": "boss@vendor.example", "role": "vendor_admin", "password": PASSWORD}
    made = tour.go("POST /api/v1/users", json=user).json
    browser = log_in(tour.app, tour.look.users.find_one({"_id": made["id"]}))
    tour.go("GET /setup", client=tour.app.test_client())
    tour.go("POST /setup", client=tour.app.test_client())
    tour.go("GET /login", client=tour.app.test_client())
    form = {"email": user["email"], "password": PASSWORD}
    tour.go("POST /login", client=tour.app.test_client(), data=form)
    asker = tour.app.test_client()
    tour.go("POST /login/link", client=asker, data={"email": "new@tour.example"}).close()
    tour.go("GET /login/link", client=asker, query_string={"code": tour.code("To: new@tour.example")})
    tour.go("POST /login/link/use", client=asker, data={"code": tour.code("To: new@tour.example")})
    learner(tour, asker)
    manager(tour)
    tour.go("GET /login/callback", query_string={"state": "x", "code": "y"}, ok=401)
    tour.ids["certification"] = "sales-pro"
    for path in CONSOLE_LISTS:
        for query in ({}, {"org": "aurora"}, {"q": "a"}, {"q": "a@"}):
            for form in ("", ".json", ".csv"):
                tour.go(f"GET /console{path}{form}", client=browser.client, query_string=query)
    for path in CONSOLE_PAGES:
        for query in ({}, {"at": "2026-01-01", "known": "2026-01-01"}):
            tour.go(f"GET /console{path}", client=browser.client, query_string=query)
    for words in ("ana", "ana@", str(uuid.uuid4())):
        for form in ("", ".json"):
            tour.go(f"GET /console/search{form}", client=browser.client, query_string={"q": words})
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    tour.ids |= {
        "rule_id": "sales-pro",
        "statement": str(tour.look.statements.find_one({"org": "aurora"})["id"]),
    }
    tour.go("GET /console/statements/<statement>", client=browser.client)
    tour.go("GET /console/inbound/<refusal>", client=browser.client)
    for query in ({}, {"org": "aurora"}, {"client": "academy"}, {"since": "2026-01-01T00:00:00Z"}):
        for form in ("", ".json", ".csv"):
            tour.go(f"GET /console/live{form}", client=browser.client, query_string=query)
    source = tour.go("GET /api/v1/rules/<rule_id>").json["source"]
    tour.go("GET /console/rules/new-assignment", client=browser.client)
    tour.go("GET /console/rules/new", client=browser.client, query_string={"from": "sales-pro"})
    tour.go("POST /console/rules/check", data={"text": source}, **author)
    tour.go("POST /console/rules/new-assignment", data={"title": "Tour", "role": "sales"}, **author)
    saved = tour.go("POST /console/rules/drafts", data={"text": source, "action": "save"}, **author)
    tour.ids["draft"] = saved.location.rsplit("/", 1)[-1]
    tour.go("GET /console/rules/drafts/<draft>", client=browser.client)
    console_recipes(tour, browser, author)
    newer = source.replace('version: "3"', 'version: "3.1"')
    form = {"text": newer, "draft": tour.ids["draft"], "action": "plan"}
    with patch.object(planning, "PATIENCE", 60.0):  # whatever else the machine does
        planned = tour.go("POST /console/rules/drafts", data=form, **author)
    tour.ids["plan"] = planned.location.rsplit("/", 1)[-1]
    for form_of in ("", ".json", ".csv"):
        tour.go(f"GET /console/plans/<plan>{form_of}", client=browser.client)
    for by in ("organization", "reason", "certification"):
        tour.go("GET /console/plans/<plan>", client=browser.client, query_string={"by": by})
    planned_person(tour, browser)
    tour.go("POST /console/plans/<plan>/again", **author)
    said = {"verdict": "comment", "comment": "looks right"}
    tour.go("POST /console/plans/<plan>/reviews", data=said, **author)
    tour.go("POST /console/plans/<plan>/apply", **author)
    tour.go("POST /console/plans/<plan>/undo", **author)
    tour.go("POST /console/rules/drafts", data={**form, "action": "discard"}, **author)
    tour.go("GET /console/reports", client=browser.client)
    tour.go("GET /console/health", client=browser.client)
    for report in REPORTS:
        tour.ids["name"] = report
        for form_of in ("", ".json", ".csv"):
            tour.go(f"GET /console/reports/<name>{form_of}", client=browser.client)
    decisions = "/console/people/<person>/certifications/<certification>/decisions"
    tour.go(f"GET {decisions}", client=browser.client)
    tour.go(f"POST {decisions}", data={"kind": "hold", "reason": "other", "note": "Tour"}, **author)
    tour.go(f"POST {decisions}", data={"kind": "lift"}, **author)
    console_identities(tour, browser)
    tour.go("GET /console/partners/<org>/join", client=browser.client)
    rows = {"csv": "email,role\nnew@console.example,sales\n"}
    for action in ("try", "import"):
        tour.go("POST /console/partners/<org>/roster", data={**rows, "action": action}, **author)
    tour.go("POST /console/partners/<org>/invitations", data={"email": "asked@console.example"}, **author)
    console_content(tour, browser)
    question = {"q": '{"group": ["verb"]}'}
    for form_of in ("", ".json", ".csv", ".svg", ".png"):
        tour.go(f"GET /console/ask{form_of}", client=browser.client, query_string=question)
    made = tour.go("POST /console/questions", data={**question, "name": "Tour"}, **author)
    tour.ids["query"] = made.location.rsplit("/", 1)[-1]
    for form_of in ("", ".json", ".csv"):
        tour.go(f"GET /console/questions{form_of}", client=browser.client)
    console_dashboards(tour, author)
    tour.go("GET /console/questions/<query>", client=browser.client)
    new = {"org": "aurora", "email": "new@aurora.example", "role": "partner_admin"}
    tour.go("POST /console/users", data=new, **author)
    tour.ids["user"] = tour.look.users.find_one({"email": new["email"]})["_id"]
    for change in ("disable", "enable"):
        tour.go(f"POST /console/users/<user>/{change}", **author)
    tour.go("POST /console/clients", data={"org": "aurora", "scopes": "state"}, **author)
    tour.ids["key"] = tour.look.clients.find_one({"org": "aurora", "scopes": ["state"]})["_id"]
    tour.go("GET /console/clients/<key>", client=browser.client)
    tour.go("POST /console/clients/<key>/rotate", **author)
    tour.go("POST /console/clients/<key>/revoke", **author)
    tour.go("POST /console/webhooks", data={"url": "http://127.0.0.1:9/console"}, **author)
    tour.ids["endpoint"] = tour.look.endpoints.find_one({"url": "http://127.0.0.1:9/console"})["_id"]
    for form_of in ("", ".json", ".csv"):
        tour.go(f"GET /console/webhooks/<endpoint>{form_of}", client=browser.client)
    tour.go("POST /console/webhooks/<endpoint>/resend", **author)
    tour.go("POST /console/webhooks/<endpoint>/test", **author)
    console_many(tour, author)
    console_settings(tour, author)
    invited(tour, author)
    second_factor(tour)
    tour.go("POST /preferences", client=browser.client, data={"theme": "dark"})
    tour.go("POST /preferences", data={"timezone": "Asia/Tokyo"}, **author)
    tour.go("GET /start/<item>", client=browser.client, ok=404)
    tour.go("POST /logout", client=browser.client, headers={CSRF_HEADER: browser.csrf})


def console_dashboards(tour: Tour, author: dict[str, Any]) -> None:
    """Put a saved question on a dashboard, move it, take it off, delete the dashboard."""
    made = tour.go("POST /console/questions/<query>", data={"action": "board", "name": "Tour"}, **author)
    tour.ids["dashboard"] = made.location.rsplit("/", 1)[-1]
    for form in ("", ".json", ".csv"):
        tour.go(f"GET /console/dashboards{form}", client=author["client"])
    tour.go("GET /console/dashboards/<dashboard>", client=author["client"])
    for action in ("up", "down", "off", "put"):
        data = {"action": action, "question": tour.ids["query"]}
        tour.go("POST /console/dashboards/<dashboard>", data=data, **author)
    tour.go("POST /console/dashboards/<dashboard>", data={"action": "rename", "name": "Tour 2"}, **author)
    tour.go("POST /console/dashboards", data={"name": "Another"}, **author)


def console_settings(tour: Tour, author: dict[str, Any]) -> None:
    """Change looks, keys, words of notices, policies; add an organization and make a launch link."""
    reading = {"client": author["client"]}
    for page in ("", "/notices", "/policies"):
        tour.go(f"GET /console/settings{page}", **reading)
    tour.go("POST /console/settings/brand", data={"colour": "#14584c", "org": "aurora"}, **author)
    tour.go("POST /console/settings/keys", data={"action": "add", "algorithm": "EdDSA"}, **author)
    words = {
        "kind": "award.issued",
        "language": "en",
        "subject": "Well done",
        "text": "{holder}",
        "link": "Open",
    }
    for action in ("show", "keep", "default"):
        tour.go("POST /console/settings/notices/words", data={**words, "action": action}, **author)
    place = "POST /console/settings/policies"
    tour.go(place, data={"org": "aurora", "action": "admission", "policy": "domain"}, **author)
    tour.go(place, data={"org": "aurora", "action": "origins", "origins": ""}, **author)
    rules = {"org": "aurora", "what": "statements", "days": "36500", "verb": "", "activity": ""}
    for action in ("show", "keep", "plan"):
        tour.go(f"{place}/retention", data={**rules, "action": action}, **author)
    plan = tour.look.retention_plans.find_one({"org": "aurora"}, sort=[("_id", -1)])
    assert plan is not None
    applied = {"org": "aurora", "action": "apply", "plan": plan["_id"], "removed": "0"}
    tour.go(f"{place}/retention", data=applied, **author)
    tour.go(f"{place}/holds", data={"org": "aurora", "action": "place", "reason": "Tour"}, **author)
    held = tour.look.legal_holds.find_one({"reason": "Tour"})
    assert held is not None
    tour.go(f"{place}/holds", data={"org": "aurora", "action": "lift", "hold": held["_id"]}, **author)
    tour.go("POST /console/content/<item>/policy", data={"keep": "last"}, **author)
    console_partner_settings(tour, author)
    wish = {"url": "https://content.example/a", "activity_id": "https://content.example/a", "hours": "1"}
    tour.go("POST /console/launches", data={**wish, "person": "ana.lima@drift.example"}, **author)
    for form in ("", ".json", ".csv"):
        tour.go(f"GET /console/launches{form}", **reading)
    made = tour.look.launches.find_one({"url": wish["url"]})
    assert made is not None
    tour.ids["launch"] = made["_id"]
    tour.go("POST /console/launches/<launch>/end", **author)


def console_partner_settings(tour: Tour, author: dict[str, Any]) -> None:
    """Add an organization in the console and change what is said of it, with its mail domains."""
    was = tour.ids["org"]
    tour.go("POST /console/partners/new", data={"id": "tour-partner", "name": "Tour"}, **author)
    tour.ids["org"] = "tour-partner"
    place = "/console/partners/<org>"
    tour.go(f"GET {place}/settings", client=author["client"])
    tour.go(f"POST {place}/settings", data={"name": "Tour 2", "region": "EMEA"}, **author)
    for action in ("ask", "trust", "drop"):
        tour.go(f"POST {place}/domains", data={"action": action, "domain": "tour-two.example"}, **author)
    tour.go(f"POST {place}/domains", data={"action": "prove", "code": "WRONG"}, ok=404, **author)
    tour.ids["org"] = was


def console_many(tour: Tour, author: dict[str, Any]) -> None:
    """Decide about many people at once, keep a group, and bring statements from a file."""
    reading = {"client": author["client"]}
    tour.ids["group"] = "tour-group"
    tour.go("POST /console/groups", data={"name": "tour-group"}, **author)
    for action in ("add", "end"):
        tour.go(
            "POST /console/groups/<group>",
            data={"person": "ana.lima@drift.example", "action": action},
            **author,
        )
    for form in ("", ".json", ".csv"):
        tour.go(f"GET /console/groups{form}", **reading)
        tour.go(f"GET /console/groups/<group>{form}", **reading)
    tour.go("GET /console/decisions", query_string={"certification": "sales-pro"}, **reading)
    active = tour.go(
        "GET /api/v1/awards", query_string={"certification": "sales-pro", "state": "active"}
    ).json
    person = active["items"][0]["person"]
    body = {"certification": "sales-pro", "person": person, "kind": "hold", "reason": "identity"}
    page = tour.go("POST /console/decisions", data=body, **author).text
    seen = re.findall(r'name="seen" value="(\w+)"', page)
    done = {**body, "action": "apply", "count": "1", "seen": seen[0] if seen else ""}
    tour.go("POST /console/decisions", data=done, **author)
    tour.go("GET /console/statements/upload", **reading)
    brought = {
        "actor": {"mbox": "mailto:brought@console.example"}, "verb": {"id": "http://verbs.example/did"},
        "object": {"id": "http://content.example/brought"},
    }  # fmt: skip
    for action in ("try", "import"):
        file = {"text": json.dumps(brought), "action": action, "org": "vendor", "quiet": "on"}
        tour.go("POST /console/statements/upload", data=file, **author)


def invited(tour: Tour, author: dict[str, Any]) -> None:
    """Invite a user by mail, who chooses a password."""
    wish = {"org": "vendor", "email": "invited@tour.example", "role": "analyst"}
    was, tour.ids["user"] = tour.ids["user"], tour.go("POST /api/v1/users", json=wish).json["id"]
    tour.go("POST /api/v1/users/<user>/invite")
    tour.go("POST /console/users/<user>/invite", **author)
    code = {"code": tour.code("To: invited@tour.example")}
    tour.go("GET /welcome", client=tour.app.test_client(), query_string=code)
    tour.go("POST /welcome", client=tour.app.test_client(), data={**code, "password": PASSWORD})
    tour.ids["user"] = was


def second_factor(tour: Tour) -> None:
    """Add a second factor, log in by it, let an administrator take it away, and remove one."""
    for way in ("reset", "remove"):
        email = f"{way}@vendor.example"
        wish = {"org": "vendor", "email": email, "role": "analyst", "password": PASSWORD}
        tour.go("POST /api/v1/users", json=wish)
        user = tour.look.users.find_one({"email": email}) or {}
        browser = log_in(tour.app, user)
        opened = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
        page = tour.go("GET /console/second-factor", client=browser.client).text
        secret = re.findall(r"<code>([A-Z2-7 ]{32,})</code>", page)[0].replace(" ", "")
        code = {"code": code_of(secret, step_of(dt.datetime.now(dt.UTC)))}
        shown = tour.go("POST /console/second-factor", data=code, **opened).text
        codes = re.findall(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}", shown)
        client = tour.app.test_client()
        tour.go("POST /login", client=client, data={"email": email, "password": PASSWORD})
        tour.go("GET /login/code", client=client)
        tour.go("POST /login/code", client=client, data={"code": codes[0]})
        if way == "remove":
            tour.go("POST /console/second-factor/remove", data={"code": codes[1]}, **opened)
        else:
            was, tour.ids["user"] = tour.ids["user"], user["_id"]
            tour.go("POST /api/v1/users/<user>/second-factor/reset")
            tour.ids["user"] = was


def lti(tour: Tour, browser: Any) -> None:
    """Register a learning system in the console and open an item from it."""
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    place = "/console/platforms"
    with running_lms() as lms:
        lms.tool_keys = tour.go("GET /lti/keys").json
        registered = asdict(lms.registration)
        made = tour.go(f"POST {place}", data={k: v for k, v in registered.items() if v}, **author)
        tour.ids["platform"] = made.location.rsplit("/", 1)[-1]
        for org, deployment in (("vendor", "1"), ("aurora", "2")):
            data = {"action": "deploy", "deployment": deployment, "org": org}
            tour.go(f"POST {place}/<platform>", data=data, **author)
        for method in ("GET", "POST"):
            learner = tour.app.test_client()
            asked = {"iss": lms.url, "login_hint": "u-17", "client_id": CLIENT}
            sent = tour.go(f"{method} /lti/login", client=learner, query_string=asked)
            query = dict(parse_qsl(urlsplit(sent.location).query))
            claims = lms.claims(
                query["nonce"], **{f"{CLAIM}custom": {"item": tour.ids["item"]}}, **lms.grading()
            )
            answer = {"state": query["state"], "id_token": lms.sign(claims)}
            tour.go("POST /lti/launch", client=learner, data=answer)
        tour.settle()
        for form_of in ("", ".json", ".csv"):
            tour.go(f"GET {place}{form_of}", client=browser.client)
        tour.go(f"GET {place}/<platform>", client=browser.client)


def console_content(tour: Tour, browser: Any) -> None:
    """Upload a package in the console, look at it, publish and withdraw it, and look who learns."""
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    place = "/console/content"
    for form_of in ("", ".json", ".csv"):
        tour.go(f"GET {place}{form_of}", client=browser.client)
        tour.go(f"GET {place}/<item>/learners{form_of}", client=browser.client)
    tour.go(f"GET {place}/<item>/learners/<registration>", client=browser.client)
    attempt = tour.look.attempts.find_one({"registration": tour.ids["registration"]})
    tour.ids["attempt"] = attempt["_id"] if attempt else ""
    tour.go(f"GET {place}/<item>/learners/<registration>/attempts/<attempt>", client=browser.client)
    tour.go(f"GET {place}/<item>", client=browser.client)
    file = (io.BytesIO(zipped(scorm_files())), "console.zip")
    sent = tour.go(f"POST {place}", data={"file": file, "item": tour.ids["item"]}, **author)
    tour.ids["version"] = sent.location.rsplit("/", 1)[-1]
    tour.go(f"GET {place}/versions/<version>", client=browser.client)
    tour.settle()
    tour.go(f"GET {place}/versions/<version>", client=browser.client)
    for action in ("publish", "withdraw"):
        tour.go(f"POST {place}/versions/<version>", data={"action": action}, **author)
        if action == "publish":
            tour.go(f"POST {place}/<item>/learners/<registration>/review", **author)
            lti(tour, browser)
            sign_in(tour, browser)


def console_identities(tour: Tour, browser: Any) -> None:
    """Part a person of two identifiers in the console, and merge the two again."""
    author = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    before = tour.ids["person"]
    ifis = [f"mbox::mailto:{name}@console.example" for name in ("one", "two")]
    made = tour.go("POST /api/v1/people", json={"ifis": ifis}).json
    tour.ids["person"] = made["id"]
    place = "/console/people/<person>"
    tour.go(f"GET {place}/split", client=browser.client, query_string={"ifis": ifis[1:]})
    basis = people_merge.basis(tour.look.people.find_one({"_id": made["id"]}))
    parted = tour.go(f"POST {place}/split", data={"ifis": ifis[1:], "basis": basis}, **author)
    gone = parted.location.rsplit("/", 1)[-1]
    tour.go(f"GET {place}/merge", client=browser.client, query_string={"gone": gone})
    basis = people_merge.basis(*(tour.look.people.find_one({"_id": one}) for one in (made["id"], gone)))
    tour.go(f"POST {place}/merge", data={"gone": gone, "basis": basis}, **author)
    tour.ids["person"] = before


def learner(tour: Tour, client: Any) -> None:
    """Look at the own pages, decide what others see, take the own data along."""
    user = tour.look.users.find_one({"email": "new@tour.example"})
    assert user is not None
    session = tour.look.sessions.find_one({"user": user["_id"]}, sort=[("created_at", -1)])
    assert session is not None
    mine = {"client": client, "headers": {CSRF_HEADER: session["csrf"]}}
    tour.ids["certification"] = "sales-pro"
    for path in (
        "",
        "/certifications/<certification>",
        "/progress",
        "/questions",
        "/record",
        "/elsewhere",
        "/history",
        "/assignments/<assignment>",
        "/record",
        "/settings",
        "/data.json",
    ):
        tour.go(f"GET /me{path}", client=client)
    tour.go("POST /me/certifications/<certification>/question", data={"text": "Why not yet?"}, **mine)
    learned = make_statement(actor={"mbox": "mailto:new@tour.example"})
    tour.go("POST /xapi/statements", json=learned)
    tour.go("POST /me/history", data={"attempt": learned["id"]}, **mine)
    tour.go("POST /me/elsewhere", data={"copy": "no credential"}, ok=422, **mine)
    tour.go("POST /me/settings/sharing", data={"shown": "yes", "name": "full"}, **mine)
    tour.go("POST /me/settings/taking-part", data={"board": "initials", "mail": "yes"}, **mine)
    tour.ids |= {"recall": "tour-recall", "question": "one"}
    tour.go("POST /me/questions/<recall>/<question>", data={"answer": "1", "turn": "0"}, ok=404, **mine)
    tour.go("POST /me/settings/mail", data={"language": "de", "kinds": ["award.grace"]}, **mine)
    tour.go("POST /me/settings/password", data={"password": PASSWORD}, **mine)
    tour.go("POST /me/settings/erasure", data={"sure": "yes"}, **mine)


def instructor(tour: Tour) -> None:
    """Plan a session, let a learner book it and another wait, sign off by a rubric, take it back, cancel."""
    browser = log_in(tour.app, users_made(tour, "instructor", "ines.castell@vendor.example"))
    own = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    learns = log_in(tour.app, users_made(tour, "learner", "bea.lindqvist@aurora.example"))
    mine = {"client": learns.client, "headers": {CSRF_HEADER: learns.csrf}}
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    form = {
        "title": "Tour", "begins": f"{ahead:%Y-%m-%dT%H:%M}", "timezone": "UTC", "place": "Here", "seats": "1",
        "ends": f"{ahead + dt.timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    made = tour.go("POST /instructor/sessions", data=form, **own)
    tour.ids["session"] = made.location.rsplit("/", 1)[-1]
    here = "/instructor/sessions/<session>"
    tour.go(f"POST {here}/people", data={"email": "dana.okafor@aurora.example"}, **own)
    for path in ("/me/sessions", "/me/sessions/<session>", "/me/sessions/<session>.ics"):
        tour.go(f"GET {path}", client=learns.client)
    tour.go("POST /me/sessions/<session>/book", **mine)
    feed = tour.go("POST /me/calendar", **mine).text
    token = re.search(r"token=([\w-]+)", feed)
    assert token is not None
    tour.go("GET /calendar.ics", query_string={"token": token[1]})
    dana = tour.look.people.find_one({"name": "Dana Okafor"})
    bea = tour.look.people.find_one({"name": "Bea Lindqvist"})
    assert dana is not None
    assert bea is not None
    before, tour.ids["person"] = tour.ids.get("person", ""), dana["_id"]
    tour.go(f"POST {here}/people/<person>/off", **own)
    tour.go(f"POST {here}", data={**form, "title": "Tour 2"}, **own)
    begun = {"begins_at": dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)}
    tour.look.training_sessions.update_one({"_id": tour.ids["session"]}, {"$set": begun})
    there = {"person": bea["_id"], f"id.{bea['_id']}": str(uuid.uuid4())}
    tour.go(f"POST {here}/attendance", data=there, **own)
    criteria = "Safety: Not seen 0, Alone 2"
    way = tour.go("POST /instructor/rubrics", data={"title": "Tour", "criteria": criteria}, **own)
    tour.ids["rubric"] = way.location.rsplit("/", 1)[-1]
    tour.go("POST /instructor/rubrics/<rubric>", data={"title": "Tour", "criteria": criteria}, **own)
    for path in ("/instructor/rubrics", "/instructor/rubrics/<rubric>", "/instructor", here, f"{here}.ics"):
        tour.go(f"GET {path}", client=browser.client)
    tour.go("GET /instructor/worker.js", client=browser.client)
    for source in ("o:aurora", f"s:{tour.ids['session']}"):
        asked = {"rubric": tour.ids["rubric"], "of": source}
        tour.go("GET /instructor/sign-off", client=browser.client, query_string=asked)
    picture = b"\x89PNG\r\n\x1a\n"
    signed = {
        "rubric": tour.ids["rubric"], "number": "2", "of": f"s:{tour.ids['session']}", "person": bea["_id"],
        f"id.{bea['_id']}": str(uuid.uuid4()), "level.safety": "alone",
        f"file.{bea['_id']}": (io.BytesIO(picture), "lift.png"),
    }  # fmt: skip
    tour.go("POST /instructor/sign-off", data=signed, **own)
    kept = {name: tour.ids.get(name, "") for name in ("org", "statement", "sha2")}
    tour.ids |= {
        "org": "vendor", "statement": signed[f"id.{bea['_id']}"], "sha2": hashlib.sha256(picture).hexdigest()
    }  # fmt: skip
    tour.go("GET /instructor/evidence/<org>/<statement>/<sha2>", client=browser.client)
    tour.go("GET /me/evidence/<org>/<statement>/<sha2>", client=learns.client)
    tour.go("POST /instructor/sign-off/<statement>/void", **own)
    tour.look.training_sessions.update_one({"_id": tour.ids["session"]}, {"$set": {"begins_at": ahead}})
    tour.go("POST /me/sessions/<session>/give-up", **mine)
    tour.go(f"POST {here}/cancel", data={"reason": "ill"}, **own)
    tour.ids |= {"person": before, **kept}


def teaching_api(tour: Tour) -> None:
    """Plan, book, attend and sign off over HTTP; see seasons; enter and switch a login provider."""
    people = {one["name"]: one["_id"] for one in tour.look.people.find({"name": {"$ne": None}})}
    ines, bea = people.get("Ines Castell", ""), people["Bea Lindqvist"]
    kept = {name: tour.ids.get(name, "") for name in ("person", "statement", "org", "session", "rubric")}
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    body = {
        "title": "Tour", "begins": f"{ahead:%Y-%m-%dT%H:%M}", "timezone": "UTC", "place": "Here", "seats": 1,
        "ends": f"{ahead + dt.timedelta(hours=1):%Y-%m-%dT%H:%M}", "instructor": ines,
    }  # fmt: skip
    here = "/api/v1/training-sessions/<session>"
    made = tour.go("POST /api/v1/training-sessions", json=body)
    tour.ids |= {"session": made.json["id"], "person": bea}
    tour.ask_each("GET /api/v1/training-sessions", {}, {"upcoming": "true"})
    tour.go(f"GET {here}")
    tour.go(f"PATCH {here}", json={"seats": 2})
    for person in (people["Dana Okafor"], bea):
        tour.go(f"POST {here}/bookings", json={"person": person})
    tour.go(f"GET {here}/bookings")
    begun = {"begins_at": dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)}
    tour.look.training_sessions.update_one({"_id": tour.ids["session"]}, {"$set": begun})
    tour.go(f"POST {here}/attendance", json={"people": [bea], "instructor": ines})
    tour.look.training_sessions.update_one({"_id": tour.ids["session"]}, {"$set": {"begins_at": ahead}})
    tour.go(f"DELETE {here}/bookings/<person>")
    levels = [{"name": "Not seen", "points": 0}, {"name": "Alone", "points": 2}]
    criteria = [{"name": "Safety", "levels": levels}]
    made = tour.go("POST /api/v1/rubrics", json={"title": "Tour", "criteria": criteria})
    tour.ids["rubric"] = made.json["id"]
    tour.go("GET /api/v1/rubrics")
    tour.go("GET /api/v1/rubrics/<rubric>")
    tour.go("PATCH /api/v1/rubrics/<rubric>", json={"pass_mark": 1})
    seen = [{"person": bea, "levels": {"safety": "alone"}}]
    body = {"rubric": tour.ids["rubric"], "session": tour.ids["session"], "instructor": ines, "people": seen}
    [tour.ids["statement"]] = tour.go("POST /api/v1/sign-offs", json=body).json["statements"]
    tour.go("GET /api/v1/sign-offs", query_string={"instructor": ines})
    tour.go("DELETE /api/v1/sign-offs/<statement>", query_string={"instructor": ines})
    tour.go(f"POST {here}/cancel", json={"reason": "ill"})
    [season, *_] = tour.go("GET /api/v1/engagement/seasons").json["items"]
    tour.ids["season"] = season["season"]
    tour.go("GET /api/v1/engagement/seasons/<season>/board")
    tour.go("GET /api/v1/people/<person>/engagement")
    asked = tour.go("GET /api/v1/people/<person>/questions").json["items"]
    first = asked[0] if asked else {"recall": "none", "question": "none", "turn": 0}
    tour.ids |= {"recall_id": first["recall"], "question": first["question"]}
    given = {"answer": 1, "turn": first["turn"]}
    tour.go(
        "POST /api/v1/people/<person>/questions/<recall_id>/<question>", json=given, ok=0 if asked else 404
    )
    providers(tour)
    tour.ids |= kept


def providers(tour: Tour) -> None:
    """Enter a login provider, change it, switch it on and off, remove it."""
    tour.ids["org"] = "drift"
    domain = {"domain": "providers.example", "trusted": True}
    tour.go("POST /api/v1/orgs/<org>/domains", json=domain)
    body = {"org": "drift", "kind": "oidc", "name": "x", "issuer": "https://i.example", "client_id": "x"}
    tour.ids["provider"] = tour.go(
        "POST /api/v1/login-providers", json={**body, "domains": ["providers.example"]}
    ).json["id"]
    here = "/api/v1/login-providers/<provider>"
    tour.ask_each("GET /api/v1/login-providers", {}, {"org": "drift"})
    tour.go(f"GET {here}")
    tour.go(f"PATCH {here}", json={"name": "y"})
    tour.go(f"POST {here}/enable")
    tour.go("PUT /api/v1/orgs/<org>/login-providers-only", json={"alone": False})
    tour.go(f"POST {here}/disable")
    tour.go(f"DELETE {here}")


def users_made(tour: Tour, role: str, email: str) -> Any:
    """Return a user of the vendor with a role, made unless there is one."""
    found = tour.look.users.find_one({"email": email})
    return found or make_user(tour.look, "vendor", role, email)


def manager(tour: Tour) -> None:
    """Manage a partner: look at the tier, invite, import, end."""
    user = tour.look.users.find_one({"email": "paul.berger@borealis.example"})
    assert user is not None
    browser = log_in(tour.app, user)
    own = {"client": browser.client, "headers": {CSRF_HEADER: browser.csrf}}
    row = tour.look.affiliations.find_one({"org": "borealis", "until": None, "confirmed_at": {"$ne": None}})
    assert row is not None
    before, tour.ids["person"] = tour.ids.get("person", ""), row["person"]
    for path in ("", "/people/<person>", "/people/import", "/reports"):
        tour.go(f"GET /partner{path}", client=browser.client)
    for path in ("/people", "/due"):
        for form in ("", ".json", ".csv"):
            tour.go(f"GET /partner{path}{form}", client=browser.client)
    for words in ("a", "a@"):
        tour.go("GET /partner/people", client=browser.client, query_string={"q": words})
    tour.go("POST /partner/people/<person>/account", **own)
    tour.go("POST /partner/people/<person>/remind", data={"certification": "sales-pro"}, **own)
    until = dt.datetime.now(dt.UTC).date().isoformat()
    away = {"assignment": "first-steps", "until": until, "reason": "Away"}
    tour.go("POST /partner/people/<person>/excuse", data=away, **own)
    tour.ids["excuse"] = next(iter(tour.look.excuses.find()))["_id"]
    tour.go("POST /partner/people/<person>/excuse/<excuse>/back", **own)
    tour.go("POST /partner/people/invite", data={"email": "guest@tour.example", "role": "sales"}, **own)
    listed = {"csv": "email,role\nguest2@tour.example,sales\n", "action": "import"}
    tour.go("POST /partner/people/import", data=listed, **own)
    waiting = tour.look.affiliations.find_one({"known_as": "mbox::mailto:guest@tour.example"})
    assert waiting is not None
    tour.ids["affiliation"], kept = waiting["_id"], tour.ids.get("affiliation", "")
    tour.go("POST /partner/people/affiliations/<affiliation>/end", **own)
    tour.ids |= {"person": before, "affiliation": kept}
    share(tour, browser, own)


def share(tour: Tour, browser: Any, own: dict[str, Any]) -> None:
    """Share with another organization, look at it there, and end it."""
    other = log_in(tour.app, make_user(tour.look, "aurora", "partner_admin", "pat@aurora.example"))
    for what in ("figures", "certifications", "assignments"):
        tour.go("POST /partner/sharing", data={"to": "aurora", "what": what, "reason": "tour"}, **own)
        tour.ids["share"] = tour.look.shares.find_one({"ended_at": None})["_id"]
        tour.go("GET /partner/sharing", client=browser.client)
        for form in ("", ".json", ".csv"):
            tour.go(f"GET /partner/sharing/<share>{form}", client=other.client)
        tour.go("POST /partner/sharing/<share>/end", **own)


def pages(tour: Tour) -> None:
    """Open what everybody may open."""
    tour.ids |= {"org": "aurora", "filename": "app.css", "face": "none"}
    tour.go("GET /")
    for path in ("registry", "registry.json", "registry/partners", "registry/partners.json"):
        tour.ask_each(f"GET /{path}", {}, {"q": "bea"}, {"page": "1", "certification": "sales-pro"})
    for path in ("", "/brand.css"):
        tour.go(f"GET /registry/partners/<org>{path}")
    tour.ids["org"] = "tour"
    tour.go("GET /registry/partners/<org>/logo.png")
    way_out = notice_texts.token(tour.settings, "ana@x.example", "before_expiry")
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


def retention(tour: Tour) -> None:
    """Hold somebody, and let old statements of an organization go."""
    org, tour.ids["org"] = tour.ids["org"], "cumulus"
    made = tour.go("POST /api/v1/holds", json={"person": tour.ids["person"], "reason": "case 7"})
    tour.ids["hold"] = made.json["id"]
    tour.ask_each("GET /api/v1/holds", {}, {"lasting": "true"})
    rules = [{"what": what, "days": 1} for what in ("statements", "state")]
    rules.append(
        {"what": "statements", "days": 2, "verb": "http://v.example/v", "activity": "http://a.example/"}
    )
    policy = {"rules": rules, "evidence": "pseudonymise", "automatic": True}
    tour.go("PUT /api/v1/orgs/<org>/retention", json=policy)
    tour.go("GET /api/v1/orgs/<org>/retention")
    tour.look.documents.update_many({"org": "cumulus"}, {"$set": {"updated": 0}})
    counts = tour.go("POST /api/v1/orgs/<org>/retention/plans")
    assert {"removed", "pseudonymised"} <= counts.json["counts"].keys(), counts.json
    tour.ids["plan"] = counts.json["id"]
    tour.go("GET /api/v1/orgs/<org>/retention/plans/<plan>")
    tour.go("POST /api/v1/orgs/<org>/retention/plans/<plan>/apply")
    tour.settle()
    assert tour.go("GET /api/v1/orgs/<org>/retention/plans/<plan>").json["state"] == "done"
    tour.go("DELETE /api/v1/holds/<hold>")
    tour.ids["org"] = org


def later(tour: Tour) -> None:
    """Let time pass for the worker: reminders go out, awards end, mail and status lists grow old."""
    for days in (5, 60, 300):
        tour.ahead += dt.timedelta(days=days)
        tour.settle()


PARTS = (
    organizations, people, launches, rules, awards, credentials, elsewhere, webhooks, analysis, content, console, pages, instructor,
    teaching_api, retention, later,
)  # fmt: skip
