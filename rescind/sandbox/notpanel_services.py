"""notpanel's services and prices, in the form that panels of its kind share.

notpanel's page documents ``cancel``, and names a catalogue (``cancel=false`` of a
service) and ``refill``. The other fields are those that clients of such panels read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from rescind.sandbox.orders import Order

DEPOSIT = Decimal(1000)
"""What each account has paid in, in US dollars."""
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID = 26
REFUNDED = frozenset({"cancelled", "refunded"})


@dataclass(frozen=True, slots=True)
class Service:
    """One line of the catalogue; ``rate`` is the price of 1,000 in US dollars."""

    name: str
    kind: str
    category: str
    rate: Decimal
    least: int
    most: int
    refill: bool
    cancel: bool

    def charge(self, quantity: int) -> Decimal:
        return (self.rate * quantity / 1000).quantize(Decimal("0.00001"))

    def shown(self, number: int) -> dict[str, Any]:
        return {
            "service": number,
            "name": self.name,
            "type": self.kind,
            "category": self.category,
            "rate": str(self.rate),
            "min": str(self.least),
            "max": str(self.most),
            "refill": self.refill,
            "cancel": self.cancel,
        }


SERVICES: Mapping[int, Service] = {
    1: Service(
        *("Followers", "Default", "Profiles", Decimal("0.90"), 50, 10_000),
        refill=True,
        cancel=True,
    ),
    2: Service(
        *("Comments", "Custom Comments", "Posts", Decimal("8.00"), 1, 1500),
        refill=False,
        cancel=True,
    ),
    3: Service(
        *("Views", "Default", "Videos", Decimal("0.12"), 100, 1_000_000),
        refill=False,
        cancel=False,
    ),
}


def catalogue() -> list[dict[str, Any]]:
    """All services, as ``action=services`` answers."""
    return [one.shown(number) for number, one in SERVICES.items()]


def options_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The options of the order that ``action=add`` asks for.

    Raises ``ValueError`` with the panel's words if it asks for none that exists.
    """
    number = form.get("service", "")
    service = SERVICES.get(int(number)) if number.isdecimal() else None
    if service is None:
        raise ValueError("Service not found")
    if not form.get("link"):
        raise ValueError("link is required")
    quantity = _quantity(form, service)
    if not service.least <= quantity <= service.most:
        raise ValueError(f"Quantity must be from {service.least} to {service.most}")
    return {
        "service": int(number),
        "charge": str(service.charge(quantity)),
        "remains": str(quantity),
    }


def _quantity(form: Mapping[str, str], service: Service) -> int:
    """The asked quantity; of custom comments there are as many as lines."""
    if service.kind == "Custom Comments":
        return len(form.get("comments", "").split("\n")) if "comments" in form else 0
    asked = form.get("quantity", "")
    return int(asked) if asked.isdecimal() else 0


def new_id(seed: int, count: int) -> str:
    """The id of the order after ``count`` others: ``ord_`` and 26 characters."""
    digest = blake2b(f"{seed}:order:{count}".encode(), digest_size=ULID).digest()
    return "ord_0" + "".join(ALPHABET[byte % 32] for byte in digest[1:])


def spent(orders: Mapping[str, Order]) -> Decimal:
    """What the orders that were added cost; a cancelled one costs nothing."""
    charged = (
        Decimal(str(one.options["charge"]))
        for one in orders.values()
        if "charge" in one.options and one.state not in REFUNDED
    )
    return sum(charged, Decimal(0))
