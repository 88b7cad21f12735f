"""The error of a setting that is missing, wrong or unsafe."""

from __future__ import annotations

from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.reported import ReportedError


class SettingsError(ReportedError, RuntimeError):
    """A setting is missing or wrong; the text is a sentence for the operator."""

    def __init__(self, sentence: str, problem: str = "setting-wrong") -> None:
        super().__init__(sentence)
        self.problem = problem
        # A missing Redis may be started later; a wrong setting stays wrong.
        self.status = UNREACHABLE if problem == "redis-unknown" else WRONG
