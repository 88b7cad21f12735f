"""``rescind plan show``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.options import Json

app = typer.Typer(
    name="plan",
    help="Show plans: cancellations that were submitted together.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def plan() -> None:
    """Show plans: cancellations that were submitted together."""


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
