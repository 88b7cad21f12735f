"""A PostgreSQL ledger that many tests use is new to each of them."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.ledger.build import add, hold, new, take_in
from tests.postgres import MOST_BYTES, Databases


def test_one_whose_rows_alone_have_changed_is_lent_again_without_them(
    databases: Databases,
) -> None:
    with databases.ledger() as url:
        engine = open_ledger(url)
        add(engine)
        hold(engine)
        # Somebody is in the middle of something, and never goes on.
        left = engine.connect()
        left.execute(text("UPDATE cancellation SET version = 9"))
    with databases.ledger() as again:
        assert again == url
        other = open_ledger(again)
        assert take_in(other, [new()])
        with reading(other) as connection:
            assert [row.version for row in list_rows(connection, Filter(), 9)] == [1]
        other.dispose()
    left.invalidate()
    engine.dispose()


SET_AN_OPTION = """
DO $$ BEGIN
  EXECUTE 'ALTER DATABASE ' || current_database() || ' SET lock_timeout = 1';
END $$
"""
GROW = f"""
INSERT INTO lane (provider, account, held_reason)
SELECT 'a', i, repeat('x', 1000) FROM generate_series(1, {MOST_BYTES} / 999) i
"""


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id int)",
        "DROP INDEX ix_to_send",
        "CREATE INDEX ix_more ON cancellation (order_id)",
        "ALTER TABLE cancellation DROP CONSTRAINT ck_state",
        "ALTER TABLE cancellation DROP COLUMN polls",
        "UPDATE alembic_version SET version_num = '0001'",
        "ANALYZE",
        "CREATE SCHEMA more",
        SET_AN_OPTION,
        GROW,
    ],
)
def test_one_that_is_not_as_it_was_is_never_lent_again(
    databases: Databases, statement: str
) -> None:
    with databases.ledger() as url:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()
    with databases.ledger() as other:
        assert other != url
