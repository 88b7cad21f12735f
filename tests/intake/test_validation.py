"""Tests of the validation of one entry: each fault gives a sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.registry import BY_NAME, PROVIDERS
from rescind.config.accounts import Accounts, LaneConfig
from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks, Wanted
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.intake.validation import FIELDS, check
from rescind.ledger.access_limits import Limit, Limits
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
ACCOUNTS = Accounts(
    {
        (provider.name, account): LaneConfig(provider, provider.policy)
        for provider in PROVIDERS
        for account in ("default", "branch-7")
    }
)
GOOD = {"provider": "notpanel", "order": "ord_1"}


def refused(entry: object, accounts: Accounts = ACCOUNTS) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        check(entry, accounts, NOW)
    return str(caught.value)


def test_missing_fields_have_their_defaults() -> None:
    found = check(GOOD, ACCOUNTS, NOW)
    assert found.provider is BY_NAME["notpanel"]
    assert (found.account, found.order, found.key) == ("default", "ord_1", "ord_1")
    nothing = dict.fromkeys(FIELDS[2:])
    assert check({**GOOD, **nothing}, ACCOUNTS, NOW) == found


def test_every_field_is_accepted() -> None:
    found = check(
        {
            "provider": "dukkango",
            "order": UUID,
            "account": "branch-7",
            "params": {"reason_id": 4},
            "key": 17,
            "not_before": "+15m",
            "cancel_before": "2020-11-21T00:00:00+03:00",
            "group": "g",
            "metadata": {"shop_order": "1001"},
            "callback_url": "https://example.com/done",
            "callback_task": "shop.ended",
            "callback_queue": "shop",
            "on_group_end": "https://example.com/ended",
        },
        ACCOUNTS,
        NOW,
        Callbacks(
            host_patterns("example.com"),
            secrets=WebhookSecrets(("whsec_x",)),
            tasks=True,
        ),
    )
    assert (found.account, found.key, found.group) == ("branch-7", "17", "g")
    assert found.not_before == NOW + timedelta(minutes=15)
    assert found.cancel_before == datetime(2020, 11, 20, 21, tzinfo=UTC)
    assert found.metadata == {"shop_order": "1001"}
    done, ended = ("https://example.com/done", "https://example.com/ended")
    assert found.callback == Wanted(done, "shop.ended", "shop", ended)


def test_personal_params_are_kept_apart() -> None:
    params = {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": "TR33"}}
    entry = {"provider": "akinon", "order": "7", "params": params}
    found = check(entry, ACCOUNTS, NOW)
    assert found.personal == {"ibans": {"1": "TR33"}}
    assert "ibans" not in found.params
    assert "TR33" not in repr(found)


def test_no_default_key_can_hold_personal_params(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def everything(_: Any, order: str, params: Mapping[str, Any]) -> str:
        return f"{order}:{sorted(params)}"

    monkeypatch.setattr(type(BY_NAME["akinon"]), "default_key", everything)
    params = {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": "TR33"}}
    found = check({"provider": "akinon", "order": "7", "params": params}, ACCOUNTS, NOW)
    assert (found.key, found.former_key) == ("7:['is_all', 'reasons']",) * 2


def test_a_partial_cancel_has_a_key_of_its_own() -> None:
    params = {"cancel_items": [2, 1], "reasons": {"1": 2, "2": 2}}
    entry = {"provider": "akinon", "order": "7", "params": params}
    assert check(entry, ACCOUNTS, NOW).key == "7:1,2"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"ordr": "1"}, "ordr: no such field; the fields are pr"),
    "a field that is named after somebody": (
        {"TR330006100519786457841326": "Ann Lee"},
        "a field whose name is not shown: no such field",
    ),
    "a parameter that is named after somebody": (
        {"params": {"Ann Lee": 1}},
        "params: a field whose name is not shown is not known here",
    ),
    "no order": ({"order": None}, "order is required"),
    "an empty order": ({"order": ""}, "order is required"),
    "no provider": ({"provider": ""}, "provider is required"),
    "an unknown provider": ({"provider": "x"}, "provider must be one of iletimerk"),
    "a provider of a wrong type": ({"provider": [1]}, "provider must be one of"),
    "an unknown account": (
        {"account": "b"},
        "account b of notpanel is not in the accounts file (it has: branch-7, default)",
    ),
    "a bad account": ({"account": "../x"}, "account must be 1 to 64 letters"),
    "an account of a wrong type": ({"account": 7}, "account must be 1 to 64"),
    "an unknown parameter": ({"params": {"why": 1}}, "params: why"),
    "params of a wrong type": ({"params": [1]}, "params must be an object with named"),
    "a comma": ({"order": "1,2"}, "order must be the order's id, such as"),
    "a space": ({"order": "1 2"}, "order must be"),
    "a slash": ({"order": "1/2"}, "order must be"),
    "a newline": ({"order": "1\n2"}, "order must be"),
    "a very long order": ({"order": "1" * 10_000}, "order must be"),
    "turkish letters": ({"order": "sipariş1"}, "order must be"),
    "arabic digits": ({"provider": "iletimerkezi", "order": "١٢"}, "order must be"),
    "an order of a wrong type": ({"order": 1.5}, "order must be"),
    "an order that is true": ({"order": True}, "order must be"),
    "an empty key": ({"key": ""}, "key must be 1 to 200 printable characters"),
    "a long key": ({"key": "x" * 201}, "key must be 1 to 200 printable"),
    "a key with a newline": ({"key": "a\nb"}, "key must be 1 to 200 printable"),
    "a key of ours": ({"key": "refused:1"}, "must not begin with refused:"),
    "a key of a wrong type": ({"key": True}, "key must be a text"),
    "a group of a wrong type": ({"group": {}}, "group must be a text"),
    "no offset": ({"not_before": "2020-12-01T00:00:00"}, "not_before has no offset"),
    "no time": ({"cancel_before": "soon"}, "cancel_before must be ISO 8601"),
    "times the wrong way": (
        {"not_before": "+2h", "cancel_before": "+1h"},
        "cancel_before must be later than not_before",
    ),
    "metadata of a wrong type": ({"metadata": "x"}, "metadata must be an object"),
    "deep metadata": (
        {
            "metadata": {
                "x": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
            }
        },
        "metadata must not be nested more than 32 deep",
    ),
    "large metadata": ({"metadata": {"x": "y" * 20_000}}, "metadata must be at most"),
    "no JSON": ({"metadata": {"x": float("nan")}}, "metadata must be plain JSON"),
    "a NUL": ({"metadata": {"x": "\x00"}}, "metadata holds a character that cannot"),
    "half a pair": ({"metadata": {"x": "\ud800"}}, "metadata holds a character"),
    "a bad address": ({"callback_url": "ftp://h"}, "callback_url must be an http"),
    "a bad address of a group": (
        {"on_group_end": "ftp://h", "group": "g"},
        "on_group_end must be an http",
    ),
    "no group that ends": ({"on_group_end": "https://h/"}, "on_group_end needs a"),
    "no address": ({"callback_url": "http://["}, "callback_url must be an http"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_refused_in_a_sentence(case: str) -> None:
    values, sentence = WRONG[case]
    said = refused({**GOOD, **values})
    assert sentence in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "reason_id"),
        ({"reason_id": 9}, "reason_id"),
        ({"reason_id": "4"}, "reason_id"),
        ({"reason_id": True}, "reason_id"),
    ],
)
def test_the_required_params_of_dukkango(params: dict[str, Any], named: str) -> None:
    entry = {"provider": "dukkango", "order": UUID, "params": params}
    assert f"params: {named}" in refused(entry)


def test_an_awb_with_a_comma_is_not_two_orders() -> None:
    said = refused({"provider": "ithink", "order": "86210010463,86210010464"})
    assert "order must be the shipment's AWB number" in said


@pytest.mark.parametrize("entry", [None, 5, "x", [], [GOOD]])
def test_a_value_that_is_no_entry(entry: object) -> None:
    assert refused(entry) == "a cancellation must be an object with named fields"


def test_an_accounts_file_that_cannot_be_used_refuses_nothing() -> None:
    accounts = Accounts(fault="it is not TOML")
    assert check({**GOOD, "account": "any"}, accounts, NOW).account == "any"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner)
    ),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {"provider": st.sampled_from(sorted(BY_NAME)), "order": st.just("12345") | JSON},
    optional=dict.fromkeys(FIELDS[2:], JSON),
)


@given(JSON | ENTRY)
@example({**GOOD, "metadata": {"x": 10**5000}})
def test_any_json_is_an_entry_or_a_sentence(entry: object) -> None:
    with contextlib.suppress(InvalidRequestError):
        check(entry, ACCOUNTS, NOW)


@pytest.mark.parametrize(
    ("limit", "whole"),
    [
        (Limit(), True),
        (Limit(group="night-*"), True),
        (Limit("notpanel"), False),
        (Limit(account="default"), False),
        (Limit("notpanel", group="night-*"), False),
    ],
)
def test_a_caller_limited_to_some_lanes_is_not_told_of_a_whole_group(
    limit: Limit, whole: bool
) -> None:
    told = {"group": "night-1", "on_group_end": "https://example.com/ended"}
    secrets = WebhookSecrets(("whsec_x",))
    allowed = Callbacks(host_patterns("example.com"), secrets=secrets)
    given = (ACCOUNTS, NOW, allowed, Limits((limit,), "night"))
    if whole:
        assert check({**GOOD, **told}, *given).callback.group_end is not None
        return
    with pytest.raises(InvalidRequestError) as caught:
        check({**GOOD, **told}, *given)
    assert caught.value.code == RefusalCode.OUTSIDE_LIMITS
    assert caught.value.param == "/on_group_end"
