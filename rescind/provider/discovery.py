"""Finds the providers of other packages, by their entry points.

A package names its provider's class in the entry point group ``rescind.providers``. A
class that cannot be used becomes a ``BrokenProvider``: it stops nothing else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rescind.provider.account import Account
from rescind.provider.interface import INTERFACE_VERSION, Params, Provider
from rescind.provider.outcomes import Reason
from rescind.provider.policy import Policy, policy_fault

GROUP = "rescind.providers"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED = re.compile(r"(?:rescind|celery|celeryev|unacked)(?:_.*)?")
"""Names that begin queues or tasks of Rescind or of Celery."""
MEND = "correct, update or uninstall the package"
"""What to do; the package's author reads it, too."""
SHOWN = 200
"""Characters of an error's text that a sentence quotes."""


@dataclass(frozen=True, slots=True)
class BrokenProvider:
    """A provider that an installed package names and that cannot be used."""

    name: str
    why: str
    """A sentence that names the package, and what to do."""


@dataclass(frozen=True, slots=True)
class Discovered:
    providers: Sequence[Provider[Any]]
    broken: Mapping[str, BrokenProvider]
    """The unusable ones, by the name of their entry point."""
    packages: Mapping[str, str]
    """The package and version of each of ``providers``, by the provider's name."""


class UnusableError(Exception):
    """Why a provider's class cannot be used: the end of a sentence."""


def installed() -> list[EntryPoint]:
    """The entry points of all installed packages that add a provider."""
    return sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value))


def discover(found: Iterable[EntryPoint], ours: Collection[str]) -> Discovered:
    """Load each provider that ``found`` names. ``ours`` are names that none may have.

    Never raises for what a package does.
    """
    by_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for one in found:
        by_name[one.name].append(one)
    providers: list[Provider[Any]] = []
    broken: dict[str, BrokenProvider] = {}
    packages: dict[str, str] = {}
    for name, points in by_name.items():
        try:
            check_name(name, points, ours)
            providers.append(load(points[0]))
            packages[name] = _packages(points)
        except UnusableError as error:
            why = f"the provider {name[:SHOWN]} of {_packages(points)} {error}"
            broken[name] = BrokenProvider(name, why)
    return Discovered(providers, broken, packages)


def check_name(name: str, points: Sequence[EntryPoint], ours: Collection[str]) -> None:
    """Raises ``UnusableError`` for a name that cannot be a provider's."""
    if not NAME.fullmatch(name):
        raise UnusableError(
            "has a wrong name: a name has small letters, digits and _, and begins with"
            f" a letter; {MEND}"
        )
    if name in ours or RESERVED.fullmatch(name):
        raise UnusableError("has a name that is Rescind's own: uninstall the package")
    if len(points) > 1:
        raise UnusableError("is there more than once: uninstall all but one of them")


def load(point: EntryPoint) -> Provider[Any]:
    """The provider that an entry point names, checked; raises ``UnusableError``."""
    try:
        kind = point.load()
    except (Exception, SystemExit) as error:
        raise UnusableError(f"cannot be imported ({_said(error)}): {MEND}") from error
    _check_version(kind)
    try:
        made = kind()
    except Exception as error:
        raise UnusableError(f"cannot be made ({_said(error)}): {MEND}") from error
    for wrong in faults(made, point.name):
        raise UnusableError(f"{wrong}: {MEND}")
    return made  # type: ignore[no-any-return]


def _check_version(kind: object) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Provider)):
        raise UnusableError(
            f"is not a class that derives from rescind.provider.Provider: {MEND}"
        )
    version = getattr(kind, "interface_version", None)
    if version != INTERFACE_VERSION:
        raise UnusableError(
            f"has interface version {str(version)[:SHOWN]}, and this Rescind has"
            f" {INTERFACE_VERSION}: install versions that fit together"
        )


TYPES: Mapping[str, type] = {
    "policy": Policy,
    "order_pattern": re.Pattern,
    "order_form": str,
    "sealed_params": frozenset,
    "facts": tuple,
    "panel": str,
    "advice": Mapping,
}
MODELS: Mapping[str, type] = {"account_model": Account, "params_model": Params}


def faults(provider: Provider[Any], name: str) -> Iterable[str]:
    """What is wrong with the attributes of ``provider``: ends of sentences."""
    if getattr(provider, "name", None) != name:
        yield f"calls itself {getattr(provider, 'name', None)!r}"
    for attribute, kind in TYPES.items():
        if not isinstance(getattr(provider, attribute, None), kind):
            yield f"must have {attribute}, which is a {kind.__name__}"
    for attribute, base in MODELS.items():
        model = getattr(provider, attribute, None)
        if not (isinstance(model, type) and issubclass(model, base)):
            yield f"must have {attribute}, which derives from {base.__name__}"
    yield from _text_faults(provider)
    policy = getattr(provider, "policy", None)
    if isinstance(policy, Policy) and (why := policy_fault(policy)):
        yield why


def _text_faults(provider: Provider[Any]) -> Iterable[str]:
    """What would fail when it is shown: advice and the schema of the params."""
    advice = getattr(provider, "advice", None)
    for reason, text in dict(advice if isinstance(advice, Mapping) else {}).items():
        try:
            Reason(reason)
            _ = text % {"panel": ""}
        except (ValueError, TypeError, KeyError):
            yield f"has advice that cannot be shown ({str(reason)[:SHOWN]})"
    model = getattr(provider, "params_model", None)
    try:
        if isinstance(model, type) and issubclass(model, Params):
            model.model_json_schema()
    except Exception as error:  # noqa: BLE001  (pydantic raises many kinds)
        yield f"has params without a JSON schema ({type(error).__name__})"


def _packages(points: Sequence[EntryPoint]) -> str:
    named = (f"{one.dist.name} {one.dist.version}" for one in points if one.dist)
    return " and ".join(named) or "an unnamed package"


def _said(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return text[:SHOWN].replace("\n", " ")
