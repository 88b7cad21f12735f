"""The HTTP API on a real socket, in a thread of this process, on its own ledger."""

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

from rescind.api.api_context import ApiContext, open_context
from rescind.api.application import create_app
from rescind.api.cached_check import CachedCheck
from rescind.api.health import Readiness, alive, redis_unreachable
from rescind.api.http_server import Server, listen, make_server
from rescind.api.problem_details import ledger_unreachable
from rescind.api.wrong_tokens import WrongTokens
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.accounts import Lane
from rescind.config.settings import Settings
from rescind.ledger.seal import new_key
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.conftest import free_port
from worker.background_notifier import BackgroundNotifier

TOKENS = {name: f"{name}-0123456789abcdef" for name in ("submit", "read", "operate")}
"""A token for each scope, with the scope as its caller's name."""
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
SERVING = "the HTTP API"
"""The name of the thread with the event loop."""
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
        "api_entry_rate": "10000000/second",
    }
    return Settings(**{**given, **more})


@dataclass
class ApiServer:
    """A running HTTP API, as a caller sees it."""

    app: FastAPI
    context: ApiContext
    url: str
    server: Server
    notified: list[tuple[Lane, str]] = field(default_factory=list)

    def ask(
        self, method: str, path: str, token: str | None = EVERYTHING, **more: Any
    ) -> requests.Response:
        headers = {**more.pop("headers", {})}
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return requests.request(
            method, self.url + path, headers=headers, timeout=60, **more
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
        with reading(self.context.engine) as connection:
            return list_rows(connection, Wanted(), 10_000)


@contextmanager
def opened(chosen: Settings) -> Iterator[ApiServer]:
    """Run the HTTP API with these settings until the block ends."""
    notified: list[tuple[Lane, str]] = []
    notifier = BackgroundNotifier(
        lambda lane, operation: notified.append((lane, operation))
    )
    context = open_context(chosen, notifier)
    app = create_app(context)
    server = make_server(app, context)
    with listen(chosen) as listener:
        port = listener.getsockname()[1]
        given = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=given, name=SERVING)
        thread.start()
        try:
            # Clients that connect before the server runs wait in the socket's backlog.
            yield ApiServer(app, context, f"http://127.0.0.1:{port}", server, notified)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One server for all tests: starting and stopping takes longer than most tests."""
    path = tmp_path_factory.mktemp("api")
    with opened(settings_for(path, f"sqlite:///{path}/none.db")) as found:
        yield found


@contextmanager
def on(api: ApiServer, database: str) -> Iterator[ApiServer]:
    """``api`` with another ledger, and without cached results of the former."""
    former, api.context.engine = api.context.engine, open_ledger(database)
    api.app.state.alive = CachedCheck(alive, redis_unreachable)
    readiness = api.app.state.readiness = Readiness()
    api.app.state.ready = CachedCheck(readiness.ready, ledger_unreachable)
    api.app.state.callers._wrong_tokens = WrongTokens()
    api.notified.clear()
    try:
        yield api
    finally:
        api.context.engine.dispose()
        api.context.engine = former


@pytest.fixture
def api(shared_api: ApiServer, sqlite_ledger_url: str) -> Iterator[ApiServer]:
    """The HTTP API on SQLite, without Redis."""
    with on(shared_api, sqlite_ledger_url) as found:
        yield found


@pytest.fixture
def either(shared_api: ApiServer, ledger_url: str) -> Iterator[ApiServer]:
    """The HTTP API on each of the two databases, without Redis."""
    with on(shared_api, ledger_url) as found:
        yield found


def problem(answer: requests.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem in an answer, which must have that status and slug."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.text)
    assert (found["type"], found["status"]) == (f"/errors/{slug}", status)
    assert found["detail"]
    assert "Traceback" not in answer.text
    return found
