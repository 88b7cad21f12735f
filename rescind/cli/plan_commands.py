"""``rescind plan templates``, ``check``, ``submit``, ``show`` and ``list``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli import plan_template_commands
from rescind.cli.completion import plan_names
from rescind.cli.options import Json, WithWait

app = typer.Typer(
    name="plan",
    help="Check, submit and show plans: cancellations that belong together.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def plan() -> None:
    """Check, submit and show plans: cancellations that belong together."""


app.command()(plan_template_commands.templates)
app.command()(plan_template_commands.check)
app.command(cls=WithWait)(plan_template_commands.submit)


@app.command()
def show(
    id_: Annotated[
        str,
        typer.Argument(metavar="ID", help="Its id, or the template's name/its key."),
    ],
    as_json: Json = False,
) -> None:
    """Show one plan: its verdict, its steps as they are now, and its deliveries."""
    from rescind.cli.plans_shown import show_plan

    show_plan(id_, as_json=as_json)


@app.command("list")
def list_(
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only of this plan.", autocompletion=plan_names
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only with this key.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those submitted then or later: ISO 8601 with an offset.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the plans that were submitted, the newest first.

    Each is shown with its verdict, if it has ended, and the states of its steps.
    """
    from rescind.cli.plans_shown import list_plans
    from rescind.intake.values import past_or_future_time
    from rescind.ledger.reading.plans import PlanFilter
    from rescind.ledger.storage.milliseconds import to_ms
    from rescind.provider.text import storable

    begin = past_or_future_time(since, "--since")
    wanted = PlanFilter(
        name=None if plan is None else storable(plan),
        key=None if key is None else storable(key),
        since=None if begin is None else to_ms(begin),
    )
    list_plans(wanted, limit, as_json=as_json)
