"""Exit statuses of every command."""

from __future__ import annotations

DONE = 0
NOT_ALL_CANCELLED = 1
"""With ``--wait``: something ended other than cancelled."""
WRONG = 2
"""The words, the input or a setting is wrong."""
UNREACHABLE = 3
"""A service cannot be reached or used."""
TIMED_OUT = 4
"""``--wait`` ran out."""
INTERRUPTED = 130
PIPE_CLOSED = 141
