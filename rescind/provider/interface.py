"""The interface that every provider implements.

One contract suite runs over all providers: see ``rescind.provider.testing``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from rescind.provider.account import Account
from rescind.provider.api_facts import Fact
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import (
    Held,
    InvalidRequestError,
    Order,
    Parsed,
    Reason,
)
from rescind.provider.policy import Policy
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import plain_text
from rescind.provider.validation_errors import code_of, explain

INTERFACE_VERSION = 1
"""The version of this interface. It grows when a provider's class must be changed."""

ROUNDED = re.compile(r"[0-9](?:[.,][0-9]{1,20})?[Ee]\+?[0-9]{1,3}")
ROUNDED_HINT = (
    "; {} is a long number that a spreadsheet has rounded: take the orders from their"
    " source again, format their column as Text before you paste or import them, and"
    " export it as text"
)


class Params(BaseModel):
    """The parameters of a provider's cancel beside the order; none by default.

    Each field has a ``title`` (a label), a ``description`` (sentences that say what to
    write) and ``examples``, made by pydantic's ``Field``: forms, sample files and the
    API's schema show them. The key ``x-labels`` of ``json_schema_extra`` maps each of a
    few values to its meaning.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class Token:
    """An access token from a login. ``expires_at`` has a time zone, or is ``None``."""

    value: str
    expires_at: datetime | None = None
    refresh: str | None = None
    """A token that renews this one, if the login gave one: see ``build_refresh``."""

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at})"


A = TypeVar("A", bound=Account)


class Provider(ABC, Generic[A]):
    """One provider's API: builds requests and parses replies, and does nothing else.

    ``parse_*`` raise ``UnreadableReplyError`` and nothing else, for any reply.
    ``rescind.provider.http`` handles 429, 5xx, 408 and redirects; no ``parse_*`` gets
    them.
    """

    interface_version: ClassVar[int]
    """The ``INTERFACE_VERSION`` for which the class was written, as a number."""
    name: ClassVar[str]
    """Small letters, digits and ``_``, such as ``notpanel``."""
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
    panel: ClassVar[str] = "the provider's own panel"
    """Where a person can see an order, as a part of a sentence."""
    advice: ClassVar[Mapping[Reason, str]] = {}
    """What a person should do about a cancellation that ended for this reason, where
    the general advice does not fit. ``%(panel)s`` stands for ``panel``."""

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
        """The idempotency key, if the producer gives none. Sealed params are not in
        ``params``."""
        del params
        return order

    def cancellable_until(
        self, order: str, params: Mapping[str, Any]
    ) -> datetime | None:
        """Until when the provider cancels ``order``, if the order and its params say
        so: such as shortly before the time for which a message is planned. With a time
        zone; ``None`` if there is no such time, or it is not known.

        A pure function. Nothing is sent from then on, even if the producer's
        ``cancel_before`` is later. Both are in their one form; sealed params are not
        there.
        """
        del order, params
        return None

    def split(self, orders: Sequence[Order]) -> Sequence[Sequence[Order]]:
        """``orders`` by the cancel call that each belongs into, if they need several:
        such as orders and AWBs, which a provider cancels at two addresses.

        A pure function. Each of ``orders`` is in one part, as the same object. Their
        sealed params are not there.
        """
        return [orders]

    def split_reading(self, orders: Sequence[Order]) -> Sequence[Sequence[Order]]:
        """The same for readings, such as of a provider that reads AWBs together and
        orders one by one. Like ``split``, unless a provider says otherwise."""
        return self.split(orders)

    @abstractmethod
    def build_cancel(
        self, account: A, token: str | None, orders: Sequence[Order]
    ) -> Request:
        """The cancel call for ``orders``: 1 to ``policy.batch``, of one part of
        ``split``."""

    @abstractmethod
    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed: ...

    @abstractmethod
    def build_read(
        self, account: A, token: str | None, orders: Sequence[Order]
    ) -> Request:
        """The call that reads ``orders`` back: 1 to ``policy.read_batch``, of one part
        of ``split_reading``."""

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
    refresh_lifetime: ClassVar[timedelta] = timedelta(days=30)
    """How long a refresh token is kept."""

    @abstractmethod
    def static_token(self, account: A) -> str | None:
        """The token of the accounts file, which no login renews; or ``None``."""

    @abstractmethod
    def build_login(self, account: A) -> Request: ...

    def build_refresh(self, account: A, refresh: str) -> Request | None:
        """The call that renews a token with the ``refresh`` of the former one, instead
        of a login; ``parse_login`` reads its reply. ``None`` if there is no such call.

        If it is refused, the refresh token is forgotten, and a login follows.
        """
        return None

    @abstractmethod
    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        """The token, or ``Held`` if the provider refuses the credentials."""


PROBE = Order("0")
