"""Bearer tokens (JWT) of a configured issuer: keys by JWKS, kept and fetched again with restraint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import jwt
import requests

from lrs.access.organizations import VENDOR
from lrs.access.scopes import SCOPES
from lrs.foundation.errors import Unauthenticated
from lrs.foundation.fetching import FetchRefused
from lrs.foundation.settings import Settings

Json = dict[str, Any]

# Only signatures by a private key: an HMAC algorithm would let the public key pass as the secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEPT_FOR: Final = dt.timedelta(minutes=10)
AGAIN_AFTER: Final = dt.timedelta(seconds=30)  # a flood of unknown key ids fetches no more often than this
LONGEST_TOKEN: Final = 16 * 1024


def fetch_json(url: str) -> Json:
    """Return the JSON object at an address of the issuer; raises requests.RequestException."""
    response = requests.get(url, timeout=5, allow_redirects=False)
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise requests.exceptions.InvalidJSONError("not a JSON object")
    return found


class Key(NamedTuple):
    """A public key of the issuer, and the one algorithm it is for, where its JWK says so."""

    jwk: jwt.PyJWK
    algorithm: str | None


@dataclass(slots=True)
class Issuer:
    """The issuer of bearer tokens: its name, the audience we are, its keys as last fetched."""

    name: str
    audience: str
    jwks_url: str | None = None
    skew: int = 60
    fetch: Callable[[str], Json] = fetch_json
    keys: dict[str, Key] = field(default_factory=dict)
    fetched_at: dt.datetime | None = None
    tried_at: dt.datetime | None = None

    @classmethod
    def of(cls, settings: Settings) -> Issuer | None:
        """Return the configured issuer, None where there is none."""
        if settings.bearer_issuer is None:
            return None
        audience = settings.bearer_audience or settings.public_url
        return cls(settings.bearer_issuer, audience, settings.bearer_jwks_url, settings.bearer_skew)

    def claims(self, token: str, now: dt.datetime) -> Json:
        """Return the claims of a token that is ours and valid at `now`; raises Unauthenticated."""
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(header, now)
            claims: Json = jwt.decode(
                token,
                key.jwk.key,
                algorithms=[header["alg"]],
                audience=self.audience,
                issuer=self.name,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("the token is not valid here") from error
        self._check_times(claims, now.timestamp())
        return claims

    def _check_times(self, claims: Mapping[str, Any], now: float) -> None:
        """Compare `exp`, `nbf` and `iat` with our clock, within the skew; raises Unauthenticated."""
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in times.values()):
            raise Unauthenticated("the token has a time that is no number")
        if now >= times["exp"] + self.skew:
            raise Unauthenticated("the token has expired")
        if any(times.get(name, now) > now + self.skew for name in ("nbf", "iat")):
            raise Unauthenticated("the token is not valid yet")

    def _key(self, header: Mapping[str, Any], now: dt.datetime) -> Key:
        """Return the key that the header names, of the type its algorithm needs; raises Unauthenticated."""
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise Unauthenticated("the token is signed by an algorithm that is not accepted")
        if self.fetched_at is None or now - self.fetched_at >= KEPT_FOR or kid not in self.keys:
            self._refresh(now)
        key = self.keys.get(str(kid)) if kid is not None else next(iter(self.keys.values()), None)
        if key is None or (kid is None and len(self.keys) > 1):
            raise Unauthenticated("the token is signed by an unknown key")
        if not _fits(key, str(algorithm)):
            raise Unauthenticated("the token is signed by another kind of key than it says")
        return key

    def _refresh(self, now: dt.datetime) -> None:
        """Fetch the keys, unless that was tried just now; where it fails, the keys at hand stay."""
        if self.tried_at is not None and now - self.tried_at < AGAIN_AFTER:
            return
        self.tried_at = now
        try:
            if self.jwks_url is None:
                place = self.name.rstrip("/") + "/.well-known/openid-configuration"
                self.jwks_url = str(self.fetch(place)["jwks_uri"])
            found = self.fetch(self.jwks_url).get("keys")
        except (requests.RequestException, FetchRefused, KeyError, ValueError, AttributeError):
            return
        listed = found if isinstance(found, list) else []
        self.keys = {str(key.get("kid")): made for key in listed if (made := _public_key(key)) is not None}
        self.fetched_at = now


def _public_key(value: Any) -> Key | None:
    """Return a signature key of a JWKS; secrets and keys for encryption are left out."""
    if (
        not isinstance(value, dict)
        or value.get("kty") not in {"RSA", "EC", "OKP"}
        or value.get("use") == "enc"
    ):
        return None
    try:
        return Key(jwt.PyJWK(value), value.get("alg"))
    except jwt.PyJWTError:
        return None


def _fits(key: Key, algorithm: str) -> bool:
    """Tell whether the key may have signed by the algorithm: what its JWK says, else what its type can do."""
    if key.algorithm is not None or key.jwk.key_type != "RSA":
        return key.jwk.algorithm_name == algorithm
    return algorithm[:2] in {"RS", "PS"}


def rights(claims: Mapping[str, Any]) -> tuple[str, frozenset[str], bool]:
    """Return organization, scopes and vendor-wide reading that the claims give; raises Unauthenticated.

    `org` names the organization, `scope` (text) or `scp` (list) the scopes; unknown scopes are left out.
    """
    org = claims.get("org")
    if not isinstance(org, str):
        raise Unauthenticated("the token names no organization (claim `org`)")
    listed = claims.get("scope", claims.get("scp", ()))
    names = listed.split() if isinstance(listed, str) else listed
    scopes = frozenset(name for name in names if name in SCOPES) if isinstance(names, list) else frozenset()
    return org, scopes, org == VENDOR and claims.get("vendor_wide") is True
