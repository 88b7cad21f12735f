"""Tests of URLs of Sentinels: one form, no password shown, and both clients agree."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.config.redis_url import broker_options, broker_tls, for_celery, usable
from rescind.config.sentinel_url import PORT, Sentinels, parse
from rescind.config.settings import without_password
from tests.config.test_redis_url import of_kombu, of_redis_py

WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8)
HOSTS = st.tuples(
    st.sampled_from(["h", "sentinel.example", "127.0.0.1", "::1"]),
    st.integers(1, 65_535),
)
FOUND = st.builds(
    Sentinels,
    hosts=st.lists(HOSTS, min_size=1, max_size=4).map(tuple),
    master=WORDS.filter(bool),
    database=st.integers(0, 15),
    username=WORDS,
    password=WORDS,
    own_username=WORDS,
    own_password=WORDS,
    tls=st.sampled_from([None, {}, {"ssl_ca_certs": "/a/ca.pem"}]),
)


@given(FOUND)
def test_a_url_says_all_that_was_parsed(found: Sentinels) -> None:
    assert parse(found.url) == found
    assert usable(found.url) == found.url


@given(FOUND, st.sampled_from(["password", "own_password"]))
def test_no_password_is_shown(found: Sentinels, which: str) -> None:
    secret = "hush;hush@hush/hush"
    login: dict[str, Any] = {which: secret}
    hidden = Sentinels(found.hosts, "name", **login)
    for shown in (without_password(hidden.url), repr(hidden)):
        assert "hush" not in shown
        assert quote(secret, "") not in shown


@given(FOUND)
def test_the_broker_and_all_other_clients_go_to_the_same_master(
    found: Sentinels,
) -> None:
    ours, kombus = of_redis_py(found.url), of_kombu(found.url)
    for name in ("db", "username", "password"):
        assert (ours.get(name) or None) == (kombus.get(name) or None), name
    options = broker_options(found.url)
    assert options["master_name"] == found.master
    assert [tuple(one) for one in options["sentinels"]] == list(found.hosts)
    assert options["sentinel_kwargs"] == found.own_options
    assert (broker_tls(found.url) is None) == (found.tls is None)
    assert ";" not in for_celery(found.url)


@pytest.mark.parametrize(
    "same",
    [
        "sentinel://:p%40ss@h1:26379;sentinel://h2:26379/3?master=m",
        "sentinel://:p%40ss@h1;h2/3?master=m",
        "sentinel://:p%40ss@h1/3;sentinel://:p%40ss@h2/3?master=m",
        "sentinel://:p%40ss@h1;sentinel://h2?db=3&master=m",
    ],
)
def test_every_form_of_a_url_becomes_the_same(same: str) -> None:
    hosts = (("h1", PORT), ("h2", PORT))
    assert parse(same) == Sentinels(hosts, "m", 3, password="p@ss")


@pytest.mark.parametrize(
    ("given", "files"),
    [
        ("ssl=true", {}),
        ("ssl_ca_certs=/a/ca.pem", {"ssl_ca_certs": "/a/ca.pem"}),
        ("ssl=true&ssl_cert_reqs=required", {}),
    ],
)
def test_tls_is_for_the_sentinels_and_for_the_servers(
    given: str, files: dict[str, str]
) -> None:
    url = usable(f"sentinel://h/0?master=m&{given}")
    assert broker_tls(url) == files
    assert broker_options(url)["sentinel_kwargs"] == {"ssl": True, **files}
