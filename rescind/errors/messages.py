"""Messages to the user on standard error, each with the address of its section."""

from __future__ import annotations

import sys

from rescind.errors import anchor


def say(text: str, problem: str | None = None) -> None:
    """Print one line to standard error, and the address of ``problem``'s section."""
    print(f"rescind: {printable(text)}", file=sys.stderr)
    if problem is not None:
        see(problem)


def see(problem: str) -> None:
    """Print the address of the section that explains ``problem``."""
    print(f"  see {anchor(problem)}", file=sys.stderr)


def printable(text: object) -> str:
    """``text`` with its control characters and line breaks escaped."""
    shown = "" if text is None else str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else _escaped(c) for c in shown)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
