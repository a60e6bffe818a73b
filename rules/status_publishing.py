"""Signed status lists: published on change and every 12 hours, joined with what was published (7-3, 7-4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.credential_store import CredentialStore
from rules.credentials import CredentialDesk
from rules.signing import compact
from rules.statuslist import REPUBLISH_AFTER, build_list, decode, empty, encode, join, set_bits


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A signed list: compact JWS and when it was signed."""

    name: str
    jwt: str
    published_at: dt.datetime


def current_list(desk: CredentialDesk, name: str, now: dt.datetime) -> PublishedList:
    """Return the signed list of that number, signed anew if bits or key changed or 12 hours have passed.

    Whoever asks first publishes, so a change shows at once even while no worker runs. Raises
    UnknownStatusList.
    """
    while True:
        found = desk.store.get_list(name)
        if not is_due(found, desk.signer.current(), now):
            return PublishedList(name, found["jwt"], found["published_at"])
        publish(desk, found, now)


def republish_due(desk: CredentialDesk, now: dt.datetime) -> list[str]:
    """Publish every list that changed or is 12 hours old; a job of the worker, harmless to repeat."""
    lists = desk.store.lists()
    key = desk.signer.current() if lists else ""
    due = [found for found in lists if is_due(found, key, now)]
    return [str(found["number"]) for found in due if publish(desk, found, now)]


def is_due(found: Mapping[str, Any], key: str, now: dt.datetime) -> bool:
    """Say whether a list has to be signed again: changed, old, or not signed by the present key."""
    if found["publication"] == 0 or found["changes"] != found["published_changes"]:
        return True
    if found.get("key") != key:
        return True
    return bool(now - found["published_at"] >= REPUBLISH_AFTER)


def publish(desk: CredentialDesk, found: Mapping[str, Any], now: dt.datetime) -> bool:
    """Sign a list from its entries joined with its last publication; False if another process was faster."""
    name = str(found["number"])
    bits = set_bits(published_bits(found), desk.store.set_indexes(name))
    key = desk.signer.current()
    claims = build_list(f"{desk.issuer.base}/status/{name}", desk.issuer.did, bits, now)
    values = {
        "bits": encode(bits),
        "jwt": compact(desk.signer, key, claims, kid=desk.issuer.kid(key)),
        "key": key,
        "published_at": now,
        "published_changes": found["changes"],
    }
    return desk.store.save_publication(found, values)


def published_bits(found: Mapping[str, Any]) -> bytes:
    """Return the bits of the last publication, all clear before the first one."""
    size = int(found["size"])
    return join(empty(size), decode(found["bits"])) if "bits" in found else empty(size)


def rebuild(store: CredentialStore, name: str) -> bytes:
    """Return the bits that the entries alone give; tests compare it with what is published."""
    return set_bits(empty(int(store.get_list(name)["size"])), store.set_indexes(name))
