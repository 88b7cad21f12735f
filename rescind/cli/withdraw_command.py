"""``rescind withdraw``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.options import Group, Json
from rescind.cli.show import Account, Provider, chosen_by
from rescind.errors.reported import CommandError


def withdraw(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids, or provider/account/key."),
    ] = None,
    provider: Provider = None,
    account: Account = None,
    group: Group = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before a filter is applied.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take back cancellations that were not sent.

    Name them by their ids, or choose by filters all that wait to be sent: on a terminal
    the command asks first. Each ends as withdrawn, and nothing is sent for it. A
    cancellation that was sent, or may have been, is refused and goes on.
    """
    from rescind.cli.withdrawing import withdraw_chosen, withdraw_many

    given = bool(provider or account or group)
    if bool(ids) == given:
        raise CommandError(
            "give either the ids to withdraw, or a filter such as --group"
        )
    if ids:
        withdraw_many(ids, as_json=as_json)
    else:
        wanted = chosen_by(provider, account, group)
        withdraw_chosen(wanted, yes=yes, as_json=as_json)
