"""A model of cancellations that wait for others: plain objects, one at a time.

It knows nothing of transactions, locks and sets of rows. A node's number is its place
in the order of insertion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rescind.ledger.states import FINAL, RETRYABLE, UNSENT, State
from rescind.provider.outcomes import Reason

End = tuple[State, Reason | None]
NOT_WANTED: End = (State.WITHDRAWN, Reason.NOT_WANTED)
ALL = frozenset(FINAL)


class RefusedError(Exception):
    """The model refuses what an operator asks for."""


@dataclass
class Node:
    """One cancellation. ``wanted`` are the ends that it wants of each predecessor."""

    wanted: Mapping[int, Collection[State | End]]
    state: State = State.QUEUED
    reason: Reason | None = None
    sent: bool = False
    bound: bool = False
    released: bool = False

    @property
    def end(self) -> End:
        return self.state, self.reason

    @property
    def waits(self) -> bool:
        return self.state is State.SCHEDULED


@dataclass
class Model:
    nodes: list[Node] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    """Those that may not begin again while one that they have released is open."""

    # --- what its predecessors say ---------------------------------------------------

    def met(self, node: Node, number: int) -> bool:
        its, wanted = self.nodes[number], node.wanted[number]
        return its.state in FINAL and (its.state in wanted or its.end in wanted)

    def refused(self, node: Node, number: int) -> bool:
        its = self.nodes[number]
        ended = its.state in FINAL and its.state is not State.FAILED
        return ended and not self.met(node, number)

    def unwanted(self, node: Node) -> bool:
        return any(self.refused(node, number) for number in node.wanted)

    def keeping(self, node: Node) -> int:
        return sum(not self.met(node, number) for number in node.wanted)

    def busy_with(self, number: int) -> bool:
        """Whether one that this end has released may still be sent."""
        return any(
            one.released
            and one.bound
            and one.state not in FINAL
            and not set(one.wanted[number]) >= ALL
            for one in self.nodes
            if number in one.wanted
        )

    # --- what happens ----------------------------------------------------------------

    def add(self, wanted: Mapping[int, Collection[State | End]]) -> None:
        node = Node(wanted)
        if wanted:
            node.state, node.bound = State.SCHEDULED, True
        self.nodes.append(node)
        self._judge([len(self.nodes) - 1])

    def ends(self, number: int, state: State, reason: Reason) -> None:
        node = self.nodes[number]
        node.state, node.reason, node.sent = state, reason, True
        self._follow([number])

    def withdraw(self, number: int) -> None:
        node = self.nodes[number]
        if node.state in UNSENT and not node.sent:
            node.state, node.reason = State.WITHDRAWN, Reason.REQUESTED
            self._follow([number])

    def skip(self, number: int) -> None:
        node = self.nodes[number]
        if not node.waits:
            raise RefusedError
        (node.state, node.reason), node.bound = NOT_WANTED, False
        self._follow([number])

    def release(self, number: int) -> None:
        node = self.nodes[number]
        unwanted = node.end == NOT_WANTED and node.bound and not node.sent
        if not node.waits and (not unwanted or self.busy_with(number)):
            raise RefusedError
        self._queue(node)
        node.bound = False

    def retry(self, number: int) -> None:
        node = self.nodes[number]
        if node.state not in RETRYABLE or self.busy_with(number):
            raise RefusedError
        if node.bound and (self.unwanted(node) or (self.keeping(node) and node.sent)):
            raise RefusedError
        self._begin(node)

    def look_again(self) -> None:
        """Some time later, those that could not begin again are judged again."""
        again, self.blocked = sorted(self.blocked), set()
        self._judge(again)

    def _begin(self, node: Node) -> None:
        if node.bound and self.keeping(node):
            node.state, node.reason, node.released = State.SCHEDULED, None, False
        else:
            self._queue(node)

    def _queue(self, node: Node) -> None:
        node.state, node.reason, node.released = State.QUEUED, None, True

    # --- what follows ----------------------------------------------------------------

    def _follow(self, ended: Collection[int]) -> None:
        if not ended:
            return
        those = set(ended)
        after = [n for n, one in enumerate(self.nodes) if those & set(one.wanted)]
        self._judge(after)

    def _judge(self, numbers: Collection[int]) -> None:
        nodes = {n: self.nodes[n] for n in numbers}
        waiting = {n: one for n, one in nodes.items() if one.waits}
        skipped = [n for n, one in waiting.items() if self.unwanted(one)]
        free = [
            one
            for n, one in waiting.items()
            if n not in skipped and not self.keeping(one)
        ]
        unwanted = [
            n
            for n, one in nodes.items()
            if one.end == NOT_WANTED and one.bound and not one.sent
        ]
        for n in skipped:
            self.nodes[n].state, self.nodes[n].reason = NOT_WANTED
        for one in free:
            self._queue(one)
        for n in unwanted:
            if self.unwanted(self.nodes[n]):
                continue
            if self.busy_with(n):
                self.blocked.add(n)
            else:
                self._begin(self.nodes[n])
        self._follow(skipped)
