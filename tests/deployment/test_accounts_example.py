"""accounts.example.toml is valid, and states the defaults."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from typing import Any

import pytest

from providers.registry import BY_NAME, OURS
from rescind.config.accounts import Accounts
from rescind.provider.policy import Policy
from tests.deployment.files import ACCOUNTS, ENV_TEXT, SCHEDULES


def test_the_example_accounts_are_good_for_all_providers(
    accounts: Accounts,
) -> None:
    assert accounts.fault is None
    assert {provider for provider, _ in accounts.lanes} == {one.name for one in OURS}
    for (provider, _), lane in accounts.lanes.items():
        assert lane.fault is None
        assert lane.policy == BY_NAME[provider].policy


def test_the_example_environment_offers_each_credential_and_no_other(
    credentials: set[str],
) -> None:
    scheduled = set(re.findall(r'(?m)^[^#\n]*env = "(\w+)"', SCHEDULES))
    offered = set(re.findall(r"(?m)^#([A-Z]\w+)=", ENV_TEXT))
    assert offered == credentials | scheduled


def _commented(section: str) -> dict[str, Any]:
    """The commented-out settings, without the comment signs."""
    lines = re.findall(r"^# (\w+ = .+)$", section, re.MULTILINE)
    return tomllib.loads("\n".join(lines))


def _section(provider: str) -> str:
    (found,) = re.findall(
        rf"^\[{provider}\.[^\]]+\]\n(.*?)(?=\n# ---)",
        ACCOUNTS,
        re.MULTILINE | re.DOTALL,
    )
    return str(found)


@pytest.mark.parametrize("provider", sorted(one.name for one in OURS))
def test_the_example_overrides_equal_the_defaults(provider: str) -> None:
    policy, model = BY_NAME[provider].policy, BY_NAME[provider].account_model
    commented = _commented(_section(provider))
    account = {k: v for k, v in commented.items() if k in model.model_fields}
    overrides = {k: v for k, v in commented.items() if k not in account}
    assert set(overrides) == policy.model_fields_set
    assert policy.overridden(overrides) == policy
    for name in ("base_url", "track_url", "api_prefix"):
        default = model.model_fields[name].default if name in account else None
        assert account.get(name) == default or not default


def test_the_example_lists_every_policy_value_with_its_default() -> None:
    common = ACCOUNTS.rpartition("# --- settings of every account")[2]
    listed = _commented(common)
    assert listed.pop("allow_plain_http") is False
    fields = Policy.model_fields
    schedules = {name for name, field in fields.items() if field.is_required()}
    assert set(listed) == set(fields) - schedules
    assert all(name in common for name in schedules)
    anything = {name: (timedelta(1),) for name in schedules}
    assert Policy.model_validate({**listed, **anything}) == Policy(**anything)
