"""Questions over HTTP: queries, exports, saved queries, reports, timelines, deals, the live tail."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import requests
from flask.testing import FlaskClient

from lrs.access.clients import OWN_CLIENT, create_client
from lrs.access.organizations import create_org
from lrs.analysis import run
from lrs.analysis.deals import compare, import_csv
from lrs.analysis.figures.confidence_intervals import mean_difference, rate_difference, wilson
from lrs.analysis.figures.interval import Interval
from lrs.analysis.questions import saved
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.api.records import reports
from lrs.foundation.errors import Collision, InvalidField
from statements.errors import InvalidQuery

pytestmark = pytest.mark.described

Headers = dict[str, str]
NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
ADL = "http://adlnet.gov/expapi/verbs/"


@pytest.fixture
def keys(client: FlaskClient, db: Any, auth: Callable[..., Headers]) -> dict[str, Headers]:
    """Credentials that may analyse and write: of the whole vendor, and of two partners."""
    found = {"vendor": auth()}
    for org in ("north", "south"):
        create_org(db, org, name=org.title(), now=NOW)
        made, secret = create_client(
            db, org, scopes=["analytics", "all"], label=org, controlled_by="vendor", now=NOW
        )
        found[org] = auth(made["_id"], secret)
    return found


def send(client: FlaskClient, headers: Headers, *actors: str, **members: Any) -> list[str]:
    batch = [
        {
            "actor": {"mbox": f"mailto:{actor}@x.example"},
            "verb": {"id": ADL + "passed"},
            "object": {"id": "https://x.example/a"},
            **members,
        }
        for actor in actors
    ]
    answer = client.post("/xapi/statements", json=batch, headers=headers)
    assert answer.status_code == 200, answer.text
    ids: list[str] = answer.json
    return ids


COUNT = {"measures": {"n": "count"}}


def ask(client: FlaskClient, headers: Headers, body: Any) -> Any:
    return client.post("/api/v1/statements/query", json=body, headers=headers)


def test_each_organization_counts_its_own_statements(client: FlaskClient, keys: dict[str, Headers]) -> None:
    send(client, keys["north"], "a", "b")
    send(client, keys["south"], "c")
    counts = {name: ask(client, headers, COUNT).json["rows"] for name, headers in keys.items()}
    assert counts == {"vendor": [{"n": 3}], "north": [{"n": 2}], "south": [{"n": 1}]}


def test_anothers_store_is_as_unknown_as_one_that_does_not_exist(
    client: FlaskClient, keys: dict[str, Headers]
) -> None:
    answers = [ask(client, keys["north"], COUNT | {"organizations": [org]}) for org in ("south", "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [a.json["detail"].replace("south", "X").replace("nowhere", "X") for a in answers]
    assert texts[0] == texts[1]
    by_org = ask(client, keys["north"], {"filter": {"field": "org", "eq": "south"}, **COUNT})
    assert by_org.json["rows"] == [{"n": 0}]


def test_a_wrong_query_is_told_by_its_place(client: FlaskClient, keys: dict[str, Headers]) -> None:
    answer = ask(client, keys["north"], {"filter": {"field": "verb", "$gt": ""}})
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert "filter" in answer.json["detail"]


def test_analytics_needs_its_scope(
    client: FlaskClient, db: Any, keys: Any, auth: Callable[..., Headers]
) -> None:
    made, secret = create_client(db, "north", scopes=["all"], label="w", controlled_by="vendor", now=NOW)
    assert ask(client, auth(made["_id"], secret), COUNT).status_code == 403


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_an_export_holds_the_own_store_only(client: FlaskClient, keys: dict[str, Headers], form: str) -> None:
    ids = send(client, keys["north"], "a", "b")
    send(client, keys["south"], "c")
    answer = client.get(f"/api/v1/statements/export?format={form}", headers=keys["north"])
    assert answer.status_code == 200
    if form == "ndjson":
        found = [json.loads(line)["id"] for line in answer.data.splitlines()]
    elif form == "csv":
        found = [line.split(",")[0] for line in answer.text.splitlines()[1:]]
    else:
        found = pq.read_table(io.BytesIO(answer.data)).column("id").to_pylist()
    assert sorted(found) == sorted(ids)


def test_an_export_can_be_filtered_and_refuses_nonsense(
    client: FlaskClient, keys: dict[str, Headers]
) -> None:
    send(client, keys["north"], "a", "b")
    where = orjson.dumps({"field": "actor", "eq": "mbox::mailto:a@x.example"}).decode()
    answer = client.get("/api/v1/statements/export", query_string={"filter": where}, headers=keys["north"])
    assert len(answer.data.splitlines()) == 1
    for wrong in ({"filter": "{"}, {"format": "xml"}, {"columns": "raw"}, {"colums": "id"}):
        refused = client.get("/api/v1/statements/export", query_string=wrong, headers=keys["north"])
        assert 400 <= refused.status_code < 500, wrong


def test_a_saved_query_runs_on_its_schedule_and_is_shown_by_a_link(
    client: FlaskClient, db: Any, keys: dict[str, Headers]
) -> None:
    send(client, keys["north"], "a", "b")
    body = {"name": "How many", "query": COUNT, "schedule": "0 6 * * *"}
    made = client.post("/api/v1/queries", json=body, headers=keys["north"])
    assert made.status_code == 201, made.text
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert saved.run_due(db, later) == 1
    assert saved.run_due(db, later) == 0
    link = client.post(
        f"/api/v1/queries/{made.json['id']}/links", json={"days": 7}, headers=keys["north"]
    ).json
    shown = client.get(link["path"])
    assert (shown.status_code, shown.json["rows"]) == (200, [{"n": 2}])
    assert client.get(link["path"] + "x").status_code == 404
    assert client.delete(f"/api/v1/queries/{made.json['id']}/links", headers=keys["north"]).status_code == 204
    assert client.get(link["path"]).status_code == 404
    assert link["path"].rpartition("/")[2] not in str(list(db.saved_queries.find()))


def test_a_saved_query_is_its_organizations_own(client: FlaskClient, keys: dict[str, Headers]) -> None:
    made = client.post("/api/v1/queries", json={"name": "x", "query": COUNT}, headers=keys["north"]).json
    for path in (f"/api/v1/queries/{made['id']}", f"/api/v1/queries/{made['id']}/run"):
        method = client.post if path.endswith("run") else client.get
        assert method(path, headers=keys["south"]).status_code == 404
    assert client.get("/api/v1/queries", headers=keys["south"]).json["items"] == []


def test_a_saved_query_and_its_schedule_are_checked_first(
    client: FlaskClient, db: Any, keys: dict[str, Headers]
) -> None:
    for body in (
        {"name": "x", "query": {"filter": {"field": "nope", "eq": 1}}},
        {"name": "x", "query": COUNT, "schedule": "every day"},
        {"name": "", "query": COUNT},
    ):
        assert 400 <= client.post("/api/v1/queries", json=body, headers=keys["north"]).status_code < 500
    assert db.saved_queries.count_documents({}) == 0


def person(db: Any, name: str, org: str) -> str:
    ifi = {"ifi": f"mbox::mailto:{name}@x.example", "from": None, "until": None}
    db.people.insert_one(
        {"_id": f"p_{name}", "org": "vendor", "name": name, "email": f"{name}@x.example", "ifis": [ifi]}
    )
    when = {"from": NOW, "confirmed_at": NOW, "until": None, "primary": True, "role": "sales"}
    db.affiliations.insert_one({"_id": name, "person": f"p_{name}", "org": org, **when})
    return f"p_{name}"


def test_a_timeline_groups_attempts_and_is_hidden_from_other_partners(
    client: FlaskClient, db: Any, keys: dict[str, Headers]
) -> None:
    ana = person(db, "ana", "north")
    for registration in (str(uuid.UUID(int=1, version=4)), str(uuid.UUID(int=2, version=4))):
        send(client, keys["north"], "ana", "ana", context={"registration": registration})
    mail = {"org": "vendor", "person": ana, "template": "before_expiry", "certification": "sales"}
    db.mails.insert_many([{**mail, "state": "sent", "sent_at": NOW}, {**mail, "state": "waiting"}])
    found = client.get(f"/api/v1/people/{ana}/timeline", headers=keys["north"])
    assert [e["template"] for e in found.json["entries"] if e["kind"] == "notice"] == ["before_expiry"]
    attempts = [e for e in found.json["entries"] if e["kind"] == "attempt"]
    assert [len(attempt["statements"]) for attempt in attempts] == [2, 2]
    db.statements.update_many({"registration": uuid.UUID(int=1, version=4)}, {"$set": {"client": OWN_CLIENT}})
    left = client.get(f"/api/v1/people/{ana}/timeline", headers=keys["north"]).json["entries"]
    assert [e["registration"] for e in left if e["kind"] == "attempt"] == [str(uuid.UUID(int=2, version=4))]
    hidden = client.get(f"/api/v1/people/{ana}/timeline", headers=keys["south"])
    missing = client.get("/api/v1/people/p_nobody/timeline", headers=keys["south"])
    assert (hidden.status_code, missing.status_code) == (404, 404)


def test_a_roster_names_the_next_actions(client: FlaskClient, db: Any, keys: dict[str, Headers]) -> None:
    ana = person(db, "ana", "north")
    states = [
        {"at": NOW - dt.timedelta(days=400), "state": "active"},
        {"at": NOW, "state": "expired", "expires": "2026-06-30"},
    ]
    db.standings.insert_one({"org": "vendor", "person": ana, "certification": "sales", "states": states})
    found = client.get("/api/v1/orgs/north/roster", headers=keys["north"]).json["items"]
    assert found[0]["next_actions"] == ["earn sales again: it ended on 2026-06-30"]
    assert client.get("/api/v1/orgs/south/roster", headers=keys["north"]).status_code == 404


def test_reports_are_served_in_all_forms(client: FlaskClient, keys: dict[str, Headers]) -> None:
    names = [item["name"] for item in client.get("/api/v1/reports", headers=keys["north"]).json["items"]]
    assert "partner-health" in names
    for form, media in (
        ("json", "application/json"),
        ("csv", "text/csv"),
        ("svg", "image/svg"),
        ("png", "image/png"),
    ):
        answer = client.get(f"/api/v1/reports/heatmap?format={form}", headers=keys["north"])
        assert (answer.status_code, answer.content_type.startswith(media)) == (200, True)
    assert client.get("/api/v1/reports/nonsense", headers=keys["north"]).status_code == 404
    assert client.get("/api/v1/reports/heatmap?organization=south", headers=keys["north"]).status_code == 404


DEALS = """id,partner,person,product,created,won,amount
1,north,ana@x.example,acme,2026-05-01,true,1000
2,north,ana@x.example,acme,2026-05-02,false,
3,north,bo@x.example,acme,2026-05-03,true,400
4,north,bo@x.example,acme,2026-05-04,,
5,south,cy@x.example,acme,2026-05-05,true,1
6,north,nobody@x.example,acme,2026-05-05,true,1
7,nowhere,ana@x.example,acme,2026-05-05,true,1
8,north,ana@x.example,acme,2026-13-05,true,1
9,north,ana@x.example,acme,2026-05-05,maybe,1
10,north,ana@x.example,acme,2026-05-05,true,-3
"""


def test_deals_are_imported_once_with_a_report_of_refused_rows(db: Any, keys: Any) -> None:
    for name, org in (("ana", "north"), ("bo", "north"), ("cy", "south")):
        person(db, name, org)
    for _ in range(2):
        report = import_csv(db, io.StringIO(DEALS), NOW)
    assert report.imported == 5
    assert [line for line, _ in report.refused] == [7, 8, 9, 10, 11]
    assert db.deals.count_documents({}) == 5
    assert import_csv(db, io.StringIO(DEALS.replace("1000", "2000")), NOW, dry_run=True).imported == 5
    assert db.deals.find_one({"id": "1"})["amount"] == 1000


def test_a_partner_imports_for_itself_and_learns_of_nobody_else(
    client: FlaskClient, db: Any, keys: dict[str, Headers]
) -> None:
    for name, org in (("ana", "north"), ("cy", "south")):
        person(db, name, org)
    lines = (
        "id,partner,person,product,created,won,amount",
        "1,south,cy@x.example,a,2026-05-05,true,1",
        "2,north,cy@x.example,a,2026-05-05,true,1",
    )
    body = "\n".join(lines)
    answer = client.post("/api/v1/deals", data=body, content_type="text/csv", headers=keys["north"])
    reasons = [row["reason"] for row in answer.json["refused"]]
    assert reasons == ["partner 'south' is not an organization", "person 'cy@x.example' is unknown"]
    assert db.deals.count_documents({}) == 0


@pytest.mark.parametrize("limit", ["MAX_CSV", "MAX_CONTENT_LENGTH"])
def test_deals_of_untold_length_are_refused_beyond_the_limit_and_not_cut_off(
    client: FlaskClient, db: Any, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    person(db, "ana", "north")
    line = "{},north,ana@x.example,a,2026-05-05,true,1\n"
    body = "id,partner,person,product,created,won,amount\n" + "".join(map(line.format, range(9)))
    beyond = len(body) - len(line.format(9))  # a cut there would leave eight whole lines
    if limit == "MAX_CSV":
        monkeypatch.setattr(reports, limit, beyond)
    else:
        monkeypatch.setitem(client.application.config, limit, beyond)
    chunked = {"wsgi.input": io.BytesIO(body.encode()), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = client.post(
        "/api/v1/deals", content_type="text/csv", headers=keys["north"], environ_overrides=chunked
    )
    assert answer.status_code == {"MAX_CSV": 422, "MAX_CONTENT_LENGTH": 413}[limit], answer.text
    assert db.deals.count_documents({}) == 0


def test_cohorts_follow_what_was_held_when_the_deal_was_made(db: Any, keys: Any) -> None:
    for name in ("ana", "bo"):
        person(db, name, "north")
    held = [
        {"at": dt.datetime(2026, 4, 1, tzinfo=dt.UTC), "state": "active"},
        {"at": dt.datetime(2026, 6, 1, tzinfo=dt.UTC), "state": "expired"},
    ]
    db.standings.insert_one({"org": "vendor", "person": "p_ana", "certification": "sales", "states": held})
    rows = ["id,partner,person,product,created,won,amount"]
    rows += [
        f"{n},north,ana@x.example,a,2026-05-{n:02d},{'true' if n % 4 else 'false'},{100 + n}"
        for n in range(1, 21)
    ]
    rows += [
        f"b{n},north,bo@x.example,a,2026-05-{n:02d},{'true' if n % 2 else 'false'},{50 + n}"
        for n in range(1, 21)
    ]
    rows += ["late,north,ana@x.example,a,2026-06-02,true,9999", "lone,north,,a,2026-05-02,true,9999"]
    import_csv(db, io.StringIO("\n".join(rows)), NOW)
    found = compare(db, Scope(("north",)), "sales")
    certified, others = found.cohorts
    assert (certified.deals, certified.won, others.deals, others.won) == (20, 15, 21, 11)
    assert certified.median_lag_days == 40
    assert certified.win_rate.value == 0.75
    assert "do not show what certification causes" in found.caveat


def test_intervals_are_those_of_the_literature() -> None:
    """Newcombe (1998), table II: 56/70 against 48/80 has 0.0524 to 0.3339 by the hybrid score method."""
    difference = rate_difference(wilson(56, 70), wilson(48, 80))
    assert (difference.value, difference.low, difference.high) == (
        pytest.approx(0.2),
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )
    assert wilson(0, 0) == Interval(None)
    assert mean_difference([1.0], []) == Interval(None)
    assert mean_difference([3.0, 3.0], [3.0]) == Interval(0.0)


def test_the_tail_shows_what_matches_as_it_is_stored(server: Any, db: Any) -> None:
    """Also where a reference leaves the placeholder of an awaited statement, which matches and is none."""
    others = [{"field": "object.id", "prefix": "https://x.example/other"},
              {"field": "object.type", "eq": "StatementRef"}]  # fmt: skip
    where = orjson.dumps({"not": {"any": others}}).decode()
    seen: list[Any] = []
    url = f"{server.url}/api/v1/statements/tail"

    def listen() -> None:
        with requests.get(
            url, params={"filter": where}, headers=server.auth(), stream=True, timeout=30
        ) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"retry"):
                    ready.set()
                if line.startswith(b"data: "):
                    seen.append(json.loads(line[6:]))
                    return

    ready = threading.Event()
    thread = threading.Thread(target=listen)
    thread.start()
    assert ready.wait(10)
    for _ in range(50):
        for target in (
            {"objectType": "StatementRef", "id": str(uuid.uuid4())},
            {"id": "https://x.example/other"},
            {"id": "https://x.example/tail"},
        ):
            body = {
                "actor": {"mbox": "mailto:t@x.example"}, "verb": {"id": ADL + "passed"}, "object": target,
            }  # fmt: skip
            requests.post(
                f"{server.xapi}/statements", json=body, headers=server.auth(), timeout=10
            ).raise_for_status()
        if not thread.is_alive():
            break
        time.sleep(0.1)
    thread.join(10)
    assert [statement["object"]["id"] for statement in seen] == ["https://x.example/tail"]


def test_name_and_schedule_of_a_saved_query_change(client: FlaskClient, keys: dict[str, Headers]) -> None:
    body = {"name": "a", "query": COUNT, "schedule": "0 6 * * *"}
    made = client.post("/api/v1/queries", json=body, headers=keys["north"])
    path, match = f"/api/v1/queries/{made.json['id']}", {"If-Match": made.headers["ETag"]}
    assert client.patch(path, json={"name": "b"}, headers=keys["north"]).status_code == 428
    assert client.patch(path, json={"name": "b"}, headers={**keys["south"], **match}).status_code == 404
    refused = client.patch(path, json={"schedule": "often"}, headers={**keys["north"], **match})
    assert refused.status_code == 422
    named = client.patch(path, json={"name": "b"}, headers={**keys["north"], **match})
    assert (named.json["name"], named.json["schedule"]) == ("b", "0 6 * * *")
    assert client.patch(path, json={"name": "c"}, headers={**keys["north"], **match}).status_code == 412
    match = {"If-Match": named.headers["ETag"]}
    ended = client.patch(path, json={"schedule": None}, headers={**keys["north"], **match}).json
    assert (ended["name"], ended["schedule"], ended["next_at"]) == ("b", None, None)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"), ("1", "mon"), ("0", "sun"), ("7", "sun"), ("1-5", "mon,tue,wed,thu,fri"), ("mon-fri", "mon-fri"),
        ("0,3", "sun,wed"), ("*/2", "sun,tue,thu,sat"), ("5-7", "fri,sat,sun"), ("1-5/2", "mon,wed,fri"),
    ],
)  # fmt: skip
def test_days_of_a_crontab_line_are_those_of_cron(field: str, days: str) -> None:
    """1 is Monday and 0 is Sunday there; the scheduler's library counts from Monday."""
    assert saved.weekdays(field) == days
    assert saved.next_run(f"0 6 * * {field}", NOW) > NOW


def test_a_schedule_with_day_of_month_and_weekday_means_either() -> None:
    """As in cron (POSIX crontab): the 13th, and every Friday; not Friday the 13th alone."""
    at, found = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), []
    while at < dt.datetime(2026, 12, 1, tzinfo=dt.UTC):
        at = saved.next_run("0 6 12 * fri", at) + dt.timedelta(minutes=1)
        found.append(at.day)
    assert found == [6, 12, 13, 20, 27, 4]
    assert saved.next_run("0 6 */2 * 5", NOW).weekday() == 4  # a star that steps restricts nothing


def test_a_daily_schedule_runs_once_each_day_also_where_clocks_change() -> None:
    """Schedules are in UTC, where no time of day comes twice or never."""
    for first in (dt.datetime(2026, 3, 28, tzinfo=dt.UTC), dt.datetime(2026, 10, 24, tzinfo=dt.UTC)):
        at, found = first, []
        for _ in range(3):
            at = saved.next_run("30 1 * * *", at + dt.timedelta(minutes=1))
            found.append(at)
        assert found == [first + dt.timedelta(days=days, hours=1, minutes=30) for days in range(3)]


def test_a_weekly_schedule_runs_on_the_day_that_cron_means() -> None:
    assert saved.next_run("0 6 * * 1", NOW).strftime("%a %H:%M") == "Mon 06:00"
    for wrong in ("0 6 * * 8", "0 6 * * 5-1", "0 6 * * x", "0 6 * *"):
        with pytest.raises(InvalidField):
            saved.next_run(wrong, NOW)


def test_instants_of_an_answer_are_rfc_3339(client: FlaskClient, db: Any, keys: dict[str, Headers]) -> None:
    """Rows of a query, of a saved query, and of its link; a bucket begins at midnight of its zone."""
    send(client, keys["north"], "a")
    db.statements.update_many({}, {"$set": {"timestamp": dt.datetime(2026, 7, 3, 9, 0, 0, 250_000, dt.UTC)}})
    listed = client.post("/api/v1/statements/query", json={"select": ["timestamp"]}, headers=keys["north"])
    assert listed.json["rows"] == [{"timestamp": "2026-07-03T09:00:00.250Z"}]
    by_month = {"group": [{"bucket": "month", "timezone": "Europe/Berlin"}]}
    grouped = client.post("/api/v1/statements/query", json=by_month, headers=keys["north"])
    assert grouped.json["rows"] == [{"month": "2026-07-01T00:00:00+02:00", "count": 1}]
    made = client.post("/api/v1/queries", json={"name": "m", "query": by_month}, headers=keys["north"]).json
    run = client.post(f"/api/v1/queries/{made['id']}/run", headers=keys["north"]).json
    link = client.post(f"/api/v1/queries/{made['id']}/links", json={}, headers=keys["north"]).json
    for result in (run, client.get(link["path"]).json):
        assert dt.datetime.fromisoformat(result["rows"][0]["month"]) == dt.datetime(
            2026, 6, 30, 22, tzinfo=dt.UTC
        )


def test_a_page_of_long_texts_is_shorter_and_goes_on(
    client: FlaskClient, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column may be made from the whole statement: what a page holds is counted while it is read."""
    monkeypatch.setattr(run, "MOST_BYTES", 5000)
    notes = {"result": {"extensions": {"http://x.example/note": "n" * 2000}}}
    send(client, keys["north"], *"abcdefg", **notes)
    body: dict[str, Any] = {
        "select": ["id", {"field": "result.extensions", "key": "http://x.example/note", "name": "note"}],
        "limit": 100,
    }
    seen, cursor = [], None
    while True:
        answer = ask(client, keys["north"], body | ({"cursor": cursor} if cursor else {})).json
        assert 1 <= len(answer["rows"]) <= 3
        assert all(len(row["note"]) == 2000 for row in answer["rows"])
        seen += [row["id"] for row in answer["rows"]]
        cursor = answer["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7


def test_questions_of_one_organization_leave_threads_to_the_others(
    client: FlaskClient, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = client.application
    threads = app.extensions["laurel"].settings.web_threads
    begun, over = threading.Semaphore(0), threading.Event()
    whole = Analyst.ask

    def slow(self: Analyst, expression: Any) -> Any:
        begun.release()
        over.wait(30)
        return whole(self, expression)

    monkeypatch.setattr(Analyst, "ask", slow)
    statuses: list[int] = []

    def asking(org: str) -> None:
        statuses.append(ask(app.test_client(), keys[org], COUNT).status_code)

    at_work = [threading.Thread(target=asking, args=("north",)) for _ in range(threads // 4)]
    for one in at_work:
        one.start()
    for _ in at_work:
        assert begun.acquire(timeout=30)
    refused = ask(client, keys["north"], COUNT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    report = client.get("/api/v1/reports/funnel", headers=keys["north"])
    assert report.status_code == 429, "a report is a question too"
    other = threading.Thread(target=asking, args=("south",))
    other.start()
    assert begun.acquire(timeout=30), "another organization is answered"
    over.set()
    for one in [*at_work, other]:
        one.join()
    assert statuses == [200] * (threads // 4 + 1)
    assert ask(client, keys["north"], COUNT).status_code == 200


def kept(db: Any, name: str = "q", **expression: Any) -> Any:
    return saved.create(
        db, name=name, owner="o", org="north", scope=Scope(("north",)), schedule=None, now=NOW,
        expression=expression or COUNT,
    )  # fmt: skip


def test_an_answer_that_is_too_large_to_be_kept_is_told_so(
    client: FlaskClient, db: Any, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a scheduled question would fail for ever, and with it those after it."""
    monkeypatch.setattr(saved, "LARGEST", 1000)
    send(client, keys["north"], *(f"{'a' * 40}{n}" for n in range(30)))
    one = kept(db, select=["actor"], limit=100)
    result = saved.run(db, one, NOW)
    assert (result["rows"], "larger than" in result["error"]) == ([], True)
    assert saved.latest(db, one)["error"] == result["error"]


@pytest.mark.parametrize("value", [2**63, 10**30, {"$date": 1}, {"$oid": "x"}])
def test_whatever_an_extension_holds_a_kept_answer_is_kept_or_refused(
    client: FlaskClient, db: Any, keys: dict[str, Headers], value: Any
) -> None:
    send(client, keys["north"], "a", result={"extensions": {"http://x.example/e": value}})
    column = {"field": "result.extensions", "key": "http://x.example/e", "name": "e"}
    for question in ({"select": [column]}, {"group": [column]}, {"measures": {"e": {"sum": column}}}):
        with contextlib.suppress(InvalidQuery):
            result = saved.run(db, kept(db, **question), NOW)
            assert result.get("error") or len(result["rows"]) == 1


def test_of_many_answers_the_newest_are_kept(db: Any, keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "KEPT", 3)
    one, other = kept(db), kept(db, "other")
    saved.run(db, other, NOW)
    for minute in range(6):
        saved.run(db, one, NOW + dt.timedelta(minutes=minute))
    found = db.query_results.find({"query": one["_id"]}).sort("at", 1)
    assert [row["at"].minute for row in found] == [3, 4, 5]
    assert db.query_results.count_documents({"query": other["_id"]}) == 1


def test_an_organization_keeps_so_many_questions_and_links(
    db: Any, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST", 2)
    monkeypatch.setattr(saved, "MOST_LINKS", 2)
    one = kept(db)
    kept(db, "b")
    with pytest.raises(Collision):
        kept(db, "c")
    assert db.saved_queries.count_documents({}) == 2
    day = dt.timedelta(days=1)
    tokens = [saved.share(db, one, NOW, day)[0] for _ in range(2)]
    with pytest.raises(Collision):
        saved.share(db, one, NOW, day)
    assert saved.shared(db, tokens[0], NOW)["_id"] == one["_id"]
    later = NOW + 2 * day
    fresh, _ = saved.share(db, one, later, day)  # those that ran out make room
    assert saved.shared(db, fresh, later)["_id"] == one["_id"]
    assert len(db.saved_queries.find_one({"_id": one["_id"]})["links"]) == 1
