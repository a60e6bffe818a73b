"""Links in mails lead somewhere: holders to their credential or to what is missing, others to the person."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import re
from pathlib import Path
from typing import Any

import pytest
from factories_access import editor, log_in, make_org, make_user
from factories_engine import World, exam, simple
from flask import Flask

from lrs.app import create_app
from lrs.credentials.issuer import issuer_of
from lrs.foundation.context import Services
from lrs.foundation.mail import FileMailer
from lrs.foundation.settings import Settings
from lrs.messaging import notices
from lrs.messaging.mail_queue import send_due
from lrs.people import affiliations
from rules.catalogue.store import cache_of
from rules.checking.load import load
from rules.credentials.due_awards import issue_due

NOTICES = """
notices:
  - {events: [award.issued, award.renewal_open, award.corrected, credential.issued], to: [holder, partner_admin, programme_owner]}
"""


class Post:
    """A partner with an administrator and Ana, who was certified; mails as they arrive, links as they open."""

    def __init__(self, db: Any, settings: Settings, folder: Path) -> None:
        self.world, self.db, self.folder = World(db), db, folder
        self.settings = dataclasses.replace(
            settings,
            public_url="http://lrs.example",
            key_passphrase="of the tests",
            signing_algorithm="ES256",
        )
        self.world.publish(simple(more=NOTICES))
        self.app = create_app(self.settings, db)
        self.app.extensions["laurel"] = Services(self.settings, db, self.world.clock)
        make_org(db, "north")
        self.admin = make_user(db, "north", "partner_admin", "boss@north.example")
        self.world.send([exam("ana", self.world.clock())])
        self.world.settle()
        self.ana = self.world.person("ana")
        affiliations.affiliate(editor(db, self.world.clock()), self.ana, "north")

    def deliver(self) -> dict[tuple[str, str], str]:
        """Let all happen until now; return the path of the link of each mail, by recipient and kind."""
        now = self.world.clock()
        self.world.settle()
        issue_due(self.db, issuer_of(self.settings, self.db), cache_of(self.db).get(fresh=True), now)
        self.world.settle()
        notices.plan(self.db, now)
        notices.tell_due(self.db, now, "owner@vendor.example")
        send_due(self.settings, self.db, FileMailer(self.folder), lambda: now)
        found = {}
        for mail in self.db.mails.find({"state": "sent"}):
            found[mail["to"], mail["template"]] = ""
        for file in self.folder.glob("*.eml"):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            text = mail.get_body(("plain",)).get_content()
            link = re.search(r"http://lrs\.example(/\S+)", text)
            assert link is not None, text
            found[mail["To"], mail["Subject"]] = link[1]
        return {key: link for key, link in found.items() if link}


@pytest.fixture
def post(db: Any, settings: Settings, tmp_path: Path) -> Post:
    return Post(db, settings, tmp_path / "mail")


def opened(app: Flask, link: str) -> Any:
    return app.test_client().get(link, headers={"Accept": "text/html"})


def test_every_link_of_an_award_opens_for_whom_it_was_sent_to(post: Post) -> None:
    links = post.deliver()
    assert {to for to, _ in links} == {"ana@example.com", "boss@north.example", "owner@vendor.example"}
    for (to, subject), link in links.items():
        if to == "ana@example.com":
            assert opened(post.app, link).status_code == 200, subject
        else:
            page = log_in(post.app, post.admin).open(link.partition("#")[0])
            assert page.status_code == 200, subject
            assert "sales" in page.text


def test_an_event_without_words_of_its_own_is_told_by_its_name(post: Post) -> None:
    assert ("ana@example.com", "Sales: a credential was issued") in post.deliver()


def test_what_is_needed_is_what_is_missing_not_what_was_proven(post: Post) -> None:
    post.deliver()
    post.world.clock.forward(days=300)
    links = post.deliver()
    [link] = [path for (to, subject), path in links.items() if "can be renewed" in subject and "ana" in to]
    assert "/needed?token=" in link
    page = opened(post.app, link)
    assert page.status_code == 200
    assert "1 of 1 still missing" in page.text
    assert "Missing" in page.text
    assert "Exam, 80 % or better" in page.text
    told = log_in(post.app, post.admin).open(f"/console/people/{post.ana}")
    assert "missing: Exam, 80 % or better" in told.text
    assert "In renewal" in told.text


def test_what_is_missing_is_told_to_the_holder_alone(post: Post) -> None:
    post.deliver()
    award = post.db.awards.find_one({})["_id"]
    assert opened(post.app, f"/credentials/{award}/needed").status_code == 404


def test_the_starter_rule_file_tells_of_an_award() -> None:
    source = Path("lrs/templates/rules/certification.yaml").read_bytes()
    loaded = load(source, "certification.yaml")
    assert loaded.document is not None, loaded.problems
    told = {event: one.to for one in loaded.document.notices for event in one.events}
    assert "holder" in told["award.issued"]
