"""Shiprocket: cancels orders by their ids, and shipments by their AWBs.

Pages of https://apidocs.shiprocket.in, in a copy of its published collection, read
2026-11-30: ``Authentication API``, ``Cancel an Order``, ``Cancel a Shipment``, ``Get
Specific Order Details``, ``Get Tracking Data for Multiple AWBS``, the status tables;
and clients in Go, PHP and JavaScript. Nothing here was tried against the live service.
How sure we are of each fact ([D] documented, [C] seen in clients, [A] assumed):

- There are two cancel calls: ``ids`` of orders, and up to 2,000 ``awbs`` [D]. To cancel
  an AWB takes the shipment from its courier; that its order stays open is [A].
- Neither answer has rows. AWBs are only taken on: "cancellation is in progress" [D].
  The success of orders is an empty 204 [D]. Both are no more than *requested* here: the
  status is read until it shows the cancel.
- One wrong id fails the whole call with a 500 [D]. Whether the other orders were
  cancelled is not documented: each is read.
- A 4xx of a call for several orders decides nothing for the same reason [A]. Some
  errors come as 200 with a ``status_code`` [D].
- Up to 50 AWBs are tracked in one call; an order is read alone [D]. Their status codes
  are two tables [D]. How soon they show a cancel is not documented.
- An AWB without an entry may be new or wrong ("no activities found … have some
  patience") [D]: it is never read as gone. An order id that does not exist is a 400
  [D].
- The login gives a JWT that is valid for 10 days [D]; the field is ``token`` [C]. An
  expired one is a 401 [D].
- No limit is documented, and no second cancel is promised to be harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from rescind.provider import (
    Account,
    Fact,
    Held,
    Order,
    Parsed,
    Policy,
    Reply,
    Request,
    Token,
    WithLogin,
    bearer,
    json_request,
    seconds,
)
from rescind_shiprocket.facts import FACTS
from rescind_shiprocket.identifiers import (
    CANCELLED_AT_ONCE,
    FORM,
    PATTERN,
    READ_AT_ONCE,
    bare,
    canonical,
    in_calls,
    is_awb,
)
from rescind_shiprocket.replies import (
    cancel_said,
    login_said,
    probe_said,
    reading_said,
)

POLICY = Policy(
    # 2,000 AWBs are allowed [D]. One wrong id fails the whole call, and each of its
    # orders is then read: fewer are in doubt together.
    batch=100,
    read_batch=50,
    # No limit is documented: our own courtesy [A].
    rate="5/second",
    concurrency=4,
    read_timeout=30.0,
    resend_delays=seconds(5, 30, 120, 600),
    max_attempts=5,
    # "Please wait for some time" [D]; for how long is [A].
    poll_delays=seconds(10, 30, 60, 300),
    verify_delays=seconds(5, 60, 300, 660, 1800),
    # No page says that a second cancel does no harm.
    repeatable=False,
    # A reading may lag behind a cancel, and a call whose answer was lost may still take
    # effect, for so long [A].
    active_trusted_after=timedelta(minutes=10),
    # An AWB may wait in Shiprocket's own queue for so long [A]. A cancel that does not
    # show after that was dropped.
    queued_for=timedelta(hours=1),
)

KEPT = frozenset(
    {
        *("message", "errors", "status", "status_code", "data", "id", "tracking_data"),
        *("track_status", "shipment_status", "shipment_track", "error"),
        *("awb_code", "current_status"),
    }
)
"""What may be kept of a reply: an order also has its customer's name and address."""


class ShiprocketAccount(Account):
    """An API user (Settings > API in the panel), or a token that was issued to one."""

    base_url: str = "https://apiv2.shiprocket.in"
    email: str | None = Field(default=None, min_length=3)
    password: SecretStr | None = Field(default=None, min_length=1)
    token: SecretStr | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        login = (self.email is not None, self.password is not None)
        if self.token is not None and any(login):
            raise ValueError(
                "token is set, and email or password too: set either token, or email"
                " and password"
            )
        if self.token is None and not all(login):
            raise ValueError("email and password are required, unless token is set")
        return self

    def secrets(self) -> tuple[str, ...]:
        # The e-mail address is half of the login, so it is masked too.
        return (*super().secrets(), *((self.email,) if self.email else ()))


class Shiprocket(WithLogin[ShiprocketAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "shiprocket"
    panel: ClassVar[str] = "Shiprocket's panel, by its order id or AWB"
    policy: ClassVar[Policy] = POLICY
    facts: ClassVar[tuple[Fact, ...]] = FACTS
    account_model: ClassVar[type[Account]] = ShiprocketAccount
    order_pattern: ClassVar[re.Pattern[str]] = PATTERN
    order_form: ClassVar[str] = FORM
    # Valid for 10 days [D]; clients renew it a day earlier [C].
    token_lifetime: ClassVar[timedelta] = timedelta(days=10)
    refresh_early: ClassVar[timedelta] = timedelta(days=1)

    def canonical_order(self, order: str) -> str:
        return canonical(order)

    def split(self, orders: Sequence[Order]) -> Sequence[Sequence[Order]]:
        return list(in_calls(orders, CANCELLED_AT_ONCE))

    def split_reading(self, orders: Sequence[Order]) -> Sequence[Sequence[Order]]:
        return list(in_calls(orders, READ_AT_ONCE))

    def build_cancel(
        self, account: ShiprocketAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        if is_awb(orders[0]):
            document: dict[str, object] = {"awbs": [bare(one) for one in orders]}
            path = "orders/cancel/shipment/awbs"
        else:
            document = {"ids": [int(bare(one)) for one in orders]}
            path = "orders/cancel"
        return _call(account, token, "POST", path, document)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return cancel_said(orders, reply)

    def build_read(
        self, account: ShiprocketAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        if is_awb(orders[0]):
            document = {"awbs": [bare(one) for one in orders]}
            return _call(account, token, "POST", "courier/track/awbs", document)
        return _call(account, token, "GET", f"orders/show/{bare(orders[0])}")

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return reading_said(orders, reply)

    def build_probe(
        self, account: ShiprocketAccount, token: str | None
    ) -> Request | None:
        # No order has the id 0 [A], and to read it changes nothing.
        return _call(account, token, "GET", "orders/show/0")

    def parse_probe(self, reply: Reply) -> Parsed:
        return probe_said(reply)

    def static_token(self, account: ShiprocketAccount) -> str | None:
        return account.token.get_secret_value() if account.token else None

    def build_login(self, account: ShiprocketAccount) -> Request:
        password = account.password.get_secret_value() if account.password else ""
        document = {"email": account.email, "password": password}
        return _call(account, None, "POST", "auth/login", document)

    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        return login_said(reply)


def _call(
    account: ShiprocketAccount,
    token: str | None,
    method: str,
    path: str,
    document: object = None,
) -> Request:
    headers = bearer(token) if token else {}
    url = f"{account.base_url}/v1/external/{path}"
    return replace(json_request(method, url, document, headers), keeps=KEPT)
