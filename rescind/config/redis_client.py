"""Clients of Redis that do not stay with a server that was demoted."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import redis
from redis import exceptions
from redis.exceptions import ResponseError


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


REFUSALS = {
    "OOM": "it has reached maxmemory: give it more, or remove what fills it",
    "MISCONF": "it cannot write to its disk: look at its log, and make room there",
    "READONLY": "it is a replica: RESCIND_REDIS_URL must lead to the master",
    "UNBLOCKED": "it has changed its role, or somebody has unblocked its clients",
    "NOREPLICAS": "too few replicas follow it: see min-replicas-to-write",
    "NOPERM": "the user in RESCIND_REDIS_URL may not do this: see its ACL",
    "MOVED": "it is part of a Redis Cluster, which Rescind cannot use",
    "DB": "it has no database of the number in RESCIND_REDIS_URL",
    "CROSSSLOT": "it is part of a Redis Cluster, which Rescind cannot use",
}
"""What Redis refuses, by the code that its reply begins with, and what to do."""
CODES = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MovedError: "MOVED",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
}
"""redis-py leaves these codes out of the text."""


def code_of(error: Exception) -> str | None:
    """The code of an error reply, if it is one of ``REFUSALS``."""
    if (known := CODES.get(type(error))) is not None:
        return known
    # redis-py puts the beginning of the command before the reply to some.
    reply = str(error).rpartition("caused error: ")[2]
    # Redis 6.2 puts the reply to a script's command at the end of its own.
    found = re.search(rf"(?:^|-)({'|'.join(REFUSALS)}) ", reply)
    return found[1] if found else None


def is_full(error: Exception) -> bool:
    """Whether Redis has no memory left for what it was asked to keep."""
    return code_of(error) == "OOM"


def refusal(error: Exception) -> str:
    """A sentence for an error reply; shows nothing of what was sent."""
    code = code_of(error)
    if code is None:
        return f"Redis refuses ({type(error).__name__})"
    return f"Redis refuses ({code}): {REFUSALS[code]}"
