"""The HTTP status of each error of content; what runs in a browser gets them as codes of its own instead."""

from __future__ import annotations

from typing import Final

from lrs.content.attempts.deciding import AttemptOver
from lrs.content.attempts.receiving import UnknownRun
from lrs.content.cmi5.rules import SessionRefused
from lrs.content.lti.logins import LaunchRefused
from lrs.content.player.commits import BadCommit

STATUS: Final[dict[type[Exception], int]] = {
    AttemptOver: 409,
    UnknownRun: 409,
    BadCommit: 400,
    SessionRefused: 403,
    LaunchRefused: 400,
}
