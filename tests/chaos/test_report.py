"""The report shows what happened in a run, and whether the run is good."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chaos.chaos_report import KINDS, Pause, Report, pauses
from chaos.outages import Outage
from rescind.demo.facts import Offence

GOOD = Report(
    database="sqlite",
    seed=1,
    mutation=None,
    orders=500,
    seconds=50.0,
    calls=600,
    faults=90,
    offences=dict.fromkeys(KINDS, ()),
    unresolved=(),
    deaths={"calling": 3},
    pauses=(Pause(3.0, "calling", 0.1), Pause(6.0, "done", 2.0)),
    due_in_pause={"akinon": 3},
    others={"retries": 2},
    outcomes={"cancelled/confirmed": 500},
)


def test_a_run_without_offences_is_good() -> None:
    assert GOOD.failings == []
    assert GOOD.text().endswith("good")


@pytest.mark.parametrize("kind", KINDS)
def test_any_offence_makes_it_not_good_and_is_named(kind: str) -> None:
    offence = Offence("notpanel", "ord_1", "of a reason of its own")
    bad = replace(GOOD, offences={**GOOD.offences, kind: (offence,)})
    assert bad.failings == [f"{KINDS[kind]} 1"]
    assert "ord_1: of a reason of its own" in bad.text()
    assert bad.caught == {kind}


def test_what_no_provider_could_tell_is_counted_and_shown() -> None:
    some = replace(GOOD, unresolved=("one", "two", "three"))
    assert some.failings == []
    shown = {line.strip() for line in some.text().splitlines()}
    assert {"nobody could tell           3", "three"} <= shown


def test_which_services_were_away_and_how_it_was_met_is_shown() -> None:
    some = replace(GOOD, outages={"redis full": 6.04}, refusals={"OOM": 3})
    assert some.failings == []
    shown = {line.strip() for line in some.text().splitlines()}
    assert "services away               redis full 6 s" in shown
    assert "refusals in the log         3 OOM" in shown


def test_what_is_still_open_is_shown_and_is_not_lost() -> None:
    waits = Offence("ithink", "86210010463", "still verifying at the end")
    some = replace(GOOD, unfinished=(waits,))
    assert some.failings == []
    assert some.caught == frozenset()
    shown = {line.strip() for line in some.text().splitlines()}
    assert {"not finished                1", "lost                        0"} <= shown
    assert "ithink 86210010463: still verifying at the end" in shown


@pytest.mark.parametrize("left", [0, 3])
def test_a_run_in_which_nothing_moves_any_more_is_not_good(left: int) -> None:
    waits = Offence("ithink", "86210010463", "still verifying at the end")
    given_up = replace(GOOD, unfinished=(waits,) * left, stalled_for=60.0)
    assert given_up.failings == [f"not finished {left}: nothing moved for 60 s"]
    assert given_up.caught == frozenset()


def test_an_outage_that_no_worker_met_proves_nothing() -> None:
    unmet = replace(GOOD, outages={"redis cannot save": 6.0}, refusals={"OOM": 3})
    assert unmet.failings == ["redis cannot save: no worker met it"]


def test_no_progress_for_fifteen_seconds_is_not_good() -> None:
    slow = replace(GOOD, pauses=(Pause(9.0, "swept", 15.0),))
    assert slow.failings == ["no progress for 15.0 s, while this was due: 3 akinon"]
    assert "worst 15.00 s (swept, 9 s after the start)" in slow.text()


def test_a_report_can_be_read_by_programs() -> None:
    assert json.loads(GOOD.document())["outcomes"] == {"cancelled/confirmed": 500}


def seconds(
    deaths: list[tuple[float, str, str]],
    calls: list[float],
    outages: tuple[Outage, ...] = (),
) -> list[float]:
    return [pause.seconds for pause in pauses(deaths, calls, outages, 0.0, 30.0)]


def test_progress_is_the_next_call_after_each_death() -> None:
    deaths = [(10.0, "calling", "child"), (20.0, "done", "all")]
    assert seconds(deaths, [9.0, 10.5, 23.0]) == [0.5, 3.0]


def test_a_service_that_was_away_counts_from_its_return() -> None:
    away = Outage("redis", 5.0, 25.0)
    assert seconds([(10.0, "calling", "child")], [26.0], (away,)) == [1.0]
    assert seconds([(4.0, "calling", "child")], [26.0], (away,)) == [1.0]
    assert seconds([(4.0, "calling", "child")], [4.5, 26.0], (away,)) == [0.5]


def test_a_pause_says_from_when_it_counts() -> None:
    away = Outage("redis", 8.0, 11.0)
    found = pauses([(10.0, "calling", "child")], [14.0], (away,), 2.0, 30.0)
    assert [(one.at, one.since, one.until) for one in found] == [(8.0, 9.0, 12.0)]


def test_a_death_after_which_nothing_happens_counts_until_the_end() -> None:
    assert seconds([(10.0, "done", "all")], [9.0]) == [20.0]
