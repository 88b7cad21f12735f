"""Working on a lane: claim, ask, decide, record, for as long as there is work.

Batches fill by themselves: while calls are under way the next ones gather, and an idle
lane sends at once. Everything that finished meanwhile is recorded in one transaction,
and the next orders are claimed in the same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby, starmap

import structlog
from redis import RedisError

from ledger.progress import Claimed
from worker.accounts import Lane, LaneConfig
from worker.books import Books
from worker.calls import Asked, Caller
from worker.crew import AHEAD_SECONDS, BATCHES_AHEAD_SECONDS, Batch, Crew
from worker.hand import Hand
from worker.limits import CONTESTED_SHARE, READ_SHARE, Budget, Place
from worker.runtime import Runtime
from worker.stopping import stopping

log = structlog.get_logger("rescind.pump")

LOOK_SECONDS = 0.2
"""How often a pump with slow calls under way looks for new work."""
FIRST_PACE = 50.0
"""Calls a second that a lane without a limit is taken to make, until it is known."""
SHORT_WAIT = timedelta(seconds=2)
"""A wait for the lane's rate that is not worth giving way for."""

Paced = tuple[Batch, Place]
"""What goes into one call, and the call's place in the lane's rate."""


class Pump:
    """One run of one operation on one lane."""

    def __init__(
        self,
        runtime: Runtime,
        lane: Lane,
        operation: str,
        config: LaneConfig,
        hand: Hand | None = None,
        *,
        look: bool = True,
    ) -> None:
        """``hand`` holds what the lane is offered; without ``look`` it is known that
        nothing else waits."""
        policy = config.policy
        self.lane = lane
        self.operation = operation
        self.config = config
        self._rates = runtime.rates
        self._threads = runtime.threads
        self._batch = policy.batch if operation == "cancel" else policy.read_batch
        self._hand = Hand(lane) if hand is None else hand
        self._books = Books(
            runtime.engine,
            lane,
            operation,
            policy,
            self._batch,
            self._hand,
            runtime.tell,
            more=look,
        )
        self._caller = Caller(lane, config, operation, runtime.seal, runtime.tokens)
        pace = 0.0 if self._limited() else FIRST_PACE
        ahead = AHEAD_SECONDS if self._batch == 1 else BATCHES_AHEAD_SECONDS
        self._crew = Crew[Paced](
            runtime.threads, self._ask, policy.concurrency, pace, ahead
        )
        self._home: list[Asked] = []
        """Answers that are not recorded yet."""
        self._look = look
        """Whether the ledger may hold what nobody has looked for."""
        self._ledgers_turn = False
        self._patience = LOOK_SECONDS

    @property
    def left_open(self) -> bool:
        """Whether its work may have made other work due."""
        return self._books.left_open

    @property
    def nudged(self) -> bool:
        """Whether it ended without looking for what it was nudged for."""
        return self._crew.nudged

    def nudge(self, *, look: bool = True) -> None:
        """There may be new work, and ``look`` if it is in the ledger. From any
        thread."""
        self._look |= look
        self._crew.nudge()

    def run(self, is_my_turn: Callable[[], bool]) -> bool:
        """Work until there is no more; True if it stopped only to give way."""
        try:
            while True:
                self._crew.calm()
                mine = is_my_turn() and not stopping()
                if not self._step(mine=mine) and not self._crew.under_way:
                    return not mine and not stopping()
                self._home += self._crew.take_home(self._until_next_look())
                self._crew.check()
        except Exception:
            self._hand.refuse()
            self._bring_home()
            raise

    def _step(self, *, mine: bool) -> bool:
        """Record what came home, send what may be sent; False if there is neither."""
        stopped = any(one.effect.stops for one in self._home)
        if stopped or not mine or not self._books.open:
            self._home += starmap(self._caller.put_back, self._crew.withdraw())
        self._give_back_offers(self._room())
        look = self._is_to_look()
        calls = self._wanted(look=look) if mine else 0
        budget = self._take(calls)
        if not self._home and not budget.calls:
            if mine and not calls and self._hand and self._room():
                return True  # it came since calls were counted
            self._give_back_offers()
            return calls > 0 and self._sit_out(budget) and not stopping()
        if look and budget.calls:
            self._look = False
        home, self._home = self._home, []
        places = list(budget.places)
        try:
            under_way = self._crew.under_way
            claimed = self._books.turn(home, budget.calls, under_way, look=look)
            self._crew.add(self._batches(claimed, places))
        finally:
            self._give_back_offers(self._room())
            self._give_back([*places, *(one.place for one in home)])
        return bool(home or claimed)

    def _give_back(self, places: list[Place]) -> None:
        """Those of calls that are over, and of such as were not made after all."""
        if any(place.rules for place in places):
            # A Redis that hangs must not keep answers from being recorded.
            self._threads.submit(self._rates.release, places)

    def _ask(self, paced: Paced) -> Asked:
        return self._caller.ask(*paced)

    def _room(self) -> int:
        """How many calls could be taken on."""
        crew = self._crew
        return max(0, self.config.policy.concurrency + crew.ahead - crew.under_way)

    def _until_next_look(self) -> float | None:
        """How long to wait for answers alone."""
        # While there is room, new work is looked for though slow calls go on.
        patience = self._patience if self._room() else None
        if not self._hand:
            return patience
        return min(self._hand.patience, patience or LOOK_SECONDS)

    def _is_to_look(self) -> bool:
        """Whether to claim from the ledger first, and only then from what is in hand.

        Where both wait they take turns; what is urgent comes with a nudge.
        """
        if self._look or not self._hand:
            return True
        self._ledgers_turn = not self._ledgers_turn
        return self._books.more and self._ledgers_turn

    def _give_back_offers(self, room: int = 0) -> None:
        """What will not be sent soon is better kept by those who offered it."""
        moves = self._books.open and self._hand.patience > 0
        pace = self._crew.pace if moves else 0.0
        self._hand.give_back(room if moves else 0, pace * self._batch)
        self._hand.answer()

    def _wanted(self, *, look: bool) -> int:
        """How many calls to claim for."""
        room = self._room()
        # To claim is also to look, and costs no more where something is recorded.
        if not room or (not self._limited() and (self._home or self._books.more)):
            return room
        offered = min(room, math.ceil(len(self._hand) / self._batch))
        if offered == room or not look:
            return offered
        return offered + self._books.wanted(room - offered)

    def _limited(self) -> bool:
        """Whether a call that is not made after all would waste the lane's rate."""
        policy = self.config.policy
        reading = self.operation != "cancel"
        return policy.rate != "none" or (reading and policy.read_rate != "none")

    def _take(self, calls: int) -> Budget:
        try:
            budget = self._rates.take(
                self.lane, self.config.policy, calls, self._share()
            )
        except RedisError as error:
            log.warning(
                "redis is away", lane="/".join(self.lane), error=type(error).__name__
            )
            budget = Budget((), SHORT_WAIT * 2)
        wait = budget.wait.total_seconds()
        self._patience = min(wait or LOOK_SECONDS, LOOK_SECONDS)
        return budget

    def _share(self) -> float:
        """How much of the lane's rate this operation may use."""
        if self.operation == "cancel":
            return 1.0
        return CONTESTED_SHARE if self._books.contested else READ_SHARE

    def _sit_out(self, budget: Budget) -> bool:
        if self._crew.under_way or budget.wait > SHORT_WAIT:
            return False
        self._crew.rest(budget.wait.total_seconds())
        return True

    def _batches(self, claimed: Sequence[Claimed], places: list[Place]) -> list[Paced]:
        """What was claimed, each call with a place that is taken away from these."""
        # What was refused as a batch stays apart from what was in hand, or it would be
        # refused with it: see decision.Halve.
        alike = groupby(claimed, lambda one: one.progress.batch_cap)
        batches = [batch for _, some in alike for batch in self._filled(list(some))]
        return [(batch, places.pop(0)) for batch in batches]

    def _filled(self, claimed: Batch) -> list[Batch]:
        starts = range(0, len(claimed), self._batch)
        return [claimed[start : start + self._batch] for start in starts]

    def _bring_home(self) -> None:
        """What is under way must still be recorded, whatever went wrong elsewhere."""
        self._home += starmap(self._caller.put_back, self._crew.withdraw())
        while self._home or self._crew.under_way:
            try:
                if self._home:
                    self._books.turn(self._home, 0, 0)
            except Exception:
                log.exception("not recorded", lane="/".join(self.lane))
            # Nobody who offers more must wait until the slowest call is home.
            self._crew.calm()
            self._hand.refuse()
            self._give_back([one.place for one in self._home])
            self._home = self._crew.take_home(None)
