"""GET, HEAD, PUT, POST /xapi/statements (1.0.3 Communication 2.1; 2.0 4.1.6.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from email.utils import format_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from flask import Response, request

from lrs.access.auth import Principal, current_principal
from lrs.access.guard import Blueprint
from lrs.access.launch_tokens import LaunchLimit, permit_statements
from lrs.access.limits import Limits
from lrs.access.organizations import get_org
from lrs.foundation.bell import Bell, Noticed, bell
from lrs.foundation.context import Services, current_services
from lrs.foundation.watching import telemetry
from lrs.foundation.watching.metrics import STORED
from lrs.xapi import inbound_log, protocol
from lrs.xapi.consistent_through import bells_path
from lrs.xapi.errors import InvalidRequest
from lrs.xapi.more_links import MoreTokens, more_tokens
from lrs.xapi.requests import multipart
from lrs.xapi.requests.handling import Parts, repair_all, store_good
from lrs.xapi.requests.receiving import receive
from lrs.xapi.sessions import Session, session_of
from rules.catalogue.relevance import relevance
from statements.ingest import Writer, store_statements
from statements.intake.strict import check_recommendations, is_variant_2
from statements.parsing.parse import Parsed, parse_statement, parse_statements
from statements.query.parameters import StatementQuery
from statements.query.present import attachment_types, present, statement_result
from statements.storage.store import StatementStore

blueprint = Blueprint("statements", __name__)

PATH: Final = "/xapi/statements"
JSON: Final = "application/json"
MOST_NOTED: Final = 50  # refused statements of one batch that the inbound log takes
LONGEST_QUERY: Final = 30.0  # seconds before MongoDB gives up on a list
QUERY: Final = frozenset(
    {
        "statementId", "voidedStatementId", "agent", "verb", "activity", "registration", "related_activities",
        "related_agents", "since", "until", "limit", "format", "attachments", "ascending", "more",
    }
)  # fmt: skip
QUERY_WIDE: Final = QUERY | {"org"}  # a vendor-wide reader names the store it reads


@blueprint.post(PATH, scope="statements/write")
def post() -> Response:
    """Store one statement or a batch; answer the ids in request order."""
    version = protocol.version()
    protocol.parameters(())
    batch, parts = receive(parse_statements)
    if current_principal().handling:
        return _post_handled(batch, parts or {}, version)
    return _json(_store(batch, parts, version))


def _json(body: object) -> Response:
    return current_services().bodies.answer(orjson.dumps(body), content_type=JSON)


def _post_handled(batch: Sequence[Parsed], parts: Parts, version: protocol.Version) -> Response:
    """Store as the client chose; where something was left out, answer what was stored and what was not."""
    principal = current_principal()
    batch = _handled(batch, version)
    if "partial" not in principal.handling:
        return _json(_store(batch, parts, version))

    def store(some: Sequence[Parsed], theirs: Parts, root: str) -> list[str]:
        return _store(some, theirs, version, root=root)

    ids, refused = store_good(batch, parts, version, store)
    if not ids and refused:
        raise refused[0].error
    if not refused:
        return _json(ids)
    told = [one.told() for one in refused]
    for one, facts in zip(refused[:MOST_NOTED], told, strict=False):
        inbound_log.note_left_out(facts, batch[one.index].text)
    return _json({"stored": ids, "refused": told})


def _handled(batch: Sequence[Parsed], version: protocol.Version) -> Sequence[Parsed]:
    """Return what is judged in place of what came."""
    return repair_all(batch, version) if "repair" in current_principal().handling else batch


@blueprint.put(PATH, scope="statements/write")
def put() -> Response:
    """Store one statement under the id of the parameter; 204, also when an equal one is stored already."""
    version = protocol.version()
    given = protocol.parameters(("statementId",))
    statement_id = StatementQuery.parse(given, version).statement_id
    if statement_id is None:
        raise InvalidRequest("statementId", "required with PUT")
    if not is_variant_2(str(statement_id)):
        raise InvalidRequest("statementId", "must be of the RFC 4122 variant, as ids of statements are")
    batch, parts = receive(lambda body, most: [parse_statement(body, most)])
    _store(_handled(batch, version), parts, version, statement_id)
    return protocol.no_content()


def _store(
    batch: Sequence[Parsed],
    parts: Parts | None,
    version: protocol.Version,
    statement_id: UUID | None = None,
    root: str = "$",
) -> list[str]:
    """Store what was received for the principal's organization."""
    services, principal = current_services(), current_principal()
    services.part(Limits).admit_statements(principal, len(batch))
    session = session_of(principal, statement_id)
    writing, noticed = protocol.consistency(services).writing(), Noticed(relevance(services.db))
    with telemetry.span("ingest"), session or nullcontext(), writing as now:
        ids = store_statements(
            StatementStore(services.db, principal.org, longest_chain=services.settings.longest_chain),
            batch,
            writer=_writer(principal),
            version=version,
            now=now,
            attachments=parts,
            is_relevant=noticed,
            statement_id=statement_id,
            root=root,
            permit=_permit(principal, session, root),
            repeated=inbound_log.note_repeats,
        )
    STORED.inc(len(ids))
    if noticed.any:
        services.part(_bell).ring()
    return ids


def _bell(services: Services) -> Bell:
    """Return what wakes the workers of this machine; for `Services.part`."""
    return bell(bells_path(services.settings.mongodb_uri, services.settings.database))


def _permit(
    principal: Principal, session: Session | None, root: str
) -> Callable[[Sequence[Any]], None] | None:
    """Return what else valid statements of the principal have to be, if anything."""
    if principal.limit is not None:
        return partial(_permit_launched, principal.limit, session)
    return partial(check_recommendations, root=root) if "strict" in principal.handling else None


def _permit_launched(limit: LaunchLimit, session: Session | None, values: Sequence[Any]) -> None:
    permit_statements(limit, values)
    if session is not None:
        session.permit(values)


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
        is_beyond=principal.limit.is_beyond if principal.limit is not None else None,
        vouches_for=None if principal.limit is None else principal.limit.vouches_for,
    )


@blueprint.get(PATH, scope=("statements/read", "statements/read/mine"))
def get() -> Response:
    """Answer one statement by id, or a page of those that a query selects."""
    version = protocol.version()
    principal = current_principal()
    given = protocol.parameters(QUERY_WIDE if principal.vendor_wide else QUERY)
    store = _readable(principal, given.pop("org", None))
    if "more" in given:  # the query is part of it; clients in use send theirs again beside it
        cursor = _tokens().read(given["more"][0], _owner(principal, store), current_services().now())
        query = StatementQuery.resume(cursor)
    else:
        query = StatementQuery.parse(given, version)
    return _single(query, store) if query.is_single else _page(query, store)


def _readable(principal: Principal, org: list[str] | None) -> StatementStore:
    """Return the store that the principal may read, narrowed to its own writing where it may see no more."""
    db = current_services().db
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
        services = current_services()
        token = _tokens().write(query.cursor(page.next), _owner(current_principal(), store), services.now())
        prefix = request.script_root or urlsplit(services.settings.public_url).path
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
        response = current_services().bodies.answer(body, content_type=JSON)
    if modified is not None:
        response.headers["Last-Modified"] = modified
    return response


def _owner(principal: Principal, store: StatementStore) -> str:
    """Return whom a `more` link is for: the same client, reading the same store."""
    return f"{principal.kind}\n{principal.id}\n{principal.org}\n{store.org}"


def _tokens() -> MoreTokens:
    """Return the token writer of this application, which remembers the keys of the last days."""
    return current_services().part(more_tokens)
