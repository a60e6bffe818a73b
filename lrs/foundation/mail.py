"""The e-mail port: SMTP in production, files in development."""

from __future__ import annotations

import datetime as dt
import functools
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from lrs.foundation.audit import new_id
from lrs.foundation.errors import InvalidField
from lrs.foundation.settings import Settings, StartFailure

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
PORTS: Final = {"smtp": 587, "smtps": 465}


class Unconfirmed(OSError):
    """The message was handed over, and what became of it is unknown: the server's answer never came."""


class Mailer(Protocol):
    """Whatever delivers a message or raises OSError (smtplib's errors are OSErrors)."""

    def send(self, message: EmailMessage, at_the_end: Callable[[], object] = lambda: None) -> None:
        """Deliver one message; `at_the_end` is called right before it can no longer be taken back."""


def check_address(text: str, path: str = "email") -> str:
    """Return a mail address with its domain in lower case; raises InvalidField."""
    if len(text) > 254 or not ADDRESS.fullmatch(text):
        raise InvalidField(path, "is not a mail address")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def check_domain(text: str, path: str = "domain") -> str:
    """Return a mail domain in lower case; raises InvalidField."""
    lower = text.lower()
    if len(lower) > 253 or not DOMAIN.fullmatch(lower):
        raise InvalidField(path, "is not a mail domain")
    return lower


def compose(settings: Settings, to: str, subject: str, text: str, now: dt.datetime) -> EmailMessage:
    """Return a plain message; a subject is one line whatever it was made of."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = to
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=urlsplit(settings.public_url).hostname)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def mailer(settings: Settings) -> Mailer:
    """Return the configured mailer; raises StartFailure for an address it cannot read."""
    if settings.smtp_url is None:
        return FileMailer(
            Path(settings.mail_folder) if settings.mail_folder else settings.data_folder / "mail"
        )
    parts = urlsplit(settings.smtp_url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise StartFailure("LRS_SMTP_URL is not understood", "give smtp[s]://[user:password@]host[:port]")
    return SmtpMailer(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        wrapped=parts.scheme == "smtps",
    )


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the context of every connection: reading the list of authorities takes milliseconds."""
    return ssl.create_default_context()


def _accepted(answer: tuple[int, bytes], *codes: int) -> None:
    """Raise what the server said unless it is one of the codes."""
    if answer[0] not in codes:
        raise smtplib.SMTPResponseException(*answer)


@dataclass(frozen=True, slots=True)
class FileMailer:
    """Writes each message as a file, for development: names sort by time."""

    folder: Path

    def send(self, message: EmailMessage, at_the_end: Callable[[], object] = lambda: None) -> None:
        """Write one message."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = self.folder / new_id(dt.datetime.now(dt.UTC))
        name.with_suffix(".new").write_bytes(message.as_bytes())
        at_the_end()
        name.with_suffix(".new").replace(name.with_suffix(".eml"))


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Hands messages to a mail server: TLS from the start (smtps) or as soon as the server offers it."""

    host: str
    port: int
    user: str | None = None
    password: str = ""
    wrapped: bool = False
    timeout: float = 20.0
    patience: float = 60.0  # for the answer to a whole message: an impatient client gets mails sent twice

    def send(self, message: EmailMessage, at_the_end: Callable[[], object] = lambda: None) -> None:
        """Deliver one message; a password never goes over a plain connection.

        Raises Unconfirmed when the server's answer to the whole message does not come (RFC 1047).
        """
        context = _trusted()
        with self._connect(context) as server:
            if not self.wrapped and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.wrapped and self.user is not None:
                raise OSError("the mail server offers no TLS; the password was not sent")
            if self.user is not None:
                server.login(self.user, self.password)
            self._transmit(server, message, at_the_end)

    def _transmit(
        self, server: smtplib.SMTP, message: EmailMessage, at_the_end: Callable[[], object]
    ) -> None:
        """Send all but the line that ends a message, tell the caller, then end it: only now does it count."""
        _accepted(server.docmd("MAIL", f"FROM:{smtplib.quoteaddr(message['From'])}"), 250)
        _accepted(server.docmd("RCPT", f"TO:{smtplib.quoteaddr(message['To'])}"), 250, 251)
        _accepted(server.docmd("DATA"), 354)
        body = message.as_bytes(policy=message.policy.clone(linesep="\r\n", cte_type="7bit"))
        server.send(re.sub(rb"(?m)^\.", b"..", body) + (b"" if body.endswith(b"\r\n") else b"\r\n"))
        at_the_end()
        try:
            assert server.sock is not None  # noqa: S101 -- it was just written to
            server.sock.settimeout(self.patience)
            server.send(b".\r\n")
            answer = server.getreply()
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            raise Unconfirmed(f"no answer to the whole message: {error}") from error
        _accepted(answer, 250)

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.wrapped:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        server.ehlo()
        return server
