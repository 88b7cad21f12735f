"""The form fields of a plan's template: one for each name of its input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.registry import BY_NAME
from rescind.dashboard.submission.param_fields import (
    FieldError,
    ParamField,
    param_fields,
)
from rescind.plans.plan_templates import InputName, Step, Template

PREFIX = "input."
"""What the names of these form fields begin with."""


@dataclass(frozen=True, slots=True)
class InputField:
    """One name of the input, with what is known of the value from its first use."""

    input: InputName
    param: ParamField | None = None
    """The provider's param that is this value."""
    hint: str = ""
    """What the provider says of its orders, if the value is an order."""

    @property
    def name(self) -> str:
        return self.input.name

    @property
    def kind(self) -> str:
        return self.param.kind if self.param is not None else "string"

    def value(self, written: str) -> Any:
        """The value; raises ``FieldError``."""
        return written if self.param is None else self.param.value(written)


def input_fields(template: Template) -> list[InputField]:
    return [_field(template, one) for one in template.inputs]


def read_inputs(
    fields: Sequence[InputField], written: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The input that a form gives, without what was left empty; and a sentence for each
    field that cannot be read, by name."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for one in fields:
        text = written.get(PREFIX + one.name, "").strip()
        try:
            values |= {one.name: one.value(text)} if text else {}
        except FieldError as error:
            wrong[one.name] = str(error)
    return values, wrong


def _field(template: Template, its: InputName) -> InputField:
    """The field, as the first step describes it of which it is a whole value."""
    for step in template.steps:
        for place in _places(step.fields, f"{{{its.name}}}"):
            found = _described(step, place, its)
            if found is not None:
                return found
    return InputField(its)


def _places(value: Any, text: str, *before: str) -> Iterator[tuple[str, ...]]:
    """Where in the fields of a step the whole value is ``text``."""
    if value == text:
        yield before
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _places(one, text, *before, name)


def _described(step: Step, place: Sequence[str], its: InputName) -> InputField | None:
    provider = BY_NAME.get(step.fields["provider"])
    if provider is None:
        return None
    if tuple(place) == ("order",):
        return InputField(its, hint=provider.order_form)
    if len(place) == 2 and place[0] == "params":
        known = {one.name: one for one in param_fields(provider)}
        return InputField(its, param=known.get(place[1]))
    return None
