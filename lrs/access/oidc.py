"""Login by an OpenID Connect provider: authorization code with PKCE, state and nonce."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from pymongo.database import Database

from lrs.access.bearer import Issuer, Json, fetch_json
from lrs.access.sessions import LOGIN_LASTS, hash_token
from lrs.foundation.errors import Unauthenticated
from lrs.foundation.settings import Settings

Document = dict[str, Any]
SCOPE: Final = "openid email profile"


@dataclass(slots=True)
class Provider:
    """The configured provider, with what it says about itself."""

    issuer: Issuer
    client_id: str
    client_secret: str | None
    redirect_uri: str
    fetch: Callable[[str], Json] = fetch_json
    told: Json = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Provider | None:
        """Return the configured provider, None where there is none."""
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            return None
        return cls(
            Issuer(settings.oidc_issuer, settings.oidc_client_id),
            settings.oidc_client_id,
            settings.oidc_client_secret,
            f"{settings.public_url}/login/callback",
        )

    def endpoint(self, name: str) -> str:
        """Return an address of the provider by discovery; raises Unauthenticated."""
        if not self.told:
            try:
                told = self.fetch(self.issuer.name.rstrip("/") + "/.well-known/openid-configuration")
            except (requests.RequestException, ValueError) as error:
                raise Unauthenticated("the login provider does not answer; try again later") from error
            if told.get("issuer") != self.issuer.name:
                raise Unauthenticated("the login provider says it is another one")
            self.told = told
        return str(self.told[name])

    def begin(self, db: Database[Document], onward: str, now: dt.datetime) -> tuple[str, str]:
        """Return where to send the browser, and the state that its cookie must bring back."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        db.logins.insert_one(
            {
                "_id": hash_token(state),
                "nonce": nonce,
                "verifier": verifier,
                "onward": onward,
                "expires_at": now + LOGIN_LASTS,
            }
        )
        url, _ = self._client().create_authorization_url(
            self.endpoint("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
        )
        return str(url), state

    def finish(self, db: Database[Document], state: str, code: str, now: dt.datetime) -> tuple[Json, str]:
        """Return the claims of the ID token and the path to go on to; a login is finished once.

        Raises Unauthenticated.
        """
        login = db.logins.find_one_and_delete({"_id": hash_token(state), "expires_at": {"$gt": now}})
        if login is None:
            raise Unauthenticated("this login was not begun here, or too long ago; begin again")
        try:
            token = self._client().fetch_token(
                self.endpoint("token_endpoint"), code=code, code_verifier=login["verifier"]
            )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            raise Unauthenticated("the login provider refused the login") from error
        self.issuer.jwks_url = self.endpoint("jwks_uri")
        claims = self.issuer.claims(str(token.get("id_token", "")), now)
        if claims.get("nonce") != login["nonce"] or claims.get("azp", self.client_id) != self.client_id:
            raise Unauthenticated("the login provider answered another login")
        return claims, str(login["onward"])

    def _client(self) -> OAuth2Session:
        return OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=SCOPE,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            default_timeout=10,
        )
