"""Pages of instructors: who may, what a form writes, what others do not see, and two stories in a browser."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from browser import CHROMIUM, Page
from factories_access import Browser, log_in, make_user
from portal_pages import enter, text_of, visit
from served_pages import AXE, TAGS

from lrs.access.users import get_user

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
CRITERIA = "Safety: Not seen 0, With help 1, Alone 2\nSpeed: Slow 0, Quick 2"
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def ines(world: Any) -> Browser:
    """The vendor's instructor, an assessor of the living example."""
    return log_in(world.app, get_user(world.db, "ines.castell@vendor.example"))


@pytest.fixture(scope="module")
def xenia(world: Any) -> Browser:
    """An instructor of borealis who has proven her mailbox."""
    user = get_user(world.db, "xenia.pappas@borealis.example")
    world.db.users.update_one({"_id": user["_id"]}, {"$set": {"mailbox": user["email"]}})
    return log_in(world.app, user)


def session_of(who: Browser, *, seats: int = 2, title: str = "Lab day", **more: str) -> str:
    """Plan a session that begins in three days; return its id."""
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    form = {
        "title": title, "begins": f"{begins:%Y-%m-%dT%H:%M}", "timezone": "UTC", "seats": str(seats),
        "ends": f"{begins + dt.timedelta(hours=4):%Y-%m-%dT%H:%M}", "place": "Room 4", **more,
    }  # fmt: skip
    answer = who.open("/instructor/sessions", "POST", data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.location.rsplit("/", 1)[-1])


def rubric_of(who: Browser, title: str = "Lift practical", **more: str) -> str:
    form = {"title": title, "criteria": CRITERIA, "pass_mark": "3", **more}
    answer = who.open("/instructor/rubrics", "POST", data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.location.rsplit("/", 1)[-1])


def sign_off(who: Browser, rubric: str, *people: str, **more: Any) -> Any:
    form = {
        "rubric": rubric, "number": "1", "of": "", "person": list(people), "level.safety": "alone",
        "level.speed": "quick", **{f"id.{one}": str(uuid4()) for one in people}, **more,
    }  # fmt: skip
    return who.open("/instructor/sign-off", "POST", data=form)


def begin(world: Any, session: str) -> None:
    """Let a session have begun."""
    now = dt.datetime.now(dt.UTC)
    times = {"begins_at": now - dt.timedelta(hours=2), "ends_at": now + dt.timedelta(hours=2)}
    world.db.training_sessions.update_one({"_id": session}, {"$set": times})


def written(world: Any, org: str = "vendor") -> int:
    found: int = world.db.statements.count_documents({"org": org, "client": "laurel-assessments"})
    return found


def test_pages_of_instructors_are_for_instructors_who_are_persons(world: Any, ines: Browser) -> None:
    for path in ("/instructor", "/instructor/sign-off", "/instructor/rubrics", "/instructor/worker.js"):
        assert ines.open(path).status_code == 200, path
        assert world.ana.open(path).status_code == 403, path
        assert "Is this your mailbox?" in world.paul.open(path).text, "a password proves no mailbox"
        assert world.app.test_client().get(path).status_code == 302
    policy = ines.open("/instructor").headers["Content-Security-Policy"]
    assert "trusted-types laurel; worker-src 'self'" in policy
    assert "worker-src" not in world.sven.open("/me").headers["Content-Security-Policy"]
    for path in ("/console/people", "/partner", "/api/v1/people"):
        assert ines.open(path).status_code == 403, path


def test_a_partners_instructor_signs_off_own_people_alone(world: Any, ines: Browser, xenia: Browser) -> None:
    rubric, before = rubric_of(xenia), written(world, "borealis")
    sven, ana = world.person("Sven Dahl"), world.person("Ana Lima")
    assert sign_off(xenia, rubric, sven).status_code == 303
    assert written(world, "borealis") == before + 1
    for people in ([ana], [sven, ana], [world.person("Xenia Pappas")], [], ["nobody"]):
        assert sign_off(xenia, rubric, *people).status_code in {404, 422}, people
    assert written(world, "borealis") == before + 1, "all of a form, or nothing"
    assert sign_off(ines, rubric, sven).status_code == 404, "a partner's rubric is the partner's"
    page = xenia.open("/instructor/sign-off?of=o:aurora&rubric=" + rubric)
    assert page.status_code == 404
    listed = xenia.open("/instructor/sign-off?of=o:borealis&rubric=" + rubric).text
    assert "Sven Dahl" in listed
    assert "Ana Lima" not in listed
    assert world.person("Xenia Pappas") not in listed, "nobody is offered to themselves"
    theirs = session_of(ines)
    for act in ("", "/cancel", "/people", "/attendance"):
        assert xenia.open(f"/instructor/sessions/{theirs}{act}", "POST", data={}).status_code == 404, act


def test_evidence_is_for_the_person_and_for_instructors_of_that_organization(
    world: Any, ines: Browser, xenia: Browser
) -> None:
    sven, rubric = world.person("Sven Dahl"), rubric_of(ines)
    name = str(uuid4())
    more = {f"id.{sven}": name, f"file.{sven}": (io.BytesIO(PNG), "lift<b>.png"), f"note.{sven}": "Calm."}
    assert sign_off(ines, rubric, sven, **more).status_code == 303
    import hashlib

    file = f"vendor/{name}/{hashlib.sha256(PNG).hexdigest()}"
    got = ines.open(f"/instructor/evidence/{file}")
    assert (got.data, got.content_type) == (PNG, "image/png")
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert world.sven.open(f"/me/evidence/{file}").data == PNG
    assert world.ana.open(f"/me/evidence/{file}").status_code == 404
    assert xenia.open(f"/instructor/evidence/{file}").status_code == 404
    assert "lift<b>" not in ines.open("/instructor").text, "names of files are text"
    refused = sign_off(ines, rubric, sven, **{f"file.{sven}": (io.BytesIO(b"<svg>"), "x.svg")})
    assert refused.status_code == 422
    many = sign_off(ines, rubric, sven, **{f"file.{sven}": [(io.BytesIO(PNG), f"{n}.png") for n in range(5)]})
    assert many.status_code == 422
    assert "lift" in world.sven.open("/me/record").text, "the person finds the file on the own record"


def test_what_was_signed_is_taken_back_by_a_form(world: Any, ines: Browser) -> None:
    sven, rubric, name = world.person("Sven Dahl"), rubric_of(ines), str(uuid4())
    sign_off(ines, rubric, sven, **{f"id.{sven}": name})
    assert ines.open(f"/instructor/sign-off/{name}/void", "POST").status_code == 303
    assert world.db.statements.find_one({"org": "vendor", "id": __import__("uuid").UUID(name)})["voided"]
    assert ines.open(f"/instructor/sign-off/{name}/void", "POST").status_code == 404


def test_attendance_is_for_who_is_booked_and_the_roster_shows_it(world: Any, ines: Browser) -> None:
    session, sven = session_of(ines), world.person("Sven Dahl")
    ines.open(f"/instructor/sessions/{session}/people", "POST", data={"email": "sven.dahl@borealis.example"})
    there = {"person": [sven], f"id.{sven}": str(uuid4())}
    assert ines.open(f"/instructor/sessions/{session}/attendance", "POST", data=there).status_code == 409
    begin(world, session)
    ana = world.person("Ana Lima")
    stranger = {"person": [sven, ana], f"id.{sven}": str(uuid4()), f"id.{ana}": str(uuid4())}
    assert ines.open(f"/instructor/sessions/{session}/attendance", "POST", data=stranger).status_code == 422
    answer = ines.open(
        f"/instructor/sessions/{session}/attendance",
        "POST",
        data=there,
        headers={"Accept": "application/json"},
    )
    assert answer.json["stored"] == [there[f"id.{sven}"]]
    assert "attended" in ines.open(f"/instructor/sessions/{session}").text
    assert "attended" in world.sven.open(f"/me/sessions/{session}").text


def test_a_session_of_a_partner_is_not_there_for_others(world: Any, xenia: Browser) -> None:
    session = session_of(xenia, title="Borealis only")
    assert "Borealis only" in world.sven.open("/me/sessions").text
    assert "Borealis only" not in world.ana.open("/me/sessions").text
    for method, act in (("GET", ""), ("GET", ".ics"), ("POST", "/book"), ("POST", "/give-up")):
        assert world.ana.open(f"/me/sessions/{session}{act}", method).status_code == 404
    assert xenia.open("/instructor/sessions", "POST", data={"audience": "aurora"}).status_code == 404
    bad = {"title": "x", "begins": "2099-01-01T09:00", "ends": "2098-01-01T09:00", "timezone": "UTC",
           "place": "x", "seats": "1"}  # fmt: skip
    assert xenia.open("/instructor/sessions", "POST", data=bad).status_code == 422


def test_a_step_that_a_session_meets_leads_to_the_next_one_with_a_seat(world: Any, ines: Browser) -> None:
    demo = "https://acme.example/xapi/sales/demo"  # what ana misses
    full = session_of(ines, seats=1, title="Full demo", activity=demo)
    ines.open(f"/instructor/sessions/{full}/people", "POST", data={"email": "sven.dahl@borealis.example"})
    assert f"/me/sessions/{full}" not in world.ana.open("/me").text
    free = session_of(ines, seats=1, title="Free demo", activity=demo)
    for path in ("/me", "/me/certifications/sales-pro"):
        assert f'href="/me/sessions/{free}">Book<' in world.ana.open(path).text, path
    world.ana.open(f"/me/sessions/{free}/book", "POST")
    assert f'href="/me/sessions/{free}">Booked<' in world.ana.open("/me").text
    ines.open(f"/instructor/sessions/{free}/cancel", "POST", data={"reason": "ill"})
    assert f"/me/sessions/{free}" not in world.ana.open("/me").text


def test_the_address_of_a_calendar_is_shown_once_and_needs_no_login(world: Any, ines: Browser) -> None:
    session = session_of(ines, title="In my calendar")
    assert world.sven.open(f"/me/sessions/{session}/book", "POST").status_code == 303
    form = {"once": "a-word"}
    address = re.search(
        r"http://lrs\.example(/calendar\.ics\?token=[\w-]+)",
        world.sven.open("/me/calendar", "POST", data=form).text,
    )
    assert address is not None
    found = world.app.test_client().get(address[1])
    assert (found.content_type, "SUMMARY:In my calendar" in found.text) == (
        "text/calendar; charset=utf-8",
        True,
    )
    assert world.sven.open("/me/calendar", "POST", data=form).status_code == 303, (
        "loaded again, it makes no other"
    )
    assert world.app.test_client().get("/calendar.ics?token=x").status_code == 404
    assert "SUMMARY:In my calendar" in world.sven.open(f"/me/sessions/{session}.ics").text


@in_browser
def test_every_page_of_instructors_and_sessions_is_accessible(
    world: Any, site: str, page: Page, ines: Browser
) -> None:
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing; scripts/test installs it where npm is at hand")
    rubric, session, over = rubric_of(ines), session_of(ines, seats=1), session_of(ines)
    for one in (session, over):
        for who in ("sven.dahl@borealis.example", "ana.lima@drift.example"):
            ines.open(f"/instructor/sessions/{one}/people", "POST", data={"email": who})
    begin(world, over)
    theirs = [
        "/instructor", f"/instructor/sessions/{session}", f"/instructor/sessions/{over}", "/instructor/rubrics",
        f"/instructor/rubrics/{rubric}", "/instructor/sign-off",
        f"/instructor/sign-off?rubric={rubric}&of=s:{over}", f"/instructor/sign-off?rubric={rubric}&of=o:borealis",
    ]  # fmt: skip
    mine = ["/me/sessions", f"/me/sessions/{session}", f"/me/sessions/{over}"]
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    page.browser.events.clear()
    for who, path in [*((ines, one) for one in theirs), *((world.sven, one) for one in mine)]:
        enter(page, world, site, who)
        for width, theme in ((390, "light"), (1280, "dark")):
            visit(page, f"{site}{path}", width=width, theme=theme)
            assert page.run("document.querySelector('main .notice.bad, main code.error') === null"), path
            page.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], (path, width, theme)
    assert [one["params"] for one in page.browser.events if one["method"] == "Runtime.exceptionThrown"] == []


@in_browser
def test_an_instructor_signs_off_twelve_people_without_net_and_each_is_written_once(
    world: Any, site: str, page: Page, ines: Browser
) -> None:
    rubric, session = rubric_of(ines, "Twelve"), session_of(ines, seats=20, title="Lab of twelve")
    people = list(world.db.people.find({"email": {"$regex": "@(aurora|borealis)"}}).sort("_id", 1).limit(12))
    assert len(people) == 12
    for one in people:
        data = {"email": one["email"]}
        assert ines.open(f"/instructor/sessions/{session}/people", "POST", data=data).status_code == 303
    begin(world, session)
    enter(page, world, site, ines)
    path = f"{site}/instructor/sign-off?rubric={rubric}&of=s:{session}"
    visit(page, path)
    page.wait("navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)")
    visit(page, path)  # now the worker keeps it
    before = written(world)
    offline(page, True)
    page.reload()
    page.wait("document.querySelectorAll('input[name=person]:checked').length === 12")
    page.run("document.getElementById('level.safety').value = 'alone'")
    page.run("document.getElementById('level.speed').value = 'quick'")
    first = people[0]["_id"]
    page.run(f"document.getElementById('level.{first}.safety').value = 'not-seen'")
    page.run(f"""(() => {{
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from({list(PNG)})], 'lift.png', {{type: 'image/png'}}));
        document.getElementById('file.{first}').files = files.files;
    }})()""")
    page.run("document.querySelector('form[data-queue] button[type=submit]').click()")
    page.wait("!document.getElementById('queue').hidden")
    assert "No net: 1 kept on this device" in text_of(page)
    page.reload()  # the phone was put away: what waits is on its disk
    page.wait("document.getElementById('queue').innerText.includes('1 kept')")
    assert written(world) == before
    offline(page, False)
    page.run("Promise.all([flush(), flush(), flush()]).then(() => 1)")
    assert page.run("kept().then((found) => found.length)") == 0
    rows = list(
        world.db.statements.find({"org": "vendor", "client": "laurel-assessments"}).sort("_id", -1).limit(12)
    )
    assert written(world) == before + 12
    assert sorted(row["success"] for row in rows) == [False] + [True] * 11
    told = [json.loads(row["raw"]) for row in rows]
    assert [len(one.get("attachments", ())) for one in told if one["result"]["success"] is False] == [1]
    visit(page, path)
    page.run("flush().then(() => 1)")
    assert written(world) == before + 12, "sent again, it writes nothing more"


def offline(page: Page, is_offline: bool) -> None:
    """Cut the net of the tab and of its worker."""
    page.offline(is_offline)
    for one in page.browser.call("Target.getTargets")["targetInfos"]:
        if one["type"] == "service_worker":
            session = page.browser.call("Target.attachToTarget", targetId=one["targetId"], flatten=True)[
                "sessionId"
            ]
            page.browser.call("Network.enable", session)
            page.browser.call(
                "Network.emulateNetworkConditions", session, offline=is_offline, latency=0,
                downloadThroughput=-1, uploadThroughput=-1,
            )  # fmt: skip


@in_browser
def test_a_learner_books_a_session_waits_and_moves_up(
    world: Any, site: str, page: Page, ines: Browser
) -> None:
    session = session_of(ines, seats=1, title="One seat")
    learner = make_user(world.db, "vendor", "learner", "rosa.almeida@borealis.example")
    rosa = log_in(world.app, learner)
    assert rosa.open(f"/me/sessions/{session}/book", "POST").status_code == 303
    enter(page, world, site, world.ana)
    visit(page, f"{site}/me/sessions")
    page.run(f"document.querySelector(\"a[href='/me/sessions/{session}']\").click()")
    page.wait(f"location.pathname === '/me/sessions/{session}' && document.readyState === 'complete'")
    page.run("document.querySelector(\"form[action$='/book'] button\").click()")
    page.wait("location.search === '?saved=waiting'")
    assert "you are on the waiting list" in text_of(page)
    assert rosa.open(f"/me/sessions/{session}/give-up", "POST").status_code == 303
    visit(page, f"{site}/me/sessions")
    page.wait("document.querySelector('#mine + article .pill').textContent === 'booked'")
    world.work()
    from lrs.foundation.context import utc_now
    from lrs.foundation.mail import mailer
    from lrs.messaging.mail_queue import send_due

    send_due(world.settings, world.db, mailer(world.settings), utc_now)
    letters = [one.read_text() for one in (world.settings.data_folder / "mail").glob("*.eml")]
    theirs = [one for one in letters if "To: ana.lima@drift.example" in one and "One seat" in one]
    assert any("A seat is free for you" in one for one in theirs), "a mail says it too"
