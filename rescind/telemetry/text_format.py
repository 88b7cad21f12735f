"""Writes metrics in Prometheus' text format.

It does what ``prometheus_client.generate_latest`` does, in a tenth of the time: a
thousand lanes are some ten thousand lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from rescind.telemetry.measured import Measured
from rescind.telemetry.metric_catalogue import METRICS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def as_text(found: Iterable[Measured]) -> bytes:
    """The metrics in the order of the catalogue, each with its HELP and TYPE."""
    by_name: defaultdict[str, list[Measured]] = defaultdict(list)
    for one in found:
        by_name[one[0]].append(one)
    lines = (
        line for name in METRICS if name in by_name for line in _family(by_name[name])
    )
    return ("\n".join(lines) + "\n").encode()


def _family(its: list[Measured]) -> Iterator[str]:
    name = its[0][0]
    kind = METRICS[name]
    yield f"# HELP {name} {kind.help}"
    yield f"# TYPE {name} {kind.type}"
    for _, values, value in its:
        given = zip(kind.labels, values, strict=True)
        labels = ",".join(f'{label}="{_escaped(text)}"' for label, text in given)
        if not isinstance(value, tuple):
            yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"
            continue
        buckets, took = value
        for limit, count in buckets:
            yield f'{name}_bucket{{{labels},le="{limit}"}} {count}'
        yield f"{name}_sum{{{labels}}} {took}"
        yield f"{name}_count{{{labels}}} {buckets[-1][1]}"


def _escaped(value: str) -> str:
    return value if value.isidentifier() else value.translate(_ESCAPED)
