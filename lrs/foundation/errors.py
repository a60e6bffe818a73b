"""Errors of access and administration: facts as attributes; `STATUS` adds the HTTP status.

AccessError
├── Unauthenticated(reason)         nobody, or somebody whose proof does not hold (401)
├── MissingScope(needed)            known, but without the right (403)
├── OutsideLaunch(path, reason)     a launch token went beyond its learner, registration or activity (403)
├── Forbidden(reason)               another refusal of somebody known (403)
├── UnknownThing(kind, id)          not there, or in another organization, which reads the same (404)
├── InvalidField(path, reason)      a value that cannot be accepted (422)
├── Collision(reason)               the state of the thing does not allow it (409)
├── Outdated(kind)                  If-Match names another version than the stored one (412)
├── PreconditionMissing(kind)       a change without If-Match (428)
├── TooManyTries(retry_after)       locked out for a while (429)
├── LimitReached(limit, retry_after) more than a client, launch, organization or address may use (429)
├── TooManyStreams()                as many are open as a process can bear (429)
├── TooMuchInWork()                 the bodies in work leave no room for one more (429)
└── DiskFull()                      a disk has too little room for a write (507)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lrs.foundation.fetching import FetchRefused


class AccessError(Exception):
    """Base of all errors of access and administration."""


class Unauthenticated(AccessError):
    """Nobody, or somebody whose proof does not hold."""

    headers: Final = {"WWW-Authenticate": 'Basic realm="Laurel", charset="UTF-8"'}

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class MissingScope(AccessError):
    """The principal holds none of the scopes that the route asks for."""

    def __init__(self, needed: Iterable[str]) -> None:
        self.needed = tuple(sorted(needed))
        super().__init__(f"this needs the scope {' or '.join(self.needed)}")


class OutsideLaunch(AccessError):
    """A launch token went beyond its learner, registration or activity."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class Forbidden(AccessError):
    """The principal is known, and this is refused to it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnknownThing(AccessError):
    """Nothing with that id is there for this principal."""

    def __init__(self, kind: str, thing: str, hint: str | None = None) -> None:
        self.kind, self.thing, self.hint = kind, thing, hint
        super().__init__(f"no {kind} {thing!r}" + (f" ({hint})" if hint else ""))


class InvalidField(AccessError):
    """A value that cannot be accepted, with its place."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class Collision(AccessError):
    """What is stored does not allow the change."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Outdated(AccessError):
    """`If-Match` names another version than the stored one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"the {kind} has changed since it was read; read it again")


class PreconditionMissing(AccessError):
    """A change came without `If-Match`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"to change this {kind}, send the ETag it was read with as If-Match")


class TooManyTries(AccessError):
    """Locked out for a while after repeated failures."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        self.headers = {"Retry-After": str(retry_after)}
        super().__init__(f"too many tries; wait {retry_after} seconds")


class LimitReached(AccessError):
    """More than a client, launch, organization or address may use in a while."""

    def __init__(self, limit: str, retry_after: int) -> None:
        self.limit, self.retry_after = limit, retry_after
        self.headers = {"Retry-After": str(retry_after)}
        super().__init__(f"the limit {limit} is reached; try again in {retry_after} seconds")


class TooManyStreams(AccessError):
    """As many streams are open, or questions asked, in this process as may hold its threads."""

    headers: Final = {"Retry-After": "30"}

    def __init__(self) -> None:
        super().__init__("too many streams or questions are open; close one, or try again in half a minute")


class TooMuchInWork(AccessError):
    """The bodies in work in this process leave no room for one more."""

    headers: Final = {"Retry-After": "2"}

    def __init__(self) -> None:
        super().__init__("too much is in work; send the same request again in a moment")


class DiskFull(AccessError):
    """A disk has too little room left for a write; reads go on."""

    headers: Final = {"Retry-After": "30"}

    def __init__(self) -> None:
        super().__init__("a disk of this server is nearly full: nothing was written, reading goes on")


STATUS: Final[dict[type[Exception], int]] = {
    Unauthenticated: 401,
    MissingScope: 403,
    OutsideLaunch: 403,
    Forbidden: 403,
    UnknownThing: 404,
    InvalidField: 422,
    Collision: 409,
    Outdated: 412,
    PreconditionMissing: 428,
    TooManyTries: 429,
    LimitReached: 429,
    TooManyStreams: 429,
    FetchRefused: 400,
    TooMuchInWork: 429,
    DiskFull: 507,
}
