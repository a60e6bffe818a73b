"""The page by which somebody stops reminders: a question first, so that mail scanners stop nothing."""

from __future__ import annotations

from flask import Blueprint, render_template

from lrs.foundation.context import current_services
from lrs.messaging.mail_queue import unsubscribe
from lrs.messaging.notice_texts import read_token

blp = Blueprint("unsubscribing", __name__)


@blp.get("/unsubscribe/<path:token>")
def ask(token: str) -> str:
    """Ask whether reminders should stop."""
    address, _ = read_token(current_services().settings, token)
    return render_template("notices/unsubscribe.html", address=address, done=False)


@blp.post("/unsubscribe/<path:token>")
def stop(token: str) -> str:
    """Stop them: from the page, or by the mail program in one click (RFC 8058)."""
    address, kind = read_token(current_services().settings, token)
    unsubscribe(current_services().db, address, kind, current_services().now())
    return render_template("notices/unsubscribe.html", address=address, done=True)
