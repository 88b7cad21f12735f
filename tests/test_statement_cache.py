"""The engines of the tests share compiled statements, each kind of database its own."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import column, create_engine, make_url, select
from sqlalchemy.engine import Dialect

from tests.statement_cache import SharedCache


def dialect(kind: str) -> Dialect:
    return make_url(f"{kind}://").get_dialect()()


def compiled(url: str) -> object:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = connection.execute(select(column("1"))).context
    engine.dispose()
    return context.compiled


def test_two_engines_compile_one_statement_once(tmp_path: Path) -> None:
    first, second = (compiled(f"sqlite:///{tmp_path / name}") for name in ("a", "b"))
    assert first is second


def test_another_kind_or_version_of_database_has_statements_of_its_own() -> None:
    cache, known, newer = SharedCache(), dialect("sqlite"), dialect("sqlite")
    newer.server_version_info = (99, 0)
    cache[known, "statement"] = "compiled"
    assert cache.get((dialect("sqlite"), "statement")) == "compiled"
    assert cache.get((dialect("sqlite"), "another")) is None
    assert cache.get((newer, "statement")) is None
    assert cache.get((dialect("postgresql+psycopg"), "statement")) is None
