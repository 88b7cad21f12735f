"""Tests of orders by SQL, on a real SQLite and PostgreSQL: only reading is allowed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from rescind.schedules import postgresql, sql
from rescind.schedules.source_rows import Row, SourceError
from rescind.schedules.sql import SqlSource
from tests.conftest import free_port

TABLE = "CREATE TABLE orders (id TEXT, state TEXT, n INTEGER)"
FILL = (
    "INSERT INTO orders VALUES ('a', 'unpaid', 1), ('b', 'unpaid', 2), ('c', 'paid', 3)"
)
PAY = (
    "CREATE FUNCTION pay() RETURNS INT LANGUAGE SQL VOLATILE"
    " AS $$ UPDATE orders SET state = 'paid' RETURNING n $$"
)
UNPAID = "SELECT id, n FROM orders WHERE state = 'unpaid' AND id LIKE '%' ORDER BY n"


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str
) -> Iterator[Engine]:
    """A shop's own database."""
    url = f"sqlite:///{tmp_path / 'a shop?.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_empty_url"))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(TABLE))
        connection.execute(text(FILL))
    yield engine
    engine.dispose()


def source(engine: Engine | str, query: str) -> SqlSource:
    url = engine if isinstance(engine, str) else shown(engine)
    return SqlSource.model_validate({"sql": query, "database": url})


def shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, state, n FROM orders ORDER BY n"))
        return [tuple(row) for row in found]


def said(of: SqlSource, most: int = 10) -> str:
    with pytest.raises(SourceError) as caught:
        of.read(most)
    return str(caught.value)


def test_a_query_gives_its_rows_by_the_names_of_its_columns(shop: Engine) -> None:
    assert source(shop, UNPAID).read(10) == [
        Row("row 1", {"id": "a", "n": 1}),
        Row("row 2", {"id": "b", "n": 2}),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT CAST(x'ff733363726574' AS TEXT) AS id",
        "SELECT json_extract('{}', id) FROM (SELECT 's3cret[' AS id)",
    ],
)
def test_no_error_of_sqlite_shows_data(tmp_path: Path, query: str) -> None:
    path = tmp_path / "shop.db"
    sqlite3.connect(path).close()
    why = said(source(f"sqlite:///{path}", query))
    assert "refuses the query: " in why
    assert "s3cret" not in why


def test_a_query_without_rows_is_valid(shop: Engine) -> None:
    assert source(shop, "SELECT id FROM orders WHERE n > 5;").read(10) == []


def test_a_query_may_begin_with_a_name_for_another(shop: Engine) -> None:
    query = (
        "WITH late AS (SELECT id FROM orders) -- all\nSELECT * FROM late ORDER BY id"
    )
    assert [row.values["id"] for row in source(shop, query).read(2)] == ["a", "b"]


def test_at_most_the_given_rows_of_an_endless_query_are_read(
    shop: Engine,
) -> None:
    endless = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i FROM n",
        "postgresql": "SELECT generate_series(1, 10000000000) AS i",
    }[shop.dialect.name]
    assert len(source(shop, endless).read(501)) == 501


CHANGES = [
    "UPDATE orders SET n = 9",
    "UPDATE orders SET n = 9 RETURNING id",
    "DELETE FROM orders RETURNING id, n",
    "INSERT INTO orders VALUES ('x', 'y', 1) RETURNING id",
    "DROP TABLE orders",
    "CREATE TABLE other AS SELECT id FROM orders",
    "SELECT id FROM orders; DELETE FROM orders",
    "COMMIT; DELETE FROM orders",
    "COMMIT",
    " ",
    ";",
]


def test_a_writing_query_changes_nothing_and_is_reported(
    shop: Engine,
) -> None:
    before = rows(shop)
    for query in CHANGES:
        assert "query" in said(source(shop, query)), query
        assert rows(shop) == before, query


def test_the_error_says_that_a_query_may_only_read(shop: Engine) -> None:
    words = said(source(shop, "UPDATE orders SET n = 9 RETURNING id"))
    only = {"sqlite": "does more than read", "postgresql": "read-only transaction"}
    assert only[shop.dialect.name] in words


def test_a_change_hidden_in_a_function_changes_nothing(
    postgres_empty_url: str,
) -> None:
    engine = create_engine(postgres_empty_url)
    with engine.begin() as connection:
        for statement in (TABLE, FILL, PAY, "CREATE SEQUENCE s"):
            connection.execute(text(statement))
    before = rows(engine)
    for query in (
        "SELECT pay()",
        "SELECT nextval('s')",
        "WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x",
        "SELECT set_config('transaction_read_only', 'off', false), id FROM orders",
        "SELECT id FROM orders FOR UPDATE",
    ):
        assert "refuses the query" in said(source(engine, query)), query
    assert rows(engine) == before
    engine.dispose()


def test_sqlite_makes_no_file(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "shop.db").execute(TABLE).connection.close()
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    said(source(url, f"ATTACH DATABASE '{tmp_path / 'new.db'}' AS new"))
    assert "does not exist" in said(
        source(f"sqlite:///{tmp_path / 'no.db'}", "SELECT 1")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


def test_a_query_that_takes_too_long_is_ended(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sql, postgresql):
        monkeypatch.setattr(module, "SECONDS", 0.2)
    endless = "SELECT pg_sleep(60)"
    if shop.dialect.name == "sqlite":
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT max(i) FROM n"
        )
    with pytest.raises(SourceError, match="the query takes longer than") as caught:
        source(shop, endless).read(5)
    assert caught.value.passing


def test_a_wrong_query_is_reported_with_the_databases_message(shop: Engine) -> None:
    words = said(source(shop, "SELECT nothing FROM orders"))
    assert "refuses the query" in words
    assert "nothing" in words


def test_columns_of_one_name_are_refused(shop: Engine) -> None:
    assert said(source(shop, "SELECT id, id FROM orders")) == (
        "the query names id twice: use AS"
    )


def test_no_error_of_postgresql_shows_data(
    postgres_empty_url: str,
) -> None:
    query = "SELECT CAST(x AS INT) FROM (VALUES ('TR56-personal')) AS v(x)"
    words = said(source(postgres_empty_url, query))
    assert "InvalidTextRepresentation (22P02)" in words
    assert "TR56" not in words


@pytest.mark.parametrize(
    ("url", "words", "passing"),
    [
        (
            "mysql://u:s3cret@h/d",
            "names mysql: only sqlite:/// and postgresql://",
            False,
        ),
        ("s3cret", "database is not the URL of a database", False),
        ("postgresql://u:s3cret@h:port/d", "database is not the URL of a datab", False),
        ("postgresql://u:s3cret@127.0.0.1:{port}/d", "Connection refused", True),
        ("postgresql://u:s3cret@127.0.0.1:{port}/d?sslmode=s3cret", "", True),
        ("postgresql://u:s3cret@127.0.0.1:{port}/d?s3cret=s3cret", "", True),
        ("sqlite:///s3cret/no.db", "does not exist", True),
    ],
)
def test_an_unreachable_database_is_reported_without_its_password(
    url: str, words: str, passing: bool
) -> None:
    with pytest.raises(SourceError) as caught:
        source(url.replace("{port}", str(free_port())), "SELECT 1").read(1)
    assert words in str(caught.value)
    if "sqlite" not in url:
        assert "s3cret" not in str(caught.value)
    if words:
        assert caught.value.passing == passing


def test_a_missing_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_URL", raising=False)
    written = {"sql": "SELECT 1", "database": {"env": "NO_SUCH_URL"}}
    words = said(SqlSource.model_validate(written))
    assert words == "database: the variable NO_SUCH_URL is not set"
