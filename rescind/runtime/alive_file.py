"""A file that a worker renews while it runs, for the probes of its supervisor.

Redis and the ledger may be away for hours: a worker waits for them, and must not be
ended meanwhile. So the file says something of this process alone. Its age shows whether
the process moves at all; its text shows whether the engine has started. The watchdog
ends a process in which one thread hangs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from rescind.config.home import write_private
from rescind.config.settings_error import SettingsError

log = structlog.get_logger("rescind.worker")

VARIABLE = "RESCIND_ALIVE_FILE"
"""Of one process, like RESCIND_CONCURRENCY: two workers need two files."""
EVERY_SECONDS = 5.0
STARTING, RUNNING = "starting", "running"
"""Whether the engine can make calls: it starts when the ledger can be reached."""


def named() -> Path | None:
    """The file that the environment names, if any."""
    given = os.environ.get(VARIABLE, "")
    return Path(given) if given else None


class AliveFile:
    """Renews the file every few seconds, in a thread of its own."""

    def __init__(self, path: Path, started: Callable[[], bool]) -> None:
        self._path = path
        self._started = started
        self._stopped = threading.Event()
        self._warned = False
        self._thread = threading.Thread(target=self._run, name="alive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and remove the file."""
        self._stopped.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            self._renew()
            if self._stopped.wait(EVERY_SECONDS):
                return

    def _renew(self) -> None:
        try:
            write_private(self._path, RUNNING if self._started() else STARTING)
        except (OSError, SettingsError) as error:
            if not self._warned:
                self._warned = True
                log.warning("the alive file cannot be written", why=str(error))
