"""Plain data of a valid rule file -> the frozen documents of `rules.model`, defaults filled in (section 2).

Data is trusted here: `rules.check_shape` found no problem in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from rules import model

Data = Mapping[str, Any]
_T = TypeVar("_T")
ADL = "http://adlnet.gov/expapi/verbs/"
CMI5 = "https://w3id.org/xapi/adl/verbs/"
_CMI5_VERBS = frozenset({"abandoned", "satisfied", "waived"})


def verb_iri(name: str) -> str:
    """Return the IRI of a verb name of the verb table (2.4); an IRI stays as it is."""
    if ":" in name:
        return name
    return (CMI5 if name in _CMI5_VERBS else ADL) + name


def build(data: Data) -> model.AnyDocument:
    """Make the document of its kind from valid data."""
    return _KINDS[data["kind"]](data)


def duration(text: str) -> model.Duration:
    """Read a duration such as `12 months` or `1 day`."""
    number, unit = text.split(" ")
    return model.Duration(int(number), model.Unit(unit.rstrip("s") + "s"))


def date(text: str) -> dt.date:
    """Read a date YYYY-MM-DD."""
    return dt.date.fromisoformat(text)


def many(value: str | list[str] | None) -> tuple[str, ...]:
    """Read one name or a list of names."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _common(data: Data) -> dict[str, Any]:
    return {
        "id": data["id"],
        "version": data["version"],
        "title": data.get("title", data["id"]),
        "effective_from": _optional(data, "effective_from", date),
        "mode": data.get("mode", "active"),
        "tests": tuple(data.get("tests", ())),
    }


def _optional(data: Data, key: str, read: Callable[[Any], _T]) -> _T | None:
    return read(data[key]) if key in data else None


def _given(data: Data, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Read the keys that are given; the model's defaults stand for the others."""
    return {key: read(data[key]) for key, read in readers.items() if key in data}


def _same(value: Any) -> Any:
    return value


def selector(name: str, data: Data) -> model.Selector:
    """Make a selector (2.4); one with `use` is not resolved yet."""
    signed = data.get("signed_by")
    sources = data.get("from", "vendor")
    return model.Selector(
        name=name,
        verbs=tuple(map(verb_iri, many(data.get("verb")))),
        activities=many(data.get("activity")),
        sources=tuple(sources) if isinstance(sources, list) else sources,
        signed_by=model.SignedBy(signed["group"], "not" in signed) if signed else None,
        result=_optional(data, "result", lambda value: model.ResultMatch(**value)),
        context=_optional(data, "context", lambda value: model.ContextMatch(**value)),
        cmi5=_optional(data, "cmi5", lambda value: model.Cmi5(value["au"])),
        use=data.get("use"),
    )


def selectors(data: Data) -> dict[str, model.Selector]:
    """Make the selectors of an `evidence` mapping."""
    return {name: selector(name, value) for name, value in data.items()}


def requirement(data: str | Data) -> model.Requirement:
    """Make a requirement (2.5); a bare name means `{done: name}`."""
    if isinstance(data, str):
        return model.Done(selector=data)
    carried = {
        "label": data.get("label"),
        "key": data.get("key"),
        "disqualified_by": many(data.get("disqualified_by")),
    }
    form = next(name for name in _FORMS if name in data)
    return _FORMS[form](data, carried)


def _parts(data: Data, key: str) -> tuple[model.Requirement, ...]:
    return tuple(map(requirement, data[key]))


def _status(data: Data) -> tuple[Any, ...]:
    """Read the states that count; their order means nothing."""
    return tuple(sorted(data.get("status", ("active",))))


def _holds(data: Data, carried: Data) -> model.Requirement:
    return model.Holds(
        certification=data["holds"],
        status=_status(data),
        version_at_least=data.get("version_at_least"),
        **carried,
    )


def _sum(data: Data, carried: Data) -> model.Requirement:
    least = Decimal(data["at_least"])
    distinct = data.get("distinct", "statement")
    return model.Sum(selector=data["sum"], field=data["field"], at_least=least, distinct=distinct, **carried)


def _in_order(data: Data, carried: Data) -> model.Requirement:
    within = _optional(data, "within", duration)
    return model.InOrder(selectors=tuple(data["in_order"]), within=within, **carried)


_FORMS: dict[str, Callable[[Data, Data], model.Requirement]] = {
    "all": lambda data, carried: model.AllOf(parts=_parts(data, "all"), **carried),
    "any": lambda data, carried: model.AnyOf(parts=_parts(data, "any"), **carried),
    "of": lambda data, carried: model.AtLeast(n=data["at_least"], parts=_parts(data, "of"), **carried),
    "done": lambda data, carried: model.Done(selector=data["done"], **carried),
    "score": lambda data, carried: model.Score(
        selector=data["score"],
        at_least=Decimal(data["at_least"]),
        attempt=data.get("attempt", "best"),
        **carried,
    ),
    "holds": _holds,
    "count": lambda data, carried: model.Count(
        selector=data["count"],
        at_least=data["at_least"],
        distinct=data.get("distinct", "statement"),
        **carried,
    ),
    "sum": _sum,
    "in_order": _in_order,
    "use": lambda data, carried: model.Use(reference=data["use"], **carried),
}


def _certification(data: Data) -> model.Certification:
    award = _award(data["award"])
    validity = _validity(data["validity"])
    given = _given(
        data,
        {
            "role": _same,
            "product": _same,
            "level": _same,
            "max_lateness": duration,
            "renewal": lambda value: _renewal(value, award.when, validity),
            "release_rules": lambda value: tuple(map(_release_rule, value)),
            "on_voided": _on_voided,
            "transition": _transition,
            "notices": lambda value: tuple(map(_notice, value)),
            "badge": lambda value: model.Badge(**value),
        },
    )
    evidence = selectors(data["evidence"])
    return model.Certification(**_common(data), evidence=evidence, award=award, validity=validity, **given)


def _award(data: Data) -> model.Award:
    given = _given(data, {"within": duration, "cooling_off": duration})
    group = data["approval"]["group"] if "approval" in data else None
    return model.Award(when=requirement(data["when"]), approval_group=group, **given)


def _validity(data: Data) -> model.Validity:
    given = _given(
        data, {"counted_from": _same, "due": date, "fixed": date, "minimum": duration, "timezone": _same}
    )
    lasts = None if data["lasts"] == "forever" else duration(data["lasts"])
    return model.Validity(lasts=lasts, **given)


def _renewal(data: Data, award_when: model.Requirement, validity: model.Validity) -> model.Renewal:
    counted: model.CountedFrom = "fixed_date" if validity.counted_from == "fixed_date" else "previous_expiry"
    given = _given(data, {"opens": duration, "grace": duration})
    when = requirement(data["when"]) if "when" in data else award_when
    return model.Renewal(when=when, counted_from=data.get("counted_from", counted), **given)


def _release_rule(data: Data) -> model.ReleaseRule:
    given = _given(data, {"affects": _same, "reinstates_within": duration})
    levels: Any = many(data["when_release"]["level"])
    return model.ReleaseRule(
        product=data["when_release"]["product"],
        levels=levels,
        unless=requirement(data["unless"]),
        ends_after=duration(data["ends_after"]),
        **given,
    )


def _on_voided(data: Data) -> model.OnVoided:
    readers = {"action": _same, "settle": duration, "chain": _same, "revoke_after": duration}
    return model.OnVoided(**_given(data, readers))


def _transition(data: Data) -> model.Transition:
    existing = data.get("existing", "keep")
    finish = _optional(data, "in_flight", lambda value: date(value["finish_old_until"]))
    if isinstance(existing, str):
        return model.Transition(existing=existing, finish_old_until=finish)  # type: ignore[arg-type] # the schema lists the words
    return model.Transition("must_upgrade_by", date(existing["must_upgrade_by"]), finish)


def _notice(data: Data) -> model.Notice:
    given = _given(data, {"before_expiry": lambda value: tuple(map(duration, value)), "events": tuple})
    return model.Notice(to=tuple(data["to"]), **given)


def _release(data: Data) -> model.Release:
    return model.Release(
        **_common(data),
        product=data["product"],
        release=data["release"],
        level=data["level"],
        published=date(data["published"]),
    )


def _fragment(data: Data) -> model.Fragment:
    requirements = {name: requirement(value) for name, value in data["requirements"].items()}
    return model.Fragment(**_common(data), evidence=selectors(data["evidence"]), requirements=requirements)


def demand(data: Data) -> model.Demand:
    """Make a node of the conditions of a tier or a gate (2.8, 2.9)."""
    carried = {"label": data.get("label"), "key": data.get("key")}
    if "all" in data:
        return model.AllDemands(parts=tuple(map(demand, data["all"])), **carried)
    if "any" in data:
        return model.AnyDemand(parts=tuple(map(demand, data["any"])), **carried)
    if "people_holding" in data:
        holding = model.Holding(**data["people_holding"])
        return model.PeopleHolding(holding=holding, at_least=data["at_least"], **carried)
    if "tier_at_least" in data:
        return model.TierAtLeast(tier=data["tier_at_least"], **carried)
    holding = model.Holding(**data["submitter_holds"])
    return model.SubmitterHolds(holding=holding, status=_status(data), **carried)


def _sorted(value: list[str]) -> tuple[str, ...]:
    return tuple(sorted(value))


def _month_day(text: str) -> tuple[int, int]:
    return int(text[:2]), int(text[3:])


def _changes(data: Data) -> model.TierChanges:
    readers = {
        "promote": _same,
        "reviews": lambda value: tuple(map(_month_day, value)),
        "demote_after": duration,
    }
    return model.TierChanges(**_given(data, readers))


def _partner_tiers(data: Data) -> model.PartnerTiers:
    people = _given(
        data.get("people", {}), {"status": _sorted, "one_person_fills": _same, "organizations": _same}
    )
    return model.PartnerTiers(
        **_common(data),
        order=tuple(data["order"]),
        tiers={name: demand(value) for name, value in data.get("tiers", {}).items()},
        **_given(data, {"timezone": _same, "changes": _changes}),
        **people,
    )


def _gate(data: Data) -> model.Gate:
    return model.Gate(
        **_common(data),
        subject=data["subject"],
        allow_when=demand(data["allow_when"]),
        refusal=data["refusal"],
        tiers=data.get("tiers"),
    )


_KINDS: dict[str, Callable[[Data], model.AnyDocument]] = {
    "Certification": _certification,
    "Release": _release,
    "Fragment": _fragment,
    "PartnerTiers": _partner_tiers,
    "Gate": _gate,
}
