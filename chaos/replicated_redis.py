"""A Redis with a replica: its master is lost, or demoted, and the replica promoted."""

from __future__ import annotations

import os
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from chaos.redis_servers import (
    LOOK_SECONDS,
    RESTART_SECONDS,
    STOP_SECONDS,
    kill_program,
)
from chaos.redis_servers import RedisServers as Servers
from rescind.system.embedded_redis import free_port, server_binary
from rescind.system.supervisor import Program, Say, Supervisor

HOST = "127.0.0.1"
PATIENCE = 60.0
"""How long to wait for a change of roles, on a slow machine."""


class Server:
    """One process of Redis or of a Sentinel, with a folder of its own."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.name = name
        self.port = free_port()
        self._words = words
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self._file = self.folder / "server.conf"
        self._supervisor: Supervisor

    def configure(self, *lines: str) -> None:
        """Write the configuration. The server itself adds to it later."""
        own = (f"port {self.port}", f"bind {HOST}", f'dir "{self.folder}"')
        self._file.write_text("\n".join((*own, *lines)) + "\n")

    def start(self, say: Say) -> None:
        self._supervisor = Supervisor(say, grace=STOP_SECONDS, delays=RESTART_SECONDS)
        command = (str(server_binary()), str(self._file), *self._words)
        self._supervisor.start(Program(self.name, command, dict(os.environ)))

    def kill(self) -> None:
        """Kill the process. It is started again at once."""
        kill_program(self._supervisor, self.name)

    def end(self) -> None:
        """Kill the process for good."""
        self._supervisor.kill()

    def close(self) -> None:
        self._supervisor.stop()

    def client(self, password: str) -> Redis:
        return Redis(host=HOST, port=self.port, password=password, socket_timeout=5)


class ReplicatedRedis(Servers):
    """Two servers, one of which takes writes."""

    def __init__(self, home: Path) -> None:
        self.password = secrets.token_urlsafe(12)
        self.servers = [Server(home / "redis", f"redis-{n}") for n in (1, 2)]
        self._say: Say

    def start(self, say: Say) -> None:
        self._say = say
        first, second = self.servers
        first.configure(*self._settings())
        second.configure(*self._settings(), f"replicaof {HOST} {first.port}")
        for server in self.servers:
            server.start(say)
        until(lambda: self._role(second) == "slave" and self._replicates(first))

    def _settings(self) -> tuple[str, ...]:
        return (
            f"requirepass {self.password}",
            f"masterauth {self.password}",
            "appendonly yes",
            'save ""',
            "maxmemory-policy noeviction",
            # Without the wait for more replicas, a full copy takes no five seconds.
            "repl-diskless-sync-delay 0",
        )

    @abstractmethod
    def master(self) -> Server:
        """The server to which the URL leads."""

    @abstractmethod
    def promote(self, server: Server) -> None:
        """Make this server the master, although the other one is lost, and wait."""

    @abstractmethod
    def demote(self) -> None:
        """Promote the other server, and wait. The former master stays up: see
        ``settle``."""

    def lose_master(self) -> Server:
        """Kill the master, and wait until the other server is the master."""
        lost = self.master()
        lost.end()
        self.promote(self.other(lost))
        return lost

    def bring_back(self, lost: Server) -> None:
        """Start a lost server as a replica, and wait until it is one."""
        lost.configure(*self._settings(), f"replicaof {HOST} {self.other(lost).port}")
        lost.start(self._say)
        self.settle()

    def settle(self) -> None:
        """Wait until the other server is a replica of the master."""
        until(lambda: self._role(self.other(self.master())) == "slave")

    def kill(self) -> None:
        self.master().kill()

    def half_open(self, seconds: float) -> None:
        raise NotImplementedError("no proxy is in front of these servers")

    def client(self) -> Redis:
        return self.master().client(self.password)

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def other(self, one: Server) -> Server:
        first, second = self.servers
        return second if one is first else first

    def _role(self, server: Server) -> str | None:
        """``master`` or ``slave``; ``None`` if the server does not answer."""
        try:
            with server.client(self.password) as client:
                return str(client.info("replication")["role"])
        except RedisError:
            return None

    def _replicates(self, server: Server) -> bool:
        try:
            with server.client(self.password) as client:
                found = client.info("replication").get("slave0")
        except RedisError:
            return False
        return isinstance(found, dict) and found["state"] == "online"


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until ``holds``; raises ``TimeoutError`` after so many seconds."""
    give_up = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up:
            raise TimeoutError("the servers of Redis did not change their roles")
        time.sleep(LOOK_SECONDS)
