"""UUIDs in standard form, and what a strict client asks for beyond the rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from conformance_support import Lrs, agent, ref, statement, uid

OTHER_VARIANTS = (
    "2b3c4d5e-0000-4000-0000-00000000000a",
    "2B3C4D5E-0000-0000-C000-00000000000A",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)


@pytest.mark.parametrize("form", OTHER_VARIANTS)
def test_any_variant_is_a_registration_a_reference_and_a_parameter(lrs: Lrs, form: str) -> None:
    """Standard form is what the specification asks for there (1.0.3 Data 2.4.6; 2.0 4.2.2.6)."""
    known = lrs.store(statement(context={"registration": form}))
    assert lrs.ids(registration=form.upper()) == known
    inner = {key: value for key, value in statement().items() if key != "id"}
    for target in (ref(form), {"objectType": "SubStatement", **inner, "object": ref(form)}):
        assert lrs.post("/statements", statement(object=target)).status_code == 200
    assert lrs.post("/statements", statement(context={"statement": ref(form)})).status_code == 200
    for name in ("statementId", "voidedStatementId"):
        assert lrs.get("/statements", {name: form}).status_code == 404
    state = {"activityId": "http://example.com/a", "agent": agent(), "stateId": "s", "registration": form}
    assert lrs.put("/activities/state", state, {"a": 1}).status_code == 204
    assert lrs.get("/activities/state", {**state, "registration": form.lower()}).status_code == 200


@pytest.mark.parametrize("form", OTHER_VARIANTS)
def test_the_id_of_a_statement_is_of_variant_2(lrs: Lrs, form: str) -> None:
    """By body and by PUT (1.0.3 Data 2.4.1)."""
    assert lrs.post("/statements", statement(id=form)).status_code == 400
    assert lrs.put("/statements", {"statementId": form}, statement(id=None)).status_code == 400


STRICT: dict[str, dict[str, Any]] = {
    "$.id": {"id": None},
    "$.timestamp": {"timestamp": None},
    "$.verb.display": {"verb": {"id": "http://example.com/v"}},
    "$.context.registration": {"context": {"registration": OTHER_VARIANTS[0]}},
    "$.context.statement.id": {"context": {"statement": ref(OTHER_VARIANTS[0])}},
    "$.object.id": {"object": ref(OTHER_VARIANTS[0])},
    "$.object.definition": {"object": {"id": "http://example.com/a", "definition": {}}},
    "$.result.extensions": {"result": {"extensions": {}}},
}  # fmt: skip
WELL = {"timestamp": "2026-05-04T12:00:00.000Z", "result": {"extensions": {"http://example.com/e": {}}}}


@pytest.mark.parametrize("place", STRICT)
def test_a_strict_client_is_asked_for_what_is_recommended(
    lrs: Lrs, other_client: Callable[..., Lrs], place: str
) -> None:
    """And nobody else is."""
    strict = other_client(handling=["strict"], version=lrs.version)
    sent = statement(**{**WELL, **STRICT[place]})
    refused = strict.post("/statements", sent)
    assert (refused.status_code, refused.json["path"]) == (400, place)
    second = strict.post("/statements", [statement(**WELL), sent])
    assert second.json["path"] == f"$[1]{place[1:]}"
    assert strict.post("/statements", statement(**WELL)).status_code == 200
    assert lrs.post("/statements", sent).status_code == 200


def test_a_strict_client_may_choose_partial_too(other_client: Callable[..., Lrs]) -> None:
    client = other_client(handling=["strict", "partial"])
    right, wrong = statement(**WELL), statement(id=uid())
    answer = client.post("/statements", [wrong, right])
    assert answer.json["stored"] == [right["id"]]
    assert [one["path"] for one in answer.json["refused"]] == ["$[0].timestamp"]
    assert uuid.UUID(wrong["id"])
