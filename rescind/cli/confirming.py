"""Asks before a command changes all that its filters choose."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import typer

from rescind.errors import messages
from rescind.errors.exit_statuses import INTERRUPTED
from rescind.errors.reported import CommandError


@dataclass(frozen=True, slots=True)
class Verb:
    """What a command does, in the forms that its sentences need."""

    infinitive: str
    third_person: str
    participle: str


def confirm(verb: Verb, many: str) -> None:
    """Ask whether to change ``many``; raises if the answer is no, or nobody can
    answer."""
    if not sys.stdin.isatty():
        raise CommandError(
            f"the filters choose {many}, and there is no terminal to ask on: --yes"
            f" {verb.third_person} them; nothing was {verb.participle}"
        )
    asked = f"{verb.infinitive.capitalize()} {many}?"
    if not typer.confirm(asked, default=False, err=True):
        messages.say(f"nothing was {verb.participle}")
        raise typer.Exit(INTERRUPTED)


def counted(number: int) -> str:
    """``1 cancellation``, ``2 cancellations``."""
    return f"{number:,} cancellation{'s' if number > 1 else ''}"
