"""The commands' list, and what runs one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from worker.cli import looking, operating, output, scheduling, webhooks
from worker.cli.options import WithWait
from worker.cli.statuses import INTERRUPTED, PIPE_CLOSED
from worker.cli.submitting import cancel, submit

app = typer.Typer(
    name="rescind",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            output.emit(f"rescind {version('rescind')}")
        except PackageNotFoundError:
            output.emit("rescind (run from its source, not installed)")
        raise typer.Exit


@app.callback()
def rescind(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show it, and stop."
        ),
    ] = False,
) -> None:
    """Cancel orders at five providers, durably: accepted once, ended once, and truly.

    Results go to standard output, everything else to standard error. Exit status: 0
    done; 1 (with --wait) something ended other than cancelled; 2 the words or the input
    are wrong; 3 a service cannot be reached; 4 the wait ran out.
    """


app.command(cls=WithWait)(cancel)
app.command(cls=WithWait)(submit)
app.command()(looking.show)
app.command("list")(looking.list_)
app.command()(looking.retry)
app.command()(operating.lanes)
app.command()(operating.hold)
app.command()(operating.resume)
app.add_typer(webhooks.app, name="webhooks")
app.command()(operating.up)
app.command()(operating.api)
app.command()(operating.demo)
app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(operating.sandbox)
app.command()(operating.env)
app.command()(operating.doctor)
app.command()(operating.migrate)
app.command()(operating.prune)
app.command("seal-key")(operating.seal_key)
app.add_typer(scheduling.app)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line: the one place where errors become exit statuses."""
    for stream in (sys.stdout, sys.stderr):
        output.tolerate(stream)
    try:
        status = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        status = PIPE_CLOSED
    if status == PIPE_CLOSED:
        _swallow_output()
    return status


def _run(argv: Sequence[str] | None) -> int:
    command = typer.main.get_command(app)
    try:
        command.main(args=argv, prog_name="rescind")
    except SystemExit as ended:
        return (
            ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        )
    except Exception as error:
        from worker.cli.errors import explain

        known = explain(error)
        if known is None:
            raise
        output.say(known[1])
        return known[0]
    return 0


def _swallow_output() -> None:
    """What is still to be written at the interpreter's end has nobody to read it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
