"""Creates large ledgers quickly: rows as the worker writes them, by plain SQL."""

from __future__ import annotations

from sqlalchemy import create_engine, text

CHUNK = 100_000
"""Rows in each transaction."""
AT = 1_790_000_000_000
"""The time of all events, in milliseconds since the epoch."""
BRANCH, GROUP = "branch", "file"
"""The account of the first ten rows, and the group of one row in ten."""
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s"
    " WHERE n < {last}) SELECT n FROM s)",
    "postgresql": "(SELECT n FROM generate_series({first}, {last}) AS s(n))",
}
ID = {
    "sqlite": "printf('00000000-0000-7000-8000-%012d', {n})",
    "postgresql": "'00000000-0000-7000-8000-' || lpad(({n})::text, 12, '0')",
}
LIST = {"sqlite": "json_group_array({id})", "postgresql": "json_agg({id})"}
ROWS = f"""
INSERT INTO cancellation (id, provider, account, order_id, key, group_name, params,
  meta, state, reason, provider_code, attempts, spent, polls, lost, step, due_at,
  sent_at, urgency, opened_at, created_at, updated_at, finished_at, version)
SELECT {{id}}, 'ithink', CASE WHEN n <= 10 THEN '{BRANCH}' ELSE 'default' END,
  CAST(10000000 + n AS text), CAST(10000000 + n AS text),
  CASE WHEN n % 10 = 1 THEN '{GROUP}' END, '{{{{}}}}', '{{{{}}}}',
  CASE WHEN n % 2 = 0 THEN 'queued' WHEN n % 20 = 1 THEN 'failed' ELSE 'cancelled' END,
  CASE WHEN n % 2 = 0 THEN NULL WHEN n % 20 = 1 THEN 'unresolved' ELSE 'confirmed' END,
  CASE WHEN n % 2 = 1 THEN 'success' END,
  n % 2, n % 2, 0, 0, 0, CASE WHEN n % 2 = 0 THEN {{at}} END,
  CASE WHEN n % 2 = 1 THEN {{at}} END, {{never}}, {{at}}, {{at}}, {{at}},
  CASE WHEN n % 2 = 1 THEN {{at}} END, 1 + 2 * (n % 2)
FROM {{series}} AS numbers
"""
STEPS = """
INSERT INTO transition (cancellation_id, seq, at, from_state, to_state, reason, call_id)
SELECT {id}, step, {at}, CASE step WHEN 2 THEN 'queued' WHEN 3 THEN 'sending' END,
  CASE step WHEN 1 THEN 'queued' WHEN 2 THEN 'sending' WHEN 3 THEN
  CASE WHEN n % 20 = 1 THEN 'failed' ELSE 'cancelled' END END,
  CASE step WHEN 3 THEN CASE WHEN n % 20 = 1 THEN 'unresolved' ELSE 'confirmed' END END,
  CASE step WHEN 3 THEN {call} END
FROM {series} AS numbers
CROSS JOIN (SELECT 1 AS step UNION ALL SELECT 2 UNION ALL SELECT 3) AS steps
WHERE step = 1 OR n % 2 = 1
ORDER BY 1, 2
"""
CALLS = """
INSERT INTO call (id, provider, account, operation, evidence, status, took_ms, body,
  orders, cancellations, at)
SELECT {call}, 'ithink', 'default', 'cancel', 'answered', 200, 180,
  'a body of so many characters, as most of them are', count(*), {ids}, {at}
FROM {series} AS numbers WHERE n % 2 = 1 GROUP BY (n - 1) / {each}
"""
EACH = 200
"""Rows for each call. The finished half of them are its orders."""
LANE = "INSERT INTO lane (provider, account, failures) VALUES ('ithink', 'default', 0)"


def fill(url: str, rows: int) -> None:
    """Insert so many rows of one lane into an empty ledger. Half of them wait."""
    engine = create_engine(url)
    try:
        for first in range(1, rows + 1, CHUNK):
            last = min(first + CHUNK - 1, rows)
            with engine.begin() as connection:
                if engine.dialect.name == "sqlite":
                    connection.execute(text("PRAGMA cache_size=-400000"))
                for statement in _statements(engine.dialect.name, first, last):
                    connection.execute(text(statement))
        with engine.begin() as connection:
            connection.execute(text(LANE))
        with engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            # The database would have done this by itself with time.
            connection.execute(text("ANALYZE"))
    finally:
        engine.dispose()


def _statements(dialect: str, first: int, last: int) -> list[str]:
    own, call = ID[dialect].format(n="n"), ID[dialect].format(n="min(n)")
    given = {
        "id": own,
        "series": SERIES[dialect].format(first=first, last=last),
        "at": AT,
        "never": 2**62,
        "each": EACH,
        "ids": LIST[dialect].format(id=own),
    }
    first_of_call = ID[dialect].format(n=f"n - (n - 1) % {EACH}")
    return [
        ROWS.format(**given),
        STEPS.format(**given, call=first_of_call),
        CALLS.format(**given, call=call),
    ]
