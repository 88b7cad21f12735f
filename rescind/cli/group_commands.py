"""``rescind groups``: the groups, or one of them with its progress."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.options import Json


def groups(
    group: Annotated[
        str | None, typer.Argument(metavar="[GROUP]", help="Show this group alone.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List groups by name, with how much of each has ended.

    One group is shown with its counts by reason, and who is told of its end.
    """
    from rescind.cli.groups_shown import list_groups, show_group

    if group is None:
        list_groups(limit, as_json=as_json)
    else:
        show_group(group, as_json=as_json)
