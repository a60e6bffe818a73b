"""GET /me/record: everything that is on record of the own person, in plain words, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.audience import only
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.timeline import person_timeline
from lrs.content.player.shelf import text_of
from lrs.foundation.context import current_services
from lrs.instruction.evidence_files import signed_for
from lrs.portal.mine import Mine, me, page
from lrs.portal.models.learned import outcome
from lrs.words.engine import titles
from lrs.words.reader import language

Document = dict[str, Any]
ENTRIES: Final = 100

blueprint = Mine("me_record", __name__)


@blueprint.get("/me/record", scope=AUTHENTICATED)
def record() -> Response:
    """Show what happened: learning, awards, organizations, notices."""
    services, person = current_services(), me()
    whom = only(services.db, whole_scope(services.db), person["_id"])
    entries = person_timeline(services.db, whom, person["_id"], services.now())["entries"]
    newest = list(reversed(entries[-ENTRIES:]))
    return page(
        "record.html",
        entries=newest, left_out=len(entries) - len(newest), titles=titles(),
        activities=activity_names(newest), orgs=org_names(newest), outcome=outcome,
        signed=signed_for(services.db, me()),
    )  # fmt: skip


def activity_names(entries: Sequence[Document]) -> dict[str, str]:
    """Return what the activities of these entries are called, in the reader's language where one says so."""
    wanted = sorted({one["activity"] for one in entries if one["kind"] == "attempt" and one["activity"]})
    found = current_services().db.activities.find({"id": {"$in": wanted}}, {"id": 1, "name": 1})
    return {row["id"]: name for row in found if (name := text_of(row.get("name") or {}, (language(),)))}


def org_names(entries: Sequence[Document]) -> dict[str, str]:
    """Return the names of the organizations that these entries name."""
    wanted = sorted({one["organization"] for one in entries if one["kind"] == "affiliation"})
    rows = current_services().db.orgs.find({"_id": {"$in": wanted}}, {"name": 1})
    return {row["_id"]: row["name"] for row in rows}
