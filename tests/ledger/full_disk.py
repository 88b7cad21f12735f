"""A ledger on a disk that is full.

``on_small_disk`` runs a program on a small file system of its own. It needs a user
namespace, which some systems do not allow.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

ALL_PAGES = 1_073_741_823
"""SQLite's own limit."""
MOUNTED = """
mount -t tmpfs -o size=4m none "$1" || exit 77
shift
exec "$@"
"""


def on_small_disk(folder: Path, program: str) -> str:
    """The output of a Python program, run with ``folder`` as a disk of 4 MB."""
    mounted = ("unshare", "-rm", "sh", "-c", MOUNTED, "sh", str(folder))
    command = (*mounted, sys.executable, "-c", program, str(folder))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def full(engine: Engine) -> Iterator[None]:
    """SQLite answers that the disk is full when the ledger's file would grow."""
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        # Nothing is left that was deleted: its room could be used again.
        connection.execute("VACUUM")
        (limit,) = connection.execute("PRAGMA page_count").fetchone()

    def bound(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit}")

    event.listen(engine, "checkout", bound)
    yield
    limit = ALL_PAGES
