"""Turns pydantic's errors into sentences for the person who wrote the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from rescind.provider.refusal_codes import RefusalCode, pointer
from rescind.provider.text import field_name


def explain(error: ValidationError) -> str:
    """A pydantic error as one sentence.

    It never shows the value itself, which may be a credential or personal data.
    """
    return explain_errors(error.errors())


def explain_errors(errors: Sequence[Mapping[str, Any]]) -> str:
    """Some of the items of a pydantic error, as one sentence without values."""
    return "; ".join(_explain_one(item) for item in errors[:5])


def explain_each(error: ValidationError) -> dict[str, str]:
    """A sentence for each wrong field, by its name; by ``""`` for the whole value."""
    found: dict[str, str] = {}
    for item in error.errors():
        where = str(item["loc"][0]) if item["loc"] else ""
        found.setdefault(where, _explain_one(dict(item)))
    return found


_CODES = {
    "missing": RefusalCode.MISSING,
    "extra_forbidden": RefusalCode.UNKNOWN_FIELD,
}


def code_of(error: ValidationError) -> tuple[RefusalCode, str]:
    """The code of the first fault, and a JSON pointer to it within the model."""
    first = error.errors(include_input=False)[0]
    code = _CODES.get(first["type"], RefusalCode.INVALID_VALUE)
    where = first["loc"]
    if code is RefusalCode.UNKNOWN_FIELD and field_name(where[-1]) != where[-1]:
        # The name may be personal data: the pointer leads to the object that has it.
        where = where[:-1]
    return code, pointer(where)


_KINDS = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "dict_type": "an object with named values",
    "list_type": "a list",
}


def _explain_one(item: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    match item["type"]:
        case "missing":
            return f"{where} is required"
        case "extra_forbidden":
            *known, last = item["loc"]
            where = ".".join([*map(str, known), field_name(last)])
            return f"{where} is not known here"
        case "less_than_equal":
            return f"{where} must be at most {item['ctx']['le']}"
        case "greater_than_equal":
            return f"{where} must be at least {item['ctx']['ge']}"
        case (
            "int_type" | "bool_type" | "string_type" | "dict_type" | "list_type" as kind
        ):
            return f"{where} must be {_KINDS[kind]}"
        case _:
            message = str(item["msg"]).removeprefix("Value error, ")
            return f"{where}: {message}" if where else message
