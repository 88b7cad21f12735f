"""iThink Logistics: cancels shipments by AWB number, up to 100 in a call.

Pages: ``Cancel Order V 3.0.0``, ``Track Order V 3.0.0``; read 2026-11-20. Its quirks,
and how sure we are of each ([D] documented, [C] seen in clients, [A] assumed):

- Errors come as HTTP 200 with ``status: error``; so success is HTTP 2xx *and*
  ``status: success`` *and* the row's own "Success", whatever the capitals [C].
- Rows are an object keyed "1", "2", … ("0" seen) or by AWB, or an array [C]. The others
  name no AWB
  (``refnum`` is the merchant's number [D + A]): the n-th row is the n-th AWB's only
  where there are as many rows as AWBs and no gap in their keys [A]. Else nothing is
  known of any of them, and tracking tells.
- A top-level error without rows has acted on none of them [A]. One that sounds like
  a breakdown may have: it decides nothing.
- Cancelling and tracking live on two hosts [C]; the page's sample that switches TLS
  verification off is not followed.
- Tracking says Cancelled after a cancel, with the codes CN, UD, CA and 36, and may lag
  behind it [C]. From Manifested to Undelivered all is UD, so the words are read before
  the code; a code that contradicts them makes it unknown. An "RTO Delivered" is DL [D].
- ``cancel_status: "Approved"`` is the surest sign of a cancel, whatever else is said
  [C]. A shipment can be cancelled until it is picked up [D].
- Whether a second cancel of the same AWB does no harm is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from providers.ithink_words import BREAKDOWN, CANCELLED, of_remark, of_tracking
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import LOOPBACK, Account, Provider
from rescind.provider.outcomes import (
    UNKNOWN,
    BatchRefused,
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
from rescind.provider.text import as_number, as_object, first_text, fold, without_html

POLICY = Policy(
    # Both are the pages' own maximum [D].
    batch=100,
    read_batch=10,
    # No limit is documented; 5 calls a second, up to 500 AWBs, is our courtesy [A].
    rate="5/second",
    read_rate="3/second",
    concurrency=4,
    # What the page's own samples wait for a batch [D].
    read_timeout=30.0,
    # Couriers collect in rounds, hours apart: a wait of minutes costs nothing [A].
    resend_delays=seconds(5, 30, 120, 600),
    max_attempts=5,
    # Tracking lags: one early look, then about when "not cancelled" is believed.
    verify_delays=seconds(5, 60, 300, 660, 1800),
    verify_for=timedelta(hours=6),
    # Nothing is ever "taken on" here; asked for by the type, and harmless.
    poll_delays=seconds(30, 300),
    # Nothing promises that a second cancel is a no-op.
    repeatable=False,
    # That tracking lags is [C], by how much is [A]: "Manifested" proves nothing yet.
    active_trusted_after=timedelta(minutes=10),
)

ACCOUNT_WORDS = re.compile(
    r"token|secret|credential|authenticat"
    r"|^(?!.*\b(?:awb|order|shipment)).*\b(?:access|unauthori[sz]ed)\b"
)
"""A top-level error that is about the account: "Access Token Not Match." [C]"""

HTTP_FAULTS: Mapping[int, str] = {
    401: "check access_token and secret_key",
    403: "check access_token and secret_key, and whether iThink lets this IP in",
    404: "check base_url and track_url",
}
SUCCESS = "success"
ERRORS = frozenset({"error", "failed", "failure", "fail"})
AWB_FIELDS = ("awb_no", "awb_number", "awb", "waybill")
PRODUCTION = "https://my.ithinklogistics.com"
PRODUCTION_TRACKING = "https://api.ithinklogistics.com"


class IThinkAccount(Account):
    """Both secrets come from iThink's team and travel in the body."""

    base_url: str = PRODUCTION
    track_url: str = Field(default="", validate_default=True)
    """Where shipments are tracked. Unless it is given: iThink's own host for that
    with the default ``base_url``, else ``base_url``, so that what is meant for a
    staging system never reaches the real one."""
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
    name: ClassVar[str] = "ithink"
    policy: ClassVar[Policy] = POLICY
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
        document = _document(reply)
        words = _words(document)
        if held := _fault(document, words, reply):
            return held
        rows = _rows(orders, document.get("data"))
        if _succeeded(document, reply):
            return Findings({awb: _row(row) for awb, row in rows.items()})
        if rows:
            # It says error, and its rows say what: none of them is a success.
            return Findings({awb: _row_of_error(row) for awb, row in rows.items()})
        return _refused(orders, document, words, reply)

    def build_read(
        self, account: IThinkAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, account.track_url, "track", "awb_number_list", orders)

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = _document(reply)
        words = _words(document)
        if held := _fault(document, words, reply):
            return held
        if not _succeeded(document, reply):
            return _unread(orders, document, words, reply)
        data = document.get("data")
        return Findings({o.id: _tracked(o.id, _entry(o.id, data)) for o in orders})

    def build_probe(self, account: IThinkAccount, token: str | None) -> Request | None:
        # Tracking changes nothing, and an AWB "0" is nobody's.
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


# --- the whole reply --------------------------------------------------------------


def _document(reply: Reply) -> dict[str, Any]:
    try:
        return reply.json_object()
    except UnreadableReplyError:
        if reply.status in HTTP_FAULTS:
            return {}  # a gateway's own page: its status says enough
        raise


def _words(document: Mapping[str, Any]) -> str | None:
    said = (document.get("message"), document.get("html_message"))
    return first_text(*map(without_html, said))


def _fault(document: Mapping[str, Any], words: str | None, reply: Reply) -> Held | None:
    failed = _is_error(document, reply)
    # A 404 in iThink's own form is about a shipment, not about the address.
    at_fault = reply.status in HTTP_FAULTS and not (reply.status == 404 and failed)
    named = failed and (
        as_number(document.get("status_code")) in (401, 403)
        or ACCOUNT_WORDS.search(fold(words))
    )
    if not at_fault and not named:
        return None
    what = HTTP_FAULTS[reply.status if at_fault else 401]
    return Held(f'iThink refused the call ({reply.status}, "{words or ""}"): {what}')


def _is_error(document: Mapping[str, Any], reply: Reply) -> bool:
    word = fold(first_text(document.get("status")))
    return word in ERRORS or reply.status == 400


def _succeeded(document: Mapping[str, Any], reply: Reply) -> bool:
    word = fold(first_text(document.get("status")))
    code = document.get("status_code")
    # 2026-11-29 [C]: a client expects a success to say 1.
    good = code is None or as_number(code) in (200, 1)
    return reply.ok and word == SUCCESS and good


def _refused(
    orders: Sequence[Order],
    document: Mapping[str, Any],
    words: str | None,
    reply: Reply,
) -> Parsed:
    """An error for all of them: nothing was done, unless it is a breakdown."""
    # Rows that cannot be told apart may hold one that was acted on.
    if document.get("data") or not _is_refusal(document, words, reply):
        return _nothing_known(orders, document, words)
    default = Reason.INVALID_REQUEST if reply.status == 400 else Reason.REFUSED
    finding = of_remark(words, Finding(Outcome.REFUSED, default))
    finding = _with_words(finding, document.get("status") or reply.status, words)
    if len(orders) > 1:
        return BatchRefused(finding)
    return Findings({orders[0].id: finding})


def _unread(
    orders: Sequence[Order],
    document: Mapping[str, Any],
    words: str | None,
    reply: Reply,
) -> Parsed:
    """Tracking that was refused says nothing, but one AWB may spoil it for ten."""
    if len(orders) > 1 and _is_refusal(document, words, reply):
        return BatchRefused(_with_words(UNKNOWN, document.get("status"), words))
    return _nothing_known(orders, document, words)


def _is_refusal(document: Mapping[str, Any], words: str | None, reply: Reply) -> bool:
    """Whether it was turned away, and did not break down on the way."""
    broken = (as_number(document.get("status_code")) or 0) >= 429
    return (
        _is_error(document, reply) and not broken and not BREAKDOWN.search(fold(words))
    )


def _nothing_known(
    orders: Sequence[Order], document: Mapping[str, Any], words: str | None
) -> Findings:
    nothing = _with_words(UNKNOWN, document.get("status"), words)
    return Findings({order.id: nothing for order in orders})


# --- the rows of a cancel ---------------------------------------------------------


def _rows(orders: Sequence[Order], data: object) -> dict[str, dict[str, Any]]:
    """Each AWB's row, or nothing at all where they cannot be told for certain."""
    count = len(orders)
    if isinstance(data, dict) and data and data.keys() <= {o.id for o in orders}:
        # 2026-11-29 [C]: rows keyed by AWB. One that is missing stays unknown.
        by_awb = {awb: as_object(row) for awb, row in data.items()}
        return {} if any(_names_another(*one) for one in by_awb.items()) else by_awb
    if isinstance(data, list):
        rows = data if len(data) == count else []
    else:
        keyed = as_object(data)
        first = 0 if "0" in keyed else 1
        keys = [str(n) for n in range(first, first + count)]
        rows = [keyed[key] for key in keys] if set(keys) == set(keyed) else []
    pairs = list(zip((o.id for o in orders), map(as_object, rows), strict=False))
    if any(_names_another(awb, row) for awb, row in pairs):
        return {}
    return dict(pairs)


def _names_another(awb: str, row: Mapping[str, Any]) -> bool:
    named = first_text(*map(row.get, AWB_FIELDS))
    return named is not None and named != awb


def _row(row: Mapping[str, Any]) -> Finding:
    return _said(first_text(row.get("status")), without_html(row.get("remark")))


@lru_cache(maxsize=256)  # most rows of a reply say the same
def _said(status: str | None, remark: str | None) -> Finding:
    word = fold(status)
    if word == SUCCESS:
        return _with_words(CANCELLED, status, remark)
    if word not in ERRORS:
        return _with_words(UNKNOWN, status, remark)
    finding = of_remark(remark, Finding(Outcome.REFUSED, Reason.REFUSED))
    return _with_words(finding, status, remark)


def _row_of_error(row: Mapping[str, Any]) -> Finding:
    finding = _row(row)
    if finding.outcome is Outcome.CANCELLED:
        return _with_words(UNKNOWN, finding.code, finding.message)
    return finding


# --- a tracked shipment -----------------------------------------------------------


def _entry(awb: str, data: object) -> dict[str, Any]:
    """What tracking holds under this AWB, or in an entry that names it."""
    keyed = as_object(data)
    entries = [as_object(keyed[awb])] if awb in keyed else []
    if not entries:
        listed = data if isinstance(data, list) else list(keyed.values())
        named = (as_object(entry) for entry in listed)
        entries = [e for e in named if first_text(e.get("awb_no")) == awb]
    return entries[0] if len(entries) == 1 else {}


def _tracked(awb: str, entry: Mapping[str, Any]) -> Finding:
    status = first_text(entry.get("current_status"))
    code = (first_text(entry.get("current_status_code")) or "").upper()
    message = first_text(entry.get("message"))
    if fold(message) not in ("", SUCCESS) or _names_another(awb, entry):
        return _with_words(UNKNOWN, status or code, message)
    cancel_status = first_text(entry.get("cancel_status"))
    finding = of_tracking(status, code, cancel_status)
    beside = cancel_status and first_text(f"cancel_status: {cancel_status}")
    return _with_words(finding, status or code, beside)


def _with_words(finding: Finding, code: object, message: str | None) -> Finding:
    return Finding(finding.outcome, finding.reason, first_text(code), message)
