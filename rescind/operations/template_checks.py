"""Checks the plans file, without submitting any plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescind.config.accounts import Accounts
from rescind.config.callbacks import Callbacks
from rescind.operations.findings import Check, Level
from rescind.plans.placeholders import names_in
from rescind.plans.plan_templates import Template
from rescind.plans.templates_file import load_templates, with_accounts

FILE = "plans-file"
USUAL = "plans.toml"
"""The default name. A missing file of this name is not reported: it is optional."""


def template_checks(
    path: Path, accounts: Accounts, callbacks: Callbacks
) -> Iterator[Check]:
    """One check for each plan and each fault; none without a plans file."""
    found = with_accounts(load_templates(path), accounts)
    if found.missing and path.name != USUAL:
        says = f"{path} does not exist: there is no plan"
        yield Check("plans", Level.WARNING, says, FILE)
    if found.fault is not None:
        says = f"{found.fault}; programs that run keep its former plans"
        yield Check("plans", Level.WRONG, says, FILE)
    for _, plan in sorted(found.plans.items()):
        yield _check(plan, callbacks)
    for name, faults in sorted(found.faults.items()):
        for fault in faults:
            says = f"{fault}; until that is corrected, it cannot be submitted"
            yield Check(f"plan {name}", Level.WRONG, says, FILE)


def _check(plan: Template, callbacks: Callbacks) -> Check:
    what, url = f"plan {plan.name}", plan.callback_url
    if url is not None and not names_in(url) and (why := callbacks.why_not(url)):
        return Check(what, Level.WRONG, f"callback_url {why}", FILE)
    steps = ", ".join(step.name for step in plan.steps)
    return Check(what, Level.OK, f"version {plan.version}, steps {steps}")
