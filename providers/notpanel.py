"""notpanel: cancels orders of a social-media panel, up to 100 in a call.

Pages: ``action=cancel``, ``action=status``, ``Rate limits``; read 2026-11-20. Its
quirks, and how sure we are of each ([D] documented, [C] seen in clients, [A] assumed):

- Success says that the cancel is done (pending orders) *or* only queued upstream (those
  in flight), and nothing in the answer tells which [D]: so a success is never
  more than "requested", and the status says how it ends.
- One order answers ``{"cancel": id}``, many an array of ``{order, cancel}`` or
  ``{order, error}`` [D]. The trade's usual shapes are read too: ``cancel: 1``,
  ``cancel: {"error": …}``, a map keyed by order, numbers as ids.
- An array's row is the order's that it names, wherever it stands.
- Errors are 400 with a text, 403 when the account is suspended, 429; there is no 401
  and no 404 [D]. What a wrong key is answered is not known: a text naming the key [A].
- 400 "cannot be cancelled (already …)" covers completed, cancelled and refunded [D];
  only completed is final, the others are read back.
- ``in_progress`` is the only status spelt out [D]; the other words are the trade's [A].
- Whether a queued cancel may be asked for again is not known; it is taken to do no
  harm [A], and is only done to an order that is seen neither cancelled nor ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

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
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Account, Provider
from rescind.provider.outcomes import (
    Order,
    Parsed,
)
from rescind.provider.policy import Policy, seconds

POLICY = Policy(
    # Both are the page's own maximum, and a batch counts as one call [D].
    batch=100,
    read_batch=100,
    # About 100 a minute for a key [D], less a tenth for what else uses the key.
    rate="90/minute",
    # Polling must leave room for cancels.
    read_rate="60/minute",
    concurrency=4,
    resend_delays=seconds(2, 10, 60, 300, 900),
    max_attempts=5,
    # A pending order is cancelled at once [D], so the first look comes early; one in
    # flight waits for its upstream, which takes minutes to days [A].
    poll_delays=seconds(1, 5, 20, 60, 300, 900, 1800),
    poll_for=timedelta(days=3),
    verify_delays=seconds(1, 10, 35, 60, 300, 900),
    verify_for=timedelta(hours=6),
    # No idempotency key, and nothing said of a second cancel [D].
    repeatable=False,
    # A call whose answer was lost may be at work for as long as that [A].
    active_trusted_after=timedelta(seconds=30),
    # The upstream takes minutes to days, and the status goes on naming the order's own
    # state meanwhile [A, 2026-11-29]. After a day a request is taken for dropped.
    queued_for=timedelta(days=1),
    # The limit is by the minute; a 429 says more exactly [D].
    throttle_wait=timedelta(seconds=60),
)

ULID = re.compile(r"(?i:ord)_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")


class NotPanelAccount(Account):
    """The key is made on the dashboard's API page; it travels in the form."""

    base_url: str = "https://notpanel.com"
    key: SecretStr


class NotPanel(Provider[NotPanelAccount]):
    name: ClassVar[str] = "notpanel"
    policy: ClassVar[Policy] = POLICY
    account_model: ClassVar[type[Account]] = NotPanelAccount
    order_pattern: ClassVar[re.Pattern[str]] = ID
    order_form: ClassVar[str] = (
        "the order's id, such as ord_01HG9X7KJP4N: up to 64 letters, digits, _ and -,"
        " with at least one digit"
    )

    def canonical_order(self, order: str) -> str:
        if order.isdecimal():
            # Panels count their orders, and their ids are numbers [C].
            return order.lstrip("0") or "0"
        # What follows ord_ is a ULID by its look [A], which knows no case. Any other id
        # may differ from another in its case alone.
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
        # Reading a status changes nothing, and an order "0" is nobody's.
        return self.build_read(account, token, [Order("0")])


def _call(account: NotPanelAccount, action: str, orders: Sequence[Order]) -> Request:
    form = {"key": account.key.get_secret_value(), "action": action}
    # Either of the two, never both [D].
    form["order" if len(orders) == 1 else "orders"] = ",".join(o.id for o in orders)
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    url = f"{account.base_url}/api/v2"
    # Commas in the end: one that must be escaped makes all else slow to look at.
    encoded = urlencode(form, safe=",").replace(",", "%2C")
    return Request("POST", url, headers, encoded.encode())
