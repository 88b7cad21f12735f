"""Asks questions on a terminal; without a terminal, options must give the answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer

from rescind.errors import messages
from rescind.errors.reported import CommandError

LEAVE = "q"
"""The answer that ends the dialogue, in small or capital letters."""
HOW_TO_LEAVE = (
    f"{LEAVE}, Ctrl-C or Ctrl-D leaves at any question: nothing is written before the"
    " last answer"
)
YES, NO = ("y", "yes"), ("n", "no", "")

Fault = Callable[[str], str | None]
"""Returns the fault of an answer; ``None`` if it is valid."""
Form = Callable[[str], str]
"""Returns an answer in the form in which the files hold it."""


def _nothing_wrong(_answer: str) -> None:
    return None


def _as_typed(answer: str) -> str:
    return answer


class Asker:
    """Asks a question until the answer is valid, unless an option answers it.

    Raises ``typer.Abort`` if the user leaves.
    """

    def __init__(self, *, interactive: bool | None = None) -> None:
        self.interactive = sys.stdin.isatty() if interactive is None else interactive

    def say_how_to_leave(self) -> None:
        if self.interactive:
            messages.say(HOW_TO_LEAVE)

    def text(
        self,
        question: str,
        *,
        option: str,
        given: str | None = None,
        default: str | None = None,
        hidden: bool = False,
        may_be_empty: bool = False,
        fault: Fault = _nothing_wrong,
    ) -> str:
        """One answer. ``option`` names the option that gives it without a terminal."""
        if given is None and not self.interactive:
            given = default
        if given is not None:
            return self._good(given, option, fault)
        if not self.interactive:
            raise CommandError(
                f"{question} is not known, and there is no terminal to ask on: give"
                f" {option}"
            )
        while True:
            answer = self._typed(question, default, hidden=hidden)
            if not answer and may_be_empty:
                return answer
            why = fault(answer) if answer else f"an answer is needed; {LEAVE} leaves"
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
        form: Form = _as_typed,
    ) -> str:
        """One of ``among``; the answer counts in the form that ``form`` gives it."""

        def fault(answer: str) -> str | None:
            known = form(answer) in among
            return None if known else f"it must be one of {', '.join(among)}"

        listed = f"{question} ({', '.join(among)})"
        return form(
            self.text(listed, option=option, given=given, default=default, fault=fault)
        )

    def confirm(self, question: str, *, given: bool | None = None) -> bool:
        """Yes or no; no without a terminal."""
        if given is not None or not self.interactive:
            return bool(given)
        while True:
            answer = self._typed(f"{question} (y, n)", "n", hidden=False).lower()
            if answer in YES or answer in NO:
                return answer in YES
            messages.say(f"it must be y or n; {LEAVE} leaves")

    def _typed(self, question: str, default: str | None, *, hidden: bool) -> str:
        # Without a default, typer asks again after an empty answer and says nothing.
        shown = default is not None
        answer = typer.prompt(
            question, default or "", hide_input=hidden, show_default=shown, err=True
        )
        if str(answer).strip().lower() == LEAVE:
            raise typer.Abort
        return str(answer).strip()

    def _good(self, given: str, option: str, fault: Fault) -> str:
        why = fault(given)
        if why is not None:
            raise CommandError(f"{option}: {why}")
        return given
