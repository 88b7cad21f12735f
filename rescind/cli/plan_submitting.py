"""The code of ``rescind plan submit``, and of ``check`` for one plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import typer

from rescind.cli import connections, output
from rescind.cli.plan_ending import finish
from rescind.cli.plan_templates_shown import FILE, need_templates
from rescind.config.actors import command_actor
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.errors.reported import CommandError
from rescind.intake.receipts import Receipt, lanes_to_notify
from rescind.intake.repeats import remark
from rescind.intake.values import named_values
from rescind.ledger.access_limits import EVERYTHING
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.plans.plan_choice import template_named
from rescind.plans.plan_faults import PlanFault, RefusedPlanError
from rescind.plans.plan_receipts import PlanTaken, as_document, faults_document
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.plan_templates import Template, Templates
from rescind.plans.step_entries import Sender
from rescind.plans.typed_inputs import typed

# --- rescind plan check -----------------------------------------------------------


def dry_run(
    name: str, values: Sequence[str], key: str | None, *, as_json: bool
) -> None:
    taken = _submitted(name, values, key, None, dry_run=True)
    if as_json:
        output.emit_json(as_document(taken, with_entries=True))
        return
    columns = ("step", "provider", "account", "order", "after", "only_if", "what")
    output.table(columns, [_line(one) for one in _steps(taken)])
    _say_differences(taken)
    _say_left_out(taken)
    messages.say("nothing was submitted")


def _steps(taken: PlanTaken) -> Iterable[dict[str, Any]]:
    found: list[dict[str, Any]] = as_document(taken, with_entries=True)["steps"]
    return found


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    entry, new = one["entry"], one["receipt"] == Receipt.ACCEPTED
    return (
        one["step"],
        entry["provider"],
        entry.get("account", "default"),
        entry["order"],
        " ".join(entry.get("after", ())) or "-",
        entry.get("only_if", "-"),
        "would be submitted" if new else f"in the ledger already: {one['state']}",
    )


# --- rescind plan submit ----------------------------------------------------------


def submit(
    name: str,
    values: Sequence[str],
    key: str | None,
    callback_url: str | None,
    seconds: float | None,
    *,
    as_json: bool,
) -> None:
    """Submit the plan, and wait ``seconds`` at most for its end, if they are given."""
    connections.need_redis()
    taken = _submitted(name, values, key, callback_url)
    connections.notify_lanes(lanes_to_notify(taken.taken))
    if not as_json:
        output.emit(f"{taken.receipt}: plan {taken.id}, key {taken.key}")
    if seconds is None:
        _emit_receipt(taken, as_json=as_json)
    _say_differences(taken)
    _say_left_out(taken)
    if seconds is not None:
        finish(connections.need_ledger(), taken, seconds, as_json=as_json)


def _emit_receipt(taken: PlanTaken, *, as_json: bool) -> None:
    if as_json:
        output.emit_json(as_document(taken))
        return
    columns = ("step", "id", "receipt")
    output.table(columns, [(s.name, s.taken.id, s.taken.receipt) for s in taken.steps])


def _say_differences(taken: PlanTaken) -> None:
    for one in taken.steps:
        if (said := remark(one.taken.state, one.taken.differs)) is not None:
            messages.say(f"the step {one.name}: {said}")


def _say_left_out(taken: PlanTaken) -> None:
    if taken.left_out:
        messages.say(f"left out for lack of a value: {', '.join(taken.left_out)}")


def _submitted(
    name: str,
    values: Sequence[str],
    key: str | None,
    callback_url: str | None,
    *,
    dry_run: bool = False,
) -> PlanTaken:
    accounts, chosen = connections.need_accounts(), settings()
    templates = need_templates(accounts)
    template = _template(templates, name)
    given = typed(template, named_values(values, "the value"))
    engine = connections.need_ledger(create=True)
    # The command prints what is wrong, so no callback is sent for it.
    callbacks = replace(chosen.callbacks, of_refused=False)
    taken = submit_plan(
        engine,
        accounts,
        chosen.seal(),
        templates,
        PlanWish(name, given, key, callback_url),
        utc_now(),
        sender=Sender(command_actor(), callbacks=callbacks),
        listed=SubmissionActions(),
        dry_run=dry_run,
    )
    if taken.receipt is Receipt.REFUSED:
        _refuse(taken.faults)
    return taken


def _template(templates: Templates, name: str) -> Template:
    if name in templates.faults:
        raise CommandError("; ".join(templates.faults[name]), problem=FILE)
    try:
        return template_named(templates, name, EVERYTHING)
    except RefusedPlanError as error:
        raise CommandError(str(error), problem=FILE) from None


def _refuse(faults: Sequence[PlanFault]) -> None:
    for one in faults_document(faults):
        messages.say(one["wrong"])
    messages.say("the plan is refused, and nothing was submitted", "invalid-request")
    raise typer.Exit(WRONG)
