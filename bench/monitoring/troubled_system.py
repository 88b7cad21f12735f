"""Runs a whole system with simulated providers, of which several are in trouble."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from rescind.config.access_tokens import OWN_TOKEN
from rescind.config.home import write_private
from rescind.config.settings import Settings
from rescind.demo.demo_setup import QUICK, SANDBOX
from rescind.sandbox.installed_simulations import simulations
from rescind.sandbox.sandbox_client import Sandbox, running
from rescind.system.local_system import System

SECOND = 1.0
BUSY = (
    *(("akinon", "default"), ("dukkango", "kadikoy"), ("dukkango", "moda")),
    *(("iletimerkezi", "default"), ("ithink", "default"), ("notpanel", "default")),
)
SLOW, THROTTLED, HELD = ("notpanel", "slow"), ("notpanel", "busy"), ("akinon", "outlet")
WRONG_KEY, DOWN = ("iletimerkezi", "old-key"), ("ithink", "warehouse")
REMOVED = ("notpanel", "removed")
IDLE = tuple(("dukkango", f"branch-{n}") for n in range(1, 13))
TROUBLED = (SLOW, THROTTLED, HELD, WRONG_KEY, DOWN, REMOVED)
POLICIES: dict[tuple[str, str], dict[str, object]] = {
    SLOW: {"rate": "6/minute", "batch": 1},
    WRONG_KEY: {"key": "wrong"},
    DOWN: {"backoff": [5, 10, 15], "give_up_after": 60},
}
SCENARIO = """
[[calls]]
provider = "notpanel"
account = "busy"
call = "cancel"
steps = ["throttle"]
repeat = true

[[calls]]
provider = "ithink"
account = "warehouse"
steps = ["drop_before"]
repeat = true
"""
RULE = """
[{name}]
every = "1h"
max = {most}
provider = "notpanel"
source = {{ file = "{file}" }}
map = {{ order = "order" }}
"""
EVENTS = {15: "hold", 20: "schedules", 45: "kill", 60: "remove", 75: "retry"}
"""What happens after so many seconds."""
Lane = tuple[str, str]


@dataclass(slots=True)
class Troubled:
    """A running system, and what was submitted to it."""

    home: Path
    system: System
    sandbox: Sandbox
    receiver: str
    """Where webhooks go."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1000))

    @property
    def api_url(self) -> str:
        assert self.system.api_url is not None  # noqa: S101
        return self.system.api_url

    @property
    def token(self) -> str:
        return (self.home / OWN_TOKEN).read_text().strip()

    def work(self, seconds: int) -> None:
        """Submit each second, and let each of ``EVENTS`` happen."""
        for second in range(seconds):
            began = time.monotonic()
            self._submit(second)
            if second in EVENTS:
                getattr(self, f"_{EVENTS[second]}")()
            time.sleep(max(0.0, SECOND - (time.monotonic() - began)))

    def _submit(self, second: int) -> None:
        # Trouble begins when Prometheus has seen the counters at 0.
        troubled = TROUBLED if second % 5 == 0 and second > 10 else ()
        lanes = [*BUSY, *BUSY, *troubled]
        entries = [self._entry(lane) for lane in lanes]
        if second % 20 == 10:
            entries.append({"provider": "nobody", "order": "1"})
        answer = requests.post(
            f"{self.api_url}/v1/cancellations",
            json={"cancellations": entries},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        answer.raise_for_status()

    def _entry(self, lane: Lane) -> dict[str, Any]:
        number = next(self.numbers)
        told = {"callback_url": self.receiver} if number % 3 == 0 else {}
        its = simulations()[lane[0]].example(number)
        return {"provider": lane[0], "account": lane[1], **its, **told}

    def _hold(self) -> None:
        self._rescind("hold", "/".join(HELD))

    def _schedules(self) -> None:
        for name in ("unpaid-orders", "closed-branch"):
            self._rescind("schedule", "run", name)

    def _kill(self) -> None:
        os.kill(self.system.pids["worker"], signal.SIGKILL)

    def _remove(self) -> None:
        write_accounts(self.home, self.sandbox, without=REMOVED)

    def _retry(self) -> None:
        self._rescind("retry", "--state", "failed", "--yes")

    def _rescind(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rescind", *arguments]
        done = subprocess.run(
            command,
            env=self.system.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"rescind {' '.join(arguments)}: {done.returncode}", flush=True)


@contextmanager
def troubled(home: Path) -> Iterator[Troubled]:
    """A system with an HTTP API, in which nothing was submitted yet."""
    options = {**SANDBOX, "faults": 0.05, "latency_ms": 200, "cooldown": 8}
    with running(**options) as box, _receiving() as receiver:
        box.play(SCENARIO)
        write_accounts(home, box)
        _write_schedules(home)
        with System(_settings(home), flower_port=None, api_port=0) as system:
            system.wait_for_api()
            yield Troubled(home, system, box, receiver)


def _settings(home: Path) -> Settings:
    return Settings(
        home=home,
        accounts=home / "accounts.toml",
        schedules=home / "schedules.toml",
        redis_url=None,
        database_url=None,
        api_tokens=None,
        retention="365d",
        webhook_secret=SecretStr(_secret()),
        webhook_hosts="127.0.0.1:*",
        webhook_private=True,
    )


def _secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(36)).decode()}"


def write_accounts(home: Path, box: Sandbox, without: Lane | None = None) -> None:
    """Write the accounts file, perhaps without one account."""
    lanes = [one for one in (*BUSY, *TROUBLED, *IDLE) if one != without]
    tables = []
    for provider, account in lanes:
        kind = simulations()[provider]
        place = provider if account == "default" else f"{provider}@{account}"
        given = {"base_url": box.base_url(place), **QUICK, **kind.credentials}
        given |= {**kind.demo_policy, **POLICIES.get((provider, account), {})}
        lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
        tables.append("\n".join([f"[{provider}.{account}]", *lines]))
    write_private(home / "accounts.toml", "\n\n".join(tables) + "\n")


def _write_schedules(home: Path) -> None:
    file = home / "orders.csv"
    file.write_text("order\n" + "".join(f"ord_{n}\n" for n in range(20)))
    rules = (("unpaid-orders", 100), ("closed-branch", 5))
    text = "".join(RULE.format(name=n, most=most, file=file) for n, most in rules)
    write_private(home / "schedules.toml", text)


class _Receiver(BaseHTTPRequestHandler):
    """Takes webhooks; refuses every fourth."""

    seen = count(1)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(503 if next(self.seen) % 4 == 0 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _receiving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks"
        finally:
            server.shutdown()
            thread.join()
