"""Starting content for a learner: a launch URL of the older style, or a cmi5 session.

launches {_id, org, kind, client, label, controlled_by, actor, limit {actor, registration, activity, others,
          groups, instructor, session}, url, created_at, expires_at, revoked_at, fetch {hash, used_at},
          forget_at}
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.auth import Principal
from lrs.access.launch_tokens import CMI5, LAUNCH_DATA, LAUNCHED, LONGEST, LaunchLimit, sign_token
from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.people.records import account_here, get_person
from lrs.xapi.sessions import PREFERENCES
from statements.ingest import Writer, store_statements
from statements.parsing.actor import agent_of, ifi
from statements.parsing.parse import parse_statements
from statements.storage.documents import DocumentStore, Key, Preconditions
from statements.storage.store import StatementStore

Document = dict[str, Any]
Style = Literal["tincan", "cmi5"]

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "tincan": ("endpoint", "auth", "actor", "registration", "activity_id"),
    "cmi5": ("endpoint", "fetch", "actor", "registration", "activityId"),
}
RESERVED: Final = frozenset(name for names in PARAMETERS.values() for name in names)
SESSION_ID: Final = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
EXTENSION: Final = "https://w3id.org/xapi/cmi5/context/extensions/"
KEPT_AFTER: Final = dt.timedelta(days=90)  # how long a launch can be looked up after its end


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be launched, for whom."""

    kind: Style
    url: str
    activity: str
    registration: str
    hours: float
    person: str | None = None
    actor: Document | None = None
    known_as: tuple[str, ...] | None = None  # the person's identifiers that the asker knows; None: all
    activities: tuple[str, ...] = ()
    instructor: Document | None = None
    publisher_id: str | None = None
    mode: str = "Normal"
    move_on: str = "NotApplicable"
    mastery_score: float | None = None
    parameters: str | None = None
    return_url: str | None = None
    entitlement_key: str | None = None
    preferences: Document | None = field(default=None)
    older_actor: bool = False  # the address writes an account as xAPI 0.9 did


def check_origin(text: str) -> bool:
    """Tell whether the text is a web origin: scheme, host and port, nothing more."""
    return origin_of(text) == text


def origin_of(url: str) -> str | None:
    """Return the origin of an absolute web address, None where it is none or hides where it leads."""
    if not url.isprintable() or any(sign in url for sign in ' \\<>"'):
        return None
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def check_urls(
    db: Database[Document], org: str, wish: Wish, public_url: str, own_content: str | None = None
) -> None:
    """Refuse addresses that would carry the learner or the token elsewhere; raises InvalidField.

    The content's address is a plain web address on an origin that the organization allows, without launch
    parameters of its own; the return address stays on the content's, the allowed or our own origin.
    """
    allowed = set(get_org(db, org).get("launch_origins", ()))
    origin = origin_of(wish.url)
    if origin is None:
        raise InvalidField("url", "must be an http(s) address without user name, spaces or backslashes")
    if allowed and origin not in allowed and origin != own_content:
        raise InvalidField("url", "is not on an origin that the organization allows for launches")
    parts = urlsplit(wish.url)
    taken = {
        name for name, _ in parse_qsl(parts.query + "&" + parts.fragment, keep_blank_values=True)
    } & RESERVED
    if taken:
        raise InvalidField("url", f"carries the launch parameter {min(taken)!r} already")
    if wish.return_url is not None:
        homes = {origin, origin_of(public_url), own_content, *allowed}
        if origin_of(wish.return_url) not in homes:
            raise InvalidField("return_url", "leads to an origin that the organization does not allow")


def choose_actor(editor: Editor, wish: Wish, public_url: str) -> Document:
    """Return the Agent to launch: the one given, or one of the person's; cmi5 wants an account (cmi5 9.2).

    Of the person only identifiers that the asker knows are taken. Who has no fitting one gets the account of
    this server, named by the person's id.
    """
    if wish.actor is not None:
        return wish.actor
    person = get_person(editor.db, wish.person or "")
    owned = [row["ifi"] for row in person["ifis"] if row["until"] is None]
    if wish.known_as is not None:
        ours = ifi({"account": {"homePage": public_url, "name": person["_id"]}})
        owned = [one for one in owned if one in wish.known_as or one == ours]
    order = ("account::",) if wish.kind == "cmi5" else ("mbox::", "account::", "openid::")
    fitting = [one for kind in order for one in owned if one.startswith(kind)]
    if fitting:
        return agent_of(fitting[0])
    return agent_of(account_here(editor.db, person["_id"], public_url))


def make_launch(
    editor: Editor, principal: Principal, wish: Wish, public_url: str, own_content: str | None = None
) -> tuple[Document, str]:
    """Insert a launch of the principal's organization; return it and the URL to open.

    `own_content` is our own origin of kept content, which needs nobody's leave. For cmi5 the caller
    then calls `open_session`. Raises InvalidField or UnknownThing.
    """
    check_urls(editor.db, principal.org, wish, public_url, own_content)
    actor = choose_actor(editor, wish, public_url)
    who = ifi(actor)
    if who is None:
        raise InvalidField("actor", "needs an identifier")
    limit = LaunchLimit(
        actor=who,
        registration=wish.registration.lower(),
        activity=wish.activity,
        others=wish.activities,
        groups=(wish.publisher_id,) if wish.publisher_id else (),
        instructor=ifi(wish.instructor) if wish.instructor else None,
        session=str(uuid.uuid4()) if wish.kind == "cmi5" else None,
    )
    expires_at = editor.now + min(dt.timedelta(hours=wish.hours), LONGEST)
    fetch = secrets.token_urlsafe(32)
    launch: Document = {
        "_id": new_id(editor.now),
        "org": principal.org,
        "kind": wish.kind,
        "client": principal.id,
        "label": principal.label,
        "controlled_by": principal.controlled_by,
        "actor": actor,
        **({"older_actor": True} if wish.older_actor else {}),
        "limit": asdict(limit),
        "url": wish.url,
        "created_at": editor.now,
        "expires_at": expires_at,
        "revoked_at": None,
        "fetch": {"hash": hash_fetch(fetch), "used_at": None} if wish.kind == "cmi5" else None,
        "forget_at": expires_at + KEPT_AFTER,
    }

    def act(session: ClientSession) -> None:
        editor.db.launches.insert_one(launch, session=session)
        shown = {"kind": wish.kind, "actor": who, "activity": wish.activity, "client": principal.id}
        editor.note("launch.make", "launch", launch["_id"], org=principal.org, after=shown)

    editor.change(act)
    return launch, launch_url(editor.db, launch, fetch, public_url, editor.now)


def launch_url(
    db: Database[Document], launch: Document, fetch: str, public_url: str, now: dt.datetime
) -> str:
    """Return the content's address with the launch parameters added to its query."""
    limit = launch["limit"]
    values = {
        "endpoint": f"{public_url}/xapi/",
        "actor": orjson.dumps(_as_told(launch)).decode(),
        "registration": limit["registration"],
        "activity_id": limit["activity"],
        "activityId": limit["activity"],
        "fetch": f"{public_url}/api/v1/launches/{launch['_id']}/fetch?k={fetch}",
        "auth": f"Basic {basic_token(db, launch, public_url, now)}" if launch["kind"] == "tincan" else "",
    }
    added = urlencode([(name, values[name]) for name in PARAMETERS[launch["kind"]]], quote_via=quote)
    parts = urlsplit(launch["url"])
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _as_told(launch: Document) -> Document:
    """Return the actor as the launched content reads it: for some, names and accounts are lists."""
    actor: Document = launch["actor"]
    if not launch.get("older_actor") or "account" not in actor:
        return actor
    known = actor["account"]
    account = {"accountName": known["name"], "accountServiceHomePage": known["homePage"]}
    return {"objectType": "Agent", "name": [actor.get("name") or known["name"]], "account": [account]}


def basic_token(db: Database[Document], launch: Document, public_url: str, now: dt.datetime) -> str:
    """Return the Basic value of a launch: its signed token as the password of the user `launch`."""
    token = sign_token(db, launch["_id"], issuer=public_url, expires_at=launch["expires_at"], now=now)
    return base64.b64encode(f"launch:{token}".encode()).decode()


def hash_fetch(secret: str) -> str:
    """Return the hash under which a fetch secret of 256 random bits is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def take_token(
    db: Database[Document], launch: str, secret: str, public_url: str, now: dt.datetime
) -> Document:
    """Answer a cmi5 fetch URL: `auth-token` the first time, `error-code` ever after (cmi5 8.2)."""
    found = db.launches.find_one({"_id": launch, "kind": "cmi5"})
    if found is None or not hmac.compare_digest(found["fetch"]["hash"], hash_fetch(secret)):
        return {"error-code": "2", "error-text": "The fetch URL is not one of this server."}
    over = found["revoked_at"] is not None or found["expires_at"] <= now
    used = (
        over
        or not db.launches.update_one(
            {"_id": launch, "fetch.used_at": None}, {"$set": {"fetch.used_at": now}}
        ).modified_count
    )
    if used:
        return {"error-code": "1", "error-text": "The authorization token was returned before, or is over."}
    return {"auth-token": basic_token(db, found, public_url, now)}


def open_session(
    db: Database[Document],
    launch: Document,
    wish: Wish,
    *,
    writer: Writer,
    now: dt.datetime,
    is_relevant: Callable[[Document], bool] | None,
) -> None:
    """Write what a cmi5 AU expects to find: LMS.LaunchData, learner preferences, the launched statement."""
    limit = LaunchLimit.of(launch["limit"])
    documents = DocumentStore(db, launch["org"])
    registration = uuid.UUID(limit.registration)
    state = Key("state", activity=limit.activity, ifi=limit.actor, registration=registration, id=LAUNCH_DATA)
    _put(documents, state, launch_data(limit, wish), now)
    profile = Key("agent_profile", ifi=limit.actor, id=PREFERENCES)
    if wish.preferences is not None or documents.get(profile) is None:
        _put(documents, profile, wish.preferences or {"languagePreference": "", "audioPreference": "on"}, now)
    statement = launched_statement(limit, wish, launch["actor"], now)
    store_statements(
        StatementStore(db, launch["org"]),
        parse_statements(orjson.dumps(statement)),
        writer=writer,
        version="1.0.3",
        now=now,
        is_relevant=is_relevant,
    )


def _put(documents: DocumentStore, key: Key, value: Document, now: dt.datetime) -> None:
    found = documents.get(key)
    same = Preconditions(if_match=f'"{found.etag}"') if found else Preconditions(if_none_match="*")
    documents.put(key, orjson.dumps(value), "application/json", preconditions=same, version="1.0.3", now=now)


def launch_data(limit: LaunchLimit, wish: Wish) -> Document:
    """Return the LMS.LaunchData document (cmi5 10)."""
    data: Document = {
        "contextTemplate": context_template(limit, wish),
        "launchMode": wish.mode,
        "moveOn": wish.move_on,
        "masteryScore": wish.mastery_score,
        "launchParameters": wish.parameters,
        "returnURL": wish.return_url,
        "entitlementKey": {"courseStructure": wish.entitlement_key} if wish.entitlement_key else None,
    }
    return {name: value for name, value in data.items() if value is not None}


def context_template(limit: LaunchLimit, wish: Wish) -> Document:
    """Return the context that every statement of the session carries (cmi5 10.2.1)."""
    grouping = [{"objectType": "Activity", "id": wish.publisher_id or wish.activity}]
    return {"contextActivities": {"grouping": grouping}, "extensions": {SESSION_ID: limit.session}}


def launched_statement(limit: LaunchLimit, wish: Wish, actor: Document, now: dt.datetime) -> Document:
    """Return the `launched` statement (cmi5 9.3.1, 9.6.3).

    The launch URL in it is the content's own, with its query and without what a launch adds: no fetch secret.
    """
    template = context_template(limit, wish)
    extensions: Document = {
        SESSION_ID: limit.session,
        f"{EXTENSION}launchmode": wish.mode,
        f"{EXTENSION}launchurl": wish.url,
        f"{EXTENSION}moveon": wish.move_on,
        f"{EXTENSION}launchparameters": wish.parameters or "",
    }
    if wish.mastery_score is not None:
        extensions[f"{EXTENSION}masteryscore"] = wish.mastery_score
    category = [{"objectType": "Activity", "id": CMI5}]
    return {
        "id": str(uuid.uuid4()),
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": actor,
        "verb": {"id": LAUNCHED, "display": {"en": "launched"}},
        "object": {"objectType": "Activity", "id": wish.activity},
        "context": {
            "registration": limit.registration,
            "contextActivities": {**template["contextActivities"], "category": category},
            "extensions": extensions,
        },
    }


def end_launch(editor: Editor, launch: str) -> Document:
    """Revoke a launch: its token is refused within seconds; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        found = editor.db.launches.find_one({"_id": launch}, session=session)
        if found is None:
            raise UnknownThing("launch", launch)
        if found["revoked_at"] is None:
            change = {"revoked_at": editor.now}
            editor.db.launches.update_one({"_id": launch}, {"$set": change}, session=session)
            editor.note(
                "launch.end", "launch", launch, org=found["org"], before={"revoked_at": None}, after=change
            )
            found = {**found, **change}
        return found

    return editor.change(act)
