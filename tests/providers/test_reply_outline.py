"""Of a success that leaves an order open, its words are kept and nothing of people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider.http_messages import Reply
from rescind.provider.reply_outline import TELLING, outline

NAMES = st.sampled_from(["name", "address", "phone", "Status", "error", "data", "id"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(10**6, 10**9) | st.text(min_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


def scalars(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in scalars(inner, key)]
    if isinstance(value, list):
        return [one for inner in value for one in scalars(inner, name)]
    return [(name, value)]


@given(VALUES)
def test_only_what_tells_of_an_order_is_left(document: Any) -> None:
    shown = json.loads(outline(Reply(200, {}, json.dumps(document).encode())).body)
    before, after = scalars(document), scalars(shown)
    assert [name for name, _ in before] == [name for name, _ in after]
    for (name, was), (_, now) in zip(before, after, strict=True):
        plain = was is None or isinstance(was, bool)
        kept = plain or name.lower() in TELLING
        assert now == (was if kept else "***")


@pytest.mark.parametrize(
    "body", [b"<html>Ada</html>", b"", b"[" * 480 + b"]" * 480, b"[" * 10**5]
)
def test_what_cannot_be_read_has_no_outline_and_raises_nothing(body: bytes) -> None:
    assert outline(Reply(200, {}, body)).body in (b"", body)
