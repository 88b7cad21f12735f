"""The door on a real socket, in a thread of this process, on a ledger of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI
from pydantic import SecretStr

from rescind.api.api_context import Front, open_front
from rescind.api.application import create_app
from rescind.api.health import Remembered, alive, ready, redis_unreachable
from rescind.api.http_server import Server, listen, make_server
from rescind.api.problem_details import ledger_unreachable
from rescind.config.accounts import Lane
from rescind.config.settings import Settings
from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.seal import new_key
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.conftest import free_port
from worker.background_notifier import Waker

TOKENS = {name: f"{name}-0123456789abcdef" for name in ("submit", "read", "operate")}
"""One for each scope, of callers named after it."""
EVERYTHING = "everything-0123456789"
LISTED = [f"{name}:{name}:{token}" for name, token in TOKENS.items()]
LISTED.append(f"all:submit+read+operate:{EVERYTHING}")
ACCOUNTS = """
[notpanel.default]
key = "k"
[notpanel.second]
key = "k"
[dukkango.default]
access_token = "t"
[akinon.default]
base_url = "https://shop.example.com"
token = "t"
[ithink.default]
access_token = "a"
secret_key = "s"
[iletimerkezi.default]
key = "k"
"""
SERVING = "the door"
"""The thread of its event loop."""
NOWHERE = "redis://127.0.0.1:1/0"


def settings_for(path: Path, database: str, **more: Any) -> Settings:
    accounts = path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    accounts.chmod(0o600)
    given: dict[str, Any] = {
        "home": path,
        "accounts": accounts,
        "redis_url": SecretStr(NOWHERE),
        "database_url": SecretStr(database),
        "seal_key": SecretStr(new_key()),
        "api_tokens": SecretStr(",".join(LISTED)),
        "api_host": "127.0.0.1",
        "api_port": free_port(),
        "api_rate": "100000/second",
    }
    return Settings(**{**given, **more})


@dataclass
class Door:
    """An open door, as a caller sees it."""

    app: FastAPI
    front: Front
    url: str
    server: Server
    woken: list[tuple[Lane, str]] = field(default_factory=list)

    def ask(
        self, method: str, path: str, token: str | None = EVERYTHING, **more: Any
    ) -> requests.Response:
        headers = {**more.pop("headers", {})}
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return requests.request(
            method, self.url + path, headers=headers, timeout=20, **more
        )

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.ask("POST", path, **more)

    def submit(self, *entries: Any, **more: Any) -> requests.Response:
        body = entries[0] if len(entries) == 1 else {"cancellations": list(entries)}
        return self.post("/v1/cancellations", json=body, **more)

    def send(self, body: str | bytes, **headers: str) -> requests.Response:
        given = {"Content-Type": "application/json", **headers}
        return self.post("/v1/cancellations", data=body, headers=given)

    def rows(self) -> list[Any]:
        with reading(self.front.engine) as connection:
            return list_rows(connection, Filter(), 10_000)


@contextmanager
def opened(chosen: Settings) -> Iterator[Door]:
    """The door with these settings, until the block ends."""
    woken: list[tuple[Lane, str]] = []
    waker = Waker(lambda lane, operation: woken.append((lane, operation)))
    front = open_front(chosen, waker)
    app = create_app(front)
    server = make_server(app, front)
    with listen(chosen) as door:
        port = door.getsockname()[1]
        given = {"sockets": [door]}
        thread = threading.Thread(target=server.run, kwargs=given, name=SERVING)
        thread.start()
        try:
            # Connections that come before it answers wait in the socket's own queue.
            yield Door(app, front, f"http://127.0.0.1:{port}", server, woken)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One server for all tests: to start and to end it takes longer than most."""
    path = tmp_path_factory.mktemp("door")
    with opened(settings_for(path, f"sqlite:///{path}/none.db")) as found:
        yield found


@contextmanager
def on(door: Door, database: str) -> Iterator[Door]:
    """``door`` with another ledger, and with nothing remembered of the former."""
    former, door.front.engine = door.front.engine, open_ledger(database)
    door.app.state.alive = Remembered(alive, redis_unreachable)
    door.app.state.ready = Remembered(ready, ledger_unreachable)
    door.woken.clear()
    try:
        yield door
    finally:
        door.front.engine.dispose()
        door.front.engine = former


@pytest.fixture
def door(shared_door: Door, sqlite_ledger_url: str) -> Iterator[Door]:
    """A door on SQLite; Redis is away."""
    with on(shared_door, sqlite_ledger_url) as found:
        yield found


@pytest.fixture
def either(shared_door: Door, ledger_url: str) -> Iterator[Door]:
    """A door on each of the two databases; Redis is away."""
    with on(shared_door, ledger_url) as found:
        yield found


def problem(answer: requests.Response, status: int, slug: str) -> dict[str, Any]:
    """What a problem says; it must be one of that status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.text)
    assert (found["type"], found["status"]) == (f"/errors/{slug}", status)
    assert found["detail"]
    assert "Traceback" not in answer.text
    return found
