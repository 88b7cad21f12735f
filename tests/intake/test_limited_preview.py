"""A preview tells a limited caller what submitting does, and nothing of others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.intake.limited_entries import limited
from rescind.intake.preview import preview
from rescind.intake.receipts import Taken
from rescind.intake.submissions import take_in
from rescind.ledger.access_limits import EVERYTHING, Limit, Limits
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import NOW
from tests.ledger.filled import ON_ONE_LEDGER

NIGHT = Limits((Limit("notpanel", "*", "nightly-*"),), owner="night")
SHOP = Limits((Limit("notpanel", "*"),), owner="shop")
WRITER = Limits((Limit("notpanel", "*"),), owner="writer", reads=False)
CALLERS = (EVERYTHING, NIGHT, SHOP, WRITER)
Known = tuple[Engine, Any, Any]

orders = st.integers(1, 3).map("ord_{}".format)
keys = st.sampled_from(["k", "ord_1", "ord_2"])
entries = st.fixed_dictionaries(
    {"provider": st.just("notpanel"), "order": orders},
    optional={
        "key": keys,
        "group": st.sampled_from(["nightly-1", "daily"]),
        "after": st.lists(
            orders.map("notpanel/default/{}".format) | st.integers(0, 9), max_size=2
        ),
        "ref": st.sampled_from(["a", "b"]),
    },
)
lists = st.lists(entries, min_size=1, max_size=4)
counted = iter(range(10**9))


def written(given_entries: list[dict[str, Any]], place: int, ids: list[str]) -> Any:
    """The entries with orders and keys of this example alone; a number in ``after`` is
    the id of an earlier cancellation."""

    def own(text: str) -> str:
        return f"{text}_{place}"

    def named(one: str | int) -> str:
        if isinstance(one, str):
            return own(one)
        return ids[one % len(ids)] if ids else "a"

    return [
        one
        | {"order": own(one["order"])}
        | ({"key": own(one["key"])} if "key" in one else {})
        | ({"after": [named(x) for x in one["after"]]} if "after" in one else {})
        for one in given_entries
    ]


def told(taken: list[Taken]) -> list[object]:
    """What the caller is told, without the ids of what is new."""
    return [
        (t.receipt, t.wrong, t.code, t.param, t.differs, t.conflicts) for t in taken
    ]


@ON_ONE_LEDGER
@given(
    first=st.lists(st.tuples(st.sampled_from(CALLERS), lists), max_size=3),
    then=lists,
    caller=st.sampled_from(CALLERS),
)
def test_a_preview_says_what_submitting_does_to_every_entry(
    engine: Engine,
    first: list[tuple[Limits, list[dict[str, Any]]]],
    then: list[dict[str, Any]],
    caller: Limits,
) -> None:
    place, ids, known = next(counted), list[str](), (engine, ACCOUNTS, SEAL)
    for who, some in first:
        made = limited(written(some, place, ids), who)
        ids += [one.id for one in take_in(*known, made, NOW, by="token:x") if one.id]
    wanted = limited(written(then, place, ids), caller)
    shown = preview(*known, wanted, NOW)
    assert told(shown) == told(take_in(*known, wanted, NOW, by="token:x"))
