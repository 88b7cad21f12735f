"""Which plans a caller may submit, and the one that a submission names."""

from __future__ import annotations

from difflib import get_close_matches

from rescind.intake.limited_entries import outside
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.plans.placeholders import names_in
from rescind.plans.plan_faults import PlanFault, RefusedPlanError
from rescind.plans.plan_templates import Step, Template, Templates
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable

PLAN = "/plan"
SHOWN = 64


def plans_within(templates: Templates, limits: Limits = EVERYTHING) -> list[Template]:
    """The plans of which every step may be within ``limits``, in the file's order."""
    return [one for one in templates.plans.values() if _is_within(one, limits)]


def _is_within(template: Template, limits: Limits) -> bool:
    return all(_may_submit(step, limits) for step in template.steps)


def _may_submit(step: Step, limits: Limits) -> bool:
    provider, account = step.lane
    if names_in(account):
        return limits.touches_provider(provider)
    return limits.touches(provider, account)


def template_named(templates: Templates, name: object, limits: Limits) -> Template:
    """The plan of this name; raises ``RefusedPlanError`` with a sentence."""
    if not isinstance(name, str) or not name:
        says = "plan must be the name of a plan"
        raise _refused(says, RefusalCode.MISSING if name is None else None)
    found = templates.plans.get(name)
    if found is not None and _is_within(found, limits):
        return found
    if found is not None:
        says = str(outside("this plan", PLAN, limits))
        raise _refused(says, RefusalCode.OUTSIDE_LIMITS)
    if name in templates.faults:
        # The sentences of its faults name accounts: they are for the operator.
        says = f"the plan {name} cannot be used now: `rescind plan check` says why"
        raise _refused(says, RefusalCode.UNKNOWN_PLAN)
    raise _refused(_unknown(templates, name, limits), RefusalCode.UNKNOWN_PLAN)


def _unknown(templates: Templates, name: str, limits: Limits) -> str:
    says = f"there is no plan {storable(name)[:SHOWN]!r}"
    if templates.missing:
        return f"{says}: there is no plans file"
    if templates.fault is not None:
        says += ", and the plans file cannot be read now"
    known = [one.name for one in plans_within(templates, limits)]
    near = get_close_matches(name[:SHOWN], known, 1)
    if near:
        return f"{says}: did you mean {near[0]}?"
    return f"{says}; there are: {', '.join(sorted(known)) or 'none'}"


def _refused(says: str, code: RefusalCode | None) -> RefusedPlanError:
    return RefusedPlanError([PlanFault(says, code or RefusalCode.INVALID_VALUE, PLAN)])
