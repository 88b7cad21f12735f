"""Ends a command soon after Ctrl-C, whatever it waits for.

Python raises ``KeyboardInterrupt`` only when the main thread runs Python code: not
while it waits in a database driver, in a name look-up, or for other threads. A thread
that hears of each signal ends such a command.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from rescind.errors.exit_statuses import INTERRUPTED

SECONDS = 0.7
"""The time that a command has to end by itself, with a message."""
SHOW_CURSOR = "\033[?25h"


def end_soon_after_ctrl_c() -> None:
    """From now on, Ctrl-C ends this process within ``SECONDS``.

    A command that handles Ctrl-C itself, as `rescind up` does, is left alone.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reader,), daemon=True).start()


def _listen(reader: int) -> None:
    while heard := os.read(reader, 64):
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if signal.SIGINT in heard and ours:
            time.sleep(SECONDS)
            _end()


def _end() -> None:
    if sys.stderr.isatty():
        # A progress bar that was interrupted has hidden it.
        os.write(2, SHOW_CURSOR.encode())
    os._exit(INTERRUPTED)
