"""Makes the files of an SQLite ledger readable for their owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600
SIDE_FILES = ("-wal", "-shm", "-journal")


def make_private(database: str | None) -> None:
    """Create the file ``database`` with mode 0600, or give it that mode.

    SQLite gives its side files the mode of the file. Those that exist already are
    changed, too. A file of another owner is left as it is, and a ledger in memory has
    none.
    """
    if not database or database == ":memory:" or database.startswith("file:"):
        return
    path = Path(database)
    with suppress(OSError):
        # The folder may not exist, or not be writable: SQLite's own error says so.
        # A file that exists must not be opened: to close it would end the locks that
        # SQLite holds on it in this process.
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    for name in (path.name, *(path.name + end for end in SIDE_FILES)):
        _restrict(path.with_name(name))


def _restrict(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(OWNER_ONLY)
