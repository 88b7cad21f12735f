"""``rescind webhooks``: what producers were told, and what is told again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from rescind.cli import output
from rescind.cli.options import Json
from rescind.errors.reported import CommandError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


class State(StrEnum):
    WAITING = "waiting"
    GIVEN_UP = "given_up"
    DELIVERED = "delivered"


@app.callback(invoke_without_command=True)
def webhooks(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List what producers were told of what has ended, or are still to be told.

    Those that wait are listed by when they are tried next, others the newest first.
    """
    from rescind.cli.deliveries_shown import list_deliveries

    if context.invoked_subcommand is None:
        list_deliveries(state and str(state), limit, as_json=as_json)


@app.command()
def resend(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]", help="Of a webhook, or of a cancellation."),
    ] = None,
    all_given_up: Annotated[
        bool, typer.Option("--all-given-up", help="All that was given up.")
    ] = False,
) -> None:
    """Tell producers again, from the beginning; what was delivered, too.

    It has the same webhook-id as before, and says what was true at that end.
    """
    from rescind.cli.deliveries_shown import resend_every, resend_these

    if bool(ids) == all_given_up:
        raise CommandError("give the ids of what to send again, or --all-given-up")
    if all_given_up:
        resend_every()
    else:
        resend_these(ids or [])


@app.command()
def secret() -> None:
    """Print a new secret for RESCIND_WEBHOOK_SECRET.

    To rotate: put it beside the former one, separated by a comma; both sign. Drop the
    former one when every receiver knows the new one.
    """
    from rescind.cli.setup.service_questions import webhook_secret

    output.emit(webhook_secret())
