"""The system under test: every service a process of its own, on loopback."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from chaos import mutations, points
from chaos.databases import Database, database
from chaos.fault_plan import FAULT_RATE
from chaos.proxy import Proxy
from providers.registry import BY_NAME
from rescind.config.home import write_private
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger
from rescind.sandbox.faults import KINDS
from rescind.sandbox.sandbox_client import Sandbox, running
from rescind.system.embedded_redis import EmbeddedRedis
from rescind.system.supervisor import Lines, Program, Supervisor

WORKERS = ("worker-1", "worker-2")
CONCURRENCY = 12
RESTART_SECONDS = (0.3,)
"""Whoever dies is started again so soon, however often that is."""

SANDBOX: Mapping[str, Any] = {
    "faults": FAULT_RATE,
    "latency_ms": 30.0,
    "settle": 1.0,
    "lag": 0.5,
    "slow_seconds": 1.6,
    "refuse_seconds": 0.1,
    "cooldown": 1.0,
    "notpanel_limit": 0,
    # Most can be cancelled: of those that cannot, Dükkango says too little after a
    # lost answer for anybody to know.
    "cancellable": 0.94,
}

QUICK: Mapping[str, Any] = {
    "connect_timeout": 0.6,
    # Less than a slow answer takes: those are lost answers.
    "read_timeout": 1.0,
    "resend_delays": [0.2, 0.5, 1.0, 2.0],
    "poll_delays": [0.5, 1.0, 1.5],
    "verify_delays": [0.2, 0.6, 1.0, 1.5],
    "backoff": [0.2, 0.5, 1.0],
    "throttle_wait": 0.5,
    "max_attempts": 30,
    "rate": "500/second",
    "read_rate": "300/second",
}
"""Policy for all accounts: the real shape, for a provider whose minute is a second."""
FASTER = 12
"""So many times faster than the real ones are the simulated providers: 20 s and 30 s
become less than 2 s and 2.5 s."""
LONGEST_DOUBT = 2.5
"""Seconds after which any of them has acted, if it acts at all."""
LONGEST_QUEUE = 4.0
"""Seconds for which a cancel waits at notpanel, at most."""

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    # Without a rate an order can come into the ledger as it is about to be sent.
    "iletimerkezi": {"key": "chaos-key", "hash": "chaos-hash", "rate": "none"},
    "dukkango": {
        "app_secret_key": "chaos-app",
        "rest_secret_key": "chaos-restaurant",
        "read_rate": "1/second",
    },
    "akinon": {"username": "chaos", "password": "chaos-password"},
    "ithink": {"access_token": "chaos-token", "secret_key": "chaos-secret"},
    "notpanel": {"key": "chaos-panel-key", "rate": "none"},
}


class House:
    """Redis behind a proxy, a database, two workers, beat, and the providers."""

    def __init__(
        self,
        home: Path,
        kind: str,
        seed: int,
        mutation: str | None = None,
        patience: float = 60.0,
    ) -> None:
        self.home = home
        self._kind = kind
        self._seed = seed
        self._mutation = mutation
        self._patience = patience
        self._cleanup = ExitStack()

    sandbox: Sandbox
    database: Database
    proxy: Proxy
    redis_url: str
    direct_url: str
    armoury: points.Armoury

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def pids(self) -> dict[str, int]:
        return self._supervisor.pids

    def environment(self) -> dict[str, str]:
        """What every process of the system, and the command line, is told."""
        return os.environ | {
            "RESCIND_HOME": str(self.home),
            "RESCIND_ACCOUNTS": str(self.home / "accounts.toml"),
            "RESCIND_REDIS_URL": self.redis_url,
            "RESCIND_DATABASE_URL": self.database.url,
            "RESCIND_SEAL_KEY": self._seal_key,
            "RESCIND_CONCURRENCY": str(CONCURRENCY),
            "PYTHONUNBUFFERED": "1",
            points.FOLDER: str(self.home),
            mutations.NAME: self._mutation or "",
        }

    def kill(self, name: str) -> None:
        """End one program, and all that it has started, at once."""
        pid = self.pids.get(name)
        if pid is not None:
            _killpg(pid)

    def worker_at_work(self, seconds: float) -> str | None:
        """The worker that has been at work for longest, if for so long; never the one
        that is frozen."""
        pids, frozen = self.pids, self.armoury.frozen()
        running = [name for name in WORKERS if name in pids and pids[name] != frozen]
        ages = {name: self.armoury.ready_for(pids[name]) for name in running}
        name = max(ages, key=lambda one: ages[one], default=None)
        return name if name is not None and ages[name] >= seconds else None

    def start_beat(self, number: int) -> Callable[[], None]:
        """One more beat; gives back what ends it for good."""
        keeper = Supervisor(self._lines, delays=RESTART_SECONDS)
        keeper.start(self._beat(number))
        self._cleanup.callback(keeper.kill)
        return keeper.kill

    def redis(self) -> Redis:
        """Past the proxy."""
        return Redis.from_url(self.direct_url, socket_timeout=5)

    # --- starting ---

    def _start(self) -> None:
        enter = self._cleanup.enter_context
        self._log = enter((self.home / "log").open("w", encoding="utf-8"))
        self._lines = Lines(self._log)
        self.armoury = points.Armoury(self.home)
        self.sandbox = enter(running(seed=self._seed, **SANDBOX))
        self.sandbox.faults(kinds=(*KINDS, "late"))
        self._write_accounts()
        self.database = database(self._kind, self.home)
        self._cleanup.callback(self.database.close)
        self._supervisor = Supervisor(self._lines, grace=20, delays=RESTART_SECONDS)
        self._cleanup.callback(self._supervisor.stop)
        self._start_redis()
        self._seal_key = _fresh_seal_key()
        engine = open_ledger(self.database.url)
        upgrade(engine)
        engine.dispose()
        for name in WORKERS:
            self._supervisor.start(self._worker(name))
        self._supervisor.start(self._beat(1))

    def _start_redis(self) -> None:
        server = EmbeddedRedis(self.home)
        server.prepare()
        env = dict(os.environ)
        self._supervisor.start(Program("redis", server.command, env, stage=0))
        server.wait_until_ready(lambda: "redis" in self.pids)
        self.direct_url = server.url
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        self.proxy = self._cleanup.enter_context(Proxy(port))
        self.redis_url = server.url.replace(f":{port}/", f":{self.proxy.port}/")

    def _worker(self, name: str) -> Program:
        command = (
            *(sys.executable, "-m", "celery", "-q", "-A", "chaos.chaos_app", "worker"),
            *("-n", f"{name}@chaos", "--loglevel", "WARNING", "-c", str(CONCURRENCY)),
            *("--without-mingle", "--without-gossip"),
        )
        return Program(name, command, self.environment())

    def _beat(self, number: int) -> Program:
        schedule = str(self.home / f"beat-{number}")
        command = (
            *(sys.executable, "-m", "celery", "-q", "-A", "worker", "beat"),
            *("-s", schedule, "--pidfile=", "--loglevel", "WARNING"),
        )
        return Program(f"beat-{number}", command, self.environment())

    def _write_accounts(self) -> None:
        waits = {"verify_for": self._patience, "poll_for": self._patience}
        tables = []
        for name, own in ACCOUNTS.items():
            address = {"base_url": self.sandbox.base_url(name)}
            values = {**address, **QUICK, **_doubts(name), **waits, **own}
            lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
            tables.append("\n".join([f"[{name}.default]", *lines]))
        write_private(self.home / "accounts.toml", "\n\n".join(tables) + "\n")

    def wait_for_redis(self, seconds: float = 20) -> None:
        """Until it answers, past the proxy."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            try:
                with self.redis() as client:
                    client.ping()
            except RedisError:
                time.sleep(0.05)
            else:
                return


def _doubts(name: str) -> dict[str, float]:
    """What the provider's own policy says of calls whose answers were lost, as fast as
    everything is here. One that says too little says too little here, too."""
    policy = BY_NAME[name].policy
    trusted = policy.active_trusted_after.total_seconds() / FASTER
    queued = policy.queued_for.total_seconds()
    return {
        "active_trusted_after": min(trusted, LONGEST_DOUBT),
        "queued_for": min(queued, LONGEST_QUEUE),
    }


def _killpg(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _fresh_seal_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
