"""The final report of the demo: tables of outcomes and calls, and the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import shorten

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from rescind.demo.facts import LedgerRow
from rescind.demo.order_oracle import Verdict
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

EVIDENCE = {
    "maybe_done": "  answer lost",
    "not_sent": "  never arrived",
    "throttled": "  throttled",
}
"""Labels of calls without an answer, by evidence."""
OTHERS = "others"
"""The column of rows that name no known provider."""
MOST_SHOWN, MOST_WRONG = 50, 3
"""Offences and wrong rows that are printed."""
WIDTH = 100
UNREAD = f"{State.FAILED}/{Reason.UNRESOLVED}"

CallCount = tuple[str, str, str, int]
"""Provider, operation, evidence, and the number of calls."""


def outcomes_table(rows: Sequence[LedgerRow], providers: Sequence[str]) -> Table:
    """The number of cancellations by outcome and provider."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        provider = row["provider"] if row["provider"] in providers else OTHERS
        counts[_outcome(row), provider] += 1
    return _table("outcome", counts, providers, sorted({o for o, _ in counts}))


def _outcome(row: LedgerRow) -> str:
    return f"{row['state']}/{row['reason']}" if row["reason"] else str(row["state"])


def calls_table(calls: Iterable[CallCount], providers: Sequence[str]) -> Table:
    """The number of calls by operation and provider, and of those without an answer."""
    counts: Counter[tuple[str, str]] = Counter()
    unanswered: Counter[tuple[str, str]] = Counter()
    for provider, operation, evidence, count in calls:
        counts[f"{operation} calls", provider] += count
        if evidence in EVIDENCE:
            unanswered[EVIDENCE[evidence], provider] += count
    names = sorted({operation for operation, _ in counts})
    table = _table("calls made", counts, providers, names)
    for name in EVIDENCE.values():
        _add_row(table, name, [unanswered[name, p] for p in providers])
    return table


def print_unresolved(rows: Sequence[LedgerRow]) -> None:
    """Print a line for each provider of which more than a fifth ended as
    failed/unresolved: faults alone leave fewer."""
    all_of = Counter(row["provider"] for row in rows)
    unresolved = Counter(row["provider"] for row in rows if _outcome(row) == UNREAD)
    for provider, count in sorted(unresolved.items()):
        if count * 5 > all_of[provider]:
            print(
                f"{provider}: {count:,} of {all_of[provider]:,} ended as {UNREAD}: the"
                " readings left them unknown. Look for words that its vocabulary lacks"
            )


def _table(
    title: str,
    counts: Counter[tuple[str, str]],
    providers: Sequence[str],
    names: Sequence[str],
) -> Table:
    """A table with a row for each of ``names``, a column per provider, and sums."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(title, no_wrap=True)
    columns = [*providers, *sorted({p for _, p in counts} - set(providers))]
    for column in (*columns, "all"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in names:
        _add_row(table, name, [counts[name, column] for column in columns])
    table.add_section()
    sums = [sum(counts[name, column] for name in names) for column in columns]
    _add_row(table, "all", sums)
    return table


def _add_row(table: Table, name: str, cells: Sequence[int]) -> None:
    shown = (f"{count:,}" if count else "·" for count in (*cells, sum(cells)))
    table.add_row(name, *shown)


def print_tables(*tables: Table) -> None:
    """Print the tables in the terminal's width; elsewhere, wide enough for all."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=110, color_system=None)
    for table in tables:
        console.print(table)


def print_verdict(verdict: Verdict) -> None:
    """Print every offence, and the counts in the last line."""
    print("The ledger, compared with what the simulated providers have recorded:")
    offences = list(verdict.offences())
    for kind, one in offences[:MOST_SHOWN]:
        print(f"{kind}: {one.provider} {one.order}: {one.why}")
    if len(offences) > MOST_SHOWN:
        print(f"and {len(offences) - MOST_SHOWN} more")
    print(verdict.line, flush=True)


def print_submitted(records: Sequence[str], notes: Sequence[str]) -> None:
    """Print how many rows were submitted, and the first wrong ones. Both are lines
    of `rescind submit --json`: its results, and its messages."""
    # A row that repeats another one has the record of that one.
    taken = {one["id"]: one for one in map(json.loads, records)}
    refused = sum(one["reason"] == "invalid_request" for one in taken.values())
    print(
        f"{len(taken):,} cancellations submitted, {refused:,} of them refused as wrong"
    )
    wrong = [note.removeprefix("rescind: ") for note in notes if ": line " in note]
    for note in wrong[:MOST_WRONG]:
        print(f"  {shorten(note, WIDTH, placeholder=' …')}")
    if refused > MOST_WRONG:
        print(f"  and {refused - MOST_WRONG:,} more")
    print(flush=True)
