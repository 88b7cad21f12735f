"""Twilio: cancels scheduled messages (SMS, MMS, WhatsApp), one in a call.

Pages, read 2026-11-30: ``Messages resource``, ``Message Scheduling``, ``Twilio API
requests``, ``Twilio API responses``, the errors 20003, 20403, 20404, 20429, 30409,
70051 and 10001; twilio-python and the OpenAPI file of twilio-oai. Nothing here was
tried against the live service. How sure we are of each fact ([D] documented, [C] seen
in clients, [A] assumed):

- A cancel updates the message: ``Status=canceled`` in a form, and a 200 with the whole
  message [D]. Only a message that is ``scheduled`` can be canceled, and only one of a
  Messaging Service is ever scheduled [D].
- A refusal is a JSON object with a numeric ``code`` and a ``message`` [D]. Which HTTP
  status 30409 has is not documented: the code is read, and not the status [A].
- Whether a second cancel of a canceled message answers 30409 or 200 is not documented.
  It is never sent while the first one may have worked.
- A message is read with a GET [D]. How soon it shows a cancel is not documented: a
  ``scheduled`` is believed a minute after the last call [A].
- 20404 also means a wrong account SID in the address [D]. The probe lists messages, so
  it finds that; a restricted API key may lack the permission for it [D].
- The credentials are HTTP Basic: an API key and its secret, or the account SID and its
  auth token [D]. The account SID is a part of every address [D].
- A 429 was never processed [D]. The number of calls at once is limited; by how many is
  not documented.
- A message can be scheduled from 5 minutes to 35 days ahead [D]. Twilio does not show
  the time again, so a producer names it as the param ``send_at``.
- A status callback tells of each change after the first status [D]. Whether it also
  tells of a cancel is not documented; it is no evidence in any case. It is signed by
  the primary auth token, also where calls use an API key [D].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from rescind.provider import (
    Account,
    Event,
    EventNews,
    Fact,
    Order,
    Params,
    Parsed,
    Policy,
    Reply,
    Request,
    WithEvents,
    basic,
    form_request,
    seconds,
)
from rescind_twilio.events import is_signed_by, news_of
from rescind_twilio.facts import FACTS
from rescind_twilio.params import TwilioParams, read_time
from rescind_twilio.replies import cancel_said, probe_said, reading_said

POLICY = Policy(
    # Twilio limits the calls at once, and names no number [D]: our own courtesy [A].
    rate="5/second",
    concurrency=4,
    resend_delays=seconds(1, 5, 15, 60, 300),
    max_attempts=5,
    # A cancel is done or refused at once [D]: there is nothing to poll.
    poll_delays=seconds(60),
    verify_delays=seconds(1, 5, 65, 120, 300),
    verify_for=timedelta(hours=6),
    # No page says that a second cancel does no harm.
    repeatable=False,
    # A call whose answer was lost may still take effect for so long, and a reading may
    # be so old [A].
    active_trusted_after=timedelta(seconds=60),
)

KEPT = frozenset({"sid", "status", "error_code", "code", "message", "more_info"})
"""What may be kept of a reply: a message also has its text and two phone numbers."""


class TwilioAccount(Account):
    """The account, and an API key with its secret, or the account's auth token."""

    base_url: str = "https://api.twilio.com"
    account_sid: str = Field(pattern=r"^AC[0-9a-f]{32}$")
    auth_token: SecretStr | None = None
    api_key: str | None = Field(default=None, pattern=r"^SK[0-9a-f]{32}$")
    api_key_secret: SecretStr | None = None
    callback_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+/\S*$")
    """The address of status callbacks, as Twilio was given it: it signs it, too."""
    callback_auth_token: SecretStr | None = None
    """The auth token that signs callbacks, where calls use an API key."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        key = (self.api_key is not None, self.api_key_secret is not None)
        if self.auth_token is not None and any(key):
            raise ValueError(
                "auth_token is set, and api_key or api_key_secret too: set either"
                " auth_token, or api_key and api_key_secret"
            )
        if self.auth_token is None and not all(key):
            raise ValueError(
                "api_key and api_key_secret are required, unless auth_token is set"
            )
        return self

    def signing_token(self) -> str | None:
        """The token that signs callbacks; ``None`` if the account does not have it."""
        token = self.callback_auth_token or self.auth_token
        return token.get_secret_value() if token else None

    def login(self) -> tuple[str, str]:
        """The user and the password of HTTP Basic."""
        if self.auth_token is not None:
            return self.account_sid, self.auth_token.get_secret_value()
        secret = self.api_key_secret.get_secret_value() if self.api_key_secret else ""
        return self.api_key or "", secret

    def secrets(self) -> tuple[str, ...]:
        # The user is half of the login, so it is masked too.
        users = (self.account_sid, *((self.api_key,) if self.api_key else ()))
        return (*super().secrets(), *users)


class Twilio(WithEvents[TwilioAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "twilio"
    panel: ClassVar[str] = "the Twilio Console, by its message SID"
    policy: ClassVar[Policy] = POLICY
    facts: ClassVar[tuple[Fact, ...]] = FACTS
    account_model: ClassVar[type[Account]] = TwilioAccount
    params_model: ClassVar[type[Params]] = TwilioParams
    # The OpenAPI file allows capitals, too [C]. Whether Twilio takes both for the same
    # message is not documented, so a producer sends the SID as Twilio wrote it.
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
    order_form: ClassVar[str] = (
        "the message SID: SM or MM, and 32 digits and small letters from a to f"
    )

    def cancellable_until(
        self, order: str, params: Mapping[str, Any]
    ) -> datetime | None:
        # Only a scheduled message can be canceled [D]: at its time it is sent.
        planned = params.get("send_at")
        return read_time(planned) if planned else None

    def build_cancel(
        self, account: TwilioAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        url = _url(account, f"Messages/{orders[0].id}.json")
        sent = form_request("POST", url, {"Status": "canceled"}, _headers(account))
        return replace(sent, keeps=KEPT)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return cancel_said(orders[0].id, reply)

    def build_read(
        self, account: TwilioAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _get(account, f"Messages/{orders[0].id}.json")

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return reading_said(orders[0].id, reply)

    def build_probe(self, account: TwilioAccount, token: str | None) -> Request | None:
        # Standard API keys may not read the account itself [D].
        return _get(account, "Messages.json?PageSize=1")

    def parse_probe(self, reply: Reply) -> Parsed:
        return probe_said(reply)

    def is_signed(self, account: TwilioAccount, event: Event) -> bool:
        token, url = account.signing_token(), account.callback_url
        return bool(token and url) and is_signed_by(token or "", url or "", event)

    def parse_event(self, event: Event) -> EventNews:
        return news_of(event)


def _get(account: TwilioAccount, path: str) -> Request:
    return Request("GET", _url(account, path), _headers(account), keeps=KEPT)


def _url(account: TwilioAccount, path: str) -> str:
    return f"{account.base_url}/2010-04-01/Accounts/{account.account_sid}/{path}"


def _headers(account: TwilioAccount) -> dict[str, str]:
    return {"Accept": "application/json", **basic(*account.login())}
