"""All metrics, with their meaning for an operator; docs/metrics.md lists them."""

from __future__ import annotations

from dataclasses import dataclass

LANE = ("provider", "account")
PROVIDER = ("provider",)


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
        "1 if this part answered just now, else 0: then its metrics are missing.",
    ),
    "rescind_build_info": Kind(
        "gauge", ("version", "python"), "Always 1: the version of the program."
    ),
    "rescind_collected_timestamp_seconds": Kind(
        "gauge", (), "When these metrics were collected."
    ),
    "rescind_lanes": Kind(
        "gauge",
        (*PROVIDER, "state"),
        "Lanes, each in one state: held, stalled, paused, failing, working, at_rest.",
    ),
    "rescind_backlog": Kind(
        "gauge",
        (*LANE, "state"),
        "Open cancellations, by state. A state without any has no series.",
    ),
    "rescind_oldest_wait_seconds": Kind(
        "gauge",
        LANE,
        "Seconds that the oldest open cancellation that is due has waited; else 0.",
    ),
    "rescind_workable_backlog": Kind(
        "gauge",
        (),
        "Due cancellations that workers could call for within a minute, in all lanes:"
        " of each lane at most what its rate allows, and at most 1000 in each state."
        " Scale the number of workers by it.",
    ),
    "rescind_lane_outcomes_total": Kind(
        "counter",
        (*LANE, "state"),
        "Cancellations of the lane that ended with this state.",
    ),
    "rescind_accepted_total": Kind(
        "counter", PROVIDER, "Accepted cancellations, without refused ones."
    ),
    "rescind_outcomes_total": Kind(
        "counter",
        (*PROVIDER, "state", "reason"),
        "Cancellations that ended with this state and reason. The provider of those"
        " refused at intake is unknown.",
    ),
    "rescind_retries_total": Kind(
        "counter", PROVIDER, "Retries: new rounds that an operator opened."
    ),
    "rescind_attempts_total": Kind(
        "counter",
        PROVIDER,
        "Cancels that may have reached the provider; each order of a call counts.",
    ),
    "rescind_provider_call_duration_seconds": Kind(
        "histogram",
        (*PROVIDER, "operation", "evidence"),
        "Calls to the provider, and their duration. evidence: answered, throttled,"
        " maybe_done (unknown), not_sent (it never arrived).",
    ),
    "rescind_provider_call_orders_total": Kind(
        "counter", (*PROVIDER, "operation", "evidence"), "Orders in such calls."
    ),
    "rescind_throttles_total": Kind(
        "counter", PROVIDER, "Number of times that the provider asked a lane to wait."
    ),
    "rescind_holds_total": Kind(
        "counter",
        (*PROVIDER, "by"),
        "Number of times that a lane was held: by a fault that an operator must"
        " correct, or by an operator.",
    ),
    "rescind_lane_held": Kind(
        "gauge",
        (*LANE, "by"),
        "1 while the lane is held: by a fault (such as refused credentials), by an"
        " operator, or because the accounts file has no usable account for it; else no"
        " series.",
    ),
    "rescind_lane_held_since_timestamp_seconds": Kind(
        "gauge",
        LANE,
        "When a fault or an operator held the lane; only while it is held.",
    ),
    "rescind_lane_paused_until_timestamp_seconds": Kind(
        "gauge",
        LANE,
        "When the lane's pause ends (throttled, or its provider is down); only while it"
        " is paused.",
    ),
    "rescind_lane_stalled": Kind(
        "gauge",
        LANE,
        "1 while orders are due, the lane may be called, and no call was made for"
        " longer than its policy explains (at least 30 s); else no series.",
    ),
    "rescind_lane_failures": Kind(
        "gauge",
        LANE,
        "Consecutive calls that failed: never sent, or never answered; no series if the"
        " latest call was answered.",
    ),
    "rescind_leases_expired_total": Kind(
        "counter",
        PROVIDER,
        "Cancellations that a worker held when it died; Rescind then reads them at the"
        " provider.",
    ),
    "rescind_retention_overdue": Kind(
        "gauge",
        (),
        "Of the 1000 oldest cancellations, those that retention should have deleted a"
        " day ago; no series without RESCIND_RETENTION. A few may stay for a reason.",
    ),
    "rescind_webhooks_total": Kind(
        "counter",
        ("result",),
        "Attempts to deliver an outcome to a producer, by result.",
    ),
    "rescind_webhooks_waiting": Kind(
        "gauge",
        ("kind",),
        "Outcomes still to be delivered to a producer, by webhook or by task.",
    ),
    "rescind_webhooks_given_up": Kind(
        "gauge",
        ("kind",),
        "Outcomes that could not be delivered: send them again, or let the producer"
        " ask.",
    ),
    "rescind_schedule_last_run_timestamp_seconds": Kind(
        "gauge", ("schedule",), "When the latest run of this schedule began."
    ),
    "rescind_schedule_last_run_state": Kind(
        "gauge",
        ("schedule", "state"),
        "1 for the state of the schedule's latest run, 0 for the others; a held run"
        " waits for an operator.",
    ),
    "rescind_sweep_last_tick_timestamp_seconds": Kind(
        "gauge",
        (),
        "When a worker last swept; once a second while worker and beat run.",
    ),
    "rescind_workers": Kind(
        "gauge",
        ("host", "version"),
        "Worker processes that gave a sign of life within the last 20 s.",
    ),
    "rescind_sweep_running_seconds": Kind(
        "gauge",
        ("host",),
        "Seconds that the host's longest sweep has run; 0 if none runs. A sweep ends"
        " within seconds.",
    ),
    "rescind_queue_messages": Kind(
        "gauge",
        ("queue",),
        "Messages that wait in Redis; in the queue rescind, submissions that no worker"
        " has taken yet.",
    ),
    "rescind_queue_unacknowledged": Kind(
        "gauge",
        ("queue",),
        "Submissions that workers have taken and not acknowledged. Notifications are"
        " not counted.",
    ),
}
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"


def table() -> str:
    """All metrics as a Markdown table, which ``docs/metrics.md`` contains."""
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for name, kind in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in kind.labels)
        lines.append(f"| `{name}` | {kind.type} | {labels} | {kind.help} |")
    return "\n".join(lines) + "\n"
