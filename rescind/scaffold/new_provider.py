"""Writes the package of a new provider from the templates in ``package/``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from providers.registry import OURS
from rescind.errors.reported import CommandError
from rescind.provider.discovery import NAME, RESERVED
from rescind.provider.interface import INTERFACE_VERSION

TEMPLATES = Path(__file__).parent / "package"
SUFFIX = ".template"


def write_package(name: str, parent: Path) -> Path:
    """Write the package for the provider ``name`` into a new folder below ``parent``.

    Returns the folder. Raises ``CommandError`` for a wrong name, or if the folder
    exists.
    """
    _check(name)
    values = _values(name)
    folder = parent / f"rescind-{values['dashed']}"
    if folder.exists():
        raise CommandError(f"{folder} exists already: nothing was written")
    for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        path = folder / _place(template, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Template(template.read_text(encoding="utf-8")).substitute(values)
        path.write_text(text, encoding="utf-8")
    (folder / "src" / f"rescind_{name}" / "py.typed").touch()
    return folder


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise CommandError(
            "NAME must have small letters, digits and _, and begin with a letter, such"
            " as twilio"
        )
    # The package of an installed provider may be written once more, to start again.
    if name in {one.name for one in OURS} or RESERVED.fullmatch(name):
        raise CommandError(f"there is a provider or a queue {name} already")


def _values(name: str) -> Mapping[str, str]:
    today = datetime.now(UTC).date()
    dashed = name.replace("_", "-").strip("-")
    return {
        "name": name,
        "dashed": dashed,
        "title": "".join(part.capitalize() for part in name.split("_")),
        "hostname": dashed,
        "upper": name.upper(),
        "version": str(INTERFACE_VERSION),
        "date": f"{today.year}, {today.month}, {today.day}",
    }


def _place(template: Path, name: str) -> Path:
    """Where the file of a template belongs in the new package."""
    relative = template.relative_to(TEMPLATES).with_suffix("")
    if relative.parts[0] == "src":
        return Path("src") / f"rescind_{name}" / relative.name
    if relative.parts[0] == "tests":
        return Path("tests") / f"test_{name}.py"
    return relative
