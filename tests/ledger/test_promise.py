"""The promise, checked against a model of a provider whose true state is known.

An accepted cancellation reaches exactly one final state, and that state is true of the
order. No order is sent a second cancel while the first may have worked, unless a second
cancel does no harm at that provider.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from rescind.ledger.changes.rounds import reopened
from rescind.ledger.decision import decide, lease_ran_out
from rescind.ledger.decision_events import Event, Halve, Lost, NotSent, PutBack, Wait
from rescind.ledger.phases import deadline_came
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import EDGES, FINAL, RETRYABLE, State
from rescind.provider.outcomes import Finding, Order, Outcome, Reason
from rescind.provider.policy import Policy, seconds
from tests.ledger.build import LEASE, NOW
from tests.ledger.model import Fate, ModelProvider, Truth

ENOUGH_STEPS = 300
CRASHES = frozenset(
    {Fate.CRASH_BEFORE, Fate.CRASH_ACTED, Fate.CRASH_LATE, Fate.CRASH_IDLE}
)
LOSSES = frozenset({Fate.LOST_ACTED, Fate.LOST_LATE, Fate.LOST_IDLE})
UNCLEAR = frozenset({Fate.UNCLEAR_ACTED, Fate.UNCLEAR_IDLE})
UNREAD: list[Event] = [
    NotSent(),
    PutBack(),
    Lost(),
    Wait(),
    Halve(10),
    Halve(1),
]

waits = st.sampled_from(
    [timedelta(seconds=s) for s in (0, 0, 0, 1, 7, 60, 299, 3600, 90_000)]
)
ages = st.sampled_from([timedelta(seconds=s) for s in (0, 10, 600)])


class Promise(RuleBasedStateMachine):
    """One cancellation, its worker, and the order's hidden true state."""

    @initialize(
        repeatable=st.booleans(),
        refusal_is_final=st.booleans(),
        vanishes=st.booleans(),
        blind=st.booleans(),
        settles=st.booleans(),
        lag=st.sampled_from([0, 20, 600]),
        late=st.sampled_from([0, 15, 120]),
        queue=st.sampled_from([0, 0, 7200]),
        started=st.sampled_from(
            [Truth.ACTIVE] * 4 + [Truth.COMPLETED, Truth.CANCELLED, Truth.MISSING]
        ),
        cancel_before=st.sampled_from([None, 30, 4000]),
    )
    def accepted(
        self,
        repeatable: bool,
        refusal_is_final: bool,
        vanishes: bool,
        blind: bool,
        settles: bool,
        lag: int,
        late: int,
        queue: int,
        started: Truth,
        cancel_before: int | None,
    ) -> None:
        policy = Policy(
            resend_delays=seconds(1, 10),
            poll_delays=seconds(5, 600, 7200),
            verify_delays=seconds(0, 30, 600, 3600),
            max_attempts=3,
            repeatable=repeatable,
            refusal_is_final=refusal_is_final,
            cancelled_may_vanish=vanishes and not blind,
            # The condition under which a reading may be believed at all.
            active_trusted_after=timedelta(seconds=lag + late),
            queued_for=timedelta(seconds=lag + queue),
        )
        self.provider = ModelProvider(
            policy,
            lag=timedelta(seconds=lag),
            late=timedelta(seconds=late),
            queue=timedelta(seconds=queue),
            # A list of current orders does not show an accepted cancel.
            settles=settles and not blind,
            blind=blind,
            started=started,
        )
        self.now = NOW
        self.opened_at = NOW
        seconds_left = cancel_before and timedelta(seconds=cancel_before)
        self.cancel_before = NOW + seconds_left if seconds_left else None
        self.progress = Progress(State.QUEUED, due_at=NOW)
        self.maybe = False
        """Whether a call of ours may have worked, as far as we can know."""
        self.queued = False
        """Whether a call of ours was in the provider's queue at the last reading."""
        self.called_at = NOW
        self.counted = 0
        self.rounds = 1
        self.finals = 0

    # --- time, and others -----------------------------------------------------------

    def _move_to(self, moment: datetime) -> None:
        self.now = max(self.now, moment)
        self.provider.pass_time(self.now)

    def _until_due(self, wait: timedelta = timedelta(0)) -> None:
        if self.progress.due_at is not None:
            self._move_to(self.progress.due_at + wait)

    @precondition(lambda self: self.provider.truth is Truth.ACTIVE)
    @rule(truth=st.sampled_from([Truth.COMPLETED, Truth.CANCELLED]))
    def another_party_ends_it(self, truth: Truth) -> None:
        self.provider.become(truth, self.now)

    @precondition(lambda self: self.provider.truth is Truth.PENDING)
    @rule(truth=st.sampled_from([Truth.CANCELLED, Truth.COMPLETED]))
    def it_settles(self, truth: Truth) -> None:
        self.provider.settle(truth, self.now)

    # --- the worker -------------------------------------------------------------------

    @precondition(lambda self: self.progress.state is State.QUEUED)
    @rule(fate=st.sampled_from(Fate), wait=waits, slow=st.sampled_from([0, 0, 5, 299]))
    def an_attempt(self, fate: Fate, wait: timedelta, slow: int) -> None:
        """Claimed when it is due (or swept, past its deadline), then sent."""
        self._until_due(wait)
        if self._is_late():
            self._become(deadline_came(self.progress, self.provider.policy, self.now))
            return
        self._claim()
        self._move_to(self.now + timedelta(seconds=slow))
        self._call(fate)

    def _is_late(self) -> bool:
        return self.cancel_before is not None and self.cancel_before <= self.now

    def _claim(self) -> None:
        was = self.progress
        self._become(
            replace(
                was,
                state=State.SENDING,
                attempts=was.attempts + 1,
                spent=was.spent + 1,
                sent_at=self.now,
                due_at=self.now + LEASE,
            )
        )

    def _call(self, fate: Fate) -> None:
        self._check_may_send()
        answer = self.provider.cancel(fate, self.now)
        self.called_at = self.now
        self.maybe = self.maybe or fate in LOSSES | UNCLEAR | CRASHES
        self.maybe = self.maybe or answer.outcome is Outcome.REQUESTED
        self.counted += fate not in (Fate.NOT_SENT, Fate.WAIT, Fate.HALVED)
        if fate not in CRASHES:
            self._decide(self._heard(fate, answer))

    def _heard(self, fate: Fate, answer: Finding) -> Event:
        if fate in LOSSES:
            return Lost()
        match fate:
            case Fate.NOT_SENT:
                return NotSent()
            case Fate.WAIT:
                return Wait(self.now + timedelta(seconds=30))
            case Fate.HALVED:
                return Halve(self.progress.batch_cap or 100)
            case _:
                return answer

    def _check_may_send(self) -> None:
        if self.provider.policy.repeatable:
            return
        assert not self.maybe, "sent while an earlier call may have worked"
        # A call in a provider's queue does not keep us from sending another one. It may
        # leave that queue between the reading that allowed this and the call.
        assert self.queued or not self.provider.may_yet_be_ours, (
            "sent while an earlier call worked"
        )

    @precondition(lambda self: self.progress.state is State.SENDING)
    @rule(wait=waits)
    def a_crash_is_found(self, wait: timedelta) -> None:
        """The worker died in its call, or before it recorded the answer."""
        self._until_due(wait)
        self.called_at = self.now
        self._become(lease_ran_out(self.progress, self.provider.policy, self.now))

    def _reads(self) -> bool:
        return self.progress.state in (State.VERIFYING, State.REQUESTED)

    @precondition(lambda self: self._reads())
    @rule(age=ages, wait=waits)
    def a_reading(self, age: timedelta, wait: timedelta) -> None:
        self._until_due(wait)
        finding = self.provider.read(age, self.now)
        self.queued = bool(self.provider.queue and self.provider.acting_at)
        trusted = self.called_at + self.provider.policy.active_trusted_after
        if finding.outcome is Outcome.ACTIVE and self.now >= trusted:
            self.maybe = False
        self._decide(finding)

    @precondition(lambda self: self._reads())
    @rule(event=st.sampled_from(UNREAD), wait=waits)
    def a_reading_fails(self, event: Event, wait: timedelta) -> None:
        self._until_due(wait)
        self._decide(event)

    @precondition(lambda self: self._reads())
    @rule()
    def a_reader_crashes(self) -> None:
        self._until_due()
        self.progress = replace(self.progress, due_at=self.now + LEASE)

    # --- the operator -----------------------------------------------------------------

    @precondition(lambda self: self.progress.state in RETRYABLE and self.rounds < 3)
    @rule()
    def operator_retries(self) -> None:
        self.rounds += 1
        self.finals = 0
        self.cancel_before = None
        self.opened_at = self.now
        self.maybe = self.maybe and self.progress.state is State.FAILED
        to = reopened(self.progress, self.now)
        assert (self.progress.state, to.state) in EDGES
        self.progress = to

    @precondition(lambda self: self.progress.state in FINAL)
    @rule(event=st.sampled_from(UNREAD))
    def it_is_late_news(self, event: Event) -> None:
        """An ended cancellation is never decided again."""
        with pytest.raises(ValueError, match="nothing is decided"):
            self._decide(event)

    # --- decisions --------------------------------------------------------------------

    def _decide(self, event: Event) -> None:
        known = Claimed(
            "id", Order("1"), 2, self.opened_at, self.progress, self.cancel_before
        )
        self._become(decide(known, event, self.provider.policy, self.now))

    def _become(self, to: Progress) -> None:
        was = self.progress
        assert was.state not in FINAL
        assert was.state is to.state or (was.state, to.state) in EDGES
        self.progress = to
        if to.state in FINAL:
            self.finals += 1
            self._check_truth(to)

    def _check_truth(self, to: Progress) -> None:
        provider = self.provider
        match to.state:
            case State.CANCELLED if to.reason is Reason.INFERRED:
                # The order is gone, after a call of ours that may have worked.
                vanished = provider.policy.cancelled_may_vanish and self.maybe
                gone = provider.truth is Truth.MISSING and vanished
                assert gone or provider.truth is Truth.CANCELLED
            case State.CANCELLED:
                assert provider.truth is Truth.CANCELLED
            case State.REJECTED | State.EXPIRED:
                assert not provider.may_yet_be_ours, "a call of ours cancelled it"
            case State.FAILED if to.reason is Reason.ATTEMPTS_EXHAUSTED:
                assert not provider.may_yet_be_ours, "a call of ours cancelled it"
            case _:
                # Unresolved asserts nothing; a new round must still remember.
                assert to.lost or not provider.may_yet_be_ours

    @invariant()
    def it_holds_together(self) -> None:
        to = self.progress
        final = to.state in FINAL
        assert self.finals <= 1
        assert (to.finished_at is not None) == final
        assert (to.due_at is None) == final
        assert not final or to.reason is not None
        assert to.attempts >= to.spent >= 0
        assert to.spent <= self.provider.policy.max_attempts
        assert to.attempts >= self.provider.arrived

    @invariant()
    def attempts_are_calls_that_may_have_arrived(self) -> None:
        assert self.progress.attempts == self.counted

    # --- the end ----------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "progress"):
            return
        for _ in range(ENOUGH_STEPS):
            if self.progress.state in FINAL:
                break
            self._cooperate()
        assert self.progress.state in FINAL, f"never ended: {self.progress}"
        assert self.finals == 1

    def _cooperate(self) -> None:
        """One step in which both the provider and the worker do as they should."""
        self.provider.settle(Truth.CANCELLED, self.now)
        match self.progress.state:
            case State.QUEUED:
                self.an_attempt(Fate.ANSWERED, timedelta(0), 0)
            case State.SENDING:
                self.a_crash_is_found(timedelta(0))
            case _:
                self.a_reading(timedelta(0), timedelta(0))


TestPromise = Promise.TestCase
TestPromise.settings = settings(max_examples=1500, stateful_step_count=10)
