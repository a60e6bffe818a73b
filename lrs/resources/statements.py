"""GET, HEAD, PUT, POST /xapi/statements (1.0.3 Communication 2.1; 2.0 4.1.6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from functools import partial
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from flask import Blueprint, Response, current_app, request

from lrs import multipart, protocol
from lrs.application import Answer
from lrs.auth import Principal, current_principal, requires
from lrs.context import laurel
from lrs.health import STORED
from lrs.launch import permit_statements
from lrs.more import MoreTokens
from lrs.resources.receiving import receive
from lrs.tenancy import get_org
from lrs.xapi_errors import InvalidRequest
from rules.relevance import relevance
from statements.attachments import Part
from statements.ingest import Writer, store_statements
from statements.parse import Parsed, parse_statement, parse_statements
from statements.present import attachment_types, present, statement_result
from statements.query import StatementQuery
from statements.store import StatementStore

blueprint = Blueprint("statements", __name__)

PATH: Final = "/xapi/statements"
JSON: Final = "application/json"
LONGEST_QUERY: Final = 30.0  # seconds before MongoDB gives up on a list
QUERY: Final = frozenset(
    {
        "statementId", "voidedStatementId", "agent", "verb", "activity", "registration", "related_activities",
        "related_agents", "since", "until", "limit", "format", "attachments", "ascending", "more",
    }
)  # fmt: skip
QUERY_WIDE: Final = QUERY | {"org"}  # a vendor-wide reader names the store it reads


@blueprint.post(PATH)
@requires("statements/write")
def post() -> Response:
    """Store one statement or a batch; answer the ids in request order."""
    version = protocol.version()
    protocol.parameters(())
    batch, parts = receive(parse_statements)
    return Answer(orjson.dumps(_store(batch, parts, version)), content_type=JSON)


@blueprint.put(PATH)
@requires("statements/write")
def put() -> Response:
    """Store one statement under the id of the parameter; 204, also when an equal one is stored already."""
    version = protocol.version()
    given = protocol.parameters(("statementId",))
    statement_id = StatementQuery.parse(given, version).statement_id
    if statement_id is None:
        raise InvalidRequest("statementId", "required with PUT")
    batch, parts = receive(lambda body: [parse_statement(body)])
    _store(batch, parts, version, statement_id)
    return protocol.no_content()


def _store(
    batch: Sequence[Parsed],
    parts: dict[str, Part] | None,
    version: protocol.Version,
    statement_id: UUID | None = None,
) -> list[str]:
    """Store what was received for the principal's organization."""
    here, principal = laurel(), current_principal()
    with protocol.consistency(current_app).writing() as now:
        ids = store_statements(
            StatementStore(here.db, principal.org),
            batch,
            writer=_writer(principal),
            version=version,
            now=now,
            attachments=parts,
            is_relevant=relevance(here.db),
            statement_id=statement_id,
            permit=partial(permit_statements, principal.limit) if principal.limit else None,
        )
    STORED.inc(len(ids))
    return ids


def _writer(principal: Principal) -> Writer:
    """Return what the store keeps about who writes.

    Who came by a launch may not void, and defines only what the launch lets it write about.
    """
    return Writer(
        client=principal.id,
        label=principal.label,
        controlled_by=principal.controlled_by,
        authority=principal.authority,
        may_void=principal.limit is None,
        may_define=principal.limit is not None or principal.may("define"),
    )


@blueprint.get(PATH)
@requires("statements/read", "statements/read/mine")
def get() -> Response:
    """Answer one statement by id, or a page of those that a query selects."""
    version = protocol.version()
    principal = current_principal()
    given = protocol.parameters(QUERY_WIDE if principal.vendor_wide else QUERY)
    store = _readable(principal, given.pop("org", None))
    if "more" in given:
        if len(given) > 1:
            raise InvalidRequest("more", "goes with no other parameter: the query is part of it")
        cursor = _tokens().read(given["more"][0], _owner(principal, store), laurel().now())
        query = StatementQuery.resume(cursor)
    else:
        query = StatementQuery.parse(given, version)
    return _single(query, store) if query.is_single else _page(query, store)


def _readable(principal: Principal, org: list[str] | None) -> StatementStore:
    """Return the store that the principal may read, narrowed to its own writing where it may see no more."""
    db = laurel().db
    mine = principal.id if principal.limit or not principal.may("statements/read") else None
    if org is None:
        return StatementStore(db, principal.org, only_client=mine)
    return StatementStore(db, get_org(db, org[0])["_id"], only_client=mine)


def _single(query: StatementQuery, store: StatementStore) -> Response:
    """Answer the one statement that `statementId` or `voidedStatementId` names."""
    if query.statement_id is not None:
        found = store.get(query.statement_id)
    else:
        assert query.voided_statement_id is not None  # noqa: S101 -- `is_single` says so
        found = store.get(query.voided_statement_id, voided=True)
    body = _shown([found.raw], query, store)[0]
    return _answer(body, [found.raw], query, store, format_datetime(found.stored, usegmt=True))


def _page(query: StatementQuery, store: StatementStore) -> Response:
    """Answer a StatementResult; `more` leads to the next page, and is empty on the last (Data 2.5)."""
    page = store.find(query, max_seconds=LONGEST_QUERY)
    more = ""
    if page.next is not None:
        here = laurel()
        token = _tokens().write(query.cursor(page.next), _owner(current_principal(), store), here.now())
        prefix = request.script_root or urlsplit(here.settings.public_url).path
        wide = f"&org={store.org}" if store.org != current_principal().org else ""
        more = f"{prefix}{PATH}?more={token}{wide}"
    body = statement_result(_shown(page.statements, query, store), more)
    newest = page.newest_stored
    return _answer(
        body, page.statements, query, store, format_datetime(newest, usegmt=True) if newest else None
    )


def _shown(raws: Sequence[bytes], query: StatementQuery, store: StatementStore) -> Sequence[bytes]:
    """Return the statements in the format asked for; exact ones are the stored bytes themselves."""
    if query.format == "exact":
        return raws
    return present(raws, query.format, request.headers.get("Accept-Language"), store.definitions)


def _answer(
    body: bytes, raws: Sequence[bytes], query: StatementQuery, store: StatementStore, modified: str | None
) -> Response:
    """Answer JSON, or with `attachments=true` multipart with every attachment that the statements name."""
    if query.attachments:
        boundary = multipart.new_boundary()
        types = attachment_types(raws)
        found = store.parts(set(types))
        parts = ((part.sha2, types[part.sha2], (part.content,)) for part in found)
        response = Response(
            multipart.write_parts(boundary, body, parts), content_type=f"multipart/mixed; boundary={boundary}"
        )
    else:
        response = Answer(body, content_type=JSON)
    if modified is not None:
        response.headers["Last-Modified"] = modified
    return response


def _owner(principal: Principal, store: StatementStore) -> str:
    """Return whom a `more` link is for: the same client, reading the same store."""
    return f"{principal.kind}\n{principal.id}\n{principal.org}\n{store.org}"


def _tokens() -> MoreTokens:
    """Return the token writer of this application, which remembers the keys of the last days."""
    found: MoreTokens | None = current_app.extensions.get("laurel_more")
    if found is None:
        found = current_app.extensions["laurel_more"] = MoreTokens(laurel().db)
    return found
