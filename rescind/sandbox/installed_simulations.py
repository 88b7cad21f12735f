"""The simulated providers: ours, and those of installed packages.

A package names its class in the entry point group ``rescind.simulations``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rescind.sandbox.simulation import Simulation

GROUP = "rescind.simulations"
OURS = {
    "iletimerkezi": "IletiMerkezi",
    "dukkango": "Dukkango",
    "akinon": "Akinon",
    "ithink": "IThink",
    "notpanel": "NotPanel",
}
"""The simulations that Rescind itself brings, each with its class."""


@cache
def _points() -> Mapping[str, EntryPoint]:
    found = {one.name: one for one in entry_points(group=GROUP)}
    # No package can take the place of one of ours.
    for name, kind in OURS.items():
        found[name] = EntryPoint(name, f"rescind.sandbox.{name}:{kind}", GROUP)
    return {**{name: found[name] for name in OURS}, **found}


@cache
def provider_names() -> tuple[str, ...]:
    """The names of all simulated providers; ours come first. Loads none of them."""
    return tuple(_points())


@cache
def simulations() -> Mapping[str, type[Simulation]]:
    """The class of each simulation that can be used.

    A package's faulty one is reported on standard error, and left out.
    """
    found: dict[str, type[Simulation]] = {}
    for name, point in _points().items():
        try:
            found[name] = _checked(name, point.load())
        except (Exception, SystemExit) as error:
            if name in OURS:
                raise
            print(f"sandbox: {name} is left out: {error!r}"[:500], file=sys.stderr)
    return found


def _checked(name: str, kind: object) -> type[Simulation]:
    from rescind.sandbox.simulation import Simulation

    if not (isinstance(kind, type) and issubclass(kind, Simulation)):
        raise TypeError("its class must derive from rescind.sandbox.Simulation")
    if kind.name != name:
        raise ValueError(f"it calls itself {kind.name}")
    return kind
