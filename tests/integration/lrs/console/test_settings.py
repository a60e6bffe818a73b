"""Settings that are data: words of notices, policies of an organization, what is said of a partner."""

from __future__ import annotations

import datetime as dt
import html
from typing import Any

import pytest
from factories import make_statement
from factories_access import Browser, log_in, make_client, make_org, make_person, make_user, utc_now
from flask import Flask
from pymongo.database import Database

from lrs.foundation.mail import mailer
from lrs.foundation.settings import Settings
from lrs.messaging import mail_queue, own_notice_texts
from lrs.messaging.notice_texts import LANGUAGES, default_of, kinds

Db = Database[dict[str, Any]]
WORDS = "/console/settings/notices/words"
POLICIES = "/console/settings/policies"
ISSUED = {
    "kind": "award.issued", "language": "en", "subject": "Well done: {certification}",
    "text": "Dear {holder},\n\nyou did it, until {expires}.", "link": "Look", "version": "0",
}  # fmt: skip


def pat_of(db: Db, ada: Browser, org: str) -> Browser:
    return log_in(ada.client.application, make_user(db, org, "partner_admin", f"pat@{org}.example"))


# Notices


def test_notices_are_shown_as_they_read(ada: Browser) -> None:
    german = ada.open("/console/settings/notices?kind=before_expiry&language=de").text
    assert "Acme Sales Professional" in german
    assert 'lang="de"' in german
    for query in ("kind=x", "language=xx"):
        assert ada.open(f"/console/settings/notices?{query}").status_code == 422


def test_words_are_seen_before_they_are_kept_and_the_default_comes_back(db: Db, ada: Browser) -> None:
    tried = ada.open(WORDS, "POST", data={**ISSUED, "action": "show"})
    assert "Well done: Acme Sales Professional" in tried.text
    assert "Not kept yet" in tried.text
    assert db.notice_texts.count_documents({}) == 0
    kept = ada.open(WORDS, "POST", data={**ISSUED, "action": "keep"})
    assert kept.status_code == 303
    page = ada.open(kept.location).text
    assert "you did it, until 10 March 2027." in page
    assert "Restore the default" in page
    assert ada.open(WORDS, "POST", data={**ISSUED, "action": "keep"}).status_code == 412, (
        "somebody was quicker"
    )
    (entry,) = ada.open("/console/audit.json?action=notice.words").json["items"]
    assert entry["before"]["subject"] == default_of("award.issued", "en")["subject"]
    assert entry["after"]["subject"] == ISSUED["subject"]
    back = {"kind": "award.issued", "language": "en", "version": "1", "action": "default"}
    assert ada.open(WORDS, "POST", data=back).status_code == 303
    assert db.notice_texts.count_documents({}) == 0
    actions = [one["action"] for one in ada.open("/console/audit.json?action=notice.").json["items"]]
    assert actions == ["notice.default", "notice.words"]


@pytest.mark.parametrize(
    ("part", "text", "told"),
    [
        ("text", "Dear {person}", "names {person}; this notice knows {certification}, {days}"),
        ("text", "Dear {holder", "a brace that encloses no value"), ("text", "{{holder}}", "a brace"),
        ("text", "{HOLDER}", "a brace"), ("subject", " ", "is empty"), ("subject", "x" * 201, "longer than 200"),
        ("text", "x" * 4001, "longer than 4000"), ("link", "x" * 81, "longer than 80"), ("text", "a\x00b", "no text has"),
    ],
)  # fmt: skip
def test_words_that_cannot_be_told_are_refused_and_stay_in_the_form(
    db: Db, ada: Browser, part: str, text: str, told: str
) -> None:
    for action in ("show", "keep"):
        answer = ada.open(WORDS, "POST", data={**ISSUED, part: text, "action": action})
        assert answer.status_code == 422
        assert told in html.unescape(answer.text)
        assert "you did it" in answer.text or part == "text", "the other parts are still in the form"
    assert db.notice_texts.count_documents({}) == 0
    assert ada.open(WORDS, "POST", data={**ISSUED, "kind": "none", "action": "keep"}).status_code == 404


def test_a_subject_is_one_line_and_words_are_text_on_pages_and_in_mails(
    app: Flask, db: Db, ada: Browser
) -> None:
    form = {**ISSUED, "subject": "A\r\nBcc: eve@evil.example", "text": "<b onclick=x>{holder}</b>"}
    assert ada.open(WORDS, "POST", data={**form, "action": "keep"}).status_code == 303
    page = ada.open("/console/settings/notices?kind=award.issued&language=en").text
    assert "A Bcc: eve@evil.example" in page
    assert "<b onclick" not in page
    settings = Settings()
    made = mail_queue.message(
        settings, to="a@b.example", name="<i>Ana</i>", language="en", now=utc_now(), key="k",
        lines=[mail_queue.Line("award.issued", {"holder": "<script>", "certification": "c", "expires": "x"})],
        own=own_notice_texts.own_texts(db),
    )  # fmt: skip
    assert made["Subject"] == "A Bcc: eve@evil.example"
    assert made["Bcc"] is None
    page_part = next(one for one in made.iter_parts() if one.get_content_type() == "text/html").get_content()
    assert "<b onclick" not in page_part
    assert "<script>" not in page_part


def test_a_mail_that_waits_is_told_in_the_words_of_now_in_its_language(
    app: Flask, db: Db, ada: Browser, tmp_path: Any
) -> None:
    ada.open(WORDS, "POST", data={**ISSUED, "action": "keep"})
    settings = Settings(mail_folder=str(tmp_path), data_folder=tmp_path)
    now = utc_now()
    mail = {
        "org": "vendor", "notice": "n", "name": "Ana", "template": "award.issued", "person": None, "tries": 0,
        "values": {"holder": "Ana", "certification": "Sales", "expires": "2027-03-10"}, "leased_until": now,
        "state": "waiting", "due_at": now,
    }  # fmt: skip
    db.mails.insert_many(
        [{**mail, "_id": one, "to": f"{one}@north.example", "language": one} for one in ("en", "de")]
    )
    assert mail_queue.send_due(settings, db, mailer(settings), utc_now) == 2
    sent = " ".join(one.read_text() for one in tmp_path.rglob("*.eml"))
    assert "Well done: Sales" in sent
    assert sent.count("Subject: Well done") == 1, "German has its own words"


def test_every_default_can_be_kept_as_it_stands_in_every_language() -> None:
    for kind in kinds():
        for language in LANGUAGES:
            default = default_of(kind, language)
            assert own_notice_texts.checked(kind, language, default) == default


def test_a_partner_sees_how_notices_read_and_changes_none(db: Db, ada: Browser) -> None:
    north = pat_of(db, ada, "north")
    page = north.open("/console/settings/notices?kind=award.issued")
    assert page.status_code == 200
    assert "Own words" not in page.text
    assert north.open(WORDS, "POST", data={**ISSUED, "action": "keep"}).status_code == 403


# Policies


def test_each_choice_of_admission_says_whom_it_would_have_admitted(app: Flask, db: Db, ada: Browser) -> None:
    header = make_client(db, "north") | {"X-Experience-API-Version": "1.0.3"}
    db.orgs.update_one({"_id": "north"}, {"$set": {
        "policy": "roster", "domains": [{"domain": "north.example", "verified_at": utc_now()}],
    }})  # fmt: skip
    for name in ("one@north.example", "two@north.example", "three@other.example"):
        body = make_statement(actor={"mbox": f"mailto:{name}"})
        assert app.test_client().post("/xapi/statements", json=body, headers=header).status_code == 200
        make_person(db, name)
    page = ada.open(f"{POLICIES}?org=north").text
    assert "3 people belong nowhere" in page
    numbers = {
        name: page.split(f'value="{name}"')[1].split("· ")[1].split("<")[0]
        for name in ("open", "domain", "roster")
    }
    assert numbers == {"open": "3", "domain": "2", "roster": "0"}
    version = db.orgs.find_one({"_id": "north"})["version"]
    form = {"org": "north", "version": str(version), "action": "admission", "policy": "domain"}
    assert ada.open(POLICIES, "POST", data=form).status_code == 303
    assert db.orgs.find_one({"_id": "north"})["policy"] == "domain"
    assert ada.open(POLICIES, "POST", data=form).status_code == 412, "somebody was quicker"
    assert ada.open(POLICIES, "POST", data={**form, "policy": "all"}).status_code == 422


def test_retention_is_tried_kept_planned_and_applied_by_writing_how_many_go(
    app: Flask, db: Db, ada: Browser
) -> None:
    header = make_client(db, "north") | {"X-Experience-API-Version": "1.0.3"}
    assert (
        app.test_client().post("/xapi/statements", json=make_statement(), headers=header).status_code == 200
    )
    _age(db, dt.timedelta(days=40))
    form = {"org": "north", "what": "statements", "days": "30", "verb": "", "activity": "", "version": "0"}
    tried = ada.open(f"{POLICIES}/retention", "POST", data={**form, "action": "show"})
    assert "<b>1</b> statements go" in tried.text
    assert db.retention.count_documents({}) == 0
    assert ada.open(f"{POLICIES}/retention", "POST", data={**form, "action": "keep"}).status_code == 303
    assert (
        ada.open(f"{POLICIES}/retention", "POST", data={"org": "north", "action": "plan"}).status_code == 303
    )
    page = ada.open(f"{POLICIES}?org=north").text
    assert "write how many go: 1" in page
    plan = db.retention_plans.find_one({"org": "north"})["_id"]
    apply = {"org": "north", "action": "apply", "plan": plan}
    assert ada.open(f"{POLICIES}/retention", "POST", data={**apply, "removed": "2"}).status_code == 409
    assert db.retention_plans.find_one({"_id": plan})["state"] == "planned"
    assert ada.open(f"{POLICIES}/retention", "POST", data={**apply, "removed": "1"}).status_code == 303
    assert db.retention_plans.find_one({"_id": plan})["state"] == "applying"


def _age(db: Db, by: dt.timedelta) -> None:
    """Let all statements of now have been stored earlier: their order key says when."""
    for row in list(db.statements.find({})):
        db.statements.delete_one({"_id": row["_id"], "org": row["org"]})
        at = int.from_bytes(bytes(row["_id"])[:8], "big") - int(by.total_seconds() * 1e6)
        db.statements.insert_one(
            {**row, "_id": type(row["_id"])(at.to_bytes(8, "big") + bytes(row["_id"])[8:])}
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": "0"},
        {"days": "x"},
        {"what": "people"},
        {"what": "state", "verb": "http://v"},
        {"evidence": "drop"},
    ],
)
def test_a_rule_of_retention_that_cannot_be_is_said_and_not_kept(
    db: Db, ada: Browser, wrong: dict[str, str]
) -> None:
    form = {"org": "north", "what": "statements", "days": "30", "verb": "", "activity": ""} | wrong
    for action in ("show", "keep"):
        answer = ada.open(f"{POLICIES}/retention", "POST", data={**form, "action": action})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert db.retention.count_documents({}) == 0


def test_holds_are_placed_and_lifted_by_the_vendor(db: Db, ada: Browser) -> None:
    make_person(db, "ana@north.example")
    for form in ({"person": "ana@north.example"}, {}):
        data = {"org": "north", "action": "place", "reason": "a case", **form}
        assert ada.open(f"{POLICIES}/holds", "POST", data=data).status_code == 303
    assert "The whole store" in ada.open(f"{POLICIES}?org=north").text
    assert ada.open(f"{POLICIES}/holds", "POST", data={"action": "place"}).status_code == 422
    held = db.legal_holds.find_one({"person": None})["_id"]
    for status in (303, 409):
        assert (
            ada.open(f"{POLICIES}/holds", "POST", data={"action": "lift", "hold": held}).status_code == status
        )
    north = pat_of(db, ada, "north")
    assert "a case" not in north.open(POLICIES).text, "whom the vendor holds is the vendor's to know"
    assert north.open(f"{POLICIES}/holds", "POST", data={"action": "place", "reason": "x"}).status_code == 403


def test_a_partner_changes_its_own_policy_and_no_other(db: Db, ada: Browser) -> None:
    make_org(db, "south")
    north = pat_of(db, ada, "north")
    form = {"action": "admission", "policy": "invitation"}
    assert north.open(POLICIES, "POST", data=form).status_code == 303
    assert db.orgs.find_one({"_id": "north"})["policy"] == "invitation"
    for place in (POLICIES, f"{POLICIES}/retention"):
        assert north.open(place, "POST", data={**form, "org": "south"}).status_code == 404
    assert (
        north.open(POLICIES, "POST", data={"action": "origins", "origins": "https://a.example"}).status_code
        == 403
    )


def test_origins_of_launches_are_kept_and_a_wrong_one_is_named(db: Db, ada: Browser) -> None:
    form = {"org": "north", "action": "origins", "origins": "https://a.example\nhttps://b.example:8443"}
    assert ada.open(POLICIES, "POST", data=form).status_code == 303
    assert db.orgs.find_one({"_id": "north"})["launch_origins"] == [
        "https://a.example",
        "https://b.example:8443",
    ]
    wrong = ada.open(POLICIES, "POST", data={**form, "origins": "https://a.example/path"})
    assert wrong.status_code == 422
    assert "https://a.example/path" in html.unescape(wrong.text)


# Partners and launch links


def test_a_partner_is_added_renamed_moved_and_suspended(db: Db, ada: Browser) -> None:
    form = {"id": "west", "name": "West", "region": "EMEA", "parent": "north"}
    made = ada.open("/console/partners/new", "POST", data=form)
    assert made.location == "/console/partners/west"
    assert ada.open("/console/partners/new", "POST", data=form).status_code == 409
    assert ada.open("/console/partners/new", "POST", data={**form, "id": "We st"}).status_code == 422
    place = "/console/partners/west/settings"
    assert "West" in ada.open(place).text
    changed = {
        "name": "West Ltd",
        "region": "",
        "kind": "distributor",
        "parent": "vendor",
        "status": "suspended",
    }
    assert ada.open(place, "POST", data={**changed, "version": "1"}).status_code == 303
    kept = db.orgs.find_one({"_id": "west"})
    assert {name: kept[name] for name in changed} == {**changed, "region": None}
    assert ada.open(place, "POST", data={"name": "Late", "version": "1"}).status_code == 412
    assert ada.open(place, "POST", data={"parent": "west"}).status_code == 422, "nobody is below itself"
    north = pat_of(db, ada, "north")
    assert north.open("/console/partners/new", "POST", data=form).status_code == 403
    assert north.open(place, "POST", data={"name": "Mine"}).status_code == 404
    assert (
        north.open("/console/partners/north/settings", "POST", data={"name": "N", "region": "X"}).status_code
        == 303
    )
    own = db.orgs.find_one({"_id": "north"})
    assert (own["name"], own["region"]) == ("N", None), "the region is the vendor's to say"


def test_a_mail_domain_is_asked_for_trusted_and_taken_off(db: Db, ada: Browser) -> None:
    place = "/console/partners/north/domains"
    for action in ("ask", "trust"):
        form = {"action": action, "domain": "north.example"}
        assert ada.open(place, "POST", data=form).status_code == 303
    assert db.orgs.find_one({"_id": "north"})["domains"][0]["verified_at"]
    assert "verified" in ada.open("/console/partners/north/settings").text
    for form in ({"action": "prove", "code": "WRONG"}, {"action": "drop", "domain": "none.example"}):
        assert ada.open(place, "POST", data=form).status_code == 404
    assert ada.open(place, "POST", data={"action": "drop", "domain": "north.example"}).status_code == 303
    assert db.orgs.find_one({"_id": "north"})["domains"] == []
    north = pat_of(db, ada, "north")
    assert north.open(place, "POST", data={"action": "trust", "domain": "x.example"}).status_code == 403


def test_a_launch_link_is_shown_once_and_ended(db: Db, ada: Browser) -> None:
    make_person(db, "ana@north.example")
    form = {
        "url": "https://content.example/a", "activity_id": "https://content.example/a", "hours": "2",
        "person": "ana@north.example", "once": "o1",
    }  # fmt: skip
    page = ada.open("/console/launches", "POST", data=form)
    assert page.status_code == 200
    assert "https://content.example/a?endpoint=" in html.unescape(page.text)
    again = ada.open("/console/launches", "POST", data=form)
    assert again.status_code == 303, "loading the answer again makes no other"
    (launch,) = db.launches.find({})
    assert "auth=" not in ada.open("/console/launches").text
    (listed,) = ada.open("/console/launches.json").json["items"]
    assert (listed["activity"], listed["revoked_at"]) == (form["activity_id"], None)
    assert ada.open(f"/console/launches/{launch['_id']}/end", "POST", data={}).status_code == 303
    assert db.launches.find_one({})["revoked_at"] is not None
    for wrong in ({"person": ""}, {"url": "x"}, {"hours": "x"}):
        assert ada.open("/console/launches", "POST", data={**form, "once": "", **wrong}).status_code == 422
    nobody = {**form, "once": "", "person": "nobody@north.example"}
    assert ada.open("/console/launches", "POST", data=nobody).status_code == 404
