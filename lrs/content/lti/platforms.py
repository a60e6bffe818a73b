"""Platforms: the learning systems that may open content by LTI, and whose organization each deployment is.

lti_platforms {_id, org (the vendor), issuer, client_id, login_url, token_url, keys_url, audience, label,
               deployments [{id, org}], created_at, updated_at}

Only the vendor registers them. A learner is known by issuer and subject, so whoever signs for an issuer can
be anybody of it: all registrations of one issuer must have the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR, get_org
from lrs.content.launching import origin_of
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing

Document = dict[str, Any]

LONGEST_ADDRESS: Final = 2000
LONGEST_ID: Final = 255  # LTI core 5.3.4: identifiers have at most 255 ASCII characters
MOST_DEPLOYMENTS: Final = 1000
ADDRESSES: Final = ("login_url", "token_url", "keys_url")

INDEXES: dict[str, list[IndexModel]] = {
    "lti_platforms": [
        IndexModel([("org", ASCENDING), ("issuer", ASCENDING), ("client_id", ASCENDING)], unique=True)
    ]
}


@dataclass(frozen=True, slots=True)
class Registration:
    """What a platform's administrator says of it."""

    issuer: str
    client_id: str
    login_url: str  # where its OpenID Connect login is
    token_url: str
    keys_url: str
    audience: str | None = None  # of requests for tokens, where it is not the token address
    label: str = ""


@dataclass(frozen=True, slots=True)
class Platform(Registration):
    """A platform that is registered."""

    id: str = ""
    deployments: Mapping[str, str] | None = None  # deployment id -> organization

    @property
    def orgs(self) -> Mapping[str, str]:
        """Return the organization of each deployment."""
        return self.deployments or {}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Platform:
        """Return a platform as its document keeps it."""
        said = {one.name: stored[one.name] for one in fields(Registration)}
        return cls(**said, id=stored["_id"], deployments={d["id"]: d["org"] for d in stored["deployments"]})


def register(editor: Editor, said: Registration, *, plain_http: bool = False) -> Platform:
    """Keep a platform; it opens nothing before it has a deployment. Raises InvalidField, Collision.

    `plain_http` admits addresses without https, for platforms of the own network.
    """
    check(said, plain_http=plain_http)
    document: Document = {
        "_id": new_id(editor.now),
        "org": VENDOR,
        **asdict(said),
        "deployments": [],
        "created_at": editor.now,
        "updated_at": editor.now,
    }

    def act(session: ClientSession) -> None:
        others = editor.db.lti_platforms.find({"org": VENDOR, "issuer": said.issuer}, session=session)
        if any(one["keys_url"] != said.keys_url for one in others):
            raise Collision("another registration of this issuer has other keys; an issuer has one key set")
        try:
            editor.db.lti_platforms.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Collision("this issuer and client id are registered already") from error
        editor.note("lti.register", "lti platform", document["_id"], org=VENDOR, after=document)

    editor.change(act)
    return Platform.of(document)


def check(said: Registration, *, plain_http: bool) -> None:
    """Refuse a registration that cannot be; raises InvalidField."""
    for name in ("issuer", "client_id"):
        value = getattr(said, name)
        if not value or len(value) > LONGEST_ID or not value.isprintable() or " " in value:
            raise InvalidField(name, f"must be 1 to {LONGEST_ID} characters without spaces")
    for name in ADDRESSES:
        value = getattr(said, name)
        if len(value) > LONGEST_ADDRESS or origin_of(value) is None or "#" in value:
            raise InvalidField(name, "must be a web address")
        if not plain_http and not value.startswith("https://"):
            raise InvalidField(name, "must be an https address")
    if len(said.label) > LONGEST_ID or (said.audience and len(said.audience) > LONGEST_ADDRESS):
        raise InvalidField("label", "is too long")


def get_platform(db: Database[Document], platform: str) -> Platform:
    """Return a platform; raises UnknownThing."""
    found = db.lti_platforms.find_one({"_id": platform})
    if found is None:
        raise UnknownThing("platform", platform)
    return Platform.of(found)


def find_platform(db: Database[Document], issuer: str, client_id: str | None = None) -> Platform | None:
    """Return the platform that a login names; a client id is needed where an issuer has several."""
    wanted = {"org": VENDOR, "issuer": issuer, **({"client_id": client_id} if client_id else {})}
    found = list(db.lti_platforms.find(wanted).limit(2))
    return Platform.of(found[0]) if len(found) == 1 else None


def deploy(editor: Editor, platform: str, deployment: str, org: str) -> Platform:
    """Say whose a deployment is; raises UnknownThing, InvalidField, Collision."""
    if not 1 <= len(deployment) <= LONGEST_ID or not deployment.isprintable():
        raise InvalidField("deployment", f"must be 1 to {LONGEST_ID} characters")

    def act(session: ClientSession) -> None:
        get_org(editor.db, org)
        before = get_platform(editor.db, platform)
        if deployment in before.orgs:
            raise Collision(f"the deployment {deployment!r} is there already")
        if len(before.orgs) >= MOST_DEPLOYMENTS:
            raise Collision(f"a platform has at most {MOST_DEPLOYMENTS} deployments")
        row = {"id": deployment, "org": org}
        _change(editor, platform, {"$push": {"deployments": row}}, session)
        editor.note("lti.deploy", "lti platform", platform, org=org, after=row)

    editor.change(act)
    return get_platform(editor.db, platform)


def withdraw(editor: Editor, platform: str, deployment: str) -> Platform:
    """Let a deployment open nothing any more; raises UnknownThing."""

    def act(session: ClientSession) -> None:
        org = get_platform(editor.db, platform).orgs.get(deployment)
        if org is None:
            raise UnknownThing("deployment", deployment)
        _change(editor, platform, {"$pull": {"deployments": {"id": deployment}}}, session)
        editor.note(
            "lti.withdraw", "lti platform", platform, org=org, before={"id": deployment, "org": org}, after={}
        )

    editor.change(act)
    return get_platform(editor.db, platform)


def remove(editor: Editor, platform: str) -> None:
    """Forget a platform: it opens nothing, and gets no results any more; raises UnknownThing."""

    def act(session: ClientSession) -> None:
        found = editor.db.lti_platforms.find_one_and_delete({"_id": platform}, session=session)
        if found is None:
            raise UnknownThing("platform", platform)
        editor.db.lti_grades.delete_many({"platform": platform}, session=session)
        editor.note("lti.remove", "lti platform", platform, org=VENDOR, before=found, after={})

    editor.change(act)


def _change(editor: Editor, platform: str, change: Document, session: ClientSession) -> None:
    fresh = {"$set": {"updated_at": editor.now}}
    editor.db.lti_platforms.update_one({"_id": platform}, {**change, **fresh}, session=session)
