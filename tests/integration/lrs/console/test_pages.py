"""The console over the living example: what each page shows, to whom, in which form, and what it refuses."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import re
import uuid
from urllib.parse import urlencode

import pytest
from conftest import KEY, SECRET, basic
from console_world import World
from factories_access import Browser, utc_now
from flask import g

from lrs.analysis import recent, run
from lrs.console.models.states import HELD
from lrs.console.organizations import holders
from lrs.messaging import notices
from lrs.words import engine as engine_words
from rules import queries


def titles_of(page: str) -> list[str]:
    return re.findall(r'aria-current="page">([^<]+)<', page)


def test_the_menu_has_what_somebody_may_open_and_every_entry_opens(world: World) -> None:
    seen = {}
    for name, browser in (("ada", world.ada), ("pat", world.pat), ("ann", world.ann)):
        page = browser.open("/console").text
        nav = page[page.index('<nav class="side"') : page.index("</nav>")]
        paths = re.findall(r'href="([^"]+)"', nav)
        for path in paths:
            answer = browser.open(path)
            assert answer.status_code == 200, (name, path)
            text = answer.text
            side = text[text.index('<nav class="side"') : text.index("</nav>")]
            assert len(titles_of(side)) == 1, (name, path)
        seen[name] = set(paths)
    assert "/console/people" in seen["ada"] & seen["pat"]
    assert "/console/people" not in seen["ann"], "an analyst reads no people"
    assert seen["pat"] <= seen["ada"]


def test_every_answer_names_its_scripts_anew_and_is_kept_nowhere(world: World) -> None:
    first, second = world.ada.open("/console/people"), world.ada.open("/console/people.json")
    policies = [one.headers["Content-Security-Policy"] for one in (first, second)]
    nonces = [re.search(r"'nonce-([\w-]+)'", policy)[1] for policy in policies]  # type: ignore[index]
    assert nonces[0] != nonces[1]
    assert f'nonce="{nonces[0]}"' in first.text
    for answer, policy in zip((first, second), policies, strict=True):
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_list_its_json_and_its_csv_have_the_same_rows(world: World) -> None:
    query = "?q=an&org=aurora"
    page = world.ada.open(f"/console/people{query}").text
    listed = world.ada.open(f"/console/people.json{query}").json["items"]
    rows = list(csv.DictReader(io.StringIO(world.ada.open(f"/console/people.csv{query}").text)))
    assert [one["person"] for one in listed] == [one["person"] for one in rows]
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
    assert listed
    assert all("an" in one["name"].lower() and "aurora" in one["organizations"] for one in listed)
    assert all(one["person"] in page for one in listed)
    assert f'href="/console/people.csv{query.replace("&", "&amp;")}"' in page, "the state is in the address"


def test_pages_go_by_position_and_give_every_row_once(world: World) -> None:
    path, seen = "/console/people.json?limit=7", []
    while path:
        answer = world.ada.open(path).json
        seen += [one["person"] for one in answer["items"]]
        path = answer["next"]
    every = [one["_id"] for one in world.db.people.find({"merged_into": None}, {"_id": 1})]
    assert sorted(seen) == sorted(every)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    "query", ["after=x", "after=W10", "after=WzFd", "after=WyJhIl0", "limit=0", "limit=501", "limit=x"]
)
def test_a_position_that_no_link_gave_is_refused(world: World, query: str) -> None:
    answer = world.ada.open(f"/console/people.json?{query}")
    assert (answer.status_code, answer.json["error"]) == (422, "InvalidField")
    assert world.ada.open(f"/console/people?{query}").status_code in {200, 422}


@pytest.mark.parametrize(
    "query", ["endpoint=x", "_external=1&_scheme=ftp", "q=%ed%a0%80", "after=%ff", "q=%00"]
)
def test_odd_parameters_break_no_list(world: World, query: str) -> None:
    for path in ("/console/people", "/console/expiries.csv", "/console/partners.json"):
        assert world.ada.open(f"{path}?{query}").status_code in {200, 422}, path


def test_somebody_is_found_by_a_part_of_the_name_or_the_beginning_of_the_address(world: World) -> None:
    ana = f"/console/people/{world.person('Ana Lima')}"
    for words in ("lima", "ANA L", "ana.lima@drift"):
        found = world.ada.open("/console/search.json", query_string={"q": words}).json["items"]
        assert [one["path"] for one in found] == [ana], words
    assert world.pat.open("/console/search.json?q=lima").json["items"] == [], "of another partner"
    assert world.ada.open("/console/search.json?q=.*").json["items"] == [], "words are no pattern"
    statement = str(world.db.statements.find_one({"org": "aurora"})["id"])
    assert world.pat.open(f"/console/search.json?q={statement}").json["items"][0]["title"] == statement
    other = str(world.db.statements.find_one({"org": "drift"})["id"])
    assert world.pat.open(f"/console/search.json?q={other}").json["items"] == []
    assert {one["title"] for one in world.ada.open("/console/search.json?q=aurora").json["items"]} == {
        "Aurora Consulting"
    }


def test_the_search_finds_pages_and_actions_that_somebody_may_open(world: World) -> None:
    def places(browser: Browser, words: str, language: str = "en") -> list[str]:
        browser.client.set_cookie("laurel-language", language, domain="localhost")
        found = browser.open("/console/search.json", query_string={"q": words}).json["items"]
        return [one["path"] for one in found if one["kind"] in {"Action", "Page", "Aktion", "Seite"}]

    assert places(world.ada, "polic") == ["/console/settings/policies"]
    assert places(world.ada, "RULE new") == ["/console/rules/new", "/console/rules/recipes"]
    assert places(world.ada, "webhook") == ["/console/webhooks#new", "/console/webhooks"]
    assert places(world.pat, "rule") == [], "the vendor's"
    assert places(world.ann, "client") == [], "asks for another scope"
    assert len(places(world.ada, "")) == 16, "without words: what one can do, and the pages"
    assert places(world.pat, "client") == ["/console/clients#new", "/console/clients"]
    page = world.ada.open("/console/search?q=policies").text
    assert 'href="/console/settings/policies"' in page, "also without scripts"
    for one in places(world.ada, ""):
        assert world.ada.open(one.partition("#")[0]).status_code == 200, one


def test_the_catalogue_counts_holders_of_the_people_whom_somebody_sees(world: World) -> None:
    def held(browser: Browser) -> dict[str, int]:
        rows = browser.open("/console/certifications.json").json["items"]
        return {one["certification"]: one["held"] for one in rows}

    listed = world.ada.open("/console/certifications/sales-pro/holders.csv").text
    states = [one["state"] for one in csv.DictReader(io.StringIO(listed))]
    assert held(world.ada)["sales-pro"] == sum(one in {"active", "renewal_open", "grace"} for one in states)
    assert held(world.pat)["sales-pro"] < held(world.ada)["sales-pro"]
    page = world.ada.open("/console/certifications/sales-pro").text
    assert "Sales exam, 80 % or better" in page
    assert "kind: Certification" in page
    assert "kind: Certification" not in world.pat.open("/console/certifications/sales-pro").text


def test_a_person_is_shown_with_what_is_missing_now_and_as_of_then(world: World) -> None:
    ana = world.person("Ana Lima")
    now = world.ada.open(f"/console/people/{ana}").text
    assert "3 of 4 met" in now
    assert "Drift &amp; Daughters" in now
    before = world.ada.open(f"/console/people/{ana}?at=2024-01-01").text
    assert "of 4 met" not in before.replace("0 of 4 met", "")
    assert "What follows is how things stood" in before
    assert world.ada.open(f"/console/people/{ana}?at=tomorrow").status_code == 422
    assert world.pat.open(f"/console/people/{ana}").status_code == 404


def test_why_not_yet_is_told_with_evidence_and_what_is_next(world: World) -> None:
    ana = world.person("Ana Lima")
    base = f"/console/people/{ana}/certifications/sales-pro"
    page = world.ada.open(base).text
    assert "3 of 4 requirements are met." in page
    assert "If Demo is done by" in page
    cited = re.findall(r'href="/console/statements/([0-9a-f-]{36})"', page)
    assert cited
    assert "In progress" in world.ada.open(f"{base}?at=2024-01-01&known=2030-01-01").text
    assert world.ada.open(f"{base}?known=1990-01-01").status_code == 404, "published later"
    assert world.pat.open(base).status_code == 404
    assert world.ada.open(f"/console/people/{ana}/certifications/none").status_code == 404


def test_a_partner_is_shown_with_its_ladder_its_gates_and_its_people(world: World) -> None:
    page = world.ada.open("/console/partners/aurora").text
    assert "Platinum" in page
    assert "Tier Silver or higher" in page
    drift = world.ada.open("/console/partners/drift").text
    assert "closed" in drift
    rows = world.ada.open("/console/partners/aurora/roster.json").json["items"]
    assert len(rows) == 16
    bea = next(one for one in rows if one["name"] == "Bea Lindqvist")
    assert bea["sales-pro"] == "active"
    assert world.pat.open("/console/partners/drift").status_code == 404
    assert world.pat.open("/console/partners/drift/roster.csv").status_code == 404


def test_what_ends_soon_is_listed_by_day(world: World) -> None:
    rows = world.ada.open("/console/expiries.json?days=365&limit=500").json["items"]
    assert [one["expires"] for one in rows] == sorted(one["expires"] for one in rows)
    own = world.pat.open("/console/expiries.json?days=365").json["items"]
    assert {one["organization"] for one in own} == {"aurora"}
    assert len(own) < len(rows)
    assert world.ada.open("/console/expiries?days=7").status_code == 422


def test_an_error_is_a_page_that_says_what_to_do(world: World) -> None:
    page = world.ada.open("/console/people/nobody")
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert 'href="/console"' in page.text
    forbidden = world.ann.open("/console/people")
    assert (forbidden.status_code, "You may not do this" in forbidden.text) == (403, True)
    assert world.ann.open("/console/people.json").json["error"] == "MissingScope"


def test_language_and_theme_are_kept_in_the_browser(world: World) -> None:
    client = world.app.test_client()
    page = client.get("/login", headers={"Accept-Language": "de"}).text
    assert '<html lang="de" dir="ltr" data-theme="system">' in page
    form = {"theme": "dark", "language": "en", "onward": "/login?onward=/console/people"}
    answer = client.post("/preferences", data=form)
    assert (answer.status_code, answer.location) == (303, "/login?onward=/console/people")
    page = client.get("/login", headers={"Accept-Language": "de"}).text
    assert '<html lang="en" dir="ltr" data-theme="dark">' in page
    client.post("/preferences", data={"theme": "<x>", "language": "../de", "onward": "https://evil.example"})
    assert '<html lang="en" dir="ltr" data-theme="dark">' in client.get("/login").text
    evil = client.post("/preferences", data=form, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403


def test_pages_stay_small_and_load_nothing_from_elsewhere(world: World) -> None:
    person = world.person("Bea Lindqvist")
    for path in (
        "",
        "/people",
        "/certifications/sales-pro",
        f"/people/{person}",
        "/partners/aurora",
        "/expiries",
    ):
        page = world.ada.open(f"/console{path}").text
        assert len(page) < 100_000
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page), path
        assert " style=" not in page
        assert not re.search(r"<[^>]+\son\w+=", page)


def test_statements_are_listed_by_the_filters_of_the_query_language(world: World) -> None:
    rows = world.ada.open("/console/statements.json?actor=ana.lima@drift.example&verb=passed").json["items"]
    assert [one["object.id"] for one in rows] == ["https://acme.example/xapi/sales/exam"]
    given = '{"field": "score.scaled", "lt": 0.7}'
    low = world.ada.open("/console/statements.json", query_string={"filter": given, "limit": 500}).json
    assert low["items"]
    assert all(one["score.scaled"] < 0.7 for one in low["items"])
    own = world.pat.open("/console/statements.json?limit=500").json["items"]
    assert {one["org"] for one in own} == {"aurora"}
    seen, path = [], "/console/statements.json?actor=ana.lima@drift.example&limit=40"
    while path:
        answer = world.ada.open(path).json
        seen += [one["id"] for one in answer["items"]]
        path = answer["next"]
    assert len(seen) == len(set(seen))
    assert len(seen) == world.db.statements.count_documents({"actor": "mbox::mailto:ana.lima@drift.example"})


@pytest.mark.parametrize(
    "query", ["filter={", 'filter={"field":"x","eq":1}', "since=yesterday", "after=WyJ4Il0", "filter=[1]"]
)
def test_a_filter_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    answer = world.ada.open(f"/console/statements?{query}")
    assert answer.status_code in {400, 422}
    assert "<h1>" in answer.text


def test_a_statement_is_shown_with_its_sender_and_what_it_decided(world: World) -> None:
    bea = world.person("Bea Lindqvist")
    award = world.db.awards.find_one({"person": bea, "certification": "sales-pro"})
    evidence = award["periods"][0]["evidence"][0]
    page = world.ada.open(f"/console/statements/{evidence}").text
    assert "Acme Sales Professional" in page
    assert "academy" in page
    drift = str(world.db.statements.find_one({"org": "drift"})["id"])
    assert world.pat.open(f"/console/statements/{drift}").status_code == 404
    assert world.ada.open("/console/statements/none").status_code == 404


def test_what_was_refused_is_shown_with_its_text(world: World) -> None:
    client = world.app.test_client()
    headers = {**basic(KEY, SECRET), "X-Experience-API-Version": "1.0.3"}
    assert (
        client.post("/xapi/statements", json={"actor": {"name": "<b>x"}}, headers=headers).status_code == 400
    )
    row = world.ada.open("/console/inbound.json").json["items"][0]
    page = world.ada.open(f"/console/inbound/{row['_id']}")
    assert "&lt;b&gt;x" in page.text
    assert world.pat.open(f"/console/inbound/{row['_id']}").status_code == 404
    assert world.pat.open("/console/inbound.json").json["items"] == []


def test_no_explanation_of_the_example_is_told_in_english_to_who_reads_german(world: World) -> None:
    """Every sentence of the engine has a form; what authors wrote (labels, names) stays theirs."""
    kept, told = [], 0
    for row in world.db.standings.find({"org": "vendor"}):
        found = queries.explain(world.db, row["person"], row["certification"], utc_now(), utc_now())
        said = [step.what for step in found.next]
        nodes = list(found.tree)
        while nodes:
            node = nodes.pop()
            nodes.extend(node.parts)
            said += [node.observed, node.required, *(one.why for one in node.ignored)]
        with world.app.test_request_context("/"):
            g.language = "de"
            told += len(said)
            kept += [one for one in said if engine_words.engine(one) == one]
    assert told > 100
    assert sorted(set(kept)) == []


def test_the_sheet_of_a_dispute_has_ids_rule_and_instants(world: World) -> None:
    sven = f"/console/people/{world.person('Sven Dahl')}/certifications/sales-pro"
    at, known = ((utc_now() - dt.timedelta(days=days)).date() for days in (330, 300))
    sheet = world.ada.open(f"{sven}/sheet?at={at}&known={known}").text
    version = world.db.rule_versions.find_one({"id": "sales-pro", "version": "3"})
    assert version is not None
    assert version["hash"] in sheet
    ids = re.findall(r"<code>([0-9a-f-]{36})</code>", sheet)
    assert ids, "statements by their whole ids"
    assert world.db.statements.count_documents({"id": {"$in": [uuid.UUID(one) for one in ids]}}) == len(
        set(ids)
    )
    assert f'href="{sven}?at={at}&amp;known={known}"' in sheet
    assert world.pat.open(f"{sven}/sheet").status_code == 404, "somebody of another partner"
    assert world.ann.open(f"{sven}/sheet").status_code == 403, "an analyst sees no people"
    assert world.ada.open(f"{sven[:-9]}nothing/sheet").status_code == 404


def test_a_filter_without_an_index_is_answered_from_the_newest_and_leads_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LARGE_STORE", 1)
    monkeypatch.setattr(recent, "WINDOW", 600)
    monkeypatch.setattr(recent, "WIDE", 100_000)
    path = f"/console/statements.json?limit=50&{urlencode({'filter': json.dumps({'field': 'score.scaled', 'lt': 0.75})})}"
    page = world.ada.open(path.replace(".json", "")).text
    assert "Looked through 600 statements, back to" in page
    assert "Look ten times as far" in page
    assert "Looked through" not in world.ada.open(path.replace(".json", "") + "&look=far").text
    whole = [one["id"] for one in world.ada.open(f"{path}&look=far").json["items"]]
    found: list[str] = []
    while path:
        answer = world.ada.open(path).json
        found += [one["id"] for one in answer["items"]]
        path = answer["next"]
    assert found == whole
    assert found
    rows = list(csv.DictReader(io.StringIO(world.ada.open("/console/statements.csv?" + page_query()).text)))
    assert [one["id"] for one in rows] == whole, "the table goes on to the end of the store too"


def page_query() -> str:
    return urlencode({"filter": json.dumps({"field": "score.scaled", "lt": 0.75})})


def test_the_trend_of_a_certification_is_who_held_it_at_the_beginning_of_each_month(world: World) -> None:
    now = utc_now()
    trend = holders.held_by_month(world.db, now, "sales-pro")
    assert len(trend) == 13
    assert trend[-1][0] == now.date()
    assert all(day.day == 1 for day, _ in trend[:-1])
    held = sum(holders.count_states(world.db, now)["sales-pro"].get(name, 0) for name in HELD)
    assert trend[-1][1] == held > 0
    assert "Held over a year" in world.ada.open("/console/certifications/sales-pro").text
    aurora = holders.held_by_month(world.db, now, "sales-pro", [])
    assert [count for _, count in aurora] == [0] * 13


def test_what_ends_says_when_its_people_are_reminded(world: World) -> None:
    while notices.plan(world.db, utc_now()):
        pass
    rows = world.ada.open("/console/expiries.json?days=365").json["items"]
    planned = [one for one in rows if one["planned_at"]]
    assert planned
    one = planned[0]
    notice = world.db.notices.find_one(
        {
            "person": one["person"],
            "certification": one["certification"],
            "state": "planned",
            "kind": "before_expiry",
        }
    )
    assert notice is not None
    assert one["planned_at"] <= one["expires"] + "T23"


def test_every_ready_report_has_a_picture_its_rows_and_four_files(world: World) -> None:
    listed = world.ada.open("/console/reports").text
    names = sorted(set(re.findall(r'href="/console/reports/([a-z-]+)"', listed)))
    assert len(names) > 12
    drawn = set()
    for name in names:
        page = world.ada.open(f"/console/reports/{name}").text
        drawn |= {name} if "<svg" in page or 'class="heat' in page else set()
        assert ("Nothing to show" in page) == (name not in drawn), name
        for path in re.findall(rf'href="([^"]*/reports/{name}[^"]*(?:csv|json|svg|png)[^"]*)"', page):
            assert world.ada.open(html.unescape(path)).status_code == 200, path
    assert set(names) - drawn <= {"recall"}, "the example asks nobody again"
    due = world.ada.open("/console/reports/due").text
    assert "in_progress" not in due, "states in words"
    assert "in_progress" in world.ada.open("/console/reports/due.csv").text
