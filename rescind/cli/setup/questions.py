"""Asks questions on a terminal; without a terminal, options must give the answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer

from rescind.errors import messages
from rescind.errors.reported import CommandError

Fault = Callable[[str], str | None]
"""Returns the fault of an answer; ``None`` if it is valid."""


def _nothing_wrong(_answer: str) -> None:
    return None


class Asker:
    """Asks a question until the answer is valid, unless an option answers it."""

    def __init__(self, *, interactive: bool | None = None) -> None:
        self.interactive = sys.stdin.isatty() if interactive is None else interactive

    def text(
        self,
        question: str,
        *,
        option: str,
        given: str | None = None,
        default: str | None = None,
        hidden: bool = False,
        fault: Fault = _nothing_wrong,
    ) -> str:
        """One answer. ``option`` names the option that gives it without a terminal."""
        if given is not None:
            return self._good(given, option, fault)
        if not self.interactive:
            if default is not None:
                return self._good(default, option, fault)
            raise CommandError(
                f"{question} is not known, and there is no terminal to ask on: give"
                f" {option}"
            )
        while True:
            answer = str(
                typer.prompt(question, default, hide_input=hidden, err=True)
            ).strip()
            why = fault(answer)
            if why is None:
                return answer
            messages.say(why)

    def choice(
        self,
        question: str,
        among: Sequence[str],
        *,
        option: str,
        given: str | None = None,
        default: str | None = None,
    ) -> str:
        def fault(answer: str) -> str | None:
            return None if answer in among else f"it must be one of {', '.join(among)}"

        listed = f"{question} ({', '.join(among)})"
        return self.text(
            listed, option=option, given=given, default=default, fault=fault
        )

    def confirm(self, question: str, *, given: bool | None = None) -> bool:
        """Yes or no; no without a terminal."""
        if given is not None or not self.interactive:
            return bool(given)
        return bool(typer.confirm(question, default=False, err=True))

    def _good(self, given: str, option: str, fault: Fault) -> str:
        why = fault(given)
        if why is not None:
            raise CommandError(f"{option}: {why}")
        return given
