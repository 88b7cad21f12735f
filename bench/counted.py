"""The worker's Celery app, which writes each of its SQLite statements to a file.

``celery -A bench.counted worker`` runs the same worker as ``celery -A worker worker``.
SQLite reports each statement as it begins. Each statement is one line of the file that
``BENCH_STATEMENTS`` names.
"""

from __future__ import annotations

import os
import sqlite3

from sqlalchemy import event
from sqlalchemy.pool import Pool

import tasks
from bench.counting import WRITTEN_TO, shortened
from worker.celery import app

__all__ = ["app", "tasks"]

# Small appending writes keep the lines of all processes whole.
_file = os.open(os.environ[WRITTEN_TO], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _note(statement: str) -> None:
    os.write(_file, f"{shortened(statement)}\n".encode())


@event.listens_for(Pool, "connect")
def _trace(connection: sqlite3.Connection, _record: object) -> None:
    connection.set_trace_callback(_note)
