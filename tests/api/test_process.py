"""``python -m rescind.api`` as a real process: start, work without Redis, stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from rescind.api import __main__ as api
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.settings import settings
from rescind.ledger.seal import new_key
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.api.conftest import ACCOUNTS, EVERYTHING, NOWHERE
from tests.conftest import free_port
from tests.silence import silence
from tests.tasks.conftest import until

ROOT = Path(__file__).parents[2]
GOOD = {"provider": "notpanel", "order": "ord_1"}
HEADERS = {"Authorization": f"Bearer {EVERYTHING}"}
PATIENCE = 4.0
"""Less than any timeout of our Redis clients: no request may wait for Redis."""


def environment(path: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND_")}
    accounts = path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    accounts.chmod(0o600)
    given = {
        "PYTHONPATH": str(ROOT),
        "RESCIND_HOME": str(path),
        "RESCIND_ACCOUNTS": str(accounts),
        "RESCIND_REDIS_URL": NOWHERE,
        "RESCIND_SEAL_KEY": new_key(),
        "RESCIND_API_TOKENS": f"all:submit+read+operate:{EVERYTHING}",
        "RESCIND_API_PORT": str(free_port()),
    }
    return {**clean, **given, **more}


@contextmanager
def running(path: Path, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The API's process and address, after it answers."""
    env = environment(path, **more)
    url = f"http://127.0.0.1:{env['RESCIND_API_PORT']}"
    with (path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rescind.api"],
            cwd=path,
            env=env,
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: answers(process, url), "the HTTP API")
            yield process, url
        finally:
            process.kill()
            process.wait()


def answers(process: subprocess.Popen[bytes], url: str) -> bool:
    assert process.poll() is None
    try:
        requests.get(f"{url}/readyz", timeout=60)
    except requests.ConnectionError:
        return False
    return True


def said(path: Path) -> str:
    return (path / "log").read_text()


def orders(database: str) -> list[str]:
    engine = open_ledger(database)
    try:
        with reading(engine) as connection:
            return [row.order_id for row in list_rows(connection, Wanted(), 100)]
    finally:
        engine.dispose()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a Redis that accepts connections and never answers."""
    with silence() as found:
        yield found.url.replace("http:", "redis:") + "/0"


def test_it_accepts_without_redis_and_finishes_requests_on_sigterm(
    tmp_path: Path, sqlite_ledger_url: str
) -> None:
    with running(tmp_path, RESCIND_DATABASE_URL=sqlite_ledger_url) as (process, url):
        sent = requests.post(
            f"{url}/v1/cancellations", json=GOOD, headers=HEADERS, timeout=PATIENCE
        )
        assert sent.status_code == 202
        with half_sent(url, {**GOOD, "order": "ord_2"}) as (client, rest):
            process.send_signal(signal.SIGTERM)
            until(lambda: refused(url))
            client.sendall(rest)
            assert client.recv(65_536).startswith(b"HTTP/1.1 202 ")
        assert process.wait(20) == 0
    assert orders(sqlite_ledger_url) == ["ord_2", "ord_1"]
    assert "Traceback" not in said(tmp_path)
    assert EVERYTHING not in said(tmp_path)


@contextmanager
def half_sent(url: str, entry: dict[str, Any]) -> Iterator[tuple[socket.socket, bytes]]:
    """A request that the server has received in part, and the rest of it."""
    body = requests.Request("POST", url, json=entry).prepare().body
    assert isinstance(body, bytes)
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        lines = [
            "POST /v1/cancellations HTTP/1.1",
            "Host: api",
            f"Authorization: Bearer {EVERYTHING}",
            f"Content-Length: {len(body)}",
            "Expect: 100-continue",
        ]
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        # The server asks for the body, so it is handling the request.
        assert client.recv(65_536).startswith(b"HTTP/1.1 100 ")
        yield client, body


def refused(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_redis_that_hangs_delays_no_request(
    tmp_path: Path, sqlite_ledger_url: str, silent: str
) -> None:
    given = {"RESCIND_DATABASE_URL": sqlite_ledger_url, "RESCIND_REDIS_URL": silent}
    with running(tmp_path, **given) as (process, url):
        for number in range(5):
            sent = requests.post(
                f"{url}/v1/cancellations",
                json={**GOOD, "order": f"ord_{number}"},
                headers=HEADERS,
                timeout=PATIENCE,
            )
            assert sent.status_code == 202
        alive = requests.get(f"{url}/healthz", timeout=PATIENCE)
        assert alive.json()["type"] == "/errors/redis-unreachable"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"RESCIND_API_TOKENS": "", "RESCIND_API_HOST": "0.0.0.0"}, "without tokens"),
        ({"RESCIND_API_TOKENS": "", "RESCIND_API_HOST": "::"}, "without tokens"),
        ({"RESCIND_API_TOKENS": "ann:read:short"}, "at least 16 characters"),
        ({"RESCIND_API_TOKENS": "hush-hush-hush-hush"}, "must be such as name:scope"),
        ({"RESCIND_API_RATE": "often"}, "RESCIND_API_RATE 'often' must be such as"),
        ({"RESCIND_API_PORT": "0"}, "RESCIND_API_PORT: Input should be greater"),
        ({"RESCIND_API_HOST": "no.such.host.invalid"}, "cannot listen on no.such"),
        ({"RESCIND_DATABASE_URL": "mysql://x/y"}, "only sqlite:/// and"),
        ({"RESCIND_DATABASE_URL": "nonsense"}, "not the URL of a database"),
        ({"RESCIND_SEAL_KEY": "wrong"}, "RESCIND_SEAL_KEY"),
    ],
)
def test_it_does_not_start_with_a_wrong_setting(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, str],
    says: str,
) -> None:
    assert begin(tmp_path, monkeypatch, given) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "hush" not in err


def begin(path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> int:
    """The exit status of an API that ends before it listens."""
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    for name, value in environment(path, **given).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(path)
    # The logs of this process belong to the tests.
    monkeypatch.setattr(api, "set_up", lambda **_: None)
    settings.cache_clear()
    try:
        return api.main()
    finally:
        settings.cache_clear()


def test_a_port_in_use_is_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = str(squatter.getsockname()[1])
        assert begin(tmp_path, monkeypatch, {"RESCIND_API_PORT": port}) == 2
    err = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1, port {port}" in err
    assert "RESCIND_API_PORT" in err


def test_the_operators_own_token_does_not_open_other_addresses(tmp_path: Path) -> None:
    (tmp_path / "api.token").write_text(EVERYTHING)
    env = environment(tmp_path, RESCIND_API_TOKENS="", RESCIND_API_HOST="0.0.0.0")
    done = subprocess.run(
        [sys.executable, "-m", "rescind", "api"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "would listen on 0.0.0.0 without tokens" in done.stderr
    assert "Traceback" not in done.stderr
