"""``rescind schedule list``, ``run``, ``runs`` and ``check``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.options import Json

app = typer.Typer(
    name="schedule",
    help="Show, check and run the rules of schedules.toml.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The rule's name in schedules.toml.")
]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the rules, with their next times and last results."""
    from rescind.cli.schedule_list import list_rules

    list_rules(as_json=as_json)


@app.command()
def run(
    name: Name,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the entries, and submit nothing.")
    ] = False,
    most: Annotated[
        int | None,
        typer.Option("--max", min=1, max=100_000, help="Used instead of the rule's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a rule now, whether or not it is due.

    If the rule finds more than its max, nothing is submitted; --max raises the limit.

    Exit status: 0 done; 2 the rule or an entry is wrong, or there are too many (then
    nothing is submitted); 3 a service or the source cannot be reached.
    """
    from rescind.cli import schedule_run

    act = schedule_run.dry_run if dry_run else schedule_run.run_now
    act(name, most, as_json=as_json)


@app.command()
def runs(
    name: Name,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="The number to show at most.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Show a rule's runs, the newest first."""
    from rescind.cli.schedule_list import show_runs

    show_runs(name, limit, as_json=as_json)


@app.command()
def check(as_json: Json = False) -> None:
    """Check the schedules file without running any rule.

    Exit status: 0 all is well; 2 something is wrong.
    """
    from rescind.cli.schedule_list import check_file

    check_file(as_json=as_json)
