"""Content: packages are uploaded, looked at, published, and shown to whom they are for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from flask import request, url_for
from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.access.organizations import get_org
from lrs.api.contract import Blueprint, Flag, PageArgs, check_match, page, page_schema, streaming, tagged
from lrs.api.rights import directory, editor, org_filter, visible_org, visible_orgs
from lrs.content.library import housekeeping, intake, items
from lrs.content.library.downloads import open_download
from lrs.content.library.intake import Intake, Upload
from lrs.content.library.learners import learner_of
from lrs.content.library.outline import outline
from lrs.content.library.visibility import Visibility
from lrs.content.origin.addresses import content_origin
from lrs.content.origin.originals import ORIGINALS
from lrs.content.packages.limits import MIB
from lrs.content.packages.model import Kind
from lrs.content.packages.read import Wish
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]

blp = Blueprint("content", __name__, url_prefix="/content", description="Content packages and who sees them.")

BLOCK: Final = 256 * 1024
TEXT_MAP: Final[dict[str, Any]] = {
    "keys": fields.String(validate=validate.Length(1, 35)),
    "values": fields.String(validate=validate.Length(max=500)),
}
NAMES: Final[dict[str, Any]] = {"load_default": list, "validate": validate.Length(max=200)}
MOMENT: Final[dict[str, Any]] = {"load_default": None, "allow_none": True, "default_timezone": dt.UTC}


class UploadArgs(Schema):
    """What is said of a file that is sent as the body."""

    name = fields.String(load_default="package.zip", validate=validate.Length(1, 255))
    org = fields.String(metadata={"description": "Organization that owns it; default: the asker's own."})
    item = fields.String(metadata={"description": "The item of which this is a new version."})
    kind = fields.Enum(Kind, by_value=True, metadata={"description": "Which of several manifests counts."})
    activity = fields.String(metadata={"description": "Activity id of plain HTML."})
    title = fields.String(validate=validate.Length(1, 500))


class IssueSchema(Schema):
    """Something found in a package."""

    code = fields.String()
    severity = fields.String()
    place = fields.String()
    text = fields.String()


class ProgressSchema(Schema):
    """How many files of how many are kept."""

    done = fields.Integer()
    total = fields.Integer()


class PartSchema(Schema):
    """An item of a package's tree, with the depth at which it stands."""

    id = fields.String()
    iri = fields.String(metadata={"description": "The activity that statements are about."})
    type = fields.String()
    depth = fields.Integer()
    title = fields.Dict(**TEXT_MAP)
    launch = fields.String(allow_none=True)
    mastery = fields.Float(allow_none=True, metadata={"description": "Passing mark, -1 to 1."})
    move_on = fields.String(allow_none=True)


class EndpointSchema(Schema):
    """An LRS address that the authors left in a file."""

    url = fields.String()
    place = fields.String()
    has_key = Flag()


class ContentVersionSchema(Schema):
    """A version of an item, in whatever state."""

    id = fields.String(attribute="_id")
    org = fields.String()
    item = fields.String(allow_none=True)
    number = fields.Integer(allow_none=True)
    state = fields.String()
    name = fields.String()
    size = fields.Integer()
    original = fields.String(metadata={"description": "SHA-256 of the uploaded file."})
    progress = fields.Nested(ProgressSchema)
    issues = fields.List(fields.Nested(IssueSchema))
    kind = fields.String()
    edition = fields.String()
    tool = fields.String()
    title = fields.Dict(**TEXT_MAP)
    languages = fields.List(fields.String())
    parts = fields.List(fields.Nested(PartSchema))
    endpoints = fields.List(fields.Nested(EndpointSchema))
    files = fields.Integer()
    bytes = fields.Integer()
    created_at = fields.AwareDateTime()
    read_at = fields.AwareDateTime()
    published_at = fields.AwareDateTime(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)


class VisibilitySchema(Schema):
    """Who may see an item; what is left out asks nothing."""

    orgs = fields.List(fields.String(), **NAMES)
    tiers = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), load_default=dict)
    roles = fields.List(fields.String(), **NAMES)
    certifications = fields.List(fields.String(), **NAMES)
    regions = fields.List(fields.String(), **NAMES)
    languages = fields.List(fields.String(), **NAMES)
    start = fields.AwareDateTime(data_key="from", **MOMENT)
    until = fields.AwareDateTime(**MOMENT)


class PolicySchema(Schema):
    """How what SCORM content says is taken, and how often a learner may try."""

    keep = fields.String(
        load_default="best",
        validate=validate.OneOf(("best", "last", "first")),
        metadata={"description": "Which verdict and score of several sessions stand."},
    )
    completes = fields.String(
        load_default="reported",
        validate=validate.OneOf(("reported", "passed", "visited")),
        metadata={"description": "What completes: the content's word, a pass, or an orderly end."},
    )
    override = fields.String(
        load_default="unset",
        validate=validate.OneOf(("unset", "always", "never")),
        metadata={"description": "When a mastery score outdoes the content's own verdict."},
    )
    failed_completes = Flag(load_default=True)
    attempts = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1000))
    cool_down_hours = fields.Float(load_default=0.0, validate=validate.Range(0, 8784))


class ContentItemSchema(Schema):
    """A content item."""

    id = fields.String(attribute="_id")
    org = fields.String()
    activity = fields.String()
    kind = fields.String()
    title = fields.Dict(**TEXT_MAP)
    published = fields.Integer(allow_none=True)
    latest = fields.Integer()
    visible = fields.Nested(VisibilitySchema)
    policy = fields.Nested(PolicySchema, metadata={"description": "None: every default."})
    versions = fields.List(fields.Nested(ContentVersionSchema))
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class EditContentItem(Schema):
    """What can be changed of an item; `visible` and `policy` replace what was there."""

    title = fields.Dict(**TEXT_MAP, validate=validate.Length(1, 100))
    visible = fields.Nested(VisibilitySchema)
    policy = fields.Nested(PolicySchema)


class VisibleArgs(Schema):
    """Whose view is asked for."""

    person = fields.String(required=True)
    language = fields.List(fields.String(), load_default=list, validate=validate.Length(max=20))


class DownloadSchema(Schema):
    """Where the original can be fetched, for a few minutes."""

    url = fields.String()
    expires_at = fields.AwareDateTime()


ItemPage = page_schema(ContentItemSchema)
VersionPage = page_schema(ContentVersionSchema)
Items = Schema.from_dict({"items": fields.List(fields.Nested(ContentItemSchema))}, name="VisibleItems")


def library() -> Intake:
    """Return what taking content in needs."""
    here = current_services()
    return Intake(here.settings, here.db, here.now)


def seen_item(item: str) -> Document:
    """Return an item of the realm; raises UnknownThing."""
    found = items.get_item(current_services().db, item)
    visible_org(found["org"], "content item", item)
    return found


def seen_version(version: str) -> Document:
    """Return a version of the realm; raises UnknownThing."""
    found = items.get_version(current_services().db, version)
    visible_org(found["org"], "content version", version)
    return found


def detailed(version: Document) -> Document:
    """Return a version with the outline of its package, where it was read."""
    if version["state"] not in items.READABLE:
        return version
    item = items.get_item(current_services().db, version["item"])
    return version | outline(items.package_of(version), item["activity"])


def blocks() -> Iterator[bytes]:
    """Yield the request's body as it arrives; raises RequestEntityTooLarge past the limit."""
    while block := request.stream.read(BLOCK):
        yield block


@blp.route("", methods=["POST"], scope="content/write")
@streaming
@blp.arguments(UploadArgs, location="query")
@blp.response(202, ContentVersionSchema)
@blp.doc(requestBody={"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}})
def upload(args: Document) -> Any:
    """Send a package as the body; it is read by the worker, `Location` tells how far it is.

    A new item comes of it, or with `item` a new version of that one. Nothing is shown to learners before a
    version is published.
    """
    request.max_content_length = current_services().settings.content_max_mb * MIB
    org = visible_org(args["org"]) if "org" in args else current_principal().org
    get_org(current_services().db, org)
    if "item" in args:
        org = seen_item(args["item"])["org"]
    wish = Wish(args.get("kind"), args.get("activity"), args.get("title"))
    made = intake.receive(library(), editor(), Upload(org, args["name"], wish, args.get("item")), blocks())
    return made, 202, {"Location": url_for("content.get_version", version=made["_id"])}


@blp.route("", methods=["GET"], scope="content/read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, ItemPage)
def list_items(args: Document) -> Any:
    """List the items of the asker's organizations."""
    return page(current_services().db.content_items, org_filter(), args, lambda item: item)


@blp.route("/versions", methods=["GET"], scope="content/read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, VersionPage)
def list_versions(args: Document) -> Any:
    """List uploads and versions, those refused too, the newest first."""
    return page(
        current_services().db.content_versions, org_filter(), args, lambda version: version, newest_first=True
    )


@blp.route("/visible", methods=["GET"], scope="content/read")
@blp.arguments(VisibleArgs, location="query")
@blp.response(200, Items)
def list_visible(args: Document) -> Any:
    """List the published items that a person may see now."""
    here = current_services()
    person = directory().get(args["person"])
    learner = learner_of(here.db, person["_id"], here.now(), tuple(args["language"]))
    orgs = visible_orgs()
    found = items.visible_items(here.db, learner, here.now())
    return {"items": [item for item in found if orgs is None or _is_shared(item, orgs, learner)]}


def _is_shared(item: Document, orgs: list[str], learner: Any) -> bool:
    """Tell whether an organization that asks may know of an item: its own, or one it was given as a whole."""
    return item["org"] in orgs or any(
        one.org in orgs and one.is_in(item["org"]) for one in learner.belongings
    )


@blp.route("/<item>", methods=["GET"], scope="content/read")
@blp.response(200, ContentItemSchema)
def get_item(item: str) -> Any:
    """Answer an item with its versions, the newest first."""
    found = seen_item(item)
    return tagged(found | {"versions": items.versions_of(current_services().db, item)}, found)


@blp.route("/<item>", methods=["PATCH"], scope="content/write")
@blp.conditional
@blp.arguments(EditContentItem)
@blp.response(200, ContentItemSchema)
def edit_item(body: Document, item: str) -> Any:
    """Change title, visibility or policy; `visible` and `policy` replace what was there."""
    version = check_match("content item", seen_item(item))
    if "visible" in body:
        body["visible"] = Visibility.of(body["visible"]).to_document()
    return tagged(items.edit_item(editor(), item, body, version))


@blp.route("/versions/<version>", methods=["GET"], scope="content/read")
@blp.response(200, ContentVersionSchema)
def get_version(version: str) -> Any:
    """Answer a version: how far its reading is, every issue found, and what can be launched."""
    return detailed(seen_version(version))


@blp.route("/versions/<version>", methods=["DELETE"], scope="content/write")
@blp.response(204)
def discard_version(version: str) -> None:
    """Remove a version that was never published, with its files; an item that has no other goes too."""
    seen_version(version)
    housekeeping.discard(library(), editor(), version)


@blp.route("/versions/<version>/publish", methods=["POST"], scope="content/write")
@blp.response(200, ContentVersionSchema)
def publish(version: str) -> Any:
    """Let new learners get this version; those under way stay on theirs."""
    seen_version(version)
    return items.publish(editor(), version)


@blp.route("/versions/<version>/withdraw", methods=["POST"], scope="content/write")
@blp.response(200, ContentVersionSchema)
def withdraw(version: str) -> Any:
    """Let nobody begin this version any more; learners under way finish it."""
    seen_version(version)
    return items.withdraw(editor(), version)


@blp.route("/versions/<version>/original", methods=["POST"], scope="content/read")
@blp.response(201, DownloadSchema)
def download_original(version: str) -> Any:
    """Answer an address at the content origin from which the uploaded file can be fetched for ten minutes."""
    here, found = current_services(), seen_version(version)
    if found["state"] == "refused":
        raise UnknownThing("original of the content version", version, "it was refused, and not kept")
    token, until = open_download(here.db, found, here.now())
    return {"url": f"{content_origin(here.settings, version)}{ORIGINALS}/{token}", "expires_at": until}
