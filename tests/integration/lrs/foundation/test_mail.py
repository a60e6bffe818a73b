"""The e-mail port: a real SMTP server, and files."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from lrs.foundation.errors import InvalidField
from lrs.foundation.mail import FileMailer, SmtpMailer, check_address, check_domain, compose, mailer
from lrs.foundation.settings import Settings, StartFailure
from lrs.running.mongod import free_port

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
SETTINGS = Settings(public_url="http://lrs.example", mail_from="laurel@lrs.example")


class Inbox(Message):
    """Keeps what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.messages.append(message)


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    handler = Inbox()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


def test_a_message_arrives_by_smtp(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    sender = mailer(dataclasses.replace(SETTINGS, smtp_url=f"smtp://127.0.0.1:{port}"))
    sender.send(compose(SETTINGS, "ana@north.example", "Grüße\nBcc: x@y.example", "Text", NOW))
    arrived = handler.messages[0]
    assert (arrived["To"], arrived["From"]) == ("ana@north.example", "laurel@lrs.example")
    assert arrived["Bcc"] is None
    assert arrived["Auto-Submitted"] == "auto-generated"


def test_a_password_never_goes_over_a_plain_connection(inbox: tuple[Inbox, int]) -> None:
    sender = SmtpMailer("127.0.0.1", inbox[1], user="u", password="p")
    with pytest.raises(OSError, match="no TLS"):
        sender.send(compose(SETTINGS, "ana@north.example", "S", "T", NOW))


def test_without_a_server_messages_are_files(tmp_path: Path) -> None:
    sender = mailer(dataclasses.replace(SETTINGS, data_folder=tmp_path))
    assert isinstance(sender, FileMailer)
    sender.send(compose(SETTINGS, "ana@north.example", "S", "T", NOW))
    assert "ana@north.example" in next((tmp_path / "mail").glob("*.eml")).read_text()


def test_an_unreadable_server_address_stops_the_start() -> None:
    with pytest.raises(StartFailure):
        mailer(dataclasses.replace(SETTINGS, smtp_url="mail.example"))


@pytest.mark.parametrize(
    "text",
    ["", "x", "a@b", "a b@c.example", "a@b.example\nBcc: x@y.example", "<a@b.example>", "a@-b.example"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        check_address(text)


@pytest.mark.parametrize("text", ["", "localhost", "a..example", "x@y.example", "a.example/", "*.example"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        check_domain(text)
