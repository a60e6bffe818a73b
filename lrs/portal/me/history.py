"""/me/history: take along what the person chooses of their learning history, signed by this installation.

The file is a ZIP: `learning.ndjson` (the chosen statements as they are kept, one a line), `record.json` (a
learner record of the chosen credentials), and `manifest.jwt`, a token of the issuer that names both with
their SHA-256: whoever gets it can see that nothing was added or changed since.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from flask import Response, request

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.audience import only
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.timeline import person_timeline
from lrs.credentials.issuer import issuer_of
from lrs.credentials.learner_record import signed_record
from lrs.credentials.public.view import UnknownCredential
from lrs.foundation.context import Services, current_services
from lrs.foundation.errors import InvalidField
from lrs.people.privacy.erasure import identifiers_of
from lrs.portal.me.home import credentials_of
from lrs.portal.me.record import activity_names
from lrs.portal.mine import Mine, me, page
from lrs.portal.models.learned import outcome
from rules.credentials.proving.signing import compact
from statements.parsing.search_keys import key

Document = dict[str, Any]
LISTED: Final = 200  # attempts that are shown to choose from
MOST_BYTES: Final = 50_000_000

blueprint = Mine("me_history", __name__)


@blueprint.get("/me/history", scope=AUTHENTICATED)
def history() -> Response:
    """Show what can be taken along."""
    services, person = current_services(), me()
    found = attempts(services, person["_id"])
    today, known = services.now().date(), credentials_of(person["_id"], services.now())
    running = {
        name: one for name, one in known.items() if one.valid_until is None or one.valid_until >= today
    }
    return page(
        "history.html", attempts=found, activities=activity_names(found), outcome=outcome, credentials=running
    )


@blueprint.post("/me/history", scope=AUTHENTICATED)
def take_along() -> Response:
    """Answer what was chosen as a file; raises InvalidField where nothing was, or too much."""
    services, person = current_services(), me()
    awards, chosen = request.form.getlist("award"), set(request.form.getlist("attempt"))
    ids = [
        one["id"]
        for attempt in attempts(services, person["_id"])
        if attempt["statements"][0]["id"] in chosen
        for one in attempt["statements"]
    ]
    files = dict(chosen_files(services, person, awards, ids))
    if not files:
        raise InvalidField("attempt", "nothing was chosen")
    body = zipped(files | {"manifest.jwt": manifest(services, files)})
    name = f"learning-history-{services.now():%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, content_type="application/zip", headers=headers)


def attempts(services: Services, person: str) -> list[Document]:
    """Return the attempts of a person, the newest first."""
    whom = only(services.db, whole_scope(services.db), person)
    entries = person_timeline(services.db, whom, person, services.now())["entries"]
    return [one for one in reversed(entries) if one["kind"] == "attempt"][:LISTED]


def chosen_files(
    services: Services, person: Document, awards: Collection[str], ids: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the record of these awards and of the statements, each where there is some."""
    if awards:
        try:
            yield "record.json", signed_record(services, person["_id"], set(awards))
        except UnknownCredential as error:
            raise InvalidField("award", "none of these is in force") from error
    lines = b"".join(raw_statements(services, person, ids)) if ids else b""
    if lines:
        yield "learning.ndjson", lines


def raw_statements(services: Services, person: Document, ids: Sequence[str]) -> list[bytes]:
    """Return statements of the person as kept, oldest first, a line each; InvalidField for too many bytes."""
    own, size = identifiers_of(person), 0
    wanted = {
        **whole_scope(services.db).filter(),
        "id": {"$in": [UUID(one) for one in ids]},
        "keys": {"$in": [key("a", one) for one in own]},
        "actor": {"$in": own},
        "raw": {"$exists": True},
    }
    lines: list[tuple[bytes, bytes]] = []
    for row in services.db.statements.find(wanted, {"raw": 1}):
        lines.append((bytes(row["_id"]), bytes(row["raw"]) + b"\n"))
        size += len(lines[-1][1])
        if size > MOST_BYTES:
            raise InvalidField("attempt", f"is more than {MOST_BYTES} bytes; choose less at a time")
    return [line for _, line in sorted(lines)]


def manifest(services: Services, files: Mapping[str, bytes]) -> bytes:
    """Return a token of the issuer that names the files with their hashes."""
    who, now = issuer_of(services.settings, services.db), services.now()
    kid = who.signer.current()
    claims = {
        "iss": who.issuer.did,
        "jti": uuid4().urn,
        "iat": int(now.astimezone(dt.UTC).timestamp()),
        "files": [
            {"name": name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        ],
    }
    return compact(who.signer, kid, claims, kid=who.issuer.kid(kid)).encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as a ZIP."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
    return made.getvalue()
