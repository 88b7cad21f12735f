"""What the test suite has to know of one provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rescind.provider.account import Account
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider, WithLogin
from rescind.provider.outcomes import Finding, Order
from rescind.sandbox.simulation import Simulation

MARK = "MARKED-SECRET"
"""Every secret in ``Case.credentials`` contains it, so that a test can find it."""
TOKEN = f"{MARK}-token"


class Proof(Protocol):
    """Whether a reply itself shows ``finding`` of ``order``: a second, simple reading
    that uses none of the provider's code."""

    def __call__(
        self,
        call: str,
        finding: Finding,
        order: Order,
        asked: Sequence[Order],
        reply: Reply,
    ) -> bool: ...


def nothing_to_prove(
    call: str, finding: Finding, order: Order, asked: Sequence[Order], reply: Reply
) -> bool:
    del call, finding, order, asked, reply
    return True


@dataclass(frozen=True, kw_only=True)
class Case:
    """One provider, with an account, orders and the replies that its pages show."""

    provider: Provider[Any]
    credentials: Mapping[str, Any]
    """The fields of an account. Every secret contains ``MARK``."""
    orders: Sequence[Order]
    """Different orders, as a producer would submit them."""
    cancels: Sequence[Any]
    """JSON documents that answer a cancel of ``orders``: a success and refusals. One
    that does not come with status 200 is a tuple of its status and the document."""
    reads: Sequence[Any]
    """The same for a reading: each state of an order at least once."""
    undecided: Sequence[Any] = ()
    """Those documents of ``reads`` that are meant to leave an order unknown that
    they name, or every order."""
    undecided_states: Collection[str] = ()
    """States of the simulation in which a reading is meant to leave an order unknown,
    because the provider does not show them."""
    logins: Sequence[Any] = ()
    """JSON documents that answer a login. Each has a token."""
    also_asked: Sequence[Sequence[Order]] = ()
    """Other sets of orders that a call may be about."""
    odd: Sequence[Any] = ()
    """Values that the damaged replies hold, too, such as words that mean little."""
    proof: Proof = nothing_to_prove
    secrets_in_urls: bool = False
    """Whether the provider wants its secrets in the address, as few do."""
    simulation: type[Simulation] | None = None
    """Simulates the provider; without one, its lost answers are not tested."""

    @property
    def asked(self) -> list[Order]:
        """The orders of one cancel call."""
        first, *_ = self.provider.split(self.orders[: self.provider.policy.batch])
        return list(first)

    @property
    def read_together(self) -> list[Order]:
        """The orders of one reading."""
        most = self.provider.policy.read_batch
        first, *_ = self.provider.split_reading(self.orders[:most])
        return list(first)

    @property
    def every_asked(self) -> list[list[Order]]:
        return [self.asked, *map(list, self.also_asked)]

    def account(self, **more: Any) -> Account:
        values = {**self.credentials, **more}
        return self.provider.account_model.model_validate(values)

    def answers(self, call: str) -> list[tuple[int, Any]]:
        """The statuses and documents that answer a call."""
        given = self.cancels if call == "cancel" else self.reads
        return [one if isinstance(one, tuple) else (200, one) for one in given]

    def documents(self, call: str) -> list[Any]:
        return [document for _, document in self.answers(call)]

    def _every_document(self) -> list[Any]:
        return [*self.documents("cancel"), *self.documents("read"), *self.logins]

    def parser(self, call: str) -> Callable[[Sequence[Order], Reply], Any]:
        provider = self.provider
        return provider.parse_cancel if call == "cancel" else provider.parse_read

    def requests(self) -> list[Request]:
        """Every kind of request that the provider builds."""
        provider, account = self.provider, self.account()
        made = [
            provider.build_cancel(account, TOKEN, self.asked),
            provider.build_read(account, TOKEN, self.read_together),
        ]
        probe = provider.build_probe(account, TOKEN)
        if isinstance(provider, WithLogin) and provider.static_token(account) is None:
            made.append(provider.build_login(account))
        return made if probe is None else [*made, probe]

    def scalars(self) -> Iterator[Any]:
        """The texts, numbers and truths in all documents."""
        for document in self._every_document():
            yield from _scalars(document)

    def names(self) -> Iterator[str]:
        """The names of members in all documents."""
        for document in self._every_document():
            yield from _names(document)


def _scalars(document: Any) -> Iterator[Any]:
    if isinstance(document, dict | list):
        inner = document.values() if isinstance(document, dict) else document
        for one in inner:
            yield from _scalars(one)
    else:
        yield document


def _names(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from document
    if isinstance(document, dict | list):
        inner = document.values() if isinstance(document, dict) else document
        for one in inner:
            yield from _names(one)


def json_reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())
