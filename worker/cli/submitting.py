"""``rescind cancel`` and ``rescind submit``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from worker.cli import output
from worker.cli.statuses import DONE, CommandError

if TYPE_CHECKING:
    from worker.cli.submission import Submission
    from worker.files import Document

Wait = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        min=0,
        help="Wait until all are final: 300 seconds, unless you say how many.",
    ),
]
Group = Annotated[str | None, typer.Option(help="A name to list them by.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def cancel(
    provider: Annotated[str, typer.Argument(help="iletimerkezi, notpanel, …")],
    orders: Annotated[
        list[str], typer.Argument(metavar="ORDER...", help="The provider's own ids.")
    ],
    account: Annotated[
        str | None, typer.Option(help="Which of the provider's accounts.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the provider takes beside the order; JSON, or else a text.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="What makes it the same one if it comes again.")
    ] = None,
    not_before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="ISO 8601 with an offset, or such as +15m."),
    ] = None,
    cancel_before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Given up if it was not sent by then."),
    ] = None,
    group: Group = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Kept with it, and given back."),
    ] = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Cancel orders at one provider.

    Each is in the ledger before anything is sent, and ends exactly once. What was
    submitted before changes nothing when it comes again.

    Exit status: 0 done; 1 (with --wait) something ended other than cancelled; 2 an
    entry is wrong (the others are submitted); 3 a service cannot be reached; 4 the
    wait ran out.
    """
    from worker.cli.values import future_time, group_name, named_values, param_value

    if key is not None and len(orders) > 1:
        raise CommandError("--key stands for one order: give each order its own")
    now = _now()
    future_time(cancel_before, "--cancel-before", now)
    future_time(not_before, "--not-before", now)
    params = named_values(param or [], "--param")
    entry = {
        "provider": provider,
        "account": account,
        "params": {k: param_value(provider, k, v) for k, v in params.items()},
        "key": key,
        "not_before": not_before,
        "cancel_before": cancel_before,
        "group": group_name(group),
        "metadata": named_values(metadata or [], "--metadata"),
    }
    from worker.cli.submission import Submission, say_wrong
    from worker.files import Row

    submission = Submission()
    rows = [Row(n, {**entry, "order": order}) for n, order in enumerate(orders)]
    for _ in submission.run(rows, label="order"):
        pass
    say_wrong(submission.result, most=len(rows))
    _finish(submission, wait, as_json=as_json, one_by_one=True)


def submit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="- is standard input.")],
    group: Group = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Submit a file of cancellations: CSV with a header, or JSON Lines.

    Columns: provider, order, account, key, not_before, cancel_before, group,
    callback_url, param.NAME and metadata.NAME, or params and metadata as JSON; only
    provider and order are required. A wrong row never stops the others.

    Exit status: 0 done; 1 (with --wait) something ended other than cancelled; 2 the
    file or a row is wrong; 3 a service cannot be reached; 4 the wait ran out.
    """
    from worker.cli.submission import Submission, say_wrong, with_group
    from worker.cli.values import group_name
    from worker.files import load

    group_name(group)
    document = load(file)
    submission = Submission()
    with _bar(document) as advance:
        for last in submission.run(with_group(document.rows, group)):
            advance(last.line)
    say_wrong(submission.result)
    _finish(submission, wait, as_json=as_json, one_by_one=False)


def _now() -> Any:
    from worker.cli.services import utc_now

    return utc_now()


def _finish(
    submission: Submission, seconds: float | None, *, as_json: bool, one_by_one: bool
) -> None:
    """Wait if asked to, show what became of it, and end with its status."""
    from worker.cli.submission import records
    from worker.cli.waiting import wait, worst

    result, engine = submission.result, submission.engine
    status = result.status
    if not as_json and not one_by_one:
        _summary(submission)
    if seconds is not None and result.ids:
        status = worst(status, wait(engine, result.ids, seconds))
    if as_json:
        for record in records(engine, result.ids):
            output.emit_json(record)
    elif one_by_one:
        _table(submission)
    elif seconds is not None:
        _outcomes(submission)
    if status != DONE:
        raise typer.Exit(status)


def _summary(submission: Submission) -> None:
    from worker.intake import Receipt

    result = submission.result
    refused = result.count(Receipt.REFUSED)
    words = [
        f"{result.count(Receipt.ACCEPTED)} accepted",
        f"{result.count(Receipt.DUPLICATE)} submitted before",
        f"{refused} refused",
    ]
    if result.unread:
        words.append(f"{result.unread} that cannot be read")
    output.emit(f"{len(result.ids) + result.unread} rows: {', '.join(words)}")


def _table(submission: Submission) -> None:
    from worker.cli.submission import records

    rows = [
        (r["id"], f"{r['provider']}/{r['account']}", r["order"], r["state"])
        + (r["reason"], r["provider_message"])
        for r in records(submission.engine, submission.result.ids)
    ]
    output.table(("id", "lane", "order", "state", "reason", "message"), rows)


def _outcomes(submission: Submission) -> None:
    """How many ended how, at which provider."""
    from worker.cli.submission import records

    counts: dict[tuple[str, str, str], int] = {}
    for one in records(submission.engine, list(dict.fromkeys(submission.result.ids))):
        ended = (one["provider"], one["state"], one["reason"] or "")
        counts[ended] = counts.get(ended, 0) + 1
    rows = [(*ended, count) for ended, count in sorted(counts.items())]
    output.table(("provider", "state", "reason", "orders"), rows)


class Advance(Protocol):
    """Told how many lines have been dealt with."""

    def __call__(self, line: int) -> None: ...


@contextmanager
def _bar(document: Document) -> Iterator[Advance]:
    if not output.on_terminal():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("submitting", total=document.lines)
        yield lambda line: bar.update(task, completed=line)
