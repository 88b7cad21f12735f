"""The contract of every provider: its names, its requests, its orders, any reply."""

from __future__ import annotations

import base64
import binascii
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from rescind.provider.discovery import NAME, faults
from rescind.provider.events import Event, UnreadableEventError, WithEvents
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import INTERFACE_VERSION
from rescind.provider.outcomes import InvalidRequestError, Parsed
from rescind.provider.replies import evidence_of, received
from rescind.provider.testing.case import MARK, TOKEN, Case
from rescind.provider.testing.reply_checks import read

SHARED = settings(
    deadline=None,
    # Several providers inherit each test.
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
HEADERS = st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4)
EVENTS = st.builds(
    Event,
    headers=HEADERS,
    body=st.binary(max_size=200) | JSON.map(lambda one: json.dumps(one).encode()),
    query=st.text(max_size=20),
    received_at=st.just(datetime(2020, 11, 20, 18, 9, tzinfo=UTC)),
)
STATUSES = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 422, 455])
WRONG_ORDERS = (
    *("", " ", "a,b", "a b", "a/b", "a\nb", "../x", "x" * 10_000, "şğı"),
    *(True, 1.5, None),
)
NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
CALLS = ("cancel", "read")


class Contract:
    """What holds for every provider."""

    case: ClassVar[Case]

    def test_the_class_is_what_the_registry_loads(self) -> None:
        provider = self.case.provider
        assert NAME.fullmatch(provider.name)
        assert provider.interface_version == INTERFACE_VERSION
        wrong = list(faults(type(provider)(), provider.name))
        assert not wrong, f"{provider.name} {'; '.join(wrong)}"

    def test_requests_go_only_to_the_accounts_address(self) -> None:
        for request in self.case.requests():
            assert request.url.startswith("https://")
            assert self.case.secrets_in_urls or MARK not in request.url

    def test_the_same_call_is_built_in_the_same_way(self) -> None:
        assert self.case.requests() == self.case.requests()

    def test_no_repr_shows_a_secret(self) -> None:
        assert MARK not in repr(self.case.account())
        for request in self.case.requests():
            assert self.case.secrets_in_urls or MARK not in repr(request)

    def test_every_secret_of_the_case_contains_the_mark(self) -> None:
        """Else the tests below could not find it."""
        account = self.case.account()
        for name in self.case.credentials:
            value = getattr(account, name, None)
            if isinstance(value, SecretStr):
                assert MARK in value.get_secret_value(), (
                    f"credentials: {name} is a secret, so its value must contain MARK"
                )

    def test_every_secret_of_an_account_is_known_for_masking(self) -> None:
        marked = {v for v in self.case.credentials.values() if MARK in str(v)}
        assert marked <= set(self.case.account().secrets())

    def test_a_reply_that_quotes_the_request_shows_no_secret(self) -> None:
        secrets = (*self.case.account().secrets(), TOKEN)
        for request in self.case.requests():
            reply = Reply(400, {}, _quoted(request).encode())
            answer = received(request, reply, secrets)
            assert not list(_secrets_in(answer.kept()))
            kept = evidence_of(answer, self._parse, self.case.provider.policy, NOW)
            assert not list(_secrets_in(f"{kept.body} {kept.detail} {kept.parsed}"))

    def _parse(self, reply: Reply) -> Parsed:
        return self.case.provider.parse_cancel(self.case.asked, reply)

    def test_plain_http_needs_permission(self) -> None:
        plain = "http://provider.example"
        with pytest.raises(ValueError, match="allow_plain_http"):
            self.case.account(base_url=plain)
        self.case.account(base_url=plain, allow_plain_http=True)

    @pytest.mark.parametrize("order", WRONG_ORDERS)
    def test_an_order_that_could_become_another_is_refused(self, order: object) -> None:
        with pytest.raises(InvalidRequestError, match="order must be"):
            self.case.provider.check_order(order)

    def test_an_unknown_param_is_refused_by_name(self) -> None:
        params = {**self.case.orders[0].params, "colour": "red"}
        with pytest.raises(InvalidRequestError, match=r"colour is not known here"):
            self.case.provider.check_params(params)

    def test_the_orders_and_params_of_the_case_are_accepted(self) -> None:
        provider = self.case.provider
        for order in self.case.orders:
            assert provider.check_order(order.id) == order.id
            checked = provider.check_params(order.params)
            assert provider.overlap(checked, checked)
            assert provider.covers(checked, checked)

    def test_a_deadline_has_a_time_zone_and_is_always_the_same(self) -> None:
        provider = self.case.provider
        for order in self.case.orders:
            params = provider.canonical_params(provider.check_params(order.params))
            known = {k: v for k, v in params.items() if k not in provider.sealed_params}
            until = provider.cancellable_until(order.id, known)
            assert until is None or until.utcoffset() is not None
            assert provider.cancellable_until(order.id, known) == until

    def test_one_form_stands_for_all_spellings(self) -> None:
        provider = self.case.provider
        for order in self.case.orders:
            once = provider.canonical_order(order.id)
            assert provider.check_order(once) == once
            assert provider.canonical_order(once) == once
            params = provider.canonical_params(provider.check_params(order.params))
            assert provider.canonical_params(params) == params

    @pytest.mark.parametrize("split", ["split", "split_reading"])
    def test_a_split_loses_and_doubles_no_order(self, split: str) -> None:
        orders = list(self.case.orders)
        split_up = getattr(self.case.provider, split)
        parts = split_up(orders)
        assert sorted(id(one) for part in parts for one in part) == sorted(
            map(id, orders)
        )
        for part in filter(None, parts):
            assert list(map(list, split_up(part))) == [list(part)]

    @given(status=STATUSES, body=st.binary(max_size=200))
    @SHARED
    def test_any_bytes_raise_only_unreadable(self, status: int, body: bytes) -> None:
        for call in CALLS:
            read(self.case, call, self.case.asked, Reply(status, {}, body))

    @given(status=STATUSES, document=JSON)
    @SHARED
    def test_any_json_raises_only_unreadable(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        for call in CALLS:
            read(self.case, call, self.case.asked, Reply(status, {}, body))

    def test_no_other_bytes_are_a_signed_event(self) -> None:
        provider, account = self.case.provider, self.case.account()
        if not isinstance(provider, WithEvents):
            return

        @SHARED
        @given(event=EVENTS)
        def holds(event: Event) -> None:
            assert provider.is_signed(account, event) is False
            with suppress(UnreadableEventError):
                named = provider.parse_event(event).orders
                assert all(isinstance(one, str) for one in named)

        holds()

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000])
    def test_deep_and_long_json_raises_only_unreadable(self, body: bytes) -> None:
        for call in CALLS:
            read(self.case, call, self.case.asked, Reply(200, {}, body))


def _quoted(request: Request) -> str:
    headers = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    body = request.body.decode("utf-8", "replace")
    said = f"you sent {request.method} {request.url} {headers} {body}"
    return json.dumps(dict.fromkeys(("error", "message", "detail"), said))


def _secrets_in(text: str) -> list[str]:
    """Secrets that ``text`` shows, as they are or in base64."""
    found = [text] if MARK.lower() in text.lower() else []
    for word in BASE64.findall(text):
        try:
            padded = word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4)
            raw = base64.b64decode(padded, altchars=b"-_" if "-" in word else None)
        except (ValueError, binascii.Error):
            continue
        if MARK.encode().lower() in raw.lower():
            found.append(word)
    return found
