"""Tests of submitting plans: all of a plan is taken in, or nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.intake.receipts import Receipt, lanes_to_notify
from rescind.intake.submissions import take_in
from rescind.ledger.access_limits import Limit, Limits
from rescind.ledger.changes.plan_insertion import insert_plan
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.ledger.storage.unreachable import TransactionUndoneError
from rescind.plans import plan_submission
from rescind.plans.plan_receipts import PlanTaken, as_document
from rescind.plans.step_entries import Sender
from rescind.plans.templates_file import templates_of
from rescind.provider.refusal_codes import RefusalCode
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import BY, NOW, row
from tests.plans.build_plans import INPUT, PANEL, counts, document, submit

OURS = Limits((Limit("notpanel"), Limit("iletimerkezi")), owner="ours")


def faults(taken: PlanTaken) -> list[tuple[str | None, str, str]]:
    assert taken.receipt is Receipt.REFUSED
    assert taken.id is None
    return [(one.step, one.param, one.code) for one in taken.faults]


def test_a_plan_becomes_its_cancellations_and_a_record(engine: Engine) -> None:
    taken = submit(engine)
    assert taken.receipt is Receipt.ACCEPTED
    panel, after, sms = taken.taken
    with reading(engine) as connection:
        before = predecessors_of(connection, [after.id, sms.id])
    assert [(one.id, one.condition) for one in before[after.id]] == [
        (panel.id, "cancelled")
    ]
    assert [(one.id, one.condition) for one in before[sms.id]] == [(panel.id, "any")]
    assert row(engine, sms.id).group_name == "g-1"
    assert lanes_to_notify(taken.taken) == {
        ("notpanel", "default"),
        ("iletimerkezi", "default"),
    }
    found = document(engine, taken.id)
    assert (found["plan"], found["key"], found["title"], found["version"]) == (
        "web-order",
        "1",
        "Panel and SMS",
        taken.version,
    )
    assert [(one["step"], one["after"], one["only_if"]) for one in found["steps"]] == [
        ("panel", [], []),
        ("after", ["panel"], ["cancelled"]),
        ("sms", ["panel"], ["any"]),
    ]
    assert [one["id"] for one in found["steps"]] == [one.id for one in taken.taken]


def test_the_result_names_each_step(engine: Engine) -> None:
    given = {k: v for k, v in INPUT.items() if k != "sms"}
    taken = submit(engine, given)
    found = as_document(taken)
    assert found["left_out"] == ["sms"]
    assert found["steps"][0] == {
        "step": "panel",
        "id": taken.taken[0].id,
        "receipt": "accepted",
        "state": None,
    }


def test_the_same_plan_again_changes_nothing(engine: Engine) -> None:
    first, again = submit(engine), submit(engine)
    assert again.receipt is Receipt.DUPLICATE
    assert again.id == first.id
    assert [one.receipt for one in again.taken] == [Receipt.DUPLICATE] * 3
    assert [one.id for one in again.taken] == [one.id for one in first.taken]
    assert counts(engine) == (1, 3)


def test_a_changed_template_with_the_same_steps_is_a_repeat(engine: Engine) -> None:
    first = submit(engine)
    other = templates_of({"web-order": {**PANEL["web-order"], "title": "Other"}})
    again = submit(engine, templates=other)
    assert again.receipt is Receipt.DUPLICATE
    # It keeps what it began with.
    assert document(engine, again.id)["version"] == first.version != again.version


def test_a_step_that_was_there_with_other_fields_says_which(engine: Engine) -> None:
    take_in(
        engine, ACCOUNTS, SEAL, [{"provider": "iletimerkezi", "order": "3"}], NOW, by=BY
    )
    for taken in (submit(engine), submit(engine)):
        step = as_document(taken)["steps"][2]
        assert step["receipt"] == Receipt.DUPLICATE
        # It waits for nobody: it was sent at once.
        assert step["differs"] == ["group", "after", "only_if"]


@pytest.mark.parametrize(
    "changed",
    [{"panel": "9"}, {"sms": None}],
    ids=["another order", "a step less"],
)
def test_the_same_key_with_other_steps_is_refused(
    engine: Engine, changed: dict[str, Any]
) -> None:
    submit(engine)
    before = counts(engine)
    taken = submit(engine, {**INPUT, **changed})
    assert faults(taken) == [(None, "/input/no", RefusalCode.KEY_CONFLICT)]
    assert next(iter(changed)) in taken.faults[0].wrong
    assert counts(engine) == before


def test_without_a_key_the_same_cancellations_are_the_same_plan(
    engine: Engine,
) -> None:
    keyless = {k: v for k, v in PANEL["web-order"].items() if k != "key"}
    known = templates_of({"web-order": keyless})
    first = submit(engine, templates=known)
    # Another spelling of the order, and another deadline.
    again = submit(engine, {**INPUT, "sms": "03", "until": "+3h"}, templates=known)
    assert (again.receipt, again.id) == (Receipt.DUPLICATE, first.id)
    assert as_document(again)["steps"][1]["differs"] == ["cancel_before"]
    other = submit(engine, {**INPUT, "sms": "4"}, templates=known)
    assert other.receipt is Receipt.ACCEPTED


def test_a_key_of_the_submission_makes_it_another_plan(engine: Engine) -> None:
    first, other = submit(engine), submit(engine, key="other")
    assert other.receipt is Receipt.ACCEPTED
    assert other.id != first.id
    # Its steps are cancellations that existed already: they are in both plans.
    assert [one.receipt for one in other.taken] == [Receipt.DUPLICATE] * 3
    assert counts(engine) == (2, 3)


def test_a_submission_that_the_database_undoes_is_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL undoes one, to end a deadlock with a worker."""
    undone = [TransactionUndoneError("a deadlock")]

    def insert_late(*given: Any) -> bool:
        if undone:
            raise undone.pop()
        return insert_plan(*given)

    monkeypatch.setattr(plan_submission, "insert_plan", insert_late)
    assert submit(engine).receipt is Receipt.ACCEPTED
    assert counts(engine) == (1, 3)


def test_all_wrong_steps_are_named_and_nothing_is_stored(engine: Engine) -> None:
    taken = submit(engine, {**INPUT, "panel": " ", "sms": "x", "until": "soon"})
    assert faults(taken) == [
        ("panel", "/input/panel", RefusalCode.MALFORMED_ORDER),
        ("after", "/input/until", RefusalCode.INVALID_VALUE),
        ("sms", "/input/sms", RefusalCode.MALFORMED_ORDER),
    ]
    assert taken.faults[0].wrong.startswith("panel: order must be")
    assert counts(engine) == (0, 0)


def test_a_key_that_stands_for_another_order_refuses_the_whole_plan(
    engine: Engine,
) -> None:
    other = {"provider": "notpanel", "order": "ord_7", "key": "ord_1"}
    take_in(engine, ACCOUNTS, SEAL, [other], NOW, by=BY)
    # What waits for the refused step has no fault of its own.
    assert faults(submit(engine)) == [
        ("panel", "/steps/panel/key", RefusalCode.KEY_CONFLICT)
    ]
    assert counts(engine) == (0, 1)


def test_two_steps_that_are_the_same_cancellation_are_refused(engine: Engine) -> None:
    taken = submit(engine, {**INPUT, "after": "1"})
    assert faults(taken) == [("after", "/steps/after/key", RefusalCode.INVALID_VALUE)]
    assert "the same cancellation as the step panel" in taken.faults[0].wrong


def test_a_step_may_have_been_submitted_before(engine: Engine) -> None:
    before = {"provider": "notpanel", "order": "ord_1"}
    [old] = take_in(engine, ACCOUNTS, SEAL, [before], NOW, by=BY)
    taken = submit(engine)
    assert taken.receipt is Receipt.ACCEPTED
    assert taken.taken[0].receipt is Receipt.DUPLICATE
    assert document(engine, taken.id)["steps"][0]["id"] == old.id


def test_a_dry_run_stores_nothing(engine: Engine) -> None:
    taken = submit(engine, dry_run=True)
    assert (taken.receipt, taken.id) == (Receipt.ACCEPTED, None)
    found = as_document(taken, with_entries=True)
    assert [one["id"] for one in found["steps"]] == [None] * 3
    assert found["steps"][0]["entry"] == {
        "ref": "panel",
        "provider": "notpanel",
        "order": "ord_1",
        "group": "g-1",
    }
    assert counts(engine) == (0, 0)


def test_a_dry_run_says_what_the_submission_would(engine: Engine) -> None:
    first = submit(engine)
    again = submit(engine, dry_run=True)
    assert (again.receipt, again.id) == (Receipt.DUPLICATE, first.id)
    assert faults(submit(engine, {**INPUT, "panel": "9"}, dry_run=True))


def test_a_plan_that_comes_too_late_is_stored_as_expired(engine: Engine) -> None:
    taken = submit(engine, sender=Sender(BY, late="it came too late"))
    found = document(engine, taken.id)
    assert {one["state"] for one in found["steps"]} == {State.EXPIRED}
    assert found["verdict"] == "not_done"


def test_new_cancellations_of_a_plan_are_counted_in_the_actions(
    engine: Engine,
) -> None:
    listed = SubmissionActions()
    first = submit(engine, listed=listed)
    assert first.receipt is Receipt.ACCEPTED
    from rescind.ledger.action_kinds import Action
    from rescind.ledger.storage.operator_tables import OPERATOR_ACTION

    with reading(engine) as connection:
        [one] = connection.execute(OPERATOR_ACTION.select()).all()
    assert (one.action, one.number) == (Action.SUBMIT, 3)


# --- which plan --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "code", "says"),
    [
        (None, RefusalCode.MISSING, "plan must be the name of a plan"),
        (5, RefusalCode.INVALID_VALUE, "plan must be the name of a plan"),
        ("web-ordr", RefusalCode.UNKNOWN_PLAN, "did you mean web-order?"),
        ("x", RefusalCode.UNKNOWN_PLAN, "there are: web-order"),
        ("bad", RefusalCode.UNKNOWN_PLAN, "`rescind plan check` says why"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused(
    engine: Engine, plan: object, code: str, says: str
) -> None:
    templates = templates_of({**PANEL, "bad": {}})
    taken = submit(engine, plan=plan, templates=templates)
    assert faults(taken) == [(None, "/plan", code)]
    assert says in taken.faults[0].wrong


# --- limited callers and addresses ---------------------------------------------------


def test_every_step_must_be_within_the_limits_of_the_caller(engine: Engine) -> None:
    some = Sender(BY, limits=Limits((Limit("notpanel"),), owner="some"))
    assert faults(submit(engine, sender=some)) == [
        (None, "/plan", RefusalCode.OUTSIDE_LIMITS)
    ]
    grouped = Limits((Limit("*", group="shop-*"),), owner="some")
    found = faults(submit(engine, sender=Sender(BY, limits=grouped)))
    assert {one[2] for one in found} == {RefusalCode.OUTSIDE_LIMITS}
    assert counts(engine) == (0, 0)


def test_a_limited_caller_does_not_learn_the_names_of_other_plans(
    engine: Engine,
) -> None:
    some = Sender(BY, limits=Limits((Limit("ithink"),), owner="some"))
    taken = submit(engine, sender=some, plan="web-orders")
    assert "web-order?" not in taken.faults[0].wrong


def test_a_limited_caller_s_keys_are_its_own(engine: Engine) -> None:
    theirs = submit(engine)
    mine = submit(engine, sender=Sender(BY, limits=OURS))
    assert (mine.receipt, mine.key) == (Receipt.ACCEPTED, "1")
    assert mine.id != theirs.id
    assert submit(engine, sender=Sender(BY, limits=OURS)).id == mine.id
    assert counts(engine) == (2, 6)


def test_an_address_that_is_not_allowed_refuses_the_plan(engine: Engine) -> None:
    taken = submit(engine, url="https://shop.example/done")
    assert faults(taken) == [(None, "/callback_url", RefusalCode.CALLBACK_NOT_ALLOWED)]
    allowed = Callbacks(
        host_patterns("shop.example"), secrets=WebhookSecrets(("whsec_x",))
    )
    sender = Sender(BY, callbacks=allowed)
    good = submit(engine, url="https://shop.example/done", sender=sender)
    assert good.receipt is Receipt.ACCEPTED


# --- together, and any input ---------------------------------------------------------


def test_one_plan_that_two_submit_at_once_is_one_plan(engine: Engine) -> None:
    results: list[PlanTaken] = []
    threads = [
        threading.Thread(target=lambda: results.append(submit(engine)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.receipt for one in results) == ["accepted"] + ["duplicate"] * 3
    assert len({one.id for one in results}) == 1
    assert counts(engine) == (1, 3)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["1", "2", "", None, [], {}, True, 5, "+1h", "x y"]
)
INPUTS = st.dictionaries(st.sampled_from(sorted(INPUT)), VALUES, max_size=4)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    made = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('plans')}/ledger.db")
    upgrade(made)
    return made


@settings(max_examples=60)
@given(st.lists(INPUTS.map(lambda one: {**INPUT, **one}), min_size=1, max_size=3))
def test_any_plan_is_stored_whole_or_not_at_all(
    ledger: Engine, inputs: list[dict[str, Any]]
) -> None:
    for one in inputs:
        expected = submit(ledger, one, dry_run=True)
        plans, cancellations = counts(ledger)
        taken = submit(ledger, one)
        new = [t for t in taken.taken if t.receipt is Receipt.ACCEPTED]
        is_new = taken.receipt is Receipt.ACCEPTED
        # Some of its cancellations may have existed.
        assert counts(ledger) == (plans + is_new, cancellations + len(new))
        assert not new or is_new
        assert taken.receipt is expected.receipt
        assert taken.faults == expected.faults
        assert bool(taken.faults) == (taken.receipt is Receipt.REFUSED)
