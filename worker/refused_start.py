"""Ends a worker, a beat or Flower that cannot start with its settings."""

from __future__ import annotations

import sys
from typing import NoReturn

from rescind.config.settings_error import SettingsError
from rescind.errors import anchor


class RefusedStart(SystemExit):
    """The end of the program. Its text is the sentence that was printed."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(status)
        self._says = says

    def __str__(self) -> str:
        return self._says


def refuse_start(error: SettingsError) -> NoReturn:
    """Print the sentence, and end with the same exit status as every command."""
    says = f"rescind: {error}\n  see {anchor(error.problem)}"
    sys.stderr.write(f"{says}\n")
    raise RefusedStart(error.status, says)
