"""Organizations whose people sign in by their login provider alone: `orgs.sso_only`.

It concerns who has an address under a domain of a provider that is switched on; where none is, nobody is
locked out. Break-glass: a vendor's administrator with a second factor still logs in by password and code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision
from lrs.sign_in import providers

Document = dict[str, Any]
BREAK_GLASS: Final = "vendor_admin"


def required_for(db: Database[Document], email: str) -> Document | None:
    """Return the login provider that an address has to log in by, None where other ways are open."""
    found = providers.of_address(db, email)
    if found is None:
        return None
    org = db.orgs.find_one({"_id": found["org"], "sso_only": True}, {"_id": 1})
    return found if org is not None else None


def refuses(db: Database[Document], user: Mapping[str, Any]) -> Document | None:
    """Return the provider that a user has to log in by; None for who may log in otherwise."""
    if user["role"] == BREAK_GLASS and user.get("second_factor") is not None:
        return None
    return required_for(db, user["email"])


def require(editor: Editor, org: str, *, only: bool) -> None:
    """Let an organization's people sign in by its provider alone, or otherwise too; other sessions end.

    Raises UnknownThing, or Collision where no provider of the organization is switched on and was tried.
    """
    db = editor.db
    wanted = {"org": org, "enabled": True, "tried_at": {"$ne": None}}
    domains = sorted(set(db.identity_providers.distinct("domains", wanted)))
    if only and not domains:
        raise Collision("switch a login provider on first, and try it: else nobody could log in")

    def act(session: ClientSession) -> None:
        before = get_org(db, org, session)
        change = {"$set": {"sso_only": only, "updated_at": editor.now}, "$inc": {"version": 1}}
        db.orgs.update_one({"_id": org}, change, session=session)
        if only:
            _end_others(db, domains, session)
        editor.note("org.sso_only", "org", org, org=org, before=before, after={**before, "sso_only": only})

    editor.change(act)


def _end_others(db: Database[Document], domains: list[str], session: ClientSession) -> None:
    """End the sessions of these domains' people that no provider began, but for who may break the glass."""
    pattern = f"@(?:{'|'.join(map(re.escape, domains))})$"
    concerned = db.users.find(
        {"email": {"$regex": pattern}}, {"role": 1, "second_factor": 1}, session=session
    )
    names = [
        row["_id"] for row in concerned if row["role"] != BREAK_GLASS or row.get("second_factor") is None
    ]
    db.sessions.delete_many({"user": {"$in": names}, "provider": None}, session=session)
