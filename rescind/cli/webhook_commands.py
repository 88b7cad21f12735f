"""``rescind webhooks``: lists deliveries to producers, and sends them again."""

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
    state: Annotated[State | None, typer.Option(help="Only this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List deliveries of outcomes to producers.

    Waiting deliveries are ordered by their next attempt, others by age, newest first.
    """
    from rescind.cli.deliveries_shown import list_deliveries

    if context.invoked_subcommand is None:
        list_deliveries(state and str(state), limit, as_json=as_json)


@app.command()
def resend(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]", help="A webhook's or a cancellation's id."),
    ] = None,
    all_given_up: Annotated[
        bool,
        typer.Option("--all-given-up", help="Send all deliveries that were given up."),
    ] = False,
) -> None:
    """Send deliveries again, also delivered ones.

    A delivery gets all its attempts again, and keeps its webhook-id and its content.
    """
    from rescind.cli.deliveries_shown import resend_every, resend_these

    if bool(ids) == all_given_up:
        raise CommandError("give the ids to send again, or --all-given-up")
    if all_given_up:
        resend_every()
    else:
        resend_these(ids or [])


@app.command("test")
def send_test(
    address: Annotated[
        str, typer.Argument(metavar="URL", help="The address, as in callback_url.")
    ],
    as_json: Json = False,
) -> None:
    """Send one signed test event to an address, and show the answer.

    The event's type is rescind.test. It is sent once, from this machine.
    """
    from rescind.cli.receiver_check import send

    send(address, as_json=as_json)


@app.command()
def secret() -> None:
    """Print a new secret for RESCIND_WEBHOOK_SECRET.

    A receiver's own secret is written after its host: shop.example.com=whsec_…. To
    rotate: write the new secret beside the former one, separated by a comma; both sign.
    Remove the former one when every receiver knows the new one.
    """
    from rescind.cli.setup.service_questions import webhook_secret

    output.emit(webhook_secret())
