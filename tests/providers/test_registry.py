"""No provider's policy may make our statements untrue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from providers.registry import LEAST_DOUBT, PROVIDERS, check_policy
from rescind.provider.interface import Provider


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_a_policy_must_not_believe_a_reading_at_once(
    provider: Provider[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_policy(provider)
    hasty = {"active_trusted_after": LEAST_DOUBT - timedelta(seconds=1)}
    policy = provider.policy.model_copy(update=hasty)
    monkeypatch.setattr(type(provider), "policy", policy)
    with pytest.raises(ValueError, match=f"{provider.name}: active_trusted_after"):
        check_policy(provider)
