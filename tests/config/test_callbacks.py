"""Tests of the callbacks that producers may ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from providers.registry import BY_NAME
from rescind.config.callback_urls import host_patterns, read_url
from rescind.config.callbacks import (
    DEFAULT_QUEUE,
    NO_CALLBACKS,
    NONE_WANTED,
    Callbacks,
    Wanted,
)
from rescind.config.webhook_secrets import NO_SECRETS, WebhookSecrets, read_secrets
from rescind.provider.outcomes import InvalidRequestError

LISTED = "shop.example.com, *.hooks.example.com:8443 [2001:db8::1] any.example.com:*"
ONE, TWO, THREE = (f"whsec_{letter * 32}" for letter in "ABC")
SOME = Callbacks(
    host_patterns(LISTED),
    secrets=WebhookSecrets((ONE,)),
    tasks=True,
    of_refused=True,
)
GOOD = "https://shop.example.com/done"

ALLOWED = [
    GOOD,
    "https://shop.example.com",
    "https://SHOP.example.com:443/a?b=c%20d&e=/?",
    "https://shop.example.com./",
    "https://a.hooks.example.com:8443/",
    "https://a.b.hooks.example.com:8443/",
    "https://any.example.com:1/",
    "https://any.example.com/",
    "https://[2001:db8::1]/",
]
ELSEWHERE = [
    "https://example.com/",
    "https://shop.example.com.evil.com/",
    "https://evilshop.example.com/",
    "https://shop.example.com:8443/",
    "https://shop.example.com:80/",
    "https://hooks.example.com:8443/",
    "https://a.hooks.example.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
]
UNREADABLE = [
    "",
    "ftp://shop.example.com/",
    "//shop.example.com/",
    "https://",
    "https:///done",
    "https://user@shop.example.com/",
    "https://user:pw@shop.example.com/",
    "https://shop.example.com@evil.com/",
    "https://shop.example.com#@evil.com/",
    "https://shop.example.com\\@evil.com/",
    "https://shop.example.com/done#part",
    "https://shop.example.com/a b",
    "https://shop.example.com/\r\nHost: evil.com",
    "https://shop.example.com/ü",
    "https://şhop.example.com/",
    "https://shop.example.com:0/",
    "https://shop.example.com:65536/",
    "https://shop.example.com:/",
    "https://shop..example.com/",
    "https://-shop.example.com/",
    "https://%73hop.example.com/",
    "https://[::1%25eth0]/",
    "https://[127.0.0.1/",
    " https://shop.example.com/",
    "https://shop.example.com/\n",
    f"https://shop.example.com/{'a' * 2000}",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_an_address_that_is_listed_is_called(url: str) -> None:
    assert SOME.why_not(url) is None
    assert SOME.wanted({"callback_url": url}) == Wanted(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_an_address_that_is_not_listed_is_refused_by_name(url: str) -> None:
    why = SOME.why_not(url)
    assert why is not None
    assert why.endswith("which RESCIND_WEBHOOK_HOSTS does not list")


@pytest.mark.parametrize("url", UNREADABLE)
def test_an_ambiguous_address_is_refused(url: str) -> None:
    why = SOME.why_not(url)
    assert why is not None
    assert why.startswith("must be an http or https address")


@given(
    st.text(st.sampled_from("https:/?#@[].%\\:az-_09&= \t\nüK"), max_size=30)
    | st.builds("https://{}{}".format, st.text(max_size=12), st.text(max_size=12))
    | st.from_regex(r"https?://[!-~]{1,30}", fullmatch=True)
)
@example("https://a.b:443/c?d")
@example("http://[::1]:80/")
def test_other_parsers_read_an_accepted_address_alike(text: str) -> None:
    found = read_url(text)
    if found is None:
        return
    split, parsed = urlsplit(text), parse_url(text)
    assert str(split.hostname).rstrip(".") == found.host.strip("[]")
    assert str(parsed.host).rstrip(".") == found.host
    assert {split.port, parsed.port} <= {found.port, None}
    assert split.username is parsed.auth is None
    line = f"POST {found.path} HTTP/1.1"
    assert line.isascii()
    assert line.split() == ["POST", found.path, "HTTP/1.1"]


def test_plain_http_is_only_for_private_networks() -> None:
    url = "http://shop.example.com/done"
    assert "must begin with https://" in (SOME.why_not(url) or "")
    assert replace(SOME, private=True).why_not(url) is None


@pytest.mark.parametrize(
    ("callbacks", "setting"),
    [
        (NO_CALLBACKS, "RESCIND_WEBHOOK_HOSTS"),
        (replace(SOME, hosts=()), "RESCIND_WEBHOOK_HOSTS"),
        (replace(SOME, secrets=NO_SECRETS), "RESCIND_WEBHOOK_SECRET"),
        (
            replace(SOME, secrets=read_secrets(f"other.example.com={ONE}")),
            "has no secret",
        ),
    ],
)
def test_nothing_is_called_until_both_settings_are_made(
    callbacks: Callbacks, setting: str
) -> None:
    with pytest.raises(InvalidRequestError, match=f"callback_url is .*{setting}"):
        callbacks.wanted({"callback_url": GOOD})


@pytest.mark.parametrize(
    "listed",
    ["*", "*.*", "https://shop.example.com", "shop.example.com/x", "a:99999", "a b:c"],
)
def test_a_list_that_would_allow_anything_or_nothing_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host: give names such as"):
        host_patterns(listed)


def test_an_empty_list_allows_nothing() -> None:
    assert host_patterns(" ,\n") == ()


# --- tasks --------------------------------------------------------------------------


def test_a_task_of_the_producer_is_sent_to_its_queue_or_to_celerys_own() -> None:
    assert SOME.wanted({"callback_task": "shop.ended"}).queue == DEFAULT_QUEUE
    both = {"callback_task": "shop.tasks.ended", "callback_queue": "shop"}
    assert SOME.wanted(both) == Wanted(None, "shop.tasks.ended", "shop")
    assert SOME.wanted({}) == NONE_WANTED


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "our task": (
        {"callback_task": "rescind.submit"},
        "callback_task must be a task of",
    ),
    "a provider's": ({"callback_task": "notpanel.cancel"}, "must be a task of yours"),
    "Celery's own": ({"callback_task": "celery.chord"}, "must be a task of yours"),
    "our name": ({"callback_task": "rescind"}, "must be a task of yours"),
    "no name": ({"callback_task": "a b"}, "must be the name of a task of yours"),
    "no text": ({"callback_task": 7}, "must be the name of a task of yours"),
    "a queue alone": (
        {"callback_queue": "shop"},
        "callback_queue needs a callback_task",
    ),
    **{
        f"queue {name}": (
            {"callback_task": "shop.ended", "callback_queue": name},
            "callback_queue must be a queue of yours",
        )
        for name in (
            "rescind",
            "rescind.sweep",
            "rescind-token",
            "unacked",
            "unacked_index",
            "celeryev.x",
            *BY_NAME,
        )
    },
    **{
        f"queue {name!r}": (
            {"callback_task": "shop.ended", "callback_queue": name},
            "callback_queue must be 1 to 100 letters",
        )
        for name in ("", "_kombu.binding.celery", "a:b", "a" * 101, 5)
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_a_task_or_queue_that_is_not_the_producers_is_refused(case: str) -> None:
    entry, sentence = WRONG[case]
    with pytest.raises(InvalidRequestError, match=sentence):
        SOME.wanted(entry)


def test_a_producer_without_broker_access_may_not_name_a_task() -> None:
    http_api = replace(SOME, tasks=False)
    with pytest.raises(
        InvalidRequestError, match="only producers that submit through the broker"
    ):
        http_api.wanted({"callback_task": "shop.ended"})
    assert http_api.wanted({"callback_url": GOOD}) == Wanted(GOOD)


# --- refused entries ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"order": "a b", "callback_url": GOOD}, Wanted(GOOD)),
        ({"callback_url": "https://evil.com/"}, NONE_WANTED),
        ({"callback_task": "rescind.submit", "callback_url": GOOD}, NONE_WANTED),
        ([GOOD], NONE_WANTED),
        (None, NONE_WANTED),
    ],
)
def test_a_refused_entry_keeps_its_allowed_callbacks(
    entry: object, wanted: Wanted
) -> None:
    assert SOME.of_what_is_refused(entry) == wanted
    assert replace(SOME, of_refused=False).of_what_is_refused(entry) == NONE_WANTED


# --- secrets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "signing"),
    [
        ("https://a.b.example.com/", (TWO,)),
        ("https://shop.example.com/", (THREE, ONE)),
        ("https://elsewhere.com/", (ONE,)),
        ("https://example.com/", (ONE,)),
    ],
)
def test_a_receiver_is_signed_for_by_its_closest_secrets(
    address: str, signing: tuple[str, ...]
) -> None:
    listed = (
        f"{ONE} *.example.com={TWO}, shop.example.com={THREE} shop.example.com={ONE}"
    )
    url = read_url(address)
    assert url is not None
    assert read_secrets(listed).of(url) == signing


@pytest.mark.parametrize(
    "listed", ["whsec_short", "nohost!={0}", "={0}", "shop.example.com=", "{0}=x"]
)
def test_a_wrong_secret_is_refused_and_not_shown(listed: str) -> None:
    with pytest.raises(ValueError, match="number 2") as caught:
        read_secrets(f"{ONE},{listed.format(TWO)}")
    assert TWO not in str(caught.value)


def test_a_secret_may_end_with_an_equals_sign() -> None:
    padded = "whsec_" + "QUFB" * 9 + "QQ=="
    assert read_secrets(padded).general == (padded,)
    [(_, own)] = read_secrets(f"shop.example.com={padded}").own
    assert own == padded
