"""Form fields for a provider's params, made from the provider's own declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from rescind.dashboard.translation import _
from rescind.intake.values import TRUTHS
from rescind.provider.interface import Provider
from rescind.provider.text import fold
from rescind.provider.validation_errors import explain_each

PREFIX = "param."
"""What the names of these form fields begin with."""
BETWEEN = re.compile(r"[\s,;]+")
WHOLE = re.compile(r"-?[0-9]{1,18}")
LONGEST = 1000
"""Characters in a field of several values."""


class FieldError(ValueError):
    """A form field cannot be read; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class ParamField:
    """One param of a provider: its name, and the form field that fits its type."""

    name: str
    kind: str
    """``boolean``, ``integer``, ``string``, ``array`` or ``object``, as in JSON."""
    required: bool
    default: Any
    schema: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, str]:
        """What each of a few allowed values means, if the provider declares that."""
        found: Mapping[str, str] = self.schema.get("x-labels", {})
        return found

    @property
    def label(self) -> str:
        """What the provider calls it; made of its name if the provider says nothing."""
        return str(self.schema.get("title", self.name))

    @property
    def description(self) -> str:
        return str(self.schema.get("description", ""))

    @property
    def example(self) -> Any:
        """A value that the provider gives as an example, or ``None``."""
        given = self.schema.get("examples") or [None]
        return given[0]

    @property
    def example_lines(self) -> list[str]:
        """The example as a person writes it into the field; empty without one."""
        match self.example:
            case None:
                return []
            case dict() as values:
                return [f"{name}={value}" for name, value in values.items()]
            case list() as values:
                return [", ".join(map(str, values))]
            case value:
                return [str(value)]

    def value(self, written: str) -> Any:
        """The param's value, for ``check_params``; raises ``FieldError``."""
        match self.kind:
            case "boolean":
                return TRUTHS.get(fold(written), written)
            case "integer":
                return _whole(written)
            case "array":
                return [_whole(one) for one in BETWEEN.split(written) if one]
            case "object":
                return _pairs(written)
            case _:
                return written


def param_fields(provider: Provider[Any]) -> list[ParamField]:
    """The fields of all params, in the order of their declaration."""
    schema = provider.params_model.model_json_schema()
    required = frozenset(schema.get("required", ()))
    declared = schema.get("properties", {}).items()
    return [_field(name, one, name in required) for name, one in declared]


def _field(name: str, schema: Mapping[str, Any], required: bool) -> ParamField:
    # A param that may be null has one other type, which is the one to fill in.
    kinds = [schema, *schema.get("anyOf", ())]
    kind = next((k["type"] for k in kinds if k.get("type", "null") != "null"), "string")
    return ParamField(name, kind, required, schema.get("default"), schema)


def read_params(
    fields: list[ParamField], form: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The params that a form gives, and a sentence for each field that is wrong."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for one in fields:
        written = form.get(PREFIX + one.name, "").strip()
        if not written:
            continue
        try:
            values[one.name] = one.value(written)
        except FieldError as error:
            wrong[one.name] = str(error)
    return values, wrong


def check_each(provider: Provider[Any], params: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each wrong param, by name; by ``""`` for all of them together."""
    try:
        provider.params_model.model_validate(dict(params))
    except ValidationError as error:
        return explain_each(error)
    return {}


def named_lines(text: str) -> dict[str, str]:
    """The values of ``NAME=VALUE`` lines; raises ``FieldError``."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (name and equals and value):
            raise FieldError(_("each line must be NAME=VALUE"))
        if name in found:
            raise FieldError(_("a name is given twice"))
        found[name] = value
    return found


def _pairs(written: str) -> dict[str, Any]:
    return {name: _whole(value) for name, value in named_lines(written).items()}


def _whole(written: str) -> int | str:
    """A whole number, or the text itself, whose type ``check_params`` then refuses."""
    return int(written) if WHOLE.fullmatch(written) else written
