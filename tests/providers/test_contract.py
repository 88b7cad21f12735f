"""What the other modules require of every provider, checked for all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.registry import BY_NAME, PROVIDERS, provider_named
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider, WithLogin
from rescind.provider.outcomes import (
    BatchRefused,
    Findings,
    Held,
    InvalidRequestError,
    Order,
    Outcome,
    Parsed,
    Reason,
    TokenRefused,
    UnreadableReplyError,
)
from tests.providers.accounts import CREDENTIALS, MARK, ORDERS, account

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
REFUSALS = {
    Reason.NOT_FOUND,
    Reason.WINDOW_CLOSED,
    Reason.ALREADY_COMPLETED,
    Reason.NOT_SUPPORTED,
    Reason.INVALID_REQUEST,
    Reason.REFUSED,
    Reason.ALREADY_CANCELLED,
    None,
}
SUCCESSES = {Reason.CONFIRMED, Reason.ALREADY_CANCELLED, Reason.PARTIAL}


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.name)
def provider(request: pytest.FixtureRequest) -> Provider[Any]:
    found: Provider[Any] = request.param
    return found


def orders(provider: Provider[Any]) -> list[Order]:
    return ORDERS[provider.name][: provider.policy.batch]


def requests_of(provider: Provider[Any]) -> list[Request]:
    mine, who = orders(provider), account(provider.name)
    made = [
        provider.build_cancel(who, "MARKED-SECRET-token", mine),
        provider.build_read(who, "MARKED-SECRET-token", mine),
    ]
    probe = provider.build_probe(who, "MARKED-SECRET-token")
    return made if probe is None else [*made, probe]


def test_a_provider_is_found_by_its_name(provider: Provider[Any]) -> None:
    assert provider_named(provider.name) is provider
    assert BY_NAME[provider.name] is provider


def test_the_error_for_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="iletimerkezi, dukkango, akinon"):
        provider_named("yurtici")


def test_a_cancel_is_not_repeatable_unless_declared(provider: Provider[Any]) -> None:
    assert provider.policy.repeatable is (provider.name == "dukkango")


def test_batch_sizes_are_those_of_the_pages(provider: Provider[Any]) -> None:
    allowed = {"ithink": (100, 10), "notpanel": (100, 100)}
    batch, read_batch = allowed.get(provider.name, (1, provider.policy.read_batch))
    assert (provider.policy.batch, provider.policy.read_batch) == (batch, read_batch)


def test_requests_go_only_to_the_accounts_address(provider: Provider[Any]) -> None:
    for request in requests_of(provider):
        assert request.url.startswith("https://")
        assert MARK not in request.url


def test_no_repr_shows_a_secret(provider: Provider[Any]) -> None:
    assert MARK not in repr(account(provider.name))
    for request in requests_of(provider):
        assert MARK not in repr(request)


def test_every_secret_of_an_account_is_known_for_masking(
    provider: Provider[Any],
) -> None:
    marked = {v for v in CREDENTIALS[provider.name].values() if MARK in v}
    assert marked <= set(account(provider.name).secrets())


def test_plain_http_needs_permission(provider: Provider[Any]) -> None:
    values = {**CREDENTIALS[provider.name], "base_url": "http://provider.example"}
    with pytest.raises(ValueError, match="allow_plain_http"):
        provider.account_model.model_validate(values)
    provider.account_model.model_validate({**values, "allow_plain_http": True})


@pytest.mark.parametrize(
    "order",
    [
        "",
        " ",
        "a,b",
        "a b",
        "a/b",
        "a\nb",
        "../x",
        "x" * 10_000,
        "şğı",
        True,
        1.5,
        None,
    ],
)
def test_an_order_that_could_become_another_is_refused(
    provider: Provider[Any], order: object
) -> None:
    with pytest.raises(InvalidRequestError, match="order must be"):
        provider.check_order(order)


def test_an_unknown_param_is_refused_by_name(provider: Provider[Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"colour is not known here"):
        provider.check_params({**orders(provider)[0].params, "colour": "red"})


def test_logins_are_declared_by_type(provider: Provider[Any]) -> None:
    assert isinstance(provider, WithLogin) is (provider.name in ("dukkango", "akinon"))


def check_parsed(parsed: Parsed, asked: list[Order]) -> None:
    if isinstance(parsed, Held | TokenRefused):
        assert parsed.why
    if isinstance(parsed, BatchRefused):
        assert parsed.finding.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
    if isinstance(parsed, Findings):
        assert set(parsed.by_order) <= {order.id for order in asked}
        for finding in parsed.by_order.values():
            if finding.outcome is Outcome.REFUSED:
                assert finding.reason in REFUSALS
            elif finding.outcome is Outcome.CANCELLED:
                assert finding.reason in SUCCESSES
            else:
                assert finding.reason is None


def parse_both(provider: Provider[Any], reply: Reply) -> None:
    asked = orders(provider)
    for parse in (provider.parse_cancel, provider.parse_read):
        try:
            check_parsed(parse(asked, reply), asked)
        except UnreadableReplyError as error:
            assert str(error)  # noqa: PT017  (either is right; what matters is the form)


statuses = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 422, 455])


@given(status=statuses, body=st.binary(max_size=200))
@pytest.mark.parametrize("name", list(BY_NAME))
def test_any_bytes_raise_only_unreadable(name: str, status: int, body: bytes) -> None:
    parse_both(BY_NAME[name], Reply(status, {}, body))


@given(status=statuses, document=json_values)
@pytest.mark.parametrize("name", list(BY_NAME))
def test_any_json_raises_only_unreadable(
    name: str, status: int, document: object
) -> None:
    parse_both(BY_NAME[name], Reply(status, {}, json.dumps(document).encode()))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000])
def test_deep_and_long_json_raises_only_unreadable(
    provider: Provider[Any], body: bytes
) -> None:
    parse_both(provider, Reply(200, {}, body))
