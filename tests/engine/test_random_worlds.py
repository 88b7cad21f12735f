"""After any events in any order, no order is lost, sent twice or forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.ledger.states import FINAL
from tests.engine.choices import NAMES
from tests.engine.happenings import Happenings, happenings
from tests.engine.invariants import check_ledger

ROUNDS = 400
NUMBERS = st.integers(0, 99)
HAPPENINGS = st.tuples(st.sampled_from(NAMES), NUMBERS, NUMBERS)


@given(first=NUMBERS, events=st.lists(HAPPENINGS, min_size=20, max_size=80))
@settings(max_examples=40)
def test_after_any_events_each_order_ends_once_and_nothing_is_left_over(
    first: int, events: list[tuple[str, int, int]]
) -> None:
    with happenings() as own:
        own.submit(first, 0)
        for name, a, b in events:
            own.happen(name, a, b)
        own.repair_everything()
        if own.stopped:
            it_ends(own)
        else:
            all_ends(own)
        check_ledger(own.world)
        nothing_is_left(own)


def it_ends(own: Happenings) -> None:
    for _ in range(ROUNDS):
        if own.world.engine._has_ended():
            return
        own.round()
    raise AssertionError("an engine does not end after its stop")


def all_ends(own: Happenings) -> None:
    """Check that every order becomes final, and that the engine comes to rest."""
    world = own.world
    for _ in range(ROUNDS):
        own.round()
        world.sweep()
        at_rest = not world.under_way and world.patience() > 1.0
        if at_rest and set(world.states().values()) <= FINAL:
            break
        world.clock.advance(4.0)
    assert set(world.states().values()) <= FINAL, world.states()
    assert world.registry.active == []


def nothing_is_left(own: Happenings) -> None:
    world = own.world
    assert world.limiter.held == []
    for one in world.registry:
        assert one.in_flight == one.running == len(one.ready) == 0
        assert not any((one.inbox, one.urgent, one.results, one.permits))
    with world.ledger.connect() as connection:
        found = connection.exec_driver_sql("SELECT id FROM cancellation")
        known = set(found.scalars())
    for _, future in world.submissions:
        assert future.done()
        if not future.cancelled() and future.exception(0) is None:
            assert future.result(0) <= known, "an accepted order is lost"
