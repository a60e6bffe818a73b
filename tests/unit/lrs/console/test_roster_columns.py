"""Somebody else's roster: its columns are guessed, said, and renamed without loss."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.console.models import roster_columns
from lrs.foundation.errors import InvalidField
from lrs.people.roster import COLUMNS

TEXT = 'E-Mail Address,Full name,Cost centre\nana@north.example,"Lima, Ana",7\n'


def test_what_a_column_means_is_guessed_from_its_name() -> None:
    assert [roster_columns.guess(one) for one in roster_columns.heads(TEXT)] == ["email", "name", ""]
    assert [roster_columns.guess(one) for one in COLUMNS] == list(COLUMNS)
    assert roster_columns.needs_mapping(roster_columns.heads(TEXT))
    assert not roster_columns.needs_mapping(["Email", "NAME"])


def test_columns_that_say_nothing_are_left_out_and_the_rest_is_renamed() -> None:
    assert (
        roster_columns.renamed(TEXT, ["email", "name", ""])
        == 'email,name\r\nana@north.example,"Lima, Ana"\r\n'
    )


@pytest.mark.parametrize("columns", [["email"], ["email", "name", "age"], []])
def test_columns_that_there_are_none_of_are_refused(columns: list[str]) -> None:
    with pytest.raises(InvalidField, match="columns"):
        roster_columns.renamed(TEXT, columns)


def test_what_is_no_csv_and_what_is_too_wide_is_refused() -> None:
    with pytest.raises(InvalidField):
        roster_columns.heads('"a')
    with pytest.raises(InvalidField, match="more than"):
        roster_columns.heads(",".join(["a"] * 100))


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5))
def test_values_are_what_they_were(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b", "c"], *rows])
    read = list(csv.reader(io.StringIO(roster_columns.renamed(out.getvalue(), ["email", "", "name"]))))
    assert read == [["email", "name"], *([one[0], one[2]] for one in rows)]
