"""Redis clients that reconnect when their server has become a replica."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import ResponseError

from rescind.errors.redis_refusals import code_of


class _LeavesAReplica:
    """A connection that reconnects after its server has refused a write.

    A planned failover leaves connections to the former master open. Their server then
    refuses every write, while the same address leads to the new master.
    """

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if code_of(error) == "READONLY":
                self.mark_for_reconnect()  # type: ignore[attr-defined]
            raise


class Connection(_LeavesAReplica, redis.Connection):
    """A connection over TCP."""


class SSLConnection(_LeavesAReplica, redis.SSLConnection):
    """A connection over TLS."""


class UnixConnection(_LeavesAReplica, redis.UnixDomainSocketConnection):
    """A connection over a Unix socket."""


CONNECTIONS = {"redis": Connection, "rediss": SSLConnection, "unix": UnixConnection}


def client_of(url: str, **options: Any) -> redis.Redis:
    """A client; raises ``ValueError`` if ``url`` is not the URL of a Redis."""
    kind = CONNECTIONS.get(urlsplit(url).scheme)
    if kind is not None:
        options["connection_class"] = kind
    return redis.Redis.from_url(url, **options)


PING_SECONDS = 3


def redis_client(url: str) -> redis.Redis:
    """A client with short timeouts, for checks whether Redis answers."""
    return client_of(
        url, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )


KINDS = {
    "cluster": "it is part of a Redis Cluster, which cannot be used: give a single"
    " Redis, with a replica for failover",
    "sentinel": "it is a Sentinel, which keeps no messages: give a name or an address"
    " of the master that moves with it",
}


def kind_fault(client: redis.Redis) -> str | None:
    """Why this server cannot be used, or ``None``; raises ``RedisError``."""
    try:
        info: dict[str, Any] = client.info("server")
    except ResponseError as error:
        # A user who may not call INFO is no fault. A cluster refuses databases but 0.
        return KINDS["cluster"] if "cluster mode" in str(error) else None
    return KINDS.get(str(info.get("server_mode") or info.get("redis_mode")))
