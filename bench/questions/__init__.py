"""The questions, one module each, in order of importance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.bench_plan import Plan
from bench.questions import (
    accounts,
    bulk,
    call,
    concurrency,
    endurance,
    growth,
    idle,
    latency,
    limit,
    load,
    plans,
    producing,
    scaling,
    single,
    urgency,
)
from bench.results import Result

QUESTIONS: Mapping[str, Callable[[Plan], Result]] = {
    "idle": idle.ask,
    "accounts": accounts.ask,
    "concurrency": concurrency.ask,
    "bulk": bulk.ask,
    "single": single.ask,
    "latency": latency.ask,
    "producing": producing.ask,
    "call": call.ask,
    "load": load.ask,
    "limit": limit.ask,
    "plans": plans.ask,
    "urgency": urgency.ask,
    "growth": growth.ask,
    "endurance": endurance.ask,
    "scaling": scaling.ask,
}
WITH_PEERS = frozenset({"bulk", "single", "latency", "producing"})
"""The questions that also measure other queues, which are installed separately."""
