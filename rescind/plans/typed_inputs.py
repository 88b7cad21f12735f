"""Gives the texts that a person types for a plan's input the types that they need."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rescind.intake.values import no_constant, param_value
from rescind.plans.plan_templates import Template


def typed(template: Template, texts: Mapping[str, str]) -> dict[str, Any]:
    """The input of ``texts``.

    A value that is a parameter of a provider gets the parameter's type. Any other one
    stays a text, unless it is a JSON object or list.
    """
    params = dict(_params_of(template))
    return {
        name: param_value(*params[name], text) if name in params else _plain(text)
        for name, text in texts.items()
    }


def _params_of(template: Template) -> Iterator[tuple[str, tuple[str, str]]]:
    """Provider and parameter, by the name in the input that gives its value."""
    for step in template.steps:
        for param, value in step.fields.get("params", {}).items():
            for name in step.needs:
                if value == f"{{{name}}}":
                    yield name, (step.lane[0], param)


def _plain(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return text
