"""Users: people who administer, and their roles."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from lrs.access import second_factor, users
from lrs.access.auth import Principal, current_principal
from lrs.api.contract import Blueprint, Flag, Instant
from lrs.api.resource import Resource, visible
from lrs.api.rights import editor, visible_org
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden
from lrs.foundation.mail import mailer
from lrs.people import accounts

blp = Blueprint("users", __name__, url_prefix="/users", description="People who administer.")

Document = dict[str, Any]
ROLE = validate.OneOf(tuple(users.ROLES))


class UserSchema(Schema):
    """A user as it is answered."""

    id = fields.String(attribute="_id")
    org = fields.String()
    email = fields.String()
    name = fields.String(allow_none=True)
    role = fields.String()
    second_factor = fields.Function(
        lambda user: user.get("second_factor") is not None, metadata={"type": "boolean"}
    )
    disabled_at = Instant(allow_none=True)
    last_login_at = Instant(allow_none=True)
    created_at = Instant()


class NewUser(Schema):
    """A new user; without a password they are invited, or log in by the OpenID Connect provider."""

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
    disabled = Flag()


USERS = Resource(
    blp, "user", UserSchema, collection="users", path="/<user>", scope="orgs",
    find=visible("user", users.get_user),
)  # fmt: skip


def check_grant(principal: Principal, role: str | None) -> None:
    """Refuse to give a role that may do more than the principal; raises Forbidden."""
    if role is None:
        return
    wanted = users.ROLES[role]
    if any(not principal.may(scope) for scope in wanted.scopes) or (
        wanted.vendor_wide and not principal.vendor_wide
    ):
        raise Forbidden("a role that may do more than you is not yours to give")


@USERS.lists()
def list_users(_: Document) -> Document:
    """List the users of the organizations that the principal sees."""
    return {}


@USERS.makes(NewUser)
def add_user(body: Document) -> Document:
    """Add a user in a role of the organization."""
    check_grant(current_principal(), body["role"])
    return users.add_user(editor(), visible_org(body["org"]), body)


@USERS.reads()
def get_one(user: Document) -> Document:
    """Answer one user."""
    return user


def check_edit(body: Document, before: Document) -> None:
    """Refuse a change of, or to, a role that may do more than the principal; raises Forbidden."""
    check_grant(current_principal(), before["role"])
    check_grant(current_principal(), body.get("role"))


@USERS.changes(UserEdit, check=check_edit)
def edit_user(body: Document, before: Document, version: int) -> Document:
    """Change name, role or password of a user, or disable them; their sessions end."""
    if "disabled" in body:
        body["disabled_at"] = current_services().now() if body.pop("disabled") else None
    return users.edit_user(editor(), before["_id"], body, version)


@USERS.acts("/second-factor/reset")
def reset_second_factor(user: Document) -> Document:
    """Take the second factor of somebody who lost it away; their sessions end."""
    check_grant(current_principal(), user["role"])
    return second_factor.remove(editor(), user["_id"])


@USERS.acts("/invite")
def invite(user: Document) -> Document:
    """Send a user without a password a link by which they choose one; an earlier link ends."""
    check_grant(current_principal(), user["role"])
    settings = current_services().settings
    return accounts.invite_user(editor(), settings, mailer(settings), user)
