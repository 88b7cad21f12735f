"""Keeps what is wrong with a plan whose producer gets no answer: one by message.

Each fault becomes a cancellation that is ``rejected``, as a wrong entry of a message
does. Of the plan itself nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from rescind.config.callbacks import Callbacks
from rescind.intake.entry_records import invalid
from rescind.ledger.changes.insertion import insert_or_find
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import writing
from rescind.plans.placeholders import NotTextError, filled, names_in
from rescind.plans.plan_faults import PlanFault
from rescind.plans.plan_receipts import PlanTaken
from rescind.plans.plan_submission import PlanWish
from rescind.plans.plan_templates import Template, Templates
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import as_object


def keep_refused(
    engine: Engine,
    seal: Seal,
    templates: Templates,
    wish: PlanWish,
    refused: PlanTaken,
    now: datetime,
    callbacks: Callbacks,
    *,
    by: str,
) -> list[str]:
    """Store the faults of ``refused``; the ids of their rows, in order.

    The same plan with the same faults gets the same rows again.
    """
    template = templates.plans.get(refused.plan)
    rows = [
        _row(one, template, wish, refused.plan, seal, now, callbacks, by)
        for one in refused.faults
    ]
    with writing(engine, queue="intake") as connection:
        _, there = insert_or_find(connection, rows, now)
    return [str(there[o.path].id) if o.path in there else o.id for o in rows]


def _row(
    fault: PlanFault,
    template: Template | None,
    wish: PlanWish,
    plan: str,
    seal: Seal,
    now: datetime,
    callbacks: Callbacks,
    by: str,
) -> NewCancellation:
    shown = _shown(fault, template, as_object(wish.input))
    # All that was sent: another input with the same fault gets a row of its own.
    entry = {**shown, "plan": wish.plan, "input": wish.input, "key": wish.key}
    error = InvalidRequestError(
        f"plan {plan or 'without a name'}: {fault.wrong}", fault.code, fault.param
    )
    url = wish.callback_url or (template and template.callback_url)
    wanted = callbacks.of_what_is_refused({"callback_url": url})
    return invalid(entry, error, seal, now, wanted, by=by)


def _shown(
    fault: PlanFault, template: Template | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What is known of the cancellation that the step would have been."""
    steps = [] if template is None else template.steps
    for step in steps:
        if step.name == fault.step:
            known = ("provider", "account", "order")
            fields = {n: step.fields[n] for n in known if n in step.fields}
            return {name: _filled(one, given) for name, one in fields.items()}
    return {}


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    """``value`` filled, or nothing if the input lacks a name or has a wrong value."""
    if any(name not in given for name in names_in(value)):
        return None
    try:
        return filled(value, given)
    except NotTextError:
        return None
