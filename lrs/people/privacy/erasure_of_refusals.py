"""Erasure in the inbound log: whatever text may name the person goes, in every store.

The log is read whole, which has a bounded number of places for each client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from statements.parsing.actor import agent_of

Document = dict[str, Any]


def drop_refusals(
    db: Database[Document], stores: list[str], person: Mapping[str, Any], ifis: list[str]
) -> int:
    """Delete entries of the inbound log whose text may name the person, or is written in escapes."""
    return db.inbound.delete_many(refusals_of(stores, person, ifis)).deleted_count


def refusals_of(stores: list[str], person: Mapping[str, Any], ifis: list[str]) -> Document:
    """Return the filter of the entries whose text may name the person, or is written in escapes."""
    named = [one for one in (person.get("name"), person.get("email")) if one]
    words = {re.escape(one) for one in (*named, *(_word(ifi) for ifi in ifis)) if one} | {r"\\u[0-9a-f]{4}"}
    which = {"$regex": "|".join(sorted(words)), "$options": "i"}
    return {"org": {"$in": stores}, "$or": [{"text": which}, {"message": which}]}


def _word(identifier: str) -> str:
    """Return what stands in a text for an identifier: an address, a digest, the name of an account."""
    agent = agent_of(identifier)
    account = agent.get("account")
    return account["name"] if account else identifier.partition("::")[2].removeprefix("mailto:")
