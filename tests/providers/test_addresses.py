"""Where credentials may be sent: over TLS, to this machine, or as an account allows."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from providers.registry import BY_NAME, OURS
from tests.providers.accounts import CREDENTIALS

NOTPANEL = BY_NAME["notpanel"]
HOSTS = st.sampled_from(
    ["127.0.0.1", "localhost", "[::1]", "LOCALHOST", "evil.example", "127.1", "0"]
)
TRICKS = st.sampled_from(
    [
        "",
        "@",
        ":",
        ".",
        "\\",
        "/",
        "#",
        "?",
        "\t",
        " ",
        "%2e",
        "u:p@",
        ":80",
        "[",
        "]",
        ";",
    ]
)
ADDRESSES = st.tuples(
    st.sampled_from(["http://", "HTTP://", " http://", "http:\\\\", "http:/"]),
    st.lists(HOSTS | TRICKS | st.text(max_size=2), max_size=6).map("".join),
).map("".join)


@given(ADDRESSES)
def test_plain_http_without_permission_goes_only_to_this_machine(url: str) -> None:
    values = {**CREDENTIALS["notpanel"], "base_url": url}
    try:
        found = NOTPANEL.account_model.model_validate(values)
    except ValueError:
        return
    # Parsed by the library that connects; it connects to no address it cannot parse.
    with contextlib.suppress(LocationParseError):
        assert parse_url(found.base_url).host in ("127.0.0.1", "localhost", "[::1]")


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "127.0.0.2",
        "0x7f000001",
        "2130706433",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "localhost.example.com",
        "127.0.0.1.nip.io",
        "ip6-localhost",
    ],
)
def test_a_name_that_only_resolves_to_this_machine_needs_permission(host: str) -> None:
    values = {**CREDENTIALS["notpanel"], "base_url": f"http://{host}:8080"}
    with pytest.raises(ValueError, match="allow_plain_http"):
        NOTPANEL.account_model.model_validate(values)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://user:pass@host.example", "no query, fragment, user name or password"),
        ("https://:pass@host.example", "no query, fragment, user name or password"),
        ("http://127.0.0.1@evil.example", "no query, fragment, user name or password"),
        ("https://host.example\\path", "no spaces, backslashes"),
        ("https://host .example", "no spaces, backslashes"),
        ("https://host.example:99999", "a port from 1 to 65535"),
        ("http://localhost:80evil", "a port from 1 to 65535"),
        ("ftp://host.example", "a scheme and a host"),
    ],
)
def test_an_ambiguous_address_is_refused(url: str, sentence: str) -> None:
    values = {**CREDENTIALS["notpanel"], "base_url": url}
    with pytest.raises(ValueError, match=sentence):
        NOTPANEL.account_model.model_validate(values)


@pytest.mark.parametrize("name", ["verify", "verify_tls", "insecure", "ssl_verify"])
def test_no_account_setting_switches_tls_verification_off(name: str) -> None:
    for provider in OURS:
        values = {**CREDENTIALS[provider.name], name: False}
        with pytest.raises(ValueError, match="Extra inputs are not permitted"):
            provider.account_model.model_validate(values)
