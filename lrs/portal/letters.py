"""Letters from a person to those who administer: what is asked stands in the audit, the mail is the nudge."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any, Final

from lrs.access.organizations import VENDOR
from lrs.foundation.context import current_services
from lrs.foundation.mail import compose, mailer

Document = dict[str, Any]
TOLD: Final = 20  # administrators of one organization who get a letter
VENDORS: Final = {"org": VENDOR, "role": "vendor_admin"}

log = logging.getLogger(__name__)


def managers_of(org: str) -> Document:
    """Return the filter of the users who manage a partner."""
    return {"org": org, "role": "partner_admin"}


def write_to(whom: Document, subject: str, text: str, answer_to: str | None = None) -> None:
    """Write to the users of a filter; whom no mail reaches is left to the audit."""
    services = current_services()
    post = mailer(services.settings)
    for one in services.db.users.find({**whom, "disabled_at": None}).sort("_id", 1).limit(TOLD):
        message = compose(services.settings, one["email"], subject, text, services.now())
        if answer_to is not None:
            message["Reply-To"] = answer_to
        try:
            post.send(message)
        except (OSError, SMTPException):
            log.exception("a letter to an administrator was not sent")
