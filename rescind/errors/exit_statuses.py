"""Exit statuses, and the error that carries one."""

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


class CommandError(Exception):
    """A command cannot go on: a sentence, its exit status, and its page in docs."""

    def __init__(
        self, sentence: str, status: int = WRONG, *, problem: str = "usage"
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem
