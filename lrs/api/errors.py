"""The HTTP status of each error of rules, of decisions and of gates; they leave through this API."""

from __future__ import annotations

from typing import Final

from rules import errors
from rules.catalogue import store
from rules.engine import engine, manual_decisions
from rules.programmes import gate_checks, gate_fields
from rules.publication import plans

STATUS: Final[dict[type[Exception], int]] = {
    errors.UnknownRule: 404,
    errors.UnknownPerson: 404,
    errors.AlreadyEnded: 409,
    errors.OnlyVersion: 404,
    errors.InvalidRuleFile: 422,
    errors.StalePlan: 409,
    errors.EvaluationFailed: 500,
    engine.LeaseLost: 503,
    store.VersionTaken: 409,
    plans.UnknownPlan: 404,
    plans.SamePerson: 403,
    plans.ReviewMissing: 422,
    plans.ObjectedPlan: 409,
    manual_decisions.InvalidFact: 422,
    gate_checks.UnknownOrganization: 404,
    gate_checks.GateDisabled: 409,
    gate_fields.FieldsMissing: 422,
}
