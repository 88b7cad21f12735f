"""Our providers pass the suite that every provider passes."""

from __future__ import annotations

import pytest

from providers.registry import BY_NAME, OURS, provider_named
from rescind.provider.interface import WithLogin
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.testing import ProviderSuite
from tests.providers.cases import CASES


class TestIletiMerkezi(ProviderSuite):
    case = CASES["iletimerkezi"]


class TestDukkango(ProviderSuite):
    case = CASES["dukkango"]


class TestAkinon(ProviderSuite):
    case = CASES["akinon"]


class TestIThink(ProviderSuite):
    case = CASES["ithink"]


class TestNotPanel(ProviderSuite):
    case = CASES["notpanel"]


def test_each_provider_of_ours_has_a_suite() -> None:
    suites = [one.case.provider for one in ProviderSuite.__subclasses__()]
    assert {one.name for one in OURS} <= {one.name for one in suites}


def test_providers_are_found_by_their_names() -> None:
    for provider in OURS:
        assert provider_named(provider.name) is BY_NAME[provider.name] is provider


def test_the_error_for_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="iletimerkezi, dukkango, akinon"):
        provider_named("yurtici")


def test_only_dukkango_may_be_sent_a_cancel_twice() -> None:
    assert [one.name for one in OURS if one.policy.repeatable] == ["dukkango"]


def test_batch_sizes_are_those_of_the_pages() -> None:
    many = {
        one.name: (one.policy.batch, one.policy.read_batch)
        for one in OURS
        if one.policy.batch > 1
    }
    assert many == {"ithink": (100, 10), "notpanel": (100, 100)}


def test_logins_are_declared_by_type() -> None:
    logins = [one.name for one in OURS if isinstance(one, WithLogin)]
    assert logins == ["dukkango", "akinon"]
