"""``rescind actions``: who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.options import Json, one_of, words_of
from rescind.ledger.action_kinds import Action


def actions(
    by: Annotated[
        str | None,
        typer.Option(
            metavar="ACTOR",
            help="Only of this actor: as it is listed, such as token:ann, or only what"
            " stands after the colon.",
        ),
    ] = None,
    action: Annotated[
        str | None,
        typer.Option(
            metavar="ACTION",
            help=f"Only of this kind: {', '.join(Action)}.",
            callback=one_of(Action),
            autocompletion=words_of(Action),
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those that began then or later: ISO 8601 with an offset.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those that began before then: ISO 8601 with an offset.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List what operators did, the newest first: who held, resumed, retried or resent.

    An action must match all filters. `rescind show` names who submitted and who retried
    one cancellation.
    """
    from rescind.cli.actions_shown import list_actions, wanted_actions

    list_actions(wanted_actions(by, action, since, until), limit, as_json=as_json)
