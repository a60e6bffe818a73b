"""People who administer: the list, adding one, taking the right to log in away and giving it back."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.access.users import ROLES
from lrs.api.organizations import users as api
from lrs.api.rights import org_filter
from lrs.console.forms import read, sent
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected
from lrs.foundation.context import current_services
from lrs.people import accounts
from lrs.words.reader import mark

Document = dict[str, Any]
COLUMNS: Final = ("_id", "email", "name", "org", "role", "last_login_at", "disabled_at", "created_at")
WORDS: Final = {
    "vendor_admin": mark("Administrator"),
    "rule_author": mark("Author of rules"),
    "analyst": mark("Analyst"),
    "partner_admin": mark("Partner's administrator"),
    "instructor": mark("Instructor"),
    "partner_instructor": mark("Partner's instructor"),
    "learner": mark("Learner"),
}

blueprint = Pages("console_users", __name__)


@listed(blueprint, "/console/users", scope="orgs", template="users.html")
def users(span: Span) -> Rows:
    """List the users of the organizations that the user sees."""
    filters = asked("org")
    found, last = seek(current_services().db.users, {"$and": [org_filter(), filters]}, span)
    roles = [name for name, role in ROLES.items() if all(g.principal.may(scope) for scope in role.scopes)]
    context = {
        "invited": "invited" in request.args, "is_settled": accounts.is_settled,
        "filters": filters, "orgs": org_names(), "words": WORDS, "me": g.principal.id,
        "roles": [name for name in roles if g.principal.vendor_wide or not ROLES[name].of_vendor],
    }  # fmt: skip
    return Rows(COLUMNS, found, last, context)


@blueprint.post("/console/users", scope="orgs")
def add() -> Response:
    """Add a user with a password, or invite them to choose one; or neither, where a provider logs in."""
    body = read(api.NewUser, sent("org", "email", "name", "role", "password"))
    if sent("action").get("action") != "invite":
        api.add_user(body)
        return redirected("/console/users")
    body.pop("password", None)
    api.invite(api.add_user(body))
    return redirected("/console/users?invited=1")


@blueprint.post("/console/users/<user>/invite", scope="orgs")
def invite(user: str) -> Response:
    """Send the link once more to who has not chosen a password yet."""
    api.invite(api.USERS.find(user))
    return redirected("/console/users?invited=1")


@blueprint.post("/console/users/<user>/disable", scope="orgs")
def disable(user: str) -> Response:
    """Take the right to log in away; sessions end."""
    return change(user, {"disabled": True})


@blueprint.post("/console/users/<user>/enable", scope="orgs")
def enable(user: str) -> Response:
    """Give the right to log in back."""
    return change(user, {"disabled": False})


def change(user: str, body: Document) -> Response:
    """Change a user whom one may change, as they are now."""
    before = api.USERS.find(user)
    api.check_edit(body, before)
    api.edit_user(body, before, before.get("version", 0))
    return redirected("/console/users")
