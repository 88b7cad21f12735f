"""Reads one plan of the plans file: its steps, and a sentence for each fault."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from rescind.config.callback_urls import read_url
from rescind.config.names import NAME, NAME_FORM
from rescind.intake.references import MOST as MOST_AFTER
from rescind.intake.references import listed, only_if_of
from rescind.intake.validation import text_of
from rescind.ledger.conditions import DEFAULT
from rescind.plans import step_checks
from rescind.plans.placeholders import names_in
from rescind.plans.plan_templates import Step, Template
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import storable

MOST_STEPS = 32
OF_PLAN = ("title", "key", "group", "callback_url", "steps")
OF_STEP = (*step_checks.FIELDS, "after", "only_if", "optional")
VERSION_DIGITS = 12


class TemplateError(ValueError):
    """A plan cannot be used; ``sentences`` says why, one sentence for each fault."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(dict.fromkeys(map(storable, sentences)))
        super().__init__("; ".join(self.sentences))


def template_of(name: str, values: object) -> Template:
    """The plan ``name``; raises ``TemplateError``."""
    if not NAME.fullmatch(name):
        raise TemplateError([f"its name must be {NAME_FORM}"])
    if not isinstance(values, dict):
        raise TemplateError(["must be a table with steps"])
    faults = [*_plan_faults(values), *_steps_faults(values.get("steps"))]
    if faults:
        raise TemplateError(faults)
    return Template(
        name=name,
        steps=tuple(_step(*one) for one in values["steps"].items()),
        version=version_of(values),
        title=values.get("title", ""),
        key=values.get("key"),
        group=values.get("group"),
        callback_url=values.get("callback_url"),
    )


def version_of(values: Mapping[str, Any]) -> str:
    """The version of a plan with this content."""
    # As a list, because the order of the steps is a part of the version.
    content = {**values, "steps": list(values["steps"].items())}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:VERSION_DIGITS]


def _step(name: str, values: Mapping[str, Any]) -> Step:
    after = tuple(dict.fromkeys(listed(values.get("after", []))))
    return Step(
        name=name,
        fields={k: v for k, v in values.items() if k in step_checks.FIELDS},
        after=after,
        only_if=only_if_of(values) if after else DEFAULT,
        optional=values.get("optional", False),
    )


# --- the plan itself --------------------------------------------------------------


def _plan_faults(values: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(values, OF_PLAN)
    given = {name: values[name] for name in OF_PLAN if name in values}
    given.pop("steps", None)
    for name, value in given.items():
        if not isinstance(value, str) or not value:
            yield f"{name} must be a text"
        elif name != "title" and (wrong := step_checks.wrong_text(value)) is not None:
            yield f"{name} {wrong}"
        else:
            yield from _wrong_value(name, value)


def _wrong_value(name: str, value: str) -> Iterator[str]:
    if name == "callback_url":
        if not names_in(value) and read_url(value) is None:
            yield "callback_url must be an http or https address"
        return
    try:
        text_of({name: value}, name)
    except InvalidRequestError as error:
        yield str(error)
    if name == "key" and not names_in(value):
        yield "key must have a name in braces: else every submission is the same"


def _unknown(values: Mapping[str, Any], known: Iterable[str]) -> Iterator[str]:
    known = tuple(known)
    for name in values:
        if name not in known:
            near = get_close_matches(name[:64], known, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            yield f"{name[:40]!r} is not known here{hint}"


# --- the steps --------------------------------------------------------------------


def _steps_faults(steps: object) -> Iterator[str]:
    if not isinstance(steps, dict) or not steps:
        yield "must have steps: a table for each, such as [plan.steps.parcel]"
        return
    if len(steps) > MOST_STEPS:
        yield f"must have at most {MOST_STEPS} steps"
    names = list(steps)
    for place, (name, values) in enumerate(steps.items()):
        for fault in _step_faults(name, values, names[:place], names):
            yield f"steps.{name[:64]}: {fault}"


def _step_faults(
    name: str, values: object, earlier: list[str], every: list[str]
) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield f"its name must be {NAME_FORM}"
    if not isinstance(values, dict):
        yield "must be a table with provider and order"
        return
    yield from _unknown(values, OF_STEP)
    fields = {k: v for k, v in values.items() if k in step_checks.FIELDS}
    yield from step_checks.faults_of(fields)
    yield from _after_faults(values, earlier, every)
    optional = values.get("optional", False)
    if not isinstance(optional, bool):
        yield "optional must be true or false"
    elif optional and not step_checks.has_placeholders(fields):
        yield "optional needs a name in braces: without one, the step is never left out"


def _after_faults(
    values: Mapping[str, Any], earlier: list[str], every: list[str]
) -> Iterator[str]:
    given = listed(values.get("after", []))
    if not all(isinstance(one, str) for one in given):
        yield "after must list the names of earlier steps"
        return
    if len(given) > MOST_AFTER:
        yield f"after must name at most {MOST_AFTER} steps"
    for one in given:
        if one not in earlier:
            yield _not_earlier(one, earlier, every)
    try:
        only_if_of(values)
    except InvalidRequestError as error:
        yield str(error)


def _not_earlier(one: str, earlier: list[str], every: list[str]) -> str:
    if one in every:
        return f"after names {one[:64]!r}, which is not an earlier step"
    known = ", ".join(step[:64] for step in earlier) or "none"
    return f"after names {one[:64]!r}, which is no step; the earlier steps are: {known}"
