"""Made-up packages that add a provider, installed without a package manager."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

from rescind.provider.discovery import GROUP
from rescind.scaffold.new_provider import write_package

ROOT = Path(__file__).parents[1]


def install(
    site: Path, package: str, entry_points: Mapping[str, Mapping[str, str]]
) -> None:
    """Make ``package`` an installed one for every process with ``site`` on its path.

    ``entry_points`` has the values by name, by group.
    """
    folder = site / f"{package.replace('-', '_')}-1.2.dist-info"
    folder.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.4\nName: {package}\nVersion: 1.2\n"
    (folder / "METADATA").write_text(metadata)
    lines: list[str] = []
    for group, values in entry_points.items():
        lines += [f"[{group}]", *(f"{name} = {v}" for name, v in values.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")


def found_in(site: Path) -> Sequence[EntryPoint]:
    """The entry points of the providers that are installed in ``site``."""
    return [
        point
        for one in distributions(path=[str(site)])
        for point in one.entry_points
        if point.group == GROUP
    ]


def install_sixth(folder: Path, name: str = "sixth") -> Path:
    """Write and install the package that ``rescind new-provider`` writes.

    Returns its source folder, which belongs on ``PYTHONPATH``.
    """
    source = write_package(name, folder) / "src"
    title = "".join(part.capitalize() for part in name.split("_"))
    entry_points = {
        GROUP: {name: f"rescind_{name}.provider:{title}Provider"},
        "rescind.simulations": {name: f"rescind_{name}.simulation:{title}Simulation"},
    }
    install(source, f"rescind-{name}", entry_points)
    return source


UNUSED = "-p no:schemathesis -p no:valkey -p no:anyio -p no:platformdirs"
"""Plugins of pytest that no test uses, and that take most of its start."""


def environment(*sites: Path) -> dict[str, str]:
    """The environment of a process that finds the packages in ``sites``."""
    paths = [*map(str, sites), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        # A pytest that is started so needs no plugin of ours.
        "PYTEST_ADDOPTS": UNUSED,
    }
