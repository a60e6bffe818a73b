"""Who may sign in to the living example: one user for each role, all with one password that is made anew."""

from __future__ import annotations

import secrets
from typing import Any, Final

from pymongo.database import Database

from lrs.access import organizations, users
from lrs.foundation.audit import Editor

Document = dict[str, Any]

ACCOUNTS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("Ada Winter", "ada.winter@acme.example", "vendor_admin", organizations.VENDOR),
    ("Ruben Falk", "ruben.falk@acme.example", "rule_author", organizations.VENDOR),
    ("Mina Osei", "mina.osei@acme.example", "analyst", organizations.VENDOR),
    ("Ines Castell", "ines.castell@vendor.example", "instructor", organizations.VENDOR),
    ("Paul Berger", "paul.berger@borealis.example", "partner_admin", "borealis"),
    ("Xenia Pappas", "xenia.pappas@borealis.example", "partner_instructor", "borealis"),
    ("Ana Lima", "ana.lima@drift.example", "learner", organizations.VENDOR),
)


def make_accounts(editor: Editor) -> str:
    """Add the users and return their password, which is kept nowhere."""
    password = secrets.token_urlsafe(12)
    for name, email, role, org in ACCOUNTS:
        made = users.add_user(editor, org, {"name": name, "email": email, "role": role, "password": password})
        # No mail reaches these addresses, so nobody could prove by a link that they are theirs.
        editor.db.users.update_one({"_id": made["_id"]}, {"$set": {"mailbox": email}})
    return password


def lines(db: Database[Document], url: str, password: str | None) -> list[str]:
    """Say where and as whom one signs in; without a password, that the first start has said it."""
    known = set(db.users.distinct("email"))
    told = [f"demo: sign in at {url}/login, password {password or 'as the first start has said it'}:"]
    return told + [f"demo:   {email:32} {role}, {org}" for _, email, role, org in ACCOUNTS if email in known]
