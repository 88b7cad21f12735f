"""The plans file, which is read again when it changes, without a restart."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from rescind.config.accounts import Accounts
from rescind.config.path_ownership import NotOursError, check_ours
from rescind.config.watched_file import Watched
from rescind.plans.placeholders import names_in
from rescind.plans.plan_templates import Step, Template, Templates
from rescind.plans.template_reading import TemplateError, template_of
from rescind.provider.text import storable

log = structlog.get_logger("rescind.plans")
LARGEST = 1024 * 1024
"""The most bytes of the file."""


def load_templates(path: Path) -> Templates:
    """Read the plans file. Never raises: ``fault`` and ``faults`` say what is wrong."""
    try:
        return templates_of(_document(path))
    except FileNotFoundError:
        return Templates(missing=True)
    except NotOursError as error:
        why = str(error)
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        why = f"{path} is not UTF-8"
    except (ValueError, RecursionError) as error:
        # Numbers with too many digits and too deep values have errors of their own.
        said = "it is nested too deeply" if isinstance(error, RecursionError) else error
        why = f"{path} is not TOML: {said}"
    return Templates(fault=storable(f"the plans file {why}"))


def _document(path: Path) -> dict[str, Any]:
    check_ours(path)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    return tomllib.loads(content.decode("utf-8"))


def templates_of(document: dict[str, Any]) -> Templates:
    """The plans of a TOML document. One with a fault does not affect the others."""
    plans: dict[str, Template] = {}
    faults: dict[str, tuple[str, ...]] = {}
    for name, values in document.items():
        shown = storable(name)[:64]
        try:
            plans[name] = template_of(name, values)
        except TemplateError as error:
            faults[shown] = tuple(f"[{shown}]: {one}" for one in error.sentences)
    return Templates(plans, faults)


def with_accounts(found: Templates, accounts: Accounts) -> Templates:
    """``found``, where a plan that names an account that does not exist is faulty."""
    if accounts.fault is not None:
        # Then nobody knows which accounts there are.
        return found
    unknown = {name: _unknown(plan, accounts) for name, plan in found.plans.items()}
    faults = {name: wrong for name, wrong in unknown.items() if wrong}
    if not faults:
        return found
    plans = {name: one for name, one in found.plans.items() if name not in faults}
    return replace(found, plans=plans, faults={**found.faults, **faults})


def _unknown(plan: Template, accounts: Accounts) -> tuple[str, ...]:
    return tuple(
        f"[{plan.name}]: steps.{step.name}: account {step.lane[1]} of {step.lane[0]} is"
        " not in the accounts file"
        for step in plan.steps
        if _is_fixed(step) and step.lane not in accounts.lanes
    )


def _is_fixed(step: Step) -> bool:
    return not names_in(step.lane[1])


class PlansFile:
    """The plans in force.

    A file that becomes unusable changes nothing: its former plans stay in force, and
    the log says why. A file that is deleted leaves no plan.
    """

    def __init__(
        self,
        path: Path,
        accounts: Callable[[], Accounts],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._last = Templates(missing=True)
        self._file = Watched(path, self._again, _doubtful, clock)

    def current(self) -> Templates:
        return with_accounts(self._file.current(), self._accounts())

    def _again(self, path: Path) -> Templates:
        found = load_templates(path)
        if found.fault is not None:
            says = "the plans file is unusable: its former plans stay in force"
            log.error(says, why=found.fault)
            return replace(self._last, fault=found.fault, missing=False)
        for name, wrong in found.faults.items():
            log.error("a plan is unusable", plan=name, why=list(wrong))
        self._last = found
        return found


def _doubtful(found: Templates) -> bool:
    return found.fault is not None
