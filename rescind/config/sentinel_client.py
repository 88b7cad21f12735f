"""Connections to the master that Sentinels name, also after a failover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from rescind.config.replica_errors import LeavesAReplica

ASK_SECONDS = 1.0
"""How long a Sentinel may take to answer; then the next one is asked."""


class SentinelConnection(LeavesAReplica, SentinelManagedConnection):
    """A connection over TCP. Each connect asks the Sentinels for the master."""


class SentinelSSLConnection(LeavesAReplica, SentinelManagedSSLConnection):
    """The same over TLS."""


class MasterPool(SentinelConnectionPool):
    """Connections to the master. ``disconnect`` closes those to the Sentinels too."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.sentinel_manager.close()


def master_pool(
    hosts: Iterable[tuple[str, int]],
    master: str,
    own_options: Mapping[str, Any],
    **options: Any,
) -> MasterPool:
    """``own_options`` are for connections to Sentinels, ``options`` for the master."""
    patience = {
        "socket_timeout": ASK_SECONDS,
        "socket_connect_timeout": ASK_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    asked = Sentinel(  # type: ignore[no-untyped-call]
        [(host, port) for host, port in hosts],
        sentinel_kwargs={**patience, **own_options},
    )
    return MasterPool(  # type: ignore[no-untyped-call]
        master, asked, **options
    )
