"""The list of commands, and the function that runs one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from rescind.cli import (
    admin,
    group_commands,
    output,
    plan_commands,
    schedule,
    show,
    starting,
    webhook_commands,
)
from rescind.cli.actions_command import actions
from rescind.cli.init import init
from rescind.cli.list_command import list_
from rescind.cli.new_provider_command import new_provider
from rescind.cli.options import WithWait
from rescind.cli.submit import cancel, submit
from rescind.cli.withdraw_command import withdraw
from rescind.errors import messages
from rescind.errors.exit_statuses import INTERRUPTED, PIPE_CLOSED

app = typer.Typer(
    name="rescind",
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
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Cancel orders at their providers. An accepted cancellation ends exactly once.

    Results go to standard output, everything else to standard error. Exit status: 0
    done; 1 (with --wait) not all are cancelled; 2 the command line or the input is
    wrong; 3 a service cannot be reached; 4 the wait timed out.
    """
    _log_to_standard_error()


def _log_to_standard_error() -> None:
    """Have warnings of the program on standard error, in ``RESCIND_LOG_FORMAT``.

    Without this, structlog would write every event among the results.
    """
    from rescind.config.settings import SettingsError, settings
    from rescind.telemetry.logs import set_up

    try:
        style = settings().log_format
    except SettingsError:
        # The command itself tells the fault.
        style = "auto"
    # Not cached: a command logs little, and one process may run several.
    set_up(logging.WARNING, style, cached=False)


app.command()(init)
app.command(cls=WithWait)(cancel)
app.command(cls=WithWait)(submit)
app.command()(show.show)
app.command("list")(list_)
app.command()(group_commands.groups)
app.command()(show.retry)
app.command()(withdraw)
app.command()(show.release)
app.command()(show.skip)
app.command()(actions)
app.command()(show.words)
app.command()(admin.lanes)
app.command()(admin.hold)
app.command()(admin.resume)
app.add_typer(webhook_commands.app, name="webhooks")
app.command()(starting.up)
app.command()(starting.api)
app.command()(starting.demo)
app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(starting.sandbox)
app.command("new-provider")(new_provider)
app.command()(admin.env)
app.command()(admin.doctor)
app.command()(admin.capacity)
app.command()(admin.migrate)
app.command()(admin.prune)
app.command()(admin.reconcile)
app.command("seal-key")(admin.seal_key)
app.add_typer(plan_commands.app)
app.add_typer(schedule.app)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line. Only here do errors become exit statuses."""
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
    words = sys.argv[1:] if argv is None else argv
    try:
        command.main(args=argv, prog_name="rescind")
    except SystemExit as ended:
        # Typer has printed its own message; `rescind` without words shows its help.
        if words and hasattr(ended.__context__, "format_message"):
            messages.see("usage")
        return (
            ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        )
    except Exception as error:
        from rescind.errors.exceptions import explain

        ending = explain(error)
        if ending is None:
            raise
        messages.say(ending.says, ending.problem)
        return ending.status
    return 0


def _swallow_output() -> None:
    """Discard output that the interpreter flushes at its end: the pipe is closed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
