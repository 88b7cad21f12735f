"""No provider's policy may make our statements untrue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from providers.registry import PROVIDERS, check_policy, provider_named
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import LEAST_DOUBT


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_a_policy_must_not_believe_a_reading_at_once(
    provider: Provider[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_policy(provider)
    hasty = {"active_trusted_after": LEAST_DOUBT - timedelta(seconds=1)}
    policy = provider.policy.model_copy(update=hasty)
    monkeypatch.setattr(type(provider), "policy", policy)
    with pytest.raises(
        ValueError, match=f"{provider.name} must have active_trusted_after"
    ):
        check_policy(provider)


@pytest.mark.parametrize("written", ["Ithink", "ithnk", "İTHINK", "i-think"])
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
    written: str,
) -> None:
    with pytest.raises(InvalidRequestError, match="did you mean ithink"):
        provider_named(written)


@pytest.mark.parametrize("written", ["nobody", "", None, "x" * 50, ["ithink"]])
def test_another_name_is_answered_with_the_known_ones(written: object) -> None:
    with pytest.raises(InvalidRequestError, match=f"{PROVIDERS[-1].name}$"):
        provider_named(written)
