"""Where the users and groups of an organization's directory are kept, for the library that speaks SCIM.

A question by user name, external id, display name or id is an index hit; any other walks what the
organization has, up to MOST_WALKED of them and MOST_BYTES. What a directory calls the members of a group is
not kept: their users say it, and erasure would have to look for it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError
from scim2_models import (
    InvalidFilterException,
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ScimFilter,
    SearchRequest,
    TooManyException,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.service import ScimService
from scim2_server.storage import ScimStorage, SearchPage

from lrs.foundation.audit import Editor
from lrs.foundation.errors import InvalidField
from lrs.foundation.mail import check_address
from lrs.people.privacy.erasure_in_directories import leave_groups
from lrs.scim import members
from lrs.scim.members import Member

Document = dict[str, Any]

MOST_WALKED: Final = 5000
MOST_BYTES: Final = 16 * 1024 * 1024  # of what one question walks, and of what one page holds
MOST_RESOURCES: Final = 100_000  # of one organization
LARGEST: Final = 1024 * 1024  # bytes of one resource: a group with some 20,000 members
MOST_WORK: Final = 10 * 1024 * 1024  # bytes of a resource times operations of a PATCH: some seconds
INDEXED: Final = {"username": "key", "displayname": "key", "externalid": "external_id", "id": "_id"}
KEYS: Final = {"User": "user_name", "Group": "display_name"}
KEPT: Final = ("person", "affiliation", "user", "email")


def nothing_refused(org: str) -> None:
    """Let an organization have any number of people (tests)."""


class Directory(ScimStorage):
    """The users and groups of one organization; everything else is not there.

    `admit(org)` raises Collision where no further person may belong to it; `operations` are those of a PATCH,
    each of which walks the resource.
    """

    def __init__(
        self,
        editor: Editor,
        org: str,
        service: ScimService,
        admit: Callable[[str], None] = nothing_refused,
        operations: int = 0,
    ) -> None:
        self.editor, self.org, self.service = editor, org, service
        self.admit, self.operations = admit, operations

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: Any = None,  # noqa: ARG002 -- the library leaves out what is not asked for
    ) -> Resource[Any]:
        """Return a resource; raises NotFoundException, TooManyException."""
        row = self._found(resource_type, resource_id)
        if self.operations > 1 and self.operations * len(row["body"]) > MOST_WORK:
            raise TooManyException(detail="so large a group takes fewer operations: send them in parts")
        return self._read(resource_type, row)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,  # noqa: ARG002 -- of cursors, which are not announced
    ) -> SearchPage:
        """Return a page of what matches, and the total; raises InvalidFilterException, TooManyException."""
        types = {one.name: one for one in resource_types}
        wanted: Document = {"org": self.org, "type": {"$in": sorted(map(str, types))}}
        start, count = search_request.start_index_0 or 0, search_request.count
        asked, rows = search_request.filter, self.editor.db.scim_resources
        if asked is None and search_request.sort_by is None:
            total = rows.count_documents(wanted)
            if count == 0:
                return SearchPage(total, [])
            found = _bounded(rows.find(wanted).sort("_id", 1).skip(start).limit(count or 0))
            return SearchPage(total, [self._read(types[one["type"]], one) for one in found])
        matching = list(self._matching(types, {**wanted, **_narrowed(asked)}, asked))
        if search_request.sort_by is not None:
            is_down = search_request.sort_order == SearchRequest.SortOrder.descending

            def rank(one: Resource[Any]) -> tuple[bool, Any]:
                value = search_request.sort_value(one)
                return value is None, "" if value is None else value

            matching.sort(key=rank, reverse=is_down)
        end = None if count is None else start + count
        return SearchPage(len(matching), matching[start:end])

    def _matching(
        self, types: Mapping[Any, ResourceType], wanted: Document, asked: ScimFilter[Any] | None
    ) -> Iterator[Resource[Any]]:
        walked = 0
        for number, one in enumerate(self.editor.db.scim_resources.find(wanted).sort("_id", 1)):
            walked += len(one["body"])
            if number >= MOST_WALKED or walked > MOST_BYTES:
                raise TooManyException(detail="ask by userName, externalId, displayName or id")
            resource = self._read(types[one["type"]], one)
            try:
                if asked is None or asked.match(resource):
                    yield resource
            except (ValueError, TypeError) as error:
                raise InvalidFilterException(detail=str(error)) from error

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Keep a resource, and let a user belong to the organization; raises UniquenessException."""
        if (
            self.editor.db.scim_resources.count_documents({"org": self.org}, limit=MOST_RESOURCES)
            >= MOST_RESOURCES
        ):
            raise TooManyException(detail=f"an organization has at most {MOST_RESOURCES} users and groups")
        row: Document = {"_id": uuid.uuid4().hex, "org": self.org, "type": resource_type.name}
        row |= {"created_at": self.editor.now, "version": 0}

        def act(session: ClientSession) -> Document:
            return self._write(row, resource, session, "add")

        return self._read(resource_type, self._changed(act))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a resource; raises NotFoundException, PreconditionFailedException, UniquenessException."""

        def act(session: ClientSession) -> Document:
            row = self._found(resource_type, str(resource.id), session)
            _check_version(row, expected_version)
            return self._write(row, resource, session, "edit")

        return self._read(resource_type, self._changed(act))

    def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Forget a resource; a user leaves the organization. Raises as `update`."""

        def act(session: ClientSession) -> Document:
            row = self._found(resource_type, resource_id, session)
            _check_version(row, expected_version)
            if row["type"] == "User":
                members.leave(self.editor, self.org, row, session)
                leave_groups(self.editor.db, self.org, [row["_id"]], self.editor.now, session)
            self.editor.db.scim_resources.delete_one({"_id": row["_id"], "org": self.org}, session=session)
            self._note("remove", row)
            return row

        self._changed(act)

    def _changed(self, act: Any) -> Document:
        try:
            changed: Document = self.editor.change(act)
        except DuplicateKeyError as error:
            raise UniquenessException(detail="another user has this userName") from error
        return changed

    def _write(self, row: Document, resource: Resource[Any], session: ClientSession, action: str) -> Document:
        """Write a resource with all that follows from it."""
        for one in getattr(resource, "members", None) or ():
            one.display = None
        body = resource.model_dump_json(exclude={"meta"}, exclude_none=True)
        if len(body) > LARGEST:
            raise InvalidValueException(detail=f"one resource has at most {LARGEST} bytes")
        key = getattr(resource, KEYS[row["type"]], None)
        after = {
            **row,
            "body": body,
            "key": key and str(key).lower(),
            "external_id": getattr(resource, "external_id", None),
            "updated_at": self.editor.now,
            "version": row["version"] + 1,
        }
        if row["type"] == "User":
            after["user_name"] = after["key"]
            after |= members.settle(
                self.editor, self.org, member_of(resource), {k: row.get(k) for k in KEPT}, session
            )
            if after["affiliation"] not in {None, row.get("affiliation")}:
                self.admit(self.org)
        self.editor.db.scim_resources.replace_one(
            {"_id": row["_id"], "org": self.org}, after, upsert=True, session=session
        )
        self._note(action, after)
        return after

    def _note(self, action: str, row: Document) -> None:
        told = {name: row.get(name) for name in ("type", "key", "external_id", *KEPT)}
        self.editor.note(f"scim.{action}", "scim resource", row["_id"], org=self.org, after=told)

    def _found(
        self, resource_type: ResourceType, resource_id: str, session: ClientSession | None = None
    ) -> Document:
        wanted = {"_id": resource_id, "org": self.org, "type": resource_type.name}
        found = self.editor.db.scim_resources.find_one(wanted, session=session)
        if found is None:
            raise NotFoundException(detail=f"{resource_type.name} {resource_id[:100]!r} not found")
        return found

    def _read(self, resource_type: ResourceType, row: Mapping[str, Any]) -> Resource[Any]:
        """Return a resource as the library's model."""
        resource = self.service.get_model(resource_type).model_validate_json(row["body"])
        resource.id = row["_id"]
        resource.meta = Meta(
            resource_type=row["type"],
            created=_zoned(row["created_at"]),
            last_modified=_zoned(row["updated_at"]),
            version=version_of(row),
        )
        return resource


def _bounded(rows: Iterable[Document]) -> Iterator[Document]:
    """Yield the first rows, as many as a page may hold; the next page goes on after them."""
    taken = 0
    for row in rows:
        taken += len(row["body"])
        if taken > MOST_BYTES and taken > len(row["body"]):
            return
        yield row


def member_of(resource: Any) -> Member:
    """Return what matters here of a user of the library's model."""
    listed = resource.emails or []
    first = next((one for one in listed if one.primary), listed[0] if listed else None)
    email = address_of(first.value if first is not None and first.value else resource.user_name)
    name = resource.name
    parts = filter(None, (name.given_name, name.family_name)) if name else ()
    told = resource.display_name or (name.formatted if name else None) or " ".join(parts) or None
    roles = resource.roles or []
    role = next((one.value for one in roles if one.primary), roles[0].value if roles else None)
    active = resource.active is not False
    return Member(email, told and told[:255], role and str(role)[: members.LONGEST_ROLE], active)


def address_of(text: Any) -> str | None:
    """Return a text that is a mail address; a user name need not be one."""
    try:
        return check_address(str(text or "")).lower()
    except InvalidField:
        return None


def version_of(row: Mapping[str, Any]) -> str:
    """Return the entity tag of a resource."""
    return f'W/"{row["version"]}"'


def _check_version(row: Mapping[str, Any], expected: str | None) -> None:
    if expected is not None and expected != version_of(row):
        raise PreconditionFailedException


def _narrowed(asked: ScimFilter[Any] | None) -> Document:
    """Return the part of a filter that an index answers: one attribute that equals a text."""
    node = None if asked is None else asked.ast
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return {}
    field = INDEXED.get(str(node.attr_path).rpartition(":")[2].lower())
    if field is None:
        return {}
    return {field: node.value.lower() if field == "key" else node.value}


def _zoned(at: dt.datetime) -> dt.datetime:
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
