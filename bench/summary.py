"""The summaries on the first page, from all published results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.markdown_tables import asked, judged, line, measured, number
from bench.results import BARE, CELERY, DBOS, PROCRASTINATE, US, Result

Results = Mapping[str, Result]
SQLITE, POSTGRES = "sqlite", "postgresql"
WORKER, BEAT = f"{US}, worker", f"{US}, beat"
NOTHING = "–"
NOT_YET = "What shows – has not been measured on this code."


@dataclass(frozen=True, slots=True)
class Shown:
    """A number of the first page: its label, and the row that it comes from."""

    words: str
    question: str
    case: str
    """The case, with ``{kind}`` for the database."""
    who: str = US
    only: str | None = None
    """The only database with such a number, if there is only one."""

    def on(self, results: Results, kind: str) -> str:
        """The number with its unit on one database. Empty if it has none there."""
        if self.only not in (None, kind):
            return ""
        return value(results, self.question, self.case.format(kind=kind), self.who)


IDLE = (
    Shown("processor time, 5 accounts", "idle", "5 lanes, {kind}, processor time"),
    Shown("the same, 300 accounts", "idle", "300 lanes, {kind}, processor time"),
    Shown("SQL statements, 300 accounts", "idle", "300 lanes, {kind}, SQL statements"),
    Shown("Redis commands, 300 accounts", "idle", "300 lanes, {kind}, Redis commands"),
    Shown("processes of a worker", "idle", "300 lanes, {kind}, processes", who=WORKER),
    Shown(
        "database connections, 300 accounts",
        "idle",
        "300 lanes, {kind}, database connections",
        only=POSTGRES,
    ),
)
RATES = (
    Shown("an order a call, answered at once", "single", "at once, {kind}"),
    Shown("an order a call, answered after 50 ms", "single", "after 50 ms, {kind}"),
    Shown("100 orders a call", "bulk", "iThink, {kind}"),
    Shown(
        "use of a limit of 100 calls a second",
        "limit",
        "100 a second, answered at once, use",
        only=POSTGRES,
    ),
    Shown(
        "3,000 orders on 300 accounts, from first to last",
        "accounts",
        "wall time, {kind}",
        who="3,000 orders on 300 accounts",
    ),
)
WAITS = (
    Shown("from a send to the call, half of all", "latency", "p50, {kind}"),
    Shown("the same, 99 of 100", "latency", "p99, {kind}"),
    Shown(
        "an urgent order beside a bulk lane, 99 of 100",
        "urgency",
        "beside a bulk lane, {kind}, p99",
    ),
    Shown(
        "an order behind another account's upload of 100,000",
        "urgency",
        "behind an upload of 100,000, {kind}",
    ),
    Shown(
        "an order a second with `-c 1`, to accepted, the longest",
        "concurrency",
        "-c 1, {kind}, p99 to accepted",
    ),
)
MEMORY = (
    Shown("idle, 5 accounts", "idle", "5 lanes, {kind}, memory", who=WORKER),
    Shown("idle, 300 accounts", "idle", "300 lanes, {kind}, memory", who=WORKER),
    Shown(
        "beat, which is a process of its own", "idle", "5 lanes, {kind}, memory", BEAT
    ),
    Shown("an order a call, answered at once", "single", "at once, {kind}, memory"),
    Shown("128 calls at once", "single", "after 50 ms, {kind}, memory"),
    Shown("100 orders a call", "bulk", "iThink, {kind}, memory"),
    Shown(
        "after a million orders, by that after 200,000",
        "endurance",
        "1,000,000 orders, {kind}, worker's memory, last by second",
    ),
)
CONTENDERS = (
    US,
    CELERY,
    "Dramatiq",
    "taskiq",
    "RQ",
    DBOS,
    PROCRASTINATE,
    BARE,
)
SPENT = "processor time an order"
COLUMNS = (
    Shown("orders/s, at once", "single", "at once, {kind}"),
    Shown("after 50 ms", "single", "after 50 ms, {kind}"),
    Shown(
        "processor time an order", "single", "at once, {kind}, processor time an order"
    ),
    Shown("memory", "single", "at once, {kind}, memory"),
    Shown("memory, after 50 ms", "single", "after 50 ms, {kind}, memory"),
    Shown("latency, p50", "latency", "p50, {kind}"),
)


def value(results: Results, question: str, case: str, who: str) -> str:
    """The median with its unit, or a dash."""
    result = results.get(question)
    row = result.find(case, who) if result else None
    return f"{number(row.median)} {row.unit}".strip() if row else NOTHING


def headline(shown: Sequence[Shown]) -> Callable[[Results], str]:
    """Makes a table of these numbers on both databases."""

    def table(results: Results) -> str:
        lines = [line(["", "SQLite", "PostgreSQL"]), line(["---", "---:", "---:"])]
        for one in shown:
            found = [one.on(results, kind) for kind in (SQLITE, POSTGRES)]
            lines.append(line([one.words, *found]))
        return "\n".join([*lines, *_remark(lines)])

    return table


def beside(results: Results) -> str:
    """A table of all contenders on PostgreSQL, which all of them can use."""
    heads = [one.words for one in COLUMNS]
    lines = [line(["", *heads]), line(["---", *("---:" for _ in heads)])]
    for who in CONTENDERS:
        cases = ((one.question, one.case.format(kind=POSTGRES)) for one in COLUMNS)
        found = [value(results, *case, who) for case in cases]
        lines.append(line([who, *found]))
    return "\n".join(lines)


def targets(results: Results) -> str:
    """How many targets are met, and a table of those that are missed."""
    verdicts = [(one, v) for one in results.values() for v in one.verdicts()]
    met = sum(verdict.met for _, verdict in verdicts)
    lines = [f"{met} of {len(verdicts)} targets are met."]
    missed = [(result, one) for result, one in verdicts if not one.met]
    if missed:
        lines += ["", line(["missed", "measured", ""]), line(["---", "---:", "---"])]
        lines += [
            line(
                [f"{result.title}: {asked(result, v)}", measured(result, v), judged(v)]
            )
            for result, v in missed
        ]
    return "\n".join(lines)


def _remark(lines: Sequence[str]) -> Iterator[str]:
    if any(NOTHING in one for one in lines[2:]):
        yield f"\n{NOT_YET}"


SUMMARIES: Mapping[str, Callable[[Results], str]] = {
    "what it costs idle": headline(IDLE),
    "orders a second": headline(RATES),
    "how long it takes": headline(WAITS),
    "memory of a worker": headline(MEMORY),
    "beside other queues": beside,
    "targets": targets,
}
"""Each summary, by the name of its place in the first page."""
