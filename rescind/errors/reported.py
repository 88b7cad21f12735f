"""Base classes of the errors that are reported to the user."""

from __future__ import annotations

from rescind.errors.exit_statuses import WRONG


class ReportedError(Exception):
    """An error whose text is a sentence for the user.

    ``status`` is the exit status of a command that this error ends. ``problem`` is the
    name of the error's section in ``docs/errors.md``.
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
