"""Measures what the indexes of lists and of the search cost a worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from rescind.browse.search_indexing import PASSES, index_some
from rescind.ledger.changes.claims import Wanted as Claim
from rescind.ledger.changes.claims import claim_many
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.progress import Change, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.postgres_statements import WHOLE
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason

LANE = ("ithink", "default")
BATCH, BATCHES = 1_000, 30
ENDED_INDEX = (
    "CREATE INDEX ix_ended ON cancellation"
    " (provider, account, state, finished_at, id) WHERE finished_at IS NOT NULL"
)
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


Speed = tuple[float, float]
"""Orders a second, and this process's time for each in µs: the second is worth more on
a loaded machine, but leaves out PostgreSQL's own time."""


def inserts(engine: Engine, url: str) -> None:
    """Print the speed of insert, claim and record, with and without the indexes."""
    _run(engine, "DROP INDEX ix_ended")
    _cycles(engine, 5)
    _compare(engine, url)
    _run(engine, "DROP INDEX ix_ended")
    _compare(engine, url)
    _say("the search job alone", _indexing(engine))


def _compare(engine: Engine, url: str) -> None:
    _say("without ix_ended", _cycles(engine, BATCHES))
    _run(engine, ENDED_INDEX)
    _say("with it", _cycles(engine, BATCHES))
    with _indexer(url):
        _say("with it, and the search job beside it", _cycles(engine, BATCHES))


def _run(engine: Engine, statement: str) -> None:
    with writing(engine, seconds=None) as connection:
        connection.execute(text(statement))


@contextmanager
def _indexer(url: str) -> Iterator[None]:
    """The search job, in a process of its own."""
    command = [sys.executable, "-c", INDEXER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as job:
        if job.stdout is not None:
            job.stdout.readline()
        try:
            yield
        finally:
            job.terminate()


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
        for statement in WHOLE if engine.dialect.name == "postgresql" else ():
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
