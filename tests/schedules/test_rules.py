"""Tests of the schedules file, and of the mapping of rows to entries."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from rescind.config.watched_file import Watched
from rescind.schedules.mapping import recipe_of
from rescind.schedules.rules import Schedules, load_schedules
from rescind.schedules.source_rows import Row, SourceError

ROOT = Path(__file__).parents[2]
GOOD = """
[nightly]
cron = "30 2 * * *"
timezone = "Europe/Istanbul"
max = 500
provider = "notpanel"
group = "{name}-{date}"
source = { sql = "SELECT id FROM orders", database = "sqlite:///shop.db" }
map = { order = "id" }
"""
REST = """
max = 5
provider = "notpanel"
source = { file = "x.csv" }
map = { order = "id" }
"""


def load(tmp_path: Path, text: str) -> Schedules:
    path = tmp_path / "schedules.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_schedules(path)


def fault(tmp_path: Path, text: str) -> str:
    found = load(tmp_path, f"{GOOD}\n[bad]\n{text}")
    # A faulty rule does not affect the others.
    assert set(found.rules) == {"nightly"}
    return found.faults["bad"]


def without(line: str) -> str:
    return "every = '15m'" + re.sub(rf"(?m)^{line}.*$", "", REST)


def test_a_good_rule() -> None:
    found = load_schedules(ROOT / "schedules.example.toml")
    rule = found.rules["unpaid-panel-orders"]
    assert str(rule.timing) == "cron 30 2 * * * Europe/Istanbul"
    assert (rule.max, rule.catch_up) == (500, timedelta(hours=6))
    # It is the next day in Istanbul already.
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert rule.named(late) == {"date": "2026-11-21", "name": "unpaid-panel-orders"}


def test_without_a_file_nothing_is_scheduled(tmp_path: Path) -> None:
    assert load_schedules(tmp_path / "none.toml") == Schedules(missing=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (without("max"), "[bad]: max is required"),
        (without("map"), "map is required"),
        (without("source"), "source is required"),
        (without("provider"), "provider is required, as a constant or in map"),
        (REST, "must have either cron or every"),
        (f"cron = '0 0 * * *'\nevery = '1h'{REST}", "must have either cron or every"),
        (f"crn = '0 0 * * *'{REST}", "crn is not known here: did you mean cron?"),
        (f"every = '10s'{REST}", "every must be at least 60 seconds"),
        (f"every = '1h'\ncatch_up = 'no'{REST}", "catch_up must be such as 15m"),
        (f"every = '1h'\ntimezone = 'Turkey/Ankara'{REST}", "there is no 'Turkey/Ank"),
        (f"every = '1h'\nnot_before = 'soon'{REST}", "not_before must be ISO 8601"),
        (f"every = '1h'\naccount = 5{REST}", "account must be a text"),
        (f"every = '1h'\nparams = 5{REST}", "params must be a table"),
        (
            f"every = '1h'\ngroup = '{{day}}'{REST}",
            "group: {day} is not known; use {date} and",
        ),
        (f"every = '1h'\nkey = 'x'{REST}", "key is not known here"),
        (f"every = '1h'\nref = 'x'{REST}", "ref is not known here"),
        (f"every = '1h'\nonly_if = 'any'{REST}", "only_if needs after, as a const"),
        (
            f"every = '1h'\nafter = 'x'\nonly_if = 'canceled'{REST}",
            "only_if must be any, a final state",
        ),
        (
            f"every = '1h'{REST.replace('notpanel', 'nopanel')}",
            "provider must be one of",
        ),
        (f"every = '1h'{REST.replace('5', '0')}", "max must be at least 1"),
        (f"every = '1h'{REST.replace('5', '100001')}", "max must be at most 100000"),
        (
            f"every = '1h'{REST.replace('order', 'ordr')}",
            "no field 'ordr': did you me",
        ),
        (
            f"every = '1h'{REST.replace('order', 'key')}",
            "map must name the column of th",
        ),
        (
            "every = '1h'" + REST.replace("order", '"params."'),
            "there is no field 'params.'",
        ),
        (
            "every = '1h'" + REST.replace('"id"', '"?"'),
            "map: order must name a column",
        ),
        (
            "every = '1h'" + REST.replace("{ order", "{ provider = 'p', order"),
            "provider is given twice",
        ),
    ],
)
def test_a_wrong_rule_gives_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    assert words in fault(tmp_path, text)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{}", "source must have one of sql, url and file"),
        (
            "{ sql = 'SELECT 1', file = 'x' }",
            "source must have one of sql, url and fil",
        ),
        ("{ sql = 'SELECT 1' }", "source: database is required"),
        ("{ sql = 'SELECT 1', database = 5 }", "database must be a text, { env"),
        (
            "{ sql = 'SELECT 1', database = { env = 5 } }",
            "database must be a text, { env",
        ),
        ("{ sql = 'SELECT 1', database = { enw = 'X' } }", "database must be a text"),
        ("{ sql = 'SELECT 1', database = 'x', format = 'csv' }", "format is not known"),
        ("{ url = 'https://x.example/' }", "source: format is required"),
        ("{ url = 'https://x.example/', format = 'xml' }", "source: format"),
        (
            "{ url = 'http://x.example/', format = 'csv' }",
            "plain http: use https, or set",
        ),
        (
            "{ url = 'ftp://x.example/', format = 'csv' }",
            "must be an http or https addre",
        ),
        (
            "{ url = 'https://a:s3cret@x.example/', format = 'csv' }",
            "not have a user an",
        ),
        (
            "{ url = 'https://x/', format = 'csv', headers = 5 }",
            "headers must be a table",
        ),
        (
            "{ url = 'https://x/', format = 'csv', headers = { A = 5 } }",
            "headers.A must",
        ),
    ],
)
def test_a_wrong_source_gives_a_sentence(
    tmp_path: Path, source: str, words: str
) -> None:
    text = f"every = '1h'{REST}".replace('{ file = "x.csv" }', source)
    said = fault(tmp_path, text)
    assert words in said
    assert "s3cret" not in said


@pytest.mark.parametrize("name", ["a b", "ü", "x" * 65])
def test_a_rule_has_a_plain_name(tmp_path: Path, name: str) -> None:
    found = load(tmp_path, f'["{name}"]\nevery = "1h"{REST}')
    assert "its name must be 1 to 64 letters" in found.faults[name]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[x", b"a = 1\n[a]\n"])
def test_a_file_that_is_not_toml_gives_a_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "schedules.toml"
    path.write_bytes(data)
    said = load_schedules(path).fault
    assert said is not None
    assert str(path) in said


def test_only_secrets_that_others_can_read_cause_a_warning(
    tmp_path: Path,
) -> None:
    path = tmp_path / "schedules.toml"
    for written, warned in (
        ('"postgresql://shop:hush@h/d"', True),
        ('"postgresql://h/d?password=hush"', True),
        ('"postgresql://shop:hush@h:port/d"', True),
        ('"postgresql://shop@h/d"', False),
        ('"sqlite:////srv/shop.db"', False),
        ('{ env = "X" }', False),
    ):
        path.write_text(GOOD.replace('"sqlite:///shop.db"', written))
        path.chmod(0o644)
        assert bool(load_schedules(path).warnings) == warned
        path.chmod(0o600)
        assert not load_schedules(path).warnings


def test_the_repr_of_a_rule_shows_no_secret(tmp_path: Path) -> None:
    found = load(
        tmp_path, GOOD.replace("sqlite:///shop.db", "postgresql://u:s3cret@h/d")
    )
    assert "s3cret" not in repr(found)


def test_the_file_is_read_again_only_if_it_changed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "schedules.toml"
    watched = Watched(path, load_schedules)
    assert watched.current().missing
    assert watched.current() is watched.current()
    path.write_text(GOOD)
    assert set(watched.current().rules) == {"nightly"}
    before = watched.current()
    path.write_text(GOOD.replace("nightly", "daily"))
    os.utime(path, (1, 1))
    assert set(watched.current().rules) == {"daily"}
    assert watched.current() is not before


# --- rows as cancellations ----------------------------------------------------------


def entry(
    values: dict[str, Any],
    columns: dict[str, str],
    *,
    typed: bool = True,
    **constants: Any,
) -> dict[str, Any]:
    recipe = recipe_of(columns, {"provider": "notpanel", **constants})
    named = {"date": "2026-11-21", "name": "nightly"}
    return recipe.entry(Row("row 7", values, typed), named)


def test_columns_and_constants_make_an_entry() -> None:
    columns = {
        "order": "id",
        "metadata.shop": "s",
        "params.x": "p",
        "cancel_before": "t",
    }
    moment = datetime(2026, 11, 21, 2, 30, tzinfo=timezone(timedelta(hours=3)))
    values = {"id": 5, "s": None, "p": Decimal("1.50"), "t": moment, "unused": b""}
    constants: dict[str, Any] = {
        "metadata": {"from": "us"},
        "group": "{name}-{date}",
        "account": "a",
    }
    assert entry(values, columns, **constants) == {
        "provider": "notpanel",
        "account": "a",
        "order": 5,
        "group": "nightly-2026-11-21",
        "metadata": {"from": "us"},
        "params": {"x": "1.50"},
        "cancel_before": "2026-11-21T02:30:00+03:00",
    }


def test_a_row_may_wait_for_several_others() -> None:
    columns = {"order": "id", "ref": "r", "after": "a", "only_if": "o"}
    values = {"id": "5", "r": "five", "a": "four; ithink/default/3", "o": "rejected"}
    found = entry(values, columns, typed=False)
    assert (found["ref"], found["only_if"]) == ("five", "rejected")
    assert found["after"] == ["four", "ithink/default/3"]
    constant = entry({"id": "5"}, {"order": "id"}, after="four, three", only_if="any")
    assert constant["after"] == ["four", "three"]


def test_a_row_does_not_change_the_constants() -> None:
    recipe = recipe_of(
        {"order": "id", "metadata.n": "n"}, {"provider": "notpanel", "metadata": {}}
    )
    first = recipe.entry(Row("row 1", {"id": "1", "n": 1}), {})
    second = recipe.entry(Row("row 2", {"id": "2", "n": None}), {})
    assert (first["metadata"], second["metadata"]) == ({"n": 1}, {})


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (date(2026, 11, 21), "2026-11-21"),
        (Decimal("86210010463"), "86210010463"),
        (True, True),
        ({"a": [Decimal(1)]}, {"a": ["1"]}),
    ],
)
def test_database_values_become_json_values(value: object, made: object) -> None:
    found = entry({"id": "1", "v": value}, {"order": "id", "metadata.v": "v"})
    assert found["metadata"] == {"v": made}


def test_a_value_of_an_unknown_type_is_reported_and_not_shown() -> None:
    with pytest.raises(SourceError) as caught:
        entry({"id": b"s3cret"}, {"order": "id"})
    assert "row 7: the column for order has the type bytes" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_column_is_reported_with_the_existing_ones() -> None:
    with pytest.raises(SourceError) as caught:
        entry({"id": "1", "shop": "7"}, {"order": "order_id"})
    said = str(caught.value)
    assert said == (
        "row 7 has no column 'order_id', which map names; its columns are: id, shop"
    )


def test_a_column_that_may_be_missing_is_left_out() -> None:
    assert "key" not in entry({"id": "1"}, {"order": "id", "key": "k?"})
    assert entry({"id": "1", "k": "x"}, {"order": "id", "key": "k?"})["key"] == "x"


def test_a_value_within_an_object_is_found_by_its_path() -> None:
    values = {"order": {"id": "1"}, "a.b": "2"}
    found = entry(values, {"order": "order.id", "key": "a.b"})
    assert (found["order"], found["key"]) == ("1", "2")


def test_texts_of_csv_are_read_as_submit_reads_them() -> None:
    columns = {
        "order": "o",
        "provider": "p",
        "params.reason_id": "r",
        "metadata.n": "r",
    }
    values = {"o": "1", "p": "dukkango", "r": "4"}
    recipe = recipe_of(columns, {})
    found = recipe.entry(Row("line 2", values, typed=False), {})
    assert found == {
        "provider": "dukkango",
        "order": "1",
        "params": {"reason_id": 4},
        "metadata": {"n": "4"},
    }
    assert recipe.entry(Row("line 2", values), {})["params"] == {"reason_id": "4"}


def test_a_csv_column_may_hold_a_whole_object() -> None:
    columns = {"order": "o", "params": "p"}
    found = entry({"o": "1", "p": '{"a": 1}'}, columns, typed=False)
    assert found["params"] == {"a": 1}
    with pytest.raises(SourceError, match="row 7: params is not JSON"):
        entry({"o": "1", "p": "{"}, columns, typed=False)


def test_a_number_stays_a_text_where_its_provider_wants_a_text() -> None:
    name = "params.forced_refund_amount"
    recipe = recipe_of({name: "r", "order": "o", "provider": "p"}, {})
    values = {"o": "1", "p": "akinon", "r": "12.50"}
    found = recipe.entry(Row("line 2", values, typed=False), {})
    assert found["params"] == {"forced_refund_amount": "12.50"}
