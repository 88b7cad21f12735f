"""The intervals are exactly the times in which no cancellation was due."""

from __future__ import annotations

from chaos.idleness import Idleness, Interval


def intervals(*looks: bool | None) -> list[Interval]:
    """The intervals after one look per second: was something due? None: not known."""
    idleness = Idleness()
    for at, due in enumerate(looks):
        if due is None:
            idleness.end()
        else:
            idleness.note(float(at), {"ithink": 1} if due else {})
    return idleness.intervals


def test_it_lasts_from_the_first_look_that_saw_nothing_due_to_the_last() -> None:
    assert intervals(True, False, False, False, True) == [(1.0, 3.0)]
    assert intervals(True, False, False) == [(1.0, 2.0)]


def test_where_something_was_due_all_the_time_there_is_none() -> None:
    assert intervals(True, True) == []


def test_what_was_not_known_does_not_count() -> None:
    assert intervals(False, False, None, None, False, False) == [(0.0, 1.0), (4.0, 5.0)]


def test_what_was_due_at_most_is_told_for_each_provider() -> None:
    idleness = Idleness()
    looks = [{"akinon": 9}, {"akinon": 2, "ithink": 1}, {"akinon": 4}, {"ithink": 8}]
    for at, due in enumerate(looks):
        idleness.note(float(at), due)
    assert idleness.due_during(1.0, 2.0) == {"akinon": 4, "ithink": 1}
