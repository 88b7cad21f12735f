"""A managed Redis: one address, which leads to another server after a failover."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from chaos.proxy import Proxy
from chaos.replicated_redis import HOST, ReplicatedRedis, Server, until
from rescind.system.supervisor import Say


class ManagedRedis(ReplicatedRedis):
    """Two servers behind one address. Connections to a demoted server stay open."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._cleanup = ExitStack()
        self._master = self.servers[0]
        self._proxy: Proxy

    def start(self, say: Say) -> None:
        super().start(say)
        self._proxy = self._cleanup.enter_context(Proxy(self._master.port))
        self.url = f"redis://:{self.password}@{HOST}:{self._proxy.port}/0"

    def master(self) -> Server:
        return self._master

    def promote(self, server: Server) -> None:
        with server.client(self.password) as client:
            client.replicaof("NO", "ONE")
        self._lead_to(server)

    def demote(self) -> None:
        former, promoted = self._master, self.other(self._master)
        until(lambda: self._replicates(former))
        self.promote(promoted)
        with former.client(self.password) as client:
            client.replicaof(HOST, str(promoted.port))

    def half_open(self, seconds: float) -> None:
        self._proxy.swallow()
        time.sleep(seconds)
        self._proxy.heal()

    def _lead_to(self, server: Server) -> None:
        self._master = server
        self._proxy.lead_to(server.port)

    def close(self) -> None:
        self._cleanup.close()
        super().close()
