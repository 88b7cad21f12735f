"""The questions, one file each, in the order of their importance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.plan import Plan
from bench.questions import (
    bulk,
    endurance,
    growth,
    latency,
    limit,
    producing,
    scaling,
    single,
    urgency,
)
from bench.results import Result

QUESTIONS: Mapping[str, Callable[[Plan], Result]] = {
    "bulk": bulk.ask,
    "single": single.ask,
    "latency": latency.ask,
    "producing": producing.ask,
    "limit": limit.ask,
    "urgency": urgency.ask,
    "growth": growth.ask,
    "endurance": endurance.ask,
    "scaling": scaling.ask,
}
