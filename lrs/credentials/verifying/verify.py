"""Checking somebody's copy of a credential, ours or another issuer's, and saying what was checked.

Every check is one line: what, whether it holds, and the fact that decided. A credential is valid when all
that could say no were asked and none did. Where an issuer does not answer it cannot be said: such a copy is
neither called false nor ever valid.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import schemas
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.proving.contexts import ChangedContext, NotCanonical, UnknownContext
from rules.credentials.proving.multikey import decode_multikey
from rules.credentials.proving.proofs import as_list
from rules.credentials.proving.signing import (
    InvalidToken,
    Token,
    decode_object,
    public_jwk,
    thumbprint,
    verify,
)
from rules.credentials.proving.status_list import InvalidStatusList

LEEWAY = dt.timedelta(seconds=60)
JWT_TYPES = (
    "application/vc+jwt, application/jwt;q=0.9, text/plain;q=0.8, application/vc;q=0.7, "
    "application/ld+json;q=0.6, application/json;q=0.6, image/png;q=0.5, image/svg+xml;q=0.5"
)
MIN_ENTRIES = 131_072
SELF_NAMED = ("did:key:", "did:jwk:")  # issuers whose name is their key
OPEN_BADGE = ("credential-1", "Open Badges 3.0")
STRUCTURES: Mapping[str, tuple[str, str]] = {
    "ClrCredential": ("record-1", "Comprehensive Learner Record 2.0"),
    "EndorsementCredential": ("endorsement-1", "endorsement of Open Badges 3.0"),
}
Get = Callable[[str, str], Fetched]
Outcome = Literal["ok", "failed", "cannot say", "not checked"]
Verdict = Literal["valid", "not valid", "cannot say"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    detail: str


@dataclass(slots=True)
class Verification:
    """Everything that was looked at, in order; `revoked` where the issuer itself says no."""

    checks: list[Check] = field(default_factory=list)
    claims: Mapping[str, Any] = field(default_factory=dict)
    revoked: bool = False

    @property
    def verdict(self) -> Verdict:
        """Say whether all holds, something does not, or somebody who could say so does not answer."""
        outcomes = {one.outcome for one in self.checks}
        if "failed" in outcomes or not outcomes:
            return "not valid"
        return "cannot say" if "cannot say" in outcomes else "valid"

    @property
    def is_valid(self) -> bool:
        """Say whether all that could say no were asked, and none did."""
        return self.verdict == "valid"

    def add(self, name: str, detail: str, outcome: Outcome = "ok") -> None:
        """Note one check."""
        self.checks.append(Check(name, outcome, detail))


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How a check asks: `get(url, accept)` fetches; `local` is a host whose did:web answers over http."""

    get: Get
    now: dt.datetime
    local: str | None = None


class Failed(Exception):
    """A check failed with this fact."""


class Revoked(Failed):
    """The issuer's own signed status list says that it no longer stands by the copy."""


class Unsaid(Exception):
    """A check cannot say, for this reason."""


REFUSALS = (Failed, InvalidToken, InvalidStatusList, NotCanonical)
UNANSWERED = (FetchRefused, UnknownContext, ChangedContext, Unsaid)


def run(report: Verification, name: str, step: Callable[[], str | None]) -> None:
    """Run one check and note how it went."""
    try:
        detail = step()
    except UNANSWERED as error:
        report.add(name, str(error), "cannot say")
        return
    except REFUSALS as error:
        report.add(name, str(error), "failed")
        report.revoked |= isinstance(error, Revoked)
        return
    report.add(name, detail or "nothing to check", "ok" if detail else "not checked")


def check_structure(claims: Mapping[str, Any]) -> str:
    """Check the members of a credential against our schema of its kind."""
    kinds = set(map(str, as_list(claims.get("type")))) & STRUCTURES.keys()
    schema, form = STRUCTURES[kinds.pop()] if len(kinds) == 1 else OPEN_BADGE
    for problem in schemas.validator(schema).iter_errors(claims):
        place = ".".join(map(str, problem.instance_path)) or "the credential"
        raise Failed(f"{place}: {problem.message}"[:300])
    return f"{form} on VC Data Model 2.0"


def is_record(claims: Mapping[str, Any]) -> bool:
    """Say whether a credential is a Comprehensive Learner Record, which holds others."""
    return "ClrCredential" in as_list(claims.get("type"))


def check_claims(claims: Mapping[str, Any]) -> str:
    """Check that the registered claims say what the body says (cert#7)."""
    body = {
        "iss": issuer_id(claims),
        "jti": claims.get("id"),
        "sub": subject_of(claims).get("id"),
        "nbf": seconds(claims.get("validFrom")),
        "exp": seconds(claims.get("validUntil")),
    }
    for name, value in body.items():
        given = claims.get(name)
        if name in {"iss", "nbf"} and given is None:
            raise Failed(f"the claim {name} is missing")
        if name in {"nbf", "exp"} and same_second(given, value):
            continue
        if (given is not None or name == "exp") and given != value:
            raise Failed(f"the claim {name} is {given!r} and the credential says {value!r}")
    return "iss, jti, sub, nbf and exp equal the credential's members"


def check_signature(token: Token, ask: Inquiry) -> str:
    """Check the signature by a key that the issuer's did:web document, or its host, publishes."""
    issuer = issuer_id(token.claims)
    jwk = issuer_key(issuer, token.header, ask)
    verify(token, jwk)
    return f"by {token.header.get('kid') or 'the only key'} of {issuer}"


def issuer_key(issuer: str, header: Mapping[str, Any], ask: Inquiry) -> Mapping[str, Any]:
    """Return the public key that a token names, found with its issuer; raise Failed."""
    if issuer.startswith(SELF_NAMED):
        return named_key(issuer, header)
    if not issuer.startswith("did:web:"):
        return host_key(issuer, header, ask)
    document = read_json(ask.get(did_url(issuer, ask.local), "application/did+json, application/json"))
    if document.get("id") != issuer:
        raise Failed(f"the DID document is that of {document.get('id')!r}, not of {issuer}")
    keys = assertion_keys(document)
    kid = header.get("kid")
    if isinstance(kid, str) and kid in keys:
        return keys[kid]
    if isinstance(kid, str) and kid.startswith(("https://", "http://")):
        named = thumbprint_of(read_json(ask.get(kid, "application/jwk+json, application/json")))
        for jwk in keys.values():
            if thumbprint_of(jwk) == named:
                return jwk
    if kid is None and len(keys) == 1:
        return next(iter(keys.values()))
    raise Failed(f"the key {kid!r} is not in the issuer's DID document")


def named_key(issuer: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the key that a did:key or did:jwk name is; raise Failed or InvalidToken."""
    kid = header.get("kid", issuer)
    if not isinstance(kid, str) or kid.partition("#")[0] not in {issuer, ""}:
        raise Failed(f"the key {kid!r} is not that of {issuer}")
    if issuer.startswith("did:key:"):
        return public_jwk(decode_multikey(issuer.removeprefix("did:key:")))
    return decode_object(issuer.removeprefix("did:jwk:"), "did:jwk name")


def assertion_keys(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the JWKs that a DID document allows for assertions, by their full ids; a Multikey as JWK."""
    base = str(document.get("id"))
    methods: dict[str, Mapping[str, Any]] = {}
    listed = as_list(document.get("assertionMethod"))
    for method in [*as_list(document.get("verificationMethod")), *listed]:
        if not isinstance(method, dict):
            continue
        name = absolute(str(method.get("id")), base)
        if isinstance(method.get("publicKeyJwk"), dict):
            methods[name] = method["publicKeyJwk"]
        elif "publicKeyMultibase" in method:
            with contextlib.suppress(InvalidToken):  # of a kind that is not known: no key for us
                methods[name] = public_jwk(decode_multikey(method["publicKeyMultibase"]))
    allowed = {absolute(str(one.get("id") if isinstance(one, dict) else one), base) for one in listed}
    return {name: jwk for name, jwk in methods.items() if name in allowed}


def absolute(name: str, base: str) -> str:
    """Return the full id of a verification method."""
    return base + name if name.startswith("#") else name


def host_key(issuer: str, header: Mapping[str, Any], ask: Inquiry) -> Mapping[str, Any]:
    """Return the key of an issuer named by URL: a JWK on the issuer's own host."""
    kid = header.get("kid")
    if not isinstance(kid, str) or not issuer.startswith("https://"):
        raise Failed(f"the issuer {issuer!r} is neither a did:web nor an https address with a key address")
    if urlsplit(kid).hostname != urlsplit(issuer).hostname:
        raise Failed(f"the key {kid} is not on the issuer's host")
    document = read_json(ask.get(kid, "application/jwk+json, application/json"))
    keys = document.get("keys", [document])
    chosen = [
        one for one in keys if isinstance(one, dict) and one.get("kid", kid) in {kid, kid.rpartition("#")[2]}
    ]
    if len(chosen) != 1:
        raise Failed(f"{kid} names no single key")
    return chosen[0]


def did_url(did: str, local: str | None = None) -> str:
    """Return where a did:web document lies; raise Failed for a malformed one."""
    parts = [unquote(part) for part in did.removeprefix("did:web:").split(":")]
    if not parts[0] or any("/" in part or not part for part in parts):
        raise Failed(f"{did} is not a did:web name")
    scheme = "http" if parts[0] == local else "https"
    path = "/".join(parts[1:]) if len(parts) > 1 else ".well-known"
    return f"{scheme}://{parts[0]}/{path}/did.json"


def check_dates(claims: Mapping[str, Any], now: dt.datetime) -> str:
    """Check that now lies between validFrom and validUntil, with a minute for clocks that differ."""
    start, end = instant(claims.get("validFrom")), instant(claims.get("validUntil"))
    if start is None:
        raise Failed("validFrom is missing")
    if start > now + LEEWAY:
        raise Failed(f"not valid before {claims['validFrom']}")
    if end is not None and end < now - LEEWAY:
        raise Failed(f"valid until {claims['validUntil']}, which is over")
    return f"valid from {claims['validFrom']} " + (f"until {claims['validUntil']}" if end else "without end")


def check_holder(claims: Mapping[str, Any], email: str) -> str:
    """Check that a credential was made for the owner of an address."""
    address = email.strip().lower()
    for one in as_list(subject_of(claims).get("identifier")):
        if not isinstance(one, dict) or one.get("identityType") != "emailAddress":
            continue
        kind, _, given = str(one.get("identityHash")).partition("$")
        made = hashlib.sha256((address + str(one.get("salt", ""))).encode()).hexdigest()
        if (
            one.get("hashed")
            and kind == "sha256"
            and hmac.compare_digest(made.encode(), given.lower().encode())
        ):
            return f"made for {address}"
        if not one.get("hashed") and str(one.get("identityHash")).strip().lower() == address:
            return f"made for {address}"
    raise Failed(f"not made for {address}")


def issuer_id(claims: Mapping[str, Any]) -> str:
    """Return the issuer's id, given as text or as an object."""
    issuer = claims.get("issuer")
    return str(issuer.get("id") if isinstance(issuer, dict) else issuer)


def subject_of(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the subject of a credential, nothing for one that is no object."""
    subject = claims.get("credentialSubject")
    return subject if isinstance(subject, dict) else {}


def instant(text: Any) -> dt.datetime | None:
    """Return an RFC 3339 instant with its offset, None for what is absent; raise Failed."""
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Failed(f"{text!r} is not an instant") from error
    if found.tzinfo is None:
        raise Failed(f"{text!r} has no offset")
    return found


def seconds(text: Any) -> int | None:
    """Return an instant as NumericDate."""
    found = instant(text)
    return None if found is None else int(found.timestamp())


def same_second(given: Any, value: Any) -> bool:
    """Say whether a NumericDate, which may have a fraction (RFC 7519, 2), is an instant up to its second."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return is_number and isinstance(value, int) and 0 <= given - value < 1


def read_json(fetched: Fetched) -> Mapping[str, Any]:
    """Return the JSON object that a URL answered; raise Failed."""
    try:
        value = json.loads(fetched.body)
    except (ValueError, RecursionError) as error:
        raise Failed(f"{fetched.url} does not answer JSON") from error
    if not isinstance(value, dict):
        raise Failed(f"{fetched.url} does not answer a JSON object")
    return value


def thumbprint_of(jwk: Mapping[str, Any]) -> str | None:
    """Return the thumbprint of a JWK, None for one that is incomplete."""
    try:
        return thumbprint(jwk)
    except (KeyError, TypeError):
        return None
