"""Notices: each once, in time, to the right people, in their language; and awards told as statements."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email
import email.policy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from flask.testing import FlaskClient

from lrs.foundation.errors import UnknownThing
from lrs.foundation.mail import FileMailer, mailer
from lrs.foundation.settings import Settings
from lrs.messaging import due_notices, event_consumers, notices
from lrs.messaging.award_statements import write_back
from lrs.messaging.delivery import RETRIES
from lrs.messaging.mail_queue import resend, send_due
from lrs.messaging.notice_texts import EXAMPLE, LANGUAGES, Line, kinds, message, read_token, token
from lrs.running.mongod import free_port
from rules.catalogue.store import RuleStore, cache_of
from rules.checking.load import load
from rules.engine.queues import outbox
from rules.engine.queues.outbox import Event

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULE = """\
kind: Certification
id: sales
version: "1"
title: Sales Pro
effective_from: 2025-01-01
evidence:
  exam: {verb: passed, activity: "https://x.example/exam"}
award: {when: {done: exam}}
validity: {lasts: 12 months, timezone: Europe/Berlin}
renewal: {opens: 90 days, grace: 30 days}
notices:
  - {before_expiry: [90 days, 30 days, 7 days], to: [holder, partner_admin]}
  - {events: [award.suspended], to: [holder, programme_owner]}
"""


class Office:
    """A certification, its holder, the partner's administrator; time that can be moved; a mail folder."""

    def __init__(self, db: Any, settings: Settings, folder: Path) -> None:
        self.db, self.folder, self.at = db, folder, NOW
        self.settings = dataclasses.replace(settings, programme_owner="owner@x.example")
        loaded = load(RULE.encode(), "sales.yaml")
        assert loaded.document is not None, loaded.problems
        RuleStore(db).publish(loaded.document, source=RULE, by="test", now=NOW)
        cache_of(db).get(fresh=True)
        ifis = [{"ifi": "mbox::mailto:ana@x.example", "from": None, "until": None}]
        db.people.insert_one({
            "_id": "p_ana", "org": "vendor", "name": "Ana", "email": "ana@x.example", "language": "de", "ifis": ifis,
        })  # fmt: skip
        db.affiliations.insert_one({
            "_id": "a", "person": "p_ana", "org": "north", "primary": True, "from": NOW, "until": None, "confirmed_at": NOW,
        })  # fmt: skip
        self.admin(digest=False)
        self.award("2026-12-31")

    def admin(self, *, digest: bool) -> None:
        self.db.users.replace_one(
            {"_id": "u1"},
            {"org": "north", "email": "boss@x.example", "name": "Boss", "role": "partner_admin", "disabled_at": None,
             "notices": {"digest": digest}},
            upsert=True,
        )  # fmt: skip

    def award(self, until: str, state: str = "active", award: str = "AW1") -> None:
        """Let Ana hold an award until a date, in a state from now on."""
        period = {"valid_until": until, "evidence": ["6f1c0000-0000-4000-8000-000000000001"]}
        body = {"org": "vendor", "person": "p_ana", "certification": "sales", "periods": [period]}
        self.db.awards.replace_one({"_id": award}, body, upsert=True)
        states = [{"at": self.at, "state": state, "award": award, "expires": until, "version": "1"}]
        view = {"org": "vendor", "person": "p_ana", "certification": "sales", "states": states}
        self.db.standings.replace_one({"_id": "p_ana/sales"}, view, upsert=True)

    def happen(self, kind: str, effect: str = "1", **data: Any) -> None:
        body = {"person": "p_ana", "organization": "north", "certification": "sales", "award": "AW1", **data}
        outbox.append(self.db, [Event(kind, ("AW1", effect), self.at, body)], self.at, None)
        outbox.number(self.db)

    def work(self, at: str | None = None) -> None:
        """Do what the worker's job does, at an instant."""
        if at is not None:
            self.at = dt.datetime.fromisoformat(at)
        notices.plan(self.db, self.at)
        notices.tell_due(self.db, self.at, self.settings.programme_owner)
        send_due(self.settings, self.db, FileMailer(self.folder), lambda: self.at)

    def mails(self) -> list[Any]:
        files = sorted(self.folder.glob("*.eml")) if self.folder.exists() else []
        return [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files]

    def sent(self) -> list[tuple[str, str]]:
        return [(mail["To"], mail["Subject"]) for mail in self.mails()]


@pytest.fixture
def office(db: Any, settings: Settings, tmp_path: Path) -> Office:
    return Office(db, settings, tmp_path / "mail")


def test_reminders_come_at_nine_local_before_the_end_each_once(office: Office) -> None:
    office.happen("award.issued")
    office.work("2026-10-02T06:59:00+00:00")  # 08:59 in Berlin, 90 days before 2026-12-31
    assert office.sent() == []
    office.work("2026-10-02T07:00:00+00:00")
    expected = [
        ("ana@x.example", "Sales Pro endet am 31. Dezember 2026"),
        ("boss@x.example", "Sales Pro ends on 31 December 2026"),
    ]
    assert sorted(office.sent()) == expected
    for at in ("2026-10-02T07:00:02+00:00", "2026-11-30T23:00:00+00:00"):
        office.work(at)
    assert len(office.sent()) == 2
    office.work("2026-12-01T08:00:00+00:00")
    office.work("2026-12-24T08:00:00+00:00")
    assert len(office.sent()) == 6


def test_after_downtime_only_the_nearest_reminder_is_sent(office: Office) -> None:
    office.happen("award.issued")
    office.work("2026-01-01T00:01:00+00:00")
    office.work("2026-12-26T12:00:00+00:00")
    holder = [subject for to, subject in office.sent() if to == "ana@x.example"]
    assert len(holder) == 1
    text = office.mails()[0].get_body(("plain",)).get_content()
    assert "in 5 Tagen" in text or "in 5 days" in text


@pytest.mark.parametrize("state", ["suspended", "revoked", "expired", "withdrawn"])
def test_a_reminder_is_skipped_when_the_award_no_longer_runs(office: Office, state: str) -> None:
    office.happen("award.issued")
    office.work()
    office.award("2026-12-31", state=state)
    office.work("2026-12-01T09:00:00+00:00")
    assert office.sent() == []


def test_a_renewal_and_an_extension_move_the_reminders(office: Office) -> None:
    """What is due for the old end is skipped; offsets of the new end that lie ahead are armed (cert#8-5)."""
    office.happen("award.issued")
    office.work("2026-12-10T09:00:00+00:00")
    before = len(office.sent())
    office.award("2027-01-20")
    office.happen("award.extended", "2")
    office.work("2026-12-24T12:00:00+00:00")
    assert len(office.sent()) == before + 2  # 30 days before 2027-01-20, not 7 days before 2026-12-31
    office.work("2027-01-13T09:00:00+00:00")
    assert len(office.sent()) == before + 4


def test_event_notices_go_at_once_to_those_named(office: Office) -> None:
    office.happen("award.suspended", reason="misconduct")
    office.work()
    assert sorted(to for to, _ in office.sent()) == ["ana@x.example", "owner@x.example"]
    mail = next(mail for mail in office.mails() if mail["To"] == "ana@x.example")
    text = mail.get_body(("plain",)).get_content()
    assert "Fehlverhalten" in text
    assert "/credentials/AW1" in text


def test_a_tier_at_risk_is_told_to_the_partners_administrators(office: Office) -> None:
    missing = [{"label": "technical people", "missing": 1}]
    office.happen(
        "tier.at_risk", person=None, award=None, certification=None, tier="gold", falls_to="silver", programme="acme",
        falls_at=NOW + dt.timedelta(days=60), missing=missing,
    )  # fmt: skip
    office.work()
    assert office.sent() == [("boss@x.example", "north will fall from gold on 2 March 2026 (acme)")]
    text = office.mails()[0].get_body(("plain",)).get_content()
    assert text.count("/partner") == 1, "their page says who can mend it"


def test_a_digest_gathers_what_an_administrator_wants_daily(office: Office) -> None:
    office.admin(digest=True)
    office.happen("award.issued")
    office.work("2026-10-02T07:00:00+00:00")
    office.happen("tier.at_risk", "t", tier="gold", falls_to="silver", falls_at=NOW)
    office.work("2026-10-02T08:00:00+00:00")
    assert [to for to, _ in office.sent()] == ["ana@x.example"]
    office.work("2026-10-02T09:00:00+00:00")
    office.work("2026-10-02T09:01:00+00:00")
    assert office.sent()[1:] == [("boss@x.example", "2 notices about your people")]


def test_reminders_can_be_stopped_and_suspensions_cannot(office: Office, client: FlaskClient) -> None:
    office.happen("award.issued")
    office.work("2026-10-02T07:00:00+00:00")
    mail = next(mail for mail in office.mails() if mail["To"] == "ana@x.example")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = urlsplit(mail["List-Unsubscribe"].strip("<>")).path
    assert "ana@x.example" in client.get(path).text
    office.work("2026-12-01T08:00:00+00:00")
    assert len(office.sent()) == 4  # a look at the page stops nothing
    assert client.post(path).status_code == 200
    office.work("2026-12-24T08:00:00+00:00")
    assert [to for to, _ in office.sent()[4:]] == ["boss@x.example"]
    office.happen("award.suspended", "s", reason="identity")
    office.work("2026-12-24T09:00:00+00:00")
    suspended = next(mail for mail in office.mails() if "ausgesetzt" in mail["Subject"])
    assert suspended["List-Unsubscribe"] is None
    assert client.post(path[:-3] + "abc").status_code == 404


def test_the_way_out_is_signed(settings: Settings) -> None:
    from urllib.parse import unquote

    made = unquote(token(settings, "a@x.example", "before_expiry"))
    assert read_token(settings, made) == ("a@x.example", "before_expiry")
    for wrong in (made.replace("a@", "b@"), made[:-1], "", "||"):
        with pytest.raises(UnknownThing):
            read_token(settings, wrong)


class Unreliable:
    """A mail server that refuses a while."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.taken = refusals, []  # type: ignore[var-annotated]  # messages

    def send(self, message: Any, _at_the_end: Any = None) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError("connection refused")
        self.taken.append(message["Message-ID"])


def test_failed_mail_is_tried_again_on_the_schedule_of_webhooks(office: Office) -> None:
    office.happen("award.suspended")
    notices.plan(office.db, office.at)
    notices.tell_due(office.db, office.at, None)
    server = Unreliable(3)
    for _ in range(4):
        send_due(office.settings, office.db, server, lambda: office.at)
        waiting = office.db.mails.find_one({"state": "waiting"})
        if waiting is None:
            break
        step = RETRIES[waiting["tries"] - 1]
        assert 0.89 * step <= waiting["due_at"] - office.at <= 1.11 * step
        office.at = waiting["due_at"]
    assert len(server.taken) == 1


BASICS = """\
kind: Certification
id: basics
version: "1"
title: Basics
effective_from: 2025-01-01
evidence:
  course: {verb: completed, activity: "https://x.example/course"}
award: {when: {done: course}}
validity: {lasts: 12 months, timezone: Europe/Berlin}
targets:
  - {partner: north, due_within: 30 days}
notices:
  - {before_due: [60 days, 7 days, 0 days], to: [holder, partner_admin]}
"""


@pytest.fixture
def asking(office: Office) -> Office:
    """The office, with a certification that is due of Ana, at north since 2026-01-01, on 2026-01-31."""
    loaded = load(BASICS.encode(), "basics.yaml")
    assert loaded.document is not None, loaded.problems
    RuleStore(office.db).publish(loaded.document, source=BASICS, by="test", now=NOW)
    cache_of(office.db).get(fresh=True)
    return office


def remind(office: Office, at: str) -> list[str]:
    """Do what the worker's jobs do, and return who was mailed since."""
    before = len(office.sent())
    due_notices.plan(office.db, dt.datetime.fromisoformat(at))
    office.work(at)
    return sorted(to for to, _ in office.sent()[before:])


def test_5_8_what_is_due_is_told_in_time_each_once(asking: Office) -> None:
    assert remind(asking, "2026-01-01T12:00:00+00:00") == [], "60 days before, nobody was asked yet"
    assert remind(asking, "2026-01-24T07:59:00+00:00") == []  # 08:59 in Berlin
    assert remind(asking, "2026-01-24T08:00:00+00:00") == ["ana@x.example", "boss@x.example"]
    for at in ("2026-01-24T08:00:02+00:00", "2026-01-25T08:00:00+00:00", "2026-01-31T07:59:00+00:00"):
        assert remind(asking, at) == []
    assert remind(asking, "2026-01-31T08:00:00+00:00") == ["ana@x.example", "boss@x.example"]
    assert remind(asking, "2026-03-01T08:00:00+00:00") == []
    told = [
        mail.get_body(("plain",)).get_content() for mail in asking.mails() if mail["To"] == "ana@x.example"
    ]
    assert len(told) == 2
    for text in told:
        assert "31. Januar 2026" in text
        assert "/me/certifications/basics" in text


LAUNCH = """\
kind: Assignment
id: launch
version: "1"
title: Launch
effective_from: 2025-01-01
timezone: Europe/Berlin
path: [{holds: sales}]
targets:
  - {partner: north, due_within: 30 days}
exempt:
  - {group: leave, reason: Away}
notices:
  - {before_due: [7 days], to: [holder]}
  - {after_due: [1 day, 7 days], to: [holder, partner_admin]}
"""


@pytest.fixture
def assigning(office: Office) -> Office:
    """The office, with an assignment that is due of Ana on 2026-01-31; she does not hold its certification."""
    loaded = load(LAUNCH.encode(), "launch.yaml")
    assert loaded.document is not None, loaded.problems
    RuleStore(office.db).publish(loaded.document, source=LAUNCH, by="test", now=NOW)
    cache_of(office.db).get(fresh=True)
    office.db.standings.delete_many({})
    return office


def test_5_9_an_assignment_is_reminded_of_and_when_it_is_late_the_manager_hears_of_it(
    assigning: Office,
) -> None:
    assert remind(assigning, "2026-01-24T08:00:00+00:00") == ["ana@x.example"]
    assert remind(assigning, "2026-01-31T08:00:00+00:00") == [], "the day itself is not late"
    assert remind(assigning, "2026-02-01T08:00:00+00:00") == ["ana@x.example", "boss@x.example"]
    assert remind(assigning, "2026-02-02T08:00:00+00:00") == []
    assert remind(assigning, "2026-02-07T08:00:00+00:00") == ["ana@x.example", "boss@x.example"]
    bodies = [mail.get_body(("plain",)).get_content() for mail in assigning.mails()]
    assert "Launch" in bodies[-1]
    assert any("/me/assignments/launch" in body for body in bodies)
    assert any("/partner/people/p_ana" in body for body in bodies)


@pytest.mark.parametrize("change", ["met", "exempt", "gone"])
def test_5_9_nobody_hears_of_an_assignment_that_is_not_asked_any_more(assigning: Office, change: str) -> None:
    if change == "met":
        assigning.award("2026-12-31")
    elif change == "exempt":
        members = [{"person": "p_ana", "from": None, "until": None}]
        assigning.db.groups.insert_one({"_id": "leave", "org": "vendor", "name": "leave", "members": members})
    else:
        assigning.db.affiliations.update_one({}, {"$set": {"until": NOW + dt.timedelta(days=20)}})
    assert remind(assigning, "2026-02-01T08:00:00+00:00") == []


def test_5_8_after_downtime_only_the_nearest_day_is_told_and_what_is_long_over_not_at_all(
    asking: Office,
) -> None:
    assert remind(asking, "2026-02-02T08:00:00+00:00") == ["ana@x.example", "boss@x.example"]
    asking.db.notices.delete_many({})
    asking.db.consumers.delete_many({"_id": "due notices/basics"})
    assert remind(asking, "2026-04-02T08:00:00+00:00") == []


@pytest.mark.parametrize("change", ["held", "gone", "moved"])
def test_5_8_nobody_is_reminded_of_what_is_not_due_any_more(asking: Office, change: str) -> None:
    """Neither where it is known in the morning, nor where it happens between planning and telling."""
    state = {"at": NOW, "state": "active", "award": "AW2", "expires": None, "version": "1"}
    standing = {"org": "vendor", "person": "p_ana", "certification": "basics", "states": [state]}

    def happen() -> None:
        if change == "held":
            asking.db.standings.insert_one({"_id": "p_ana/basics", **standing})
        else:
            new = {"until": NOW + dt.timedelta(days=20)} if change == "gone" else {"org": "south"}
            asking.db.affiliations.update_one({"_id": "a"}, {"$set": new})

    morning = "2026-01-24T08:00:00+00:00"
    due_notices.plan(asking.db, dt.datetime.fromisoformat(morning))
    assert asking.db.notices.count_documents({"kind": "before_due"}) == 2
    happen()
    assert remind(asking, morning) == []
    assert asking.db.notices.count_documents({"state": "skipped"}) == 2
    assert remind(asking, "2026-01-31T08:00:00+00:00") == []
    assert asking.db.notices.count_documents({"kind": "before_due"}) == 2


def test_who_looks_for_events_writes_nothing_while_there_are_none(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.happen("award.issued")
    assert notices.plan(office.db, office.at) == 1
    monkeypatch.delattr(event_consumers.lease, "take")
    assert notices.plan(office.db, office.at) == 0


def test_a_worker_that_dies_anywhere_loses_no_notice_and_repeats_none(office: Office) -> None:
    """Planning and telling are repeated from the start after each step; ids keep every effect single."""
    office.happen("award.issued")
    office.happen("award.suspended", "2")
    for _ in range(3):
        office.db.consumers.update_one(
            {"_id": notices.CONSUMER}, {"$set": {"cursor": 0, "leased_until": NOW}}
        )
        notices.plan(office.db, office.at)
    for _ in range(3):
        notices.tell_due(office.db, office.at, "owner@x.example")
        office.db.notices.update_many({"state": "told"}, {"$set": {"state": "planned"}})
    office.work()
    assert sorted(to for to, _ in office.sent()) == ["ana@x.example", "owner@x.example"]
    keys = [mail["Message-ID"] for mail in office.mails()]
    assert len(set(keys)) == len(keys)


class Sink:
    """What an SMTP server took."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.answers: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.ids.append(email.message_from_bytes(envelope.content)["Message-ID"])
        return self.answers.pop() if self.answers else "250 OK"


@pytest.fixture
def smtp() -> Iterator[tuple[Sink, str]]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield sink, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def test_mail_goes_out_by_smtp(office: Office, smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    settings = dataclasses.replace(office.settings, smtp_url=url)
    office.happen("award.suspended")
    notices.plan(office.db, office.at)
    notices.tell_due(office.db, office.at, "owner@x.example")
    assert send_due(settings, office.db, mailer(settings), lambda: office.at) == 2
    assert len(set(sink.ids)) == 2


class Dying:
    """A mailer whose process dies before or after the end of a message; afterwards it works."""

    def __init__(self, *, after_the_mark: bool) -> None:
        self.after_the_mark, self.died, self.taken = after_the_mark, False, 0

    def send(self, _message: Any, at_the_end: Any) -> None:
        if not self.died:
            self.died = True
            if self.after_the_mark:
                at_the_end()
            raise SystemExit
        at_the_end()
        self.taken += 1


@pytest.mark.parametrize("after_the_mark", [False, True])
def test_a_mail_goes_out_again_only_when_the_server_cannot_have_it(
    office: Office, after_the_mark: bool
) -> None:
    office.happen("award.suspended")
    notices.plan(office.db, office.at)
    notices.tell_due(office.db, office.at, None)
    server = Dying(after_the_mark=after_the_mark)
    with pytest.raises(SystemExit):
        send_due(office.settings, office.db, server, lambda: office.at)
    office.at += dt.timedelta(minutes=3)
    send_due(office.settings, office.db, server, lambda: office.at)
    assert server.taken == (0 if after_the_mark else 1)
    (mail,) = office.db.mails.find()
    assert mail["state"] == ("unconfirmed" if after_the_mark else "sent")
    if after_the_mark:
        resend(office.db, mail["_id"], office.at)
        assert send_due(office.settings, office.db, server, lambda: office.at) == 1
    with pytest.raises(UnknownThing):
        resend(office.db, mail["_id"], office.at)


def test_a_server_that_refuses_at_the_end_is_asked_again(office: Office, smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    sink.answers = ["451 later"]
    settings = dataclasses.replace(office.settings, smtp_url=url)
    office.happen("award.suspended")
    notices.plan(office.db, office.at)
    notices.tell_due(office.db, office.at, None)
    assert send_due(settings, office.db, mailer(settings), lambda: office.at) == 0
    (mail,) = office.db.mails.find()
    assert (mail["state"], mail["tries"]) == ("waiting", 1)
    office.at = mail["due_at"]
    assert send_due(settings, office.db, mailer(settings), lambda: office.at) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", kinds())
def test_every_notice_reads_whole_in_every_language(settings: Settings, kind: str, language: str) -> None:
    lines = [Line("award.issued", EXAMPLE)] * 2 if kind == "digest" else [Line(kind, EXAMPLE)]
    made = message(
        settings, to="a@x.example", name="A", language=language, lines=lines, now=NOW, key="k",
    )  # fmt: skip
    for part in (made.get_body(("plain",)), made.get_body(("html",))):
        assert part is not None
        text = part.get_content()
        assert "{" not in text.replace("style=", "")
        told = [EXAMPLE["count"]] if kind == "recall" else ["Ana Example", "North"]  # questions are one's own
        assert any(one in text for one in told)


def test_values_never_become_part_of_the_form(settings: Settings) -> None:
    values = {**EXAMPLE, "holder": "<script>x</script>{reason}", "certification": "A\r\nBcc: x@x.example"}
    made = message(
        settings, to="a@x.example", name="A", language="en", lines=[Line("award.issued", values)], now=NOW, key="k",
    )  # fmt: skip
    assert "\n" not in made["Subject"]
    assert made["Bcc"] is None
    html = made.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "agreement_lapsed" not in html.get_content()


def test_awards_are_told_as_statements_once(office: Office, client: FlaskClient, auth: Any) -> None:
    office.happen("award.issued")
    office.happen("award.revoked", "2")
    office.happen("credential.issued", "3")
    for _ in range(2):
        write_back(office.settings, office.db, office.at)
        office.db.consumers.update_many({}, {"$set": {"cursor": 0}})
    found = client.get("/xapi/statements?ascending=true", headers=auth()).json["statements"]
    assert [s["verb"]["id"].rpartition("/")[2] for s in found] == ["certified", "revoked"]
    first = found[0]
    assert first["actor"]["mbox"] == "mailto:ana@x.example"
    assert first["object"]["definition"]["name"] == {"en": "Sales Pro"}
    evidence = first["context"]["extensions"][f"{office.settings.public_url}/extensions/evidence"]
    assert evidence == ["6f1c0000-0000-4000-8000-000000000001"]
    assert office.db.statements.count_documents({"pending": True}) == 0


def test_an_award_told_before_under_another_name_keeps_no_other_from_being_told(
    office: Office, client: FlaskClient, auth: Any
) -> None:
    office.happen("award.issued")
    write_back(office.settings, office.db, office.at)
    office.db.people.update_many({}, {"$set": {"name": "Ana Other"}})
    office.happen("award.revoked", "2")
    office.db.consumers.update_many({}, {"$set": {"cursor": 0}})
    write_back(office.settings, office.db, office.at)
    found = client.get("/xapi/statements?ascending=true", headers=auth()).json["statements"]
    assert [(s["verb"]["id"].rpartition("/")[2], s["actor"]["name"]) for s in found] == [
        ("certified", "Ana"), ("revoked", "Ana Other"),
    ]  # fmt: skip
