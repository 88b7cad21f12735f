"""A fault in one provider's code concerns its own orders alone."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from providers.ithink import IThink
from providers.notpanel import NotPanel
from providers.registry import BY_NAME
from rescind.api import openapi
from rescind.config.accounts import Accounts, LaneConfig
from rescind.engine import order_precedence
from rescind.intake.validation import check
from rescind.provider.account import Account
from rescind.provider.guarded import asked
from rescind.provider.interface import Params
from rescind.provider.outcomes import InvalidRequestError
from tests.ledger.build import NOW

ACCOUNT = Account(base_url="https://provider.example")
ACCOUNTS = Accounts(
    {
        (name, "default"): LaneConfig(BY_NAME[name], BY_NAME[name].policy, ACCOUNT)
        for name in ("ithink", "notpanel")
    }
)
METHODS = (
    *("check_order", "canonical_order", "check_params", "canonical_params"),
    "default_key",
)


def _raises(*_given: object) -> Any:
    raise KeyError("a personal secret")


@pytest.mark.parametrize("method", METHODS)
def test_only_its_own_entries_are_refused(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(IThink, method, _raises, raising=False)
    with pytest.raises(InvalidRequestError, match="ithink has a fault: KeyError"):
        check({"provider": "ithink", "order": "86210010463"}, ACCOUNTS, NOW)
    assert check({"provider": "notpanel", "order": "ord_1"}, ACCOUNTS, NOW).order
    assert "a personal secret" not in caplog.text


def test_orders_whose_provider_cannot_compare_them_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(IThink, "overlap", _raises)
    monkeypatch.setattr(IThink, "covers", _raises)
    provider = BY_NAME["ithink"]
    assert order_precedence.overlaps(provider, {}, {}) is True
    assert order_precedence.covers(provider, {}, {}) is False


def test_a_refusal_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    provider = BY_NAME["ithink"]
    with caplog.at_level(logging.ERROR), pytest.raises(InvalidRequestError):
        asked(provider, lambda: provider.check_order("a b"), str)
    assert caplog.records == []


class Part(BaseModel):
    id: int


class Parts(Params):
    parts: list[Part]


class Nested(NotPanel):
    name: ClassVar[str] = "nested"
    params_model: ClassVar[type[Params]] = Parts


def _references(document: Any) -> list[str]:
    if isinstance(document, list):
        return [found for one in document for found in _references(one)]
    if not isinstance(document, dict):
        return []
    own = [document["$ref"]] if "$ref" in document else []
    return own + [found for one in document.values() for found in _references(one)]


def test_params_of_several_parts_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "PROVIDERS", (NotPanel(), Nested()))
    schemas = openapi._entries()
    for reference in _references(schemas):
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert "NestedParamsPart" in schemas
