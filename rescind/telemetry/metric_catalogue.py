"""Every metric there is, with what it tells an operator; docs/metrics.md lists them."""

from __future__ import annotations

from dataclasses import dataclass

LANE = ("provider", "account")


@dataclass(frozen=True, slots=True)
class Kind:
    """One metric: its type, its labels and its HELP."""

    type: str
    labels: tuple[str, ...]
    help: str


METRICS: dict[str, Kind] = {
    "rescind_up": Kind(
        "gauge",
        ("part",),
        "1 if this part could be asked just now, else 0: then its metrics are missing.",
    ),
    "rescind_build_info": Kind(
        "gauge", ("version", "python"), "Always 1: the version that answers."
    ),
    "rescind_backlog": Kind(
        "gauge",
        (*LANE, "state"),
        "Cancellations that are open, by state.",
    ),
    "rescind_oldest_wait_seconds": Kind(
        "gauge",
        LANE,
        "For how long the oldest open cancellation that is due has waited; else 0.",
    ),
    "rescind_accepted_total": Kind(
        "counter", LANE, "Cancellations that were accepted; refused ones are not."
    ),
    "rescind_outcomes_total": Kind(
        "counter",
        (*LANE, "state", "reason"),
        "Cancellations that ended so. What was refused at intake names no lane:"
        " provider and account are unknown.",
    ),
    "rescind_retries_total": Kind(
        "counter", LANE, "New rounds that an operator opened by retry."
    ),
    "rescind_attempts_total": Kind(
        "counter",
        LANE,
        "Cancels of one order each that may have reached the provider, however many"
        " went in a call.",
    ),
    "rescind_provider_call_duration_seconds": Kind(
        "histogram",
        (*LANE, "operation", "evidence"),
        "Calls to the provider, and how long they took. evidence: answered, throttled,"
        " maybe_done (nobody knows), not_sent (it never arrived).",
    ),
    "rescind_provider_call_orders_total": Kind(
        "counter", (*LANE, "operation", "evidence"), "Orders that such calls were for."
    ),
    "rescind_throttles_total": Kind(
        "counter", LANE, "Times that the provider asked the lane to wait."
    ),
    "rescind_holds_total": Kind(
        "counter",
        (*LANE, "by"),
        "Times that the lane was held: by a fault that an operator must mend, or by an"
        " operator.",
    ),
    "rescind_lane_held": Kind(
        "gauge",
        (*LANE, "by"),
        "1 while nothing is sent: by a fault (credentials refused, say), by an"
        " operator, or since the accounts file has no usable account for it.",
    ),
    "rescind_lane_held_since_timestamp_seconds": Kind(
        "gauge", LANE, "Since when the lane is held, by a fault or an operator; else 0."
    ),
    "rescind_lane_paused_until_timestamp_seconds": Kind(
        "gauge",
        LANE,
        "Until when the lane waits by itself: throttled, or its provider is down; 0 if"
        " it does not.",
    ),
    "rescind_lane_stalled": Kind(
        "gauge",
        LANE,
        "1 while orders are due, the lane may be called, and no call has been made for"
        " longer than its policy explains (30 s and more); else 0.",
    ),
    "rescind_lane_failures": Kind(
        "gauge", LANE, "Calls that failed in a row: never sent, or never answered."
    ),
    "rescind_leases_expired_total": Kind(
        "counter",
        LANE,
        "Cancellations that were in a worker's hand when it vanished; they are read"
        " back from the provider.",
    ),
    "rescind_webhooks_total": Kind(
        "counter",
        ("result",),
        "Attempts to tell a producer of an outcome, by what came of it.",
    ),
    "rescind_webhooks_waiting": Kind(
        "gauge",
        ("kind",),
        "Outcomes that a producer is still to be told of, by webhook or by task.",
    ),
    "rescind_webhooks_given_up": Kind(
        "gauge",
        ("kind",),
        "Outcomes that a producer could not be told of: send them again, or let it"
        " ask.",
    ),
    "rescind_schedule_last_run_timestamp_seconds": Kind(
        "gauge", ("schedule",), "When the latest run of this schedule began."
    ),
    "rescind_schedule_last_run_state": Kind(
        "gauge",
        ("schedule", "state"),
        "1 for the state of the schedule's latest run, 0 for the others; held waits for"
        " an operator.",
    ),
    "rescind_sweep_last_tick_timestamp_seconds": Kind(
        "gauge",
        (),
        "When a worker last swept on beat's tick: once a second while both are alive.",
    ),
    "rescind_queue_messages": Kind(
        "gauge",
        ("queue",),
        "Messages that wait in Redis; those of the queue rescind are submissions that"
        " nobody has taken in yet.",
    ),
    "rescind_queue_unacknowledged": Kind(
        "gauge",
        ("queue",),
        "Submissions that workers have in hand. Wake-ups in hand are kept nowhere.",
    ),
}
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"


def table() -> str:
    """All metrics as Markdown; ``docs/metrics.md`` holds it."""
    lines = ["| metric | type | labels | what it tells |", "|---|---|---|---|"]
    for name, kind in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in kind.labels)
        lines.append(f"| `{name}` | {kind.type} | {labels} | {kind.help} |")
    return "\n".join(lines) + "\n"
