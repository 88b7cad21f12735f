"""Rows are read back as they were inserted, on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, BigInteger, Engine, Text, select

from rescind.ledger.states import State
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.transactions import reading

COLUMNS: Columns = {"name": Text, "state": Text, "number": BigInteger, "params": JSON}

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
SYNTAX = ["", '"', "\\", "{}", "a,b", "null", "NULL"]
"""Values that JSON, or an array of PostgreSQL, might confuse."""
names = st.sampled_from(["a", "b", *SYNTAX]) | texts
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
documents = st.dictionaries(
    texts, st.booleans() | st.integers(0, 1) | texts, max_size=2
)
rest = {
    # Few values each, so that rows are often equal.
    "state": st.sampled_from(State),
    "number": st.sampled_from([0, 1]) | numbers,
    "params": st.sampled_from([{}, {"a": 1}, {"a": True}]) | documents,
}
rows = st.lists(
    st.fixed_dictionaries({"name": st.none() | names, **rest}),
    min_size=1,
    max_size=5,
    unique_by=lambda row: json.dumps(row, sort_keys=True),
)

several = st.lists(
    st.fixed_dictionaries({"name": st.lists(names, min_size=1, max_size=3), **rest}),
    min_size=1,
    max_size=3,
)


def back(
    engine: Engine, given_rows: list[dict[str, Any]], many: str | None = None
) -> list[dict[str, Any]]:
    made = Rows(given_rows, COLUMNS, many=many)
    dialect = engine.dialect.name
    chosen = select(incoming(dialect, COLUMNS, made.differing))
    with reading(engine) as connection:
        found = connection.execute(chosen, made.parameters(dialect))
        return [dict(row) for row in found.mappings()]


def plain_json(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its document parsed, if it is still text."""
    params = row["params"]
    return row | {"params": json.loads(params) if isinstance(params, str) else params}


def as_text(found: list[dict[str, Any]]) -> str:
    return json.dumps([plain_json(row) for row in found], sort_keys=True)


@given(rows)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_read_back_as_they_were_inserted(
    engine: Engine, given_rows: list[dict[str, Any]]
) -> None:
    # As text, in which true and 1 differ.
    assert as_text(back(engine, given_rows)) == as_text(given_rows)


@given(several)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_with_a_list_stands_for_one_row_for_each_item(
    engine: Engine, given_rows: list[dict[str, Any]]
) -> None:
    each = [row | {"name": name} for row in given_rows for name in row["name"]]
    assert as_text(back(engine, given_rows, many="name")) == as_text(each)


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False)])
def test_documents_that_are_equal_in_python_stay_different(
    engine: Engine, one: object, other: object
) -> None:
    common = {"name": "a", "state": "queued", "number": 1}
    given_rows = [common | {"params": {"a": value}} for value in (one, other)]
    found = [plain_json(row)["params"]["a"] for row in back(engine, given_rows)]
    assert [type(value) for value in found] == [type(one), type(other)]


def test_only_differing_columns_are_sent_row_by_row() -> None:
    common = {"state": "queued", "number": 1, "params": {}}
    made = Rows([common | {"name": name} for name in ("a", "b")], COLUMNS)
    assert made.differing == ("name",)
    assert made.parameters("sqlite")["rows"] == '["a","b"]'


def test_no_rows_are_read_back_as_none(engine: Engine) -> None:
    dialect, names = engine.dialect.name, tuple(COLUMNS)
    chosen = select(incoming(dialect, COLUMNS, names))
    with reading(engine) as connection:
        given = parameters(dialect, {}, names, [])
        assert connection.execute(chosen, given).all() == []
