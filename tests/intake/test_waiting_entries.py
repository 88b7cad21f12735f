"""Entries that wait for others: ``after``, ``only_if`` and ``ref``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from providers.registry import BY_NAME
from rescind.intake.files.file_reading import parse
from rescind.intake.limited_entries import limited
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.references import Refs
from rescind.intake.submissions import take_in
from rescind.ledger.access_limits import Limit, Limits
from rescind.ledger.changes.waiting_insertion import DEEPEST
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from rescind.provider.refusal_codes import RefusalCode
from rescind.schedules.mapping import Recipe
from rescind.schedules.source_rows import Row
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import BY, NOW, SECOND, change, make, row
from tests.ledger.planned import claimed, finish
from tests.ledger.plans import statements

OURS = Limits((Limit("notpanel", group="ours"),), owner="ours")
THEIRS = Limits((Limit("notpanel", group="theirs"),), owner="theirs")


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"provider": "notpanel", "order": f"ord_{number}", **more}


def take(engine: Engine, *entries: object) -> list[Taken]:
    return take_in(engine, ACCOUNTS, SEAL, entries, NOW, by=BY)


def before(engine: Engine, one: Taken) -> dict[str, str]:
    """The predecessors, each with the end that is wanted."""
    with reading(engine) as connection:
        found = predecessors_of(connection, [one.id]).get(one.id, [])
    return {each.id: each.condition for each in found}


def refusal(engine: Engine, *entries: object) -> Taken:
    """The last of the entries, which is refused and kept."""
    last = take(engine, *entries)[-1]
    assert last.receipt is Receipt.REFUSED
    assert row(engine, last.id).state == State.REJECTED
    assert row(engine, last.id).provider_message == last.wrong
    return last


def test_an_entry_waits_for_earlier_ones_by_ref_by_key_and_by_id(
    engine: Engine,
) -> None:
    [old] = take(engine, entry(0))
    a, b, c = take(
        engine,
        entry(1, ref="parcel"),
        entry(2, ref="refund", after="parcel", only_if="cancelled/confirmed"),
        entry(3, after=[old.id, "notpanel/default/ord_1", "refund"], only_if="any"),
    )
    assert before(engine, b) == {a.id: "cancelled/confirmed"}
    assert before(engine, c) == dict.fromkeys((old.id, a.id, b.id), "any")
    assert row(engine, c.id).waits_for == 3


def test_a_condition_is_cancelled_unless_given(engine: Engine) -> None:
    first, one = take(engine, entry(1, ref="a"), entry(2, after="a"))
    assert before(engine, one) == {first.id: "cancelled"}


def test_the_nearest_ref_before_counts(engine: Engine) -> None:
    entries = [entry(1, ref="a"), entry(2, ref="a"), entry(3, after="a")]
    _, second, one = take(engine, *entries)
    assert before(engine, one) == {second.id: "cancelled"}


def test_one_that_comes_again_waits_for_what_it_waited_for(engine: Engine) -> None:
    plan = (entry(1, ref="a"), entry(2, after="a", only_if="any"))
    first, one = take(engine, *plan)
    again = take(engine, *plan)
    assert [each.receipt for each in again] == [Receipt.DUPLICATE] * 2
    assert again[1].id == one.id
    assert take(engine, entry(2))[0].receipt is Receipt.DUPLICATE
    assert before(engine, one) == {first.id: "any"}


@pytest.mark.parametrize(
    ("again", "differs"),
    [
        ({"after": "a", "only_if": "any"}, ()),
        ({"after": ["notpanel/default/ord_1"], "only_if": ["any"]}, ()),
        ({"after": "b", "only_if": "any"}, ("after",)),
        ({"after": ["a", "b"], "only_if": "any"}, ("after",)),
        ({"after": ["ord_9"], "only_if": "any"}, ("after",)),
        ({"after": "a"}, ("only_if",)),
        ({}, ("after", "only_if")),
        ({"after": "a", "only_if": "any", "group": "g"}, ("group",)),
    ],
)
def test_a_repeat_that_waits_for_others_says_so(
    engine: Engine, again: dict[str, Any], differs: tuple[str, ...]
) -> None:
    both = (entry(1, ref="a"), entry(2, ref="b"))
    take(engine, *both, entry(3, after="a", only_if="any"))
    repeated = [*both, entry(3, **again)]
    shown = preview(engine, ACCOUNTS, SEAL, repeated, NOW)[-1]
    for one in (shown, take(engine, *repeated)[-1]):
        assert (one.receipt, one.differs) == (Receipt.DUPLICATE, differs)


def test_the_second_of_two_in_a_message_says_so_too(engine: Engine) -> None:
    both = (entry(1, ref="a"), entry(2, ref="b"))
    plan = [*both, entry(3, after="a"), entry(3, after="b", only_if="any")]
    shown = preview(engine, ACCOUNTS, SEAL, plan, NOW)[-1]
    for one in (shown, take(engine, *plan)[-1]):
        assert (one.receipt, one.differs) == (Receipt.DUPLICATE, ("after", "only_if"))


def test_one_that_waits_for_none_says_so_when_its_repeat_does(engine: Engine) -> None:
    plain = (entry(1, ref="a"), entry(2))
    take(engine, *plain)
    [_, again] = take(engine, plain[0], entry(2, after="a"))
    assert (again.receipt, again.differs) == (Receipt.DUPLICATE, ("after",))


def test_a_repeat_is_not_looked_up_if_neither_waits(engine: Engine) -> None:
    take(engine, entry(1))
    with statements(engine) as seen:
        take(engine, entry(1))
    assert not any("dependency" in each for each in seen)


def test_one_whose_predecessor_has_ended_is_sent_or_not_wanted_at_once(
    engine: Engine,
) -> None:
    [first] = take(engine, entry(1))
    finish(engine, claimed(engine, first.id), State.REJECTED, Reason.NOT_FOUND)
    one, two = take(
        engine,
        entry(2, after=first.id),
        entry(3, after=first.id, only_if=["rejected/not_found"]),
    )
    assert row(engine, one.id).reason == Reason.NOT_WANTED
    assert row(engine, two.id).state == State.QUEUED
    assert (two.receipt, two.lane) == (Receipt.ACCEPTED, ("notpanel", "default"))


@pytest.mark.parametrize("finished", [NOW, NOW + SECOND])
def test_what_follows_an_end_is_not_earlier_than_the_end(
    engine: Engine, finished: datetime
) -> None:
    [first] = take(engine, entry(1))
    end = change(claimed(engine, first.id), State.REJECTED, finished_at=finished)
    make(engine, [end], NOW + SECOND)
    [one, two] = take(
        engine, entry(2, after=first.id), entry(3, after=first.id, only_if="any")
    )
    ended = row(engine, first.id).updated_at
    assert row(engine, one.id).finished_at >= ended
    assert row(engine, two.id).due_at >= ended


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"after": "ord_9"}, RefusalCode.UNKNOWN_PREDECESSOR, "/after/0"),
        ({"after": ["notpanel/default/ord_2"]}, "unknown_predecessor", "/after/0"),
        ({"after": 5}, RefusalCode.INVALID_VALUE, "/after/0"),
        ({"after": ["x"] * 9}, RefusalCode.TOO_LARGE, "/after"),
        ({"only_if": "any"}, RefusalCode.MISSING, "/after"),
        ({"after": "a", "only_if": "queued"}, RefusalCode.INVALID_VALUE, "/only_if"),
        ({"after": "a", "only_if": [5]}, RefusalCode.INVALID_VALUE, "/only_if"),
        ({"ref": ["a"]}, RefusalCode.INVALID_VALUE, "/ref"),
    ],
)
def test_what_is_wrong_is_the_matter_of_one_entry(
    engine: Engine, wrong: dict[str, Any], code: str, param: str
) -> None:
    one = refusal(engine, entry(1, ref="a"), entry(2, **wrong))
    assert (one.code, one.param) == (code, param)


def test_references_point_backwards_only(engine: Engine) -> None:
    one, later = take(engine, entry(1, after="b"), entry(2, ref="b"))
    assert one.code is RefusalCode.UNKNOWN_PREDECESSOR
    assert later.receipt is Receipt.ACCEPTED


@pytest.mark.parametrize("wrong", [{"provider": "x"}, {"metadata": 5}])
def test_an_entry_after_a_wrong_one_is_refused_and_can_be_corrected(
    engine: Engine, wrong: dict[str, Any]
) -> None:
    after = entry(2, after="a", only_if="any")
    one = refusal(engine, entry(1, ref="a", **wrong), after)
    assert one.code is RefusalCode.UNKNOWN_PREDECESSOR
    corrected = take(engine, entry(1, ref="a"), after)
    assert [each.receipt for each in corrected] == [Receipt.ACCEPTED] * 2


def test_an_entry_does_not_wait_for_what_has_the_key_of_an_earlier_one(
    engine: Engine,
) -> None:
    take(engine, entry(1, key="k"))
    one = refusal(engine, entry(2, key="k", ref="a"), entry(3, after="a"))
    assert one.code is RefusalCode.UNKNOWN_PREDECESSOR


def test_an_entry_waits_for_the_first_of_two_with_one_key_and_not_for_the_second(
    engine: Engine,
) -> None:
    first = entry(1, ref="a")
    both = [
        entry(2, after="a", key="k", ref="b"),
        entry(3, after="a", key="k", ref="c"),
    ]
    one = refusal(engine, first, *both, entry(4, after="c"))
    assert one.code is RefusalCode.UNKNOWN_PREDECESSOR
    again = take(engine, first, *both, entry(5, after="b"))
    assert before(engine, again[-1]) == {again[1].id: "cancelled"}


def test_a_ref_finds_an_entry_whose_provider_makes_keys_of_params(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(_: Any, order: str, params: Mapping[str, Any]) -> str:
        return f"{order}:{sorted(params)}"

    monkeypatch.setattr(type(BY_NAME["akinon"]), "default_key", everything)
    params = {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": "TR33"}}
    order = {"provider": "akinon", "order": "7", "params": params, "ref": "a"}
    first, one = take(engine, order, entry(2, after="a"))
    assert before(engine, one) == {first.id: "cancelled"}


def test_an_entry_may_wait_for_one_whose_key_a_later_entry_could_not_have(
    engine: Engine,
) -> None:
    message = [
        entry(1, key="k", ref="a"),
        entry(2, key="k"),
        entry(3, after="a"),
    ]
    shown = preview(engine, ACCOUNTS, SEAL, message, NOW)
    first, second, one = take(engine, *message)
    assert [each.receipt for each in shown] == [
        each.receipt for each in (first, second, one)
    ]
    assert second.receipt is Receipt.REFUSED
    assert before(engine, one) == {first.id: "cancelled"}


def test_nothing_waits_for_a_refused_entry_by_the_key_that_it_is_kept_under(
    engine: Engine,
) -> None:
    wrong = {**entry(1), "metadata": 5}
    kept = take(engine, wrong)[0]
    name = f"notpanel/default/{row(engine, kept.id).key}"
    for entries in ([entry(2, after=name)], [wrong, entry(3, after=name)]):
        one = refusal(engine, *entries)
        assert one.code is RefusalCode.UNKNOWN_PREDECESSOR


def test_a_plan_is_inserted_without_changing_a_row(engine: Engine) -> None:
    plan = [entry(1, ref="a"), entry(2, after="a", ref="b"), entry(3, after=["a", "b"])]
    with statements(engine) as seen:
        taken = take(engine, *plan)
    assert not any(each.startswith("UPDATE cancellation") for each in seen)
    rows = [row(engine, one.id) for one in taken]
    assert [(one.followed, one.waits_for) for one in rows] == [
        (1, None),
        (1, 1),
        (None, 2),
    ]


def test_a_chain_has_a_greatest_length(engine: Engine) -> None:
    chain = [entry(0, ref="x")]
    chain += [entry(n, ref="x", after="x") for n in range(1, DEEPEST + 1)]
    assert {one.receipt for one in take(engine, *chain)} == {Receipt.ACCEPTED}
    more = entry(99, after=f"notpanel/default/ord_{DEEPEST}")
    assert refusal(engine, more).code is RefusalCode.TOO_MANY_DEPENDENCIES


def test_what_a_caller_may_not_read_it_cannot_wait_for(engine: Engine) -> None:
    [first] = take(engine, *limited([entry(1, group="theirs")], THEIRS))
    for name in (first.id, "notpanel/default/ord_1"):
        wish = entry(2, group="ours", after=name)
        [one] = take(engine, *limited([wish], OURS))
        assert one.code is RefusalCode.UNKNOWN_PREDECESSOR
        [own] = take(engine, *limited([{**wish, "group": "theirs"}], THEIRS))
        assert before(engine, own) == {first.id: "cancelled"}


def test_a_caller_that_reads_nothing_names_its_own_entries_only(
    engine: Engine,
) -> None:
    blind = Limits(owner="blind", listed=(Limit(),), reads=False)
    entries = [entry(1, ref="a"), entry(2, after="a"), entry(3, after="notpanel/a/b")]
    first, one, wrong = take(engine, *limited(entries, blind))
    assert before(engine, one) == {first.id: "cancelled"}
    assert wrong.code is RefusalCode.UNKNOWN_PREDECESSOR


def test_a_csv_file_has_columns_for_them(engine: Engine) -> None:
    text = (
        "provider,order,ref,after,only_if\n"
        'notpanel,ord_1,a,,\nnotpanel,ord_2,b,,\nnotpanel,ord_3,,"a; b","any"\n'
    )
    refs = Refs()
    rows = list(parse(text.encode(), "x.csv").rows)
    taken = take(engine, *(refs.resolve(each.entry) for each in rows))
    assert before(engine, taken[2]) == {taken[0].id: "any", taken[1].id: "any"}


def test_a_preview_accepts_a_plan_and_writes_nothing(engine: Engine) -> None:
    plan = [entry(1, ref="a"), entry(2, after="a")]
    shown = preview(engine, ACCOUNTS, SEAL, plan, NOW)
    assert [one.receipt for one in shown] == [Receipt.ACCEPTED] * 2
    taken = take(engine, *plan)
    assert [one.receipt for one in taken] == [Receipt.ACCEPTED] * 2


def test_a_preview_refuses_what_could_not_wait(engine: Engine) -> None:
    wrong = {**entry(1, ref="a"), "account": "nobody"}
    plan = [wrong, entry(2, after="a"), entry(3, after="notpanel/default/none")]
    plan += [entry(4, ref="b"), entry(5, after="b"), entry(6, after="b", order="")]
    shown = preview(engine, ACCOUNTS, SEAL, plan, NOW)
    taken = take(engine, *plan)
    assert [one.receipt for one in shown] == [one.receipt for one in taken]
    assert [one.wrong for one in shown] == [one.wrong for one in taken]
    assert [one.code for one in shown[1:3]] == [RefusalCode.UNKNOWN_PREDECESSOR] * 2


def test_a_schedule_maps_a_column_to_several_references() -> None:
    recipe = Recipe({"order": "order", "after": "after", "only_if": "if"})
    values = {"order": "ord_3", "after": "a; b", "if": "any"}
    made = recipe.entry(Row("row 1", values), {})
    assert made == {"order": "ord_3", "after": ["a", "b"], "only_if": "any"}


def test_a_ref_is_known_in_its_own_submission_only(engine: Engine) -> None:
    other = Refs().resolve(entry(1, ref="a"))
    mine = Refs().resolve(entry(2, after="a"))
    one = refusal(engine, other, mine)
    assert one.code is RefusalCode.UNKNOWN_PREDECESSOR
