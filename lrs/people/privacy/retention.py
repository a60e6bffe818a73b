"""How long an organization keeps statements and documents: its policy, plans of what would go, and their end.

retention       {_id: org, org, rules [{what, days, verb, activity}], evidence, automatic, due_at,
                 version, updated_at}
retention_plans {_id, org, rules [{what, days, before, verb, activity}], evidence, policy (its version),
                 holds, counts, done, state counting|planned|applying|done, by, at, expires_at?, applied_by?,
                 applied_at?, done_at?, leased_until?, first, after?, share, automatic?}
A plan is a dry run, counted beside what asked for it: `share` says how much of the store was looked at, up to
`after`; a worker goes on where a process died. Counted, it is kept for a day; applying it does to what it
counted what it says, and only that: its instants are fixed, and statements that a hold or a certification
keeps by then are left out (`lrs.people.privacy.retention_work`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from lrs.people.privacy import legal_holds
from lrs.people.privacy.retention_work import LASTS, count, count_on, first_stored
from rules.engine.queues import lease

Document = dict[str, Any]
log = logging.getLogger(__name__)

KINDS: Final = ("statements", "state", "agent_profile", "activity_profile")
EVIDENCE: Final = ("keep", "pseudonymise")
MAX_RULES: Final = 50
PATIENCE: Final = 2.0  # seconds: what is counted by then needs nobody to look again
EVERY: Final = dt.timedelta(hours=24)  # how often an automatic policy is applied

INDEXES: dict[str, list[IndexModel]] = {
    "retention": [IndexModel([("automatic", ASCENDING), ("due_at", ASCENDING)])],
    "retention_plans": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("state", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


def get_policy(db: Database[Document], org: str, session: ClientSession | None = None) -> Document:
    """Return the policy of an organization; one that never made any keeps everything. Raises UnknownThing."""
    get_org(db, org, session)
    nothing = {"_id": org, "org": org, "rules": [], "evidence": "keep", "automatic": False, "version": 0}
    found: Document | None = db.retention.find_one({"_id": org}, session=session)
    return found or nothing


def set_policy(
    editor: Editor,
    org: str,
    rules: Sequence[Mapping[str, Any]],
    *,
    evidence: str = "keep",
    automatic: bool = False,
    version: int | None = None,
) -> Document:
    """Replace a policy that still has this version; raises UnknownThing, InvalidField or Outdated."""
    _check(rules, evidence)

    def act(session: ClientSession) -> Document:
        before = get_policy(editor.db, org, session)
        if version is not None and version != before["version"]:
            raise Outdated("retention policy")
        changes = {
            "org": org,
            "rules": [_whole(one) for one in rules],
            "evidence": evidence,
            "automatic": automatic,
            "due_at": editor.now,
            "updated_at": editor.now,
        }
        editor.db.retention.update_one(
            {"_id": org}, {"$set": changes, "$inc": {"version": 1}}, upsert=True, session=session
        )
        after = get_policy(editor.db, org, session)
        editor.note("retention.edit", "retention", org, org=org, before=before, after=after)
        return after

    return editor.change(act)


def _whole(rule: Mapping[str, Any]) -> Document:
    return {name: rule.get(name) for name in ("what", "days", "verb", "activity")}


def _check(rules: Sequence[Mapping[str, Any]], evidence: str) -> None:
    if len(rules) > MAX_RULES:
        raise InvalidField("rules", f"are more than {MAX_RULES}")
    if evidence not in EVIDENCE:
        raise InvalidField("evidence", f"must be one of {', '.join(EVIDENCE)}")
    for index, rule in enumerate(rules):
        place = f"rules[{index}]"
        if rule.get("what") not in KINDS:
            raise InvalidField(f"{place}.what", f"must be one of {', '.join(KINDS)}")
        if not 1 <= rule.get("days", 0) <= 36_500:
            raise InvalidField(f"{place}.days", "must be 1 to 36500")
        if rule.get("verb") and rule["what"] != "statements":
            raise InvalidField(f"{place}.verb", "documents have no verb")
        if rule.get("activity") and rule["what"] == "agent_profile":
            raise InvalidField(f"{place}.activity", "agent profiles have no activity")


def would(
    editor: Editor, org: str, rules: Sequence[Mapping[str, Any]], evidence: str, most: int
) -> dict[str, int]:
    """Return what rules that nobody keeps yet would do now, of the oldest `most` statements; InvalidField."""
    _check(rules, evidence)
    return count(editor.db, org, _dated([_whole(one) for one in rules], editor.now), evidence, most)


def _dated(rules: Sequence[Mapping[str, Any]], now: dt.datetime) -> list[Document]:
    return [{**rule, "before": now - dt.timedelta(days=rule["days"])} for rule in rules]


def newest_plan(db: Database[Document], org: str) -> Document | None:
    """Return the plan of an organization that was made last."""
    return db.retention_plans.find_one({"org": org}, sort=[("_id", -1)])


def make_plan(editor: Editor, org: str, now: Callable[[], dt.datetime] | None = None) -> Document:
    """Count what the policy would remove, pseudonymise and keep now, and keep that as a plan for a day.

    Nothing is changed. Raises UnknownThing, or Collision where there is no rule or the store is held.
    """
    plan = _begin(editor, org)
    count_on(editor.db, plan, now or (lambda: editor.now))
    return get_plan(editor.db, org, plan["_id"])


def begin_plan(editor: Editor, org: str, now: Callable[[], dt.datetime]) -> Document:
    """Make a plan as `make_plan` does, beside what asks for it, and return it as it is after PATIENCE.

    While one is counted there is no other: that one is returned.
    """
    newest = newest_plan(editor.db, org)
    if newest is not None and newest["state"] == "counting":
        return newest
    plan = _begin(editor, org)

    def work() -> None:
        try:
            count_on(editor.db, plan, now)
        except PyMongoError as error:  # a worker goes on once the lease is over
            log.warning("retention plan %s: %s", plan["_id"], error)

    counting = threading.Thread(target=work, name="retention plan", daemon=True)
    counting.start()
    counting.join(PATIENCE)
    return get_plan(editor.db, org, plan["_id"])


def count_left(db: Database[Document], now: Callable[[], dt.datetime], stopped: Callable[[], bool]) -> int:
    """Count on where a process died, and apply what is automatic; returns how many came to their end."""
    done = 0
    while not stopped():
        plan = lease.take(db.retention_plans, {"state": "counting"}, now(), LASTS, [("_id", ASCENDING)])
        if plan is None or not count_on(db, plan, now, stopped):
            break
        if plan.get("automatic"):
            with contextlib.suppress(Collision):
                apply_plan(_worker(db, plan["org"], now()), plan["org"], plan["_id"])
        done += 1
    return done


def _begin(editor: Editor, org: str) -> Document:
    """Write a plan that nobody counted yet, leased to whoever begins it."""
    policy = get_policy(editor.db, org)
    if not policy["rules"]:
        raise Collision(f"the organization {org!r} has no rule of retention")
    _check_org_not_held(editor.db, org)
    rules = _dated(policy["rules"], editor.now)
    plan: Document = {
        "_id": new_id(editor.now),
        "org": org,
        "rules": rules,
        "evidence": policy["evidence"],
        "policy": policy["version"],
        "holds": [row["_id"] for row in legal_holds.lasting(editor.db)],
        "counts": {},
        "done": {},
        "state": "counting",
        "share": 0.0,
        "first": first_stored(editor.db, org),
        "automatic": editor.who["kind"] == "worker",
        "leased_until": _at_millisecond(editor.now + LASTS),
        "by": editor.who["id"],
        "at": editor.now,
    }
    editor.db.retention_plans.insert_one(plan)
    return plan


def _at_millisecond(at: dt.datetime) -> dt.datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)  # as MongoDB stores it


def get_plan(db: Database[Document], org: str, plan: str) -> Document:
    """Return a plan of an organization; raises UnknownThing."""
    found = db.retention_plans.find_one({"_id": plan, "org": org})
    if found is None:
        raise UnknownThing("retention plan", plan)
    return found


def apply_plan(editor: Editor, org: str, plan: str, *, two_persons: bool = False) -> Document:
    """Let a plan be carried out, by the worker or `retention_work.run`; raises UnknownThing or Collision.

    Refused where it expired, the policy changed, a hold of then was lifted, or the store is held.
    """
    found = get_plan(editor.db, org, plan)
    if found["state"] != "planned":
        raise Collision(f"the plan is {found['state']}")
    if found["expires_at"] <= editor.now:
        raise Collision("the plan expired; plan again")
    if two_persons and found["by"] == editor.who["id"]:
        raise Collision("whoever planned it may not apply it: two persons are asked for")
    if get_policy(editor.db, org)["version"] != found["policy"]:
        raise Collision("the policy changed since; plan again")
    if set(found["holds"]) - {row["_id"] for row in legal_holds.lasting(editor.db)}:
        raise Collision("a legal hold was lifted since; plan again")
    _check_org_not_held(editor.db, org)

    def act(session: ClientSession) -> Document:
        after: Document | None = editor.db.retention_plans.find_one_and_update(
            {"_id": plan, "org": org, "state": "planned"},
            {
                "$set": {"state": "applying", "applied_by": editor.who["id"], "applied_at": editor.now},
                "$unset": {"expires_at": ""},
            },
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Collision("the plan is being applied")
        editor.note("retention.apply", "retention", plan, org=org, after=found["counts"])
        return after

    return editor.change(act)


def apply_automatic(db: Database[Document], now: dt.datetime) -> int:
    """Plan and apply the automatic policies whose day has come; return how many. A held store waits."""
    done = 0
    while True:
        policy = db.retention.find_one_and_update(
            {"automatic": True, "due_at": {"$lte": now}}, {"$set": {"due_at": now + EVERY}}
        )
        if policy is None:
            return done
        editor = _worker(db, policy["org"], now)
        with contextlib.suppress(Collision):
            plan = make_plan(editor, policy["org"])
            apply_plan(editor, policy["org"], plan["_id"])
            done += 1


def _worker(db: Database[Document], org: str, now: dt.datetime) -> Editor:
    return Editor(db, {"kind": "worker", "id": "worker", "name": "retention", "org": org}, now)


def _check_org_not_held(db: Database[Document], org: str) -> None:
    if org in legal_holds.held_orgs(db):
        raise Collision(f"the organization {org!r} is under a legal hold")
