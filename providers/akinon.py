"""Akinon (Omnitron): cancels a web-shop order, whole or some of its items.

Pages: ``Order Cancellation``, ``Get Order``, ``Authentication``, and the official
clients; read 2026-11-20. Its quirks, and how sure we are of each ([D] documented,
[C] seen in clients, [A] assumed):

- A 200 carries the order's detail [D]. The cancel may still be in progress then: the
  order, or each named item, is read until it is at 100 (50 is "cancellation waiting")
  [A].
- ``return_details: false`` gets a short body that no page shows. It is read as "the
  cancel was accepted", and as nothing more [A].
- Refusals are 400 to 499 [D]. No refusal is final here: the order is read back first.
  A refusal that names a cancellation ("Order already cancelled!") decides nothing [A].
- How the detail shows items is not public. Three names for the list and two names for
  an item's id are accepted; a status may be a number, a text or an object [A].
- Bad credentials are a 400 at the login, an expired token is a 401 elsewhere [C].
- The page writes the path as ``/api/i1``, and its sample as ``/api/v1`` [D]:
  ``api_prefix`` chooses.
- IBANs and holders' names are personal data. They stand in the request only, and are
  masked in replies that quote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator

from providers.akinon_advice import ADVICE, PANEL
from providers.akinon_facts import FACTS
from providers.akinon_params import SEALED_PARAMS, AkinonParams, canonical
from providers.akinon_replies import (
    cancel_shown,
    fault_of,
    refusal_of,
    said_by,
    shown_by,
)
from rescind.provider.account import Account
from rescind.provider.error_pages import turned_away, turned_away_login
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import Params, Token, WithLogin
from rescind.provider.outcomes import (
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

POLICY = Policy(
    # No limit is documented, and each shop has its own host: 5 a second is our own
    # courtesy [A].
    rate="5/second",
    concurrency=4,
    # The refund goes through a bank while the call is open [A].
    read_timeout=45.0,
    resend_delays=seconds(1, 5, 15, 60, 300),
    max_attempts=5,
    # "Cancellation waiting" may wait for a person in the shop [A]: two days.
    poll_delays=seconds(5, 15, 30, 60, 300, 900),
    poll_for=timedelta(days=2),
    verify_delays=seconds(0, 5, 15, 60, 300),
    verify_for=timedelta(hours=6),
    # The effect of a second cancel is unknown, and money moves: never sent blindly.
    repeatable=False,
    # A refusal may be about a cancellation in progress: read the order first [A].
    refusal_is_final=False,
    # The provider may still execute a call whose answer was lost, for as long as a
    # call takes [A].
    active_trusted_after=timedelta(seconds=60),
    # An order whose cancel waits has its own status, "cancellation waiting" [D]. A shop
    # that declines sets the old status back [A, 2026-11-29]. The hour covers items
    # that are cancelled one after another.
    queued_for=timedelta(hours=1),
)


class AkinonAccount(Account):
    """The shop's own host, and either a token or the login's user name and password."""

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
                "token is set, and username or password too: set either token,"
                " or username and password"
            )
        if self.token is None and not all(login):
            raise ValueError("username and password are required, unless token is set")
        return self

    def secrets(self) -> tuple[str, ...]:
        # The user name is half of the login, so it is masked too.
        return (*super().secrets(), *((self.username,) if self.username else ()))


class Akinon(WithLogin[AkinonAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "akinon"
    panel: ClassVar[str] = PANEL
    advice: ClassVar[Mapping[Reason, str]] = ADVICE
    policy: ClassVar[Policy] = POLICY
    facts = FACTS
    account_model: ClassVar[type[Account]] = AkinonAccount
    params_model: ClassVar[type[Params]] = AkinonParams
    sealed_params: ClassVar[frozenset[str]] = SEALED_PARAMS
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
            # The provider wants null where there is no amount [D].
            "forced_refund_amount": params.get("forced_refund_amount"),
        }
        document |= {k: v for k, v in params.items() if k not in document}
        return _call(account, token, "POST", f"{_path(order)}cancel/", document)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if fault := fault_of(reply.status):
            return fault
        order = orders[0]
        document = reply.json()
        if not reply.ok:
            return Findings({order.id: refusal_of(order, document, reply.status)})
        if order.params.get("return_details") is False:
            return Findings({order.id: Finding(Outcome.REQUESTED)})
        if not isinstance(document, dict):
            raise UnreadableReplyError("a 200 whose body is not an order")
        return Findings({order.id: cancel_shown(order, document)})

    def build_read(
        self, account: AkinonAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, token, "GET", _path(orders[0]))

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        if page := turned_away(reply):
            return page
        if fault := fault_of(reply.status):
            return fault
        order, document = orders[0], reply.json_object()
        if reply.ok:
            return Findings({order.id: shown_by(order, document)})
        outcome = Outcome.GONE if reply.status == 404 else Outcome.UNKNOWN
        said = said_by(order, document, reply.status)
        return Findings({order.id: Finding(outcome, None, *said)})

    def build_probe(self, account: AkinonAccount, token: str | None) -> Request | None:
        # Order 0 does not exist: a 404 proves the token, and nothing is changed.
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
            raise UnreadableReplyError("a login reply without a key")
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


def _named(params: Mapping[str, Any]) -> frozenset[str]:
    """The items that a cancellation names; empty where it is for the whole order."""
    return frozenset(map(str, params.get("cancel_items") or ()))
