"""Large ledgers, made in a hurry: rows as the worker leaves them, by plain SQL."""

from __future__ import annotations

from sqlalchemy import create_engine, text

CHUNK = 50_000
"""Rows in a transaction."""
AT = 1_790_000_000_000
"""When all of it happened, in milliseconds."""
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s"
    " WHERE n < {last}) SELECT n FROM s)",
    "postgresql": "(SELECT n FROM generate_series({first}, {last}) AS s(n))",
}
ID = {
    "sqlite": "printf('00000000-0000-7000-8000-%012d', n)",
    "postgresql": "'00000000-0000-7000-8000-' || lpad(n::text, 12, '0')",
}
ROWS = """
INSERT INTO cancellation (id, provider, account, order_id, key, params, meta, state,
  reason, attempts, spent, polls, lost, step, due_at, urgency, opened_at, created_at,
  updated_at, finished_at, version)
SELECT {id}, 'ithink', 'default', CAST(10000000 + n AS text),
  CAST(10000000 + n AS text), '{{}}', '{{}}',
  CASE WHEN n % 2 = 0 THEN 'queued' WHEN n % 20 = 1 THEN 'failed' ELSE 'cancelled' END,
  CASE WHEN n % 2 = 0 THEN NULL WHEN n % 20 = 1 THEN 'unresolved' ELSE 'confirmed' END,
  n % 2, n % 2, 0, 0, 0, CASE WHEN n % 2 = 0 THEN {at} END, {never}, {at}, {at}, {at},
  CASE WHEN n % 2 = 1 THEN {at} END, 1 + 2 * (n % 2)
FROM {series} AS numbers
"""
STEPS = """
INSERT INTO transition (cancellation_id, seq, at, from_state, to_state, reason)
SELECT {id}, step, {at}, CASE step WHEN 2 THEN 'queued' WHEN 3 THEN 'sending' END,
  CASE step WHEN 1 THEN 'queued' WHEN 2 THEN 'sending' ELSE 'cancelled' END,
  CASE step WHEN 3 THEN 'confirmed' END
FROM {series} AS numbers
CROSS JOIN (SELECT 1 AS step UNION ALL SELECT 2 UNION ALL SELECT 3) AS steps
WHERE step = 1 OR n % 2 = 1
"""
LANE = "INSERT INTO lane (provider, account, failures) VALUES ('ithink', 'default', 0)"


def fill(url: str, rows: int) -> None:
    """Put so many rows of one lane into an empty ledger, half of them waiting."""
    engine = create_engine(url)
    try:
        for first in range(1, rows + 1, CHUNK):
            last = min(first + CHUNK - 1, rows)
            with engine.begin() as connection:
                for statement in _statements(engine.dialect.name, first, last):
                    connection.execute(text(statement))
        with engine.begin() as connection:
            connection.execute(text(LANE))
        with engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            # What the database's own housekeeping would have done by then.
            connection.execute(text("ANALYZE"))
    finally:
        engine.dispose()


def _statements(dialect: str, first: int, last: int) -> list[str]:
    given = {
        "id": ID[dialect],
        "series": SERIES[dialect].format(first=first, last=last),
        "at": AT,
        "never": 2**62,
    }
    return [statement.format(**given) for statement in (ROWS, STEPS)]
