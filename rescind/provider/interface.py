"""The interface that every provider implements, and the models of its accounts.

One contract suite runs over all five providers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from rescind.provider.facts import Fact
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Held, InvalidRequestError, Order, Parsed
from rescind.provider.policy import Policy
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import plain_text
from rescind.provider.validation_errors import code_of, explain

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Host names of this machine. Any other name may point to another machine later."""
ADDRESS = re.compile(r"[^\s\\\x00-\x1f\x7f]+")
"""Programs disagree about the host of a URL with spaces, backslashes or controls."""

ROUNDED = re.compile(r"[0-9](?:[.,][0-9]{1,20})?[Ee]\+?[0-9]{1,3}")
ROUNDED_HINT = (
    "; {} is a long number that a spreadsheet has rounded: take the orders from their"
    " source again, format their column as Text before you paste or import them, and"
    " export it as text"
)


class Account(BaseModel):
    """One account's credentials and address. Subclasses add the credentials.

    Secrets are ``SecretStr``: logs, errors and ``repr`` do not show them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    allow_plain_http: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a scheme and a host, such as https://host")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must have no query, fragment, user name or password")
        if not ADDRESS.fullmatch(value):
            raise ValueError("must have no spaces, backslashes or control characters")
        if not _has_good_port(parts):
            raise ValueError("must have a port from 1 to 65535, or none")
        return value.rstrip("/")

    def model_post_init(self, _context: object, /) -> None:
        parts = urlsplit(self.base_url)
        plain = parts.scheme == "http" and parts.hostname not in LOOPBACK
        if plain and not self.allow_plain_http:
            raise ValueError(
                "base_url is plain http: credentials would travel unencrypted;"
                " use https, or set allow_plain_http = true"
            )

    def secrets(self) -> tuple[str, ...]:
        """Every secret value of this account, for masking."""
        return self._secrets

    @cached_property
    def _secrets(self) -> tuple[str, ...]:
        values = (getattr(self, name) for name in type(self).model_fields)
        found = (v.get_secret_value() for v in values if isinstance(v, SecretStr))
        return tuple(value for value in found if value)


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


class Params(BaseModel):
    """The parameters of a provider's cancel beside the order; none by default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class Token:
    """An access token from a login. ``expires_at`` has a time zone, or is ``None``."""

    value: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at})"


A = TypeVar("A", bound=Account)


class Provider(ABC, Generic[A]):
    """One provider's API: builds requests and parses replies, and does nothing else.

    ``parse_*`` raise ``UnreadableReplyError`` and nothing else, for any reply.
    ``rescind.provider.http`` handles 429, 5xx, 408 and redirects; no ``parse_*`` gets
    them.
    """

    name: ClassVar[str]
    policy: ClassVar[Policy]
    account_model: ClassVar[type[Account]]
    params_model: ClassVar[type[Params]] = Params
    sealed_params: ClassVar[frozenset[str]] = frozenset()
    """Params that are personal data: sealed at rest, never shown."""
    facts: ClassVar[tuple[Fact, ...]] = ()
    """What is known of the API, for ``rescind doctor --facts``."""
    order_pattern: ClassVar[re.Pattern[str]]
    """Matches a whole order identifier."""
    order_form: ClassVar[str]
    """The same in words, for the error message."""

    def check_order(self, order: object) -> str:
        """The order's identifier as text, or ``InvalidRequestError``."""
        text = (plain_text(order) or "").strip()
        if not self.order_pattern.fullmatch(text):
            hint = ROUNDED_HINT.format(text) if ROUNDED.fullmatch(text) else ""
            says = f"order must be {self.order_form}{hint}"
            raise InvalidRequestError(says, RefusalCode.MALFORMED_ORDER, "/order")
        return text

    def check_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The params as they are stored and sent, or ``InvalidRequestError``."""
        try:
            checked = self.params_model.model_validate(dict(params))
        except ValidationError as error:
            says, (code, param) = f"params: {explain(error)}", code_of(error)
            raise InvalidRequestError(says, code, f"/params{param}") from None
        return checked.model_dump(exclude_unset=True)

    def overlap(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two cancellations of one order, with these params, are about the same
        goods. The second one then waits for the first."""
        del one, other
        return True

    def covers(self, done: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        """Whether a successful cancellation with the params ``done`` has done all that
        another one of the same order with the params ``wanted`` asks for."""
        del done, wanted
        return True

    def canonical_order(self, order: str) -> str:
        """Checked ``order`` in the one form that all its spellings share.

        The order is stored, sent and compared in this form.
        """
        return order

    def canonical_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Checked ``params`` in the one form that all their spellings share, without
        values that equal the default. Takes stored params, too."""
        fields = self.params_model.model_fields
        return {
            name: value
            for name, value in params.items()
            if name not in fields or not _is_default(fields[name], value)
        }

    def default_key(self, order: str, params: Mapping[str, Any]) -> str:
        """The idempotency key, if the producer gives none."""
        del params
        return order

    @abstractmethod
    def build_cancel(
        self, account: A, token: str | None, orders: Sequence[Order]
    ) -> Request:
        """The cancel call for ``orders`` (1 to ``policy.batch``)."""

    @abstractmethod
    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed: ...

    @abstractmethod
    def build_read(
        self, account: A, token: str | None, orders: Sequence[Order]
    ) -> Request:
        """The call that reads ``orders`` back (1 to ``policy.read_batch``)."""

    @abstractmethod
    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed: ...

    @abstractmethod
    def build_probe(self, account: A, token: str | None) -> Request | None:
        """A call without side effects that proves the credentials; ``None`` if the
        provider has none."""

    def parse_probe(self, reply: Reply) -> Parsed:
        """What the probe's reply says: ``Held`` or ``TokenRefused`` if they are bad."""
        return self.parse_read([PROBE], reply)


def _is_default(field: FieldInfo, value: object) -> bool:
    if field.is_required():
        return False
    return bool(value == field.get_default(call_default_factory=True))


class WithLogin(Provider[A]):
    """A provider whose calls carry a token from a login."""

    refresh_early: ClassVar[timedelta] = timedelta(minutes=5)
    """How long before its expiry a token is renewed."""
    token_lifetime: ClassVar[timedelta] = timedelta(hours=24)
    """How long a token is kept if the login does not name its expiry."""

    @abstractmethod
    def static_token(self, account: A) -> str | None:
        """The token of the accounts file, which no login renews; or ``None``."""

    @abstractmethod
    def build_login(self, account: A) -> Request: ...

    @abstractmethod
    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        """The token, or ``Held`` if the provider refuses the credentials."""


PROBE = Order("0")
