"""``rescind show``, ``retry``, ``release``, ``skip`` and ``words``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rescind.cli.completion import account_names, provider_names
from rescind.cli.options import Group, Json, one_of, words_of
from rescind.errors.reported import CommandError
from rescind.ledger.states import RETRYABLE, State
from rescind.provider.outcomes import Reason

if TYPE_CHECKING:
    from rescind.browse.wanted import Wanted

RETRIED = tuple(one for one in State if one in RETRYABLE or one is State.REQUESTED)
"""The states from which a cancellation can be retried."""
Provider = Annotated[
    str | None,
    typer.Option(help="Only this provider's.", autocompletion=provider_names),
]
Account = Annotated[
    str | None,
    typer.Option(help="Only this account's.", autocompletion=account_names),
]
EndedFor = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help=f"Only those that ended for this reason: {', '.join(Reason)}.",
        callback=one_of(Reason),
        autocompletion=words_of(Reason),
    ),
]
Waiting = Annotated[
    list[str], typer.Argument(metavar="ID", help="Ids, or provider/account/key.")
]


def show(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, or provider/account/key.")
    ],
    case: Annotated[
        bool,
        typer.Option(
            "--case",
            help="Print the provider's replies instead, as test cases: one JSON object"
            " per line, without credentials and personal data.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one cancellation, its history and its deliveries."""
    from rescind.cli.records_shown import show_cases, show_one

    if case:
        show_cases(id_)
    else:
        show_one(id_, as_json=as_json)


def retry(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids, or provider/account/key."),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help=f"All in this state: {', '.join(RETRIED)}. Repeatable; failed, if"
            " another filter is given.",
            callback=one_of(RETRIED),
            autocompletion=words_of(RETRIED),
        ),
    ] = None,
    provider: Provider = None,
    account: Account = None,
    group: Group = None,
    reason: EndedFor = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before a filter is applied.")
    ] = False,
    cancel_before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="A new deadline instead of the former one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Retry cancellations that failed, expired, were rejected or were withdrawn.

    Name them by their ids, or choose them by filters: their number is shown first, and
    on a terminal the command asks. Each gets a new round. A requested cancellation can
    be retried, too, if its provider still shows the order as active after the policy's
    queued_for. If an earlier call may have worked, the round begins by reading the
    order at the provider.
    """
    from rescind.cli.retrying import retry_chosen, retry_many

    given = any((state, provider, account, group, reason))
    if ids and given:
        raise CommandError("give either ids or filters, not both")
    if not ids and not given:
        raise CommandError("give the ids to retry, or a filter such as --state failed")
    if ids:
        retry_many(ids, cancel_before, as_json=as_json)
    else:
        wanted = chosen_by(provider, account, group, state, reason)
        retry_chosen(wanted, cancel_before, yes=yes, as_json=as_json)


def release(ids: Waiting, as_json: Json = False) -> None:
    """Send cancellations that wait for others, whatever becomes of those.

    Also those that ended as not wanted, and were never sent.
    """
    from rescind.cli.plan_decisions import decide_many
    from rescind.operations.release_and_skip import RELEASE

    decide_many(RELEASE, ids, as_json=as_json)


def skip(ids: Waiting, as_json: Json = False) -> None:
    """End cancellations that wait for others: they are not wanted.

    Each ends as withdrawn, and nothing is sent for it.
    """
    from rescind.cli.plan_decisions import decide_many
    from rescind.operations.release_and_skip import SKIP

    decide_many(SKIP, ids, as_json=as_json)


def _check_known(provider: str) -> None:
    """Raises ``InvalidRequestError`` unless the ledger has cancellations of it."""
    from providers.registry import provider_named
    from rescind.cli.connections import need_ledger
    from rescind.ledger.storage.transactions import LedgerUnreachableError
    from rescind.operations.known_providers import check_known

    try:
        check_known(need_ledger(), provider)
    except (CommandError, LedgerUnreachableError):
        # Without a ledger the name is most probably mistyped.
        provider_named(provider)


def words(
    provider: Provider = None,
    entry: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Write an entry for the vocabulary of these, to review."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The number to show at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the providers' words that no vocabulary knows, the most frequent first.

    Each left open what became of an order, which was then read back.
    """
    from rescind.cli.words_shown import list_words, show_entry

    if entry is not None:
        show_entry(entry)
        return
    if provider is not None:
        _check_known(provider)
    list_words(provider, limit, as_json=as_json)


def check_provider(provider: str | None) -> None:
    """Raises ``InvalidRequestError`` for a provider that is not installed and has no
    cancellations."""
    from providers.registry import BY_NAME
    from rescind.provider.text import storable

    if provider is not None and provider not in BY_NAME:
        _check_known(storable(provider))


def chosen_by(
    provider: str | None,
    account: str | None,
    group: str | None,
    state: list[str] | None = None,
    reason: str | None = None,
) -> Wanted:
    from rescind.browse.wanted import Wanted
    from rescind.provider.text import storable

    check_provider(provider)
    return Wanted(
        states=state or [],
        provider=provider,
        account=None if account is None else storable(account),
        group=None if group is None else storable(group),
        reason=reason,
    )
