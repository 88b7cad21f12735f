"""Templates and submissions for the tests of plans."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, func, select

from rescind.ledger.reading.plans import plan_document
from rescind.ledger.storage.plan_tables import PLAN
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading
from rescind.plans.plan_receipts import PlanTaken
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.step_entries import Sender
from rescind.plans.templates_file import templates_of
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import BY, NOW

PANEL = {
    "web-order": {
        "title": "Panel and SMS",
        "key": "{no}",
        "group": "g-{no}",
        "steps": {
            "panel": {"provider": "notpanel", "order": "ord_{panel}"},
            "after": {
                "provider": "notpanel",
                "order": "ord_{after}",
                "after": ["panel"],
                "cancel_before": "{until}",
            },
            "sms": {
                "provider": "iletimerkezi",
                "order": "{sms}",
                "after": ["panel"],
                "only_if": "any",
                "optional": True,
            },
        },
    }
}
TEMPLATES = templates_of(PANEL)
SENDER = Sender(by=BY)
INPUT = {"no": "1", "panel": "1", "after": "2", "sms": "3", "until": "+2h"}


def submit(
    engine: Engine,
    given: object = None,
    sender: Sender = SENDER,
    templates: Any = TEMPLATES,
    plan: object = "web-order",
    key: object = None,
    url: object = None,
    **more: Any,
) -> PlanTaken:
    wish = PlanWish(plan, INPUT if given is None else given, key, url)
    known = (engine, ACCOUNTS, SEAL, templates)
    return submit_plan(*known, wish, NOW, sender=sender, **more)


def counts(engine: Engine) -> tuple[int, int]:
    """The plans and the cancellations in the ledger."""
    with reading(engine) as connection:
        found = (
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (PLAN, CANCELLATION)
        )
        return next(found), next(found)


def document(engine: Engine, plan: str | None) -> dict[str, Any]:
    with reading(engine) as connection:
        found = plan_document(connection, plan or "")
    assert found is not None
    return found
