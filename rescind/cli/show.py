"""``rescind show``, ``rescind list``, ``rescind retry`` and ``rescind withdraw``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.completion import account_names, provider_names
from rescind.cli.options import Group, Json
from rescind.ledger.states import State


def show(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, or provider/account/key.")
    ],
    as_json: Json = False,
) -> None:
    """Show one cancellation, its history and its deliveries."""
    from rescind.cli.records_shown import show_one

    show_one(id_, as_json=as_json)


def list_(
    state: Annotated[
        list[State] | None, typer.Option(help="Only this state; repeatable.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Only this provider's.", autocompletion=provider_names),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(help="Only this account's.", autocompletion=account_names),
    ] = None,
    group: Group = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List cancellations, the newest first."""
    from providers.registry import provider_named
    from rescind.cli.records_shown import list_many
    from rescind.ledger.reading.listing import Filter
    from rescind.provider.text import storable

    if provider is not None:
        provider_named(provider)
    wanted = Filter(
        states=[str(one) for one in state or []],
        provider=provider,
        account=None if account is None else storable(account),
        group=None if group is None else storable(group),
    )
    list_many(wanted, limit, as_json=as_json)


def retry(
    ids: Annotated[
        list[str], typer.Argument(metavar="ID", help="Ids, or provider/account/key.")
    ],
    cancel_before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="A new deadline instead of the former one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Retry cancellations that failed, expired, were rejected or were withdrawn.

    Each gets a new round. A requested cancellation can be retried, too, if its provider
    still shows the order as active after the policy's queued_for. If an earlier call
    may have worked, the round begins by reading the order at the provider.
    """
    from rescind.cli.records_shown import retry_many

    retry_many(ids, cancel_before, as_json=as_json)


def withdraw(
    ids: Annotated[
        list[str], typer.Argument(metavar="ID", help="Ids, or provider/account/key.")
    ],
    as_json: Json = False,
) -> None:
    """Take back cancellations that were not sent.

    Each ends as withdrawn, and nothing is sent for it. A cancellation that was sent, or
    may have been, is refused and goes on.
    """
    from rescind.cli.records_shown import withdraw_many

    withdraw_many(ids, as_json=as_json)
