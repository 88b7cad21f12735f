"""The ways to run, by the names that ``make chaos ARGS=…`` takes."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.failover_way import FailoverWay
from chaos.managed_redis import ManagedRedis
from chaos.sentinels import SentinelServers
from chaos.way import USUAL, Way

WAYS: Mapping[str, Way] = {
    USUAL: Way(),
    "sentinel": FailoverWay(SentinelServers),
    "managed": FailoverWay(ManagedRedis),
}
