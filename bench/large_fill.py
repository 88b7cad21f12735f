"""Fills a ledger with millions of rows and their search index, in pieces."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from bench.large_ledger import analyze, large
from bench.ledgers import SERIES

CHUNK = 250_000
APART_MS = 500
"""The time between two orders: five million are a month's."""
BEGUN = 1_792_000_000_000
AT = f"({BEGUN} + n * {APART_MS})"
ID = {
    "sqlite": f"printf('%08x-%04x-7000-8000-%012d', {AT} / 65536, {AT} % 65536, n)",
    "postgresql": f"lpad(to_hex({AT} / 65536), 8, '0') || '-' ||"
    f" lpad(to_hex({AT} % 65536), 4, '0') || '-7000-8000-' || lpad(n::text, 12, '0')",
}
HEX = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(n::text)"}
ROWS = """
INSERT INTO cancellation (id, provider, account, order_id, key, group_name, params,
  meta, state, reason, attempts, spent, polls, lost, step, due_at, sent_at, urgency,
  opened_at, created_at, updated_at, finished_at, version)
SELECT {id}, p, 'default', word, word, g, '{{}}', CAST(
  '{{"shop_order": "S-' || (n * 31 % 9000000 + 1000000) || '"}}' AS {json}), s,
  CASE s WHEN 'queued' THEN NULL WHEN 'failed' THEN 'unresolved'
    WHEN 'rejected' THEN 'not_found' ELSE 'confirmed' END,
  1, 1, 0, 0, 0, CASE s WHEN 'queued' THEN at END, at, {never}, at, at, at,
  CASE WHEN s <> 'queued' THEN at + 60000 END, 3
FROM (SELECT n, {at} AS at,
  CASE n % 10 WHEN 0 THEN 'akinon' WHEN 1 THEN 'dukkango' ELSE 'ithink' END AS p,
  CASE n % 10 WHEN 1 THEN {hex}
    ELSE CAST(n * 7919 % 9000000000 + 1000000000 AS text) END AS word,
  CASE WHEN n % 4 = 0 THEN 'night-' || (n / 100000) END AS g,
  CASE WHEN n % 200 = 7 THEN 'failed' WHEN n % 50 = 3 THEN 'rejected'
    WHEN n % 300 = 9 THEN 'queued' ELSE 'cancelled' END AS s
  FROM {series} AS numbers) AS made
"""
ENTRIES = """
INSERT INTO search_entry (cancellation_id, words)
SELECT id, lower(
  order_id || coalesce({char}(10) || group_name, '') || {char}(10) || {meta})
FROM (SELECT * FROM cancellation WHERE id > :after ORDER BY id LIMIT {chunk}) AS part
ORDER BY id
"""
META = {
    "sqlite": "json_extract(meta, '$.shop_order')",
    "postgresql": "(meta->>'shop_order')",
}
CHAR = {"sqlite": "char", "postgresql": "chr"}


def fill(engine: Engine, rows: int) -> None:
    """Add cancellations until there are this many."""
    while True:
        with large(engine) as connection:
            done = _filled(connection)
            if done < rows:
                _add(connection, done + 1, min(done + CHUNK, rows))
        if done >= rows:
            break
        print(f"{min(done + CHUNK, rows):,} rows", flush=True)
    analyze(engine)


def _filled(connection: Connection) -> int:
    last = connection.execute(text("SELECT max(id) FROM cancellation")).scalar()
    return int(last[-12:]) if last else 0


def _add(connection: Connection, first: int, last: int) -> None:
    kind = connection.dialect.name
    pg = kind == "postgresql"
    # Its times are more than an integer of 32 bits.
    start = f"{first}::bigint" if pg else str(first)
    made = ROWS.format(
        series=SERIES[kind].format(first=start, last=last),
        json="json" if pg else "text",
        id=ID[kind],
        hex=HEX[kind],
        at=AT,
        never=2**62,
    )
    connection.execute(text(made))


# --- the search index -----------------------------------------------------------------


def index(engine: Engine) -> None:
    """Fill the search index as the workers would, but set-wise."""
    pg = engine.dialect.name == "postgresql"
    if pg:
        # One build of the whole takes far less time than five million additions.
        with large(engine) as connection:
            connection.execute(text("DROP INDEX IF EXISTS ix_search_words"))
    while _index_chunk(engine):
        print("indexed", flush=True)
    if pg:
        with large(engine) as connection:
            connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            on = "search_entry USING gin (search_trigrams(words))"
            connection.execute(text(f"CREATE INDEX ix_search_words ON {on}"))
    analyze(engine)


def _index_chunk(engine: Engine) -> bool:
    """Whether there was anything to add."""
    with large(engine) as connection:
        was = _position(connection)
        _add_entries(connection)
        if _position(connection) == was:
            return False
        if engine.dialect.name == "sqlite":
            words = "SELECT position, words FROM search_entry WHERE position > :was"
            full = f"INSERT INTO search_text (rowid, words) {words}"
            connection.execute(text(full), {"was": was})
        _remember(connection)
    return True


def _position(connection: Connection) -> int:
    most = text("SELECT max(position) FROM search_entry")
    return connection.execute(most).scalar() or 0


def _add_entries(connection: Connection) -> None:
    latest = text("SELECT last_id FROM search_progress WHERE lag_seconds = 5")
    after = connection.execute(latest).scalar() or ""
    kind = connection.dialect.name
    filled = ENTRIES.format(meta=META[kind], chunk=CHUNK, char=CHAR[kind])
    connection.execute(text(filled), {"after": after})


def _remember(connection: Connection) -> None:
    last = text("SELECT max(cancellation_id) FROM search_entry")
    given = {"last": connection.execute(last).scalar_one()}
    for lag in (5, 900, 90_000):
        moved = (
            f"INSERT INTO search_progress VALUES ({lag}, :last)"
            " ON CONFLICT (lag_seconds) DO UPDATE SET last_id = excluded.last_id"
        )
        connection.execute(text(moved), given)
