"""The lanes and values of a random world, and how likely each event is in it."""

from __future__ import annotations

from rescind.config.accounts import Lane
from rescind.provider.policy import Policy, seconds
from tests.engine.world import lane
from tests.ledger.build import policy

LANES = [lane(n) for n in range(4)]
POLICIES: dict[Lane, Policy] = {
    LANES[0]: policy(concurrency=2, verify_delays=seconds(0, 5)),
    LANES[1]: policy(concurrency=2, batch=4, read_batch=3, resend_delays=seconds(0, 5)),
    LANES[2]: policy(concurrency=3, rate="9/second", read_rate="3/second", batch=2),
    LANES[3]: policy(concurrency=1, repeatable=True, trip_after=2, batch=3),
}
KINDS = ("lost", "not_sent", "halved", "throttled", "held")
SPANS = (0.01, 0.03, 0.1, 0.6, 3.0, 20.0, 61.0)
BEFORE = (None, None, None, 0.5, 30.0, 500.0)
AFTER = (None, None, None, None, None, 2.0)
REST = 100
"""Most steps without time passing until such a small world comes to rest."""

LIKELY = {
    "submit": 6,
    "sender_gives_up": 1,
    "others_insert_and_notify": 2,
    "step": 4,
    "time_passes": 4,
    "work": 6,
    "sweep": 3,
    "a_call_ends": 8,
    "a_call_ends_during_a_commit": 2,
    "a_provider_sends_an_event": 4,
    "permits_are_granted": 4,
    "ledger_goes_away": 1,
    "ledger_comes_back": 4,
    "an_acknowledgement_is_lost": 1,
    "a_lane_cannot_be_written": 1,
    "it_can_be_written_again": 4,
    "threads_run_out": 1,
    "threads_come_free": 5,
    "an_account_has_a_fault": 1,
    "no_account_has_a_fault": 4,
    "an_operator_holds_a_lane": 1,
    "an_operator_resumes_a_lane": 5,
    "the_worker_is_stopped": 1,
}
"""Every event, with its weight."""
NAMES = [name for name, times in LIKELY.items() for _ in range(times)]
