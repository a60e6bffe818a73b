"""Launch tokens: what one may do, how one is signed and read.

A launch token goes to a learner's browser, which is not trusted: it may write statements about its own
learner, registration and activity, that learner's state, and nothing else. Content that makes ids beside its
activity, or says what cmi5 leaves open, is heard too, but what it says beyond the launch is never evidence.

launch_keys {_id kid, key, created_at, retires_at}: HMAC keys; the newest signs, older ones verify until they
retire.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt
import orjson
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.foundation.errors import OutsideLaunch, Unauthenticated
from statements.intake.validate import VOIDED
from statements.parsing.actor import ifi

Document = dict[str, Any]
DocumentKind = Literal["state", "agent_profile", "activity_profile"]

SCOPES: Final = frozenset({"statements/write", "statements/read/mine", "state", "profile"})
LAUNCH_USER: Final = "launch"  # user name of a launch token in Basic authentication; no client has this key
LONGEST: Final = dt.timedelta(days=7)
KEY_LIFE: Final = dt.timedelta(days=30)  # a key signs this long, and verifies LONGEST longer
LAUNCH_DATA: Final = "LMS.LaunchData"
BELOW: Final = ("/", "#", "?")  # what may follow an activity's IRI in the IRI of a part of it; `:` in a URN
SOFTWARE: Final = "http://id.tincanapi.com/activity/software/"  # names of programs; no course is called so
CMI5: Final = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
LAUNCHED: Final = "http://adlnet.gov/expapi/verbs/launched"
LAUNCHER_VERBS: Final = frozenset(
    f"https://w3id.org/xapi/adl/verbs/{name}" for name in ("abandoned", "satisfied", "waived")
)
READING: Final = frozenset({"GET", "HEAD"})

INDEXES: dict[str, list[IndexModel]] = {
    "launch_keys": [IndexModel([("retires_at", ASCENDING)], expireAfterSeconds=0)],
    "launches": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("limit.actor", ASCENDING)]),  # erasure
        IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


@dataclass(frozen=True, slots=True)
class LaunchLimit:
    """What a launch token is held to: one learner, one registration, one activity and what lies below it."""

    actor: str  # canonical IFI
    registration: str  # UUID as text, lower case
    activity: str  # IRI
    others: tuple[str, ...] = ()  # further activities named when the launch was made
    groups: tuple[str, ...] = ()  # activities that may stand as parent or grouping only: a cmi5 publisher id
    instructor: str | None = None  # canonical IFI
    session: str | None = None  # cmi5 sessionid

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> LaunchLimit:
        """Return the limit as a launch's document keeps it."""
        return cls(**{**stored, "others": tuple(stored["others"]), "groups": tuple(stored["groups"])})

    def covers(self, activity: object) -> bool:
        """Tell whether an IRI is one of the launched activities or below one of them."""
        return isinstance(activity, str) and any(
            is_below(activity, top) for top in (self.activity, *self.others)
        )

    def reaches(self, activity: object) -> bool:
        """Tell whether an IRI lies within the launch, or beside one of its activities."""
        return self.covers(activity) or (
            isinstance(activity, str)
            and any(is_beside(activity, top) for top in (self.activity, *self.others))
        )

    def may_group(self, activity: object) -> bool:
        """Tell whether an activity outside the launch may stand as parent or grouping and proves nothing.

        The driver below content of Articulate, Rustici and others names itself so, also beside a verdict.
        """
        return activity in self.groups or (isinstance(activity, str) and activity.startswith(SOFTWARE))

    def is_beyond(self, statement: Mapping[str, Any]) -> bool:
        """Tell whether a statement says something beyond the launch, which rules must not read as proof."""
        return not self.covers(_activity_of(statement)) or any(
            not self.may_group(one) and not self.covers(one)
            for kind in ("parent", "grouping")
            for one in _listed(statement, kind)
        )

    def vouches_for(self, name: str) -> bool:
        """Tell whether the launch is believed about an activity id or an agent's identifier.

        So it is about its activities and its learner, in whatever place of a statement they stand.
        """
        return name == self.actor or self.covers(name)


def is_below(activity: str, top: str) -> bool:
    """Tell whether `activity` is `top` or continues it after one of BELOW, without climbing by `..`."""
    if activity == top:
        return True
    rest = activity.removeprefix(top)
    if rest == activity or "/.." in rest or "\\" in rest:
        return False
    joints = BELOW if "://" in top else (*BELOW, ":")
    return top[-1] in joints or rest[0] in joints


def is_beside(activity: str, top: str) -> bool:
    """Tell whether `activity` continues `top` after what is no letter or digit, as run time ids do."""
    rest = activity.removeprefix(top)
    if rest in {"", activity} or "/.." in rest or "\\" in rest:
        return False
    return not rest[0].isalnum()


def permit_statements(limit: LaunchLimit, values: Iterable[Mapping[str, Any]]) -> None:
    """Refuse statements (valid ones, as parsed) that go beyond the launch; raises OutsideLaunch."""
    for number, statement in enumerate(values):
        try:
            _permit_statement(limit, statement)
        except OutsideLaunch as error:
            raise OutsideLaunch(f"[{number}].{error.path}", error.reason) from error


def _permit_statement(limit: LaunchLimit, statement: Mapping[str, Any]) -> None:
    context = statement.get("context", {})
    if statement["actor"].get("objectType") == "Group" or ifi(statement["actor"]) != limit.actor:
        raise OutsideLaunch("actor", "is not the learner who was launched")
    if str(context.get("registration", "")).lower() != limit.registration:
        raise OutsideLaunch("context.registration", "is not the registration that was launched")
    is_defined = CMI5 in _listed(statement, "category")
    _permit_verb(statement["verb"]["id"], is_cmi5=is_defined or limit.session is not None)
    if "instructor" in context and (
        limit.instructor is None or ifi(context["instructor"]) != limit.instructor
    ):
        raise OutsideLaunch("context.instructor", "is not the instructor of the launch")
    if limit.session is not None and not is_defined:
        return  # cmi5 binds the object of its own statements only (cmi5 9.4)
    _permit_places(limit, statement, limit.covers if is_defined else limit.reaches)


def _permit_verb(verb: str, *, is_cmi5: bool) -> None:
    """Refuse voiding, and what only the launching system says (cmi5 9.3): rules take moveOn from it."""
    if verb == VOIDED:
        raise OutsideLaunch("verb", "a launch voids nothing")
    if verb in LAUNCHER_VERBS or (is_cmi5 and verb == LAUNCHED):
        raise OutsideLaunch("verb", "is for the launching system to say")


def _permit_places(
    limit: LaunchLimit, statement: Mapping[str, Any], reaches: Callable[[object], bool]
) -> None:
    """Refuse an object, parent or grouping that stands elsewhere."""
    if not reaches(_activity_of(statement)):
        raise OutsideLaunch("object", "is not the activity that was launched, nor below or beside it")
    for kind in ("parent", "grouping"):
        if not all(limit.may_group(one) or reaches(one) for one in _listed(statement, kind)):
            raise OutsideLaunch(f"context.contextActivities.{kind}", "lies outside the launched activity")


def _activity_of(statement: Mapping[str, Any]) -> object:
    """Return the id of the activity that a statement is about, None for any other object."""
    target = statement["object"]
    return target.get("id") if target.get("objectType", "Activity") == "Activity" else None


def _listed(statement: Mapping[str, Any], kind: str) -> list[object]:
    """Return the ids of one kind of context activities."""
    found = statement.get("context", {}).get("contextActivities", {}).get(kind, ())
    return [one.get("id") for one in ([found] if isinstance(found, Mapping) else found)]


def permit_document(
    limit: LaunchLimit, kind: DocumentKind, params: Mapping[str, Sequence[str]], method: str = "GET"
) -> None:
    """Refuse a document request beyond the launch; `params` are those of the query; raises OutsideLaunch.

    State of the learner in the activity: everything but writing LMS.LaunchData. Profiles: reading only.
    """
    given = {name: values[0] if values else "" for name, values in params.items()}
    if kind != "agent_profile" and not limit.covers(given.get("activityId")):
        raise OutsideLaunch("activityId", "is not the activity that was launched, nor below it")
    if kind != "activity_profile" and _agent_ifi(given.get("agent")) != limit.actor:
        raise OutsideLaunch("agent", "is not the learner who was launched")
    if kind == "state":
        _permit_state(limit, given, method)
    elif method not in READING:
        raise OutsideLaunch("method", "profiles can be read with a launch token, not written")


def _permit_state(limit: LaunchLimit, given: Mapping[str, str], method: str) -> None:
    if given.get("registration", limit.registration).lower() != limit.registration:
        raise OutsideLaunch("registration", "is not the registration that was launched")
    if method in READING:
        return
    if given.get("stateId") == LAUNCH_DATA or ("stateId" not in given and limit.session is not None):
        raise OutsideLaunch("stateId", f"{LAUNCH_DATA} belongs to the launching system")


def permit_agent(limit: LaunchLimit, agent: str | None) -> None:
    """Refuse a question about another agent (GET /agents); raises OutsideLaunch."""
    if _agent_ifi(agent) != limit.actor:
        raise OutsideLaunch("agent", "is not the learner who was launched")


def permit_activity(limit: LaunchLimit, activity: str | None) -> None:
    """Refuse a question about an activity outside the launch (GET /activities); raises OutsideLaunch."""
    if not limit.covers(activity):
        raise OutsideLaunch("activityId", "is not the activity that was launched, nor below it")


def _agent_ifi(agent: str | None) -> str | None:
    try:
        value = orjson.loads(agent or "")
        return ifi(value) if isinstance(value, dict) and value.get("objectType") != "Group" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def sign_token(
    db: Database[Document], launch: str, *, issuer: str, expires_at: dt.datetime, now: dt.datetime
) -> str:
    """Return the signed token of a launch, valid until `expires_at`."""
    kid, key = signing_key(db, now)
    claims = {"iss": issuer, "aud": issuer, "sub": launch, "iat": now, "exp": expires_at}
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})


def is_launch_token(token: str) -> bool:
    """Tell whether a bearer token says that it is signed by a launch key; `read_token` finds out."""
    try:
        return str(jwt.get_unverified_header(token).get("kid", "")).startswith("launch-")
    except jwt.PyJWTError:
        return False


def read_token(db: Database[Document], token: str, *, issuer: str, now: dt.datetime) -> str:
    """Return the launch id of a token of ours; raises Unauthenticated."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        found = db.launch_keys.find_one({"_id": str(kid), "retires_at": {"$gt": now}})
        if found is None:
            raise Unauthenticated("the launch token is not one of this server")
        claims = jwt.decode(
            token,
            found["key"],
            algorithms=["HS256"],
            audience=issuer,
            issuer=issuer,
            options={"require": ["exp", "sub", "iat"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated("the launch token is not one of this server") from error
    if now.timestamp() >= claims["exp"]:
        raise Unauthenticated("the launch token has expired")
    return str(claims["sub"])


def signing_key(db: Database[Document], now: dt.datetime) -> tuple[str, bytes]:
    """Return id and bytes of the key that signs now; a new one is made when the newest is old."""
    newest = db.launch_keys.find_one({}, sort=[("created_at", -1)])
    if newest is None or now - newest["created_at"] >= KEY_LIFE:
        return rotate_key(db, now)
    return newest["_id"], newest["key"]


def rotate_key(db: Database[Document], now: dt.datetime, *, drop_old: bool = False) -> tuple[str, bytes]:
    """Make the key that signs from now on; tokens of older keys stay valid until they expire.

    With `drop_old` (a key became known) every running launch ends.
    """
    if drop_old:
        db.launch_keys.update_many({}, {"$set": {"retires_at": now}})
    kid, key = f"launch-{secrets.token_hex(6)}", secrets.token_bytes(32)
    retires_at = now + KEY_LIFE + LONGEST
    db.launch_keys.insert_one({"_id": kid, "key": key, "created_at": now, "retires_at": retires_at})
    return kid, key
