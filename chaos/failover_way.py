"""The ways in which Redis fails over to its replica."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from chaos.fault_schedule import PlannedFault
from chaos.redis_refusals import REFUSALS
from chaos.redis_servers import RedisServers
from chaos.replicated_redis import ReplicatedRedis
from chaos.scales import Scale
from chaos.way import Means, Way

LOST, DEMOTED, LOOKED = "lose master", "demote master", "look for lost messages"
LOOKS, LOOK_SECONDS = 12, 5.0
"""How often the producers look at the end, until the ledger shows all that they sent,
and how long they wait between two looks."""
AWAY_SECONDS = 4.0
"""How long a lost master stays away after the failover."""


class FailoverWay(Way):
    """The master is killed, and another time demoted. Its replica takes over.

    A replica may lack the last messages of a lost master. So the producers look in the
    ledger for what they sent, and send again what it does not show.
    """

    # Sentinels may answer a refusal with a failover of their own, so a refusal could
    # not be ended at the server at which it began. The usual way has them all.
    left_out = frozenset({"kill redis", "half-open redis", *REFUSALS})
    waited_for = frozenset({LOST, DEMOTED, LOOKED})

    def __init__(self, servers: Callable[[Path], ReplicatedRedis]) -> None:
        self._servers = servers

    def redis(self, home: Path) -> RedisServers:
        return self._servers(home)

    def faults(self, scale: Scale) -> list[PlannedFault]:
        at = scale.seconds
        return [
            PlannedFault(0.06 * at, LOST, AWAY_SECONDS),
            PlannedFault(0.5 * at, DEMOTED),
            # A slow machine may see a failover that nobody planned, also later.
            PlannedFault(at, LOOKED),
        ]

    def deals(self, means: Means) -> Mapping[str, Callable[[PlannedFault], None]]:
        def lose(fault: PlannedFault) -> None:
            with means.outages.noted("redis master lost"):
                lost = _servers(means).lose_master()
            time.sleep(fault.seconds)
            _servers(means).bring_back(lost)
            means.send_lost_again()

        def demote(_fault: PlannedFault) -> None:
            _servers(means).demote()
            _servers(means).settle()
            means.send_lost_again()

        def look(_fault: PlannedFault) -> None:
            for _ in range(LOOKS):
                if not means.send_lost_again():
                    return
                time.sleep(LOOK_SECONDS)

        return {LOST: lose, DEMOTED: demote, LOOKED: look}


def _servers(means: Means) -> ReplicatedRedis:
    return cast("ReplicatedRedis", means.system.redis_servers)
