"""Checking somebody's copy of a credential, ours or another issuer's, and saying what was checked.

Every check is one line: what, whether it holds, and the fact that decided. A credential is valid when all
that could say no were asked and none did; what cannot be asked makes it invalid too, never silently valid.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import schemas
from lrs.fetching import Fetched, FetchRefused
from rules.baking import NotBaked, unbake
from rules.signing import InvalidToken, Token, read_compact, thumbprint, verify
from rules.statuslist import InvalidStatusList, decode, get_bit

LEEWAY = dt.timedelta(seconds=60)
JWT_TYPES = (
    "application/vc+jwt, application/jwt;q=0.9, text/plain;q=0.8, image/png;q=0.5, image/svg+xml;q=0.5"
)
MIN_ENTRIES = 131_072
Get = Callable[[str, str], Fetched]
Outcome = Literal["ok", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    detail: str


@dataclass(slots=True)
class Report:
    """Everything that was looked at, in order."""

    checks: list[Check] = field(default_factory=list)
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Say whether nothing failed."""
        return bool(self.checks) and all(one.outcome != "failed" for one in self.checks)

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


def read_credential(data: bytes) -> str:
    """Return the compact JWS of a file: itself, or baked into a PNG or SVG; raise Failed."""
    start = data.lstrip()[:200]
    try:
        if data.startswith(b"\x89PNG") or start.startswith(b"<"):
            return unbake(data)
        text = data.decode("ascii").strip()
    except (NotBaked, UnicodeDecodeError) as error:
        raise Failed(str(error) if isinstance(error, NotBaked) else "neither a picture nor a JWS") from error
    if text.startswith("{"):
        raise Failed("a JSON document with an embedded proof; only credentials secured as JWT are checked")
    return text


def verify_credential(data: bytes, ask: Inquiry, *, email: str | None = None) -> Report:
    """Check a credential: form, structure, claims, signature, dates, status, and whose it is if asked.

    Returns a report; never raises for what the credential or its servers say.
    """
    report = Report()
    try:
        token = read_compact(read_credential(data))
    except (Failed, InvalidToken) as error:
        report.add("form", str(error), "failed")
        return report
    report.add("form", f"compact JWS, {token.header.get('alg')}, key {token.header.get('kid', 'unnamed')}")
    report.claims = claims = token.claims
    steps: list[tuple[str, Callable[[], str | None]]] = [
        ("structure", lambda: check_structure(claims)),
        ("claims", lambda: check_claims(claims)),
        ("signature", lambda: check_signature(token, ask)),
        ("dates", lambda: check_dates(claims, ask.now)),
        ("status", lambda: check_status(claims, ask)),
    ]
    if email is not None:
        steps.append(("holder", lambda: check_holder(claims, email)))
    for name, step in steps:
        run(report, name, step)
    return report


def run(report: Report, name: str, step: Callable[[], str | None]) -> None:
    """Run one check and note how it went."""
    try:
        detail = step()
    except (Failed, InvalidToken, InvalidStatusList, FetchRefused) as error:
        report.add(name, str(error), "failed")
        return
    report.add(name, detail or "nothing to check", "ok" if detail else "not checked")


def check_structure(claims: Mapping[str, Any]) -> str:
    """Check the members of an Open Badges 3.0 credential against our schema of them."""
    for problem in schemas.validator("credential-1").iter_errors(claims):
        place = ".".join(map(str, problem.instance_path)) or "the credential"
        raise Failed(f"{place}: {problem.message}"[:300])
    return "Open Badges 3.0 on VC Data Model 2.0"


def check_claims(claims: Mapping[str, Any]) -> str:
    """Check that the registered claims say what the body says (section 7)."""
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
    if not issuer.startswith("did:web:"):
        return host_key(issuer, header, ask)
    document = read_json(ask.get(did_url(issuer, ask.local), "application/did+json, application/json"))
    if document.get("id") != issuer:
        raise Failed(f"the DID document is that of {document.get('id')!r}, not of {issuer}")
    keys = assertion_keys(document)
    kid = header.get("kid")
    if kid in keys:
        return keys[kid]
    if isinstance(kid, str) and kid.startswith(("https://", "http://")):
        named = thumbprint_of(read_json(ask.get(kid, "application/jwk+json, application/json")))
        for jwk in keys.values():
            if thumbprint_of(jwk) == named:
                return jwk
    if kid is None and len(keys) == 1:
        return next(iter(keys.values()))
    raise Failed(f"the key {kid!r} is not in the issuer's DID document")


def assertion_keys(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the JWKs that a DID document allows for assertions, by their full ids."""
    base = str(document.get("id"))
    methods = {}
    listed = document.get("assertionMethod", [])
    for method in [*document.get("verificationMethod", []), *listed]:
        if isinstance(method, dict) and isinstance(method.get("publicKeyJwk"), dict):
            methods[absolute(str(method.get("id")), base)] = method["publicKeyJwk"]
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


def check_status(claims: Mapping[str, Any], ask: Inquiry) -> str | None:
    """Check the bit of the credential in the issuer's signed status list."""
    entry = claims.get("credentialStatus")
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise Failed("credentialStatus is not one object")
    if entry.get("type") != "BitstringStatusListEntry":
        raise Failed(f"status of type {entry.get('type')!r} cannot be checked")
    url = str(entry.get("statusListCredential"))
    listed = read_compact(ask.get(url, "application/vc+jwt").body.decode("ascii", "replace"))
    subject = check_list(listed, url, claims, ask)
    purpose = entry.get("statusPurpose")
    if purpose not in as_list(subject.get("statusPurpose")):
        raise Failed(f"the list is not for {purpose!r}")
    bits = decode(str(subject.get("encodedList")))
    if len(bits) * 8 < MIN_ENTRIES:
        raise Failed(f"the list has fewer than {MIN_ENTRIES} entries")
    index = str(entry.get("statusListIndex"))
    if not index.isascii() or not index.isdigit():
        raise Failed("statusListIndex is not a number")
    if get_bit(bits, int(index)):
        raise Failed(f"{purpose}: bit {index} of {url} is set; the issuer no longer stands by this copy")
    return f"{purpose}: bit {index} of {url} is clear, list of {listed.claims.get('validFrom')}"


def check_list(listed: Token, url: str, claims: Mapping[str, Any], ask: Inquiry) -> Mapping[str, Any]:
    """Check issuer, name, dates and signature of a status list; return its subject."""
    issuer = issuer_id(claims)
    if issuer_id(listed.claims) != issuer:
        raise Failed(f"the status list is signed by {issuer_id(listed.claims)}, not by {issuer}")
    if listed.claims.get("id") != url:
        raise Failed(f"the status list at {url} says that it is {listed.claims.get('id')!r}")
    verify(listed, issuer_key(issuer, listed.header, ask))
    check_dates(listed.claims, ask.now)
    subject = listed.claims.get("credentialSubject")
    if not isinstance(subject, dict):
        raise Failed("the status list has no subject")
    return subject


def check_holder(claims: Mapping[str, Any], email: str) -> str:
    """Check that a credential was made for the owner of an address."""
    address = email.strip().lower()
    for one in as_list(subject_of(claims).get("identifier")):
        if not isinstance(one, dict) or one.get("identityType") != "emailAddress":
            continue
        kind, _, given = str(one.get("identityHash")).partition("$")
        made = hashlib.sha256((address + str(one.get("salt", ""))).encode()).hexdigest()
        if one.get("hashed") and kind == "sha256" and hmac.compare_digest(made, given.lower()):
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


def as_list(value: Any) -> list[Any]:
    """Return a value that may stand alone as a list."""
    return [] if value is None else value if isinstance(value, list) else [value]
