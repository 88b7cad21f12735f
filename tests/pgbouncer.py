"""A PgBouncer in transaction mode in front of the tests' PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.valkey import free_port

SESSIONS = 2
"""Number of PostgreSQL sessions that all clients share."""
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
"""


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL of the same database through PgBouncer; skips if there is none."""
    # On Debian it is in a folder that an ordinary user's PATH lacks.
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed (the package pgbouncer)")
    direct = make_url(url)
    host, port = str(direct.query["host"]), free_port()
    with tempfile.TemporaryDirectory(prefix="rescind-pgb-") as home:
        file = Path(home) / "pgbouncer.ini"
        known = {"database": direct.database, "host": host, "user": direct.username}
        file.write_text(CONFIGURATION.format(**known, port=port, sessions=SESSIONS))
        Path(home).chmod(0o755)
        with _running([program, "-q", *_as_owner_of(host), str(file)], port):
            yield f"postgresql://{direct.username}@127.0.0.1:{port}/{direct.database}"


def _as_owner_of(folder: str) -> list[str]:
    """PgBouncer refuses to run as root, and must see PostgreSQL's socket."""
    if os.getuid() != 0:
        return []
    return ["-u", pwd.getpwuid(Path(folder).stat().st_uid).pw_name]


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        give_up = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, command
            assert time.monotonic() < give_up, command
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
