"""Login by an OpenID Connect provider: authorization code with PKCE, state and nonce.

One provider may stand in the settings (`LRS_OIDC_ISSUER`); organizations keep theirs as data
(`lrs.sign_in.providers`). Nothing else tells the two apart here.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pymongo.database import Database

from lrs.access.bearer import Issuer, Json
from lrs.access.sessions import LOGIN_LASTS, hash_token
from lrs.foundation.errors import Unauthenticated
from lrs.foundation.fetching import Fetcher, FetchRefused
from lrs.foundation.settings import Settings
from lrs.sign_in import providers
from lrs.sign_in.arriving import Arrival

Document = dict[str, Any]
SCOPE: Final = "openid email profile"
LARGEST: Final = 256 * 1024  # bytes of an answer of a provider
PATIENCE: Final = 10.0  # seconds for one of its answers
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(slots=True)
class Provider:
    """A provider, with what it says about itself; `id` is None for the one of the settings."""

    issuer: Issuer
    client_id: str
    client_secret: str | None
    redirect_uri: str
    fetcher: Fetcher
    id: str | None = None
    claim: str | None = None  # whose values name roles
    told: Json = field(default_factory=dict)

    @classmethod
    def of_settings(cls, settings: Settings) -> Provider | None:
        """Return the provider of the settings, None where there is none."""
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            return None
        secret, client = settings.oidc_client_secret, settings.oidc_client_id
        # whoever sets variables may name an address of the own network
        return cls._made(settings, settings.oidc_issuer, client, secret, private=True)

    @classmethod
    def of(cls, settings: Settings, kept: Mapping[str, Any]) -> Provider:
        """Return a provider that an organization keeps."""
        secret, private = providers.secret_of(settings, kept), settings.allow_private_addresses
        made = cls._made(settings, kept["issuer"], kept["client_id"], secret, private=private)
        made.id, made.claim = kept["_id"], kept["claim"]
        return made

    @classmethod
    def _made(
        cls, settings: Settings, issuer: str, client_id: str, secret: str | None, *, private: bool
    ) -> Provider:
        fetcher = Fetcher(allow_private=private, max_bytes=LARGEST, longest=PATIENCE)
        trusted = Issuer(issuer, client_id, fetch=lambda url: _object(fetcher.get(url).body))
        return cls(trusted, client_id, secret, f"{settings.public_url}/login/callback", fetcher)

    def discover(self) -> Json:
        """Return what the provider says about itself, asked for once; raises Unauthenticated."""
        if not self.told:
            place = self.issuer.name.rstrip("/") + "/.well-known/openid-configuration"
            try:
                told = _object(self.fetcher.get(place).body)
            except (FetchRefused, ValueError) as error:
                raise Unauthenticated("the login provider does not answer; try again later") from error
            if told.get("issuer") != self.issuer.name:
                raise Unauthenticated("the login provider says it is another one")
            if not all(isinstance(told.get(name), str) for name in ENDPOINTS):
                raise Unauthenticated("the login provider does not tell where to log in")
            self.told = told
        return self.told

    def begin(
        self, db: Database[Document], onward: str, now: dt.datetime, trial: str | None = None
    ) -> tuple[str, str]:
        """Return where to send the browser, and the state that its cookie must bring back.

        `trial` names the session of who only wants to see what comes back.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        place = self.discover()["authorization_endpoint"]
        db.logins.insert_one(
            {
                "_id": hash_token(state),
                "nonce": nonce,
                "verifier": verifier,
                "onward": onward,
                "provider": self.id,
                "trial": trial,
                "expires_at": now + LOGIN_LASTS,
            }
        )
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self._scope(),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", state

    def _scope(self) -> str:
        """Return what is asked for: also a scope of the name of the claim, where the provider has one."""
        offered = self.discover().get("scopes_supported")
        more = self.claim if isinstance(offered, list) and self.claim in offered else None
        return SCOPE if more is None or more in SCOPE.split() else f"{SCOPE} {more}"

    def finish(self, login: Mapping[str, Any], code: str, now: dt.datetime) -> Json:
        """Return the claims of the ID token that a code is good for; raises Unauthenticated."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": login["verifier"],
        }
        try:
            token = _object(self.fetcher.post(self.discover()["token_endpoint"], *self._proof(form)).body)
        except (FetchRefused, ValueError) as error:
            raise Unauthenticated("the login provider refused the login") from error
        self.issuer.jwks_url = self.told["jwks_uri"]
        try:
            claims = self.issuer.claims(str(token.get("id_token", "")), now)
        except Unauthenticated as error:
            raise Unauthenticated(f"the login provider's answer is not accepted: {error}") from error
        if claims.get("nonce") != login["nonce"] or claims.get("azp", self.client_id) != self.client_id:
            raise Unauthenticated("the login provider answered another login")
        needed = {"email", *([self.claim] if self.claim else ())}
        return claims if needed <= claims.keys() else {**self._about(token, claims), **claims}

    def _about(self, token: Json, claims: Json) -> Json:
        """Return what the provider says of the user elsewhere: some tokens lack address or groups."""
        place, shown = self.told.get("userinfo_endpoint"), token.get("access_token")
        if not isinstance(place, str) or not isinstance(shown, str):
            return {}
        try:
            found = _object(self.fetcher.get(place, "application/json", shown).body)
        except (FetchRefused, ValueError):
            return {}
        return found if found.get("sub") == claims["sub"] else {}  # OpenID Connect Core 5.3.2

    def _proof(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return form and headers with the client's proof: Basic unless the provider wants it in the form."""
        ways = self.told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self.client_secret is None:
            return {**form, "client_id": self.client_id}, {}
        if "client_secret_basic" not in ways and "client_secret_post" in ways:
            return {**form, "client_id": self.client_id, "client_secret": self.client_secret}, {}
        pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"  # RFC 6749 2.3.1
        return dict(form), {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def take(db: Database[Document], state: str, now: dt.datetime) -> Document:
    """Return the login that a state names, which ends with it; raises Unauthenticated."""
    login = db.logins.find_one_and_delete({"_id": hash_token(state), "expires_at": {"$gt": now}})
    if login is None or "verifier" not in login:
        raise Unauthenticated("this login was not begun here, or too long ago; begin again")
    return login


def arrival(claims: Mapping[str, Any]) -> Arrival:
    """Return whom an ID token means; raises Unauthenticated where its address is not verified.

    A provider that does not say whether it is (Entra ID) is believed by the domain it speaks for.
    """
    if claims.get("email_verified", True) is not True:
        raise Unauthenticated("the login provider has not verified the mail address")
    email = claims.get("email") or claims.get("preferred_username")
    name = claims.get("name")
    return Arrival(
        str(claims["sub"]), str(email or ""), name[:255] if isinstance(name, str) else None, dict(claims)
    )


def _object(body: bytes) -> Json:
    """Return a JSON object; raises ValueError."""
    found = json.loads(body)
    if isinstance(found, dict):
        return found
    raise ValueError("not a JSON object")
