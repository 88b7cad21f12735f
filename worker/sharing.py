"""What a worker's children share: the memory that is filled before they are forked.

A child that loads a library, or whose garbage collector marks what its parent made,
has a copy of its own from then on.
"""

from __future__ import annotations

import gc
from contextlib import suppress

from billiard.util import get_pdeathsig
from sqlalchemy.engine import make_url

from ledger import migrate
from providers import connection
from worker import tracing
from worker.settings import settings


def prepare() -> None:
    """Load in the parent what each child would load at its first task.

    Nothing is opened: neither the ledger nor Redis.
    """
    with suppress(Exception):
        # What is wrong with a setting is said where it is used.
        make_url(settings().database).get_dialect().import_dbapi()
    migrate.prepare()
    connection.prepare()
    tracing.load()
    with suppress(OSError):
        # Children set theirs, and load a parser of C for it.
        get_pdeathsig()


def keep() -> None:
    """Have the garbage collectors of those forked from now on leave all of it alone."""
    gc.collect()
    gc.freeze()
