"""A sandbox seen from outside: a typed client of its control API, and a way to run
one in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import urlencode, urlsplit

REOPENS_WITHIN = 10.0
"""Seconds that a refused connection is tried again: the port may be shut on purpose."""


class SandboxError(RuntimeError):
    """The sandbox did not start, or refused what it was asked for."""


@dataclass(frozen=True, slots=True)
class Event:
    """One call about one order."""

    t: float
    """When it arrived, in Unix seconds."""
    call: int
    """The call's number; a batch's orders share it."""
    op: str
    acted: bool
    """The provider got as far as deciding about the order."""
    changed: bool
    """It changed the order."""
    fault: str | None
    answered: bool
    """A whole answer was written to a connection still open."""
    status: int | None
    """That answer's HTTP status."""


@dataclass(frozen=True, slots=True)
class Record:
    """One order's truth, and everything that was asked about it, oldest first."""

    provider: str
    order: str
    truth: str
    """cancelled, partial, cancelling, active, completed, unsupported or missing."""
    state: str
    """The simulated provider's own word."""
    events: tuple[Event, ...]
    items: Mapping[str, int] | None = None
    """Akinon: each item's status code."""

    @property
    def cancels(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.op == "cancel")


class Sandbox:
    """The control API of a sandbox that is running at ``url``."""

    def __init__(self, url: str, pid: int | None = None) -> None:
        self.url = url.rstrip("/")
        self.pid = pid
        """The process that ``running`` started."""
        parts = urlsplit(self.url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port

    def base_url(self, provider: str) -> str:
        """Where the provider's documented paths begin."""
        return f"{self.url}/{provider}"

    def health(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._json("GET", "health"))

    def seed(self, provider: str, state: str, *orders: str, **more: object) -> None:
        """Make orders in that state. ``then``: what a cancel leads to; ``becomes``
        and ``in_``: what it turns into by itself, and in how many seconds;
        ``items``: Akinon's."""
        extra = {name.rstrip("_"): value for name, value in more.items()}
        common = {"provider": provider, "state": state, **extra}
        self.seed_many({**common, "order": order} for order in orders)

    def seed_many(self, orders: Iterable[Mapping[str, object]]) -> None:
        self._json("POST", "orders", {"orders": list(orders)})

    def orders(
        self, provider: str | None = None, order: str | None = None
    ) -> list[Record]:
        """Every order that was seeded or asked about."""
        wanted = {"provider": provider, "order": order}
        query = urlencode({k: v for k, v in wanted.items() if v is not None})
        lines = self._ask("GET", f"orders?{query}").splitlines()
        return [_record(json.loads(line)) for line in lines]

    def order(self, provider: str, order: str) -> Record:
        found = self.orders(provider, order)
        if not found:
            raise SandboxError(f"{provider} was never asked about {order!r}")
        return found[0]

    def calls(self, *windows: float) -> dict[str, Any]:
        """Per provider: ``operations`` (``calls``, ``orders``, ``faults``, ``peak``)
        and ``peak``: the most calls in any rolling window of so many seconds."""
        query = urlencode([("window", window) for window in windows])
        answer = self._json("GET", f"calls?{query}")
        return cast("dict[str, Any]", answer["providers"])

    def count(self, provider: str, operation: str = "cancel") -> int:
        """How many calls of that operation there were."""
        operations = self.calls().get(provider, {}).get("operations", {})
        return int(operations.get(operation, {}).get("calls", 0))

    def fired(self, provider: str, operation: str = "cancel") -> dict[str, int]:
        """How often each kind of fault was suffered by that operation."""
        operations = self.calls().get(provider, {}).get("operations", {})
        return dict(operations.get(operation, {}).get("faults", {}))

    def faults(
        self,
        rate: float,
        kinds: Sequence[str] = (),
        *,
        provider: str | None = None,
        operations: Sequence[str] = (),
    ) -> None:
        """A share of calls suffers one of ``kinds`` (any, if empty), at random."""
        wanted = {"rate": rate, "kinds": list(kinds), "operations": list(operations)}
        self._json("POST", "faults", {"provider": provider, **wanted})

    def fail_next(
        self, provider: str, kind: str, times: int = 1, *, operation: str = "cancel"
    ) -> None:
        """The next calls of that operation (any, if empty) suffer ``kind``; "none"
        lets them pass. Steps are used up in the order they were given."""
        step = {"kind": kind, "operation": operation, "times": times}
        self._json("POST", "faults", {"provider": provider, "script": [step]})

    def no_faults(self) -> None:
        """End the random ones, and forget the script."""
        self._json("POST", "faults", {"clear": True})

    def set(self, **settings: object) -> None:
        """Change settings; ``latency_ms`` and ``hang`` are for all providers, or for
        some as ``{provider: value}``."""
        self._json("POST", "settings", settings)

    def expire_tokens(self) -> None:
        self._json("POST", "expire-tokens")

    def reset(self, **settings: object) -> None:
        """Forget orders, calls, tokens, faults and scripts; set as at the start, but
        for ``settings``."""
        self._json("POST", "reset", settings)

    def _json(self, method: str, path: str, body: object = None) -> Any:
        return json.loads(self._ask(method, path, body))

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        until = time.monotonic() + REOPENS_WITHIN
        while True:
            try:
                return self._once(method, path, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _once(self, method: str, path: str, body: object) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"/_sandbox/{path}", data)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise SandboxError(answer.decode("utf-8", "replace"))
        return answer


def _record(line: dict[str, Any]) -> Record:
    events = tuple(Event(**event) for event in line.pop("events"))
    return Record(events=events, **line)


@contextmanager
def running(**options: object) -> Iterator[Sandbox]:
    """A sandbox in a process of its own, on a free port. ``options`` are its flags,
    as ``faults=0.1, kinds=["drop_after"], settle=0.05, auto=False``. The process ends
    with the block, and, should this one be killed, with this one."""
    command = [sys.executable, "-m", "sandbox", "--until-stdin-closes"]
    process = subprocess.Popen(
        [*command, *_flags(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    try:
        line = cast("TextIO", process.stdout).readline()
        if "listening on" not in line:
            raise SandboxError(f"it did not start; exit status {process.wait(10)}")
        yield Sandbox(line.split()[-1], process.pid)
    finally:
        _end(process)


def _flags(options: Mapping[str, object]) -> Iterator[str]:
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        elif isinstance(value, list | tuple):
            yield f"--{flag}={','.join(map(str, value))}"
        else:
            yield f"--{flag}={value}"


def _environment() -> dict[str, str]:
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
