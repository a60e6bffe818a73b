"""Former versions of rules: as a draft under the next free number, to be planned like any other change."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from flask import Response, g
from pymongo.database import Database

from lrs.api.rights import vendor_only
from lrs.console.forms import sent
from lrs.console.lists import asked
from lrs.console.programme import drafts
from lrs.console.programme.certifications import compared
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from rules import queries
from rules.catalogue.store import RuleStore

Document = dict[str, Any]

blueprint = Pages("console_restoring", __name__)


@blueprint.get("/console/rules/versions", scope="rules")
def versions() -> Response:
    """Compare two versions of a rule of any kind (`kind`, `id`); without `old` and `new` the two newest."""
    vendor_only()
    given, db = asked("kind", "id", "old", "new"), current_services().db
    newest = queries.get_record(db, given.get("id", ""), kind=given.get("kind"))
    rows = [one for one in RuleStore(db).rows(rule_id=newest["id"]) if one["action"] == "publish"]
    known = [one for one in rows if one["kind"] == newest["kind"]]
    known.sort(key=lambda one: (one["effective_at"], one["seq"]), reverse=True)
    names = [one["version"] for one in known]
    new, old = given.get("new") or names[0], given.get("old") or names[min(1, len(names) - 1)]
    return show(
        "versions.html",
        title=newest["id"], versions=known, old=old, new=new, kind=newest["kind"], id=newest["id"],
        back="/console/rules", hunks=compared(newest["kind"], newest["id"], old, new),
    )  # fmt: skip


@blueprint.post("/console/rules/restore", scope="rules")
def restore() -> Response:
    """Make a draft of a published version: `kind`, `id`, `version`."""
    vendor_only()
    given, services = sent("kind", "id", "version"), current_services()
    text = restored_text(services.db, given.get("kind"), given.get("id", ""), given.get("version"))
    title = f"{given.get('id', '')} v{version_of(text)}"
    kept = drafts.save_draft(services.db, g.principal.id, text, title=title, now=services.now())
    return redirected(f"/console/rules/drafts/{kept}")


def restored_text(db: Database[Document], kind: str | None, rule_id: str, version: str | None) -> str:
    """Return the text of a version under the next free number, in force when applied; raises UnknownRule."""
    record = queries.get_record(db, rule_id, version, kind)
    rows = RuleStore(db).rows(rule_id=rule_id)
    taken = {one["version"] for one in rows if one["kind"] == record["kind"] and one["version"]}
    text = re.sub(r"(?m)^effective_from:.*\n", "", str(record["source"]))
    return re.sub(r"(?m)^version:.*$", f'version: "{next_version(taken)}"', text, count=1)


def next_version(taken: Collection[str]) -> str:
    """Return a version after those that are taken: one more than the greatest whole number."""
    whole = [int(one) for one in taken if one.isascii() and one.isdigit()]
    return str(max(whole, default=len(taken)) + 1)


def version_of(text: str) -> str:
    """Return the version that a text names."""
    found = re.search(r'(?m)^version:\s*"?([^"\s]+)', text)
    return found[1] if found else ""
