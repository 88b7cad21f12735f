"""What a person is told on standard error: one line, and the page that says more."""

from __future__ import annotations

import sys

from rescind.errors import anchor


def say(text: str, problem: str | None = None) -> None:
    """One line for the person: a note, a warning, what is wrong; and its page."""
    print(f"rescind: {printable(text)}", file=sys.stderr)
    if problem is not None:
        see(problem)


def see(problem: str) -> None:
    """Where more is written of what was just said."""
    print(f"  see {anchor(problem)}", file=sys.stderr)


def printable(text: object) -> str:
    """``text`` without what could move a terminal's cursor or break a line."""
    shown = "" if text is None else str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else _escaped(c) for c in shown)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
