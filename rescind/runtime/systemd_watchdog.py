"""Tells systemd that this process moves, if its unit has ``WatchdogSec=``.

systemd ends a process that says nothing for so long, and starts it again. The process's
own watchdog sees a thread that hangs; this shows that the whole process moves.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping

import structlog

log = structlog.get_logger("rescind.worker")

EVERY_SECONDS = 5.0
ALIVE = b"WATCHDOG=1"


def asked(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of systemd's socket, if systemd waits for a sign of this process."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address or not environment.get("WATCHDOG_USEC"):
        return None
    # An address that begins with @ is in the abstract namespace.
    return f"\0{address[1:]}" if address.startswith("@") else address


class SystemdWatchdog:
    """Sends the sign every few seconds, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stopped = threading.Event()
        self._warned = False
        self._thread = threading.Thread(target=self._run, name="systemd", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            while True:
                self._send(sender)
                if self._stopped.wait(EVERY_SECONDS):
                    return

    def _send(self, sender: socket.socket) -> None:
        try:
            sender.sendto(ALIVE, self._address)
        except OSError as error:
            if not self._warned:
                self._warned = True
                log.warning("systemd cannot be told", why=str(error))
