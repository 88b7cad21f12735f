"""Tests of the URLs of services: valid forms, and errors for all others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection, Consumer, Queue
from kombu.transport import TRANSPORT_ALIASES

from rescind.config.queues import INTAKE
from rescind.config.redis_client import client_of
from rescind.config.redis_url import for_celery, usable
from rescind.config.settings import settings
from tests.cli.test_cli_support import Home
from tests.valkey import free_port, valkey_server
from worker.broker import BROKER_OPTIONS
from worker.transport import Channel, Transport

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set Kombu's aliases as ``worker.celery`` does, whose app needs a broker."""
    # Kombu caches what other tests looked up.
    monkeypatch.setattr("kombu.transport._transport_cache", {})
    for name in ("redis", "rediss", "sentinel"):
        monkeypatch.setitem(TRANSPORT_ALIASES, name, "worker.transport:Transport")


@pytest.fixture
def begin(home: Home) -> Callable[[], None]:
    """The checks of a worker before it starts."""
    del home
    settings.cache_clear()
    # The worker's app needs a broker's address, which is still valid here.
    from worker.celery import make_app
    from worker.signals import _need_services

    def begin() -> None:
        settings.cache_clear()
        make_app().close()
        _need_services()

    return begin


# --- one form -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("redis://h", "redis://h/0"),
        ("redis://u:p%40ss@h:1/3", "redis://u:p%40ss@h:1/3"),
        ("redis://h?db=2", "redis://h/2"),
        ("rediss://h/1?ssl_ca_certs=/a/ca.pem", "rediss://h/1?ssl_ca_certs=/a/ca.pem"),
        ("unix:///run/r.sock", "unix:///run/r.sock?db=0"),
        ("unix://:p@/run/r.sock?db=4", "unix://:p@/run/r.sock?db=4"),
        ("redis+socket:///run/r.sock?virtual_host=4", "unix:///run/r.sock?db=4"),
    ],
)
def test_every_form_of_a_url_becomes_the_same(given: str, same: str) -> None:
    assert usable(given) == same
    assert usable(same) == same


def of_redis_py(url: str) -> dict[str, Any]:
    return dict(client_of(url).connection_pool.connection_kwargs)


def of_kombu(url: str) -> dict[str, Any]:
    with Connection(for_celery(url)) as one:
        # The connection's parameters, without connecting.
        channel = Channel.__new__(Channel)
        channel.connection = one.transport
        channel.max_connections = 1
        return dict(channel._connparams())


NAMES = st.text("abcdefghij-_", min_size=1, max_size=8)
HOSTS = st.sampled_from(["h", "redis.example", "127.0.0.1", "[::1]"])
USERS = st.sampled_from(["", ":p%40ss@", "shop:p%2F@"])


@given(HOSTS, USERS, st.integers(0, 15), st.integers(1, 65_535), st.booleans())
def test_both_clients_find_the_same_server_and_database(
    host: str, user: str, database: int, port: int, tls: bool
) -> None:
    url = usable(f"redis{'s' * tls}://{user}{host}:{port}/{database}")
    ours, kombus = of_redis_py(url), of_kombu(url)
    for name in ("host", "port", "db", "username", "password"):
        assert (ours.get(name) or None) == (kombus.get(name) or None), name


@given(NAMES, USERS, st.integers(0, 15), st.sampled_from(["unix", "redis+socket"]))
def test_both_clients_find_the_same_socket_and_database(
    name: str, user: str, database: int, scheme: str
) -> None:
    url = usable(f"{scheme}://{user}/run/{name}.sock?db={database}")
    ours, kombus = of_redis_py(url), of_kombu(url)
    assert ours["path"] == kombus["path"] == f"/run/{name}.sock"
    for one in ("db", "username", "password"):
        assert str(ours.get(one) or "") == str(kombus.get(one) or ""), one


@pytest.mark.parametrize("scheme", ["unix", "redis+socket"])
def test_a_real_socket_serves_submissions_and_all_else(
    scheme: str, tmp_path: Path
) -> None:
    (tmp_path / "v").mkdir()
    path = tmp_path / "v.sock"
    with valkey_server(tmp_path / "v", "--unixsocket", str(path)):
        url = usable(f"{scheme}://{path}?db=3")
        with client_of(url, socket_timeout=5, socket_connect_timeout=5) as client:
            got: list[Any] = []
            with Connection(
                for_celery(url), transport_options=BROKER_OPTIONS
            ) as connection:
                assert isinstance(connection.transport, Transport)
                queue = Queue(INTAKE)
                connection.Producer().publish({"n": 1}, routing_key=INTAKE)
                assert client.llen(INTAKE) == 1
                with Consumer(
                    connection, [queue], callbacks=[lambda body, _: got.append(body)]
                ):
                    while not got:
                        with suppress(socket.timeout):
                            connection.drain_events(timeout=1)
    assert got == [{"n": 1}]


# --- unusable URLs ------------------------------------------------------------------

REFUSED = [
    ("sentinel://:hush@h:26379/0", "which master the Sentinels watch"),
    ("sentinel://:hush@h:x/0?master=m", "is not the URL of Sentinels"),
    ("sentinel://:hush@h;redis://g/0?master=m", "is not the URL of Sentinels"),
    ("sentinel://:hush@h;:hush2@g/0?master=m", "different passwords"),
    ("sentinel://:hush@h/0;g/1?master=m", "different databases"),
    ("sentinel://:hush@h/0?master=m&ssl=maybe", "must be true or false"),
    ("sentinel://:hush@h/0?master_name=m", "master_name: did you mean master?"),
    ("sentinel://:hush@h/0?master=m&ssl_cert_reqs=none", "not allowed"),
    ("redis+sentinel://:hush@h:26379/0", "must be such as sentinel://"),
    ("amqp://u:hush@h//", "RabbitMQ is not supported"),
    ("redis+cluster://h", "Redis Cluster is not supported"),
    ("http://h", "http:// is not supported"),
    ("h:6379", "it must be such as"),
    ("redis://:hush#hush@h", "percent-encoded"),
    ("redis://:hush/hush@h", "percent-encoded"),
    ("redis://h:99999/0", "percent-encoded"),
    ("redis://h/first", "the database must be a number"),
    ("redis://h/0?ssl_ca_cert=x", "ssl_ca_cert: did you mean ssl_ca_certs?"),
    ("redis://h/0?socket_timeout=9", "cannot be used here, socket_timeout"),
    ("unix://run/redis.sock", "three slashes"),
]


@pytest.mark.parametrize(("url", "sentence"), REFUSED)
def test_an_unusable_url_gives_the_same_sentence_everywhere(
    url: str,
    sentence: str,
    home: Home,
    begin: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", url)
    with pytest.raises(SystemExit) as stopped:
        begin()
    assert stopped.value.code == 2
    said = [str(stopped.value)]
    for words in (("cancel", "notpanel", "ord_1"), ("env",)):
        done = home.run(*words)
        assert done.status == 2
        said.append(done.err)
    said.append(found_wrong(home, "redis"))
    for one in said:
        assert "RESCIND_REDIS_URL" in one
        assert sentence in one
        assert "hush" not in one


def found_wrong(home: Home, what: str) -> str:
    """The doctor's sentence about a setting."""
    found = {one.get("what"): one for one in home.run("doctor", "--json").records}
    assert found[what]["level"] == "wrong"
    return str(found[what]["says"])


def cluster(home: Path) -> Iterator[str]:
    home.mkdir()
    # By default the second port is the first plus 10,000, which often does not exist.
    ports = ("--cluster-port", str(free_port()))
    with valkey_server(home, "--cluster-enabled", "yes", *ports) as url:
        with redis.Redis.from_url(url) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        yield url


def sentinel(home: Path) -> Iterator[str]:
    home.mkdir()
    port = free_port()
    file = home / "sentinel.conf"
    file.write_text(f"sentinel monitor mymaster 127.0.0.1 {port} 1\n")
    with valkey_server(home, file=file) as url:
        yield url


@pytest.mark.parametrize(
    ("kind", "sentence"), [(cluster, "a Redis Cluster"), (sentinel, "a Sentinel")]
)
def test_a_server_of_another_kind_is_refused_everywhere(
    kind: Callable[[Path], Iterator[str]],
    sentence: str,
    home: Home,
    begin: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in kind(tmp_path / "other"):
        monkeypatch.setenv("RESCIND_REDIS_URL", url)
        with pytest.raises(SystemExit, match=sentence) as stopped:
            begin()
        assert stopped.value.code == 2
        done = home.run("cancel", "notpanel", "ord_1")
        assert (done.status, sentence in done.err) == (2, True)
        assert sentence in found_wrong(home, "redis")


def test_a_missing_redis_database_is_reported(
    home: Home, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url.removesuffix("/0") + "/99")
    sentence = "has no database with the number"
    assert sentence in home.run("cancel", "notpanel", "ord_1").err
    assert sentence in found_wrong(home, "redis")


def test_a_worker_starts_while_redis_is_unreachable(
    begin: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://127.0.0.1:1/0")
    begin()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:hush@h/d?sslmod=require", "is sslmode meant?"),
        ("mysql://u:hush@h/d", "names mysql"),
        ("rescind", "it must be such as postgresql"),
    ],
)
def test_a_url_that_is_no_ledgers_is_refused_everywhere(
    url: str,
    sentence: str,
    home: Home,
    begin: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", url)
    with pytest.raises(SystemExit, match="RESCIND_DATABASE_URL") as stopped:
        begin()
    done = home.run("lanes")
    assert done.status == 2
    for one in (str(stopped.value), done.err, found_wrong(home, "ledger")):
        assert sentence in one
        assert "hush" not in one


@pytest.mark.parametrize(
    ("words", "url", "sentence"),
    [
        (("-m", "worker", "worker"), "redis+cluster://:hush@h", "Redis Cluster"),
        (("-m", "worker", "beat"), "amqp://u:hush@h//", "RabbitMQ"),
        (("-m", "rescind.api"), "amqp://u:hush@h//", "RabbitMQ"),
    ],
)
def test_no_program_starts_on_another_kind_of_broker(
    words: tuple[str, ...], url: str, sentence: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RESCIND_REDIS_URL": url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.count(f"{sentence} is not supported") == 1
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr
