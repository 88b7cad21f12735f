"""PgBouncer before a PostgreSQL: a few sessions for all clients, by transaction."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

START_SECONDS = 20.0
CONFIGURATION = """
[databases]
{database} = host={host} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
server_login_retry = 1
"""


def program() -> str | None:
    """The path of PgBouncer, if it is installed."""
    # On Debian it is in a folder that an ordinary user's PATH lacks.
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


class PgBouncer:
    """A process with a port of its own, until it is closed."""

    def __init__(self, url: str, sessions: int) -> None:
        """``url`` leads to PostgreSQL's socket; raises ``FileNotFoundError`` if
        PgBouncer is not installed."""
        found = program()
        if found is None:
            raise FileNotFoundError("PgBouncer is missing (the package pgbouncer)")
        direct = make_url(url)
        host, self._port = str(direct.query["host"]), _free_port()
        self._home = Path(tempfile.mkdtemp(prefix="rescind-pgb-"))
        self._home.chmod(0o755)
        file = self._home / "pgbouncer.ini"
        known = {"database": direct.database, "user": direct.username, "host": host}
        file.write_text(
            CONFIGURATION.format(**known, port=self._port, sessions=sessions)
        )
        self.url = (
            f"postgresql://{known['user']}@127.0.0.1:{self._port}/{known['database']}"
        )
        self._command = [found, "-q", *_as_owner_of(host), str(file)]
        self._start()

    def restart(self) -> None:
        """Kill it, and with it the connections of all clients; start it again."""
        self._process.kill()
        self._process.wait(10)
        self._start()

    def hang(self, seconds: float) -> None:
        """Answer nothing for so many seconds; keep all connections open."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._home, ignore_errors=True)

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command)
        give_up = time.monotonic() + START_SECONDS
        while not self._listens():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > give_up:
                raise RuntimeError(f"PgBouncer does not start: {self._command}")
            time.sleep(0.01)

    def _listens(self) -> bool:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._port), 1),
        ):
            return True
        return False


def _as_owner_of(folder: str) -> list[str]:
    """PgBouncer refuses to run as root, and must see PostgreSQL's socket."""
    if os.getuid() != 0:
        return []
    return ["-u", pwd.getpwuid(Path(folder).stat().st_uid).pw_name]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
