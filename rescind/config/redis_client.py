"""Clients of Redis that do not stay with a server that was demoted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import ResponseError

from rescind.errors.redis_refusals import code_of


class _LeavesAReplica:
    """A connection that is made again after its server has refused to write.

    A planned failover leaves connections to the former master open. Each would refuse
    every write, while the same address leads to the new master.
    """

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if code_of(error) == "READONLY":
                self.mark_for_reconnect()  # type: ignore[attr-defined]
            raise


class Connection(_LeavesAReplica, redis.Connection):
    """Over TCP."""


class SSLConnection(_LeavesAReplica, redis.SSLConnection):
    """Over TLS."""


class UnixConnection(_LeavesAReplica, redis.UnixDomainSocketConnection):
    """Over a socket of this machine."""


CONNECTIONS = {"redis": Connection, "rediss": SSLConnection, "unix": UnixConnection}


def client_of(url: str, **options: Any) -> redis.Redis:
    """A client; raises ``ValueError`` for a URL that is none of Redis."""
    kind = CONNECTIONS.get(urlsplit(url).scheme)
    if kind is not None:
        options["connection_class"] = kind
    return redis.Redis.from_url(url, **options)


PING_SECONDS = 3


def redis_client(url: str) -> redis.Redis:
    """A client that gives up soon."""
    return client_of(
        url, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )


KINDS = {
    "cluster": "it is part of a Redis Cluster, which cannot be used: give one Redis,"
    " with a replica that takes its place",
    "sentinel": "it is a Sentinel, which keeps no messages: give the address of the"
    " master, a name or an address that moves with it",
}


def kind_fault(client: redis.Redis) -> str | None:
    """Why this is no Redis that can be used, if it says so; raises ``RedisError``."""
    try:
        info: dict[str, Any] = client.info("server")
    except ResponseError as error:
        # Not to be asked is no fault; a database other than 0 is refused by a cluster.
        return KINDS["cluster"] if "cluster mode" in str(error) else None
    return KINDS.get(str(info.get("server_mode") or info.get("redis_mode")))
