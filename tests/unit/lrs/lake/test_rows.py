"""Documents become columns: every number in its form, every text and list as it was."""

from __future__ import annotations

import math
import uuid
from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow")

import pyarrow as pa

from lrs.lake.rows import DOUBLE, INEXACT, WHOLE, _extensions, _number, _uuid_texts, numbers_of

whole = st.integers(-(2**63), 2**63 - 1)
numbers = st.one_of(
    st.none(), st.floats(), whole, whole.map(Int64), st.sampled_from([-0.0, 0.0, 2.0**90, 2.0**-100])
)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-9, max_value=9).map(
    Decimal128
)


@given(st.lists(numbers) | st.lists(numbers | decimals))
def test_columns_of_numbers_are_what_each_number_is(values: list[Any]) -> None:
    found, forms = numbers_of(values)
    expected = [_number(value) for value in values]
    assert list(map(repr, found.to_pylist())) == [repr(one) for one, _ in expected]
    assert forms.tolist() == [form for _, form in expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, DOUBLE)), (1, (1.0, WHOLE)), (Int64(2**53), (2.0**53, WHOLE)), (0.5, (0.5, DOUBLE)),
        (2**53 + 1, (2.0**53, INEXACT)), (math.inf, (None, INEXACT)), (-0.0, (-0.0, INEXACT)),
        (2.0**90, (2.0**90, INEXACT)), (2.0**-100, (2.0**-100, DOUBLE)), (2.0**-101, (2.0**-101, INEXACT)),
        (Decimal128("1.5"), (1.5, INEXACT)),
    ],
)  # fmt: skip
def test_the_form_of_a_number(value: Any, expected: Any) -> None:
    found, forms = numbers_of([value, None])
    assert (found.to_pylist()[0], forms[0]) == expected


@given(st.lists(st.none() | st.uuids()))
def test_uuids_are_told_as_text(values: list[uuid.UUID | None]) -> None:
    found = _uuid_texts(pa.array([None if one is None else one.bytes for one in values], pa.binary()))
    assert found.to_pylist() == [None if one is None else str(one) for one in values]


def test_extensions_keep_their_kinds() -> None:
    kinds = [None, True, 1, 0.5, 2**60, "x"]
    listed = [{"where": "result", "k": "urn:k", "v": value} for value in kinds]
    found = _extensions([None, [*listed, {"where": "context", "k": "urn:long"}], []]).to_pylist()
    assert found[0] is None
    assert found[2] is None
    assert [one["t"] for one in found[1]] == ["z", "b", "i", "d", "D", "s", "x"]
    assert found[1][3] == {"place": "result", "k": "urn:k", "t": "d", "n": 0.5, "s": None}
