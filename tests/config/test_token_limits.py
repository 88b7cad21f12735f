"""Tests of the limits, the rotation and the file of tokens."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from rescind.config.access_tokens import Access, access, check_host
from rescind.config.settings import Settings, SettingsError
from rescind.config.token_list import listed, parsed
from rescind.config.tokens_file import TokensFile
from rescind.ledger.access_limits import EVERYTHING, Limit, Limits, matches

ONE, TWO = "0123456789abcdef", "fedcba9876543210"


def limits_of(written: str) -> Limits:
    [token] = parsed(listed(f"shop:submit+read{written}:{ONE}", "here"))
    return token.limits


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ("", [Limit()]),
        ("@*/*", [Limit()]),
        ("@notpanel/*", [Limit("notpanel", "*")]),
        (
            "@notpanel/eu-*@ithink/default",
            [Limit("notpanel", "eu-*"), Limit("ithink", "default")],
        ),
        ("@notpanel/*#nightly-*", [Limit("notpanel", "*", "nightly-*")]),
        ("@*/default#kış%2C%201", [Limit("*", "default", "kış, 1")]),
    ],
)
def test_a_token_is_limited_to_what_its_entry_says(
    written: str, limits: list[Limit]
) -> None:
    found = limits_of(written)
    assert list(found.listed) == limits
    assert found.unlimited is (limits == [Limit()])


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("@", "limit 1: must be such as notpanel/default"),
        ("@notpanel", "limit 1: must be such as"),
        ("@notpanel/*@ithink/a*b", "limit 2: must be such as"),
        ("@Note/*", "Note is no provider's name"),
        ("@notpanel/*#", "must be such as"),
        ("@notpanel/*#a*b", "must be such as"),
        ("@notpanel/*#a%2A", "only at its end"),
        ("@notpanel/*#a%2Ab", "only at its end"),
        ("@notpanel/*#%FF", "not UTF-8"),
    ],
)
def test_a_limit_that_cannot_be_read_is_refused(written: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        limits_of(written)
    assert ONE not in str(refused.value)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1)


@given(group=TEXT, more=TEXT)
def test_every_group_can_be_named_and_matches_itself_alone(
    group: str, more: str
) -> None:
    exact = limits_of(f"@notpanel/*#{quote(group, safe='')}")
    prefix = limits_of(f"@notpanel/*#{quote(group, safe='')}*")
    assert exact.allows("notpanel", "default", group)
    assert not exact.allows("notpanel", "default", group + more)
    assert prefix.allows("notpanel", "default", group + more)
    for found in (exact, prefix):
        assert not found.allows("notpanel", "default", None)
        assert not found.allows("ithink", "default", group)
        assert found.touches("notpanel", "default")
        assert not found.allows_lane("notpanel", "default")


@given(one=st.text(), other=st.text())
def test_keys_of_two_tokens_never_meet(one: str, other: str) -> None:
    shop, ann = (Limits((Limit("notpanel"),), name) for name in ("shop", "ann"))
    assert shop.stored_key(one) != ann.stored_key(other)
    assert shop.shown_key(shop.stored_key(one)) == one
    assert EVERYTHING.stored_key(one) == one


def test_nothing_is_allowed_without_any_limit() -> None:
    assert not Limits().allows("notpanel", "default", None)
    assert not Limits().unlimited
    assert matches("*", "")


def test_one_token_may_have_several_values_to_rotate_it() -> None:
    found = Access(parsed(listed(f"shop:read:{ONE},shop:read:{TWO}", "here")))
    first, second = found.token(ONE), found.token(TWO)
    assert first is not None
    assert second is not None
    assert (first.name, first.limits) == (second.name, second.limits)
    for other in ("submit", "read@notpanel/*"):
        with pytest.raises(SettingsError, match=r"number 2 \(shop\): this name stands"):
            parsed(listed(f"shop:read:{ONE},shop:{other}:{TWO}", "here"))


# --- the file -------------------------------------------------------------------------


def chosen(home: Path, file: Path, tokens: str | None = None) -> Settings:
    known = None if tokens is None else SecretStr(tokens)
    return Settings(home=home, api_tokens=known, api_tokens_file=file)


def test_a_file_adds_to_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# the shop\n\n  shop:read@notpanel/*:{ONE}\r\n")
    found = access(chosen(tmp_path, file, f"ann:read:{TWO}"))
    assert [one.name for one in found.tokens] == ["ann", "shop"]
    check_host(chosen(tmp_path, file).model_copy(update={"api_host": "0.0.0.0"}))


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"shop:read:{ONE}")
    found = access(chosen(tmp_path, file))
    file.write_text(f"shop:read:{ONE}\nshop:read:{TWO}\n")
    assert found.token(TWO) is not None
    file.write_text(f"shop:read:{TWO}\n")
    assert found.token(ONE) is None


@pytest.mark.parametrize(
    "wrong", [f"shop:read:{TWO}\nann", f"ann:raed:{TWO}", "\udcff"]
)
def test_a_file_that_becomes_unusable_changes_nothing(
    tmp_path: Path, wrong: str
) -> None:
    file, now = tmp_path / "tokens", [0.0]
    file.write_text(f"shop:read:{ONE}")
    found = TokensFile(file, clock=lambda: now[0])
    former = found.current()
    file.write_bytes(wrong.encode("utf-8", "surrogateescape"))
    assert found.current() == former
    file.unlink()
    assert found.current() == former
    file.write_text(f"shop:read:{TWO}")
    assert [one.digest for one in found.current()] != [one.digest for one in former]


@pytest.mark.parametrize("content", [None, f"shop:read:{ONE}\nshop:read:{ONE}", "x"])
def test_a_file_that_is_unusable_from_the_start_is_refused(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as refused:
        access(chosen(tmp_path, file))
    assert refused.value.problem == "api-tokens"
    assert ONE not in str(refused.value)
