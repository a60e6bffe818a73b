"""Assertions of Open Badges 2.0, which their issuer hosts, or signs as JWS with a key that it hosts.

A hosted one is what its own address answers today, on the issuer's host or where the issuer's profile says
that its assertions lie; a copy of it only says where to look. A signed one is checked by a key that names
the issuer as its owner and is named by the issuer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from lrs.credentials.verifying.verify import (
    LEEWAY,
    Failed,
    Inquiry,
    check_holder,
    instant,
    read_json,
)
from lrs.foundation.fetching import FetchRefused
from rules.credentials.proving.proofs import as_list
from rules.credentials.proving.signing import PublicKey, Token, public_jwk, verify

CONTEXT: Final = "https://w3id.org/openbadges/v2"
JSON_TYPES: Final = "application/ld+json, application/json;q=0.9"
KINDS: Final[Mapping[str, str]] = {
    "HostedBadge": "hosted", "hosted": "hosted", "SignedBadge": "signed", "signed": "signed",
}  # fmt: skip
SAID: Final = ("id", "recipient", "issuedOn", "expires")  # by a copy and by what is hosted alike
GONE: Final = 410


def is_assertion(document: Mapping[str, Any]) -> bool:
    """Say whether a document is an assertion of Open Badges 2.0."""
    return CONTEXT in as_list(document.get("@context")) and "Assertion" in as_list(document.get("type"))


Steps = list[tuple[str, Callable[[], str | None]]]


class Assertion:
    """An assertion and what its issuer says of it; each check raises Failed or FetchRefused."""

    def __init__(self, given: Mapping[str, Any], token: Token | None, ask: Inquiry) -> None:
        self.said, self.token, self.ask = given, token, ask
        self.badge: Mapping[str, Any] = {}
        self.issuer: Mapping[str, Any] = {}

    @property
    def claims(self) -> Mapping[str, Any]:
        """Return the assertion with the name of its badge, as reports show it."""
        return {"name": self.badge.get("name", "badge"), **self.said}

    def steps(self, email: str | None) -> Steps:
        """Return the checks in their order."""
        found: Steps = [
            ("structure", self.check_structure),
            ("signature", self.check_origin),
            ("dates", self.check_dates),
            ("status", self.check_revoked),
        ]
        return [*found, ("holder", lambda: self.check_recipient(email))] if email is not None else found

    def check_structure(self) -> str:
        """Check the members without which nothing can be said."""
        recipient = self.said.get("recipient")
        if not isinstance(recipient, dict) or not isinstance(recipient.get("identity"), str):
            raise Failed("the assertion names no recipient")
        for name in ("id", "badge", "issuedOn"):
            if not self.said.get(name):
                raise Failed(f"the assertion has no {name}")
        return f"Open Badges 2.0, {self.kind()}"

    def kind(self) -> str:
        """Return how it is to be verified; raise Failed."""
        verification = self.said.get("verification")
        named = as_list(verification.get("type") if isinstance(verification, dict) else None)
        kind = next((KINDS[one] for one in map(str, named) if one in KINDS), None)
        if kind is None:
            raise Failed(f"a verification of type {named} is not known")
        return kind

    def check_origin(self) -> str:
        """Find issuer and badge; check that the assertion is the issuer's: by its address, or by its key."""
        kind = self.kind()
        if kind == "hosted":
            self.adopt_hosted()
        self.badge = self.find(self.said.get("badge"), "badge")
        if "BadgeClass" not in as_list(self.badge.get("type")):
            raise Failed("the badge is no BadgeClass")
        issuer = id_of(self.badge.get("issuer"))
        self.issuer = self.fetch(issuer, "issuer")
        if kind == "hosted":
            return self.check_host(issuer)
        return self.check_key(issuer)

    def adopt_hosted(self) -> None:
        """Put what the assertion's address answers in place of the copy; raise Failed where they differ."""
        try:
            hosted = self.fetch(id_of(self.said), "assertion")
        except FetchRefused as error:
            if error.status == GONE:
                raise Failed(f"{error.url} is gone: the issuer has revoked it") from error
            raise
        if hosted.get("revoked") is True:
            raise Failed(f"revoked: {hosted.get('revocationReason') or 'no reason is given'}"[:200])
        for name in SAID:
            if hosted.get(name) != self.said.get(name):
                raise Failed(f"the copy and the issuer's page differ in {name}")
        if id_of(hosted.get("badge")) != id_of(self.said.get("badge")):
            raise Failed("the copy and the issuer's page differ in badge")
        self.said = hosted

    def check_host(self, issuer: str) -> str:
        """Check that it lies where the issuer's assertions lie (Open Badges 2.0, VerificationObject)."""
        address, rules = str(self.said["id"]), self.issuer.get("verification")
        given = rules if isinstance(rules, dict) else {}
        starts = [str(one) for one in as_list(given.get("startsWith"))]
        hosts = [str(one) for one in as_list(given.get("allowedOrigins"))] or [host_of(issuer)]
        if starts and not any(begins(address, start) for start in starts):
            raise Failed(f"{address} is not where {issuer} says that its assertions lie")
        if not starts and host_of(address) not in {host.rpartition("//")[2] for host in hosts}:
            raise Failed(f"{address} is not on a host of {issuer}")
        return f"hosted at {address} by {issuer}"

    def check_key(self, issuer: str) -> str:
        """Check the signature by a key of the issuer."""
        if self.token is None:
            raise Failed("a signed assertion has to be a compact JWS")
        listed = [id_of(one) for one in as_list(self.issuer.get("publicKey"))]
        named = self.said["verification"].get("creator") or next(iter(listed), None)
        if named not in listed:
            raise Failed(f"the key {named!r} is not one of {issuer}")
        key = self.fetch(str(named), "key")
        if key.get("owner") != issuer:
            raise Failed(f"the key {named} belongs to {key.get('owner')!r}, not to {issuer}")
        verify(self.token, public_jwk(read_pem(key.get("publicKeyPem"))))
        return f"by {named} of {issuer}"

    def check_dates(self) -> str:
        """Check that it was issued before now, and that its end is not reached."""
        start, end = instant(self.said.get("issuedOn")), instant(self.said.get("expires"))
        if start is None or start > self.ask.now + LEEWAY:
            raise Failed(f"not issued before {self.said.get('issuedOn')}")
        if end is not None and end < self.ask.now - LEEWAY:
            raise Failed(f"valid until {self.said['expires']}, which is over")
        return f"issued {self.said['issuedOn']}, valid " + (
            f"until {self.said['expires']}" if end else "without end"
        )

    def check_revoked(self) -> str | None:
        """Look for it in the issuer's revocation list; a hosted one says itself whether it is revoked."""
        url = self.issuer.get("revocationList")
        if not url:
            return "its page does not say that it is revoked" if self.kind() == "hosted" else None
        listed = self.fetch(id_of(url), "revocation list")
        if id_of(listed.get("issuer")) != self.issuer["id"]:
            raise Failed(f"the revocation list is that of {id_of(listed.get('issuer'))}")
        for one in as_list(listed.get("revokedAssertions")):
            entry = one if isinstance(one, dict) else {"id": one}
            if self.said["id"] in (entry.get("id"), entry.get("uid")):
                raise Failed(f"revoked: {entry.get('revocationReason') or 'no reason is given'}"[:200])
        return f"not in {id_of(url)}"

    def check_recipient(self, email: str) -> str:
        """Check that it was made for the owner of an address."""
        given = self.said["recipient"]
        identity = {
            "identityType": "emailAddress" if given.get("type") == "email" else None,
            "hashed": given.get("hashed"),
            "salt": given.get("salt") or "",
            "identityHash": given.get("identity"),
        }
        return check_holder({"credentialSubject": {"identifier": [identity]}}, email)

    def find(self, value: Any, what: str) -> Mapping[str, Any]:
        """Return a part of the assertion: written into it, or at its address."""
        return value if isinstance(value, dict) else self.fetch(str(value), what)

    def fetch(self, url: str, what: str) -> Mapping[str, Any]:
        """Return the document of an address, which has to be its id; raise Failed."""
        document = read_json(self.ask.get(url, JSON_TYPES))
        if document.get("id") != url:
            raise Failed(f"the {what} at {url} says that it is {document.get('id')!r}")
        return document


def id_of(value: Any) -> str:
    """Return the id of what is an object or only its id."""
    return str(value.get("id") if isinstance(value, dict) else value)


def begins(address: str, start: str) -> bool:
    """Say whether an address begins with another, which names its host whole."""
    return address.startswith(start) and host_of(address) == host_of(start)


def host_of(address: str) -> str:
    """Return host and port of an address; raise Failed."""
    try:
        return urlsplit(address).netloc
    except ValueError as error:
        raise Failed(f"{address!r} is not an address") from error


def read_pem(text: Any) -> PublicKey:
    """Return the RSA, P-256 or Ed25519 key of a PEM text; raise Failed."""
    try:
        key = load_pem_public_key(str(text).encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Failed("the key is not a PEM key") from error
    if not isinstance(key, PublicKey):
        raise Failed("the key is neither RSA, P-256 nor Ed25519")
    return key
