"""Checking an SD-JWT VC, whose holder tells of some claims (RFC 9901; SD-JWT VC; Token Status List)."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from lrs.credentials.verifying.verify import (
    LEEWAY,
    Failed,
    Inquiry,
    Revoked,
    Unsaid,
    check_holder,
    issuer_key,
    read_json,
)
from rules.credentials.proving import sd_jwt
from rules.credentials.proving.signing import InvalidToken, Token, b64, read_compact, unb64, verify
from rules.credentials.proving.signing import read_json as read_strictly

TYPES: Final = (sd_jwt.TYPE, "vc+sd-jwt")  # the second is its name in earlier drafts
HASHES: Final = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}
NEVER_SELECTIVE: Final = frozenset({"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"})
RESERVED: Final = frozenset({"_sd", "..."})
MOST_DISCLOSURES: Final = 500
DEEPEST: Final = 50
LONGEST_LIST: Final = 16 * 1024 * 1024  # bytes of a status list, decompressed
VALID, INVALID, SUSPENDED = range(3)  # values of a Token Status List

Steps = list[tuple[str, Callable[[], str | None]]]


class Selective:
    """An SD-JWT VC as somebody has it, with the claims that it tells of; each check raises Failed or Unsaid.

    Reading it raises Failed or InvalidToken, before anything in it is trusted.
    """

    def __init__(self, text: str) -> None:
        issued, *disclosures, binding = text.strip().split("~")
        if len(disclosures) > MOST_DISCLOSURES:
            raise Failed(f"more than {MOST_DISCLOSURES} disclosures")
        self.token = read_compact(issued)
        self.binding = read_compact(binding) if binding else None
        self.presented = text.strip()[: -len(binding)] if binding else text.strip()
        self.claims: Mapping[str, Any] = _Disclosed(self.token, disclosures).claims
        self.told = len(disclosures)

    def steps(self, ask: Inquiry, email: str | None) -> Steps:
        """Return the checks in their order."""
        steps: Steps = [
            ("structure", self.check_structure),
            ("signature", lambda: self.check_signature(ask)),
            ("dates", lambda: check_times(self.token.claims, ask.now, "the credential")),
            ("status", lambda: self.check_status(ask)),
            ("presented", lambda: self.check_binding(ask.now)),
        ]
        if email is not None:
            subject = {"credentialSubject": {"identifier": self.claims.get("identifier")}}
            steps.append(("holder", lambda: check_holder(subject, email)))
        return steps

    def check_structure(self) -> str:
        """Check what it says that it is (SD-JWT VC 3.2)."""
        kind, vct = self.token.header.get("typ"), self.claims.get("vct")
        if kind not in TYPES:
            raise Failed(f"the header has the type {kind!r}, not {sd_jwt.TYPE}")
        if not isinstance(vct, str) or not vct:
            raise Failed("vct, the type of the credential, is missing")
        return f"SD-JWT VC of the type {vct[:200]}, {self.told} claims told by its holder"

    def check_signature(self, ask: Inquiry) -> str:
        """Check the issuer's signature by a key that the issuer publishes (SD-JWT VC 3.5)."""
        issuer = self.claims.get("iss")
        if not isinstance(issuer, str):
            if "x5c" in self.token.header:
                raise Unsaid("the issuer is named by a chain of certificates, which is not judged here")
            raise Failed("iss, the issuer, is missing")
        verify(self.token, key_of(issuer, self.token.header, ask))
        return f"by {self.token.header.get('kid') or 'the only key'} of {issuer}"

    def check_status(self, ask: Inquiry) -> str | None:
        """Check the entry in the issuer's Token Status List; None where it has none."""
        status = self.claims.get("status")
        if status is None:
            return None
        entry = status.get("status_list") if isinstance(status, dict) else None
        if not isinstance(entry, dict):
            raise Unsaid("the status is kept in a way that is not known here")
        index, url = entry.get("idx"), entry.get("uri")
        if type(index) is not int or index < 0 or not isinstance(url, str):
            raise Failed("the status entry has no index and address")
        value, issued = read_status(url, index, str(self.claims.get("iss")), ask)
        place = f"entry {index} of {url}"
        if value == INVALID:
            raise Revoked(f"{place} says that it is revoked; the issuer no longer stands by it")
        if value == SUSPENDED:
            raise Revoked(f"{place} says that it is suspended")
        if value != VALID:
            raise Failed(f"{place} has the value {value}, whose meaning is not known")
        return f"{place} is clear, list of {issued.isoformat()}"

    def check_binding(self, now: dt.datetime) -> str | None:
        """Check that the key to which it is bound signed this presentation, if one did (RFC 9901 7.3).

        For whom it was made cannot be judged by somebody to whom it was not presented.
        """
        if self.binding is None:
            return None
        named = self.claims.get("cnf")
        jwk = named.get("jwk") if isinstance(named, dict) else None
        if not isinstance(jwk, dict):
            raise Failed("it is presented by a key, and bound to none")
        claims = self.binding.claims
        if self.binding.header.get("typ") != "kb+jwt":
            raise Failed("what its holder signed is not of the type kb+jwt")
        hashed = b64(self._hash(self.presented.encode()))
        if not hmac.compare_digest(hashed.encode(), str(claims.get("sd_hash")).encode()):
            raise Failed("its holder signed other disclosures than these")
        verify(self.binding, jwk)
        made = instant_of(claims.get("iat"), "iat")
        if made is None or made > now + LEEWAY:
            raise Failed("it is presented in the future, or at no time")
        return f"by its holder's key, to {str(claims.get('aud'))[:200]} at {made.isoformat()}"

    def _hash(self, data: bytes) -> bytes:
        return hash_of(self.token.claims)(data)


class _Disclosed:
    """The claims of a token with what its disclosures tell in their places (RFC 9901 7.1)."""

    def __init__(self, token: Token, disclosures: list[str]) -> None:
        digest = hash_of(token.claims)
        self._left = {b64(digest(one.encode())): read_disclosure(one) for one in disclosures}
        if len(self._left) != len(disclosures):
            raise Failed("a disclosure stands there twice")
        self._seen: set[str] = set()
        self.claims = self._opened(token.claims, 0)
        self.claims.pop("_sd_alg", None)
        if self._left:
            raise Failed("a disclosure belongs to nothing that the issuer signed")

    def _opened(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise Failed(f"claims are nested deeper than {DEEPEST} levels")
        if isinstance(value, list):
            return self._opened_items(value, depth)
        return self._opened_members(value, depth) if isinstance(value, dict) else value

    def _opened_items(self, items: list[Any], depth: int) -> list[Any]:
        opened = []
        for item in items:
            if isinstance(item, dict) and item.keys() == {"..."}:
                found = self._take(item["..."])
                if found is None:
                    continue
                if len(found) != 2:
                    raise Failed("a disclosure of a member stands for an element of an array")
                item = found[1]  # noqa: PLW2901 -- it stands in its place
            opened.append(self._opened(item, depth + 1))
        return opened

    def _opened_members(self, members: Mapping[str, Any], depth: int) -> dict[str, Any]:
        opened = {name: self._opened(one, depth + 1) for name, one in members.items() if name != "_sd"}
        digests = members.get("_sd", [])
        if not isinstance(digests, list):
            raise Failed("_sd is not a list")
        for one in digests:
            found = self._take(one)
            if found is None:
                continue
            if len(found) != 3:
                raise Failed("a disclosure of an element stands for a member")
            name = found[1]
            if not isinstance(name, str) or name in RESERVED or name in opened:
                raise Failed(f"a disclosure tells of {name!r}, which it cannot")
            if depth == 0 and name in NEVER_SELECTIVE:
                raise Failed(f"{name} must not be left to the holder")
            opened[name] = self._opened(found[2], depth + 1)
        return opened

    def _take(self, digest: Any) -> list[Any] | None:
        """Return the disclosure of a digest, which stands once in a token; None where it is kept back."""
        if not isinstance(digest, str) or digest in self._seen:
            raise Failed("a digest is no text, or stands there twice")
        self._seen.add(digest)
        return self._left.pop(digest, None)


def hash_of(claims: Mapping[str, Any]) -> Callable[[bytes], bytes]:
    """Return the hash function that an issuer names (RFC 9901 4.1.1); raise Failed for an unknown one."""
    made = HASHES.get(str(claims.get("_sd_alg", "sha-256")))
    if made is None:
        raise Failed(f"the hash function {claims.get('_sd_alg')!r} is not known")
    return lambda data: made(data).digest()


def read_disclosure(text: str) -> list[Any]:
    """Return the salt, the name of a member, and the value that a disclosure tells; raise Failed."""
    try:
        found = read_strictly(unb64(text))
    except (ValueError, RecursionError, InvalidToken) as error:
        raise Failed("a disclosure is not base64url of JSON") from error
    if not isinstance(found, list) or len(found) not in {2, 3} or not isinstance(found[0], str):
        raise Failed("a disclosure is not a list of a salt, a name and a value")
    return found


def key_of(issuer: str, header: Mapping[str, Any], ask: Inquiry) -> Mapping[str, Any]:
    """Return the public key that a token names, found with its issuer; raise Failed (SD-JWT VC 5)."""
    if issuer.startswith("did:"):
        return issuer_key(issuer, header, ask)
    try:
        parts = urlsplit(issuer)
    except ValueError as error:
        raise Failed(f"the issuer {issuer!r} is no address") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.netloc == ask.local):
        raise Failed(f"the issuer {issuer!r} is neither a DID nor an https address")
    accept = "application/json"
    url = f"{parts.scheme}://{parts.netloc}/.well-known/jwt-vc-issuer{parts.path.rstrip('/')}"
    told = read_json(ask.get(url, accept))
    if told.get("issuer") != issuer:
        raise Failed(f"{url} is that of {told.get('issuer')!r}, not of {issuer}")
    known = told["jwks"] if "jwks" in told else read_json(ask.get(str(told.get("jwks_uri")), accept))
    keys = known.get("keys") if isinstance(known, dict) else None
    kid = header.get("kid")
    chosen = [
        one
        for one in (keys if isinstance(keys, list) else [])
        if isinstance(one, dict) and (kid is None or one.get("kid") == kid)
    ]
    if len(chosen) != 1:
        raise Failed(f"the issuer names no single key {kid!r}")
    return chosen[0]


def read_status(url: str, index: int, issuer: str, ask: Inquiry) -> tuple[int, dt.datetime]:
    """Return the value of an entry of a Token Status List and when that was issued; raise Failed."""
    token = read_compact(
        ask.get(url, f"application/{sd_jwt.LIST_TYPE}").body.decode("ascii", "replace").strip()
    )
    claims = token.claims
    if token.header.get("typ") != sd_jwt.LIST_TYPE or claims.get("sub") != url:
        raise Failed(f"{url} does not answer the status list of that name")
    if claims.get("iss", issuer) != issuer:
        raise Failed(f"the status list is signed by {claims['iss']}, not by {issuer}")
    verify(token, key_of(issuer, token.header, ask))
    check_times(claims, ask.now, "the status list")
    issued, listed = instant_of(claims.get("iat"), "iat"), claims.get("status_list")
    bits = listed.get("bits") if isinstance(listed, dict) else None
    if issued is None or not isinstance(listed, dict) or bits not in {1, 2, 4, 8}:
        raise Failed("the status list has no entries of 1, 2, 4 or 8 bits, or no date")
    packed = zlib.decompressobj()
    try:
        data = packed.decompress(unb64(str(listed.get("lst"))), LONGEST_LIST)
    except zlib.error as error:
        raise Failed("the status list is not compressed by zlib") from error
    at, shift = divmod(index * bits, 8)
    if packed.unconsumed_tail or at >= len(data):
        raise Failed(f"the status list is too long, or has no entry {index}")
    return data[at] >> shift & (1 << bits) - 1, issued


def check_times(claims: Mapping[str, Any], now: dt.datetime, name: str) -> str:
    """Check that now lies between nbf and exp, with a minute for clocks that differ; raise Failed."""
    start, end = instant_of(claims.get("nbf"), "nbf"), instant_of(claims.get("exp"), "exp")
    if start is not None and start > now + LEEWAY:
        raise Failed(f"{name} is not valid before {start.isoformat()}")
    if end is not None and end < now - LEEWAY:
        raise Failed(f"{name} is valid until {end.isoformat()}, which is over")
    return f"valid {f'from {start.isoformat()} ' if start else ''}" + (
        f"until {end.isoformat()}" if end else "without end"
    )


def instant_of(value: Any, name: str) -> dt.datetime | None:
    """Return a NumericDate as an instant, None for what is absent; raise Failed (RFC 7519, 2)."""
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError  # noqa: TRY301 -- as a number beyond the calendar
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Failed(f"{name} is not an instant") from error
