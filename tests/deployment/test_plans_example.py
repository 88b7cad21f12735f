"""plans.example.toml is valid, names known accounts, and the file is optional."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescind.config.accounts import Accounts
from rescind.plans.templates_file import load_templates, with_accounts
from tests.deployment.files import COMPOSE, ROOT, SERVICES, interpolated


def test_the_example_plans_are_good(accounts: Accounts) -> None:
    found = with_accounts(load_templates(ROOT / "plans.example.toml"), accounts)
    assert found.plans
    assert not found.faulty


@pytest.mark.parametrize("service", ["worker", "api"])
def test_without_a_plans_file_compose_has_no_plans(service: str) -> None:
    file = interpolated(COMPOSE["secrets"]["plans"]["file"], {})
    found = load_templates(Path(file))
    assert (found.plans, found.faulty) == ({}, False)
    assert SERVICES[service]["environment"]["RESCIND_PLANS"] == (
        "/run/secrets/plans.toml"
    )
    assert {"source": "plans", "target": "plans.toml"} in SERVICES[service]["secrets"]
