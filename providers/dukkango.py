"""Dükkango: cancels a restaurant order, with a reason that is required.

Pages: ``orders/cancel``, ``orders/get-current``, ``auth/login``; read 2026-11-20. Its
quirks, and how sure we are of each ([D] documented, [C] seen in clients, [A] assumed):

- Success is HTTP 200 *and* ``status: true``. Errors are ``status: false`` with an
  ``error`` and sometimes a ``message``, half Turkish and half English [D].
- 403 "URL hatalı" means that the identifier is invalid or another restaurant's. The
  order is at fault, not the account. 401 is about the token [D].
- Its answer for an order that was cancelled or completed before is not documented. We
  assume that the words name the state [A]. They are read narrowly: "iptal edilemez"
  (cannot be cancelled) has the stem of "iptal edildi" (was cancelled), and "işlem iptal
  edildi" is about the request. Words that could mean either decide nothing.
- The only read-back lists the active orders. An order that is not listed may be
  cancelled, completed or something else: absence proves nothing [D + A].
- That cancelling twice does no harm is [A].
- A token lasts 24 h. Its expiry has no offset and is read as Turkish time, UTC+3 [A].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator

from providers.dukkango_advice import ADVICE, PANEL
from providers.dukkango_facts import FACTS
from providers.dukkango_replies import (
    expiry_of,
    listed_orders,
    of_cancel,
    of_listed,
    token_refused,
    with_words,
    words_of,
)
from rescind.provider.account import Account
from rescind.provider.error_pages import turned_away, turned_away_login
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import Params, Token, WithLogin
from rescind.provider.outcomes import (
    UNKNOWN,
    Findings,
    Held,
    Order,
    Parsed,
    Reason,
    UnreadableReplyError,
)
from rescind.provider.policy import Policy, seconds
from rescind.provider.text import as_object

POLICY = Policy(
    # No limit is documented for the cancel; 5 a second is our own courtesy [A].
    rate="5/second",
    concurrency=4,
    # get-current must wait 30 s between calls [D], and one call answers for any number
    # of orders.
    read_rate="1/30 second",
    read_batch=1000,
    # A 429 asks for this wait in its text [D]; it may come without Retry-After.
    throttle_wait=timedelta(seconds=30),
    # A kitchen starts at once: the first waits are short.
    resend_delays=seconds(1, 5, 15, 60, 300),
    max_attempts=5,
    # The provider allows no reading sooner than every 30 s.
    verify_delays=seconds(0, 30, 60, 300),
    # A restaurant order is over within the hour, and then leaves the list [A].
    verify_for=timedelta(hours=1),
    # Never used: no reply here means "requested". The type requires a value.
    poll_delays=seconds(30, 60),
    # The provider may execute a call whose answer was lost for that long
    # [A, 2026-11-29].
    active_trusted_after=timedelta(seconds=30),
    # A second cancel finds a cancelled order and changes nothing [A]. No read-back
    # could show it instead.
    repeatable=True,
)

UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

SENDABLE = re.compile(r"[\x21-\x7e]{1,4096}")
"""Characters that an HTTP header may hold."""


class DukkangoAccount(Account):
    """An access token, or the two secrets that log in for one."""

    base_url: str = "https://www.xn--dkkango-n2a.com"
    access_token: SecretStr | None = None
    app_secret_key: SecretStr | None = None
    rest_secret_key: SecretStr | None = None

    @field_validator("access_token", "app_secret_key", "rest_secret_key")
    @classmethod
    def _is_sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not SENDABLE.fullmatch(value.get_secret_value()):
            raise ValueError("must be printable ASCII without spaces, and not empty")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        login = (self.app_secret_key is not None, self.rest_secret_key is not None)
        if self.access_token is not None and any(login):
            raise ValueError(
                "access_token is set, and a secret key too: set either access_token, or"
                " app_secret_key and rest_secret_key"
            )
        if self.access_token is None and not all(login):
            raise ValueError(
                "app_secret_key and rest_secret_key are required, unless access_token"
                " is set"
            )
        return self


REASONS = {
    "1": "out of stock",
    "2": "address not found",
    "3": "congestion",
    "4": "the customer cancelled",
    "5": "technical problem",
    "6": "too far",
    "7": "payment",
    "8": "other",
}
"""What each ``reason_id`` means [D]."""


class DukkangoParams(Params):
    reason_id: int = Field(
        ge=1,
        le=8,
        title="Reason",
        description="Why the restaurant cancels the order. Dükkango gets this reason.",
        examples=[4],
        json_schema_extra={"x-labels": dict(REASONS)},
    )


class Dukkango(WithLogin[DukkangoAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "dukkango"
    panel: ClassVar[str] = PANEL
    advice: ClassVar[Mapping[Reason, str]] = ADVICE
    policy: ClassVar[Policy] = POLICY
    facts = FACTS
    account_model: ClassVar[type[Account]] = DukkangoAccount
    params_model: ClassVar[type[Params]] = DukkangoParams
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(UUID)
    order_form: ClassVar[str] = "the order's payment_key: a UUID with its hyphens"
    refresh_early: ClassVar[timedelta] = timedelta(hours=1)  # as its page advises [D]

    def canonical_order(self, order: str) -> str:
        # Capitals do not change a UUID, and it is written in small letters (RFC 9562).
        return order.lower()

    def default_key(self, order: str, params: Mapping[str, Any]) -> str:
        return order.lower()

    def build_cancel(
        self, account: DukkangoAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        order = orders[0]
        url = _url(account, f"orders/cancel/{quote(order.id, safe='')}")
        document = {"reason_id": order.params["reason_id"]}
        return json_request("PUT", url, document, _headers(token))

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if reply.status == 401:
            return token_refused()
        document = reply.json_object()
        words = words_of(document)
        finding = of_cancel(reply.status, document.get("status"), words)
        return Findings({orders[0].id: with_words(finding, reply.status, words)})

    def build_read(
        self, account: DukkangoAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        url = _url(account, "orders/get-current")
        return json_request("GET", url, headers=_headers(token))

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if reply.status == 401:
            return token_refused()
        document = reply.json_object()
        if not reply.ok or document.get("status") is not True:
            nothing = with_words(UNKNOWN, reply.status, words_of(document))
            return Findings({order.id: nothing for order in orders})
        listed = listed_orders(document.get("data"))
        return Findings({o.id: of_listed(listed.get(o.id.lower())) for o in orders})

    def build_probe(
        self, account: DukkangoAccount, token: str | None
    ) -> Request | None:
        # get-current would use up the 30 s between two calls; the login proves the
        # secrets.
        return None

    def static_token(self, account: DukkangoAccount) -> str | None:
        held = account.access_token
        return held.get_secret_value() if held else None

    def build_login(self, account: DukkangoAccount) -> Request:
        secrets = {
            "app_secret_key": account.app_secret_key,
            "rest_secret_key": account.rest_secret_key,
        }
        document = {k: v.get_secret_value() for k, v in secrets.items() if v}
        return json_request("POST", _url(account, "auth/login"), document)

    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        if page := turned_away_login(reply):
            return page
        if reply.status >= 400:
            return Held(
                f"Dükkango refused the login ({reply.status}): check app_secret_key,"
                " rest_secret_key and base_url"
            )
        document = reply.json_object()
        if document.get("status") is False:
            said = words_of(document) or "no reason given"
            return Held(f"Dükkango refused the login: {said}")
        data = as_object(document.get("data"))
        token = data.get("access_token")
        if not isinstance(token, str) or not SENDABLE.fullmatch(token):
            raise UnreadableReplyError("a login reply without an access_token")
        return Token(token, expiry_of(data.get("expiration_date"), now))


def _url(account: DukkangoAccount, path: str) -> str:
    return f"{account.base_url}/api/integrations/{path}"


def _headers(token: str | None) -> dict[str, str]:
    return {"Access-Token": token} if token else {}
