"""Who: the canonical string of an inverse functional identifier, members of groups, the Person object."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

Json = dict[str, Any]

IFI_NAMES = ("mbox", "mbox_sha1sum", "openid", "account")
_AMBIGUOUS_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9+.\-]*:|%40|%25")
_SPLIT_ACCOUNT = re.compile(r"@(?=[A-Za-z][A-Za-z0-9+.\-]*:)")


def ifi(agent: Mapping[str, Any]) -> str | None:
    """Return the canonical identifier of a valid agent or group, None for an anonymous group.

    `mbox::mailto:Bob@example.com` (domain in lower case, local part as it is), `mbox_sha1sum::<40 hex,
    lower case>`, `openid::<IRI>`, `account::<name>@<homePage>`; two agents are the same exactly when these
    strings are equal.
    """
    if (mbox := agent.get("mbox")) is not None:
        return mbox_ifi(mbox)
    if (account := agent.get("account")) is not None:
        return account_ifi(account["homePage"], account["name"])
    if (digest := agent.get("mbox_sha1sum")) is not None:
        return f"mbox_sha1sum::{digest.lower()}"
    if (openid := agent.get("openid")) is not None:
        return f"openid::{openid}"
    return None


@lru_cache(maxsize=16384)
def mbox_ifi(mbox: str) -> str:
    """Return the identifier of a `mailto:` IRI or of a bare address; the domain is case-insensitive."""
    address = mbox[7:] if mbox[:7].lower() == "mailto:" else mbox
    local, _, domain = address.rpartition("@")
    return f"mbox::mailto:{local}@{domain.lower()}"


@lru_cache(maxsize=16384)
def account_ifi(home_page: str, name: str) -> str:
    """Return the identifier of an account.

    A name that could be mistaken for the start of a home page has its `@` and `%` percent-encoded, so that
    two accounts never share a string.
    """
    if _AMBIGUOUS_NAME.search(name):
        name = name.replace("%", "%25").replace("@", "%40")
    return f"account::{name}@{home_page}"


def agent_of(identifier: str) -> Json:
    """Return the agent object of a canonical identifier (the inverse of `ifi`).

    ValueError when it is none.
    """
    kind, separator, value = identifier.partition("::")
    if not separator or kind not in IFI_NAMES:
        raise ValueError(f"not an agent identifier: {identifier!r}")
    if kind != "account":
        return {"objectType": "Agent", kind: value}
    match = _SPLIT_ACCOUNT.search(value)
    if match is None:
        raise ValueError(f"account without a home page: {identifier!r}")
    name = value[: match.start()]
    if "%40" in name or "%25" in name:
        name = name.replace("%40", "@").replace("%25", "%")
    return {"objectType": "Agent", "account": {"homePage": value[match.end() :], "name": name}}


def is_group(agent: Mapping[str, Any]) -> bool:
    """Tell whether the object is a Group."""
    return agent.get("objectType") == "Group"


def identifiers(agent: Mapping[str, Any]) -> Sequence[str]:
    """Return the identifier of an agent or group and those of its members (Communication 2.1.3, `agent`)."""
    own = ifi(agent)
    if "member" not in agent:
        return () if own is None else (own,)
    return [one for one in (own, *map(ifi, agent["member"])) if one is not None]


def person(agent: Mapping[str, Any], names: Iterable[str]) -> Json:
    """Return the Person of an agent (Communication 2.4): its identifier and every name seen with it."""
    result: Json = {"objectType": "Person"}
    every_name = list(dict.fromkeys([*names, *([agent["name"]] if "name" in agent else [])]))
    if every_name:
        result["name"] = every_name
    for kind in IFI_NAMES:
        if kind in agent:
            result[kind] = [agent[kind]]
    return result
