"""Options that several commands share. The value of ``--wait`` is optional."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

DEFAULT_SECONDS = 300.0

Wait = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        min=0,
        help="Wait until all are final, at most 300 seconds or as many as you give.",
    ),
]
Group = Annotated[
    str | None, typer.Option(help="The name of a group of cancellations.")
]
OnGroupEnd = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="With --group: send a webhook there when the last of the group has ended.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


def one_of(vocabulary: Iterable[str]) -> Callable[[Any], Any]:
    """A callback of an option that accepts only the words of ``vocabulary``."""
    known = tuple(map(str, vocabulary))

    def checked(given: Any) -> Any:
        for one in [given] if isinstance(given, str) else given or []:
            if one not in known:
                raise typer.BadParameter(f"it must be one of {', '.join(known)}")
        return given

    return checked


def words_of(vocabulary: Iterable[str]) -> Callable[[str], list[str]]:
    """The completion of an option that accepts the words of ``vocabulary``."""
    known = tuple(map(str, vocabulary))
    return lambda incomplete: [one for one in known if one.startswith(incomplete)]


class WithWait(TyperCommand):
    """A command whose ``--wait`` may be given with or without its seconds."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_seconds(args))


def with_seconds(args: Sequence[str]) -> list[str]:
    """``args`` with the default added to each ``--wait`` that has no number."""
    found: list[str] = []
    for at, one in enumerate(args):
        if one == "--":
            return [*found, *args[at:]]
        follower = args[at + 1] if at + 1 < len(args) else ""
        bare = one == "--wait" and not _is_number(follower)
        found.append(f"--wait={DEFAULT_SECONDS:g}" if bare else one)
    return found


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False
