"""notpanel: cancels orders of a social-media panel, up to 100 in a call.

Pages: ``action=cancel``, ``action=status``, ``Rate limits``; read 2026-11-20. Its
quirks, and how sure we are of each ([D] documented, [C] seen in clients, [A] assumed):

- Success means that the cancel is done (pending orders) *or* only queued upstream
  (orders in flight), and the answer does not tell which [D]. A success is therefore
  never more than "requested", and the order's status tells how it ends.
- One order answers ``{"cancel": id}``, many an array of ``{order, cancel}`` or
  ``{order, error}`` [D]. Usual shapes of such panels are read too: ``cancel: 1``,
  ``cancel: {"error": …}``, a map keyed by order, numbers as ids.
- A row of an array belongs to the order that it names, at any place in the array.
- Errors are 400 with a text, 403 when the account is suspended, 429; there is no 401
  and no 404 [D]. The answer to a wrong key is not known: a text that names the key [A].
- 400 "cannot be cancelled (already …)" covers completed, cancelled and refunded [D].
  Only completed is final; for the others the order is read back.
- ``in_progress`` is the only status documented [D]; the other words are usual for such
  panels [A].
- Whether a queued cancel may be asked for again is not known. We assume that it does no
  harm [A], and send it only for an order that is seen neither cancelled nor ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

from providers.notpanel_advice import ADVICE, PANEL
from providers.notpanel_facts import FACTS
from providers.notpanel_replies import (
    ID,
    document_of,
    error_of,
    fault_of,
    findings_of,
    nothing_known,
    of_cancel_row,
    of_read_error,
    of_status_row,
    refused_whole,
    rows_of,
    with_words,
)
from providers.notpanel_words import (
    of_error,
)
from rescind.provider.account import Account
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider
from rescind.provider.outcomes import (
    Order,
    Parsed,
    Reason,
)
from rescind.provider.policy import Policy, seconds

POLICY = Policy(
    # Both are the page's own maximum, and a batch counts as one call [D].
    batch=100,
    read_batch=100,
    # About 100 a minute for a key [D], less a tenth for other users of the key.
    rate="90/minute",
    # Polling must leave room for cancels.
    read_rate="60/minute",
    concurrency=4,
    resend_delays=seconds(2, 10, 60, 300, 900),
    max_attempts=5,
    # A pending order is cancelled at once [D], so the first reading comes early. An
    # order in flight waits for its upstream, which takes minutes to days [A].
    poll_delays=seconds(1, 5, 20, 60, 300, 900, 1800),
    poll_for=timedelta(days=3),
    verify_delays=seconds(1, 10, 35, 60, 300, 900),
    verify_for=timedelta(hours=6),
    # The page names no idempotency key, and does not mention a second cancel [D].
    repeatable=False,
    # The provider may execute a call whose answer was lost for that long [A].
    active_trusted_after=timedelta(seconds=30),
    # The upstream takes minutes to days, and the status still shows the order's own
    # state meanwhile [A, 2026-11-29]. After a day a request counts as dropped.
    queued_for=timedelta(days=1),
    # The limit is per minute; a 429 gives the exact wait [D].
    throttle_wait=timedelta(seconds=60),
)

ULID = re.compile(r"(?i:ord)_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")


class NotPanelAccount(Account):
    """The key comes from the dashboard's API page; it is sent in the form."""

    base_url: str = "https://notpanel.com"
    key: SecretStr


class NotPanel(Provider[NotPanelAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "notpanel"
    panel: ClassVar[str] = PANEL
    advice: ClassVar[Mapping[Reason, str]] = ADVICE
    policy: ClassVar[Policy] = POLICY
    facts = FACTS
    account_model: ClassVar[type[Account]] = NotPanelAccount
    order_pattern: ClassVar[re.Pattern[str]] = ID
    order_form: ClassVar[str] = (
        "the order's id, such as ord_01HG9X7KJP4N: up to 64 letters, digits, _ and -,"
        " with at least one digit"
    )

    def canonical_order(self, order: str) -> str:
        if order.isdecimal():
            # Panels number their orders [C], so zeros in front change nothing.
            return order.lstrip("0") or "0"
        # The part after ord_ looks like a ULID [A], in which case does not matter. Any
        # other id may differ from another in its case alone.
        prefix, _, rest = order.partition("_")
        return f"{prefix.lower()}_{rest.upper()}" if ULID.fullmatch(order) else order

    def build_cancel(
        self, account: NotPanelAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, "cancel", orders)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = document_of(reply)
        words = error_of(document, reply)
        if held := fault_of(words, reply):
            return held
        if words is not None:
            finding = with_words(of_error(words), reply.status, words)
            return refused_whole(orders, reply, words, finding)
        if not reply.ok:
            return nothing_known(orders, reply, None)
        return findings_of(orders, rows_of(orders, document, "cancel"), of_cancel_row)

    def build_read(
        self, account: NotPanelAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, "status", orders)

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = document_of(reply)
        words = error_of(document, reply)
        if held := fault_of(words, reply):
            return held
        if words is not None:
            return refused_whole(
                orders, reply, words, of_read_error(words, reply.status)
            )
        if not reply.ok:
            return nothing_known(orders, reply, None)
        return findings_of(orders, rows_of(orders, document, "status"), of_status_row)

    def build_probe(
        self, account: NotPanelAccount, token: str | None
    ) -> Request | None:
        # Reading a status changes nothing, and no order has the id "0".
        return self.build_read(account, token, [Order("0")])


def _call(account: NotPanelAccount, action: str, orders: Sequence[Order]) -> Request:
    form = {"key": account.key.get_secret_value(), "action": action}
    # One of the two members, never both [D].
    form["order" if len(orders) == 1 else "orders"] = ",".join(o.id for o in orders)
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    url = f"{account.base_url}/api/v2"
    # Commas are encoded last: urlencode is slow for text that it must escape.
    encoded = urlencode(form, safe=",").replace(",", "%2C")
    return Request("POST", url, headers, encoded.encode())
