"""iletiMerkezi: cancels an SMS order that was scheduled for later.

Pages: ``cancel-order`` (last updated 2026-04-30), ``get-report``, ``error-codes``;
read 2026-11-20. Its quirks, and how sure we are of each ([D] documented, [C] seen
in clients, [A] assumed):

- Success is HTTP 2xx *and* ``response.status.code`` 200, or no code at all. The code
  is a number today and was a string in older pages [D].
- 455 "Sipariş bulunamadı" has three meanings (unknown order, sending has begun,
  finished). Only ``get-report`` tells them apart. The cancel is not idempotent: a
  second cancel of a cancelled order answers 455 as well [D].
- ``get-report`` answers 456 while the send date is not reached: the order is
  still scheduled, so it was not cancelled and still can be [D + A].
- After a cancel the report shows order status 115, or 455 [D]. Either way no
  message is sent.
- 401 is configuration (key, hash, the panel's API switch, an IP restriction) and 404
  is "no such method": neither says anything of the order [D].
- A gateway of this kind repeats the body's code as HTTP status [D], sometimes with a
  body in Windows-1254 or in XML [C]: HTTP 455 or 456 counts where the body cannot be
  read.
- There is no 429; 503 is the one transient code documented [D].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from providers.iletimerkezi_advice import ADVICE, PANEL
from providers.iletimerkezi_facts import FACTS
from rescind.provider.account import Account
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import PROBE, Provider
from rescind.provider.outcomes import (
    ContradictoryReplyError,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    Reason,
    UnreadableReplyError,
)
from rescind.provider.policy import Policy, seconds
from rescind.provider.text import as_number, as_object, first_text, plain_text

POLICY = Policy(
    # No limit is documented for either call; 20 a second is our own courtesy [A].
    rate="20/second",
    concurrency=8,
    # Waits after a 5xx or a refused connection. The order can be cancelled until the
    # SMS is sent, so the first waits are short.
    resend_delays=seconds(1, 5, 15, 60, 300),
    max_attempts=8,
    # The report shows the order at once [A]; later readings are for a failing report.
    verify_delays=seconds(0, 2, 5, 15, 60, 300),
    verify_for=timedelta(hours=6),
    # The provider may still execute a call that timed out. "Send date not reached"
    # (456) is believed only after more than the longest call's time [A].
    active_trusted_after=timedelta(seconds=60),
    # Never used: no reply here means "requested". The type requires a value.
    poll_delays=seconds(5, 30),
    # Not idempotent [D]: not sent again while the first cancel may have worked.
    repeatable=False,
    # After a cancel the order may be gone from the report [D].
    cancelled_may_vanish=True,
)

CANCEL_CODES: Mapping[int, Finding] = {
    200: Finding(Outcome.CANCELLED, Reason.CONFIRMED),
    400: Finding(Outcome.REFUSED, Reason.INVALID_REQUEST),
    422: Finding(Outcome.REFUSED, Reason.INVALID_REQUEST),
    # This call did not cancel it. The report tells which of the three meanings holds.
    455: Finding(Outcome.REFUSED),
}
"""``response.status.code`` of cancel-order. Any other code is unknown."""

OWN_STATUSES = frozenset({455, 456})
"""HTTP statuses that only this provider uses: they repeat the body's code [D], and
count where the body cannot be read."""

REPORT_CODES: Mapping[int, Finding] = {
    455: Finding(Outcome.GONE),
    456: Finding(Outcome.ACTIVE),
}
"""``response.status.code`` of get-report, where it is not 200."""

ORDER_STATUSES: Mapping[int, Finding] = {
    113: Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED),
    114: Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED),
    # "could not be sent" on the page, CANCELED in all the official SDKs [C].
    115: Finding(Outcome.CANCELLED, Reason.CONFIRMED),
}
"""``response.order.status`` of get-report."""

ACCOUNT_FAULTS: Mapping[int, str] = {
    401: "iletiMerkezi refused the key and hash (401): check both, the panel's"
    " Settings > Security > Access Permissions > Allow API access, and its IP list",
    404: "iletiMerkezi knows no such method (404): check base_url",
}


class IletiMerkeziAccount(Account):
    """Key and hash come from the provider's panel; both are sent in the body."""

    base_url: str = "https://api.iletimerkezi.com"
    key: SecretStr
    hash: SecretStr


class IletiMerkezi(Provider[IletiMerkeziAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "iletimerkezi"
    panel: ClassVar[str] = PANEL
    advice: ClassVar[Mapping[Reason, str]] = ADVICE
    policy: ClassVar[Policy] = POLICY
    facts = FACTS
    account_model: ClassVar[type[Account]] = IletiMerkeziAccount
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{1,20}")
    order_form: ClassVar[str] = "the orderId that send-sms returned: 1 to 20 digits"

    def canonical_order(self, order: str) -> str:
        # The id is a number [D]; some programs pad it with zeros.
        return order.lstrip("0") or "0"

    def build_cancel(
        self, account: IletiMerkeziAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, "cancel-order", {"order": {"id": orders[0].id}})

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        code, message = _status(reply)
        if held := _fault(code):
            return held
        finding = CANCEL_CODES.get(code, Finding(Outcome.UNKNOWN))
        return Findings({orders[0].id: _with_words(finding, code, message)})

    def build_read(
        self, account: IletiMerkeziAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        # Only the order's own status matters: one row is enough.
        order = {"id": orders[0].id, "page": "1", "rowCount": "1"}
        return _call(account, "get-report", {"order": order})

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        code, message = _status(reply)
        if held := _fault(code):
            return held
        if code != 200:
            finding = REPORT_CODES.get(code, Finding(Outcome.UNKNOWN))
            return Findings({orders[0].id: _with_words(finding, code, message)})
        return Findings({orders[0].id: _order_status(orders[0], reply)})

    def build_probe(
        self, account: IletiMerkeziAccount, token: str | None
    ) -> Request | None:
        # get-balance changes nothing and proves the credentials [D].
        return _call(account, "get-balance", {})

    def parse_probe(self, reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        code, _ = _status(reply)
        return _fault(code) or Findings({PROBE.id: Finding(Outcome.UNKNOWN)})


def _call(account: IletiMerkeziAccount, method: str, rest: dict[str, Any]) -> Request:
    credentials = {
        "key": account.key.get_secret_value(),
        "hash": account.hash.get_secret_value(),
    }
    return json_request(
        "POST",
        f"{account.base_url}/v1/{method}/json",
        {"request": {"authentication": credentials, **rest}},
    )


def _status(reply: Reply) -> tuple[int, str | None]:
    """The body's own code, or the HTTP status where the body has none."""
    response = as_object(_document(reply).get("response"))
    status = as_object(response.get("status"))
    code = as_number(status.get("code"))
    if code is None or (code == 200 and not reply.ok):
        said = isinstance(response.get("status"), dict)
        if reply.ok and not (said and status.get("code") is None):
            raise UnreadableReplyError(f"HTTP {reply.status} without a status")
        code = 200 if reply.ok else reply.status
    return code, first_text(status.get("message"))


def _document(reply: Reply) -> dict[str, Any]:
    try:
        return reply.json_object()
    except UnreadableReplyError as error:
        contradictory = isinstance(error, ContradictoryReplyError)
        own = reply.status in OWN_STATUSES and not contradictory
        if own or reply.status in ACCOUNT_FAULTS:
            return {}  # a gateway's own page: its HTTP status is enough
        raise


def _order_status(asked: Order, reply: Reply) -> Finding:
    order = as_object(as_object(reply.json_object().get("response")).get("order"))
    status = as_number(order.get("status"))
    if plain_text(order.get("id", asked.id)) != asked.id or status is None:
        return Finding(
            Outcome.UNKNOWN, message="the report is about another order", own=True
        )
    finding = ORDER_STATUSES.get(status, Finding(Outcome.UNKNOWN))
    return _with_words(finding, status, None)


def _fault(code: int) -> Held | None:
    why = ACCOUNT_FAULTS.get(code)
    return Held(why) if why else None


def _with_words(finding: Finding, code: int, message: str | None) -> Finding:
    return Finding(finding.outcome, finding.reason, first_text(code), message)
