"""``rescind plan list``, ``check``, ``submit`` and ``show``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli import plan_template_commands
from rescind.cli.options import Json

app = typer.Typer(
    name="plan",
    help="Check, submit and show plans: cancellations that belong together.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def plan() -> None:
    """Check, submit and show plans: cancellations that belong together."""


app.command("list")(plan_template_commands.list_)
app.command()(plan_template_commands.check)
app.command()(plan_template_commands.submit)


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
