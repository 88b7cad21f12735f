"""The orders of a demo of one provider: its rows of the example, or made-up ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from providers.registry import BY_NAME, OURS, why_unknown
from rescind.demo.demo_setup import example
from rescind.errors.reported import CommandError
from rescind.intake.files.file_reading import load
from rescind.sandbox.installed_simulations import simulations

MADE_UP = 400
"""Orders of a provider that the example does not name."""


def demonstrated(provider: str | None) -> tuple[str, ...]:
    """The providers of a demo: ours, or the named one. Raises ``CommandError`` for one
    that cannot be used, or that has no simulation."""
    if provider is None:
        return tuple(one.name for one in OURS)
    if provider not in BY_NAME:
        raise CommandError(f"--provider: {why_unknown(provider)}")
    if provider not in simulations():
        raise CommandError(
            f"--provider: {provider} has no simulation that can be used: its package"
            " must name one as entry point in the group rescind.simulations"
        )
    return (provider,)


def orders_file(provider: str, folder: Path) -> Path:
    """A file of cancellations for ``provider`` alone, written into ``folder``."""
    entries = _of_the_example(provider) or _made_up(provider)
    path = folder / f"{provider}.jsonl"
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in entries)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _of_the_example(provider: str) -> list[Any]:
    rows = load(str(example())).rows
    return [one.entry for one in rows if not one.wrong and _names(one.entry, provider)]


def _names(entry: Any, provider: str) -> bool:
    return isinstance(entry, dict) and entry.get("provider") == provider


def _made_up(provider: str) -> list[Any]:
    simulation = simulations()[provider]
    named = {"provider": provider}
    return [{**named, **simulation.example(number)} for number in range(MADE_UP)]
