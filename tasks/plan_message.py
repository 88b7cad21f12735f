"""A message of ``rescind.submit`` that names a plan instead of cancellations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from rescind.intake.receipts import Receipt, lanes_to_notify
from rescind.plans.plan_receipts import PlanTaken
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.refused_plans import keep_refused
from rescind.plans.step_entries import Sender
from rescind.provider.text import field_name
from rescind.runtime.host import Host

log = structlog.get_logger("rescind.submit")
FIELDS = ("plan", "input", "key", "callback_url")
MOST_NAMED = 10


def names_a_plan(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether the message is a plan. One that has cancellations, too, is not."""
    return "plan" in kwargs and "cancellations" not in kwargs and not args


def wish_of(kwargs: Mapping[str, Any]) -> PlanWish:
    """What the message asks for; other arguments are named in the log."""
    unread = sorted({field_name(name) for name in kwargs if name not in FIELDS})
    if unread:
        log.warning("unknown arguments were ignored", named=unread[:MOST_NAMED])
    return PlanWish(*(kwargs.get(name) for name in FIELDS))


def take_plan(
    own: Host, wish: PlanWish, trace: str | None, late: str | None, by: str
) -> PlanTaken:
    """Submit the plan, and notify its lanes. A refused plan's faults are kept.

    Raises the errors of ``submit_plan``.
    """
    here = own.here
    now, templates = here.clock.now(), here.templates
    sender = Sender(by, callbacks=here.callbacks, trace=trace, late=late)
    known = (here.engine, here.accounts, here.seal)
    taken = submit_plan(*known, templates, wish, now, sender=sender)
    if taken.receipt is Receipt.REFUSED:
        kept = (here.engine, here.seal, templates, wish, taken, now, here.callbacks)
        ids = keep_refused(*kept, by=by)
        why = [one.wrong for one in taken.faults]
        log.warning("a plan was refused", cancellations=ids[:MOST_NAMED], why=why[:10])
    own.engine.notify((lane, "cancel") for lane in lanes_to_notify(taken.taken))
    return taken
