"""Tests of the tokens of the HTTP API, and of their scopes."""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from rescind.config.access_tokens import (
    ALL,
    OWN_TOKEN,
    Scope,
    access,
    check_host,
    make_own,
    rate_of,
)
from rescind.config.settings import Settings, SettingsError

ONE, TWO = "0123456789abcdef", "fedcba9876543210"


def chosen(home: Path, tokens: str | None = None, **more: Any) -> Settings:
    listed = None if tokens is None else SecretStr(tokens)
    return Settings(home=home, api_tokens=listed, **more)


@pytest.mark.parametrize("between", [",", " ", "\n", ", ", ",\n "])
def test_each_caller_has_a_name_and_scopes_of_its_own(
    tmp_path: Path, between: str
) -> None:
    listed = f"shop:submit+read:{ONE}{between}ann.b-1:operate:{TWO}"
    found = access(chosen(tmp_path, listed))
    shop, ann = found.token(ONE), found.token(TWO)
    assert shop is not None
    assert ann is not None
    assert (shop.name, set(shop.scopes)) == ("shop", {Scope.SUBMIT, Scope.READ})
    assert (ann.name, set(ann.scopes)) == ("ann.b-1", {Scope.OPERATE})


@given(shown=st.text(max_size=40))
def test_a_text_that_is_not_a_token_is_refused(
    tmp_path_factory: pytest.TempPathFactory, shown: str
) -> None:
    home = tmp_path_factory.getbasetemp()
    found = access(chosen(home, f"shop:read:{ONE}"))
    assert found.token(shown) is None
    assert found.token(ONE + shown) is (found.token(ONE) if not shown else None)


def test_a_token_that_differs_by_one_character_is_refused(tmp_path: Path) -> None:
    found = access(chosen(tmp_path, f"shop:read:{ONE}"))
    [shop] = found.tokens
    alike = (
        f"{n}"
        for n in count()
        if sha256(f"{n}".encode()).digest()[:2] == shop.digest[:2]
    )
    for shown in (next(alike), ONE[:-1], f"{ONE}\n", ONE.upper()):
        assert found.token(shown) is None


def test_a_token_may_have_colons_and_surrogates(tmp_path: Path) -> None:
    found = access(chosen(tmp_path, f"shop:read:a:b:{ONE}"))
    assert found.token(f"a:b:{ONE}") is not None
    assert found.token("\ud800") is None


def test_no_repr_shows_a_token(tmp_path: Path) -> None:
    found = access(chosen(tmp_path, f"shop:read:{ONE}"))
    assert ONE not in repr(found)
    assert all(ONE.encode() not in one.digest for one in found.tokens)


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        (ONE, "number 1: must be such as name:scope+scope:token"),
        (f"shop:{ONE}", "number 1: must be such as"),
        (f"shop:read:{ONE},x", "number 2: must be such as"),
        (f":read:{ONE}", "must be such as"),
        (f"a/b:read:{ONE}", "must be such as"),
        (f"shop:write:{ONE}", "(shop): its scopes must be among submit, read, operate"),
        (f"shop::{ONE}", "its scopes must be among"),
        (f"shop:read:{ONE[:-1]}", "at least 16 characters"),
        # A header would change these characters.
        (f"shop:read:{ONE}é", "all of them ASCII"),
        (f"a:read:{ONE},a:submit:{TWO}", "this name stands there already"),
        (f"a:read:{ONE},b:read:{ONE}", "have the same token"),
    ],
)
def test_an_error_never_quotes_the_token(
    tmp_path: Path, listed: str, says: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        access(chosen(tmp_path, listed))
    assert says in str(refused.value)
    for secret in (ONE, TWO, ONE[:-1]):
        assert secret not in str(refused.value)


def test_without_tokens_only_the_operators_own_token_is_accepted(
    tmp_path: Path,
) -> None:
    assert access(chosen(tmp_path)).tokens == ()
    path = make_own(tmp_path)
    assert path == tmp_path / OWN_TOKEN
    assert path.stat().st_mode & 0o077 == 0
    shown = path.read_text().strip()
    own = access(chosen(tmp_path)).token(shown)
    assert own is not None
    assert (own.name, own.scopes) == ("operator", ALL)
    # The token is made once, and is not used if tokens are set.
    assert make_own(tmp_path).read_text().strip() == shown
    assert access(chosen(tmp_path, f"shop:read:{ONE}")).token(shown) is None
    assert access(chosen(tmp_path, " ")).token(shown) == own


def test_an_own_token_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / OWN_TOKEN).mkdir()
    with pytest.raises(SettingsError, match=r"api\.token cannot be read: remove it"):
        access(chosen(tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_tokens(tmp_path: Path, host: str) -> None:
    check_host(chosen(tmp_path, api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "db.example", "0"])
def test_other_addresses_need_tokens(tmp_path: Path, host: str) -> None:
    make_own(tmp_path)
    check_host(chosen(tmp_path, f"shop:read:{ONE}", api_host=host))
    for tokens in (None, "", " "):
        with pytest.raises(SettingsError, match=f"listen on {host} without tokens"):
            check_host(chosen(tmp_path, tokens, api_host=host))


def test_a_rate_is_parsed_as_users_write_it() -> None:
    assert rate_of("20/second").amount == 20
    for wrong in ("", "often", "20", "0.5/second"):
        with pytest.raises(SettingsError, match="such as 600/minute"):
            rate_of(wrong)
