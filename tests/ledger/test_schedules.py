"""A schedule starts when its timing is first seen."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from rescind.ledger.scheduling.schedule_starts import read_starts, write_starts
from rescind.ledger.storage.transactions import writing
from tests.ledger.build import HOUR, NOW


def known(
    engine: Engine, timings: dict[str, str], now: datetime, names: str = "ab"
) -> dict[str, tuple[str, timedelta]]:
    with writing(engine) as connection:
        write_starts(connection, timings, list(names), now)
        found = read_starts(connection)
    return {name: (timing, at - NOW) for name, (timing, at) in found.items()}


def test_a_schedule_starts_when_its_timing_is_first_seen(
    engine: Engine,
) -> None:
    zero = timedelta(0)
    assert known(engine, {"a": "1", "b": "1"}, NOW) == {
        "a": ("1", zero),
        "b": ("1", zero),
    }
    later = known(engine, {"a": "1", "b": "2"}, NOW + HOUR)
    assert later == {"a": ("1", zero), "b": ("2", HOUR)}
    # A schedule with an error now is kept, and one that is gone is deleted.
    assert known(engine, {}, NOW + HOUR, "a") == {"a": ("1", zero)}
    again = known(engine, {"b": "2"}, NOW + 2 * HOUR)
    assert again == {"a": ("1", zero), "b": ("2", 2 * HOUR)}
