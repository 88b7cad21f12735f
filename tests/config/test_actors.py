"""Actors are short, plain texts, whatever a producer or a host calls itself."""

from __future__ import annotations

import os
import pwd
import re
from socket import gethostname
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.config.actors import (
    KINDS,
    LONGEST,
    celery_actor,
    command_actor,
    read_actors,
    schedule_actor,
    token_actor,
    user_actor,
)

PLAIN = re.compile(rf"(celery|oidc|schedule):[\w.@+/?-]{{0,{LONGEST}}}")
anything = st.one_of(
    st.text(), st.binary(), st.none(), st.integers(), st.lists(st.text())
)


@given(anything)
def test_a_producers_name_is_bounded_and_plain(origin: Any) -> None:
    assert PLAIN.fullmatch(celery_actor(origin))


@given(st.text())
def test_a_schedules_or_a_users_name_is_bounded_and_plain(name: str) -> None:
    for actor in (schedule_actor(name), user_actor(name)):
        assert PLAIN.fullmatch(actor)
        assert actor.encode()  # no half of a surrogate pair, which no database stores


@pytest.mark.parametrize(
    ("origin", "actor"),
    [
        ("gen4711@shop-1.example.com", "celery:shop-1.example.com"),
        ("a@b@c", "celery:c"),
        ("host", "celery:host"),
        ("gen1@token:ann", "celery:token?ann"),
        ("gen1@a\nb", "celery:a?b"),
        ("gen1@", "celery:unknown"),
        (None, "celery:unknown"),
        (7, "celery:unknown"),
    ],
)
def test_a_producer_by_celery_is_named_by_its_host(origin: Any, actor: str) -> None:
    assert celery_actor(origin) == actor


def test_a_command_is_named_by_the_user_of_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    assert command_actor() == f"cli:{user}@{gethostname()}"


def test_a_user_without_a_name_is_named_by_the_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 3_999_999_999)
    assert command_actor().startswith("cli:uid3999999999@")


def test_a_token_is_named_by_its_name() -> None:
    assert token_actor("shop") == "token:shop"


@given(st.text(min_size=1))
def test_an_actor_is_found_by_its_whole_text_and_by_its_name(name: str) -> None:
    for actor in (schedule_actor(name), user_actor(name), celery_actor(name)):
        assert read_actors(f" {actor} ") == (actor,)
        assert actor in read_actors(actor.partition(":")[2])


def test_a_name_alone_may_be_of_every_kind_of_actor() -> None:
    assert set(read_actors("ann")) == {f"{kind}:ann" for kind in KINDS}


@pytest.mark.parametrize("text", ["", "  ", ":", "ann:", "tokens:ann", "token:", ":a"])
def test_a_text_that_no_actor_can_have_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as token:ann: .* token, oidc, cli"):
        read_actors(text)
