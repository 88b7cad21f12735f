"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.results import BARE, CELERY, Result, Row, Verdict


def markdown(result: Result) -> str:
    """A result as Markdown: its table, its targets, and how it was measured."""
    return "\n".join([*_table(result), "", *_targets(result), _how(result), ""])


def number(value: float) -> str:
    """A number with three significant figures, and commas between thousands."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3g}"


def _table(result: Result) -> Iterator[str]:
    versus = [to for to in (CELERY, BARE) if _is_compared(result, to)]
    heads = ["", "", "median", "least to most", *(f"× {to}" for to in versus)]
    yield line(heads)
    yield line(["---", "---", *("---:" for _ in heads[2:])])
    last = ""
    for row in result.rows:
        ratios = [_times(result.ratio(row, to)) for to in versus]
        case, last = ("" if row.case == last else row.case), row.case
        yield line(
            [case, row.who, f"{number(row.median)} {row.unit}", _spread(row), *ratios]
        )


def _is_compared(result: Result, to: str) -> bool:
    return any(
        row.who != to and result.ratio(row, to) is not None for row in result.rows
    )


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def _spread(row: Row) -> str:
    least, most = row.spread
    return f"{number(least)} to {number(most)}" if len(row.samples) > 1 else ""


def _times(ratio: float | None) -> str:
    return "" if ratio is None else number(ratio)


def _targets(result: Result) -> Iterator[str]:
    verdicts = result.verdicts()
    if not verdicts:
        return
    yield line(["target", "measured", ""])
    yield line(["---", "---:", "---"])
    for one in verdicts:
        yield line([asked(result, one), measured(result, one), judged(one)])
    yield ""


def asked(result: Result, verdict: Verdict) -> str:
    """What a target requires, in words."""
    target = verdict.target
    bound = "at most" if target.at_most else "at least"
    where = f"{target.case}, {target.who}"
    if target.to is None:
        return f"{where}: {bound} {number(target.limit)} {_unit(result, verdict)}"
    other = f" ({target.to_case})" if target.to_case else ""
    return f"{where}: {bound} {number(target.limit)} × {target.to}{other}"


def _unit(result: Result, verdict: Verdict) -> str:
    row = result.find(verdict.target.case, verdict.target.who)
    return row.unit if row else ""


def measured(result: Result, verdict: Verdict) -> str:
    """The measured value, with its unit."""
    unit = "×" if verdict.target.to else _unit(result, verdict)
    return f"{number(verdict.value)} {unit}"


def judged(verdict: Verdict) -> str:
    """Whether the target is met, or what share of it was reached."""
    if verdict.met:
        return "met"
    return f"**missed**: {verdict.share:.0%} of the way"


def _how(result: Result) -> str:
    made = result.machine
    if not made:
        return result.how
    return (
        f"{result.how} Measured on {made['cores']} cores ({made['processor']}), Python"
        f" {made['python']}, with a load of {number(made['load_before'])} just"
        f" before{_of(made.get('commit', ''))}."
    )


def _of(commit: str) -> str:
    return f", on commit {commit}" if commit else ""
