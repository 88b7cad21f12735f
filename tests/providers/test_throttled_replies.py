"""A provider's class may say that a reply other than a 429 is about a limit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from providers.notpanel import POLICY
from rescind.engine.call_results import effect_of
from rescind.provider.evidence import Evidence
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Parsed, Throttled
from rescind.provider.testing import judged

REQUEST = Request("POST", "https://provider.example/cancel")
FIREWALL = Reply(
    403, {}, json.dumps({"error": "too many requests, k3y-0123456789"}).encode()
)


def said(parsed: Parsed) -> Any:
    """What Rescind makes of a reply that the class reads so."""
    return judged(REQUEST, FIREWALL, lambda _reply: parsed, POLICY, ("k3y-0123456789",))


def test_nothing_was_done_and_the_lane_waits() -> None:
    result = said(Throttled(timedelta(seconds=30), "the firewall's limit"))
    assert (result.evidence, result.status) == (Evidence.THROTTLED, 403)
    effect = effect_of(result)
    assert effect.throttled == timedelta(seconds=30)
    assert effect.why == "the firewall's limit"
    assert effect.held is None


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(timedelta(0), 1), (timedelta(days=-1), 1), (timedelta(days=30), 3600)],
)
def test_the_wait_has_bounds(asked: timedelta, wait: int) -> None:
    assert said(Throttled(asked)).parsed.wait == timedelta(seconds=wait)
    assert said(Throttled(asked)).parsed.why == f"HTTP 403, wait {wait} s"


def test_the_words_show_no_secret() -> None:
    result = said(Throttled(timedelta(seconds=5), "k3y-0123456789 called too often"))
    assert "k3y" not in f"{result.parsed} {result.body}"


def test_a_wait_that_is_no_duration_proves_nothing() -> None:
    wrong: Any = 30
    assert said(Throttled(wrong)).evidence is Evidence.MAYBE_DONE
