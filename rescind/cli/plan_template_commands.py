"""``rescind plan templates``, ``check`` and ``submit``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.completion import plan_names
from rescind.cli.options import Json

Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="FIELD=VALUE", help="What the plan takes, by name."),
]
Key = Annotated[
    str | None,
    typer.Option(
        help="What makes it the same plan when it is submitted again; the template's"
        " own if not given."
    ),
]

WaitForEnd = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        min=0,
        help="Wait until the plan has ended, at most 300 seconds or as many as you"
        " give, and print its verdict.",
    ),
]


def templates(as_json: Json = False) -> None:
    """List the plans of plans.toml, with what each takes and its steps."""
    from rescind.cli.plan_templates_shown import list_templates

    list_templates(as_json=as_json)


def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A plan of plans.toml; all of the file if not given.",
            autocompletion=plan_names,
        ),
    ] = None,
    values: Values = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Check the plans file, or show what a plan would submit. Submits nothing.

    Exit status: 0 all is well; 2 something is wrong; 3 a service cannot be reached.
    """
    if name is None:
        from rescind.cli.plan_templates_shown import check_file

        check_file(as_json=as_json)
    else:
        from rescind.cli.plan_submitting import dry_run

        dry_run(name, values or [], key, as_json=as_json)


def submit(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A plan of plans.toml.", autocompletion=plan_names
        ),
    ],
    values: Values = None,
    key: Key = None,
    callback_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where its end is told; the template's if not given."
        ),
    ] = None,
    wait: WaitForEnd = None,
    as_json: Json = False,
) -> None:
    """Submit a plan: all of its cancellations, or none.

    Submitting it again with the same key and steps changes nothing.

    Exit status: 0 done; 1 (with --wait) the verdict is not done; 2 something is wrong,
    and nothing is submitted; 3 a service cannot be reached; 4 the wait timed out.
    """
    from rescind.cli.plan_submitting import submit as submit_one

    submit_one(name, values or [], key, callback_url, wait, as_json=as_json)
