"""Prints the history of each seed's world.

``python -m tests.engine.histories SEED ...``
"""

from __future__ import annotations

import random
import sys

from sqlalchemy import select
from structlog.testing import capture_logs

from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading
from tests.engine.choices import NAMES
from tests.engine.happenings import Happenings, happenings

LENGTH = 120


def history_of(seed: int) -> str:
    """Every transition and every call in the world of this seed."""
    chance = random.Random(seed)
    # The sweep goes through the lanes in random order.
    random.seed(seed)
    with happenings(may_stop=False) as own:
        own.submit(chance.randrange(100), 0)
        for _ in range(LENGTH):
            name = chance.choice(NAMES)
            own.happen(name, chance.randrange(100), chance.randrange(100))
        return "\n".join([*_transitions(own), *_calls(own)])


def _transitions(own: Happenings) -> list[str]:
    c, t = CANCELLATION.c, TRANSITION.c
    chosen = (
        select(c.provider, c.account, c.key, t.seq, t.at, t.from_state, t.to_state)
        .join_from(TRANSITION, CANCELLATION, t.cancellation_id == c.id)
        .order_by(t.at, c.provider, c.account, c.key, t.seq)
    )
    with own.world.faults.none(), reading(own.ledger) as connection:
        return [" ".join(map(str, row)) for row in connection.execute(chosen)]


def _calls(own: Happenings) -> list[str]:
    """In the order in which they began."""
    return [
        f"{one.since} {one.call.operation.lane} {one.call.operation.operation}"
        f" {' '.join(one.orders)}"
        for one in own.world.executor.begun
    ]


if __name__ == "__main__":
    with capture_logs():
        print(*(history_of(int(seed)) for seed in sys.argv[1:]), sep="\n")
