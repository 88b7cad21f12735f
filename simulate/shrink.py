"""Shrinks a scenario that fails to a smaller one that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from simulate.messages import Message
from simulate.scenario import Scenario

T = TypeVar("T")
Fails = Callable[[Scenario], bool]
MOST = 300
"""Most scenarios that are tried."""


def shrink(scenario: Scenario, fails: Fails, most: int = MOST) -> Scenario:
    """Leave out one part after the other, as long as the scenario still fails.

    ``fails`` returns whether a scenario fails as the first one does. ``most``: how many
    scenarios to try.
    """
    left, candidates = most, _smaller(scenario)
    while left > 0 and (smaller := next(candidates, None)) is not None:
        left -= 1
        if fails(smaller):
            scenario, candidates = smaller, _smaller(smaller)
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The scenarios with one part less, the smallest first."""
    yield from _without_all(scenario)
    for place in range(len(scenario.messages)):
        yield replace(scenario, messages=_without(scenario.messages, place))
    for place in range(len(scenario.troubles)):
        yield replace(scenario, troubles=_without(scenario.troubles, place))
    for place in range(len(scenario.withdrawals)):
        yield replace(scenario, withdrawals=_without(scenario.withdrawals, place))
    for number in scenario.faults:
        yield replace(scenario, faults=_lacking(scenario.faults, number))
    for number in scenario.skews:
        yield replace(scenario, skews=_lacking(scenario.skews, number))
    for number in scenario.delays:
        yield replace(scenario, delays=_lacking(scenario.delays, number))
    for place, message in enumerate(scenario.messages):
        for lesser in _lesser(message):
            changed = [*scenario.messages]
            changed[place] = lesser
            yield replace(scenario, messages=tuple(changed))


def _without_all(scenario: Scenario) -> Iterator[Scenario]:
    """The scenarios without all parts of one kind."""
    if scenario.faults:
        yield replace(scenario, faults={})
    if scenario.delays:
        yield replace(scenario, delays={})
    if scenario.troubles:
        yield replace(scenario, troubles=())
    if scenario.withdrawals:
        yield replace(scenario, withdrawals=())
    if scenario.skews:
        yield replace(scenario, skews={})
    if scenario.workers > 1:
        yield replace(scenario, workers=1)


def _without(some: tuple[T, ...], place: int) -> tuple[T, ...]:
    return (*some[:place], *some[place + 1 :])


def _lacking(some: Mapping[int, T], number: int) -> dict[int, T]:
    return {n: one for n, one in some.items() if n != number}


def _lesser(message: Message) -> Iterator[Message]:
    if message.again is not None:
        yield replace(message, again=None)
    if len(message.entries) > 1:
        for place in range(len(message.entries)):
            yield replace(message, entries=_without(message.entries, place))
