"""Who is asking: Basic, Bearer, launch tokens and sessions become one Principal; routes name their scope.

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
from functools import wraps
from hashlib import blake2b
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

from flask import current_app, g, request

from lrs import bearer, launch, sessions, tenancy, users
from lrs.context import Laurel, asked, kept, laurel
from lrs.launch import LaunchLimit
from lrs.refusals import Forbidden, MissingScope, Unauthenticated

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["client", "bearer", "launch", "user"]

FRESH_FOR: Final = dt.timedelta(seconds=5)  # a revocation is seen after this long at the latest
VERIFIED_FOR: Final = dt.timedelta(minutes=15)  # how long a verified secret spares argon2
USED_EVERY: Final = dt.timedelta(minutes=5)  # grain of `last_used_at`
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
    limit: LaunchLimit | None = None

    def may(self, *scopes: str) -> bool:
        """Tell whether one of the scopes is held."""
        return any(scope in self.scopes for scope in scopes)


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
    decoy: str = field(default_factory=lambda: tenancy.hash_secret(secrets.token_hex(16)))

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
    return cast("Memory", current_app.extensions.get("laurel_auth") or _new_memory())


def _new_memory() -> Memory:
    made = Memory(issuer=bearer.Issuer.of(laurel().settings))
    current_app.extensions["laurel_auth"] = made
    return made


def forget() -> None:
    """Drop all remembered verdicts of this process, after a change of clients or organizations."""
    memory().verdicts.clear()


def authenticate(authorization: str | None) -> Principal:
    """Return who sent this `Authorization` value; raises Unauthenticated (xAPI 1.0.3 Communication 4)."""
    if not authorization:
        raise Unauthenticated("no credentials were sent")
    remembered = memory()
    digest = remembered.digest(authorization)
    known = remembered.verdicts.get(digest)
    now = laurel().now()
    if known is not None and now < known.fresh_until:
        return known.principal
    scheme, _, value = authorization.partition(" ")
    check = SCHEMES.get(scheme.lower())
    if check is None:
        raise Unauthenticated("the Authorization header must begin with Basic or Bearer")
    try:
        return remembered.remember(digest, check(laurel(), value.strip(" "), known, now)).principal
    except Unauthenticated:
        remembered.verdicts.pop(digest, None)
        raise


def check_basic(here: Laurel, value: str, known: Verdict | None, now: dt.datetime) -> Verdict:
    """Check `key:secret`; an unknown key costs as much time as a wrong secret."""
    key, secret = split_basic(value)
    if key == launch.LAUNCH_USER:
        return check_launch(here, secret, now)
    client = here.db.clients.find_one({"_id": key})
    hashes = [memory().decoy] if client is None else tenancy.live_hashes(client, now) or [memory().decoy]
    hashed, verified_until = _verified(hashes, secret, known, now)
    if client is None or hashed is None:
        raise Unauthenticated("the key or the secret is wrong")
    if not tenancy.client_is_live(client, now):
        raise Unauthenticated("the client is revoked or has expired")
    _check_org(here, client["org"])
    _touch(here, client, now)
    ends = [
        moment for moment in (now + FRESH_FOR, client["expires_at"], _secret_end(client, hashed)) if moment
    ]
    return Verdict(client_principal(here, client), min(ends), hashed, verified_until)


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


def client_principal(here: Laurel, client: dict[str, Any]) -> Principal:
    """Return the principal of a client's document."""
    return Principal(
        kind="client",
        id=client["_id"],
        org=client["org"],
        label=client["label"],
        controlled_by=client["controlled_by"],
        scopes=tenancy.expand_scopes(client["scopes"]),
        authority=authority(here, client["_id"]),
        vendor_wide=client["vendor_wide"],
    )


def authority(here: Laurel, name: str) -> dict[str, Any]:
    """Return the Agent that stands as authority of what `name` writes."""
    return {"objectType": "Agent", "account": {"homePage": here.settings.public_url, "name": name}}


def requires(*scopes: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a principal that holds one of the scopes; sets `flask.g.principal`.

    Without scopes, any authenticated principal passes. Raises Unauthenticated or MissingScope.
    """
    unknown = set(scopes) - set(tenancy.SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes {sorted(unknown)}")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            check_scopes(current_principal(), scopes)
            return view(*args, **kwargs)

        guarded.needs = scopes  # type: ignore[attr-defined]  # read by the test that walks all routes
        return guarded

    return decorate


def check_scopes(principal: Principal, needed: tuple[str, ...]) -> None:
    """Raise MissingScope where none of the scopes is held; nothing is needed by an empty tuple."""
    if needed and not principal.may(*needed):
        raise MissingScope(needed)


def current_principal() -> Principal:
    """Return who sends the present request, once per request; raises Unauthenticated.

    Outside /xapi a session's cookie counts where no Authorization is sent; it has to prove changing requests.
    """
    one = kept()
    known: Principal | None = one.get("principal")
    if known is None:
        what = asked()
        authorization, is_xapi = what.environ.get("HTTP_AUTHORIZATION"), what.path.startswith("/xapi")
        found = None if authorization or is_xapi else session_principal()
        known = one.principal = found or authenticate(authorization)
        if known.limit is not None and not is_xapi:
            raise Forbidden("a launch token is for content, which talks to /xapi only")
    return known


def session_principal() -> Principal | None:
    """Return the user who is logged in, None where nobody is; raises Forbidden for a forged request."""
    here = laurel()
    session = sessions.find(here.db, here.settings, request, here.now())
    user = session and here.db.users.find_one({"_id": session["user"], "disabled_at": None})
    if not session or not user:
        return None
    _check_org(here, user["org"])
    sessions.check_forgery(session, here.settings, request)
    g.session = session
    role = users.ROLES[user["role"]]
    return Principal(
        kind="user",
        id=user["_id"],
        org=user["org"],
        label=user["email"],
        controlled_by="vendor" if role.of_vendor else "partner",
        scopes=tenancy.expand_scopes(role.scopes),
        authority=authority(here, user["_id"]),
        vendor_wide=role.vendor_wide,
    )


def _verified(
    hashes: list[str], secret: str, known: Verdict | None, now: dt.datetime
) -> tuple[str | None, dt.datetime | None]:
    """Return the hash the secret belongs to, without argon2 where this very header was verified before."""
    if known is not None and known.hashed in hashes and known.verified_until and now < known.verified_until:
        return known.hashed, known.verified_until
    for hashed in hashes:
        if tenancy.verify_secret(hashed, secret):
            return hashed, now + VERIFIED_FOR
    return None, None


def _secret_end(client: dict[str, Any], hashed: str) -> dt.datetime | None:
    return next((entry["until"] for entry in client["secrets"] if entry["hash"] == hashed), None)


def _check_org(here: Laurel, org: str) -> None:
    found = here.db.orgs.find_one({"_id": org}, {"status": 1})
    if found is None or found["status"] != "active":
        raise Unauthenticated("the organization of this client is not active")


def _touch(here: Laurel, client: dict[str, Any], now: dt.datetime) -> None:
    """Note the use of a client, at most once in USED_EVERY: never on the path of each request."""
    last = client.get("last_used_at")
    if last is None or now - last >= USED_EVERY:
        here.db.clients.update_one({"_id": client["_id"]}, {"$max": {"last_used_at": now}})


def check_launch(here: Laurel, token: str, now: dt.datetime) -> Verdict:
    """Check the signed token of a launch that is neither over nor revoked."""
    name = launch.read_token(here.db, token, issuer=here.settings.public_url, now=now)
    found = here.db.launches.find_one({"_id": name})
    if found is None or found["revoked_at"] is not None or found["expires_at"] <= now:
        raise Unauthenticated("the launch is over")
    _check_org(here, found["org"])
    principal = Principal(
        kind="launch",
        id=f"launch:{name}",
        org=found["org"],
        label=found["label"],
        controlled_by=found["controlled_by"],
        scopes=launch.SCOPES,
        authority=authority(here, found["client"]),
        limit=LaunchLimit.of(found["limit"]),
    )
    return Verdict(principal, min(now + FRESH_FOR, found["expires_at"]))


def check_bearer(here: Laurel, value: str, _: Verdict | None, now: dt.datetime) -> Verdict:
    """Check a JWT of the configured issuer, or a launch token."""
    if launch.is_launch_token(value):
        return check_launch(here, value, now)
    trusted = memory().issuer
    if trusted is None:
        raise Unauthenticated("this server accepts no bearer tokens")
    claims = trusted.claims(value, now)
    org, scopes, vendor_wide = bearer.rights(claims)
    _check_org(here, org)
    subject = str(claims["sub"])
    principal = Principal(
        kind="bearer",
        id=f"bearer:{subject}",
        org=org,
        label=_label(claims),
        controlled_by="vendor" if org == tenancy.VENDOR else "partner",
        scopes=tenancy.expand_scopes(scopes),
        authority={"objectType": "Agent", "account": {"homePage": trusted.name, "name": subject}},
        vendor_wide=vendor_wide,
    )
    ends = dt.datetime.fromtimestamp(claims["exp"] + trusted.skew, dt.UTC)
    return Verdict(principal, min(now + FRESH_FOR, ends))


def _label(claims: dict[str, Any]) -> str | None:
    """Return the name of the program that a token was issued to; `bearer:` keeps it apart from our labels."""
    named = claims.get("azp", claims.get("client_id"))
    return f"bearer:{named}" if isinstance(named, str) else None


SCHEMES: Final[dict[str, Callable[[Laurel, str, Verdict | None, dt.datetime], Verdict]]] = {
    "basic": check_basic,
    "bearer": check_bearer,
}
