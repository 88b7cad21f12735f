"""Permits come from Redis, in threads that the engine does not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from sqlalchemy import Engine

from rescind.config.accounts import Lane
from rescind.config.queues import REDIS_OPTIONS
from rescind.engine.permits import AWAY, RedisLimiter
from rescind.engine.rate_limiter import Grant, Permit, Rates
from rescind.provider.policy import Policy
from rescind.provider.system_clock import SystemClock
from tests.conftest import free_port
from tests.engine.waiting import SECONDS, until
from tests.engine.world import World, lane
from tests.ledger.build import policy

LIMITED = policy(rate="4/minute")


@pytest.fixture
def its(request: pytest.FixtureRequest) -> Lane:
    """A lane that no other test uses."""
    return ("notpanel", request.node.name)


@pytest.fixture
def limiter(valkey_url: str) -> Iterator[RedisLimiter]:
    made = RedisLimiter(Rates(valkey_url, REDIS_OPTIONS, SystemClock()))
    yield made
    made.close()


def ask(limiter: RedisLimiter, its: Lane, calls: int, of: Policy = LIMITED) -> Grant:
    answers: SimpleQueue[Grant] = SimpleQueue()
    limiter.request(its, of, calls, 1.0, answers.put)
    return answers.get(timeout=SECONDS)


def test_a_rate_is_granted_to_the_last_permit(limiter: RedisLimiter, its: Lane) -> None:
    assert ask(limiter, its, 3).calls == 3
    rest = ask(limiter, its, 3)
    assert rest.calls == 1
    assert rest.wait.total_seconds() > 0


def test_permits_that_were_not_used_can_be_granted_again(
    limiter: RedisLimiter, its: Lane
) -> None:
    found = ask(limiter, its, 4)
    limiter.release(found.places)
    until(lambda: ask(limiter, its, 4).calls == 4, "all of them")


def test_a_permit_without_a_rule_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch, limiter: RedisLimiter, its: Lane
) -> None:
    released: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(limiter._rates, "release", released.append)
        limiter.release([Permit(), Permit()])
        found = ask(limiter, its, 1)
        limiter.release([*found.places, Permit()])
        until(lambda: released, "the permit with a rule")
    assert released == [list(found.places)]


def away() -> RedisLimiter:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    return RedisLimiter(Rates(nowhere, REDIS_OPTIONS, SystemClock()))


def test_while_redis_is_away_nothing_is_granted_and_it_is_asked_again_later(
    its: Lane,
) -> None:
    found = ask(away(), its, 3)
    assert found == Grant((), AWAY)


def test_a_limiter_that_fails_by_a_bug_answers_all_the_same(
    monkeypatch: pytest.MonkeyPatch, its: Lane
) -> None:
    broken = away()

    def fail(*_: object) -> Grant:
        raise LookupError("a bug")

    monkeypatch.setattr(broken._rates, "take", fail)
    assert ask(broken, its, 3) == Grant((), AWAY)


def test_a_redis_that_is_away_holds_nothing_but_the_lanes_that_have_a_rate(
    memory: Engine,
) -> None:
    limited, free = lane(0), lane(1)
    world = World(memory, {limited: LIMITED, free: policy()}, away())
    world.submit_orders(range(3), limited)
    world.submit_orders(range(10, 13), free)

    def is_answered() -> bool:
        world.finish()
        return not world.operation().asking

    until(is_answered, "an answer")
    world.finish()
    done = {order for order, state in world.states().items() if state == "cancelled"}
    assert done == {"10", "11", "12"}
    assert world.operation().permits_at > world.clock.monotonic()
    assert world.run(AWAY.total_seconds() / 2) <= 5
