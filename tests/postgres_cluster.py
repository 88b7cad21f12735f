"""Debian's PostgreSQL as servers of the tests' own: with TLS, and with a replica.

The server of most tests (``tests/postgres.py``) is built without TLS.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.valkey import free_port

SETTINGS = {
    "fsync": "off",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "max_wal_senders": "2",
    "hot_standby_feedback": "on",
}
SECONDS = 60


def newest_programs() -> Path:
    """The folder with Debian's newest PostgreSQL; skips if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if not found:
        pytest.skip("Debian's PostgreSQL is not installed (the package postgresql)")
    return found[-1].parent


def _version(program: Path) -> int:
    return int(program.parts[-3])


@dataclass(frozen=True)
class Cluster:
    """A server that listens on a port of 127.0.0.1, and its folder."""

    programs: Path
    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def start(self, **settings: str) -> None:
        given = {**SETTINGS, **settings, "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        log = str(self.folder / "log")
        self.control("start", "-l", log, "-o", f"-p {self.port} {options}")

    def stop(self) -> None:
        self.control("stop", "-m", "immediate")

    def promote(self) -> None:
        self.control("promote")

    def control(self, *words: str) -> None:
        self.run("pg_ctl", "-w", "-D", str(self.data), *words)

    def run(self, program: str, *words: str) -> None:
        with (self.folder / "said").open("a+") as said:
            # pg_ctl's server inherits the output: a pipe would never end.
            ended = subprocess.run(
                [self.programs / program, *words],
                user=owner(),
                cwd=self.folder,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
            said.seek(0)
            assert ended.returncode == 0, said.read()

    def own(self, name: str, content: bytes) -> Path:
        """A file of the server's user, which nobody else may read."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        _give(path)
        return path


def owner() -> str | None:
    """The user of the servers: PostgreSQL does not run as root."""
    return "postgres" if os.getuid() == 0 else None


@contextmanager
def cluster(programs: Path, port: int | None = None) -> Iterator[Cluster]:
    """An initialised server that is not started; it is stopped at the end."""
    with _folder() as folder:
        found = Cluster(programs, folder, port or free_port())
        words = ("--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
        found.run("initdb", *words, "-D", str(found.data))
        with _stopped(found):
            yield found


@contextmanager
def replica(of: Cluster) -> Iterator[Cluster]:
    """A started streaming replica of a server that runs."""
    with _folder() as folder:
        found = Cluster(of.programs, folder, free_port())
        source = ("-h", "127.0.0.1", "-p", str(of.port), "-U", "postgres")
        found.run(
            *("pg_basebackup", *source, "-D", str(found.data)),
            *("-R", "-c", "fast", "-X", "stream", "--no-sync"),
        )
        with _stopped(found):
            found.start()
            yield found


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rescind-pgc-"))
    folder.chmod(0o755)
    _give(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stopped(found: Cluster) -> Iterator[None]:
    try:
        yield
    finally:
        if (found.data / "postmaster.pid").exists():
            found.stop()


def _give(path: Path) -> None:
    if user := owner():
        os.chown(path, pwd.getpwnam(user).pw_uid, -1)
