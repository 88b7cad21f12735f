"""Output of commands: results go to standard output, all else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import typer

from rescind.errors.exit_statuses import PIPE_CLOSED
from rescind.errors.messages import printable, say

COLOURS = {
    "cancelled": "green",
    "rejected": "yellow",
    "expired": "yellow",
    "failed": "red",
    "withdrawn": "yellow",
    "delivered": "green",
    "given_up": "red",
    "held": "red",
    "paused": "yellow",
    "wrong": "red",
    "unreachable": "red",
    "warning": "yellow",
    "ok": "green",
}


def emit(text: str = "") -> None:
    """Print one line of result."""
    _write(printable(text))


def emit_json(document: Any) -> None:
    """Print one JSON object on one line."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    _write(json.dumps(document, ensure_ascii=plain))


def emit_list(
    documents: Sequence[Any],
    columns: Sequence[str],
    line: Callable[[Any], Sequence[object]],
    *,
    as_json: bool,
    limit: int,
    more: str,
) -> None:
    """Print the first ``limit`` documents as a table, or one JSON object per line."""
    shown = documents[:limit]
    if as_json:
        for one in shown:
            emit_json(one)
    elif shown:
        table(columns, map(line, shown))
    else:
        say("there are none")
    if len(documents) > limit:
        say(f"these are the {more} {limit}: --limit shows more")


def _write(line: str) -> None:
    try:
        print(line)
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does.
        raise typer.Exit(PIPE_CLOSED) from None


def on_terminal() -> bool:
    """Whether both streams are terminals; only then are colours and bars shown."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: formatted on a terminal, plain columns elsewhere, never cut."""
    listed = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rescind.cli.terminal_table import draw

        try:
            draw(columns, listed, style_of)
        except BrokenPipeError:
            raise typer.Exit(PIPE_CLOSED) from None
        return
    widths = [max(map(len, column)) for column in zip(columns, *listed, strict=True)]
    for row in [[name.upper() for name in columns], *listed]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _write("  ".join(cells).rstrip())


def style_of(cell: str) -> str:
    return COLOURS.get(cell.partition(" ")[0], "")


def tolerate(stream: TextIO) -> None:
    """Escape characters that the stream's encoding lacks, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
