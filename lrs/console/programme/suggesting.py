"""What the editor of rules completes from: names of the store, and the bundle that the set-up made."""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import flask
from flask import Response, abort, g, request

from lrs.access.guard import PUBLIC, Blueprint
from lrs.analysis.readable_stores import Scope, scope_of
from lrs.api.rights import vendor_only
from lrs.console.lists import asked
from lrs.console.organizations.people import org_names
from lrs.console.records.content import title_of
from lrs.console.shell import Pages, may
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.foundation.settings import Settings
from lrs.words.engine import titles
from rules.catalogue.store import RuleStore
from rules.language.build import verb_iri
from rules.publication.publishing import published_names
from schemas.rules.scalars import VERBS

Document = dict[str, Any]
Name = tuple[str, str]
MOST: Final = 30  # names of one answer
LOOKED_AT: Final = 2000  # activities that are looked through for words of their names
LAST: Final = 500  # statements, the last stored, whose verbs are suggested
END: Final = "\U0010ffff"
KEPT: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}

blueprint = Pages("console_suggesting", __name__)
files = Blueprint("console_editor", __name__)


@blueprint.get("/console/rules/suggestions", scope="rules")
def suggestions() -> Response:
    """Answer names that fit what somebody types, at most 30: `of` is their kind, `q` what stands there."""
    vendor_only()
    given = asked("of", "q", longest=2000)
    if given.get("of") not in KINDS:
        raise InvalidField("of", f"is one of {', '.join(sorted(KINDS))}")
    found = dict(KINDS[given["of"]](given.get("q", "")))
    return flask.jsonify(items=[{"value": value, "title": title} for value, title in [*found.items()][:MOST]])


def fitting(names: Iterable[Name], words: str) -> Iterator[Name]:
    """Yield the names that have the words in them."""
    wanted = words.lower()
    return (one for one in sorted(names) if wanted in " ".join(one).lower())


def activities(words: str) -> Iterator[Name]:
    """Yield the courses that are kept here, then what statements were about, as far as the user reads it."""
    yield from courses(words)
    yield from seen_activities(words)


def courses(words: str) -> Iterator[Name]:
    """Yield the courses of the content library whose address or title has the words."""
    if not may("content/read"):
        return iter(())
    wanted = ["activity", "title"]
    rows = current_services().db.content_items.find(readable().filter(), wanted).limit(LOOKED_AT)
    return fitting({row["activity"]: title_of(row["title"]) for row in rows}.items(), words)


def seen_activities(words: str) -> Iterator[Name]:
    """Yield activities of the readable stores: whose id begins so, or of the first who have the words."""
    db, scope = current_services().db, readable()
    wanted = ["id", "name"]
    if ":" in words:
        begins = {**scope.filter(), "id": {"$gte": words, "$lt": words + END}}
        rows = db.activities.find(begins, wanted).sort("id", 1).limit(4 * MOST)
        return ((row["id"], title_of(row.get("name"))) for row in rows)
    first = db.activities.find(scope.filter(), wanted).sort("id", 1).limit(LOOKED_AT)
    return fitting({row["id"]: title_of(row.get("name")) for row in first}.items(), words)


def verbs(words: str) -> Iterator[Name]:
    """Yield the verbs of the last statements that have no name of their own in rule files."""
    db, known = current_services().db, set(map(verb_iri, VERBS))
    rows = db.statements.find(readable().filter(), {"verb": 1, "_id": 0}).sort("_id", -1).limit(LAST)
    return fitting({(row["verb"], "") for row in rows if row["verb"] not in known}, words)


def readable() -> Scope:
    """Return the stores whose statements the user reads: without that right the vendor's own."""
    db = current_services().db
    return scope_of(db, g.principal) if may("analytics") else Scope(("vendor",))


def store_names(kind: str) -> list[Name]:
    """Return the names of one kind that the checker knows."""
    services = current_services()
    names = published_names(services.db, RuleStore(services.db).rule_set(), services.now())
    return [(one, "") for one in getattr(names, kind) or ()]


def tiers(words: str) -> Iterator[Name]:
    """Yield the tiers of the published programmes."""
    services = current_services()
    names = published_names(services.db, RuleStore(services.db).rule_set(), services.now())
    return fitting({(tier, programme) for programme, order in names.tiers.items() for tier in order}, words)


KINDS: Final = {
    "activity": activities,
    "verb": verbs,
    "certification": lambda words: fitting(titles().items(), words),
    "organization": lambda words: fitting(org_names().items(), words),
    "group": lambda words: fitting(store_names("groups"), words),
    "client": lambda words: fitting(store_names("clients"), words),
    "region": lambda words: fitting(store_names("regions"), words),
    "fragment": lambda words: fitting(store_names("fragments"), words),
    "tier": tiers,
}
"""How the names of each kind are found."""


# The bundle: it is the same for everybody and says nothing of anybody, so it is kept by browsers


@files.get("/console/editor/<name>.js", scope=PUBLIC)
def bundle(name: str) -> Response:
    """Answer the editor that the set-up bundled; its name is a hash of what it is."""
    found = _read(bundle_path(current_services().settings))
    if found is None or found[0] != name:
        abort(404)
    _, plain, packed = found
    zipped = request.accept_encodings.quality("gzip") > 0
    response = Response(packed if zipped else plain, content_type="text/javascript; charset=utf-8")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers.update(KEPT)
    return response


def bundle_name(settings: Settings) -> str | None:
    """Return the name of the bundle; None where the set-up made none, and the text area stays."""
    found = _read(bundle_path(settings))
    return None if found is None else found[0]


def bundle_path(settings: Settings) -> Path:
    """Return where the set-up puts the bundle."""
    return Path(settings.editor_folder or Path(sys.prefix) / "editor") / "dist" / "editor.js"


@lru_cache(maxsize=1)
def _read(path: Path) -> tuple[str, bytes, bytes] | None:
    try:
        plain = path.read_bytes()
    except OSError:
        return None
    return hashlib.sha256(plain).hexdigest()[:16], plain, gzip.compress(plain, 9, mtime=0)
