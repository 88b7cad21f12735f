"""Redis clients, for each form of RESCIND_REDIS_URL."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import redis
from redis import ConnectionPool
from redis.exceptions import ResponseError

from rescind.config import sentinel_url
from rescind.config.redis_url import is_sentinel
from rescind.config.replica_errors import LeavesAReplica
from rescind.config.sentinel_client import (
    SentinelConnection,
    SentinelSSLConnection,
    master_pool,
)
from rescind.config.settings_error import SettingsError


class Connection(LeavesAReplica, redis.Connection):
    """A connection over TCP."""


class SSLConnection(LeavesAReplica, redis.SSLConnection):
    """A connection over TLS."""


class UnixConnection(LeavesAReplica, redis.UnixDomainSocketConnection):
    """A connection over a Unix socket."""


CONNECTIONS = {"redis": Connection, "rediss": SSLConnection, "unix": UnixConnection}


def client_of(url: str, **options: Any) -> redis.Redis:
    """A client; raises ``ValueError`` if ``url`` is not the URL of a Redis."""
    if is_sentinel(url):
        return redis.Redis.from_pool(_pool(sentinel_url.parse(url), options))
    kind = CONNECTIONS.get(urlsplit(url).scheme)
    if kind is not None:
        options["connection_class"] = kind
    return redis.Redis.from_url(url, **options)


def _pool(found: sentinel_url.Sentinels, options: dict[str, Any]) -> ConnectionPool:
    kind = SentinelConnection if found.tls is None else SentinelSSLConnection
    return master_pool(
        found.hosts,
        found.master,
        found.own_options,
        connection_class=kind,
        db=found.database,
        **found.login,
        **found.certificates,
        **options,
    )


PING_SECONDS = 3


def redis_client(url: str) -> redis.Redis:
    """A client with short timeouts, for checks whether Redis answers."""
    return client_of(
        url, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )


KINDS = {
    "cluster": "it is part of a Redis Cluster, which cannot be used: give a single"
    " Redis, with a replica for failover",
    "sentinel": "it is a Sentinel, which keeps no messages: write it as"
    " sentinel://host:26379?master=name",
}


def kind_fault(client: redis.Redis) -> str | None:
    """Why this server cannot be used, or ``None``; raises ``RedisError``."""
    try:
        info: dict[str, Any] = client.info("server")
    except ResponseError as error:
        # A user who may not call INFO is no fault. A cluster refuses databases but 0.
        return KINDS["cluster"] if "cluster mode" in str(error) else None
    return KINDS.get(str(info.get("server_mode") or info.get("redis_mode")))


def need_right_kind(url: str) -> None:
    """Raise ``SettingsError`` if the server can never be used. It may be away."""
    with suppress(redis.RedisError, OSError), redis_client(url) as client:
        if (fault := kind_fault(client)) is not None:
            raise SettingsError(f"RESCIND_REDIS_URL: {fault}", "redis-url")
