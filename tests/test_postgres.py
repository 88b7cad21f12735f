"""Each test gets a PostgreSQL ledger that equals a new one."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.ledger.build import add, hold, new, take_in
from tests.postgres import MOST_BYTES, Databases


def test_a_ledger_with_changed_rows_is_cleared_and_reused(
    databases: Databases,
) -> None:
    with databases.ledger() as url:
        engine = open_ledger(url)
        add(engine)
        hold(engine)
        # Another transaction is open, and never ends.
        left = engine.connect()
        left.execute(text("UPDATE cancellation SET version = 9"))
    with databases.ledger() as again:
        assert again == url
        other = open_ledger(again)
        assert take_in(other, [new()])
        with reading(other) as connection:
            assert [row.version for row in list_rows(connection, Wanted(), 9)] == [1]
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
def test_a_ledger_with_other_changes_is_not_reused(
    databases: Databases, statement: str
) -> None:
    with databases.ledger() as url:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()
    with databases.ledger() as other:
        assert other != url
