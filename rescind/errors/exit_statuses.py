"""The exit statuses of the command line."""

from __future__ import annotations

DONE = 0
NOT_ALL_CANCELLED = 1
"""With ``--wait``: at least one cancellation ended in a state other than cancelled."""
WRONG = 2
"""The command line, the input or a setting is wrong."""
UNREACHABLE = 3
"""A service cannot be reached or used."""
TIMED_OUT = 4
"""``--wait`` timed out."""
INTERRUPTED = 130
PIPE_CLOSED = 141
