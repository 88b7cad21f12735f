"""The address that a request's failures and places are counted for."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address

from starlette.types import Scope

UNKNOWN = "?"
NETWORK_BITS = 64
"""One host with IPv6 usually has a whole network of so many bits to choose from."""


def client_address(scope: Scope) -> str:
    """The client's IPv4 address, or the network of its IPv6 address.

    Behind a proxy on this machine, it is the address that the proxy reports.
    """
    client = scope.get("client")
    return network_of(client[0]) if client else UNKNOWN


def network_of(host: str) -> str:
    """``host`` as it is counted; other text than an address is counted as it is."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, NETWORK_BITS), strict=False))
