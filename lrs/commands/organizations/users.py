"""`lrs users`: people who administer."""

from __future__ import annotations

import sys
from typing import Any

import click

from lrs.access import second_factor, users
from lrs.access.organizations import VENDOR
from lrs.commands import fail, json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.foundation.context import Services
from lrs.foundation.mail import mailer
from lrs.people import accounts

COLUMNS = ("id", "email", "name", "role", "org", "second_factor", "disabled_at", "last_login_at")
HIDDEN = frozenset({"_id", "password", "subject", "mailbox", "second_factor", "factor_wanted"})


@click.group("users")
def group() -> None:
    """Users: people who log in to administer."""


@group.command("list")
@json_option
@with_services
@refusals_as_exit
def list_users(services: Services, as_json: bool) -> None:
    """List users."""
    found = services.db.users.find().sort("email")
    print_rows(map(_row, found), COLUMNS, as_json=as_json)


def _row(user: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in user.items() if name not in HIDDEN}
    return {"id": user["_id"], **kept, "second_factor": user.get("second_factor") is not None}


@group.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(tuple(users.ROLES)), default="vendor_admin", show_default=True)
@click.option("--org", default=VENDOR, show_default=True)
@click.option("--name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Log in by the OpenID Connect provider only.")
@with_services
@refusals_as_exit
def add_user(
    services: Services, org: str, password_stdin: bool, no_password: bool, **properties: Any
) -> None:
    """Add a user; asks for the password."""
    password = None if no_password else _password(password_stdin)
    made = users.add_user(operator(services), org, {**properties, "password": password})
    click.echo(f"added {made['email']} ({made['role']} of {org})")


@group.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice(tuple(users.ROLES)), default="vendor_admin", show_default=True)
@click.option("--org", default=VENDOR, show_default=True)
@click.option("--name")
@with_services
@refusals_as_exit
def invite_user(services: Services, org: str, **properties: Any) -> None:
    """Add a user, unless there is one, and mail them a link by which they choose a password."""
    who, settings = operator(services), services.settings
    user = services.db.users.find_one({"email": properties["email"].lower()})
    user = accounts.invite_user(who, settings, mailer(settings), user or users.add_user(who, org, properties))
    click.echo(f"invited {user['email']} ({user['role']} of {user['org']})")


@group.command("edit")
@click.argument("email")
@click.option("--name")
@click.option("--role", type=click.Choice(tuple(users.ROLES)))
@click.option("--password", "new_password", is_flag=True, help="Set a new password; asks for it.")
@click.option("--password-stdin", is_flag=True, help="Set a new password from standard input.")
@click.option("--disable/--enable", "disable", default=None, help="Whether the user may log in.")
@with_services
@refusals_as_exit
def edit_user(
    services: Services,
    email: str,
    new_password: bool,
    password_stdin: bool,
    disable: bool | None,
    **changes: Any,
) -> None:
    """Change a user; their sessions end."""
    given = {name: value for name, value in changes.items() if value is not None}
    if new_password or password_stdin:
        given["password"] = _password(password_stdin)
    if disable is not None:
        given["disabled_at"] = services.now() if disable else None
    if not given:
        fail("name what to change, such as --disable", 2)
    users.edit_user(operator(services), email, given)
    click.echo(f"changed {email}")


@group.command("reset-second-factor")
@click.argument("email")
@with_services
@refusals_as_exit
def reset_second_factor(services: Services, email: str) -> None:
    """Take the second factor of a user away who lost app and recovery codes; their sessions end."""
    second_factor.remove(operator(services), email)
    click.echo(f"{email} logs in by password alone until they add a second factor again")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
