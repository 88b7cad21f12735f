"""schedules.example.toml is valid, and the file is optional."""

from __future__ import annotations

from pathlib import Path

from rescind.config.accounts import Accounts
from rescind.schedules.rules import SOURCES, Schedules, load_schedules
from tests.deployment.files import COMPOSE, ROOT, SERVICES, interpolated


def test_the_example_schedules_are_good(accounts: Accounts) -> None:
    found = load_schedules(ROOT / "schedules.example.toml")
    assert (found.fault, found.faults, found.warnings) == (None, {}, ())
    assert {type(rule.source) for rule in found.rules.values()} == set(SOURCES.values())
    for rule in found.rules.values():
        constants = rule.recipe.constants
        lane = (constants["provider"], constants.get("account", "default"))
        assert accounts.fault_of(lane) is None


def test_without_a_schedules_file_compose_schedules_nothing() -> None:
    file = interpolated(COMPOSE["secrets"]["schedules"]["file"], {})
    assert load_schedules(Path(file)) == Schedules()
    given = SERVICES["worker"]["environment"]["RESCIND_SCHEDULES"]
    assert given == "/run/secrets/schedules.toml"
