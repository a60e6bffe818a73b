"""State, agent profile and activity profile documents (1.0.3 Communication 2.2, 2.3, 2.6, 2.7; 2.0 4.1.6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from typing import Final

import orjson
from flask import Response, g, request

from lrs.access.guard import Blueprint
from lrs.access.launch_tokens import permit_document
from lrs.foundation.context import current_request, current_services
from lrs.xapi import protocol
from lrs.xapi.errors import DocumentNotFound, InvalidRequest
from lrs.xapi.sessions import PREFERENCES, session_of
from statements.query.parameters import StatementQuery
from statements.storage.documents import HEADER_TEXT, DocumentStore, Key, Kind, Preconditions, StoredDocument

blueprint = Blueprint("documents", __name__)

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Resource:
    """What one of the three resources is called, takes and asks for."""

    kind: Kind
    path: str
    id_name: str
    key_names: frozenset[str]
    scope: str
    bulk_delete: bool = False


RESOURCES: Final = (
    Resource(
        "state",
        "/xapi/activities/state",
        "stateId",
        frozenset({"activityId", "agent", "registration"}),
        "state",
        bulk_delete=True,
    ),
    Resource("agent_profile", "/xapi/agents/profile", "profileId", frozenset({"agent"}), "profile"),
    Resource(
        "activity_profile", "/xapi/activities/profile", "profileId", frozenset({"activityId"}), "profile"
    ),
)


def get(resource: Resource) -> Response:
    """Answer one document as it was stored, or the list of ids."""
    version = protocol.version()
    given = protocol.parameters(resource.key_names | {resource.id_name, "since"})
    since = _since(given.pop("since", None), version)
    key = _key(resource, given, version)
    if key.id is None:
        return _ids(key, since)
    if since is not None and version == "2.0.0":
        raise InvalidRequest("since", f"not allowed beside {resource.id_name}")
    if resource.kind == "agent_profile" and key.id == PREFERENCES and (session := session_of(g.principal)):
        session.note_preferences()
    found = _store().get(key)
    if found is None:
        raise DocumentNotFound(resource.kind.replace("_", " "))
    return _document(found)


def write(resource: Resource) -> Response:
    """Store (PUT) or merge (POST) one document; 204."""
    version = protocol.version()
    key = _one(resource, version)
    store = _store()
    save = partial(store.put, must_say=_must_say(resource)) if request.method == "PUT" else store.post
    save(
        key,
        current_services().bodies.read(current_request()),
        request.environ.get("CONTENT_TYPE") or None,
        preconditions=_preconditions(),
        version=version,
        now=current_services().now(),
    )
    return protocol.no_content()


def _must_say(resource: Resource) -> bool:
    """Tell whether even a new document needs a precondition: profiles under exactly 1.0.3 (xapi#decision-3).

    The official suite asks for it; clients of 1.0.0 to 1.0.2, and 2.0, create profiles without one.
    """
    return resource.kind != "state" and request.environ["HTTP_X_EXPERIENCE_API_VERSION"] == "1.0.3"


def delete(resource: Resource) -> Response:
    """Delete one document, or all State documents of the agent and activity; 204 also when there is none."""
    version = protocol.version()
    key = _one(resource, version, required=not resource.bulk_delete)
    _store().delete(key, preconditions=_preconditions())
    return protocol.no_content()


def _one(resource: Resource, version: protocol.Version, *, required: bool = True) -> Key:
    """Return the key that the parameters name."""
    key = _key(resource, protocol.parameters(resource.key_names | {resource.id_name}), version)
    if required and key.id is None:
        raise InvalidRequest(resource.id_name, f"required with {request.method}")
    return key


def _key(resource: Resource, given: dict[str, list[str]], version: protocol.Version) -> Key:
    """Return the key; who came by a launch reaches only what belongs to the launch."""
    key = Key.parse(resource.kind, given, version)
    if g.principal.limit is not None:
        permit_document(g.principal.limit, resource.kind, given, request.method)
    return key


def _store() -> DocumentStore:
    return DocumentStore(current_services().db, g.principal.org)


def _preconditions() -> Preconditions:
    return Preconditions(request.environ.get("HTTP_IF_MATCH"), request.environ.get("HTTP_IF_NONE_MATCH"))


def _since(values: list[str] | None, version: protocol.Version) -> dt.datetime | None:
    """Return the instant of the parameter `since`, checked as the one of /statements is."""
    if values is None:
        return None
    micros = StatementQuery.parse({"since": values}, version).since
    return None if micros is None else EPOCH + dt.timedelta(microseconds=micros)


def _ids(key: Key, since: dt.datetime | None) -> Response:
    """Answer the ids of the documents; Last-Modified is the newest of them."""
    ids, newest = _store().ids(key, since)
    response = Response(orjson.dumps(ids), content_type="application/json")
    if newest is not None:
        response.headers["Last-Modified"] = format_datetime(newest, usegmt=True)
    return response


def _document(found: StoredDocument) -> Response:
    """Answer the bytes with the very Content-Type they came with; 304 where the client has them."""
    etag = f'"{found.etag}"'
    known = request.if_none_match
    fresh = known.star_tag or known.contains_weak(found.etag)
    response = Response(None if fresh else found.content, status=304 if fresh else 200)
    if found.content_type is None or fresh:
        del response.headers["Content-Type"]
    else:
        is_fit = HEADER_TEXT.fullmatch(found.content_type)  # older builds stored whatever came
        response.headers["Content-Type"] = found.content_type if is_fit else "application/octet-stream"
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = format_datetime(found.updated, usegmt=True)
    return response


def _register(resource: Resource) -> None:
    for name, methods, view, scope in (
        ("get", ["GET"], get, (resource.scope, "all/read")),
        ("write", ["PUT", "POST"], write, resource.scope),
        ("delete", ["DELETE"], delete, resource.scope),
    ):
        blueprint.add_url_rule(
            resource.path, f"{resource.kind}_{name}", partial(view, resource), methods=methods, scope=scope
        )


for _resource in RESOURCES:
    _register(_resource)
