"""`lrs users`: people who administer."""

from __future__ import annotations

import sys
from typing import Any

import click

from lrs import users
from lrs.commands import fail, json_option, show, with_laurel
from lrs.context import Laurel
from lrs.operators import operator, refusals_as_exit
from lrs.tenancy import VENDOR

COLUMNS = ("id", "email", "name", "role", "org", "disabled_at", "last_login_at")
HIDDEN = frozenset({"_id", "password", "subject"})


@click.group("users")
def group() -> None:
    """Users: people who log in to administer."""


@group.command("list")
@json_option
@with_laurel
@refusals_as_exit
def list_users(here: Laurel, as_json: bool) -> None:
    """List users."""
    found = here.db.users.find().sort("email")
    rows = ({"id": user["_id"], **{n: v for n, v in user.items() if n not in HIDDEN}} for user in found)
    show(rows, COLUMNS, as_json=as_json)


@group.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(tuple(users.ROLES)), default="vendor_admin", show_default=True)
@click.option("--org", default=VENDOR, show_default=True)
@click.option("--name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Log in by the OpenID Connect provider only.")
@with_laurel
@refusals_as_exit
def add_user(here: Laurel, org: str, password_stdin: bool, no_password: bool, **properties: Any) -> None:
    """Add a user; asks for the password."""
    password = None if no_password else _password(password_stdin)
    made = users.add_user(operator(here), org, {**properties, "password": password})
    click.echo(f"added {made['email']} ({made['role']} of {org})")


@group.command("edit")
@click.argument("email")
@click.option("--name")
@click.option("--role", type=click.Choice(tuple(users.ROLES)))
@click.option("--password", "new_password", is_flag=True, help="Set a new password; asks for it.")
@click.option("--password-stdin", is_flag=True, help="Set a new password from standard input.")
@click.option("--disable/--enable", "disable", default=None, help="Whether the user may log in.")
@with_laurel
@refusals_as_exit
def edit_user(
    here: Laurel, email: str, new_password: bool, password_stdin: bool, disable: bool | None, **changes: Any
) -> None:
    """Change a user; their sessions end."""
    given = {name: value for name, value in changes.items() if value is not None}
    if new_password or password_stdin:
        given["password"] = _password(password_stdin)
    if disable is not None:
        given["disabled_at"] = here.now() if disable else None
    if not given:
        fail("name what to change, such as --disable", 2)
    users.edit_user(operator(here), email, given)
    click.echo(f"changed {email}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
