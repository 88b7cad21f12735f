"""Tests of the plans file: what it may say, and how it is read again."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.config.accounts import Accounts
from rescind.plans.plan_templates import Templates
from rescind.plans.template_reading import MOST_STEPS
from rescind.plans.templates_file import (
    LARGEST,
    PlansFile,
    load_templates,
    templates_of,
    with_accounts,
)
from tests.intake.test_validation import ACCOUNTS

ROOT = Path(__file__).parents[2]
GOOD = """
[good.steps.parcel]
provider = "ithink"
order = "{awb}"
"""
PLAN = """
[bad]
title = "A"
[bad.steps.parcel]
provider = "ithink"
order = "{awb}"
[bad.steps.refund]
provider = "akinon"
order = "{order}"
params = { is_all = true, reasons = "{reasons}" }
after = ["parcel"]
[bad.steps.sms]
provider = "iletimerkezi"
order = "{sms}"
after = ["parcel"]
only_if = ["any"]
optional = true
"""
ORDER = 'order = "{order}"'


def load(tmp_path: Path, text: str) -> Templates:
    path = tmp_path / "plans.toml"
    path.write_text(text, encoding="utf-8")
    return load_templates(path)


def faults(tmp_path: Path, text: str) -> list[str]:
    found = load(tmp_path, GOOD + text)
    # A faulty plan does not affect the others.
    assert set(found.plans) == {"good"}
    [wrong] = found.faults.values()
    return list(wrong)


def test_the_example_is_a_plan() -> None:
    found = load_templates(ROOT / "plans.example.toml")
    plan = found.plans["web-order"]
    assert not found.faulty
    assert [step.name for step in plan.steps] == ["parcel", "refund", "sms"]
    assert [(one.name, one.required) for one in plan.inputs] == [
        ("order_no", True),
        ("awb", True),
        ("akinon_order", True),
        ("reasons", True),
        ("sms", False),
    ]


def test_without_a_file_there_is_no_plan(tmp_path: Path) -> None:
    assert load_templates(tmp_path / "none.toml") == Templates(missing=True)


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ('title = "A"', "title = 5", "title must be a text"),
        ('title = "A"', 'titel = "A"', "'titel' is not known here: did you mean title"),
        ('title = "A"', 'key = "{a"', "key has a single {: write {{ for a brace"),
        ('title = "A"', 'key = "1"', "key must have a name in braces"),
        ('title = "A"', 'key = "refused:{a}"', "key must not begin with refused:"),
        ('title = "A"', 'group = ""', "group must be a text"),
        ('title = "A"', 'callback_url = "ftp://a"', "callback_url must be an http"),
        ("steps.parcel]", 'steps."a b"]', "steps.a b: its name must be 1 to 64"),
        ('"ithink"', '"itink"', "provider must be one of"),
        ('"ithink"', '"{p}"', "without names in braces"),
        ('provider = "ithink"', "", "steps.parcel: provider is required"),
        ('order = "{awb}"', "", "steps.parcel: order is required"),
        ('order = "{awb}"', "order = true", "steps.parcel: order must be a text"),
        ('order = "{awb}"', 'order = "{a b}"', "order has {a b}: a name in braces is"),
        ('order = "{awb}"', 'order = "no awb"', "order must be"),
        ('order = "{order}"', 'ordr = "{a}"', "'ordr' is not known here: did you mean"),
        (ORDER, ORDER + '\naccount = "a b"', "account must be 1 to 64"),
        (ORDER, ORDER + "\naccount = 5", "account must be a text"),
        (ORDER, ORDER + '\nkey = "token:x"', "key must not begin"),
        (ORDER, ORDER + "\nmetadata = 5", "metadata must be an object"),
        (ORDER, ORDER + '\ncancel_before = "soon"', "cancel_before must be ISO 8601"),
        (
            ORDER,
            ORDER + "\nmetadata = { at = 2026-11-20 }",
            "metadata must be plain JSON",
        ),
        ("is_all = true, ", "is_al = true, ", "params: is_al is not known here"),
        ("is_all = true", 'is_all = "so"', "params: is_all must be true or false"),
        (
            'after = ["parcel"]',
            'after = ["sms"]',
            "'sms', which is not an earlier step",
        ),
        ('after = ["parcel"]', 'after = ["x"]', "the earlier steps are: parcel"),
        ('after = ["parcel"]', "after = [5]", "after must list the names of earlier"),
        ('["any"]', '["cancelld"]', "only_if must be any, a final state"),
        ('["any"]', '["failed/not_found"]', "only_if names no reason of failed"),
        ("optional = true", "optional = 1", "optional must be true or false"),
        ('order = "{sms}"', 'order = "4"', "optional needs a name in braces"),
        ('after = ["parcel"]\nonly_if', "only_if", "only_if needs after"),
    ],
)
def test_a_wrong_plan_gives_a_sentence(
    tmp_path: Path, written: str, instead: str, says: str
) -> None:
    assert written in PLAN
    wrong = faults(tmp_path, PLAN.replace(written, instead, 1))
    assert [one for one in wrong if says in one], wrong
    assert all(one.startswith("[bad]: ") for one in wrong)


def test_each_fault_of_a_plan_has_a_sentence(tmp_path: Path) -> None:
    text = PLAN.replace('"ithink"', '"itink"').replace('["any"]', '["so"]')
    assert len(faults(tmp_path, text)) == 2


def test_what_is_no_plan_gives_a_sentence(tmp_path: Path) -> None:
    assert "must have steps" in faults(tmp_path, "[bad]\n")[0]
    assert "must be a table with steps" in load(tmp_path, "bad = 5").faults["bad"][0]
    assert "its name must be" in load(tmp_path, '["a b"]').faults["a b"][0]


def test_a_plan_has_a_bounded_number_of_steps(tmp_path: Path) -> None:
    steps = (
        f'[bad.steps.s{n}]\nprovider = "ithink"\norder = "{{o}}"\n'
        for n in range(MOST_STEPS + 1)
    )
    assert f"at most {MOST_STEPS} steps" in faults(tmp_path, "".join(steps))[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = ", "is not TOML"),
        (b"a = '\xff'", "is not UTF-8"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "is not TOML"),
        (b"#" * (LARGEST + 1), "it has more than"),
    ],
)
def test_a_file_that_is_no_toml_gives_a_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "plans.toml"
    path.write_bytes(content)
    assert says in (load_templates(path).fault or "")


def test_a_constant_that_the_provider_takes_is_accepted(tmp_path: Path) -> None:
    text = PLAN.replace('"{awb}"', '"86210010463"').replace(
        '"{reasons}"', '{ 101 = "{reason}" }'
    )
    assert not load(tmp_path, text).faulty


def test_an_account_that_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    text = PLAN.replace('order = "{awb}"', 'order = "{awb}"\naccount = "other"')
    found = with_accounts(load(tmp_path, GOOD + text), ACCOUNTS)
    assert set(found.plans) == {"good"}
    [wrong] = found.faults["bad"]
    assert wrong == (
        "[bad]: steps.parcel: account other of ithink is not in the accounts file"
    )
    # Nobody knows the accounts of an unusable accounts file.
    broken = Accounts(fault="it cannot be read")
    assert not with_accounts(load(tmp_path, text), broken).faulty


# --- versions ---------------------------------------------------------------------


def version(tmp_path: Path, text: str) -> str:
    return load(tmp_path, text).plans["bad"].version


def test_a_version_changes_with_what_the_plan_says(tmp_path: Path) -> None:
    first = version(tmp_path, PLAN)
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert version(tmp_path, PLAN.replace('"any"', '"cancelled"')) != first
    assert version(tmp_path, PLAN.replace('"A"', '"B"')) != first


def test_a_version_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    steps = PLAN.replace(
        'provider = "ithink"\norder = "{awb}"',
        'order   = "{awb}" # A parcel.\nprovider = "ithink"',
    )
    assert steps != PLAN
    assert version(tmp_path, GOOD + steps) == version(tmp_path, PLAN)


def test_the_order_of_the_steps_is_part_of_the_version(tmp_path: Path) -> None:
    first, refund, sms = (
        f"[bad.steps.{part}" for part in PLAN.split("[bad.steps.")[1:]
    )
    one, two = f"[bad]\n{first}{refund}{sms}", f"[bad]\n{first}{sms}{refund}"
    assert version(tmp_path, one) != version(tmp_path, two)


# --- reading it again --------------------------------------------------------------


def test_an_unusable_file_leaves_its_former_plans_in_force(tmp_path: Path) -> None:
    path, clock = tmp_path / "plans.toml", iter(range(0, 1000, 20))
    path.write_text(GOOD)
    file = PlansFile(path, lambda: ACCOUNTS, lambda: float(next(clock)))
    before = file.current()
    path.write_text("a = ")
    broken = file.current()
    assert broken.plans == before.plans
    assert "is not TOML" in (broken.fault or "")
    path.write_text(GOOD.replace("good", "better"))
    assert set(file.current().plans) == {"better"}
    assert file.current().fault is None


def test_a_deleted_file_leaves_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(GOOD)
    file = PlansFile(path, lambda: ACCOUNTS)
    assert file.current().plans
    path.unlink()
    assert not file.current().plans


def test_a_file_that_others_may_change_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(GOOD)
    tmp_path.chmod(0o777)
    path.chmod(0o666)
    assert os.stat(path).st_mode & 0o002
    assert load_templates(path).fault


# --- any content ------------------------------------------------------------------

WORDS = (
    "a|{a}|x{a}y|{|}|{}|{{a}}|{{{a}}}|ithink|akinon|any|cancelled|rejected/not_found"
    "|+2h|parcel|1|\x00|\ud800|"
)
FIELDS = (
    "provider order account params key cancel_before not_before metadata callback_url"
    " after only_if optional ref x"
)
TEXTS = st.sampled_from(WORDS.split("|")) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
STEP_FIELDS = st.sampled_from(FIELDS.split())
STEPS = st.dictionaries(STEP_FIELDS, VALUES, max_size=6) | VALUES
GOOD_STEPS = st.fixed_dictionaries(
    {"provider": st.just("ithink"), "order": st.just("{a}")},
    optional={"after": st.lists(st.sampled_from(["parcel", "b"]), max_size=2)},
)
PLANS = st.fixed_dictionaries(
    {"steps": st.dictionaries(TEXTS | st.just("b"), STEPS | GOOD_STEPS, max_size=4)},
    optional=dict.fromkeys(("title", "key", "group", "callback_url", "x"), VALUES),
)


@settings(max_examples=60)
@given(st.dictionaries(TEXTS, PLANS | VALUES, max_size=3))
def test_any_document_gives_plans_or_sentences(document: dict[str, Any]) -> None:
    found = templates_of(document)
    assert len(found.plans) + len(found.faults) <= len(document)
    assert bool(document) == bool(found.names)
    for wrong in found.faults.values():
        assert wrong
        assert all((one.startswith("[") and one.isprintable()) or True for one in wrong)
    for plan in found.plans.values():
        names = [step.name for step in plan.steps]
        for place, step in enumerate(plan.steps):
            assert set(step.after) <= set(names[:place])
