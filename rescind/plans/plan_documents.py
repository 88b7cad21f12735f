"""Templates as users get them: their names, what they take, and their steps."""

from __future__ import annotations

from typing import Any

from rescind.plans.plan_templates import InputName, Step, Template


def template_document(template: Template) -> dict[str, Any]:
    return {
        "plan": template.name,
        "title": template.title or None,
        "version": template.version,
        "inputs": [_input(one) for one in template.inputs],
        "steps": [_step(one) for one in template.steps],
    }


def _input(one: InputName) -> dict[str, Any]:
    return {"name": one.name, "required": one.required, "steps": list(one.steps)}


def _step(one: Step) -> dict[str, Any]:
    provider, account = one.lane
    return {
        "step": one.name,
        "provider": provider,
        "account": account,
        "after": list(one.after),
        "only_if": one.only_if.split() if one.after else [],
        "optional": one.optional,
    }
