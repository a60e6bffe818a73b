"""The answer of a gate (cert#2.9, cert#5-7, cert#10): allow or refuse, with reasons. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rules.language.demands import AllDemands, AnyDemand, Demand, Holding, SubmitterHolds, TierAtLeast
from rules.language.forms import walk
from rules.language.model import Gate
from rules.programmes.gate_fields import FIELD
from rules.programmes.tiers import Standing, coordinates, counted_states, fits

Answer = Literal["allow", "refuse"]
AFFILIATED = "submitter_affiliated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a gate is asked: the subject's fields, and what holds at the instant of asking.

    `order` are the tiers from lowest to highest, `tier` the one of the organization (None without a running
    agreement), `standings` what the submitter holds, `affiliated` whether the submitter's primary affiliation
    is the organization.
    """

    order: tuple[str, ...]
    tier: str | None
    standings: Sequence[Standing]
    affiliated: bool
    subject: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition of a gate: what it asks, what was observed, and the awards that answer it."""

    key: str
    ok: bool
    required: str
    observed: str
    awards: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The answer given; under `mode: evaluate` it is allow, and `computed` is the real one."""

    answer: Answer
    computed: Answer
    enforced: bool
    failed: tuple[str, ...]
    reasons: tuple[Reason, ...]
    message: str | None


def answer(gate: Gate, question: Question) -> GateAnswer:
    """Answer a gate; `submitter_affiliated` stands first among failures (cert#10)."""
    conditions = [*_reasons(gate.allow_when, gate, question)]
    affiliation = Reason(
        AFFILIATED,
        question.affiliated,
        "primary affiliation with the organization",
        "affiliated" if question.affiliated else "not affiliated",
    )
    failed = (
        *(() if question.affiliated else (AFFILIATED,)),
        *_failed(gate.allow_when, gate, question),
    )
    computed: Answer = "refuse" if failed else "allow"
    enforced = gate.mode == "active"
    return GateAnswer(
        answer=computed if enforced else "allow",
        computed=computed,
        enforced=enforced,
        failed=failed,
        reasons=(affiliation, *conditions),
        message=filled(gate.refusal, gate.subject, question.subject) if failed else None,
    )


def needs_tiers(demand: Demand) -> bool:
    """Tell whether a gate asks for a tier."""
    return any(isinstance(one, TierAtLeast) for one in walk(demand))


def filled(text: str, subject: str, fields: Mapping[str, Any]) -> str:
    """Replace `{subject.field}` by the field's value: plain text, once; unknown fields stay as they are."""

    def value(match: re.Match[str]) -> str:
        name, key = match.groups()
        if name != subject or key not in fields or not isinstance(fields[key], str | int | float):
            return match[0]
        found = fields[key]
        return str(found).lower() if isinstance(found, bool) else str(found)

    return FIELD.sub(value, text)


def _failed(demand: Demand, gate: Gate, question: Question) -> tuple[str, ...]:
    """Return the keys of the unmet conditions; an unmet `any` fails as `any` or its `key` (cert#10)."""
    match demand:
        case SubmitterHolds() if not question.affiliated:
            return ()  # not looked at, see `_reasons`
        case AllDemands():
            failed = tuple(key for part in demand.parts for key in _failed(part, gate, question))
            return (demand.key,) if failed and demand.key else failed
        case AnyDemand():
            is_met = any(not _failed(part, gate, question) for part in demand.parts)
            return () if is_met else (demand.missing_key,)
        case _:
            reason = _reason(demand, gate, question)
            return () if reason.ok else (reason.key,)


def _reasons(demand: Demand, gate: Gate, question: Question) -> Iterator[Reason]:
    """Yield every condition of the tree with its reason, in document order.

    What somebody holds who is not the organization's is no business of who asks for it: left out.
    """
    if isinstance(demand, AllDemands | AnyDemand):
        for part in demand.parts:
            yield from _reasons(part, gate, question)
    elif question.affiliated or not isinstance(demand, SubmitterHolds):
        yield _reason(demand, gate, question)


def _reason(demand: Demand, gate: Gate, question: Question) -> Reason:
    match demand:
        case TierAtLeast():
            named = filled(demand.tier, gate.subject, question.subject)
            return _tier_reason(replace(demand, tier=named), question)
        case SubmitterHolds():
            return _holding_reason(demand, gate, question)
        case _:
            msg = f"{type(demand).__name__} is no condition of a gate"
            raise TypeError(msg)


def _tier_reason(demand: TierAtLeast, question: Question) -> Reason:
    ok = (
        question.tier in question.order
        and demand.tier in question.order
        and question.order.index(question.tier) >= question.order.index(demand.tier)
    )
    return Reason(demand.missing_key, ok, f"tier {demand.tier} or higher", question.tier or "no tier")


def _holding_reason(demand: SubmitterHolds, gate: Gate, question: Question) -> Reason:
    wanted = _filled_holding(demand.holding, gate.subject, question.subject)
    fitting = [s for s in question.standings if fits(wanted, s)]
    states = counted_states(demand.status)
    counting = [s for s in fitting if s.state in states]
    shown = counting or fitting
    return Reason(
        key=demand.missing_key,
        ok=bool(counting),
        required=f"{coordinates(wanted)} ({' or '.join(demand.status)})",
        observed=", ".join(dict.fromkeys(s.state for s in shown)) or "nothing",
        awards=tuple(s.award for s in shown if s.award is not None),
        versions=tuple(s.version for s in shown if s.version is not None),
    )


def _filled_holding(holding: Holding, subject: str, fields: Mapping[str, Any]) -> Holding:
    """Replace placeholders in the coordinates; what stays a placeholder matches nothing."""
    return replace(
        holding,
        **{
            name: filled(value, subject, fields)
            for name in ("certification", "role", "product", "level")
            if (value := getattr(holding, name)) is not None
        },
    )
