"""A share that cannot be written delays no other share, and is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from rescind.engine.committing import LONGEST_RETRY
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.engine.ledgers import break_lane, mend_lane
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy

BAD, GOOD = lane(0), lane(1)
LEASE_OVER = 120.0


@pytest.fixture
def world(engine: Engine) -> World:
    """Three lanes, on either database."""
    return World(engine, {lane(n): policy(concurrency=2) for n in range(3)})


def events(logged: list[Any]) -> list[str]:
    return [line["event"] for line in logged]


# --- one lane that cannot be written ---


def test_a_lane_that_cannot_be_written_leaves_the_others_going(world: World) -> None:
    break_lane(world.ledger, BAD)
    bad = world.submit_orders("1", BAD)
    good = [world.submit_orders(str(n), lane(n)) for n in (1, 2)]
    world.finish()
    assert [len(one.result(0)) for one in good] == [1, 1]
    assert isinstance(bad.exception(0), Exception)
    assert world.states() == {"1": "cancelled", "2": "cancelled"}
    assert world.orders_under_way(BAD) == []


def test_a_lane_that_cannot_be_written_fails_only_its_own_submissions(
    world: World,
) -> None:
    break_lane(world.ledger, BAD)
    mixed = world.submit(world.new("1", BAD), world.new("2", GOOD))
    other = world.submit_orders("3", GOOD)
    world.finish()
    assert isinstance(mixed.exception(0), Exception)
    assert other.result(0)
    # The good order is written. Sent again, it is a duplicate.
    assert world.states() == {"2": "cancelled", "3": "cancelled"}


def test_a_submission_that_cannot_be_written_fails_no_other_of_its_lane(
    world: World,
) -> None:
    bad = world.submit(world.new("1", metadata={"no": object()}))
    good = world.submit_orders("2")
    world.settle()
    assert isinstance(bad.exception(0), Exception)
    assert good.result(0)
    world.run(LONGEST_RETRY)
    world.finish()
    assert world.states() == {"2": "cancelled"}


def test_a_share_that_could_not_be_written_is_tried_again_with_growing_pauses(
    world: World,
) -> None:
    world.submit_orders("1", BAD)
    world.settle()
    break_lane(world.ledger, BAD)
    world.end_all()
    world.settle()
    pauses = [pause(world)]
    for _ in range(4):
        world.run(pauses[-1] + 0.001)
        pauses.append(pause(world))
    assert pauses == sorted(pauses)
    assert pauses[1] >= 1.5 * pauses[0]
    assert pauses[0] <= 2.0
    assert max(pauses) <= LONGEST_RETRY


def pause(world: World) -> float:
    """Seconds until the broken lane is tried again."""
    return world.operation(of=BAD).not_before - world.clock.monotonic()


def test_the_pauses_of_a_fault_that_lasts_for_days_stay_bounded(world: World) -> None:
    world.operation(of=BAD).faults = 5000
    break_lane(world.ledger, BAD)
    world.submit_orders("1", BAD)
    world.settle()
    assert 0 < pause(world) <= LONGEST_RETRY


def test_a_lane_that_can_be_written_again_goes_on_with_its_results_and_claims(
    world: World,
) -> None:
    with writing(world.ledger) as connection:
        some = [world.new(str(n), BAD) for n in range(6)]
        insert_new(connection, some, NOW)
    world.engine.notify([(BAD, "cancel")])
    world.settle()
    assert len(world.under_way) == 2
    break_lane(world.ledger, BAD)
    world.end_all()
    world.run(5)
    assert world.under_way == []
    mend_lane(world.ledger)
    world.run(LONGEST_RETRY)
    assert len(world.under_way) == 2
    world.finish()
    assert set(world.states().values()) == {"cancelled"}
    assert world.operation(of=BAD).faults == 0


def test_a_result_that_cannot_be_written_is_kept_only_once(world: World) -> None:
    world.submit_orders("12", BAD)
    world.settle()
    break_lane(world.ledger, BAD)
    world.end_all()
    world.step()
    assert len(world.operation(of=BAD).results) == 2
    mend_lane(world.ledger)
    world.run(LONGEST_RETRY)
    assert world.operation(of=BAD).in_flight == 0
    assert world.states() == {"1": "cancelled", "2": "cancelled"}


def test_claims_that_cannot_be_written_are_tried_again(world: World) -> None:
    with writing(world.ledger) as connection:
        insert_new(connection, [world.new("1", BAD), world.new("2", GOOD)], NOW)
    break_lane(world.ledger, BAD)
    world.engine.notify([(BAD, "cancel"), (GOOD, "cancel")])
    world.settle()
    assert world.orders_under_way() == ["2"]
    world.run(60)
    mend_lane(world.ledger)
    world.run(LONGEST_RETRY + 1)
    assert "1" in world.orders_under_way(BAD)


def test_new_orders_that_could_not_be_written_can_be_sent_again(world: World) -> None:
    break_lane(world.ledger, BAD, "INSERT")
    first = world.submit_orders("1", BAD)
    world.settle()
    assert isinstance(first.exception(0), Exception)
    mend_lane(world.ledger, "INSERT")
    again = world.submit_orders("1", BAD)
    world.run(LONGEST_RETRY)
    world.finish()
    assert len(again.result(0)) == 1
    assert world.states() == {"1": "cancelled"}
    assert len(world.executor.begun) == 1


def test_a_broken_lane_is_written_by_itself_and_fails_no_transaction_of_others(
    world: World, logged: list[Any]
) -> None:
    break_lane(world.ledger, BAD)
    for number in range(10):
        world.submit_orders([f"bad-{number}"], BAD)
        world.submit_orders([f"good-{number}"], GOOD)
        world.finish()
        world.clock.advance(LONGEST_RETRY + 1)
    joint = [one for one in events(logged) if one.startswith("a transaction failed")]
    assert len(joint) == 1


def test_a_count_that_fails_fails_no_transaction_of_others(
    memory: Engine, logged: list[Any]
) -> None:
    its = policy(rate="5/second")
    world = World(memory, {BAD: its, GOOD: policy()})
    with writing(memory) as connection:
        connection.exec_driver_sql(
            "INSERT INTO lane (provider, account, failures, paused_until)"
            f" VALUES ('{BAD[0]}', '{BAD[1]}', 0, 9000000000000000000)"
        )
    world.engine.notify([(BAD, "cancel")])
    for number in range(10):
        world.submit_orders([f"good-{number}"], GOOD)
        world.finish()
        world.clock.advance(1)
    joint = [one for one in events(logged) if one.startswith("a transaction failed")]
    assert len(joint) <= 1


# --- the ledger is away ---


def test_results_and_new_orders_are_kept_while_the_ledger_is_away(
    world: World,
) -> None:
    world.submit_orders("12")
    world.settle()
    world.faults.away = True
    world.end_all()
    late = world.submit_orders("34")
    world.run(10)
    assert not late.done()
    world.faults.away = False
    world.run(1)
    world.finish()
    assert len(late.result(0)) == 2
    assert world.states() == dict.fromkeys("1234", "cancelled")


def test_the_engine_rests_while_the_ledger_is_away(world: World) -> None:
    world.submit_orders("12")
    world.settle()
    world.faults.away = True
    world.end_all()
    world.submit_orders("34")
    assert world.run(10) <= 25


def test_nothing_is_called_twice_when_an_acknowledgement_is_lost(world: World) -> None:
    future = world.submit_orders("12")
    world.faults.unacknowledged = 1
    world.run(2)
    # They are in the ledger, so the second try has inserted none.
    assert future.result(0) == frozenset()
    world.finish()
    world.clock.advance(LEASE_OVER)
    world.sweep()
    world.settle()
    assert world.states() == {"1": "verifying", "2": "verifying"}
    assert world.executor.begun == []


def test_a_result_whose_acknowledgement_was_lost_is_recorded_once(
    world: World,
) -> None:
    world.submit_orders("12")
    world.settle()
    world.faults.unacknowledged = 1
    world.end_all()
    world.run(2)
    assert world.states() == {"1": "cancelled", "2": "cancelled"}
    assert world.operation().in_flight == 0
    with writing(world.ledger) as connection:
        calls = connection.exec_driver_sql("SELECT count(*) FROM call").scalar_one()
    assert calls == 2


def test_a_result_whose_lease_has_ended_is_dropped_and_logged(
    world: World, logged: list[Any]
) -> None:
    world.submit_orders("1")
    world.settle()
    world.faults.away = True
    world.end_all()
    world.run(LEASE_OVER)
    assert events(logged).count("results not recorded in time: read back") == 1
    assert world.operation().in_flight == 0
    world.faults.away = False
    world.sweep()
    world.settle()
    assert world.states() == {"1": "verifying"}


def test_calls_behind_a_result_that_is_dropped_are_not_forgotten(
    memory: Engine,
) -> None:
    world = World(memory, {lane(): policy(concurrency=1)})
    world.submit_orders(range(3))
    world.settle()
    quicken(world)
    world.submit_orders(range(10, 14))
    world.settle()
    assert world.operation().ready
    world.faults.away = True
    world.end_all(world.results.throttled)
    world.run(LEASE_OVER)
    world.faults.away = False
    world.run(LONGEST_RETRY)
    for _ in range(3):
        world.sweep()
        world.finish()
        world.clock.advance(60)
    assert set(world.states().values()) == {"cancelled"}
    assert world.operation().in_flight == 0


def quicken(world: World) -> None:
    """Let calls end so fast that the lane claims ahead."""
    for number in range(40):
        world.submit_orders([f"quick-{number}"])
        world.settle()
        world.clock.advance(0.001)
        world.end_all()
        world.settle()


def test_an_abandoned_submission_is_not_inserted_when_the_ledger_is_back(
    world: World,
) -> None:
    world.faults.away = True
    given_up, waits = world.submit_orders("1"), world.submit_orders("2")
    world.run(3)
    assert given_up.cancel()
    world.faults.away = False
    world.run(1)
    world.finish()
    assert waits.result(0)
    assert world.states() == {"2": "cancelled"}


def test_a_ledger_that_goes_away_is_not_tried_for_each_lane_that_is_apart(
    world: World,
) -> None:
    """Each try takes up to 35 s, and the watchdog ends a step after 120 s."""
    for number in range(3):
        world.operation(of=lane(number)).faults = 3
        for order in range(10):
            world.submit_orders([f"{number}-{order}"], lane(number))
    world.faults.away = True
    world.step()
    assert world.faults.tries <= 2
    world.faults.away = False
    world.run(LONGEST_RETRY)
    world.finish()
    assert len(world.states()) == 30


def test_a_retry_that_becomes_due_during_a_step_is_made(
    world: World,
) -> None:
    world.submit_orders("1", BAD)
    world.settle()
    world.faults.away = True
    world.end_all()
    world.step()
    world.faults.away = False
    world.submit_orders("2", GOOD)
    world.faults.meanwhile.append(lambda: world.clock.advance(5))
    world.step()
    world.settle()
    assert world.states()["1"] == "cancelled"


def test_every_submission_is_resolved(world: World) -> None:
    """Each future is resolved, whatever faults the ledger has meanwhile."""
    futures: list[Future[frozenset[str]]] = []
    for number in range(6):
        world.faults.away = number % 3 == 1
        world.faults.unacknowledged = int(number % 3 == 2)
        futures += [world.submit_orders([f"{number}-{n}"], lane(n)) for n in range(3)]
        world.run(0.2)
    world.faults.away, world.faults.unacknowledged = False, 0
    world.run(20)
    assert all(one.done() for one in futures)


# --- PostgreSQL is read-only ---


def test_results_are_kept_while_postgresql_is_read_only(
    postgres_ledger_url: str,
) -> None:
    """As after a failover: the former primary is a standby, and accepts no write."""
    ledger = open_ledger(postgres_ledger_url)
    world = World(ledger, {lane(): policy()})
    world.submit_orders("12")
    world.settle()
    with read_only(postgres_ledger_url):
        world.end_all()
        late = world.submit_orders("34")
        world.run(10)
        assert not late.done()
    world.run(1)
    world.finish()
    assert len(late.result(0)) == 2
    assert world.states() == dict.fromkeys("1234", "cancelled")
    assert all(len(one.orders) == 1 for one in world.executor.begun)
    ledger.dispose()


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """End every session, and make new ones read-only."""
    admin = open_ledger(f"{url}&options=-c%20default_transaction_read_only%3Doff")
    with writing(admin) as connection:
        connection.execute(text(ALTER.format("SET default_transaction_read_only = on")))
        connection.execute(text(END_OTHERS))
    try:
        yield
    finally:
        with writing(admin) as connection:
            connection.execute(text(ALTER.format("RESET ALL")))
        admin.dispose()


ALTER = """
DO $$ BEGIN
  EXECUTE 'ALTER DATABASE ' || current_database() || ' {}';
END $$
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
