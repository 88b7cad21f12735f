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
  the time again, so a producer names it as ``cancel_before``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from rescind.provider import (
    Account,
    Order,
    Parsed,
    Policy,
    Provider,
    Reply,
    Request,
    basic,
    seconds,
)
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


class TwilioAccount(Account):
    """The account, and an API key with its secret, or the account's auth token."""

    base_url: str = "https://api.twilio.com"
    account_sid: str = Field(pattern=r"^AC[0-9a-f]{32}$")
    auth_token: SecretStr | None = None
    api_key: str | None = Field(default=None, pattern=r"^SK[0-9a-f]{32}$")
    api_key_secret: SecretStr | None = None

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

    def login(self) -> tuple[str, str]:
        """The user and the password of HTTP Basic."""
        if self.auth_token is not None:
            return self.account_sid, self.auth_token.get_secret_value()
        secret = self.api_key_secret.get_secret_value() if self.api_key_secret else ""
        return self.api_key or "", secret

    def secrets(self) -> tuple[str, ...]:
        # The user is half of the login, so it is masked too.
        return (*super().secrets(), self.login()[0])


class Twilio(Provider[TwilioAccount]):
    interface_version: ClassVar[int] = 1
    name: ClassVar[str] = "twilio"
    panel: ClassVar[str] = "the Twilio Console, by its message SID"
    policy: ClassVar[Policy] = POLICY
    account_model: ClassVar[type[Account]] = TwilioAccount
    # The OpenAPI file allows capitals, too [C]. Whether Twilio takes both for the same
    # message is not documented, so a producer sends the SID as Twilio wrote it.
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
    order_form: ClassVar[str] = (
        "the message SID: SM or MM, and 32 digits and small letters from a to f"
    )

    def build_cancel(
        self, account: TwilioAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        form = {"Status": "canceled"}
        return _call(account, "POST", f"Messages/{orders[0].id}", form)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return cancel_said(orders[0].id, reply)

    def build_read(
        self, account: TwilioAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return _call(account, "GET", f"Messages/{orders[0].id}")

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return reading_said(orders[0].id, reply)

    def build_probe(self, account: TwilioAccount, token: str | None) -> Request | None:
        # Standard API keys may not read the account itself [D].
        return _call(account, "GET", "Messages", query="?PageSize=1")

    def parse_probe(self, reply: Reply) -> Parsed:
        return probe_said(reply)


def _call(
    account: TwilioAccount,
    method: str,
    path: str,
    form: dict[str, str] | None = None,
    query: str = "",
) -> Request:
    root = f"{account.base_url}/2010-04-01/Accounts/{account.account_sid}"
    headers = {"Accept": "application/json", **basic(*account.login())}
    if form is None:
        return Request(method, f"{root}/{path}.json{query}", headers)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return Request(method, f"{root}/{path}.json", headers, urlencode(form).encode())
