"""``rescind plan submit --wait``: waits until a plan has ended, and prints its end."""

from __future__ import annotations

from typing import Any

import typer
from sqlalchemy import Engine

from rescind.cli import output
from rescind.cli.plans_shown import emit_steps
from rescind.cli.wait import Seen, counted, listed, unfinished, watch
from rescind.errors import messages
from rescind.errors.exit_statuses import DONE, NOT_ALL_CANCELLED, TIMED_OUT
from rescind.errors.reported import CommandError
from rescind.ledger.plan_outcome import PlanVerdict
from rescind.ledger.reading.plans import Document, plan_document
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.plans.plan_receipts import PlanTaken, as_document


def finish(engine: Engine, taken: PlanTaken, seconds: float, *, as_json: bool) -> None:
    """Wait until the plan has ended or ``seconds`` have passed, and print it as it is
    then. Exits with a status other than 0 unless its verdict is ``done``."""
    ending = _Ending(engine, str(taken.id))
    seen = watch(ending.look, len(taken.steps), seconds)
    if not seen.over:
        _say_unfinished(seen.counts, seconds)
    if as_json:
        output.emit_json(_document(ending.plan, taken))
    else:
        output.emit(f"verdict: {ending.plan['verdict'] or 'none yet'}")
        emit_steps(ending.plan["steps"])
    status = _status(ending.plan["verdict"])
    if status != DONE:
        raise typer.Exit(status)


def _status(verdict: PlanVerdict | None) -> int:
    if verdict is None:
        return TIMED_OUT
    return DONE if verdict is PlanVerdict.DONE else NOT_ALL_CANCELLED


class _Ending:
    """A plan that is looked at until it has a verdict."""

    def __init__(self, engine: Engine, plan_id: str) -> None:
        self._engine = engine
        self._id = plan_id
        self.plan: Document = {}

    def look(self) -> Seen:
        with reading(self._engine) as connection:
            found = plan_document(connection, self._id)
        if found is None:
            raise CommandError(
                f"the plan {self._id} was deleted meanwhile", problem="no-such-plan"
            )
        self.plan = found
        states = (one["state"] for one in found["steps"] if one["state"])
        return Seen(counted(states), over=found["verdict"] is not None)


def _document(plan: Document, taken: PlanTaken) -> dict[str, Any]:
    """What ``rescind plan submit --json`` prints, and the plan as it is now."""
    receipt = as_document(taken)
    # By their ids: a template that was changed since may name its steps otherwise.
    taken_in = {one["id"]: one for one in receipt["steps"]}
    steps = [{**taken_in.get(now["id"], {}), **now} for now in plan["steps"]]
    return {**receipt, **plan, "steps": steps}


def _say_unfinished(counts: dict[str, int], seconds: float) -> None:
    rest = listed(unfinished(counts))
    failed = (
        "; a step is failed, and others may wait until a person decides: `rescind"
        " doctor` names them"
    )
    messages.say(
        f"after {seconds:g} s the plan has not ended yet{f' ({rest})' if rest else ''}:"
        " it goes on; `rescind lanes` says why its steps wait, and whether workers run"
        f"{failed if State.FAILED in counts else ''}",
        "not-final-yet",
    )
