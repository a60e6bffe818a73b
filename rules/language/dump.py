"""Documents back to plain data and text, and their hash (cert#4.12-3).

`plain` writes a document in the words of cert#2 with every default filled in, so what it gives loads to
the same document again; it is also what is hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import rfc8785

from rules.language import model
from rules.language.engagement import Engagement, Recall
from rules.language.model import AnyDocument

_EXACT = 2**53 - 1


def plain(document: AnyDocument) -> dict[str, Any]:
    """Return a document as plain data with defaults: str, bool, int, Decimal, None, lists and dicts."""
    data = {"kind": type(document).__name__, **_common(document), **_KINDS[type(document)](document)}
    return dict(_without_none(data))


def dump(document: AnyDocument) -> str:
    """Write a document as YAML (its JSON subset) that loads to the same document."""
    return _json(plain(document)) + "\n"


def document_hash(document: AnyDocument) -> str:
    """Return the SHA-256 (hex) of a resolved document's RFC 8785 form without tests and mode (cert#4.12-3).

    An `effective_from` that is not given stays out: the hash says what was written, not when it was applied.
    """
    data = {key: value for key, value in plain(document).items() if key not in {"tests", "mode"}}
    return hashlib.sha256(rfc8785.dumps(_canonical(data))).hexdigest()


def _canonical(value: Any) -> Any:
    """Return data that RFC 8785 can write; numbers no double holds become strings (its appendix D)."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value.normalize())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _json(value: Any, indent: str = "\n") -> str:
    """Write data as indented JSON; decimals keep all their digits, which json.dumps cannot do."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [
            f"{json.dumps(key, ensure_ascii=False)}: {_json(each, inner)}" for key, each in value.items()
        ]
        return "{" + inner + f",{inner}".join(lines) + indent + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + inner + f",{inner}".join(_json(each, inner) for each in value) + indent + "]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _without_none(value: Any) -> Any:
    """Drop keys without a value, but not inside tests and extensions, where null is a value."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if each is not None and each not in ((), {})}
        return {
            key: each if key in {"tests", "extensions"} else _without_none(each) for key, each in kept.items()
        }
    if isinstance(value, list | tuple):
        return [_without_none(each) for each in value]
    return value


def _common(document: AnyDocument) -> dict[str, Any]:
    common: dict[str, Any] = {"id": document.id, "version": document.version, "title": document.title}
    day = document.effective_from
    common = {**common, "effective_from": day.isoformat()} if day else common
    common |= {"translations": {name: dict(each) for name, each in document.translations.items()}}
    if isinstance(document, model.Release | model.Fragment):
        return common
    if isinstance(document, Recall | Engagement):
        return {**common, "mode": document.mode}
    return {**common, "mode": document.mode, "tests": list(document.tests)}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _selector(selector: model.Selector) -> dict[str, Any]:
    if selector.use is not None:
        return {"use": selector.use}
    if selector.recognises is not None:
        return {
            "recognises": {
                "issuer": list(selector.recognises.issuers),
                "achievement": list(selector.activities),
                "awarded_within": _text(selector.recognises.awarded_within),
            }
        }
    sources = selector.sources
    data: dict[str, Any] = {
        "verb": list(selector.verbs),
        "activity": list(selector.activities),
        "from": sources if isinstance(sources, str) else list(sources),
    }
    if selector.cmi5 is not None:
        data = {"cmi5": {"au": selector.cmi5.au, "moveon": "met"}, "from": data["from"]}
    if selector.signed_by is not None:
        data["signed_by"] = {
            "group": selector.signed_by.group,
            "not": "self" if selector.signed_by.not_self else None,
        }
    if selector.result is not None:
        data["result"] = _fields(selector.result, ("success", "completion", "extensions"))
    if selector.context is not None:
        names = ("parent", "grouping", "category", "platform", "language", "registration", "extensions")
        data["context"] = _fields(selector.context, names)
    if selector.attempts is not None:
        data["attempts"] = _attempts(selector.attempts)
    return data


def _attempts(attempts: model.Attempts) -> dict[str, Any]:
    return {
        "at_most": attempts.at_most,
        "within": _text(attempts.within),
        "wait": [str(each) for each in attempts.wait] or None,
        "granted_by": {"group": attempts.granted_by} if attempts.granted_by else None,
    }


def _fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _selectors(evidence: Mapping[str, model.Selector]) -> dict[str, Any]:
    return {name: _selector(selector) for name, selector in evidence.items()}


def _certification(document: model.Certification) -> dict[str, Any]:
    return {
        **_fields(document, ("role", "product", "level")),
        "evidence": _selectors(document.evidence),
        "award": _award(document.award),
        "max_lateness": str(document.max_lateness),
        "validity": _validity(document.validity),
        "renewal": _renewal(document.renewal),
        "release_rules": [_release_rule(rule) for rule in document.release_rules] or None,
        "on_voided": {
            **_fields(document.on_voided, ("action", "chain")),
            "settle": str(document.on_voided.settle),
            "revoke_after": _text(document.on_voided.revoke_after),
        },
        "transition": _transition(document.transition),
        "notices": [_notice(notice) for notice in document.notices] or None,
        "targets": [_target(target) for target in document.targets] or None,
        "badge": _fields(document.badge, ("issue", "description", "criteria", "image"))
        | {"skills": [_skill(one) for one in document.badge.skills] or None},
    }


def _skill(skill: model.Skill) -> dict[str, Any]:
    return _fields(skill, ("name", "url", "framework", "code"))


def _award(award: model.Award) -> dict[str, Any]:
    return {
        "when": award.when.data(),
        "within": _text(award.within),
        "approval": {"group": award.approval_group} if award.approval_group else None,
        "cooling_off": str(award.cooling_off),
        "readmission": _readmission(award.readmission),
    }


def _readmission(readmission: model.Readmission | None) -> dict[str, Any] | None:
    if readmission is None:
        return None
    return {"group": readmission.group, "after": list(readmission.after) or None}


def _validity(validity: model.Validity) -> dict[str, Any]:
    fixed = validity.counted_from == "fixed_date"
    return {
        "lasts": _text(validity.lasts) or "forever",
        "counted_from": validity.counted_from,
        "due": _text(validity.due),
        "fixed": _text(validity.fixed),
        "minimum": str(validity.minimum) if fixed else None,
        "timezone": validity.timezone,
        "while": validity.standing and validity.standing.data(),
        "otherwise": validity.otherwise if validity.standing is not None else None,
    }


def _renewal(renewal: model.Renewal | None) -> dict[str, Any] | None:
    if renewal is None:
        return None
    return {
        "opens": str(renewal.opens),
        "grace": str(renewal.grace),
        "counted_from": renewal.counted_from,
        "when": renewal.when.data(),
    }


def _release_rule(rule: model.ReleaseRule) -> dict[str, Any]:
    return {
        "when_release": {"product": rule.product, "level": list(rule.levels)},
        "affects": rule.affects,
        "ends_after": str(rule.ends_after),
        "unless": rule.unless.data(),
        "reinstates_within": str(rule.reinstates_within),
    }


def _transition(transition: model.Transition) -> dict[str, Any]:
    existing: Any = transition.existing
    if transition.must_upgrade_by is not None:
        existing = {"must_upgrade_by": transition.must_upgrade_by.isoformat()}
    finish = transition.finish_old_until
    return {
        "existing": existing,
        "in_flight": {"finish_old_until": finish.isoformat()} if finish else None,
    }


def _notice(notice: model.Notice) -> dict[str, Any]:
    return {
        "before_expiry": [str(each) for each in notice.before_expiry] or None,
        "before_due": [str(each) for each in notice.before_due] or None,
        "after_due": [str(each) for each in notice.after_due] or None,
        "events": list(notice.events) or None,
        "max_age": notice.max_age and str(notice.max_age),
        "to": list(notice.to),
    }


def _target(target: model.Target) -> dict[str, Any]:
    return {
        **_fields(target, ("role", "tier", "programme")),
        "partner": list(target.partners) or None,
        "region": list(target.regions) or None,
        "group": list(target.groups) or None,
        "person": list(target.persons) or None,
        "hired_since": _text(target.hired_since),
        "hired_until": _text(target.hired_until),
        "due_within": _text(target.due_within),
        "due_on": _text(target.due_on),
    }


def _release(document: model.Release) -> dict[str, Any]:
    fields = _fields(document, ("product", "release", "level"))
    return {**fields, "published": document.published.isoformat()}


def _fragment(document: model.Fragment) -> dict[str, Any]:
    requirements = {name: each.data() for name, each in document.requirements.items()}
    return {"evidence": _selectors(document.evidence), "requirements": requirements}


def _partner_tiers(document: model.PartnerTiers) -> dict[str, Any]:
    changes = document.changes
    return {
        "order": list(document.order),
        "timezone": document.timezone,
        "people": {
            "status": sorted(document.status),
            "one_person_fills": document.one_person_fills,
            "counted_at": "primary_affiliation",
            "organizations": document.organizations,
        },
        "tiers": {name: demand.data() for name, demand in document.tiers.items()},
        "changes": {
            "promote": changes.promote,
            "reviews": [f"{month:02d}-{day:02d}" for month, day in changes.reviews] or None,
            "demote_after": str(changes.demote_after),
        },
    }


def _gate(document: model.Gate) -> dict[str, Any]:
    return {
        **_fields(document, ("subject", "tiers", "refusal")),
        "allow_when": document.allow_when.data(),
    }


def _assignment(document: model.Assignment) -> dict[str, Any]:
    return {
        "evidence": _selectors(document.evidence),
        "path": [step.data() for step in document.path],
        "targets": [_target(target) for target in document.targets],
        "timezone": document.timezone,
        "window": {"opens": _text(document.opens), "closes": _text(document.closes)}
        if document.opens or document.closes
        else None,
        "exempt": [
            {**_target(one.whom), "reason": one.reason, "until": _text(one.until)} for one in document.exempt
        ]
        or None,
        "managers_may_exempt": _text(document.managers_may_exempt),
        "notices": [_notice(notice) for notice in document.notices] or None,
    }


def _recall(document: Recall) -> dict[str, Any]:
    return {
        **_fields(document, ("certification", "a_day", "timezone")),
        "intervals": [str(one) for one in document.intervals],
        "questions": [
            {**_fields(one, ("id", "ask", "right", "because")), "answers": list(one.answers)}
            for one in document.questions
        ],
    }


def _engagement(document: Engagement) -> dict[str, Any]:
    return {
        "timezone": document.timezone,
        "seasons": [
            {
                **_fields(one, ("id", "title")),
                "from": _text(one.first),
                "until": _text(one.last),
                "points": dict(one.points),
            }
            for one in document.seasons
        ]
        or None,
        "boards": _fields(document, ("top", "fewest")),
        "milestones": [
            {**_fields(one, ("id", "title")), one.counts: "all" if one.needed is None else one.needed}
            for one in document.milestones
        ]
        or None,
    }


_KINDS: dict[type[AnyDocument], Callable[[Any], dict[str, Any]]] = {
    model.Certification: _certification,
    model.Release: _release,
    model.Fragment: _fragment,
    model.PartnerTiers: _partner_tiers,
    model.Gate: _gate,
    model.Assignment: _assignment,
    Recall: _recall,
    Engagement: _engagement,
}
