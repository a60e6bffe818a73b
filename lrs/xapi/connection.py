"""`/xapi/extensions/connection`: what a publisher asks to test a connection; nothing is ever stored.

GET tells who the credentials are, what they may do, and what of theirs was refused lately. POST takes a
request as for `/xapi/statements` and tells of each statement whether it would be stored.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from flask import Response

from lrs.access.auth import Principal, current_principal
from lrs.access.guard import Blueprint
from lrs.access.scopes import XAPI_SCOPES
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden
from lrs.xapi import inbound_log, protocol
from lrs.xapi.requests.handling import Parts, repair_all
from lrs.xapi.requests.receiving import receive
from statements.errors import InvalidStatement, StatementError
from statements.intake.examine import fault_of
from statements.intake.strict import check_recommendations
from statements.parsing.parse import Parsed, parse_statements
from statements.parsing.times import Version

blueprint = Blueprint("connection", __name__)

PATH: Final = "/xapi/extensions/connection"
LATELY: Final = 20
TOLD: Final = ("at", "method", "resource", "status", "error", "path", "message")


@blueprint.get(PATH, scope=XAPI_SCOPES)
def get() -> Response:
    """Answer who is asking and what was refused lately."""
    version = protocol.version()
    protocol.parameters(())
    principal, db = _publisher(), current_services().db
    own = {"org": principal.org, "client": principal.id}
    refused = inbound_log.newest(db, own, LATELY)
    return _answer({
        "client": principal.id, "label": principal.label, "organization": principal.org, "version": version,
        "scopes": sorted(principal.scopes), "handling": sorted(principal.handling),
        "authority": principal.authority,
        "refused": [{name: entry[name] for name in TOLD} for entry in refused],
    })  # fmt: skip


@blueprint.post(PATH, scope="statements/write")
def post() -> Response:
    """Answer which statements of the body would be stored, and what is wrong with the others."""
    version = protocol.version()
    protocol.parameters(())
    principal = _publisher()
    batch, parts = receive(parse_statements)
    if "repair" in principal.handling:
        batch = repair_all(batch, version)
    faults = [
        {"index": index, "id": _id_of(parsed), "error": type(error).__name__, "message": str(error),
         "path": getattr(error, "path", None)}
        for index, parsed in enumerate(batch)
        if (error := _fault(parsed, parts or {}, version, f"$[{index}]"))
    ]  # fmt: skip
    mended = [{"index": i, "repairs": one.repairs} for i, one in enumerate(batch) if one.repairs]
    return _answer({"accepted": len(batch) - len(faults), "refused": faults, "repaired": mended})


def _publisher() -> Principal:
    """Return who is asking; raises Forbidden for a learner's browser."""
    principal = current_principal()
    if principal.limit is not None:
        raise Forbidden("a launch token is for content; test a connection with the key of a client")
    return principal


def _fault(parsed: Parsed, parts: Parts, version: Version, path: str) -> StatementError | None:
    """Return what the client would be told of a statement, as strictly as it chose."""
    fault = fault_of(parsed, parts, version, path)
    try:
        if fault is None and "strict" in current_principal().handling:
            check_recommendations([parsed.value], path)
    except InvalidStatement as error:
        return error
    return fault


def _id_of(parsed: Parsed) -> str | None:
    found = parsed.value.get("id") if isinstance(parsed.value, dict) else None
    return found if isinstance(found, str) else None


def _answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), content_type="application/json")
