"""Tests that webhooks go only to public addresses, unless private ones are allowed."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescind.config.callback_urls import Url, read_url
from rescind.webhooks.addresses import UnsentError, allowed, places_of

NEVER = [
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "239.255.255.250",
    "::",
    "fe80::1",
    "fe80::1%1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "100.100.100.200",
    "192.0.0.192",
    "::ffff:100.100.100.200",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "::168.63.129.16",
    "64:ff9b::a83f:8110",
    "64:ff9b:1::a83f:8110",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a83f:8110::1",
]
PRIVATE = [
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::1",
    "fec0::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
]
NETWORKS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
]
SPECIAL = [ipaddress.IPv4Network(one) for one in NETWORKS]
"""IANA's registry of special-purpose addresses, and multicast."""
METADATA = {ipaddress.ip_address(one) for one in NEVER if "%" not in one}
EDGES = [
    ipaddress.IPv4Address((int(edge) + step) % 2**32)
    for network in SPECIAL
    for edge in (network.network_address, network.broadcast_address)
    for step in (-1, 0, 1)
]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_metadata_addresses_of_clouds_are_never_called(
    address: str, private: bool
) -> None:
    assert not allowed(ipaddress.ip_address(address), private=private)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_called_if_that_is_allowed(
    address: str,
) -> None:
    assert not allowed(ipaddress.ip_address(address), private=False)
    assert allowed(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert allowed(ipaddress.ip_address(address), private=False)


def is_special(address: ipaddress.IPv4Address) -> bool:
    return any(address in network for network in SPECIAL)


@given(st.ip_addresses(v=4) | st.sampled_from(EDGES))
def test_an_ipv4_address_is_called_only_outside_special_networks(
    address: ipaddress.IPv4Address,
) -> None:
    called = not is_special(address) and address not in METADATA
    assert allowed(address, private=False) is called


@given(st.ip_addresses(v=4) | st.sampled_from(EDGES))
def test_no_ipv4_address_becomes_public_by_being_written_as_ipv6(
    address: ipaddress.IPv4Address,
) -> None:
    number = int(address)
    for spelt in (number, 0xFFFF << 32 | number, 0x2002 << 112 | number << 80):
        assert not allowed(ipaddress.IPv6Address(spelt), private=False)
    through = ipaddress.IPv6Address(0x64FF9B << 96 | number)
    called = not is_special(address) and address not in METADATA
    assert allowed(through, private=False) is called


@given(st.ip_addresses(v=6))
@example(ipaddress.IPv6Address("4000::"))
def test_an_ipv6_address_is_called_only_if_it_is_globally_assigned(
    address: ipaddress.IPv6Address,
) -> None:
    if allowed(address, private=False):
        given_out = ipaddress.IPv6Network("2000::/3")
        assert address in given_out or address in ipaddress.IPv6Network("64:ff9b::/96")


# --- names --------------------------------------------------------------------------


def url(text: str) -> Url:
    found = read_url(text)
    assert found is not None
    return found


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The addresses of each name; ``name#`` counts the look-ups of a name."""
    known: dict[str, list[str]] = {}

    def look(host: str, port: int, **_: Any) -> list[Any]:
        known.setdefault(f"{host}#", []).append("")
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kinds = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (kinds[ipaddress.ip_address(one).version], 1, 6, "", (one, port))
            for one in known[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return known


def test_a_name_is_refused_if_any_of_its_addresses_is(
    names: dict[str, list[str]],
) -> None:
    names["shop.example.com"] = ["8.8.8.8", "2606:4700::1", "192.168.1.1"]
    with pytest.raises(
        UnsentError, match=r"resolves to 192\.168\.1\.1, which is not a"
    ):
        places_of(url("https://shop.example.com/"), private=False, seconds=5)


def test_a_name_is_looked_up_once_and_the_checked_address_is_called(
    names: dict[str, list[str]],
) -> None:
    names["shop.example.com"] = ["8.8.8.8", "8.8.4.4", "8.8.8.8"]
    found = places_of(url("https://shop.example.com/"), private=False, seconds=5)
    places = [("8.8.8.8", 443), ("8.8.4.4", 443)]
    assert found == [(socket.AF_INET, place) for place in places]
    assert len(names["shop.example.com#"]) == 1


def test_an_unknown_name_is_reported(names: dict[str, list[str]]) -> None:
    with pytest.raises(UnsentError, match=r"nowhere\.example cannot be found: Name or"):
        places_of(url("https://nowhere.example/"), private=False, seconds=5)


def test_the_wait_for_a_name_server_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    with pytest.raises(UnsentError, match=r"could not be looked up within 0\.05 s"):
        places_of(url("https://slow.example/"), private=False, seconds=0.05)
    over.set()


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "[::1]"]
)
def test_this_machine_is_recognised_however_it_is_spelt(host: str) -> None:
    with pytest.raises(UnsentError, match=r"not a public address|cannot be found"):
        places_of(url(f"https://{host}/"), private=False, seconds=5)
