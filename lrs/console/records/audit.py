"""The audit: who changed what, when, and what it was before."""

from __future__ import annotations

from typing import Any, Final

import orjson
from flask import g

from lrs.api.organizations import audit as api
from lrs.console.forms import read
from lrs.console.instants import beginning
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages
from lrs.foundation.context import current_services

Document = dict[str, Any]
COLUMNS: Final = ("_id", "at", "org", "who", "address", "action", "kind", "thing", "before", "after", "note")
LONGEST: Final = 200  # characters of a value on the page; the twins have all
FILTERS: Final = ("org", "who", "action", "thing", "since", "until")

blueprint = Pages("console_audit", __name__)


@listed(blueprint, "/console/audit", scope="orgs", template="audit.html")
def audit(span: Span) -> Rows:
    """Search the audit of the organizations that the user sees, the newest first."""
    filters = asked(*FILTERS)
    dated = {name: beginning(name, filters[name]) for name in ("since", "until") if name in filters}
    args = read(api.AuditFilter, filters | dated)
    query = api.selection({name: value for name, value in args.items() if name in FILTERS})
    found, last = seek(current_services().db.audit, query, span, newest_first=True)
    rows = [api.present(one) for one in found]
    context = {"filters": filters, "orgs": org_names(), "changed": changed, "me": g.principal.id}
    return Rows(COLUMNS, rows, last, context)


def changed(row: Document) -> list[tuple[str, str | None, str | None]]:
    """Return the fields of an entry that differ, before and after, as short texts."""
    before, after = row.get("before") or {}, row.get("after") or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [("", short(before), short(after))]
    names = sorted(set(before) | set(after))
    differing = [one for one in names if before.get(one) != after.get(one)]
    return [(one, short(before.get(one)), short(after.get(one))) for one in differing]


def short(value: Any) -> str | None:
    """Return a value of an entry for a page: texts as they are, anything else as JSON, long ones cut."""
    if value is None:
        return None
    text = (
        value
        if isinstance(value, str)
        else orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()
    )
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
