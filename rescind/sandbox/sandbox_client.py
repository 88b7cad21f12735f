"""A typed client of the control API, and ``running()``, which starts a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 2.0
"""Seconds of retrying a refused connect, since a simulated fault may cause it."""
STARTING = 15.0


class SandboxError(Exception):
    """The sandbox refused the call, did not start, or has ended."""


class Sandbox:
    """Controls a running sandbox."""

    def __init__(self, url: str, pid: int | None = None) -> None:
        self.url = url.rstrip("/")
        self.pid = pid
        # The sandbox is local: a proxy from the environment must not be used.
        self._open = build_opener(ProxyHandler({})).open

    def base_url(self, provider: str) -> str:
        """The base URL of this simulated provider."""
        return f"{self.url}/{provider}"

    def seed(
        self, provider: str, ids: str | Iterable[str], state: str, **options: Any
    ) -> int:
        """Seed one order or many in one state; gives back how many."""
        chosen = [ids] if isinstance(ids, str) else list(ids)
        entry = {**options, "provider": provider, "state": state, "ids": chosen}
        return self.seed_many([entry]) if chosen else 0

    def seed_many(self, orders: Sequence[Mapping[str, Any]]) -> int:
        """Seed orders in the control API's format; gives back how many."""
        return int(self._call("POST", "orders", {"orders": list(orders)})["seeded"])

    def orders(
        self, provider: str | None = None, ids: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """The records of all orders, of one provider's orders, or of some ids."""
        asked = [("provider", provider)] if provider else []
        asked += [("id", order_id) for order_id in ids]
        found: list[dict[str, Any]] = self._call("GET", f"orders?{urlencode(asked)}")[
            "orders"
        ]
        return found

    def order(self, provider: str, order_id: str) -> dict[str, Any]:
        """One order's record; ``KeyError`` if no call has named it yet."""
        found = self.orders(provider, [order_id])
        if not found:
            raise KeyError(f"{provider} {order_id}")
        return found[0]

    def calls(self) -> dict[str, Any]:
        """Counts since the start: ``calls``, ``faults``, ``throttled``, ``logins``."""
        return self._call("GET", "calls")

    def call_times(self) -> list[float]:
        """When each call arrived since the start, in seconds since the epoch."""
        found: list[float] = self._call("GET", "call-times")["times"]
        return found

    def faults(
        self,
        rate: float | None = None,
        kinds: Iterable[str] | None = None,
        provider: str | None = None,
    ) -> dict[str, Any]:
        """Set the rate or kinds of faults, for all providers or one; None keeps it."""
        change: dict[str, Any] = {}
        if rate is not None:
            change["rate"] = rate
        if kinds is not None:
            change["kinds"] = list(kinds)
        if provider is not None:
            change["provider"] = provider
        return self._call("POST", "faults", change)

    def script(self, provider: str, op: str, kind: str, times: int = 1) -> None:
        """Give the next ``times`` calls of this operation this kind of fault."""
        entry = {"provider": provider, "op": op, "kind": kind, "times": times}
        self._call("POST", "faults", {"script": [entry]})

    def settings(self, **values: Any) -> dict[str, Any]:
        """Change some settings; gives back all of them."""
        return self._call("POST", "settings", values)

    def expire_tokens(self) -> int:
        """Expire every token that a login issued; gives back how many."""
        return int(self._call("POST", "expire-tokens", {})["expired"])

    def play(self, scenario: str) -> dict[str, Any]:
        """Begin again with this scenario, a text in TOML; with none if it is empty."""
        return self._call("POST", "scenario", scenario)

    def recent(self, order: str = "", provider: str = "") -> dict[str, Any]:
        """The newest ``calls`` and ``orders``, as the live page shows them."""
        asked = urlencode({"order": order, "provider": provider})
        return self._call("GET", f"recent?{asked}")

    def reset(self) -> None:
        """Restore the state at the start."""
        self._call("POST", "reset", {})

    def health(self) -> dict[str, Any]:
        return self._call("GET", "health")

    def _call(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        text = document if isinstance(document, str) else json.dumps(document)
        data = None if document is None else text.encode()
        url = f"{self.url}/_sandbox/{path}"
        headers = {"Content-Type": "application/json"}
        request = Request(url, data, headers, method=method)  # noqa: S310
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                with self._open(request, timeout=60) as answer:
                    found: dict[str, Any] = json.load(answer)
                    return found
            except HTTPError as error:
                said = error.read().decode(errors="replace")
                raise SandboxError(f"{method} {path}: {error.code} {said}") from error
            except (URLError, ConnectionError) as error:
                if not _may_pass(error) or time.monotonic() > give_up:
                    raise SandboxError(f"{method} {path}: {error}") from error
            time.sleep(0.02)


def _may_pass(error: Exception) -> bool:
    # A connection in the backlog is reset when the port closes; it was never read.
    cause = error.reason if isinstance(error, URLError) else error
    return isinstance(cause, ConnectionError)


@contextmanager
def running(**options: Any) -> Iterator[Sandbox]:
    """Run a sandbox on a free port; options are those of the command line, with
    underscores."""
    given = {"port": 0, **options}
    command = [sys.executable, "-m", "rescind.sandbox", *_arguments(given)]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=env, text=True
    ) as process:
        try:
            yield _started(process)
        finally:
            _stop(process)


def _arguments(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "auto":
            yield from () if value else ("--no-auto",)
        elif isinstance(value, str | int | float):
            yield f"{option}={value}"
        else:
            yield f"{option}={','.join(value)}"


def _started(process: subprocess.Popen[str]) -> Sandbox:
    # The process prints this line when it listens; if it ends, it closes the pipe.
    line = process.stdout.readline() if process.stdout else ""
    if " listening on " not in line:
        raise SandboxError(f"the sandbox did not start: {line.strip() or 'no output'}")
    return Sandbox(line.split()[-1], process.pid)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STARTING)
    except subprocess.TimeoutExpired:
        process.kill()
