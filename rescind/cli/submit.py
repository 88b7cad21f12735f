"""``rescind cancel`` and ``rescind submit``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli.completion import account_names, provider_names
from rescind.cli.options import Group, Json, OnGroupEnd, Wait
from rescind.errors.reported import CommandError


def cancel(
    provider: Annotated[
        str,
        typer.Argument(
            help="The provider's name, as in the accounts file.",
            autocompletion=provider_names,
        ),
    ],
    orders: Annotated[
        list[str], typer.Argument(metavar="ORDER", help="The provider's own ids.")
    ],
    account: Annotated[
        str | None,
        typer.Option(
            help="Which of the provider's accounts.", autocompletion=account_names
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the provider's: JSON, or a text. Repeatable.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The idempotency key; the order's id if not given."),
    ] = None,
    not_before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Send it no earlier: ISO 8601 with an offset, or +15m.",
        ),
    ] = None,
    cancel_before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The deadline: give up if not sent by then."),
    ] = None,
    group: Group = None,
    on_group_end: OnGroupEnd = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Kept with it and returned. Repeatable."
        ),
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Send it only after this one has ended: an id, or"
            " provider/account/key. Repeatable.",
        ),
    ] = None,
    only_if: Annotated[
        str | None,
        typer.Option(
            metavar="END,...",
            help="With --after: the ends of those that it is sent for, such as"
            " rejected/not_found, or any; cancelled if not given.",
        ),
    ] = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Cancel orders at one provider.

    Each cancellation is in the ledger before any call is sent, and ends exactly once.
    Submitting the same cancellation again changes nothing.

    Exit status: 0 done; 1 (with --wait) not all are cancelled; 2 an entry is wrong
    (the others are submitted); 3 a service cannot be reached; 4 the wait timed out.
    """
    from providers.registry import provider_named
    from rescind.cli.direct_submission import Submission
    from rescind.cli.submission_result import finish_few
    from rescind.intake import values
    from rescind.intake.files.file_rows import Row

    # Checked before any service is reached, whose absence would hide this error.
    provider_named(provider)
    if key is not None and len(orders) > 1:
        raise CommandError("--key is for one order: give each order a key of its own")
    values.check_times(not_before, cancel_before)
    params = values.named_values(param or [], "--param")
    entry = {
        "provider": provider,
        "account": account,
        "params": {k: values.param_value(provider, k, v) for k, v in params.items()},
        "key": key,
        "not_before": not_before,
        "cancel_before": cancel_before,
        "group": values.group_name(group),
        "on_group_end": on_group_end,
        "metadata": values.named_values(metadata or [], "--metadata"),
        "after": after or None,
        "only_if": only_if,
    }
    rows = [Row(n, {**entry, "order": order}) for n, order in enumerate(orders)]
    submission = Submission()
    for _ in submission.run(rows):
        pass
    finish_few(submission, orders, wait, as_json=as_json)


def submit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The file, or - for standard input.")
    ],
    group: Group = None,
    on_group_end: OnGroupEnd = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="The time zone of times without an offset, such as Europe/Istanbul."
            " A day without a time is then a whole day.",
        ),
    ] = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Submit a file of cancellations: CSV, JSON Lines or .xlsx.

    A CSV file needs a header. Columns: provider, order, account, key, not_before,
    cancel_before, group, callback_url, on_group_end, ref, after, only_if, param.NAME
    and metadata.NAME, or params and metadata as JSON. Only provider and order are
    required.
    A wrong row does not stop the others.

    Exit status: 0 done; 1 (with --wait) not all are cancelled; 2 the file or a row is
    wrong; 3 a service cannot be reached; 4 the wait timed out.
    """
    from rescind.cli.direct_submission import Submission
    from rescind.cli.file_notes import say_days, say_encoding, times_in
    from rescind.cli.submission_result import finish_many
    from rescind.cli.wait import lines_bar
    from rescind.intake import values
    from rescind.intake.files.file_reading import load
    from rescind.intake.files.file_rows import with_defaults

    values.group_name(group)
    times = times_in(timezone)
    document = load(file)
    submission = Submission()
    say_encoding(document)
    given = with_defaults(document.rows, group=group, on_group_end=on_group_end)
    rows = times.rows(given)
    with lines_bar(document.lines) as advance:
        for last in submission.run(rows):
            advance(last.line)
    say_days(times)
    finish_many(submission, wait, as_json=as_json)
