"""What does it cost while there is nothing to do?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.bench_plan import Plan, say
from bench.counting import between, commands
from bench.processes import BenchError, memory, processor_seconds, until
from bench.rescind_contender import Lane, Rescind, Setup, lanes_of
from bench.results import LIGHT_MB, US, Result, Row, Target

LANES = (5, 300)
SECONDS, QUICK_SECONDS = 25.0, 8.0
SETTLING = 5.0
"""Seconds from the last final state to the first second that counts."""
PATIENCE, QUICK_PATIENCE = 180.0, 30.0
PROCESSOR, STATEMENTS, COMMANDS = "processor time", "SQL statements", "Redis commands"
PROCESSES, CONNECTIONS = "processes", "database connections"
MEMORY, OPEN = "memory", "orders that are not final"
WORKER, BEAT = f"{US}, worker", f"{US}, beat"
LIMITS = {
    (PROCESSOR, US): 2.0,
    (STATEMENTS, US): 6.0,
    (COMMANDS, US): 12.0,
    (PROCESSES, WORKER): 1.0,
    (CONNECTIONS, US): 4.0,
    (MEMORY, WORKER): LIGHT_MB,
    (OPEN, US): 0.0,
}
HOW = (
    "One worker and one beat, with every setting as it comes, and no limit on reading"
    " calls. Each account of iletiMerkezi, iThink and notpanel had one order, which has"
    " ended; 5 s later a stretch of 25 s begins, for which all is counted. Processor"
    " time is that of worker and beat, of one core. PostgreSQL counts its statements by"
    " its own log (log_statement), which"
    " includes a pool's checks of connections; SQLite reports each statement to the"
    " worker's process, which writes it to a file. BEGIN, COMMIT and ROLLBACK are not"
    " counted. Redis counts its commands by total_commands_processed, less the bench's"
    " own; what a script runs is among them. Connections are the most that"
    " pg_stat_activity showed. Memory is proportional (PSS)."
)


def ask(plan: Plan) -> Result:
    """Measure 5 idle lanes, then 300."""
    found: list[Row] = []
    targets: list[Target] = []
    for kind in plan.databases:
        for many in LANES:
            case = f"{many} lanes, {kind}"
            found += _measure(plan, kind, case, lanes_of(many))
            targets += [
                Target(f"{case}, {what}", who, limit, at_most=True)
                for (what, who), limit in LIMITS.items()
            ]
    return Result("idle", "What it costs idle", HOW, found, targets)


@dataclass(frozen=True)
class Seen:
    """Counts of worker and beat over some seconds."""

    seconds: float
    worker_spent: float
    beat_spent: float
    """Seconds of processor time."""
    statements: Counter[str]
    commands: Counter[str]
    commands_in_all: int
    connections: int


def _measure(plan: Plan, kind: str, case: str, lanes: Sequence[Lane]) -> Iterator[Row]:
    stage = plan.stage(kind)
    setup = Setup({}, lanes=lanes, counted=True)
    with Rescind(stage, lanes[0][0], setup) as team:
        team.spread(len(lanes), lanes)
        left = _left_open(team, QUICK_PATIENCE if plan.quick else PATIENCE)
        time.sleep(SETTLING)
        seen = watch(team, QUICK_SECONDS if plan.quick else SECONDS)
        processes = len(team.groups[0].pids)
        sizes = [memory(group.pids)[1] for group in team.groups]
    _print_most_often(case, seen)
    spent = {
        US: seen.worker_spent + seen.beat_spent,
        WORKER: seen.worker_spent,
        BEAT: seen.beat_spent,
    }
    for who, took in spent.items():
        share = 100 * took / seen.seconds
        yield Row(f"{case}, {PROCESSOR}", who, "% of a core", [share])
    statements = seen.statements.total() / seen.seconds
    yield Row(f"{case}, {STATEMENTS}", US, "a second", [statements])
    asked = seen.commands_in_all / seen.seconds
    yield Row(f"{case}, {COMMANDS}", US, "a second", [asked])
    yield Row(f"{case}, {PROCESSES}", WORKER, "processes", [processes])
    if stage.server is not None:
        yield Row(f"{case}, {CONNECTIONS}", US, "connections", [seen.connections])
    for who, size in zip((WORKER, BEAT), sizes, strict=True):
        yield Row(f"{case}, {MEMORY}", who, "MB", [size])
    yield Row(f"{case}, {OPEN}", US, "orders", [left])


def _left_open(team: Rescind, patience: float) -> int:
    """Wait until all orders are final. Returns how many are not, at the end."""
    try:
        until(lambda: team.finished() >= team.sent, "the accounts' rest", patience, 0.5)
    except BenchError as error:
        say(f"  measured all the same: {error}")
    return team.sent - team.finished()


def watch(team: Rescind, seconds: float) -> Seen:
    """Count for so many seconds, and read the number of connections each second."""
    worker, beat = (group.pids for group in team.groups)
    log, most = team.statements, 0
    with team.stage.redis() as client:
        commands(client)  # connects
        mark, before, began = log.mark(), commands(client), time.perf_counter()
        spent = [processor_seconds(pids) for pids in (worker, beat)]
        while (left := began + seconds - time.perf_counter()) > 0:
            most = max(most, team.stage.connections())
            time.sleep(min(1.0, left))
        took = time.perf_counter() - began
        now = [processor_seconds(pids) for pids in (worker, beat)]
        asked = between(before, commands(client))
        statements = log.since(mark)
    grown = [late - early for early, late in zip(spent, now, strict=True)]
    return Seen(took, grown[0], grown[1], statements, asked.each, asked.total, most)


def _print_most_often(case: str, seen: Seen) -> None:
    """Print the most frequent statements and commands."""
    say(f"  {case}, in {seen.seconds:.0f} s:")
    for counted in (seen.statements, seen.commands):
        for what, times in counted.most_common(12):
            if times:
                say(f"  {times / seen.seconds:8.2f} a second  {what}")
