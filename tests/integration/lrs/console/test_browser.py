"""The console in a browser: accessible in both themes, narrow screens, the policy, and two stories to their end."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browsing
from console_world import World
from factories import make_statement
from factories_access import make_client, utc_now
from factories_packages import scorm_files, zipped
from served_pages import AXE, TAGS, served
from worker_rounds import until_quiet

from lrs.access import sessions
from lrs.analysis.questions import alerts, dashboards, saved
from lrs.analysis.readable_stores import whole_scope
from lrs.running import worker
from rules.publication.plans import make_plan

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.usefixtures("nothing_saved"),
]


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[str]:
    with served(world.app) as address:
        yield address


@pytest.fixture(scope="module")
def page(world: World, site: str) -> Iterator[Page]:
    """A tab in which the vendor's administrator is logged in."""
    settings = world.app.extensions["laurel"].settings
    cookie = world.ada.client.get_cookie(sessions.cookie_name(settings), domain="localhost")
    assert cookie is not None
    with browsing() as browser:
        tab = browser.open("about:blank")
        tab.call("Network.setCookie", name=cookie.key, value=cookie.value, url=site)
        yield tab


def visit(page: Page, address: str, *, width: int = 1280, theme: str = "light") -> None:
    """Open an address and wait for its scripts."""
    origin, path = (
        address[: address.index("/", 8)],
        address[address.index("/", 8) :].split("?", maxsplit=1)[0],
    )
    page.call("Network.setCookie", name="laurel-theme", value=theme, url=origin)
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
    )
    page.go(address)
    page.wait(f"document.readyState === 'complete' && location.pathname === {json.dumps(path)}")


def paths(world: World) -> list[str]:
    sven = f"/console/people/{world.person('Sven Dahl')}"
    statement = world.db.statements.find_one({"org": "aurora"})["id"]
    return [
        "/console", "/console/search?q=a", "/console/certifications", "/console/certifications/sales-pro",
        "/console/certifications/sales-pro/holders", "/console/people", sven,
        f"{sven}/certifications/sales-pro", "/console/partners", "/console/partners/aurora",
        "/console/partners/aurora/roster", "/console/expiries?days=365", "/console/rules",
        "/console/rules/new?from=sales-pro", "/console/statements", f"/console/statements/{statement}",
        "/console/inbound", "/console/clients", "/console/reports", "/console/reports/certified",
        "/console/second-factor", "/console/reports/heatmap", "/console/ask",
        "/console/content", "/console/health", "/console/partners/aurora/join", f"/console/content/{world.db.content_items.find_one({})['_id']}",
        f"{sven}/merge", f"{sven}/split", f"{sven}/certifications/sales-pro/decisions",
        "/console/ask?q=%7B%22group%22:[%22org%22,%22verb%22]%7D", "/console/questions",
        "/console/users", "/console/webhooks", "/console/audit", "/console/live", "/console/platforms",
        "/console/tiers", "/console/tiers?tier=gold", "/console/groups", "/console/groups/certified-assessors",
        "/console/settings", "/console/settings/notices", "/console/inbound/groups", "/console/events", "/console/statements/upload",
        "/console/decisions?certification=sales-pro&state=active",
        "/console/settings/policies", "/console/settings/policies?org=aurora", "/console/partners/aurora/settings",
        "/console/launches", "/console/sign-in", "/console/account", "/console/dashboards", boarded(world),
        f"{boarded(world)}?change=1",
        f"{boarded(world)}?organization=aurora&since=2026-01-01", watched(world), "/console/search?q=rule",
        "/console/reports/due", "/console/assignments",
        "/console/rules/recipes", "/console/rules/recipes/yearly", f"{sven}/certifications/sales-pro/sheet",
        *planned(world),
    ]  # fmt: skip


def boarded(world: World) -> str:
    """Return the page of a dashboard with a picture, figures and a list on it."""
    found = world.db.dashboards.find_one({"name": "In the browser"})
    if found is None:
        now = utc_now()
        found = dashboards.create(world.db, "vendor", "somebody", "In the browser", now)
        for asked in ({"group": ["verb"]}, {"measures": {"count": {"count": True}}}, {}):
            made = saved.create(
                world.db, name="Asked", owner="somebody", org="vendor", scope=whole_scope(world.db),
                expression=asked, schedule=None, now=now,
            )  # fmt: skip
            saved.run(world.db, made, now)
            dashboards.put(world.db, dashboards.get(world.db, "vendor", found["_id"]), made["_id"], now)
    return f"/console/dashboards/{found['_id']}"


def watched(world: World) -> str:
    """Return the page of a question with an alert that somebody has, beyond its bound."""
    boarded(world)
    found = world.db.saved_queries.find_one({"name": "Asked", "expression": {"$regex": "group"}})
    if not found.get("alerts"):
        saved.change(world.db, found, utc_now(), schedule="0 * * * *")
        user = world.db.users.find_one({"email": "ada@vendor.example"})["_id"]
        found = world.db.saved_queries.find_one({"_id": found["_id"]})
        alerts.add(
            world.db, found, user, "en", measure="count", side="above", bound="1",
            latest=saved.latest(world.db, found),
        )  # fmt: skip
    return f"/console/questions/{found['_id']}"


def planned(world: World) -> list[str]:
    """Return the pages of a plan by which somebody loses: its rows, its groups, one person from both sides."""
    text = world.db.rule_versions.find_one({"id": "sales-pro", "version": "3"})["source"]
    text = text.replace('version: "3"', 'version: "4"').replace("at_least: 0.80", "at_least: 0.90")
    text = text.replace("\ntests:", "\ntransition: {existing: re_evaluate}\ntests:")
    plan = world.db.plans.find_one({"documents.id": "sales-pro", "applied_at": None})
    made = plan or make_plan(world.db, [("sales-pro.yaml", text)], utc_now(), "user:ada")
    row = world.db.plan_people.find_one({"plan": made["_id"], "change": "lose"})
    plan_page = f"/console/plans/{made['_id']}"
    return [plan_page, f"{plan_page}?by=reason", f"{plan_page}/people/{row['person']}/{row['certification']}"]


def test_every_page_is_accessible_in_both_themes(world: World, site: str, page: Page) -> None:
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing; scripts/test installs it where npm is at hand")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    for path in paths(world):
        for theme in ("light", "dark"):
            visit(page, f"{site}{path}", theme=theme)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], (path, theme)
    page.run("document.querySelector('main').append(document.createElement('input'))")
    assert page.run(script) == ["label"], "axe does look"


def test_narrow_pages_do_not_scroll_sideways_and_nothing_is_refused_or_foreign(
    world: World, site: str, page: Page
) -> None:
    page.browser.events.clear()
    for path in paths(world):
        visit(page, f"{site}{path}", width=390)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), path
    events = page.browser.events
    asked = [
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
    said = [one["params"] for one in events if one["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]
    assert said == [], "an error of a script, or a breach of the policy"


def test_injected_markup_runs_nothing(world: World, site: str, page: Page) -> None:
    visit(page, f"{site}/console/people?q=%3Cimg%20src%3Dx%20onerror%3D%22window.hit%3D1%22%3E")
    refused = "try { document.body.innerHTML = '<b>x</b>'; 'done' } catch (error) { error.name }"
    assert page.run(refused) == "TypeError", "Trusted Types without any policy"
    inline = "document.createElement('a').setAttribute('onclick', 'window.hit = 1')"
    assert page.run(f"try {{ {inline}; 'done' }} catch (error) {{ error.name }}") == "TypeError"
    assert page.run("document.querySelector('main img') === null && window.hit === undefined")


def test_somebody_is_found_by_keyboard(world: World, site: str, page: Page) -> None:
    visit(page, f"{site}/console")
    page.run(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true}))"
    )
    assert page.run("document.activeElement.id") == "search"
    page.call("Input.insertText", text="lima")
    assert page.wait("document.querySelector('.hits a b')?.textContent") == "Ana Lima"
    page.run(
        "document.getElementById('search').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}))"
    )
    assert page.run("document.activeElement.closest('.hits') !== null")
    page.press("Enter")
    page.wait("document.querySelector('h1')?.textContent === 'Ana Lima'")


def test_a_palette_of_actions_opens_by_keyboard_and_leads_to_an_open_form(
    world: World, site: str, page: Page
) -> None:
    visit(page, f"{site}/console/people")
    page.run("document.querySelector('main input')?.focus(); 0")
    page.run(
        "(document.activeElement ?? document).dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'k', ctrlKey: true, bubbles: true, cancelable: true}))"
    )
    assert page.run("document.activeElement.id") == "search"
    page.wait("document.querySelectorAll('.hits a').length === 16")
    page.call("Input.insertText", text="make a client")
    page.wait("document.querySelectorAll('.hits a').length === 1")
    page.run(
        "document.getElementById('search').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}))"
    )
    page.press("Enter")
    page.wait("location.pathname === '/console/clients' && document.readyState === 'complete'")
    assert page.run("document.getElementById('new').open")


def test_why_somebody_is_not_certified_and_how_it_was_then(world: World, site: str, page: Page) -> None:
    """From the search to the failing requirement, and back in time by the line of states."""
    visit(page, f"{site}/console/people/{world.person('Sven Dahl')}")
    page.run("document.querySelector('.rows a[href*=sales-pro]').click()")
    page.wait(
        "location.pathname.endsWith('/sales-pro') && document.querySelector('details[open] .near') !== null"
    )
    page.run("document.querySelector('.drawing a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    page.wait("location.search.startsWith('?at=') && document.querySelector('.notice') !== null")
    assert page.run("document.querySelector('.head .pill').textContent").endswith("Valid")


def test_a_rule_is_written_with_the_checker_beside_and_planned(world: World, site: str, page: Page) -> None:
    visit(page, f"{site}/console/rules/new?from=sales-pro")
    write = "(text.value = text.value.replace({}), text.dispatchEvent(new Event('input')), true)"
    page.run(write.format("'validity:', 'validty:'"))
    page.wait("document.getElementById('problems').textContent.includes('validity')")
    assert page.run("document.getElementById('plan').disabled")
    page.run("document.querySelector('#problems .place').click()")
    assert page.run(
        "document.activeElement.id === 'text' || document.activeElement.closest('.cm-editor') !== null"
    )
    page.run(write.format("'validty:', 'validity:'"))
    page.run(write.format("""'version: "3"', 'version: "4"'"""))
    page.run(write.format("'at_least: 0.80', 'at_least: 0.90'"))
    page.run(write.format("'tests:', 'transition: {existing: re_evaluate}\\ntests:'"))
    page.wait("!document.getElementById('plan').disabled")
    assert page.run("document.querySelectorAll('#cases .good').length") == 3
    page.run("document.getElementById('plan').click()")
    page.wait("location.pathname.startsWith('/console/plans/')")
    page.wait("document.querySelector('.danger')?.textContent === 'Apply: 3 people lose'")
    page.wait("document.readyState === 'complete'")
    assert page.run("document.querySelectorAll('.fold tbody tr').length") == 3
    if AXE.exists():
        plan = page.run("location.pathname")
        script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
        for theme in ("light", "dark"):
            visit(page, f"{site}{plan}", theme=theme)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], ("the plan", theme)


def test_a_question_is_asked_by_the_form_and_a_bar_opens_its_statements(
    world: World, site: str, page: Page
) -> None:
    """From the empty form to a picture, by a bar to its statements, and saved for everybody."""
    visit(page, f"{site}/console/ask")
    choose = "document.querySelector({}).value = {}"
    for place, value in (
        ("[name=field]", "verb"), ("[name=value]", "passed"), ("[name=function]", "count"), ("#g0", "person.organization"),
    ):  # fmt: skip
        page.run(choose.format(json.dumps(place), json.dumps(value)))
    page.run("document.querySelector('form.builder').requestSubmit()")
    page.wait("location.search.startsWith('?q=') && document.querySelector('.bars a') !== null")
    said = page.run("document.querySelector('.head').textContent")
    assert "Number of statements by partner of the person, where verb is passed." in said
    page.wait("document.readyState === 'complete'")
    count = int(page.run("document.querySelector('.bars .number').textContent"))
    page.run("document.querySelector('.bars th a').click()")
    page.wait("location.pathname === '/console/statements' && document.readyState === 'complete'")
    assert page.run("document.querySelectorAll('tbody tr').length") == min(count, 50)


def test_statements_become_a_chart_that_colleagues_share(world: World, site: str, page: Page) -> None:
    """From the list of statements by a facet to a count by week, saved, and on a dashboard for a colleague."""
    visit(page, f"{site}/console/statements")
    page.run(
        "[...document.querySelectorAll('.facets a')].find(one => one.textContent.startsWith('answered')).click()"
    )
    page.wait("location.search.includes('verb=') && document.readyState === 'complete'")
    assert page.run(
        "[...document.querySelectorAll('tbody tr td:nth-child(3)')].every(one => one.textContent.startsWith('answered'))"
    )
    page.run(
        "[...document.querySelectorAll('main a')].find(one => one.textContent === 'Count them by week').click()"
    )
    page.wait("location.pathname === '/console/ask' && document.querySelector('.lines-of') !== null")
    page.wait("document.readyState === 'complete'")
    page.run(
        "document.querySelector('details.make').open = true; document.querySelector('details.make [name=name]').value = 'Answered by week'; 0"
    )
    page.run("document.querySelector('details.make form').requestSubmit()")
    page.wait("location.pathname.startsWith('/console/questions/') && document.readyState === 'complete'")
    page.run("document.getElementById('name').value = 'What we look at on Mondays'; 0")
    page.run(
        "[...document.querySelectorAll('button')].find(one => one.textContent === 'Make it and put it there').click()"
    )
    page.wait("location.pathname.startsWith('/console/dashboards/') && document.readyState === 'complete'")
    assert page.run("document.querySelector('h1').textContent") == "What we look at on Mondays"
    assert page.run("document.querySelectorAll('.board .lines-of').length") == 1
    looked_at(page, "a dashboard")
    path = page.run("location.pathname")
    assert "Answered by week" in world.ann.open(path).text, "a colleague sees it"
    assert world.pat.open(path).status_code == 404


def test_a_partner_that_falls_is_followed_from_the_first_page_to_who_would_save_it(
    world: World, site: str, page: Page
) -> None:
    """Somebody who counted is suspended; from the first page to the partner, what is missing, and who that is."""
    sven = world.person("Sven Dahl")
    decisions = f"/console/people/{sven}/certifications/sales-pro/decisions"
    form = {"kind": "hold", "reason": "identity"}
    assert world.ada.open(decisions, "POST", data=form).status_code == 303
    services = worker.worker_services(world.app.extensions["laurel"].settings, world.db)
    until_quiet(services)
    try:
        visit(page, f"{site}/console")
        page.run("document.querySelector('section[aria-labelledby=falling] li a').click()")
        page.wait("location.pathname === '/console/partners/borealis' && document.readyState === 'complete'")
        assert "Falls on" in page.run("document.querySelector('.notice.late').textContent")
        assert page.run("document.querySelectorAll('.rung .meter').length") > 0
        looked_at(page, "a partner that falls")
        page.run("[...document.querySelectorAll('main a')].find(one => one.textContent === 'Roster').click()")
        page.wait("location.pathname.endsWith('/roster') && document.readyState === 'complete'")
        page.run(f"document.querySelector('a.cell[href*={json.dumps(sven)}]').click()")
        page.wait("location.pathname.endsWith('/sales-pro') && document.readyState === 'complete'")
        assert page.run("document.querySelector('.head .pill').textContent").endswith("Suspended")
    finally:
        (held,) = world.db.facts.find({"person": sven, "kind": "hold"})
        assert world.ada.open(decisions, "POST", data={"kind": "lift", "of": held["_id"]}).status_code == 303
        until_quiet(services)


def test_a_package_is_uploaded_by_the_page_and_its_page_follows(
    world: World, site: str, page: Page, tmp_path: Path
) -> None:
    """The script that shows progress sends what the form would send, under the policy."""
    package = tmp_path / "quiz.zip"
    package.write_bytes(zipped(scorm_files()))
    visit(page, f"{site}/console/content")
    page.browser.events.clear()
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    field = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=field, files=[str(package)])
    page.run("document.querySelector('form.upload').requestSubmit()")
    page.wait("location.pathname.startsWith('/console/content/versions/')")
    page.wait("document.querySelector('h1')?.textContent.includes('quiz.zip')")
    said = [one for one in page.browser.events if one["method"] == "Log.entryAdded"]
    assert said == [], "no breach of the policy"
    version = page.run("location.pathname.split('/').pop()")
    page.go("about:blank")
    page.wait("location.href === 'about:blank'")
    world.db.content_versions.delete_one({"_id": version})


def test_what_arrives_appears_by_itself_and_waits_while_somebody_reads(
    world: World, site: str, page: Page
) -> None:
    headers = {**make_client(world.db, "aurora", label="tail"), "X-Experience-API-Version": "1.0.3"}
    visit(page, f"{site}/console/live?client=tail")
    page.browser.events.clear()

    def send(who: str) -> None:
        statement = make_statement(id=str(uuid.uuid4()), actor={"mbox": f"mailto:{who}@x.example"})
        answer = world.app.test_client().post("/xapi/statements", json=statement, headers=headers)
        assert answer.status_code == 200

    send("first")
    page.wait("document.querySelector('#tail a')?.textContent.startsWith('first@x.example')")
    page.run("document.querySelector('#tail a').focus()")
    send("second")
    page.wait("!document.getElementById('held').hidden")
    assert page.run("document.querySelectorAll('#tail li').length") == 1
    page.run("document.getElementById('held').click()")
    assert page.run("document.querySelector('#tail a').textContent").startswith("second@x.example")
    said = [
        one["params"]
        for one in page.browser.events
        if one["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}
    ]
    assert said == [], "no breach of the policy, no error of the script"
    page.go("about:blank")
    page.wait("location.href === 'about:blank'")


def test_a_slider_leads_through_the_states(world: World, site: str, page: Page) -> None:
    sven = f"/console/people/{world.person('Sven Dahl')}/certifications/sales-pro"
    visit(page, f"{site}{sven}")
    page.wait("document.querySelector('#states input[type=range]') !== null")
    assert page.run("document.querySelector('#states output').textContent") == "Now"
    page.run(
        "(() => { const one = document.querySelector('#states input'); one.value = 0;"
        " for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind)); })()"
    )
    state, day = page.run("document.querySelector('#states output').textContent").split(", ")
    assert (state, dt.date.fromisoformat(day[:10]) < utc_now().date()) == ("Valid", True)
    page.wait(f"location.search.startsWith('?at={day[:10]}')")
    page.wait("document.activeElement.matches('#states input')")
    assert page.run("document.querySelector('#states input').value") == "0", "it stays where it was put"
    assert "Valid" in page.run("document.querySelector('.head').textContent")


STOPS = """(() => {
  const every = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, pre[tabindex]')];
  const stops = every.filter((one) => one.checkVisibility() && one.type !== 'hidden' && !one.disabled);
  stops.forEach((one, at) => { one.dataset.stop = at; });
  window.scrollTo(0, 0);
  document.activeElement.blur();
  return stops.length;
})()"""
HERE = """(() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect();
  const seen = document.elementFromPoint(box.left + Math.min(box.width / 2, 12), box.top + box.height / 2);
  const style = getComputedStyle(one);
  const near = seen && (one.contains(seen) || seen.contains(one));
  return [one.dataset.stop ?? one.className, Boolean(near), style.outlineStyle !== 'none' || style.boxShadow !== 'none'];
})()"""


@pytest.mark.parametrize("path", ["/console/live?client=nobody", "/console/users", "/console/questions"])
def test_a_page_is_walked_by_keyboard_alone(site: str, page: Page, path: str) -> None:
    """Tab reaches everything that can be used, each stop shows itself and nothing covers it."""
    visit(page, f"{site}{path}")
    left = page.run(STOPS)
    reached: dict[str, tuple[bool, bool]] = {}
    for _ in range(left + 5):
        page.press("Tab")
        here = page.run(HERE)
        if here is not None:
            reached[str(here[0])] = (here[1], here[2])
    missed = [str(at) for at in range(left) if str(at) not in reached]
    assert missed == [], "there is no trap, and nothing is left out"
    assert [at for at, (near, _) in reached.items() if at.isdigit() and not near] == [], "covered"
    assert [at for at, (_, shown) in reached.items() if not shown] == [], "the focus is not seen"


def looked_at(page: Page, name: str) -> None:
    """Let axe look at the page that a form gave, in both themes and at 390 pixels."""
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), name
    if not AXE.exists():
        return
    page.run(AXE.read_text("utf-8") + ";0")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    for theme in ("light", "dark"):
        page.run(f"document.documentElement.dataset.theme = {json.dumps(theme)}; 0")
        for width in (390, 1280):
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=900,
                deviceScaleFactor=1,
                mobile=False,
            )
            assert page.run(script) == [], (name, theme, width)


def test_two_holders_are_chosen_and_the_effect_of_a_decision_is_shown(
    world: World, site: str, page: Page
) -> None:
    """From the list of holders to what a suspension of two would do; nothing is recorded."""
    before = world.db.facts.count_documents({"by_people": True})
    visit(page, f"{site}/console/certifications/sales-pro/holders?state=active")
    page.run("[...document.querySelectorAll('td.pick input')].slice(0, 2).forEach(one => one.click()); 0")
    page.run("document.querySelector('.row.after button').click()")
    page.wait("location.pathname === '/console/decisions' && document.readyState === 'complete'")
    assert page.run("document.getElementById('who').textContent").endswith("2 people are chosen")
    page.run("document.querySelector('[name=kind][value=hold]').click()")
    page.run("document.getElementById('reason').value = 'identity'")
    page.run("document.querySelector('form.deeds button').click()")
    page.wait("document.readyState === 'complete' && document.getElementById('effect') !== null")
    assert page.run("document.getElementById('effect').textContent") == "Suspend: 2 people change"
    assert page.run("document.querySelectorAll('tbody tr').length") == 2
    looked_at(page, "the effect of a decision")
    assert world.db.facts.count_documents({"by_people": True}) == before


def test_a_file_of_statements_is_tried_on_the_page(world: World, site: str, page: Page) -> None:
    before = world.db.statements.count_documents({})
    visit(page, f"{site}/console/statements/upload")
    text = json.dumps(make_statement()) + "\n{}\n"
    page.run(f"document.getElementById('text').value = {json.dumps(text)}; 0")
    page.run("document.querySelector('button[value=try]').click()")
    page.wait("document.readyState === 'complete' && document.getElementById('outcome') !== null")
    assert (
        page.run("[...document.querySelectorAll('tbody th')].map(one => one.textContent).join()")
        == "text.json:2"
    )
    looked_at(page, "the outcome of a trial")
    assert world.db.statements.count_documents({}) == before
