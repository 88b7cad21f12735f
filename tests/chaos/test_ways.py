"""Each way to run has a plan of its own, and knows how to do each fault of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chaos.__main__ import main
from chaos.conductor import Conductor
from chaos.fault_plan import plan
from chaos.scales import LONG, SEED, SHORT, Scale
from chaos.way import USUAL
from chaos.ways import WAYS
from rescind.ledger.storage.transactions import open_ledger

ways = pytest.mark.parametrize("name", WAYS)


@ways
@pytest.mark.parametrize("scale", [SHORT, LONG])
def test_a_way_changes_the_faults_of_the_plan_alone(name: str, scale: Scale) -> None:
    way, usual = WAYS[name], plan(SEED, scale)
    changed = way.changed(usual)
    assert changed.messages == usual.messages
    times = [fault.at for fault in changed.faults]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= scale.seconds
    kinds = {fault.kind for fault in changed.faults}
    assert not kinds & way.left_out
    assert way.waited_for <= kinds


@ways
def test_each_fault_of_a_way_can_be_done(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_memory(_url: str) -> Any:
        return open_ledger("sqlite://")

    monkeypatch.setattr("chaos.conductor.open_ledger", in_memory)
    way = WAYS[name]
    drawn = way.changed(plan(SEED, SHORT))
    system = cast("Any", type("System", (), {"database": type("D", (), {"url": ""})}))
    conductor = Conductor(system, drawn, way)
    assert {fault.kind for fault in drawn.faults} <= conductor._deals.keys()


def test_the_usual_way_is_the_plan_as_it_was_drawn() -> None:
    drawn = plan(SEED, SHORT)
    assert WAYS[USUAL].changed(drawn) == drawn


def test_a_way_that_does_not_run_on_a_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(WAYS[USUAL], "databases", ("postgresql",))
    with pytest.raises(SystemExit) as ended:
        main([USUAL, "--database", "sqlite"])
    assert ended.value.code == 2
    assert "does not run on sqlite" in capsys.readouterr().err
