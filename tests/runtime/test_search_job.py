"""The search job indexes what is accepted, in one process at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from rescind.browse import search_indexing
from rescind.browse.part_search import _by_index
from rescind.browse.wanted import Wanted
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.storage.transactions import reading, writing
from rescind.runtime import search_job
from rescind.runtime.search_job import LEASE, SearchJob
from tests.ledger.build import add
from tests.tasks.conftest import until


@pytest.fixture(autouse=True)
def _no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search_indexing, search_job):
        monkeypatch.setattr(module, "PASSES", (timedelta(0),))
    monkeypatch.setattr(search_job, "REST_SECONDS", 0.0)


def indexed(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        found = _by_index(connection, ["part"], Wanted(), 10, 2**62)
    return [row.id for row in found.rows]


def test_what_is_accepted_is_indexed(engine: Engine) -> None:
    job, ids = SearchJob(engine), [add(engine, order=f"part-{n}") for n in range(3)]

    def done() -> bool:
        job.run()
        return indexed(engine) == ids[::-1]

    until(done, "all are indexed")
    job.run()
    assert indexed(engine) == ids[::-1]


def test_only_one_process_indexes_at_a_time(engine: Engine) -> None:
    job, one = SearchJob(engine), add(engine, order="part-1")
    later = datetime.now(UTC) + timedelta(seconds=1)

    def ready() -> bool:
        with reading(engine) as connection:
            return search_indexing.anything_to_index(connection, later)

    until(ready, "there is something to index")
    with writing(engine) as connection:
        assert acquire(connection, LEASE, "another", 60, datetime.now(UTC))
    job.run()
    assert indexed(engine) == []
    with writing(engine) as connection:
        release(connection, LEASE, "another")

    def done() -> bool:
        job.run()
        return indexed(engine) == [one]

    until(done, "it is indexed")
