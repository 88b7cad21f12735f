"""What is wrong with the submission of a plan: a sentence for each fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rescind.plans.placeholders import Placeholder, pieces
from rescind.plans.plan_templates import Step
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode, pointer
from rescind.provider.text import storable

INPUT = "/input"


@dataclass(frozen=True, slots=True)
class PlanFault:
    """One fault."""

    wrong: str
    code: RefusalCode = RefusalCode.INVALID_VALUE
    param: str = ""
    """A JSON pointer: to a value of the submission, such as ``/input/awb``, or, for
    what the template says itself, to a field of a step: ``/steps/parcel/account``."""
    step: str | None = None
    """The step that it concerns; ``None`` if it concerns the whole plan."""


class RefusedPlanError(Exception):
    """The plan is refused as a whole, and nothing of it is stored."""

    def __init__(self, faults: Sequence[PlanFault]) -> None:
        super().__init__("; ".join(one.wrong for one in faults))
        self.faults = tuple(faults)


def fault_of(error: InvalidRequestError) -> PlanFault:
    """The fault of a field of the submission itself, such as its ``key``."""
    return PlanFault(storable(str(error)), error.code, error.param)


def fault_of_step(
    step: Step, wrong: str, code: RefusalCode | None, param: str | None
) -> PlanFault:
    """The fault of an entry that ``step`` became. ``param`` points into the entry."""
    where = param_of(step, param or "")
    code = code or RefusalCode.INVALID_VALUE
    return PlanFault(storable(f"{step.name}: {wrong}"), code, where, step.name)


def param_of(step: Step, param: str) -> str:
    """The pointer to what gave the entry its value at ``param``."""
    value: Any = step.fields
    parts = list(_parts(param))
    for depth, part in enumerate(parts):
        if not isinstance(value, Mapping) or part not in value:
            break
        value = value[part]
        if isinstance(value, str) and (name := _first_name(value)) is not None:
            return pointer(["input", name, *parts[depth + 1 :]])
    return pointer(["steps", step.name, *parts])


def _parts(param: str) -> Iterator[str]:
    for part in param.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")


def _first_name(text: str) -> str | None:
    names = (one.name for one in pieces(text) if isinstance(one, Placeholder))
    return next(names, None)
