"""Which addresses a webhook may be sent to: those of the public Internet.

A name is resolved once, all that it stands for is looked at, and the connection is made
to what was looked at: a name that stands for something else a moment later (DNS
rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from rescind.config.callbacks import Url

Address = IPv4Address | IPv6Address
Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""What ``socket.connect`` takes, and of which family."""

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset(
    # AWS by IPv6, Alibaba, Oracle: of private networks, and of no use to a webhook.
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192"))
)
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        # Python calls some of these global, and differs from version to version.
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
    """It was not sent, or not answered: why, in words that hold nothing secret."""


def allowed(address: Address, *, private: bool) -> bool:
    """Whether a webhook may be sent there; ``private`` allows this network as well.

    Addresses where clouds keep their metadata, link-local or not, are never allowed.
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
    """The IPv4 address that an IPv6 one stands for."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    return address.is_global and not address.is_reserved


def places_of(url: Url, *, private: bool, seconds: float) -> list[Place]:
    """Where ``url`` is, if all of it is allowed; raises ``UnsentError``."""
    found = _resolved(url.host.strip("[]"), url.port, seconds)
    for _, place in found:
        # An interface's name behind a % is no part of the address.
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not allowed(address, private=private):
            raise UnsentError(
                f"not sent: {url.host} stands for {address}, which is no public"
                " address; RESCIND_WEBHOOK_PRIVATE allows those of your own network"
            )
    return found


def _resolved(host: str, port: int, seconds: float) -> list[Place]:
    """What the name stands for. The system's resolver has no time limit: this has."""
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
