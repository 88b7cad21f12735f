"""One address of Redis leads to another server after a failover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import RedisError

from chaos.managed_redis import ManagedRedis
from chaos.replicated_redis import until
from rescind.config.queues import REDIS_OPTIONS
from rescind.config.redis_client import client_of


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ManagedRedis]:
    made = ManagedRedis(tmp_path)
    try:
        made.start(lambda _name, _line: None)
        yield made
    finally:
        made.close()


def test_the_address_leads_to_the_master_after_it_was_lost_and_after_it_was_demoted(
    servers: ManagedRedis,
) -> None:
    with client_of(servers.url, **REDIS_OPTIONS) as client:

        def writes() -> bool:
            try:
                return bool(client.incr("it"))
            except RedisError:
                return False

        def kept() -> int:
            """What the master has, past the proxy."""
            with servers.client() as direct:
                return int(direct.get("it") or 0)

        assert writes()
        assert kept() == 1
        lost = servers.lose_master()
        assert servers.master() is not lost
        until(writes)
        before = kept()
        servers.bring_back(lost)
        servers.demote()
        assert servers.master() is lost
        servers.settle()
        # Its connection is still open, to a server that is a replica now.
        until(writes)
        assert kept() > before
