"""Users: people who administer, and their roles."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from lrs import users
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.rights import editor, see_org, within
from lrs.auth import Principal, current_principal, requires
from lrs.context import laurel
from lrs.refusals import Forbidden

blp = Blueprint("users", __name__, url_prefix="/users", description="People who administer.")

ROLE = validate.OneOf(tuple(users.ROLES))


class UserSchema(Schema):
    """A user as it is answered."""

    id = fields.String(attribute="_id")
    org = fields.String()
    email = fields.String()
    name = fields.String(allow_none=True)
    role = fields.String()
    disabled_at = fields.AwareDateTime(allow_none=True)
    last_login_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()


class NewUser(Schema):
    """A new user; without a password they log in by the OpenID Connect provider."""

    org = fields.String(required=True)
    email = fields.Email(required=True)
    name = fields.String(validate=validate.Length(1, 200))
    role = fields.String(required=True, validate=ROLE)
    password = fields.String(load_only=True, validate=validate.Length(users.SHORTEST, 1000))


class UserEdit(Schema):
    """A change of a user."""

    name = fields.String(validate=validate.Length(1, 200))
    role = fields.String(validate=ROLE)
    password = fields.String(load_only=True, validate=validate.Length(users.SHORTEST, 1000))
    disabled = fields.Boolean()


UserPage = page_schema(UserSchema)


def check_grant(principal: Principal, role: str | None) -> None:
    """Refuse to give a role that may do more than the principal; raises Forbidden."""
    if role is None:
        return
    wanted = users.ROLES[role]
    if any(not principal.may(scope) for scope in wanted.scopes) or (
        wanted.vendor_wide and not principal.vendor_wide
    ):
        raise Forbidden("a role that may do more than you is not yours to give")


def seen(user: str) -> dict[str, Any]:
    """Return a user of the realm; raises UnknownThing."""
    found = users.get_user(laurel().db, user)
    see_org(found["org"], "user", user)
    return found


@blp.route("", methods=["GET"])
@requires("orgs")
@blp.arguments(PageArgs, location="query")
@blp.response(200, UserPage)
def list_users(args: dict[str, Any]) -> Any:
    """List the users of the principal's realm."""
    return page(laurel().db.users, within(), args, lambda user: user)


@blp.route("", methods=["POST"])
@requires("orgs")
@blp.arguments(NewUser)
@blp.response(201, UserSchema)
def add_user(body: dict[str, Any]) -> Any:
    """Add a user in a role of the organization."""
    check_grant(current_principal(), body["role"])
    return tagged(users.add_user(editor(), see_org(body["org"]), body), status=201)


@blp.route("/<user>", methods=["GET"])
@requires("orgs")
@blp.response(200, UserSchema)
def get_one(user: str) -> Any:
    """Answer one user."""
    return tagged(seen(user))


@blp.route("/<user>", methods=["PATCH"])
@requires("orgs")
@blp.arguments(UserEdit)
@blp.response(200, UserSchema)
def edit_user(body: dict[str, Any], user: str) -> Any:
    """Change name, role or password of a user, or disable them; their sessions end."""
    before = seen(user)
    check_grant(current_principal(), before["role"])
    check_grant(current_principal(), body.get("role"))
    if "disabled" in body:
        body["disabled_at"] = laurel().now() if body.pop("disabled") else None
    return tagged(users.edit_user(editor(), before["_id"], body, check_match("user", before)))
