"""A Redis with a replica, and three Sentinels that choose the master."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from chaos.replicated_redis import HOST, ReplicatedRedis, Server, until
from rescind.system.supervisor import Say

MASTER = "rescind"
"""The name that the Sentinels give the master."""
DOWN_SECONDS = 2.0
"""After so long without an answer, a Sentinel takes the master for lost."""


class SentinelServers(ReplicatedRedis):
    """Sentinels promote a server; every client asks them for the master."""

    def __init__(self, home: Path, down: float = DOWN_SECONDS) -> None:
        super().__init__(home)
        self._down = round(down * 1000)
        self.own_password = secrets.token_urlsafe(12)
        names = [f"sentinel-{n}" for n in (1, 2, 3)]
        self.sentinels = [Server(home / "redis", name, "--sentinel") for name in names]
        where = ";".join(f"sentinel://{HOST}:{one.port}" for one in self.sentinels)
        where = where.replace("://", f"://:{self.password}@", 1)
        self.url = f"{where}/0?master={MASTER}&sentinel_password={self.own_password}"

    @property
    def broker(self) -> tuple[str, dict[str, Any]]:
        names = [f"{HOST}:{one.port}" for one in self.sentinels]
        # Kombu tries each URL by itself, so each has the password.
        urls = ";".join(f"sentinel://:{self.password}@{name}/0" for name in names)
        own = {"password": self.own_password}
        return urls, {"master_name": MASTER, "sentinel_kwargs": own}

    def start(self, say: Say) -> None:
        super().start(say)
        for sentinel in self.sentinels:
            sentinel.configure(*self._rules())
            sentinel.start(say)
        until(lambda: all(map(self._knows_all, self.sentinels)))

    def _rules(self) -> tuple[str, ...]:
        return (
            f"requirepass {self.own_password}",
            f"sentinel sentinel-pass {self.own_password}",
            f"sentinel monitor {MASTER} {HOST} {self.servers[0].port} 2",
            f"sentinel auth-pass {MASTER} {self.password}",
            f"sentinel down-after-milliseconds {MASTER} {self._down}",
            f"sentinel failover-timeout {MASTER} {self._down * 5}",
        )

    def master(self) -> Server:
        ports = {self._named_by(one) for one in self.sentinels}
        found = [one for one in self.servers if one.port in ports]
        return found[0] if len(found) == 1 else self._by_role()

    def _by_role(self) -> Server:
        masters = [one for one in self.servers if self._role(one) == "master"]
        return masters[0] if masters else self.servers[0]

    def promote(self, server: Server) -> None:
        # The Sentinels do it. All must agree before the lost server is back:
        # otherwise one of them could still lead a client there.
        until(lambda: {self._named_by(one) for one in self.sentinels} == {server.port})

    def demote(self) -> None:
        former = self.master()
        promoted = self.other(former)
        until(lambda: self._replicates(former))
        until(self._begin_failover)
        self.promote(promoted)

    def _begin_failover(self) -> bool:
        """Whether a Sentinel agreed: it refuses soon after another failover."""
        try:
            with self._asked(self.sentinels[0]) as client:
                return bool(client.execute_command("SENTINEL", "FAILOVER", MASTER))
        except RedisError:
            return False

    def _named_by(self, sentinel: Server) -> int | None:
        """The port of the master, as this Sentinel says."""
        try:
            with self._asked(sentinel) as client:
                return int(client.sentinel_get_master_addr_by_name(MASTER)[1])
        except (RedisError, TypeError):
            return None

    def _knows_all(self, sentinel: Server) -> bool:
        try:
            with self._asked(sentinel) as client:
                found = client.sentinel_master(MASTER)
        except RedisError:
            return False
        return (found["num-slaves"], found["num-other-sentinels"]) == (1, 2)

    def _asked(self, sentinel: Server) -> Redis:
        return sentinel.client(self.own_password)

    def close(self) -> None:
        for sentinel in self.sentinels:
            sentinel.close()
        super().close()
