"""Tests of filling a template with an input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.intake.validation import check
from rescind.plans import step_checks
from rescind.plans.placeholders import filled, names_in, pieces
from rescind.plans.plan_faults import PlanFault, RefusedPlanError, param_of
from rescind.plans.plan_rendering import FilledPlan, PlanStep, fill_plan
from rescind.plans.plan_templates import Template
from rescind.plans.template_reading import template_of
from rescind.plans.templates_file import load_templates
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import NOW

ROOT = Path(__file__).parents[2]
WEB = load_templates(ROOT / "plans.example.toml").plans["web-order"]
ORDER = {
    "order_no": "1001",
    "awb": 86210010463,
    "akinon_order": "2000001",
    "reasons": {"101": 2},
    "sms": "400000001",
}


def plan(*steps: dict[str, Any], **more: Any) -> Template:
    named = {chr(ord("a") + n): one for n, one in enumerate(steps)}
    return template_of("p", {**more, "steps": named})


def sms(order: str = "{sms}", **more: Any) -> dict[str, Any]:
    return {"provider": "iletimerkezi", "order": order, **more}


def refusal(template: Template, given: object, **more: Any) -> tuple[PlanFault, ...]:
    with pytest.raises(RefusedPlanError) as caught:
        fill_plan(template, given, **more)
    return caught.value.faults


def test_a_template_becomes_entries() -> None:
    found = fill_plan(WEB, ORDER)
    assert (found.key, found.left_out) == ("1001", [])
    assert [one.entry for one in found.steps] == [
        {
            "ref": "parcel",
            "provider": "ithink",
            # With its type, because the text is the placeholder alone.
            "order": 86210010463,
            "group": "1001",
        },
        {
            "ref": "refund",
            "provider": "akinon",
            "order": "2000001",
            "params": {"is_all": True, "reasons": {"101": 2}},
            "cancel_before": "+2h",
            "group": "1001",
            "after": ["parcel"],
            "only_if": "cancelled",
        },
        {
            "ref": "sms",
            "provider": "iletimerkezi",
            "order": "400000001",
            "group": "1001",
            "after": ["parcel"],
            "only_if": "any",
        },
    ]


def test_its_entries_are_valid() -> None:
    for one in fill_plan(WEB, ORDER).steps:
        check({k: v for k, v in one.entry.items() if k != "ref"}, ACCOUNTS, NOW)


@pytest.mark.parametrize("lacks", [{}, {"sms": None}])
def test_an_optional_step_is_left_out_without_its_names(lacks: dict[str, Any]) -> None:
    given = {name: one for name, one in ORDER.items() if name != "sms"} | lacks
    found = fill_plan(WEB, given)
    assert [one.name for one in found.steps] == ["parcel", "refund"]
    assert found.left_out == ["sms"]


def test_what_waits_for_a_step_that_is_left_out_does_not_wait_for_it() -> None:
    template = plan(
        sms("{x}", optional=True),
        sms("{y}"),
        sms("{z}", after=["a", "b"], only_if="any"),
        sms("{w}", after="a", only_if="any"),
    )
    found = fill_plan(template, {"y": "1", "z": "2", "w": "3"})
    assert [(one.name, one.after) for one in found.steps] == [
        ("b", ()),
        ("c", ["b"]),
        ("d", ()),
    ]
    # Without a step to wait for, there is no condition.
    assert "only_if" not in found.steps[2].entry
    assert [one.only_if for one in found.steps[1:]] == ["any", "cancelled"]


def test_a_plan_of_which_every_step_is_left_out_is_refused() -> None:
    [fault] = refusal(plan(sms(optional=True)), {})
    assert "all steps would be left out" in fault.wrong


def test_each_name_that_is_missing_has_a_sentence() -> None:
    found = refusal(WEB, {"order_no": "1", "reasons": {}})
    assert [(one.param, one.step, one.code) for one in found] == [
        ("/input/awb", "parcel", RefusalCode.MISSING),
        ("/input/akinon_order", "refund", RefusalCode.MISSING),
    ]
    assert found[0].wrong == "awb is required: the step parcel needs it"


def test_a_name_that_the_plan_does_not_take_is_refused() -> None:
    [fault] = refusal(WEB, {**ORDER, "smss": "1"})
    assert fault.wrong == ("the plan takes no smss from its input: did you mean sms?")
    assert (fault.param, fault.code) == ("/input/smss", RefusalCode.UNKNOWN_FIELD)


def test_a_name_that_may_be_personal_is_not_repeated() -> None:
    [fault] = refusal(WEB, {**ORDER, "TR330006100519786457841326": "1"})
    assert "TR33" not in fault.wrong + fault.param


@pytest.mark.parametrize("given", [[], "x", 5, {"awb": float("nan")}, {"awb": "\x00"}])
def test_an_input_that_is_no_plain_object_is_refused(given: object) -> None:
    [fault] = refusal(WEB, given)
    assert fault.param == "/input"


def test_an_object_within_a_text_is_refused() -> None:
    [fault] = refusal(plan(sms("x-{a}")), {"a": {}})
    assert fault == PlanFault(
        "a must be a text, a number, true or false", param="/input/a", step="a"
    )


def test_an_object_is_no_key_and_no_group() -> None:
    for name in ("key", "group"):
        [fault] = refusal(plan(sms(), **{name: "{k}"}), {"sms": "1", "k": []})
        assert (fault.wrong, fault.param) == (
            f"the plan's {name} must be a text",
            "/input/k",
        )


# --- keys -------------------------------------------------------------------------


def test_null_is_the_same_as_no_value() -> None:
    template = plan(sms("{a}"), sms("{b}", optional=True))
    assert fill_plan(template, {"a": "1", "b": None}).left_out == ["b"]


def test_a_key_of_the_submission_is_used_instead_of_the_template_s() -> None:
    template = plan(sms(), key="{k}")
    assert fill_plan(template, {"sms": "1"}, key="mine").key == "mine"
    [fault] = refusal(template, {"sms": "1"}, key="refused:x")
    assert (fault.param, fault.code) == ("/key", RefusalCode.RESERVED_KEY)


def test_the_address_of_the_submission_is_used_instead_of_the_template_s() -> None:
    template = plan(sms(), callback_url="https://shop.example/{sms}")
    of_template = fill_plan(template, {"sms": "1"})
    assert of_template.callback_url == "https://shop.example/1"
    given = fill_plan(template, {"sms": "1"}, callback_url="https://a.example")
    assert given.callback_url == "https://a.example"


# --- where a fault is -------------------------------------------------------------


@pytest.mark.parametrize(
    ("param", "where"),
    [
        ("/order", "/input/akinon_order"),
        ("/params/reasons/101", "/input/reasons/101"),
        ("/params/is_all", "/steps/refund/params/is_all"),
        ("/account", "/steps/refund/account"),
        ("/group", "/steps/refund/group"),
        ("", "/steps/refund"),
    ],
)
def test_a_fault_leads_to_the_input_that_gave_the_value(param: str, where: str) -> None:
    assert param_of(WEB.steps[1], param) == where


# --- placeholders -----------------------------------------------------------------


@given(st.text(alphabet="{}a_ 0ı", max_size=12))
def test_any_text_has_pieces_or_a_sentence(text: str) -> None:
    said = step_checks.wrong_text(text)
    if said is not None:
        assert said.startswith("has ")
        return
    found = [one for one in pieces(text) if isinstance(one, str)]
    assert filled(f"|{text}", dict.fromkeys(names_in(text), "")) == "|" + "".join(found)


@given(st.text())
def test_a_text_with_doubled_braces_is_that_text(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert filled(doubled, {}) == text


def test_numbers_and_truths_are_written_as_in_json() -> None:
    given = {"a": True, "b": 1.5, "c": 7, "d": "x"}
    assert filled("{a}-{b}-{c}-{d}{{", given) == "true-1.5-7-x{"


# --- any input --------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["101", "x", "~/"]), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from([*ORDER, "x"])
INPUTS = (
    st.dictionaries(NAMES, JSON, max_size=6)
    | st.dictionaries(NAMES, JSON, max_size=3).map(lambda more: {**ORDER, **more})
    | st.dictionaries(st.sampled_from(["a b", 5, ""]), JSON, max_size=2)
    | JSON
)
TEMPLATES = [WEB, plan(sms("a{x}", optional=True), sms(after="a"))]


@given(st.sampled_from(TEMPLATES), INPUTS, JSON, JSON)
def test_any_input_gives_entries_or_sentences(
    template: Template, given: object, key: object, url: object
) -> None:
    try:
        found = fill_plan(template, given, key, url)
    except RefusedPlanError as error:
        wrong = [one.wrong for one in error.faults]
    else:
        assert_whole(template, found)
        return
    assert wrong
    assert all(wrong)


def assert_whole(template: Template, found: FilledPlan) -> None:
    names = [one.name for one in found.steps]
    assert {*names, *found.left_out} == {one.name for one in template.steps}
    assert len(found.key) <= 200
    for place, one in enumerate(found.steps):
        assert set(one.after) <= set(names[:place])
        where = wrong_at(one)
        assert where is None or where.startswith(("/input/", "/steps/"))


def wrong_at(one: PlanStep) -> str | None:
    """Where its entry is wrong; ``None`` if it is valid."""
    try:
        check({k: v for k, v in one.entry.items() if k != "ref"}, ACCOUNTS, NOW)
    except InvalidRequestError as error:
        return param_of(one.step, error.param)
    return None
