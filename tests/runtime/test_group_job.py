"""A worker tells the ends of groups beside its other periodic work."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS
from rescind.ledger.changes.group_ends import look
from rescind.ledger.reading.ended_groups import QUIET
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.runtime import group_job, periodic_jobs
from rescind.runtime.group_job import GroupJob
from rescind.runtime.periodic_jobs import ScheduleJob, SweepJob, jobs_with
from tests.ledger.build import NOW, SECOND, new, progress, take_in
from tests.ledger.delivering import holding

LATER = NOW + QUIET + SECOND


class AtOnce:
    """A background job that runs in the thread that notifies it."""

    def __init__(self, _name: str, job: Callable[[], None], _bound: float) -> None:
        self.notify = job


def test_a_sweep_has_the_ends_of_groups_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic_jobs, "BackgroundJob", AtOnce)
    one = new(
        group="g",
        on_group_end="https://shop.example.com/",
        progress=progress(State.CANCELLED),
    )
    take_in(engine, [one])
    made: dict[str, Any] = {}
    here = SimpleNamespace(
        engine=engine,
        accounts=Accounts({}),
        callbacks=NO_CALLBACKS,
        clock=SimpleNamespace(now=lambda: LATER),
    )
    lanes = SimpleNamespace(notify=list)

    def notify(job: str) -> None:
        if job == "groups":
            made[job].notify()

    known = {"here": here, "engine": lanes, "notify": notify, "moved": list}
    host = cast("Any", SimpleNamespace(**known))
    made |= jobs_with(lambda *_, **__: None)(host)
    SweepJob(host, cast("ScheduleJob", SimpleNamespace(fire=list))).run()
    [held] = holding(engine, now=LATER)
    assert (held.type, held.record["group"]) == ("group.ended", "g")


def test_a_ledger_that_is_away_ends_no_thread(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise LedgerUnreachableError("it is away")

    monkeypatch.setattr(group_job, "watched_groups", away)
    GroupJob(engine, lambda: LATER).run()


def test_a_group_that_cannot_be_read_stops_no_other_group(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: dict[str, Any] = {
        "on_group_end": "https://shop.example.com/",
        "progress": progress(State.CANCELLED),
    }
    take_in(engine, [new("1", group="a", **ended), new("2", group="b", **ended)])
    read = look

    def too_large(engine: Engine, names: Any, now: Any) -> Any:
        if "a" in names:
            raise LedgerUnreachableError("it took too long")
        return read(engine, names, now)

    monkeypatch.setattr(group_job, "AT_ONCE", 1)
    monkeypatch.setattr(group_job, "look", too_large)
    job = GroupJob(engine, lambda: LATER)
    job.run()
    job.run()
    [held] = holding(engine, now=LATER)
    assert held.record["group"] == "b"


def test_it_shows_after_each_group_that_it_does_not_hang(engine: Engine) -> None:
    ended: dict[str, Any] = {
        "on_group_end": "https://shop.example.com/",
        "progress": progress(State.CANCELLED),
    }
    take_in(engine, [new(f"{n}", group=f"g{n}", **ended) for n in range(3)])
    moved: list[int] = []
    GroupJob(engine, lambda: LATER, lambda: moved.append(1)).run()
    assert len(moved) == 3
    assert len(holding(engine, now=LATER)) >= 1
