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
from factories_packages import scorm_files, zipped
from flask import Flask, g
from pymongo import MongoClient
from pymongo.database import Database

from lrs.access import guard, launch_tokens
from lrs.access.auth import Principal
from lrs.access.scopes import SCOPES, XAPI_SCOPES, expand_scopes
from lrs.access.users import ROLES
from lrs.analysis.questions import dashboards
from lrs.app import create_app
from lrs.content.library import intake
from lrs.content.library.intake import Intake, Upload
from lrs.content.packages.read import Wish
from lrs.foundation.errors import MissingScope
from lrs.foundation.mail import FileMailer
from lrs.foundation.settings import Settings
from lrs.instruction import rubrics, sessions
from lrs.people import invitations
from lrs.people.privacy import legal_holds, retention

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


def listing(path: str, *scopes: str, **more: Any) -> list[Line]:
    """Return the three lines of a list of the console: the page and its twins."""
    return [line(f"GET {path}{form}", *scopes, kind="page", **more) for form in ("", ".json", ".csv")]


STATE = {"activityId": ACTIVITY, "agent": json.dumps(LEARNER), "stateId": "bookmark"}
PROFILE = {"agent": json.dumps(LEARNER), "profileId": "settings"}
ACTIVITY_PROFILE = {"activityId": ACTIVITY, "profileId": "settings"}
STATEMENT = {
    "actor": LEARNER,
    "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
    "object": {"id": ACTIVITY},
}
DATE = "2026-01-01T00:00:00Z"
SESSION = {
    "title": "x", "begins": "2027-01-04T09:00", "ends": "2027-01-04T10:00", "timezone": "UTC", "place": "x",
    "seats": 1,
}  # fmt: skip
RUBRIC = {
    "title": "x",
    "criteria": [{"name": "x", "levels": [{"name": "no", "points": 0}, {"name": "yes", "points": 1}]}],
}

COURSE = "/api/v1/content/<item>/registrations/<registration>"

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
    line("GET /xapi/extensions/connection", *XAPI_SCOPES, kind="xapi"),
    line("POST /xapi/extensions/connection", "statements/write", kind="xapi", body=STATEMENT),
    line("GET /xapi/about", kind="public", why="versions of the software"),
    line("GET /api/v1/orgs", "orgs"),
    line("POST /api/v1/orgs", "orgs", kind="vendor", body={"id": "new", "name": "New"}),
    line("GET /api/v1/orgs/<org>", "orgs"),
    line("PATCH /api/v1/orgs/<org>", "orgs", body={"name": "X"}),
    line("POST /api/v1/orgs/<org>/domains", "orgs", body={"domain": "victim.example"}),
    line("POST /api/v1/orgs/<org>/domains/verify", "orgs", body={"code": "WRONG"}),
    line("DELETE /api/v1/orgs/<org>/domains/<domain>", "orgs"),
    line("GET /api/v1/orgs/<org>/retention", "orgs"),
    line("PUT /api/v1/orgs/<org>/retention", "orgs", body={"rules": [{"what": "state", "days": 90}]}),
    line("POST /api/v1/orgs/<org>/retention/plans", "orgs"),
    line("GET /api/v1/orgs/<org>/retention/plans/<plan>", "orgs"),
    line("POST /api/v1/orgs/<org>/retention/plans/<plan>/apply", "orgs"),
    line("GET /api/v1/holds", "orgs", kind="vendor"),
    line("POST /api/v1/holds", "orgs", kind="vendor", body={"org": VICTIM, "reason": "case"}),
    line("DELETE /api/v1/holds/<hold>", "orgs", kind="vendor"),
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
    line("POST /api/v1/users/<user>/second-factor/reset", "orgs"),
    line("POST /api/v1/users/<user>/invite", "orgs"),
    line("GET /api/v1/login-providers", "orgs"),
    line(
        "POST /api/v1/login-providers",
        "orgs",
        body={"org": VICTIM, "kind": "oidc", "name": "x", "issuer": "https://i.example", "client_id": "x"},
    ),
    line("GET /api/v1/login-providers/<provider>", "orgs"),
    line("PATCH /api/v1/login-providers/<provider>", "orgs", body={"name": "x"}),
    line("DELETE /api/v1/login-providers/<provider>", "orgs"),
    line("POST /api/v1/login-providers/<provider>/enable", "orgs"),
    line("POST /api/v1/login-providers/<provider>/disable", "orgs"),
    line("PUT /api/v1/orgs/<org>/login-providers-only", "orgs", body={"alone": True}),
    line("GET /api/v1/audit", "orgs"),
    line("GET /api/v1/inbound", "orgs"),
    line("GET /api/v1/inbound/<refusal>", "orgs"),
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
    line("GET /api/v1/people/<person>/export", "people", kind="vendor"),
    line("GET /api/v1/people/<person>/recognised-credentials", "people"),
    line(
        "POST /api/v1/people/<person>/recognised-credentials",
        "people",
        kind="vendor",
        body={"credential": "x"},
    ),
    line(
        "POST /api/v1/people/<person>/recognised-credentials/<recognised>/take-back",
        "people",
        kind="vendor",
        body={"reason": "x"},
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
    line("POST /api/v1/sql", "analytics", body={"sql": "SELECT 1", "organizations": [VICTIM]}),
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
    line("GET /api/v1/awards", "people", "rules", "analytics"),
    line("GET /api/v1/reviews", "people", "rules"),
    line("GET /api/v1/events", "rules", "analytics", kind="vendor"),
    line(
        "GET /api/v1/people/<person>/certifications/<certification>/explain", "people", "rules", "analytics"
    ),
    line(
        "GET /api/v1/people/<person>/certifications/<certification>/history", "people", "rules", "analytics"
    ),
    line(
        "POST /api/v1/people/<person>/certifications/<certification>/facts",
        "people",
        "rules",
        kind="vendor",
        body={"kind": "hold", "reason": "other", "note": "x"},
    ),
    line("GET /api/v1/assignments", "people", "rules", "analytics"),
    line("GET /api/v1/engagement/seasons", "people", "rules", "analytics"),
    line("GET /api/v1/engagement/seasons/<season>/board", "people", "rules", "analytics"),
    line("GET /api/v1/people/<person>/engagement", "people", kind="vendor"),
    line("GET /api/v1/people/<person>/questions", "people", kind="vendor"),
    line(
        "POST /api/v1/people/<person>/questions/<recall_id>/<question>",
        "people",
        kind="vendor",
        body={"answer": 1, "turn": 0},
    ),
    line("GET /api/v1/training-sessions", "assess"),
    line("POST /api/v1/training-sessions", "assess", body={**SESSION, "audience": VICTIM}),
    line("GET /api/v1/training-sessions/<session>", "assess"),
    line("PATCH /api/v1/training-sessions/<session>", "assess", body={"title": "x"}),
    line("POST /api/v1/training-sessions/<session>/cancel", "assess", body={"reason": "ill"}),
    line("GET /api/v1/training-sessions/<session>/bookings", "assess"),
    line("POST /api/v1/training-sessions/<session>/bookings", "assess", body={"person": "p"}),
    line("DELETE /api/v1/training-sessions/<session>/bookings/<person>", "assess"),
    line("POST /api/v1/training-sessions/<session>/attendance", "assess", body={"people": ["p"]}),
    line("GET /api/v1/rubrics", "assess"),
    line("POST /api/v1/rubrics", "assess", body=RUBRIC),
    line("GET /api/v1/rubrics/<rubric>", "assess"),
    line("PATCH /api/v1/rubrics/<rubric>", "assess", body={"title": "x"}),
    line("GET /api/v1/sign-offs", "assess"),
    line(
        "POST /api/v1/sign-offs",
        "assess",
        body={"rubric": "r", "people": [{"person": "p", "levels": {}}]},
    ),
    line("DELETE /api/v1/sign-offs/<statement>", "assess"),
    line("GET /api/v1/assignments/<assignment>/people", "people", "rules", "analytics"),
    line("GET /api/v1/people/<person>/assignments", "people", "rules", "analytics"),
    line("GET /api/v1/people/<person>/assignments/<assignment>/explain", "people", "rules", "analytics"),
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
    line("POST /api/v1/rules/plans/<plan_id>/reviews", "rules", kind="vendor", body={"verdict": "approve"}),
    line("GET /api/v1/content", "content/read"),
    line("POST /api/v1/content", "content/write", query={"item": VICTIM}),
    line("GET /api/v1/content/visible", "content/read", query={"person": VICTIM}),
    line("GET /api/v1/content/versions", "content/read"),
    line("GET /api/v1/content/versions/<version>", "content/read"),
    line("DELETE /api/v1/content/versions/<version>", "content/write"),
    line("POST /api/v1/content/versions/<version>/publish", "content/write"),
    line("POST /api/v1/content/versions/<version>/withdraw", "content/write"),
    line("POST /api/v1/content/versions/<version>/original", "content/read"),
    line("GET /api/v1/content/<item>", "content/read"),
    line("PATCH /api/v1/content/<item>", "content/write", body={}),
    line("POST /api/v1/content/<item>/launches", "statements/write", body={"actor": LEARNER}),
    line(f"POST {COURSE}/waive", "content/write", body={"unit": "x", "reason": "x"}),
    line(f"POST {COURSE}/abandon", "content/write", body={}),
    line(f"GET {COURSE}/attempts", "content/read"),
    line(f"GET {COURSE}/attempts/<attempt>/cmi", "content/read"),
    line("GET /api/v1/webhooks", "orgs"),
    line("POST /api/v1/webhooks", "orgs", body={}),
    line("GET /api/v1/webhooks/<endpoint>", "orgs"),
    line("PATCH /api/v1/webhooks/<endpoint>", "orgs", body={}),
    line("DELETE /api/v1/webhooks/<endpoint>", "orgs"),
    line("GET /api/v1/webhooks/<endpoint>/deliveries", "orgs"),
    line("POST /api/v1/webhooks/<endpoint>/deliveries/<event>/resend", "orgs", body={}),
    line("POST /api/v1/webhooks/<endpoint>/resend", "orgs", body={}),
    line("POST /api/v1/webhooks/<endpoint>/secrets", "orgs", body={}),
    line("POST /api/v1/webhooks/<endpoint>/test", "orgs", body={}),
    line("GET /", kind="public", why="ways to the pages, and the issuer's name"),
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
    line("GET /api/v1/credentials/<award>/endorsements", "people", "rules"),
    line("POST /api/v1/credentials/<award>/endorsements", "people", body={"comment": "x"}),
    line("DELETE /api/v1/credentials/<award>/endorsements/<endorsement>", "people"),
    line("POST /api/v1/credentials/verify", body={}),
    line("GET /api/v1/orgs/<org>/brand", "orgs"),
    line("PUT /api/v1/orgs/<org>/brand", "orgs", body={}),
    line("GET /lti/keys", kind="public", why="public keys"),
    line("GET /lti/login", kind="public", why="sends the browser on to a registered platform"),
    line("POST /lti/login", kind="public", why="sends the browser on to a registered platform"),
    line(
        "POST /lti/launch",
        kind="public",
        why="a platform's signature, and state and nonce of this browser, once",
    ),
    line("GET /unsubscribe/<path:token>", kind="public", why="the token of the mail"),
    line("POST /unsubscribe/<path:token>", kind="public", why="the token of the mail"),
    line("GET /console", "orgs", "people", "analytics", "rules", kind="page"),
    line("GET /console/search", kind="page", query={"q": "victim"}),
    line("GET /console/search.json", kind="page", query={"q": "victim"}),
    *listing("/console/certifications", "rules", "people", "analytics"),
    line("GET /console/certifications/<certification>", "rules", "people", "analytics", kind="page"),
    line("GET /console/certifications/<certification>/versions", "rules", kind="page"),
    *listing("/console/certifications/<certification>/holders", "people", "rules"),
    *listing("/console/expiries", "people", "analytics"),
    *listing("/console/assignments", "rules", "people", "analytics"),
    *listing("/console/assignments/<assignment>", "people", "analytics"),
    *listing("/console/people", "people", query={"org": VICTIM}),
    line("GET /console/people/<person>/certifications/<certification>", "people", "rules", kind="page"),
    line("GET /console/people/<person>/certifications/<certification>/sheet", "people", "rules", kind="page"),
    *listing("/console/partners", "orgs", "people", "analytics"),
    line("GET /console/partners/<org>", "orgs", "people", "analytics", kind="page"),
    *listing("/console/partners/<org>/roster", "people"),
    *listing("/console/tiers", "orgs", "people", "analytics"),
    *listing("/console/groups", "people"),
    line("POST /console/groups", "people", kind="page"),
    *listing("/console/groups/<group>", "people"),
    line("POST /console/groups/<group>", "people", kind="page"),
    line("GET /console/decisions", "people", "rules", kind="page"),
    line("POST /console/decisions", "people", "rules", kind="page"),
    line("GET /console/partners/<org>/join", "people", kind="page"),
    line("POST /console/partners/<org>/roster", "people", kind="page"),
    line("POST /console/partners/<org>/invitations", "people", kind="page"),
    line("GET /start/<item>", kind="page"),
    line("GET /console/people/<person>", "people", kind="page"),
    *(
        line(
            f"{method} /console/people/<person>/certifications/<certification>/decisions",
            "people",
            "rules",
            kind="page",
        )
        for method in ("GET", "POST")
    ),
    *(
        line(f"{method} /console/people/<person>/{act}", "people", kind="page")
        for act in ("merge", "split")
        for method in ("GET", "POST")
    ),
    *listing("/console/clients", "orgs"),
    line("POST /console/clients", "orgs", kind="page"),
    line("GET /console/clients/<key>", "orgs", kind="page"),
    line("POST /console/clients/<key>/rotate", "orgs", kind="page"),
    line("POST /console/clients/<key>/revoke", "orgs", kind="page"),
    *listing("/console/users", "orgs"),
    line("POST /console/users", "orgs", kind="page"),
    line("POST /console/users/<user>/disable", "orgs", kind="page"),
    line("POST /console/users/<user>/enable", "orgs", kind="page"),
    *listing("/console/platforms", "orgs"),
    line("POST /console/platforms", "orgs", kind="page"),
    line("GET /console/platforms/<platform>", "orgs", kind="page"),
    line("POST /console/platforms/<platform>", "orgs", kind="page"),
    line("POST /console/users/<user>/invite", "orgs", kind="page"),
    *listing("/console/sign-in", "orgs"),
    line("POST /console/sign-in", "orgs", kind="page"),
    line("GET /console/sign-in/<provider>", "orgs", kind="page"),
    line("POST /console/sign-in/<provider>", "orgs", kind="page"),
    line("POST /console/sign-in/only", "orgs", kind="page"),
    line("POST /console/sign-in/scim", "orgs", kind="page"),
    line("POST /console/sign-in/scim/<token>/revoke", "orgs", kind="page"),
    *listing("/console/webhooks", "orgs"),
    line("POST /console/webhooks", "orgs", kind="page"),
    *listing("/console/webhooks/<endpoint>", "orgs"),
    line("POST /console/webhooks/<endpoint>/resend", "orgs", kind="page"),
    line("POST /console/webhooks/<endpoint>/test", "orgs", kind="page"),
    *listing("/console/events", "rules", "analytics"),
    *listing("/console/audit", "orgs", query={"org": VICTIM}),
    line("GET /console/settings", "orgs", kind="page", query={"org": VICTIM}),
    line("POST /console/settings/brand", "orgs", kind="page"),
    line("POST /console/settings/keys", "orgs", kind="page"),
    line("GET /console/settings/notices", "orgs", kind="page"),
    line("POST /console/settings/notices/words", "orgs", kind="page"),
    line("GET /console/settings/policies", "orgs", kind="page", query={"org": VICTIM}),
    line("POST /console/settings/policies", "orgs", kind="page"),
    line("POST /console/settings/policies/retention", "orgs", kind="page"),
    line("POST /console/settings/policies/holds", "orgs", kind="page"),
    *listing("/console/launches", "statements/write"),
    line("POST /console/launches", "statements/write", kind="page"),
    line("POST /console/launches/<launch>/end", "statements/write", kind="page"),
    line("POST /console/partners/new", "orgs", kind="page"),
    line("GET /console/partners/<org>/settings", "orgs", kind="page"),
    line("POST /console/partners/<org>/settings", "orgs", kind="page"),
    line("POST /console/partners/<org>/domains", "orgs", kind="page"),
    line("POST /console/content/<item>/policy", "content/write", kind="page"),
    *listing("/console/dashboards", "analytics"),
    line("POST /console/dashboards", "analytics", kind="page"),
    line("GET /console/dashboards/<dashboard>", "analytics", kind="page"),
    line("POST /console/dashboards/<dashboard>", "analytics", kind="page"),
    line("GET /console/reports", "analytics", kind="page"),
    line("GET /console/reports/<name>", "analytics", kind="page", query={"organization": VICTIM}),
    line("GET /console/reports/<name>.json", "analytics", kind="page", query={"organization": VICTIM}),
    line("GET /console/reports/<name>.csv", "analytics", kind="page", query={"organization": VICTIM}),
    *listing("/console/rules", "rules"),
    line("GET /console/rules/new", "rules", kind="page"),
    line("GET /console/rules/new-assignment", "rules", kind="page"),
    line("POST /console/rules/new-assignment", "rules", kind="page"),
    line("GET /console/health", "rules", kind="page"),
    line("GET /console/rules/drafts/<draft>", "rules", kind="page"),
    line("POST /console/rules/drafts", "rules", kind="page"),
    line("POST /console/rules/check", "rules", kind="page"),
    line("GET /console/rules/recipes", "rules", kind="page"),
    line("GET /console/rules/recipes/<recipe>", "rules", kind="page"),
    line("POST /console/rules/recipes/<recipe>", "rules", kind="page"),
    line("GET /console/rules/suggestions", "rules", kind="page", query={"of": "organization"}),
    line("GET /console/rules/versions", "rules", kind="page", query={"id": "none"}),
    line("POST /console/rules/restore", "rules", kind="page"),
    line("GET /console/editor/<name>.js", kind="public", why="the editor's script, the same for everybody"),
    line("GET /console/plan-runs/<run>", "rules", kind="page"),
    line("POST /console/plan-runs/<run>/again", "rules", kind="page"),
    line("GET /console/plans/<plan>/people/<person>/<certification>", "rules", kind="page"),
    line("POST /console/plans/<plan>/undo", "rules", kind="page"),
    *listing("/console/plans/<plan>", "rules"),
    line("POST /console/plans/<plan>/apply", "rules", kind="page"),
    line("POST /console/plans/<plan>/again", "rules", kind="page"),
    line("POST /console/plans/<plan>/reviews", "rules", kind="page"),
    *listing("/console/statements", "analytics", query={"org": VICTIM}),
    line("GET /console/statements/<statement>", "analytics", kind="page"),
    line("GET /console/statements/upload", "statements/write", kind="page"),
    line("POST /console/statements/upload", "statements/write", kind="page"),
    *listing("/console/live", "analytics", query={"org": VICTIM}),
    *(
        line(
            f"GET /console/ask{form}",
            "analytics",
            kind="page",
            query={"q": '{"group":["org"]}', "org": VICTIM},
        )
        for form in ("", ".json", ".csv", ".svg", ".png")
    ),
    *listing("/console/content", "content/read"),
    line("POST /console/content", "content/write", kind="page"),
    line("GET /console/content/<item>", "content/read", kind="page"),
    *listing("/console/content/<item>/learners", "content/read"),
    line("GET /console/content/<item>/learners/<registration>", "content/read", kind="page"),
    line(
        "GET /console/content/<item>/learners/<registration>/attempts/<attempt>", "content/read", kind="page"
    ),
    line("POST /console/content/<item>/learners/<registration>/review", "content/write", kind="page"),
    line("GET /console/content/versions/<version>", "content/read", kind="page"),
    line("POST /console/content/versions/<version>", "content/write", kind="page"),
    *listing("/console/questions", "analytics"),
    line("POST /console/questions", "analytics", kind="page"),
    line("GET /console/questions/<query>", "analytics", kind="page"),
    line("POST /console/questions/<query>", "analytics", kind="page"),
    *listing("/console/inbound", "orgs", query={"org": VICTIM}),
    *listing("/console/inbound/groups", "orgs", query={"org": VICTIM}),
    line("GET /console/inbound/<refusal>", "orgs", kind="page"),
    line("GET /partner", "people", kind="page", query={"org": VICTIM}),
    *listing("/partner/people", "people", query={"org": VICTIM}),
    line("GET /partner/people/<person>", "people", kind="page"),
    line("POST /partner/people/<person>/account", "people", kind="page"),
    line("POST /partner/people/<person>/remind", "people", kind="page"),
    line("POST /partner/people/<person>/excuse", "people", kind="page"),
    line("POST /partner/people/<person>/excuse/<excuse>/back", "people", kind="page"),
    line("POST /partner/people/affiliations/<affiliation>/end", "people", kind="page"),
    line("POST /partner/people/invite", "people", kind="page"),
    line("GET /partner/people/import", "people", kind="page"),
    line("POST /partner/people/import", "people", kind="page"),
    *listing("/partner/due", "people", query={"org": VICTIM}),
    line("GET /partner/reports", "people", kind="page"),
    line("GET /partner/sharing", "people", kind="page"),
    line("POST /partner/sharing", "people", kind="page"),
    line("POST /partner/sharing/<share>/end", "people", kind="page"),
    *listing("/partner/sharing/<share>", "people"),
    line("GET /instructor", "assess", kind="page"),
    line("GET /instructor/worker.js", "assess", kind="page"),
    line("POST /instructor/sessions", "assess", kind="page"),
    line("GET /instructor/sessions/<session>", "assess", kind="page"),
    line("GET /instructor/sessions/<session>.ics", "assess", kind="page"),
    line("POST /instructor/sessions/<session>", "assess", kind="page"),
    *(
        line(f"POST /instructor/sessions/<session>/{act}", "assess", kind="page")
        for act in ("cancel", "people", "people/<person>/off", "attendance")
    ),
    line("GET /instructor/sign-off", "assess", kind="page"),
    line("POST /instructor/sign-off", "assess", kind="page"),
    line("POST /instructor/sign-off/<statement>/void", "assess", kind="page"),
    line("GET /instructor/evidence/<org>/<statement>/<sha2>", "assess", kind="page"),
    line("GET /instructor/rubrics", "assess", kind="page"),
    line("POST /instructor/rubrics", "assess", kind="page"),
    line("GET /instructor/rubrics/<rubric>", "assess", kind="page"),
    line("POST /instructor/rubrics/<rubric>", "assess", kind="page"),
    line("GET /me/sessions", kind="page"),
    line("GET /me/sessions/<session>", kind="page"),
    line("GET /me/sessions/<session>.ics", kind="page"),
    line("POST /me/sessions/<session>/book", kind="page"),
    line("POST /me/sessions/<session>/give-up", kind="page"),
    line("POST /me/calendar", kind="page"),
    line("GET /me/evidence/<org>/<statement>/<sha2>", kind="page"),
    line("GET /calendar.ics", kind="public", why="an address that nobody guesses, kept as its hash"),
    line("GET /me", kind="page"),
    line("GET /me/assignments/<assignment>", kind="page"),
    line("GET /me/certifications/<certification>", kind="page"),
    line("POST /me/certifications/<certification>/question", kind="page"),
    line("GET /me/progress", kind="page"),
    line("GET /me/questions", kind="page"),
    line("POST /me/questions/<recall>/<question>", kind="page"),
    line("GET /me/record", kind="page"),
    line("GET /me/history", kind="page"),
    line("POST /me/history", kind="page"),
    line("GET /me/elsewhere", kind="page"),
    line("POST /me/elsewhere", kind="page"),
    line("GET /me/settings", kind="page"),
    line("GET /me/data.json", kind="page"),
    *(
        line(f"POST /me/settings/{name}", kind="page")
        for name in ("sharing", "taking-part", "mail", "password")
    ),
    line("POST /me/settings/erasure", kind="page"),
    line("POST /preferences", kind="public", why="keeps a choice in a cookie of this browser"),
    line("GET /login", kind="public", why="the login page"),
    line("GET /setup", kind="public", why="a form, while nobody administers"),
    line("POST /setup", kind="public", why="key and secret of a client that administers, while nobody does"),
    line("POST /login", kind="public", why="password, lock-out"),
    line("POST /login/next", kind="public", why="tells by the domain alone where to log in"),
    line("GET /login/code", kind="public", why="a cookie that a right password got"),
    line("POST /login/code", kind="public", why="the cookie of a right password, the code, lock-out"),
    line("GET /console/second-factor", kind="page"),
    line("POST /console/second-factor", kind="page"),
    line("POST /console/second-factor/remove", kind="page"),
    line("POST /logout", kind="public", why="ends the own session only"),
    *(
        line(f"POST /login/{way}passkey{part}", kind="public", why="a challenge of this browser, once")
        for way in ("", "code/")
        for part in ("", "/options")
    ),
    line("GET /console/account", kind="page"),
    line("POST /account/sessions", kind="page"),
    line("POST /account/passkeys", kind="page"),
    line("POST /account/passkeys/options", kind="page"),
    line("GET /login/oidc", kind="public", why="leads to the login provider"),
    line("GET /login/oidc/<provider>", kind="public", why="leads to a login provider"),
    line("GET /login/saml/<provider>", kind="public", why="leads to a login provider"),
    line("GET /login/saml/metadata", kind="public", why="our name, address and certificate"),
    line("POST /login/saml/acs", kind="public", why="state of this browser, signature of the provider"),
    *(
        line(f"{method} /scim/v2{rest}", kind="public", why="the bearer token of an organization")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for rest in ("", "/<path:rest>")
    ),
    line("GET /login/callback", kind="public", why="state of this browser, code of the provider"),
    line("POST /login/link", kind="public", why="sends a link to the mailbox, tells nothing"),
    line("GET /login/link", kind="public", why="the code of the mail"),
    line("POST /login/link/use", kind="public", why="the code of the mail"),
    line("GET /join", kind="public", why="the code of the mail"),
    line("POST /join", kind="public", why="the code of the mail"),
    line("GET /welcome", kind="public", why="the code of the mail"),
    line("POST /welcome", kind="public", why="the code of the mail, tries of an address"),
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
    line("GET /credentials/<award>/needed", kind="public", why="the holder's token"),
    line("GET /credentials/<award>/evidence/<key>", kind="public", why="as the credential"),
    line("GET /credentials/<award>/refresh", kind="public", why="as the credential"),
    line("GET /credentials/<award>/verify", kind="public", why="as the credential"),
    line("GET /credentials/<award>/wallet", kind="public", why="the holder's token"),
    line("GET /credentials/<award>/record.json", kind="public", why="the holder's token"),
    line("GET /credentials/<award>/record.jwt", kind="public", why="the holder's token"),
    line("GET /credentials/<award>/endorsements.json", kind="public", why="as the credential"),
    line("GET /vct/certification", kind="public", why="what a type is called"),
    line("GET /.well-known/jwt-vc-issuer", kind="public", why="where the keys are"),
    line("GET /status/<name>/token", kind="public", why="as the status list"),
    line("GET /endorsers/<endorser>/did.json", kind="public", why="keys of who endorses"),
    line("GET /credentials/<award>/assertion", kind="public", why="shown only where the holder displays it"),
    line("GET /credentials/<award>/assertion.png", kind="public", why="as the assertion"),
    line("GET /achievements/<certification>/<version>/badge", kind="public", why="what a credential says"),
    line("GET /achievements/<certification>/<version>/badge.png", kind="public", why="a picture"),
    line("GET /issuer", kind="public", why="the issuer's name"),
    line("POST /credentials/<award>/wallet", kind="public", why="the holder's token"),
    line("GET /.well-known/openid-credential-issuer", kind="public", why="addresses for wallets"),
    line("GET /.well-known/oauth-authorization-server", kind="public", why="addresses for wallets"),
    line("POST /oid4vci/token", kind="public", why="the code of an offer, once"),
    line("POST /oid4vci/nonce", kind="public", why="a random text that is not kept"),
    line("POST /oid4vci/credential", kind="public", why="the access token of an offer, once a form"),
    line("POST /oid4vci/deferred", kind="public", why="the access token of an offer, and a transaction"),
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
    token = launch_tokens.sign_token(
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
    upload = Upload(VICTIM, f"{MARK}.zip", Wish())
    library = Intake(settings, db, utc_now)
    version = intake.receive(library, editor(db), upload, [zipped(scorm_files())])["_id"]
    intake.work(library)
    ids = {
        "version": version, "item": db.content_versions.find_one({"_id": version})["item"],
        "org": VICTIM, "key": key_of(victim), "person": person, "user": user["_id"],
        "dashboard": dashboards.create(db, VICTIM, user["_id"], MARK, utc_now())["_id"],
        "launch": made.json["id"], "affiliation": pending["_id"], "domain": f"{MARK}.example",
        "group": "assessors", "name": "completions", "registration": str(uuid.uuid4()),
        "attempt": str(uuid.uuid4()), "recognised": "rec_x", "endorsement": "end_x", "endorser": "0123456789abcdef", "refusal": refused(app, db, victim),
        **retained(db, person), **taught(db, person),
    }  # fmt: skip
    yield World(
        app, db, ids, basic(KEY, "wrong"), revoked, expired, rival,
        {"Authorization": f"Bearer {token}"}, admin,
    )  # fmt: skip
    mongo_client.drop_database(db.name)


def retained(db: Database[dict[str, Any]], person: str) -> dict[str, str]:
    """Plan a retention of the victim's store, and hold one of its people."""
    retention.set_policy(editor(db), VICTIM, [{"what": "state", "days": 90}])
    held = legal_holds.hold(editor(db), person=person, reason=MARK)
    return {"plan": retention.make_plan(editor(db), VICTIM)["_id"], "hold": held["_id"]}


def taught(db: Database[dict[str, Any]], person: str) -> dict[str, str]:
    """Keep a session, a rubric and a login provider of the victim's."""
    wish = sessions.read_session({**{name: str(one) for name, one in SESSION.items()}, "title": MARK})
    teacher = {"person": person, "name": MARK}
    session = sessions.make_session(editor(db), (VICTIM, VICTIM), wish, teacher, "http://lrs.example")
    criteria = rubrics.with_ids(RUBRIC["criteria"])  # type: ignore[arg-type]  # a list
    rubric = rubrics.put_rubric(
        editor(db), VICTIM, {"title": MARK, "criteria": criteria}, None, "http://lrs.example"
    )
    provider = {
        "_id": f"idp_{MARK}", "org": VICTIM, "kind": "oidc", "name": MARK, "version": 1, "roles": [],
        "default_role": "learner", "domains": [], "enabled": False,
    }  # fmt: skip
    db.identity_providers.insert_one({**provider})
    return {"session": session["_id"], "rubric": rubric["rubric"], "provider": provider["_id"]}


def refused(app: Flask, db: Database[dict[str, Any]], victim: dict[str, str]) -> str:
    """Send what is refused, and names the victim; return its place in the inbound log."""
    wrong = {"actor": {"name": MARK}, "id": VICTIM}
    assert app.test_client().post("/xapi/statements", json=wrong, headers=victim).status_code == 400
    found = db.inbound.find_one({"org": VICTIM})
    assert found is not None
    return str(found["_id"])


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


def named(one: Line) -> tuple[str, ...]:
    """Return what the route of a line has to name where it is declared."""
    return (guard.PUBLIC,) if one.kind == "public" else one.scopes or (guard.AUTHENTICATED,)


def test_every_view_asks_for_the_scopes_of_its_line(world: World) -> None:
    wrong = {
        f"{method} {rule}": (view.scopes, TABLE[method, rule].scopes)
        for method, rule, view in rules_of(world.app)
        if (method, rule) in TABLE and getattr(view, "scopes", (guard.PUBLIC,)) != named(TABLE[method, rule])
    }
    assert wrong == {}


def test_the_document_names_the_scopes_that_the_views_ask_for(world: World) -> None:
    """The table is generated from the application: every method and path of the API with its scopes."""
    document = world.app.test_client().get("/api/v1/openapi.json").json
    told = {
        (method.upper(), path): tuple(operation["x-scopes"]) if "x-scopes" in operation else None
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    }
    asked = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)): view.scopes
        for method, rule, view in rules_of(world.app)
        if rule.startswith("/api/v1") and not rule.endswith(("/openapi.json", "/docs"))
    }
    words = {(guard.PUBLIC,): None, (guard.AUTHENTICATED,): ()}
    assert told == {route: words.get(scopes, scopes) for route, scopes in asked.items()}
    assert len(told) > 80


def test_every_view_is_guarded_by_the_scopes_that_it_names(world: World) -> None:
    """Each view of the application itself, called for a principal without any scope, runs only if it is public."""
    nobody = Principal("client", "nobody", "vendor", None, "vendor", frozenset(), {})
    passed = set()
    for method, rule, view in rules_of(world.app):
        with world.app.test_request_context("/xapi/about", method=method):
            g.principal = nobody
            try:
                view()
            except MissingScope:
                continue
            except Exception:  # noqa: BLE001 -- the view itself ran, without its arguments
                pass
            passed.add((method, rule))
    free = {key for key, one in TABLE.items() if one.kind in {"public", "page"} or not one.scopes}
    assert passed <= free, "routes that ran for somebody without a scope"


def test_a_scope_is_looked_at_once_in_a_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    real = Principal.may
    monkeypatch.setattr(Principal, "may", lambda self, *scopes: asked.append(scopes) or real(self, *scopes))
    for rule, key in (
        ("GET", "/api/v1/orgs"),
        ("GET", "/xapi/activities/state"),
        ("POST", "/api/v1/webhooks"),
    ):
        asked.clear()
        answer = world.ask(TABLE[rule, key], basic(KEY, SECRET))
        assert answer.status_code != 403
        assert asked == [TABLE[rule, key].scopes]


@pytest.mark.parametrize("one", GUARDED, ids=IDS)
@pytest.mark.parametrize("who", ["nobody", "wrong", "revoked", "expired"])
def test_whoever_proves_nothing_gets_401(world: World, one: Line, who: str) -> None:
    world.db.tries.delete_many({})  # a key that many tried wrong secrets on is locked, which is another rule
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


OF_VENDOR = (
    "/console/platforms", "/console/groups", "/console/decisions", "/console/events",
    "/console/statements/upload", "/console/settings/keys", "/console/settings/notices/words",
    "/console/settings/policies/holds", "/console/partners/new",
)  # fmt: skip


@pytest.mark.parametrize("one", PAGES, ids=[one.rule for one in PAGES])
def test_pages_are_for_users_of_the_realm(world: World, one: Line) -> None:
    for headers in (None, world.wrong, world.revoked, world.rival, world.launched):
        response = world.ask(one, headers)
        assert (response.status_code, response.location.split("?")[0]) == (302, "/login")
        assert leaks(one, response, world.ids) == []
    response = world.ask_as_admin(one)
    # a password of a partner's proves no person: it opens no course, and no page on one; some pages are the
    # vendor's alone
    forbidden = one.rule.startswith(("/start/", "/me", "/instructor", *OF_VENDOR)) or not principal_may(one)
    theirs = "<" in one.rule or "org" in one.query
    takes_no_form = one.rule.endswith("/options")  # what a browser needs to make a passkey
    needed = one.method == "POST" and not takes_no_form
    expected = 403 if forbidden else 404 if theirs else 422 if needed else 200
    assert response.status_code == expected, response.text
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


ENTRIES = ("/api", "/login", "/join", "/console", "/me", "/partner", "/instructor", "/calendar")


@pytest.mark.parametrize(
    "one", [one for one in LINES if one.rule.startswith(ENTRIES)],
    ids=[f"{o.method} {o.rule}" for o in LINES if o.rule.startswith(ENTRIES)],
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
