"""The code of ``rescind plan templates``, and of ``check`` for the whole file."""

from __future__ import annotations

from typing import Any

import typer

from rescind.cli import connections, output
from rescind.config.accounts import Accounts
from rescind.config.settings import settings
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.errors.reported import CommandError
from rescind.operations.findings import status
from rescind.operations.template_checks import template_checks
from rescind.plans.plan_documents import template_document
from rescind.plans.plan_templates import Templates
from rescind.plans.templates_file import load_templates, with_accounts

FILE = "plans-file"


def need_templates(accounts: Accounts) -> Templates:
    """The plans file; raises ``CommandError`` if it cannot be used."""
    path = settings().plans
    found = with_accounts(load_templates(path), accounts)
    if found.missing:
        raise CommandError(
            f"there is no plans file {path}: copy plans.example.toml, or set"
            " RESCIND_PLANS",
            problem=FILE,
        )
    if found.fault is not None:
        raise CommandError(found.fault, problem=FILE)
    return found


def list_templates(*, as_json: bool) -> None:
    found = need_templates(connections.need_accounts())
    plans = [template_document(one) for one in found.plans.values()]
    for fault in (one for wrong in found.faults.values() for one in wrong):
        messages.say(fault, FILE)
    if as_json:
        for one in plans:
            output.emit_json(one)
    elif plans:
        columns = ("plan", "version", "takes", "steps", "title")
        output.table(columns, map(_row, plans))
    else:
        messages.say("the plans file has no plan that can be used")


def _row(plan: dict[str, Any]) -> tuple[object, ...]:
    takes = (f"{n['name']}{'' if n['required'] else '?'}" for n in plan["inputs"])
    steps = (one["step"] for one in plan["steps"])
    return (
        plan["plan"],
        plan["version"],
        " ".join(takes),
        " ".join(steps),
        plan["title"],
    )


def check_file(*, as_json: bool) -> None:
    accounts = connections.need_accounts()
    need_templates(accounts)
    chosen = settings()
    found = list(template_checks(chosen.plans, accounts, chosen.callbacks))
    for check in found:
        if as_json:
            output.emit_json(check.document())
        else:
            output.emit(check.line())
    if not found:
        messages.say("the plans file has no plan")
    if status(found):
        messages.see(FILE)
        raise typer.Exit(WRONG)
