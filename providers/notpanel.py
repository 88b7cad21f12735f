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
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

from providers.notpanel_words import (
    BREAKDOWN,
    NOT_FOUND,
    OF_A_CALL,
    OF_AN_ORDER,
    REQUESTED,
    STATUSES,
    of_error,
)
from rescind.provider.error_pages import turned_away
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Account, Provider
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
from rescind.provider.text import as_object, first_text, fold

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

ACCOUNT_WORDS = re.compile(r"\bkey\b|\baccount\b.*\b(?:suspended|blocked|disabled)\b")
"""An error that is about the account: "Account suspended" [D], an invalid key [A]."""
HTTP_FAULTS: Mapping[int, str] = {
    401: "check the key",
    403: "check the key, and on the dashboard whether the account is suspended",
    404: "check base_url",
}
REFUSED_WHOLE = frozenset({400, 404, 413, 422})
ID = re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

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
        document = _document(reply)
        words = _error(document, reply)
        if held := _fault(words, reply):
            return held
        if words is not None:
            finding = _with_words(of_error(words), reply.status, words)
            return _refused(orders, reply, words, finding)
        if not reply.ok:
            return _nothing_known(orders, reply, None)
        return _findings(orders, _rows(orders, document, "cancel"), _cancel_row)

    def build_read(
        self, account: NotPanelAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, "status", orders)

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        document = _document(reply)
        words = _error(document, reply)
        if held := _fault(words, reply):
            return held
        if words is not None:
            return _refused(orders, reply, words, _read_error(words, reply.status))
        if not reply.ok:
            return _nothing_known(orders, reply, None)
        return _findings(orders, _rows(orders, document, "status"), _status_row)

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


# --- the whole reply --------------------------------------------------------------


def _document(reply: Reply) -> Any:
    try:
        return reply.json()
    except UnreadableReplyError:
        if reply.status in HTTP_FAULTS:
            return None  # a gateway's own page: its status says enough
        raise


def _error(document: object, reply: Reply) -> str | None:
    """The words of an error that stands alone, for all that was asked."""
    whole = as_object(document)
    if whole.get("cancel") or _of_status(whole) is not None:
        return None
    return first_text(whole.get("error"), None if reply.ok else whole.get("message"))


def _fault(words: str | None, reply: Reply) -> Held | None:
    # Words, or a 404, that are about an order are not about the account.
    of_an_order = of_error(words) != UNKNOWN and reply.status not in (401, 403)
    named = ACCOUNT_WORDS.search(fold(words))
    if of_an_order or not (named or reply.status in HTTP_FAULTS):
        return None
    what = HTTP_FAULTS[403 if named else reply.status]
    return Held(f'notpanel refused the call ({reply.status}, "{words or ""}"): {what}')


def _refused(
    orders: Sequence[Order], reply: Reply, words: str, finding: Finding
) -> Parsed:
    """One error for all that was asked; ``finding`` is what it says of one order."""
    if len(orders) == 1:
        return Findings({orders[0].id: finding})
    broken = BREAKDOWN.search(fold(words))
    if broken or not (reply.ok or reply.status in REFUSED_WHOLE):
        return _nothing_known(orders, reply, words)
    # 2026-11-20 [A]: one error for all of them means that none was acted on.
    return BatchRefused(finding)


def _nothing_known(
    orders: Sequence[Order], reply: Reply, words: str | None
) -> Findings:
    nothing = _with_words(UNKNOWN, reply.status, words)
    return Findings({order.id: nothing for order in orders})


# --- each order's row -------------------------------------------------------------


def _rows(
    orders: Sequence[Order], document: object, mark: str
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Rows with the order that each one names: an array, a map, or one alone."""
    if isinstance(document, list):
        for row in map(as_object, document):
            yield first_text(row.get("order")), row
        return
    whole = as_object(document)
    if mark in whole:
        if len(orders) == 1:
            yield first_text(whole.get("order"), orders[0].id), whole
        return
    for key, value in whole.items():
        row = as_object(value)
        named = first_text(row.get("order"), key)
        yield key if named == key else None, row


def _findings(
    orders: Sequence[Order],
    rows: Iterator[tuple[str | None, dict[str, Any]]],
    read: Callable[[str, dict[str, Any]], Finding],
) -> Findings:
    asked = {order.id for order in orders}
    found: dict[str, Finding] = {}
    for order, row in rows:
        if order in asked and order is not None:
            finding = read(order, row)
            # Two rows for one order that differ decide nothing.
            same = found.get(order) in (None, finding)
            found[order] = finding if same else UNKNOWN
    return Findings(found)


def _cancel_row(order: str, row: Mapping[str, Any]) -> Finding:
    cancel = row.get("cancel")
    error = first_text(row.get("error"), as_object(cancel).get("error"))
    taken = _taken_on(cancel, order)
    if row.get("error") and taken:
        return _with_words(UNKNOWN, None, error)
    if taken:
        return REQUESTED
    return _with_words(of_error(error), None, error or first_text(cancel))


def _taken_on(cancel: object, order: str) -> bool:
    """Whether ``cancel`` is a yes: the order's id, 1, or an id of another kind."""
    text = "1" if cancel is True else first_text(cancel)
    if text is None or not ID.fullmatch(text) or not text.strip("0"):
        return False
    # An id of the order's own kind is another order's.
    return text in ("1", order) or _prefix(text) != _prefix(order)


def _prefix(text: str) -> str:
    return text.rpartition("_")[0]


def _status_row(order: str, row: Mapping[str, Any]) -> Finding:
    del order
    raw, error = first_text(row.get("status")), first_text(row.get("error"))
    finding = _of_status(row)
    if row.get("error") and finding:
        return _with_words(UNKNOWN, raw, error)
    if finding is None:
        return _read_error(error, raw)
    partial = finding.reason is Reason.PARTIAL
    return _with_words(finding, raw, _remains(row) if partial else None)


def _of_status(row: Mapping[str, Any]) -> Finding | None:
    """What the row's status says of an order, if it is one."""
    word = fold((first_text(row.get("status")) or "").replace("-", " "))
    failed_call = word in OF_A_CALL and not OF_AN_ORDER & row.keys()
    return None if failed_call else STATUSES.get(word)


def _read_error(words: str | None, code: str | int | None) -> Finding:
    gone = of_error(words) == NOT_FOUND
    return _with_words(Finding(Outcome.GONE) if gone else UNKNOWN, code, words)


def _remains(row: Mapping[str, Any]) -> str:
    left = first_text(row.get("remains")) or "an unknown number"
    return f"delivered in part: {left} of it remained, and was cancelled and refunded"


def _with_words(finding: Finding, code: object, message: str | None) -> Finding:
    words = first_text(message)
    return Finding(finding.outcome, finding.reason, first_text(code), words)
