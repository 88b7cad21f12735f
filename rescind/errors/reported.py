"""Errors that are reported to a person: a sentence, an exit status, and its page."""

from __future__ import annotations

from rescind.errors.exit_statuses import WRONG


class ReportedError(Exception):
    """A sentence for the person who can mend it.

    ``status`` is the exit status of a command that ends by it, and ``problem`` the
    name of its section in ``docs/errors.md``.
    """

    status: int = WRONG
    problem: str = "usage"


class CommandError(ReportedError):
    """A command cannot go on."""

    def __init__(
        self, sentence: str, status: int = WRONG, *, problem: str = "usage"
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem
