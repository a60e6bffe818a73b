"""Documents back to plain data and text, and their hash (certification.md 4.12-3).

`plain` writes a document in the words of section 2 with every default filled in, so what it gives loads to
the same document again; it is also what is hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import rfc8785

from rules import model
from rules.model import AnyDocument

_EXACT = 2**53 - 1


def plain(document: AnyDocument) -> dict[str, Any]:
    """Return a document as plain data with defaults: str, bool, int, Decimal, None, lists and dicts."""
    data = {"kind": type(document).__name__, **_common(document), **_KINDS[type(document)](document)}
    return dict(_without_none(data))


def dump(document: AnyDocument) -> str:
    """Write a document as YAML (its JSON subset) that loads to the same document."""
    return _json(plain(document)) + "\n"


def document_hash(document: AnyDocument) -> str:
    """Return the hexadecimal SHA-256 of a resolved document's RFC 8785 form without tests and mode (4.12-3).

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
    common = {"id": document.id, "version": document.version, "title": document.title}
    day = document.effective_from
    common = {**common, "effective_from": day.isoformat()} if day else common
    if isinstance(document, model.Release | model.Fragment):
        return common
    return {**common, "mode": document.mode, "tests": list(document.tests)}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _selector(selector: model.Selector) -> dict[str, Any]:
    if selector.use is not None:
        return {"use": selector.use}
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
    return data


def _fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _selectors(evidence: Mapping[str, model.Selector]) -> dict[str, Any]:
    return {name: _selector(selector) for name, selector in evidence.items()}


def requirement_data(requirement: model.Requirement) -> dict[str, Any]:
    """Return a requirement as plain data with defaults, in the words of 2.5."""
    carried = {
        "label": requirement.label,
        "key": requirement.key,
        "disqualified_by": list(requirement.disqualified_by) or None,
    }
    return {**_FORMS[type(requirement)](requirement), **carried}


def _parts(requirement: Any) -> list[dict[str, Any]]:
    return [requirement_data(part) for part in requirement.parts]


_FORMS: dict[type[model.Requirement], Callable[[Any], dict[str, Any]]] = {
    model.AllOf: lambda each: {"all": _parts(each)},
    model.AnyOf: lambda each: {"any": _parts(each)},
    model.AtLeast: lambda each: {"at_least": each.n, "of": _parts(each)},
    model.Done: lambda each: {"done": each.selector},
    model.Score: lambda each: {
        "score": each.selector,
        "at_least": each.at_least,
        "attempt": each.attempt,
    },
    model.Holds: lambda each: {
        "holds": each.certification,
        "status": sorted(each.status),
        "version_at_least": each.version_at_least,
    },
    model.Count: lambda each: {
        "count": each.selector,
        "distinct": each.distinct,
        "at_least": each.at_least,
    },
    model.Sum: lambda each: {
        "sum": each.selector,
        "field": each.field,
        "distinct": each.distinct,
        "at_least": each.at_least,
    },
    model.InOrder: lambda each: {"in_order": list(each.selectors), "within": _text(each.within)},
    model.Use: lambda each: {"use": each.reference},
}


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
        "badge": _fields(document.badge, ("issue", "description", "criteria", "image")),
    }


def _award(award: model.Award) -> dict[str, Any]:
    return {
        "when": requirement_data(award.when),
        "within": _text(award.within),
        "approval": {"group": award.approval_group} if award.approval_group else None,
        "cooling_off": str(award.cooling_off),
    }


def _validity(validity: model.Validity) -> dict[str, Any]:
    fixed = validity.counted_from == "fixed_date"
    return {
        "lasts": _text(validity.lasts) or "forever",
        "counted_from": validity.counted_from,
        "due": _text(validity.due),
        "fixed": _text(validity.fixed),
        "minimum": str(validity.minimum) if fixed else None,
        "timezone": validity.timezone,
    }


def _renewal(renewal: model.Renewal | None) -> dict[str, Any] | None:
    if renewal is None:
        return None
    return {
        "opens": str(renewal.opens),
        "grace": str(renewal.grace),
        "counted_from": renewal.counted_from,
        "when": requirement_data(renewal.when),
    }


def _release_rule(rule: model.ReleaseRule) -> dict[str, Any]:
    return {
        "when_release": {"product": rule.product, "level": list(rule.levels)},
        "affects": rule.affects,
        "ends_after": str(rule.ends_after),
        "unless": requirement_data(rule.unless),
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
        "events": list(notice.events) or None,
        "to": list(notice.to),
    }


def _release(document: model.Release) -> dict[str, Any]:
    fields = _fields(document, ("product", "release", "level"))
    return {**fields, "published": document.published.isoformat()}


def _fragment(document: model.Fragment) -> dict[str, Any]:
    requirements = {name: requirement_data(each) for name, each in document.requirements.items()}
    return {"evidence": _selectors(document.evidence), "requirements": requirements}


def demand_data(demand: model.Demand) -> dict[str, Any]:
    """Return a node of a tier's or gate's conditions as plain data with defaults (2.8, 2.9)."""
    return {**_DEMANDS[type(demand)](demand), "label": demand.label, "key": demand.key}


def _holding(holding: model.Holding) -> dict[str, Any]:
    return _fields(holding, ("certification", "role", "product", "level"))


_DEMANDS: dict[type[model.Demand], Callable[[Any], dict[str, Any]]] = {
    model.AllDemands: lambda each: {"all": [demand_data(part) for part in each.parts]},
    model.AnyDemand: lambda each: {"any": [demand_data(part) for part in each.parts]},
    model.PeopleHolding: lambda each: {
        "people_holding": _holding(each.holding),
        "at_least": each.at_least,
    },
    model.TierAtLeast: lambda each: {"tier_at_least": each.tier},
    model.SubmitterHolds: lambda each: {
        "submitter_holds": _holding(each.holding),
        "status": sorted(each.status),
    },
}


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
        "tiers": {name: demand_data(demand) for name, demand in document.tiers.items()},
        "changes": {
            "promote": changes.promote,
            "reviews": [f"{month:02d}-{day:02d}" for month, day in changes.reviews] or None,
            "demote_after": str(changes.demote_after),
        },
    }


def _gate(document: model.Gate) -> dict[str, Any]:
    return {
        **_fields(document, ("subject", "tiers", "refusal")),
        "allow_when": demand_data(document.allow_when),
    }


_KINDS: dict[type[AnyDocument], Callable[[Any], dict[str, Any]]] = {
    model.Certification: _certification,
    model.Release: _release,
    model.Fragment: _fragment,
    model.PartnerTiers: _partner_tiers,
    model.Gate: _gate,
}
