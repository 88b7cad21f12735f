"""The Redis of a run: the server behind the URL of every process."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from chaos.proxy import Proxy
from rescind.system.embedded_redis import EmbeddedRedis
from rescind.system.supervisor import Program, Say, Supervisor

WAIT_SECONDS = 20.0
LOOK_SECONDS = 0.05
STOP_SECONDS = 20.0
RESTART_SECONDS = (0.3,)
"""Seconds until a process that died is started again, after each of its deaths."""


class RedisServers(ABC):
    """One Redis or several, with one of them that takes writes."""

    url: str
    """The URL that every process of the system uses."""

    @property
    def broker(self) -> tuple[str, dict[str, Any]]:
        """The URL and the transport's options for a producer with plain Celery."""
        return self.url, {}

    @abstractmethod
    def start(self, say: Say) -> None:
        """Start the servers, and wait until they answer."""

    @abstractmethod
    def kill(self) -> None:
        """Kill the server that takes writes. It is started again at once."""

    @abstractmethod
    def half_open(self, seconds: float) -> None:
        """Drop every byte for so many seconds, without closing a connection."""

    @abstractmethod
    def client(self) -> Redis:
        """A client that is connected directly to the server that takes writes."""

    @abstractmethod
    def close(self) -> None:
        """Stop all servers."""

    def wait(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until the server that takes writes answers, for at most ``seconds``."""
        give_up = time.monotonic() + seconds
        while not self._answers() and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.ping()
        except ResponseError:
            # A refusal is an answer: Redis refuses even PING after a failed save.
            return True
        except RedisError:
            return False
        return True


class OneRedis(RedisServers):
    """One server behind a proxy."""

    def __init__(self, home: Path) -> None:
        self._server = EmbeddedRedis(home)
        self._supervisor: Supervisor
        self._cleanup = ExitStack()
        self._proxy: Proxy

    def start(self, say: Say) -> None:
        supervisor = Supervisor(say, grace=STOP_SECONDS, delays=RESTART_SECONDS)
        self._supervisor = supervisor
        self._cleanup.callback(supervisor.stop)
        server = self._server
        server.prepare()
        program = Program("redis", server.command, dict(os.environ))
        supervisor.start(program)
        server.wait_until_ready(lambda: "redis" in supervisor.pids)
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        self._proxy = self._cleanup.enter_context(Proxy(port))
        self.url = server.url.replace(f":{port}/", f":{self._proxy.port}/")

    def kill(self) -> None:
        kill_program(self._supervisor, "redis")

    def half_open(self, seconds: float) -> None:
        self._proxy.swallow()
        time.sleep(seconds)
        self._proxy.heal()

    def client(self) -> Redis:
        return Redis.from_url(self._server.url, socket_timeout=5)

    def close(self) -> None:
        self._cleanup.close()


def kill_program(supervisor: Supervisor, name: str) -> None:
    """Kill one program and all processes that it has started, if it runs."""
    pid = supervisor.pids.get(name)
    if pid is None:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
