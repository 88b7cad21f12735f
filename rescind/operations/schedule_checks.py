"""Checks the rules of the schedules file, without running any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescind.operations.findings import Check, Level
from rescind.schedules.rules import Rule, load_schedules

FILE = "schedules-file"
USUAL = "schedules.toml"
"""The default name. A missing file of this name is not reported: it is optional."""


def schedule_checks(path: Path) -> Iterator[Check]:
    """One check for each rule; none without a schedules file."""
    found = load_schedules(path)
    if found.missing and path.name != USUAL:
        says = f"{path} does not exist: nothing is scheduled"
        yield Check("schedules", Level.WARNING, says, FILE)
    if found.fault is not None:
        yield Check(
            "schedules", Level.WRONG, f"{found.fault}; nothing is scheduled", FILE
        )
    for name, rule in sorted(found.rules.items()):
        yield _check(name, rule)
    for name, fault in sorted(found.faults.items()):
        says = f"{fault}; until that is corrected, it does not run"
        yield Check(f"schedule {name}", Level.WRONG, says, FILE)
    for warning in found.warnings:
        yield Check("schedules", Level.WARNING, warning, FILE)


def _check(name: str, rule: Rule) -> Check:
    what = f"schedule {name}"
    for secret in rule.source.secrets():
        try:
            secret.value()
        except ValueError as error:
            # The workers may have variables that this command does not have.
            says = f"{error} here; the workers need it"
            return Check(what, Level.WARNING, says, FILE)
    return Check(what, Level.OK, f"{rule.timing}, at most {rule.max} at a time")
