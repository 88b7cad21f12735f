"""What the demo ends with: tables of outcomes and of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from rescind.demo.facts import LedgerRow
from rescind.demo.order_oracle import Verdict

EVIDENCE = {
    "maybe_done": "  answer lost",
    "not_sent": "  never arrived",
    "throttled": "  throttled",
}
"""What became of calls that were not answered."""
OTHERS = "others"
"""Rows that name none of the providers."""
MOST_SHOWN = 50

CallCount = tuple[str, str, str, int]
"""Provider, operation, evidence, and how many calls."""


def outcomes_table(rows: Sequence[LedgerRow], providers: Sequence[str]) -> Table:
    """Provider by outcome: how many cancellations ended how."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        provider = row["provider"] if row["provider"] in providers else OTHERS
        counts[_outcome(row), provider] += 1
    return _table("outcome", counts, providers, sorted({o for o, _ in counts}))


def _outcome(row: LedgerRow) -> str:
    return f"{row['state']}/{row['reason']}" if row["reason"] else str(row["state"])


def calls_table(calls: Iterable[CallCount], providers: Sequence[str]) -> Table:
    """Provider by operation: how many calls were made, and how many in vain."""
    counts: Counter[tuple[str, str]] = Counter()
    in_vain: Counter[tuple[str, str]] = Counter()
    for provider, operation, evidence, count in calls:
        counts[f"{operation} calls", provider] += count
        if evidence in EVIDENCE:
            in_vain[EVIDENCE[evidence], provider] += count
    names = sorted({operation for operation, _ in counts})
    table = _table("calls made", counts, providers, names)
    for name in EVIDENCE.values():
        _add_row(table, name, [in_vain[name, p] for p in providers])
    return table


def _table(
    title: str,
    counts: Counter[tuple[str, str]],
    providers: Sequence[str],
    names: Sequence[str],
) -> Table:
    """One row for each of ``names``, one column for each provider, and the sums."""
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
    """On a terminal in its width; elsewhere wide enough for every column."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=110, color_system=None)
    for table in tables:
        console.print(table)


def print_verdict(verdict: Verdict) -> None:
    """Every order that is not as it should be, and at the very last the counts."""
    offences = list(verdict.offences())
    for kind, one in offences[:MOST_SHOWN]:
        print(f"{kind}: {one.provider} {one.order}: {one.why}")
    if len(offences) > MOST_SHOWN:
        print(f"and {len(offences) - MOST_SHOWN} more")
    print(verdict.line, flush=True)
