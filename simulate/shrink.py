"""A smaller plan that fails in the same way: what is left is what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulate.plan import Message, Plan

Fails = Callable[[Plan], bool]
MOST = 300
"""Plans that are tried."""


def shrink(plan: Plan, fails: Fails, most: int = MOST) -> Plan:
    """Leave out whatever can be left out, one thing after the other, until nothing
    can. ``fails`` says whether a plan still fails as the first one does."""
    left, candidates = most, _smaller(plan)
    while left > 0 and (smaller := next(candidates, None)) is not None:
        left -= 1
        if fails(smaller):
            plan, candidates = smaller, _smaller(smaller)
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """The plans that have a little less in them, the smallest first."""
    if plan.faults:
        yield replace(plan, faults={})
    if plan.delays:
        yield replace(plan, delays={})
    if plan.troubles:
        yield replace(plan, troubles=())
    if plan.workers > 1:
        yield replace(plan, workers=1)
    for place in range(len(plan.messages)):
        others = (*plan.messages[:place], *plan.messages[place + 1 :])
        yield replace(plan, messages=others)
    for place in range(len(plan.troubles)):
        left = (*plan.troubles[:place], *plan.troubles[place + 1 :])
        yield replace(plan, troubles=left)
    for number in plan.faults:
        kept = {n: kind for n, kind in plan.faults.items() if n != number}
        yield replace(plan, faults=kept)
    for number in plan.delays:
        rest = {n: delay for n, delay in plan.delays.items() if n != number}
        yield replace(plan, delays=rest)
    for place, message in enumerate(plan.messages):
        for lesser in _lesser(message):
            changed = (*plan.messages[:place], lesser, *plan.messages[place + 1 :])
            yield replace(plan, messages=changed)


def _lesser(message: Message) -> Iterator[Message]:
    if message.again is not None:
        yield replace(message, again=None)
    if len(message.entries) > 1:
        for place in range(len(message.entries)):
            kept = (*message.entries[:place], *message.entries[place + 1 :])
            yield replace(message, entries=kept)
