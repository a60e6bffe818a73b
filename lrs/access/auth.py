"""Who is asking: Basic, Bearer, launch tokens and sessions become one Principal.

The dear part of Basic authentication, argon2, runs once per secret, process and quarter of an hour; the
client's document is read again every few seconds, so that a revocation works everywhere within FRESH_FOR.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal

from flask import g, has_request_context, request

from lrs.access import bearer, clients, launch_tokens, organizations, secret_hashes, sessions, users
from lrs.access.launch_tokens import LaunchLimit
from lrs.access.scopes import expand_scopes
from lrs.access.tries import check_tries, count_try
from lrs.foundation.context import Services, current_request, current_services, request_state
from lrs.foundation.errors import Forbidden, TooManyTries, Unauthenticated

Kind = Literal["client", "bearer", "launch", "user"]

FRESH_FOR: Final = dt.timedelta(seconds=5)  # a revocation is seen after this long at the latest
VERIFIED_FOR: Final = dt.timedelta(minutes=15)  # how long a verified secret spares argon2
USED_EVERY: Final = dt.timedelta(minutes=5)  # grain of `last_used_at`
WRONG_SECRETS: Final = 10  # for one key from one address within a quarter of an hour, then it waits
WRONG_SECRETS_ANYWHERE: Final = 100
CACHE_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and what they may do."""

    kind: Kind
    id: str  # client key, subject of a bearer token, launch id, user id
    org: str  # the store it writes to and reads from
    label: str | None
    controlled_by: Literal["vendor", "partner"]
    scopes: frozenset[str]  # with all that they include
    authority: dict[str, Any]
    vendor_wide: bool = False
    handling: frozenset[str] = frozenset()  # how its statements are taken: repair, partial, strict
    limit: LaunchLimit | None = None

    def may(self, *scopes: str) -> bool:
        """Tell whether one of the scopes is held."""
        return not self.scopes.isdisjoint(scopes)


@dataclass(slots=True)
class Verdict:
    """A remembered check of one Authorization header."""

    principal: Principal
    fresh_until: dt.datetime
    hashed: str | None = None  # the argon2 hash that the secret was verified against
    verified_until: dt.datetime | None = None


@dataclass(slots=True)
class Memory:
    """The verdicts of one application in this process; keyed by a keyed digest, so no secret is kept."""

    pepper: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    verdicts: dict[bytes, Verdict] = field(default_factory=dict)
    issuer: bearer.Issuer | None = None
    decoy: str = field(default_factory=lambda: secret_hashes.hash_secret(secrets.token_hex(16)))

    def digest(self, authorization: str) -> bytes:
        """Return the name under which a header is remembered; nothing about the header follows from it."""
        return blake2b(
            authorization.encode("utf-8", "surrogatepass"), key=self.pepper, digest_size=16
        ).digest()

    def remember(self, digest: bytes, verdict: Verdict) -> Verdict:
        """Keep a verdict; when too many are kept, forget them all."""
        if len(self.verdicts) >= CACHE_SIZE:
            self.verdicts.clear()
        self.verdicts[digest] = verdict
        return verdict


def memory() -> Memory:
    """Return the verdicts remembered by the present application."""
    return current_services().part(_new_memory)


def _new_memory(services: Services) -> Memory:
    return Memory(issuer=bearer.Issuer.of(services.settings))


def forget() -> None:
    """Drop all remembered verdicts of this process, after a change of clients or organizations."""
    memory().verdicts.clear()


def authenticate(authorization: str | None) -> Principal:
    """Return who sent this `Authorization` value; raises Unauthenticated, TooManyTries (Communication 4)."""
    if not authorization:
        raise Unauthenticated("no credentials were sent")
    services = current_services()
    remembered = services.part(_new_memory)
    digest = remembered.digest(authorization)
    known = remembered.verdicts.get(digest)
    now = services.now()
    if known is not None and now < known.fresh_until:
        return known.principal
    scheme, _, value = authorization.partition(" ")
    check = SCHEMES.get(scheme.lower())
    if check is None:
        raise Unauthenticated("the Authorization header must begin with Basic or Bearer")
    try:
        return remembered.remember(digest, check(services, value.strip(" "), known, now)).principal
    except Unauthenticated:
        remembered.verdicts.pop(digest, None)
        raise


def is_known(authorization: str | None) -> bool:
    """Tell whether an `Authorization` value is good, before there is a request to answer."""
    try:
        authenticate(authorization)
    except (Unauthenticated, TooManyTries):
        return False
    return True


def is_sender_known() -> bool:
    """Tell whether the present request names somebody who is known, by its headers alone."""
    what = current_request()
    authorization = what.environ.get("HTTP_AUTHORIZATION")
    if authorization or what.path.startswith("/xapi"):
        return is_known(authorization)
    services = current_services()
    return sessions.find(services.db, services.settings, what, services.now()) is not None


def check_basic(services: Services, value: str, known: Verdict | None, now: dt.datetime) -> Verdict:
    """Check `key:secret`; an unknown key costs as much time as a wrong secret; TooManyTries too."""
    key, secret = split_basic(value)
    if key == launch_tokens.LAUNCH_USER:
        return check_launch(services, secret, now)
    client = services.db.clients.find_one({"_id": key})
    if known is not None and known.hashed is not None and client is not None:
        most = {}  # this very header was right before: who guesses locks nobody out who is at work
    else:
        most = _most_tries(key)
        check_tries(services.db, most, now)
    hashes = [memory().decoy] if client is None else clients.live_hashes(client, now) or [memory().decoy]
    hashed, verified_until = _verified(hashes, secret, known, now)
    if client is None or hashed is None:
        for name in most:
            count_try(services.db, name, now)
        raise Unauthenticated("the key or the secret is wrong")
    if not clients.client_is_live(client, now):
        raise Unauthenticated("the client is revoked or has expired")
    _check_org(services, client["org"])
    _touch(services, client, now)
    ends = [
        moment for moment in (now + FRESH_FOR, client["expires_at"], _secret_end(client, hashed)) if moment
    ]
    return Verdict(client_principal(services, client), min(ends), hashed, verified_until)


def _most_tries(key: str) -> dict[str, int]:
    """Return how often a key may be tried with wrong secrets: from this address, from anywhere."""
    most = {f"key {key}": WRONG_SECRETS_ANYWHERE}
    if has_request_context():
        most[f"key {key} from {current_request().remote_addr}"] = WRONG_SECRETS
    return most


def split_basic(value: str) -> tuple[str, str]:
    """Return key and secret of a Basic value; raises Unauthenticated where it is not that in base64."""
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("the Basic value is not base64 of key:secret") from error
    key, colon, secret = text.partition(":")
    if not colon or not key or not text.isprintable():
        raise Unauthenticated("the Basic value is not base64 of key:secret")
    return key, secret


def client_principal(services: Services, client: dict[str, Any]) -> Principal:
    """Return the principal of a client's document."""
    return Principal(
        kind="client",
        id=client["_id"],
        org=client["org"],
        label=client["label"],
        controlled_by=client["controlled_by"],
        scopes=expand_scopes(client["scopes"]),
        authority=authority(services, client["_id"]),
        vendor_wide=client["vendor_wide"],
        handling=frozenset(client.get("handling", ())),
    )


def authority(services: Services, name: str) -> dict[str, Any]:
    """Return the Agent that stands as authority of what `name` writes."""
    return {"objectType": "Agent", "account": {"homePage": services.settings.public_url, "name": name}}


def current_principal() -> Principal:
    """Return who sends the present request, once per request; raises Unauthenticated.

    Outside /xapi a session's cookie counts where no Authorization is sent; it has to prove changing requests.
    """
    one = request_state()
    known: Principal | None = one.get("principal")
    if known is None:
        what = current_request()
        authorization, is_xapi = what.environ.get("HTTP_AUTHORIZATION"), what.path.startswith("/xapi")
        found = None if authorization or is_xapi else session_principal()
        known = one.principal = found or authenticate(authorization)
        if known.limit is not None and not is_xapi:
            raise Forbidden("a launch token is for content, which talks to /xapi only")
    return known


def session_principal() -> Principal | None:
    """Return the user who is logged in, None where nobody is; raises Forbidden for a forged request."""
    services = current_services()
    session = sessions.find(services.db, services.settings, request, services.now())
    user = session and services.db.users.find_one({"_id": session["user"], "disabled_at": None})
    if not session or not user:
        return None
    _check_org(services, user["org"])
    sessions.check_forgery(session, services.settings, request)
    g.session, g.timezone, g.users_language = session, user.get("timezone"), user.get("language")
    role = users.ROLES[user["role"]]
    return Principal(
        kind="user",
        id=user["_id"],
        org=user["org"],
        label=user["email"],
        controlled_by="vendor" if role.of_vendor else "partner",
        scopes=expand_scopes(role.scopes),
        authority=authority(services, user["_id"]),
        vendor_wide=role.vendor_wide,
    )


def _verified(
    hashes: list[str], secret: str, known: Verdict | None, now: dt.datetime
) -> tuple[str | None, dt.datetime | None]:
    """Return the hash the secret belongs to, without argon2 where this very header was verified before."""
    if known is not None and known.hashed in hashes and known.verified_until and now < known.verified_until:
        return known.hashed, known.verified_until
    for hashed in hashes:
        if secret_hashes.verify_secret(hashed, secret):
            return hashed, now + VERIFIED_FOR
    return None, None


def _secret_end(client: dict[str, Any], hashed: str) -> dt.datetime | None:
    return next((entry["until"] for entry in client["secrets"] if entry["hash"] == hashed), None)


def _check_org(services: Services, org: str) -> None:
    found = services.db.orgs.find_one({"_id": org}, {"status": 1})
    if found is None or found["status"] != "active":
        raise Unauthenticated("the organization of this client is not active")


def _touch(services: Services, client: dict[str, Any], now: dt.datetime) -> None:
    """Note the use of a client, at most once in USED_EVERY: never on the path of each request."""
    last = client.get("last_used_at")
    if last is None or now - last >= USED_EVERY:
        services.db.clients.update_one({"_id": client["_id"]}, {"$max": {"last_used_at": now}})


def check_launch(services: Services, token: str, now: dt.datetime) -> Verdict:
    """Check the signed token of a launch that is neither over nor revoked."""
    name = launch_tokens.read_token(services.db, token, issuer=services.settings.public_url, now=now)
    found = services.db.launches.find_one({"_id": name})
    if found is None or found["revoked_at"] is not None or found["expires_at"] <= now:
        raise Unauthenticated("the launch is over")
    _check_org(services, found["org"])
    principal = Principal(
        kind="launch",
        id=f"launch:{name}",
        org=found["org"],
        label=found["label"],
        controlled_by=found["controlled_by"],
        scopes=launch_tokens.SCOPES,
        authority=authority(services, found["client"]),
        limit=LaunchLimit.of(found["limit"]),
    )
    return Verdict(principal, min(now + FRESH_FOR, found["expires_at"]))


def check_bearer(services: Services, value: str, _: Verdict | None, now: dt.datetime) -> Verdict:
    """Check a JWT of the configured issuer, or a launch token."""
    if launch_tokens.is_launch_token(value):
        return check_launch(services, value, now)
    trusted = memory().issuer
    if trusted is None:
        raise Unauthenticated("this server accepts no bearer tokens")
    claims = trusted.claims(value, now)
    org, scopes, vendor_wide = bearer.rights(claims)
    _check_org(services, org)
    subject = str(claims["sub"])
    principal = Principal(
        kind="bearer",
        id=f"bearer:{subject}",
        org=org,
        label=_label(claims),
        controlled_by="vendor" if org == organizations.VENDOR else "partner",
        scopes=expand_scopes(scopes),
        authority={"objectType": "Agent", "account": {"homePage": trusted.name, "name": subject}},
        vendor_wide=vendor_wide,
    )
    try:
        ends = dt.datetime.fromtimestamp(claims["exp"] + trusted.skew, dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Unauthenticated("exp is no second of this calendar") from error
    return Verdict(principal, min(now + FRESH_FOR, ends))


def _label(claims: dict[str, Any]) -> str | None:
    """Return the name of the program that a token was issued to; `bearer:` keeps it apart from our labels."""
    named = claims.get("azp", claims.get("client_id"))
    return f"bearer:{named}" if isinstance(named, str) else None


SCHEMES: Final[dict[str, Callable[[Services, str, Verdict | None, dt.datetime], Verdict]]] = {
    "basic": check_basic,
    "bearer": check_bearer,
}
