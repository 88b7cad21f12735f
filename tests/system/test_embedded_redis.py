"""Tests of a real embedded server: its password, its data, its restart."""

from __future__ import annotations

import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis import Redis

from rescind.system import embedded_redis
from rescind.system.embedded_redis import (
    EmbeddedError,
    EmbeddedRedis,
    free_port,
    server_binary,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "a home") as started:
        yield started


def test_it_is_set_up_to_lose_nothing_and_to_serve_this_machine_alone(
    server: EmbeddedRedis,
) -> None:
    with Redis.from_url(server.url, decode_responses=True) as client:
        found = client.config_get("*")
    assert found["appendonly"] == "yes"
    assert found["maxmemory-policy"] == "noeviction"
    assert found["save"] == ""
    assert found["bind"] == "127.0.0.1"
    assert found["protected-mode"] == "yes"


def test_the_server_accepts_no_command_without_its_password(
    server: EmbeddedRedis,
) -> None:
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    with (
        Redis(port=port) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()


def test_the_server_closes_http_connections(server: EmbeddedRedis) -> None:
    # A request that a web page could send through its reader's browser.
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    for first in ("POST / HTTP/1.1", "GET / HTTP/1.1"):
        with socket.create_connection(("127.0.0.1", port), 5) as browser:
            page = f"{first}\r\nHost: evil.example\r\n\r\nFLUSHALL\r\nQUIT\r\n"
            browser.sendall(page.encode())
            heard = b"".join(iter(lambda: browser.recv(4096), b""))
        assert b"+OK" not in heard
    with Redis.from_url(server.url) as client:
        assert client.ping()


def test_only_the_owner_can_read_the_password(server: EmbeddedRedis) -> None:
    for name in ("password", "port", "valkey.conf"):
        mode = (server.folder / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600, name


def test_a_restart_keeps_url_and_data(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as first, Redis.from_url(first.url) as client:
        client.rpush("queue", "job")
        url = first.url
    with EmbeddedRedis(tmp_path) as second, Redis.from_url(second.url) as client:
        assert second.url == url
        assert client.lrange("queue", 0, -1) == [b"job"]


def test_data_survives_a_kill(tmp_path: Path) -> None:
    first = EmbeddedRedis(tmp_path)
    first.start()
    with Redis.from_url(first.url) as client:
        client.rpush("queue", "job")
    assert first.pid is not None
    subprocess.run(["kill", "-9", str(first.pid)], check=True)
    first.stop()
    with EmbeddedRedis(tmp_path) as second, Redis.from_url(second.url) as client:
        assert client.lrange("queue", 0, -1) == [b"job"]


def test_another_port_is_chosen_if_the_last_one_is_in_use(
    tmp_path: Path,
) -> None:
    with EmbeddedRedis(tmp_path) as first:
        url = first.url
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with EmbeddedRedis(tmp_path) as second:
            assert second.url != url


def test_an_orphaned_server_is_stopped_before_its_data_is_used(
    tmp_path: Path,
) -> None:
    orphan = EmbeddedRedis(tmp_path)
    orphan.start()
    with Redis.from_url(orphan.url) as client:
        client.set("left", "behind")
    with EmbeddedRedis(tmp_path) as second, Redis.from_url(second.url) as client:
        assert client.get("left") == b"behind"
        assert second.pid != orphan.pid
        orphan.stop()
        assert client.ping()


def test_stopping_ends_the_process(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.start()
    assert server.answers()
    server.stop()
    assert not server.answers()
    server.stop()


def test_the_error_says_why_a_server_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedRedis(tmp_path)
    aof = server.folder / "data" / "appendonlydir"
    aof.mkdir(parents=True)
    (aof / "appendonly.aof.manifest").write_text("nonsense\n")
    began = time.monotonic()
    with pytest.raises(EmbeddedError, match=r"does not start: .*valkey\.log"):
        server.start()
    assert time.monotonic() - began < embedded_redis.START_SECONDS


def test_without_a_server_binary_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(EmbeddedError, match="RESCIND_REDIS_URL"):
        server_binary()


def test_a_server_on_the_path_is_used_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = {"redis-server": "/usr/bin/redis-server"}
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", path.get)
    assert server_binary() == Path("/usr/bin/redis-server")


@pytest.mark.parametrize("preferred", [0, 70_000])
def test_an_unusable_port_is_replaced(preferred: int) -> None:
    assert 1024 <= free_port(preferred) <= 65_535
