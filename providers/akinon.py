"""Akinon (Omnitron): cancels a web-shop order, whole or some of its items.

Pages: ``Order Cancellation``, ``Get Order``, ``Authentication``, and the official
clients; read 2026-11-20. Its quirks, and how sure we are of each ([D] documented,
[C] seen in clients, [A] assumed):

- 200 brings the order's detail [D] and need not be the end: the order, or each named
  item, is read until it is at 100 (50 is "cancellation waiting") [A].
- ``return_details: false`` brings a short body that is shown nowhere: it says no
  more than that the cancel was taken on [A].
- Refusals are 400 to 499 [D], and none is final here: the order is read back first.
  One that names a cancellation ("Order already cancelled!") decides nothing [A].
- How the detail shows items is not public: three names for the list and two for an
  item's id are accepted, with a status as number, text or object [A].
- Bad credentials are a 400 at the login, an expired token a 401 elsewhere [C].
- The path is ``/api/i1`` in one place of the page and ``/api/v1`` in its sample [D]:
  ``api_prefix`` says which.
- An IBAN or a holder's name is personal data: in the request alone, and out of any
  words that quote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from providers.akinon_params import AkinonParams, canonical, item_id
from rescind.provider.error_pages import turned_away, turned_away_login
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import Account, Params, Token, WithLogin
from rescind.provider.outcomes import (
    UNKNOWN,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    Reason,
    TokenRefused,
    UnreadableReplyError,
)
from rescind.provider.policy import Policy, seconds
from rescind.provider.text import as_number, as_object, first_text, fold

POLICY = Policy(
    # No limit is documented, and each shop has its own host: a courtesy [A].
    rate="5/second",
    concurrency=4,
    # A cancel pays back through a bank while the call is open [A].
    read_timeout=45.0,
    resend_delays=seconds(1, 5, 15, 60, 300),
    max_attempts=5,
    # "Cancellation waiting" may wait for a person in the shop [A]: two days.
    poll_delays=seconds(5, 15, 30, 60, 300, 900),
    poll_for=timedelta(days=2),
    verify_delays=seconds(0, 5, 15, 60, 300),
    verify_for=timedelta(hours=6),
    # Unknown what a second cancel does, and money moves: never sent blindly.
    repeatable=False,
    # A refusal may speak of a cancellation under way: read the order first [A].
    refusal_is_final=False,
    # A call whose answer was lost may still be at work for as long as it took [A].
    active_trusted_after=timedelta(seconds=60),
    # What waits has a status of its own, "cancellation waiting" [D]; a shop that says
    # no sets it back [A, 2026-11-29]. The hour is for items that follow one by one.
    queued_for=timedelta(hours=1),
)

CLOSED = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)
STATUSES: Mapping[int, Finding] = {
    50: Finding(Outcome.REQUESTED),  # cancellation_waiting
    100: Finding(Outcome.CANCELLED, Reason.CONFIRMED),
    200: Finding(Outcome.ACTIVE),  # waiting
    300: Finding(Outcome.ACTIVE),  # payment_waiting
    350: Finding(Outcome.ACTIVE),  # confirmation_waiting
    400: Finding(Outcome.ACTIVE),  # approved
    450: Finding(Outcome.ACTIVE),  # preparing
    500: CLOSED,  # shipped
    510: CLOSED,  # shipped_and_informed
    520: CLOSED,  # ready_for_pickup: it has left the warehouse [A]
    540: CLOSED,  # attempted_delivery
    # 544 and 545, "review": of what, nobody says. Unknown.
    550: Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED),  # delivered [A]
}
"""Status of an order and of an item. Anything else is unknown."""

DONE = r"(?:di|en|mis(?:ti|tir)?|digi icin|diginden)"
"""Endings of a Turkish past, whole: *edildikten sonra* (after it was) and *edilmedi*
(was not) share its beginning."""
NAMES_A_CANCELLATION = re.compile(
    r"already (?:been )?cancel|cancell?ation\b.*\b(?:progress|waiting|exists?)\b"
    r"|\biptal edil(?:di|mis)|\biptal (?:islemi|talebi)"
)
HEDGED = re.compile(
    r"\b(?:not|never|only|or|until|unless|before|after|if|when|will|being|to be"
    r"|degil|sadece|yalnizca|veya|ya da|kadar|eger|ise|sonra|(?<!daha )once)\b"
)
"""With these a sentence names a status without saying that it is the order's."""
REFUSAL_WORDS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (
        re.compile(rf"\bdelivered\b|\bteslim edil{DONE}\b"),
        Reason.ALREADY_COMPLETED,
    ),
    (re.compile(rf"\bshipped\b|\bkargoya veril{DONE}\b"), Reason.WINDOW_CLOSED),
    (
        re.compile(r"can(?:not|['’]t) be cancel.*status|\biptal edilem"),
        Reason.WINDOW_CLOSED,
    ),
)
"""Why it is refused, in folded words of a sibling API [D] and its Turkish [A]."""

NO_FIELD = ("detail", "non_field_errors", "message", "error")
"""Where an error stands that is not about one field of the request."""
ITEM_LISTS = ("orderitem_set", "order_items", "items")
IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30}\b")


class AkinonAccount(Account):
    """The shop's own host, and a token or the credentials that log in for one."""

    api_prefix: str = "/api/i1"
    token: SecretStr | None = None
    username: str | None = Field(default=None, min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)

    @field_validator("api_prefix")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if not re.fullmatch(r"(?:/[A-Za-z0-9._-]+)+/?", value):
            raise ValueError("must be a path such as /api/i1")
        return value.rstrip("/")

    @field_validator("token")
    @classmethod
    def _is_sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _sendable(value.get_secret_value()):
            raise ValueError("must be printable ASCII without spaces, and not empty")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        login = (self.username is not None, self.password is not None)
        if self.token is not None and any(login):
            raise ValueError(
                "token stands alone: leave out username and password, or leave out"
                " token to log in with them"
            )
        if self.token is None and not all(login):
            raise ValueError("username and password are required, or else token")
        return self

    def secrets(self) -> tuple[str, ...]:
        # Half of what logs in, though it may be shown to whoever wrote it.
        return (*super().secrets(), *((self.username,) if self.username else ()))


class Akinon(WithLogin[AkinonAccount]):
    name: ClassVar[str] = "akinon"
    policy: ClassVar[Policy] = POLICY
    account_model: ClassVar[type[Account]] = AkinonAccount
    params_model: ClassVar[type[Params]] = AkinonParams
    sealed_params: ClassVar[frozenset[str]] = frozenset({"ibans", "holder_names"})
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[1-9][0-9]{0,17}")
    order_form: ClassVar[str] = "the order's id (not its order number): 1 to 18 digits"

    def canonical_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return canonical(super().canonical_params(params))

    def default_key(self, order: str, params: Mapping[str, Any]) -> str:
        items = ",".join(map(str, sorted(params.get("cancel_items", ()))))
        return f"{order}:{items}" if items else order

    def overlap(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        some, others = _named(one), _named(other)
        return not some or not others or bool(some & others)

    def covers(self, done: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        items, asked = _named(done), _named(wanted)
        return not items or (bool(asked) and asked <= items)

    def build_cancel(
        self, account: AkinonAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        order, params = orders[0], orders[0].params
        document = {
            "order": int(order.id),
            "is_all": params.get("is_all", False),
            "cancel_items": params.get("cancel_items", []),
            "reasons": params["reasons"],
            # Null must be sent when there is none [D].
            "forced_refund_amount": params.get("forced_refund_amount"),
        }
        document |= {k: v for k, v in params.items() if k not in document}
        return _call(account, token, "POST", f"{_path(order)}cancel/", document)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if fault := _fault(reply.status):
            return fault
        order = orders[0]
        document = reply.json()
        if not reply.ok:
            return Findings({order.id: _refusal(order, document, reply.status)})
        if order.params.get("return_details") is False:
            return Findings({order.id: Finding(Outcome.REQUESTED)})
        if not isinstance(document, dict):
            raise UnreadableReplyError("a 200 that does not bring an order")
        shown = _shown(order, document)
        if shown.outcome is Outcome.CANCELLED:
            return Findings({order.id: shown})
        taken_on = Finding(Outcome.REQUESTED, None, shown.code, shown.message)
        return Findings({order.id: taken_on})

    def build_read(
        self, account: AkinonAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, token, "GET", _path(orders[0]))

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if fault := _fault(reply.status):
            return fault
        order, document = orders[0], reply.json_object()
        if reply.ok:
            return Findings({order.id: _shown(order, document)})
        outcome = Outcome.GONE if reply.status == 404 else Outcome.UNKNOWN
        said = _said(order, document, reply.status)
        return Findings({order.id: Finding(outcome, None, *said)})

    def build_probe(self, account: AkinonAccount, token: str | None) -> Request | None:
        # Order 0 exists nowhere: a 404 proves the token, and nothing is changed.
        return self.build_read(account, token, [Order("0")])

    def static_token(self, account: AkinonAccount) -> str | None:
        return account.token.get_secret_value() if account.token else None

    def build_login(self, account: AkinonAccount) -> Request:
        password = account.password.get_secret_value() if account.password else ""
        document = {"username": account.username, "password": password}
        return _call(account, None, "POST", "auth/login/", document)

    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        if page := turned_away_login(reply):
            return page
        if reply.status >= 400:
            return Held(
                f"Akinon refused the login ({reply.status}): check username, password,"
                " base_url and api_prefix"
            )
        token = reply.json_object().get("key")
        if not isinstance(token, str) or not _sendable(token):
            raise UnreadableReplyError("a login that brought no key")
        return Token(token)


def _call(
    account: AkinonAccount,
    token: str | None,
    method: str,
    path: str,
    document: object = None,
) -> Request:
    headers = {"Authorization": f"Token {token}"} if token else {}
    url = f"{account.base_url}{account.api_prefix}/{path}"
    return json_request(method, url, document, headers)


def _path(order: Order) -> str:
    return f"orders/{quote(order.id, safe='')}/"


def _sendable(token: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]{1,4096}", token) is not None


def _fault(status: int) -> Held | TokenRefused | None:
    if status == 401:
        return TokenRefused("Akinon refused the token (401)")
    if status == 403:
        return Held("Akinon forbids it (403): check the user's permissions")
    return None


# --- what an order shows ----------------------------------------------------------


def _shown(order: Order, document: dict[str, Any]) -> Finding:
    """What the order's detail says of the whole order, or of the named items."""
    given = (document.get(name) for name in ("pk", "id"))
    ids = {_digits(one) for one in given if one is not None}
    if ids and order.id not in ids:
        return Finding(Outcome.UNKNOWN, message="a reply that is not this order's")
    named = {str(item) for item in order.params.get("cancel_items", ())}
    own = document.get("status")
    if not named and own is not None:
        return _together([_code(own)])
    items = _items(document)
    if named - {item for item, _ in items}:
        return Finding(Outcome.UNKNOWN, message="a reply without all the named items")
    return _together([code for item, code in items if not named or item in named])


def _items(document: dict[str, Any]) -> list[tuple[str | None, int | None]]:
    """Each item's id and status, under whatever name the detail lists them [A]."""
    lists = [document.get(name) for name in ITEM_LISTS]
    rows = [as_object(row) for part in lists if isinstance(part, list) for row in part]
    return [
        (_digits(row.get("pk", row.get("id"))), _code(row.get("status")))
        for row in rows
    ]


def _known(codes: list[int | None]) -> set[int]:
    return {code for code in codes if code is not None}


def _digits(value: object) -> str | None:
    try:
        return str(item_id(value))
    except ValueError:
        return None


def _code(status: object) -> int | None:
    nested = as_object(status)
    return as_number(nested.get("value", nested.get("code")) if nested else status)


def _together(codes: list[int | None]) -> Finding:
    """One finding for all: cancelled only if each is, and unknown if they differ."""
    found = {STATUSES.get(one, UNKNOWN) if one else UNKNOWN for one in codes}
    outcomes = {finding.outcome for finding in found}
    code = first_text(",".join(str(one) for one in sorted(_known(codes))))
    if len(found) == 1:
        same = found.pop()
        return Finding(same.outcome, same.reason, code)
    if outcomes == {Outcome.CANCELLED, Outcome.REQUESTED}:
        return Finding(Outcome.REQUESTED, None, code)
    if outcomes == {Outcome.REFUSED}:
        return Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED, code)
    return Finding(Outcome.UNKNOWN, None, code)


# --- what a refusal says ----------------------------------------------------------


def _refusal(order: Order, document: object, status: int) -> Finding:
    code, message = _said(order, document, status)
    words = fold(message)
    if status < 400:
        return Finding(Outcome.UNKNOWN, None, code, message)
    if NAMES_A_CANCELLATION.search(words):
        # By whom, and is it done? Read back, never taken for an outcome.
        return Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED, code, message)
    rules = () if HEDGED.search(words) else REFUSAL_WORDS
    named = (reason for pattern, reason in rules if pattern.search(words))
    reason = next(named, _by_form(document, status))
    return Finding(Outcome.REFUSED, reason, code, message)


def _by_form(document: object, status: int) -> Reason:
    """Why, where no words tell: a field is at fault, or nothing more is known."""
    if status == 404:
        return Reason.NOT_FOUND
    fields = set(as_object(document)) - {"code", *NO_FIELD}
    return Reason.INVALID_REQUEST if fields else Reason.REFUSED


def _said(order: Order, document: object, status: int) -> tuple[str, str | None]:
    """Code and words of an error, without anything that is sealed."""
    body = as_object(document)
    said = [(name, _text(part)) for name, part in body.items() if name != "code"]
    parts = [t if name in NO_FIELD else f"{name}: {t}" for name, t in said if t]
    words = "; ".join(parts) if body else _text(document)
    code = first_text(_unsealed(order, _text(body.get("code")))) or str(status)
    return code, first_text(_unsealed(order, words))


def _text(value: object, depth: int = 3) -> str:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        parts = [_text(part, depth - 1) for part in value[:5]] if depth else []
        return " ".join(part for part in parts if part)
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if plain else ""


def _unsealed(order: Order, words: str) -> str:
    """``words`` without the IBANs and names that the provider may quote."""
    # Before they are cut to length: a value must not survive by being cut in half.
    for values in (as_object(order.params.get(name)) for name in Akinon.sealed_params):
        for value in map(str, values.values()):
            for form in {value, value.replace(" ", "")} - {""}:
                words = re.sub(re.escape(form), "***", words, flags=re.IGNORECASE)
    return IBAN.sub("***", words)


def _named(params: Mapping[str, Any]) -> frozenset[str]:
    """The items that a cancellation is about; none where it is about all of them."""
    return frozenset(map(str, params.get("cancel_items") or ()))
