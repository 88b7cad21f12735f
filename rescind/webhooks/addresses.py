"""Restricts webhooks to addresses of the public Internet.

The code resolves a name once, checks all its addresses, and connects to a checked
address. A name that resolves to another address a moment later (DNS rebinding)
therefore has no effect.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from rescind.config.callback_urls import Url

Address = IPv4Address | IPv6Address
Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""An address family, and an address as ``socket.connect`` takes it."""

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
"""IPv4-compatible addresses, which are deprecated; ``::1`` is no such one."""
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 within one network (RFC 8215); where the IPv4 address stands may differ."""
_METADATA = frozenset(
    # They are never a webhook receiver. The link-local ones are refused as such.
    map(
        ipaddress.ip_address,
        (
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
            "168.63.129.16",  # Azure, a public address
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "fd00:c1::a9fe:a9fe",  # Oracle
            "fd00:42::42",  # Scaleway
        ),
    )
)
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        # Python counts some of these as global, depending on its version.
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        ),
    )
)


class UnsentError(Exception):
    """A webhook was not sent, or not answered; the text shows no secret."""


def allowed(address: Address, *, private: bool) -> bool:
    """Whether a webhook may be sent to ``address``.

    ``private`` also allows private addresses. The metadata addresses of clouds,
    link-local or not, are never allowed.
    """
    inner = _embedded(address)
    if inner is not None:
        return (private or address in _NAT64) and allowed(inner, private=private)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address in _METADATA:
        return False
    return private or _is_public(address)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address contains, or ``None``."""
    if not isinstance(address, IPv6Address):
        return None
    compatible = address in _COMPATIBLE and int(address) > 1
    if address in _NAT64 or address in _LOCAL_NAT64 or compatible:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    return address.is_global and not address.is_reserved


def places_of(url: Url, *, private: bool, seconds: float) -> list[Place]:
    """The addresses of ``url``; raises ``UnsentError`` if any is not allowed."""
    found = _resolved(url.host.strip("[]"), url.port, seconds)
    for _, place in found:
        # The text after a % is the name of an interface, not part of the address.
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not allowed(address, private=private):
            raise UnsentError(
                f"not sent: {url.host} resolves to {address}, which is not a public"
                " address; RESCIND_WEBHOOK_PRIVATE allows those of your own network"
            )
    return found


def _resolved(host: str, port: int, seconds: float) -> list[Place]:
    """The addresses of ``host``, within ``seconds``.

    The system's resolver has no time limit, so it runs in a thread.
    """
    found: list[Place] = []
    wrong: list[Exception] = []

    def look() -> None:
        try:
            found.extend(_look_up(host, port))
        except (OSError, UnicodeError) as error:
            wrong.append(error)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(seconds)
    if looking.is_alive():
        raise UnsentError(f"{host} could not be looked up within {seconds:g} s")
    if wrong or not found:
        why = getattr(wrong[0], "strerror", None) if wrong else None
        raise UnsentError(f"{host} cannot be found: {why or 'there is no such name'}")
    return found


def _look_up(host: str, port: int) -> list[Place]:
    listed = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, place) for family, *_, place in listed))
