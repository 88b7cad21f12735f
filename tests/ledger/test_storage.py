"""How PostgreSQL stores the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from rescind.ledger.storage.transactions import open_ledger, reading
from tests.ledger.build import hold, new, take_in

PAGE = 8192
OTHER_ORDERS = """
SELECT relname, attname, collname FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
CROSS JOIN unnest(indcollation) AS used(collation_id)
JOIN pg_collation ON pg_collation.oid = collation_id
JOIN pg_attribute ON attrelid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND collname <> 'C'
  AND relname NOT LIKE 'alembic%'
"""


@pytest.fixture
def postgres(postgres_new_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(postgres_new_ledger_url)
    yield engine
    engine.dispose()


def test_no_index_depends_on_a_languages_collation(postgres: Engine) -> None:
    with reading(postgres) as connection:
        assert connection.execute(text(OTHER_ORDERS)).all() == []


def test_claimed_rows_leave_few_pages_in_the_queue_index(postgres: Engine) -> None:
    for message in range(5):
        take_in(postgres, (new(f"{message}/{n}") for n in range(1000)))
        hold(postgres, limit=1000)
    with reading(postgres) as connection:
        size = text("SELECT pg_relation_size('ix_to_send')")
        # Nothing has been vacuumed: the index still holds all that was ever queued.
        assert connection.execute(size).scalar_one() <= 16 * PAGE
