"""Fills a template with an input: the entries of one plan. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from rescind.intake.entry_objects import object_of
from rescind.intake.validation import text_of
from rescind.ledger.conditions import DEFAULT
from rescind.plans.placeholders import NotTextError, filled, names_in
from rescind.plans.plan_faults import (
    INPUT,
    PlanFault,
    RefusedPlanError,
    fault_of,
)
from rescind.plans.plan_templates import Step, Template
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode, pointer
from rescind.provider.text import field_name

MOST_NAMED = 10
"""The most unknown names that are refused one by one."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan that is to be submitted."""

    step: Step
    entry: Mapping[str, Any]
    """As in a list of cancellations: its ``ref`` is the step's name."""

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def after(self) -> Sequence[str]:
        """The steps that it waits for, without those that are left out."""
        found: Sequence[str] = self.entry.get("after", ())
        return found

    @property
    def only_if(self) -> str:
        return self.step.only_if if self.after else DEFAULT


@dataclass(frozen=True, slots=True)
class FilledPlan:
    """A template with the values of one input."""

    template: Template
    key: str
    """What makes it the same plan when it is submitted again. Empty if neither the
    submission nor the template gives one: then its cancellations do."""
    key_param: str
    """A JSON pointer to what gave the key."""
    steps: Sequence[PlanStep]
    left_out: Sequence[str] = ()
    """The optional steps for which the input lacks a name."""
    callback_url: str | None = None


def fill_plan(
    template: Template,
    given: object,
    key: object = None,
    callback_url: object = None,
) -> FilledPlan:
    """The plan of ``template`` for the input ``given``.

    ``key`` and ``callback_url`` are used instead of the template's. Raises
    ``RefusedPlanError``.
    """
    values = _values(template, given)
    left_out = [one.name for one in template.steps if _is_left_out(one, values)]
    faults = list(_missing(template, values, left_out, key, callback_url))
    if faults:
        raise RefusedPlanError(faults)
    return FilledPlan(
        template,
        _key(template, values, key),
        _key_param(template, key),
        _steps(template, values, left_out),
        left_out,
        _url(template, values, callback_url),
    )


# --- the input --------------------------------------------------------------------


def _values(template: Template, given: object) -> dict[str, Any]:
    """The values of ``given`` that are not null."""
    try:
        values = object_of({"input": given}, "input")
    except InvalidRequestError as error:
        raise RefusedPlanError([fault_of(error)]) from None
    known = [one.name for one in template.inputs]
    unknown = [name for name in values if name not in known]
    if unknown:
        shown = dict.fromkeys(field_name(one) for one in unknown)
        faults = [_unknown(one, known, values) for one in shown]
        raise RefusedPlanError(faults[:MOST_NAMED])
    return {name: one for name, one in values.items() if one is not None}


def _unknown(shown: str, known: Sequence[str], values: Collection[str]) -> PlanFault:
    near = get_close_matches(shown, known, 1)
    names = ", ".join(known) or "none"
    hint = f"did you mean {near[0]}?" if near else f"its names are: {names}"
    # A name that is not shown is not repeated in the pointer, either.
    where = pointer(["input", shown]) if shown in values else INPUT
    says = f"the plan takes no {shown} from its input: {hint}"
    return PlanFault(says, RefusalCode.UNKNOWN_FIELD, where)


def _is_left_out(step: Step, values: Collection[str]) -> bool:
    return step.optional and any(name not in values for name in step.needs)


def _missing(
    template: Template,
    values: Collection[str],
    left_out: Collection[str],
    key: object,
    callback_url: object,
) -> Iterator[PlanFault]:
    if len(left_out) == len(template.steps):
        says = "the input has the names of no step: all steps would be left out"
        yield PlanFault(says, RefusalCode.MISSING, INPUT)
    instead = {"key": key, "callback_url": callback_url}
    own = [v for n, v in template.of_plan.items() if v and instead.get(n) is None]
    for name in names_in(own):
        if name not in values:
            yield _required(name, "the plan")
    for step in template.steps:
        for name in step.needs:
            if name not in values and step.name not in left_out:
                yield _required(name, f"the step {step.name}", step.name)


def _required(name: str, what: str, step: str | None = None) -> PlanFault:
    says = f"{name} is required: {what} needs it"
    return PlanFault(says, RefusalCode.MISSING, pointer(["input", name]), step)


# --- the plan's own fields ----------------------------------------------------------


def _key(template: Template, values: Mapping[str, Any], key: object) -> str:
    if key is not None:
        return _text("key", key, "/key") or ""
    if template.key is None:
        return ""
    return _own("key", template.key, values)


def _key_param(template: Template, key: object) -> str:
    if key is not None or template.key is None:
        return "/key"
    return pointer(["input", names_in(template.key)[0]])


def _own(name: str, written: str, values: Mapping[str, Any]) -> str:
    """A text of the template itself, filled."""
    names = names_in(written)
    where = pointer(["input", names[0]]) if names else f"/{name}"
    return _text(name, _filled(written, values), where) or ""


def _text(name: str, value: object, where: str) -> str | None:
    try:
        return text_of({name: value}, name)
    except InvalidRequestError as error:
        fault = PlanFault(f"the plan's {error}", error.code, where)
        raise RefusedPlanError([fault]) from None


def _url(template: Template, values: Mapping[str, Any], given: object) -> str | None:
    url = _filled(template.callback_url, values) if given is None else given
    if url is None or isinstance(url, str):
        return url
    says = "callback_url must be a text"
    raise RefusedPlanError([PlanFault(says, param="/callback_url")])


def _filled(text: str | None, values: Mapping[str, Any]) -> Any:
    try:
        return filled(text, values)
    except NotTextError as error:
        raise RefusedPlanError([_not_text(error)]) from None


def _not_text(error: NotTextError, step: str | None = None) -> PlanFault:
    return PlanFault(str(error), param=pointer(["input", error.name]), step=step)


# --- the steps --------------------------------------------------------------------


def _steps(
    template: Template, values: Mapping[str, Any], left_out: Collection[str]
) -> list[PlanStep]:
    group = template.group and _own("group", template.group, values)
    found, faults = list[PlanStep](), list[PlanFault]()
    for step in template.steps:
        if step.name in left_out:
            continue
        try:
            found.append(PlanStep(step, _entry(step, values, left_out, group)))
        except NotTextError as error:
            faults.append(_not_text(error, step.name))
    if faults:
        raise RefusedPlanError(faults)
    return found


def _entry(
    step: Step, values: Mapping[str, Any], left_out: Collection[str], group: str | None
) -> dict[str, Any]:
    entry = {"ref": step.name, **filled(dict(step.fields), values)}
    if group is not None:
        entry["group"] = group
    after = [one for one in step.after if one not in left_out]
    if after:
        entry |= {"after": after, "only_if": step.only_if}
    return entry
