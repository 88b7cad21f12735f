"""iThink Logistics: cancels shipments by AWB number, up to 100 in a call.

Pages: ``Cancel Order V 3.0.0``, ``Track Order V 3.0.0``; read 2026-11-20. Its quirks,
and how sure we are of each ([D] documented, [C] seen in clients, [A] assumed):

- Errors come as HTTP 200 with ``status: error``. Success is therefore HTTP 2xx *and*
  ``status: success`` *and* the row's own "Success", in any capitals [C].
- Rows are an object keyed "1", "2", … ("0" seen) or by AWB, or an array [C]. Rows that
  are not keyed by AWB name no AWB (``refnum`` is the merchant's number [D + A]). The
  n-th row then belongs to the n-th AWB, if there are as many rows as AWBs and no gap in
  their keys [A]. Otherwise every AWB is unknown, and tracking decides.
- A top-level error without rows means that no AWB was acted on [A]. An error that
  sounds like a breakdown decides nothing: the provider may have acted.
- Cancelling and tracking are on two hosts [C]. The page's sample switches TLS
  verification off; we do not.
- Tracking says Cancelled after a cancel, with the codes CN, UD, CA and 36, and may lag
  behind it [C]. From Manifested to Undelivered all is UD, so the words are read before
  the code. A code that contradicts the words makes it unknown. An "RTO Delivered" is DL
  [D].
- ``cancel_status: "Approved"`` is the surest sign of a cancel, whatever else tracking
  says [C]. A shipment can be cancelled until it is picked up [D].
- Whether a second cancel of the same AWB does no harm is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from providers.ithink_advice import ADVICE, PANEL
from providers.ithink_facts import FACTS
from providers.ithink_replies import (
    document_of,
    fault_of,
    of_error_row,
    of_row,
    of_tracking_entry,
    refused_whole,
    rows_of,
    succeeded,
    tracking_entry,
    unread,
    words_of,
)
from rescind.provider.account import LOOPBACK, Account
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import Provider
from rescind.provider.outcomes import (
    Findings,
    Order,
    Parsed,
    Reason,
)
from rescind.provider.policy import Policy, seconds

POLICY = Policy(
    # Both are the pages' own maximum [D].
    batch=100,
    read_batch=10,
    # No limit is documented; 5 calls a second, up to 500 AWBs, is our courtesy [A].
    rate="5/second",
    read_rate="3/second",
    concurrency=4,
    # The page's own samples wait this long for a batch [D].
    read_timeout=30.0,
    # Couriers collect in rounds, hours apart: a wait of minutes costs nothing [A].
    resend_delays=seconds(5, 30, 120, 600),
    max_attempts=5,
    # Tracking lags: one early reading, then one about when "not cancelled" is believed.
    verify_delays=seconds(5, 60, 300, 660, 1800),
    verify_for=timedelta(hours=6),
    # For a cancel that tracking shows as asked for and not yet approved [A].
    poll_delays=seconds(30, 300),
    # No page promises that a second cancel is a no-op.
    repeatable=False,
    # That tracking lags is [C], by how much is [A]: "Manifested" proves nothing yet.
    active_trusted_after=timedelta(minutes=10),
)

PRODUCTION = "https://my.ithinklogistics.com"
PRODUCTION_TRACKING = "https://api.ithinklogistics.com"


class IThinkAccount(Account):
    """Both secrets come from iThink's team and are sent in the body."""

    base_url: str = PRODUCTION
    track_url: str = Field(default="", validate_default=True)
    """The host for tracking. Default: iThink's own tracking host with the default
    ``base_url``, else ``base_url``. Calls for a staging system therefore never reach
    the production one."""
    access_token: SecretStr
    secret_key: SecretStr

    @field_validator("track_url")
    @classmethod
    def _is_a_tracking_base(cls, value: str, info: ValidationInfo) -> str:
        base = str(info.data.get("base_url", PRODUCTION))
        url = cls._is_a_base(
            value or (PRODUCTION_TRACKING if base == PRODUCTION else base)
        )
        parts = urlsplit(url)
        plain = parts.scheme == "http" and parts.hostname not in LOOPBACK
        if value and plain and not info.data.get("allow_plain_http"):
            raise ValueError("is plain http: use https, or set allow_plain_http = true")
        return url


class IThink(Provider[IThinkAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "ithink"
    panel: ClassVar[str] = PANEL
    advice: ClassVar[Mapping[Reason, str]] = ADVICE
    policy: ClassVar[Policy] = POLICY
    facts = FACTS
    account_model: ClassVar[type[Account]] = IThinkAccount
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[0-9A-Za-z-]{4,40}")
    order_form: ClassVar[str] = (
        "the shipment's AWB number: 4 to 40 letters, digits and hyphens"
    )

    def canonical_order(self, order: str) -> str:
        # 2026-11-29 [A]: couriers print AWBs in capitals, and no two differ in their
        # case alone. A zero in front of one is part of it.
        return order.upper()

    def build_cancel(
        self, account: IThinkAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, account.base_url, "cancel", "awb_numbers", orders)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = document_of(reply)
        words = words_of(document)
        if held := fault_of(document, words, reply):
            return held
        rows = rows_of(orders, document.get("data"))
        if succeeded(document, reply):
            return Findings({awb: of_row(row) for awb, row in rows.items()})
        if rows:
            # The whole call failed, so no row may count as a success.
            return Findings({awb: of_error_row(row) for awb, row in rows.items()})
        return refused_whole(orders, document, words, reply)

    def build_read(
        self, account: IThinkAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, account.track_url, "track", "awb_number_list", orders)

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = document_of(reply)
        words = words_of(document)
        if held := fault_of(document, words, reply):
            return held
        if not succeeded(document, reply):
            return unread(orders, document, words, reply)
        data = document.get("data")
        return Findings(
            {o.id: of_tracking_entry(o.id, tracking_entry(o.id, data)) for o in orders}
        )

    def build_probe(self, account: IThinkAccount, token: str | None) -> Request | None:
        # Tracking changes nothing, and no shipment has the AWB "0".
        return self.build_read(account, token, [Order("0")])


def _call(
    account: IThinkAccount, base: str, method: str, field: str, orders: Sequence[Order]
) -> Request:
    data = {
        "access_token": account.access_token.get_secret_value(),
        "secret_key": account.secret_key.get_secret_value(),
        field: ",".join(order.id for order in orders),
    }
    return json_request("POST", f"{base}/api_v3/order/{method}.json", {"data": data})
