"""``rescind list``: cancellations that match filters."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from rescind.cli.options import Group, Json, one_of, words_of
from rescind.cli.show import Account, EndedFor, Provider, chosen_by
from rescind.ledger.states import State


def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help=f"Only this state: {', '.join(State)}. Repeatable.",
            callback=one_of(State),
            autocompletion=words_of(State),
        ),
    ] = None,
    provider: Provider = None,
    account: Account = None,
    group: Group = None,
    reason: EndedFor = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="ACTOR",
            help="Only those that this actor submitted: as `rescind show` names it,"
            " such as token:ann, or only what stands after the colon.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those accepted then or later: ISO 8601 with an offset.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those accepted before then: ISO 8601 with an offset.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List cancellations, the newest first.

    A cancellation must match all filters.
    """
    from rescind.cli.cancellations_listed import list_many
    from rescind.cli.filters_read import actors_of, period_of

    wanted = chosen_by(provider, account, group, state, reason)
    begin, end = period_of(since, until)
    wanted = replace(wanted, by=actors_of(by), since=begin, until=end)
    list_many(wanted, limit, as_json=as_json)
