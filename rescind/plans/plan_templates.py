"""Templates of plans, as ``plans.toml`` has them, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rescind.ledger.conditions import DEFAULT
from rescind.plans.placeholders import names_in


@dataclass(frozen=True, slots=True)
class Step:
    """One cancellation of a plan."""

    name: str
    fields: Mapping[str, Any]
    """The fields of its entry, with placeholders; without ``after`` and ``only_if``."""
    after: Sequence[str] = ()
    """The names of earlier steps."""
    only_if: str = DEFAULT
    """How those must end: see ``rescind.ledger.conditions``."""
    optional: bool = False
    """Whether it is left out if the input lacks a name that it needs."""

    @property
    def needs(self) -> Sequence[str]:
        """The names of the input that it needs."""
        return names_in(dict(self.fields))

    @property
    def lane(self) -> tuple[str, str]:
        """Provider and account. The account may have placeholders."""
        return self.fields["provider"], self.fields.get("account", "default")


@dataclass(frozen=True, slots=True)
class InputName:
    """A name that a template takes from the input."""

    name: str
    required: bool
    steps: Sequence[str]
    """The steps that need it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A plan that can be submitted."""

    name: str
    steps: Sequence[Step]
    version: str
    """Twelve hexadecimal digits, which change with the template's content."""
    title: str = ""
    key: str | None = None
    """What makes two submissions the same one; ``None`` means: the input."""
    group: str | None = None
    callback_url: str | None = None

    @property
    def inputs(self) -> Sequence[InputName]:
        """The names that it takes, in the order of their first use."""
        own = names_in([one for one in self.of_plan.values() if one is not None])
        found = dict.fromkeys([*own, *(n for step in self.steps for n in step.needs)])
        return [self._input(name, name in own) for name in found]

    def _input(self, name: str, of_plan: bool) -> InputName:
        using = [step for step in self.steps if name in step.needs]
        required = of_plan or any(not step.optional for step in using)
        return InputName(name, required, [step.name for step in using])

    @property
    def of_plan(self) -> Mapping[str, str | None]:
        """The fields of the plan itself that may have placeholders."""
        return {
            "key": self.key,
            "group": self.group,
            "callback_url": self.callback_url,
        }


@dataclass(frozen=True, slots=True)
class Templates:
    """All plans of the file. A faulty plan does not affect the others."""

    plans: Mapping[str, Template] = field(default_factory=dict)
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Why a plan cannot be used, by its name: one sentence for each fault."""
    fault: str | None = None
    """Why the whole file cannot be used now. ``plans`` are then its last good ones."""
    missing: bool = False
    """Whether the file does not exist; then there is no plan."""

    @property
    def faulty(self) -> bool:
        return self.fault is not None or bool(self.faults)

    def steps_of(self, name: object) -> Sequence[Step]:
        """The steps of the plan of this name; none if there is no such plan."""
        found = self.plans.get(name) if isinstance(name, str) else None
        return () if found is None else found.steps

    @property
    def names(self) -> set[str]:
        return {*self.plans, *self.faults}


NO_TEMPLATES = Templates(missing=True)
