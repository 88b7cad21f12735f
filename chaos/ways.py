"""The ways to run, by the names that ``make chaos ARGS=…`` takes."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.failover_way import FailoverWay
from chaos.managed_redis import ManagedRedis
from chaos.pgbouncer_way import PgBouncerWay
from chaos.sentinels import SentinelServers
from chaos.upgrade_way import UpgradeWay
from chaos.way import USUAL, Way

WAYS: Mapping[str, Way] = {
    USUAL: Way(),
    "pgbouncer": PgBouncerWay(),
    "sentinel": FailoverWay(SentinelServers),
    "managed": FailoverWay(ManagedRedis),
    "upgrade": UpgradeWay(),
}
