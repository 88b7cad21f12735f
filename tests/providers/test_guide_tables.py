"""The tables of docs/provider-reference.md name all that there is, with its values."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from rescind.demo.demo_setup import QUICK
from rescind.provider.finding_rules import FITTING
from rescind.provider.outcomes import Outcome, Reason
from rescind.provider.policy import Policy
from rescind.provider.testing.said_and_true import TRUTHS
from rescind.sandbox import Notes, Simulation

GUIDE = (Path(__file__).parents[2] / "docs" / "provider-reference.md").read_text()
UNITS = {"days": 86400, "hours": 3600, "minutes": 60}
RETURNED = {reason for _, reason in FITTING["cancel"] if reason}


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", GUIDE.partition(f" {title}\n")[2], flags=re.MULTILINE)[0]


def shown(default: object) -> str:
    """A default as the table shows it."""
    match default:
        case bool():
            return "yes" if default else "no"
        case timedelta():
            return _duration(default.total_seconds())
        case float():
            return f"{default:g} s"
        case tuple():
            return ", ".join(f"{one.total_seconds():g}" for one in default) + " s"
        case _:
            return str(default)


def _duration(total: float) -> str:
    for unit, size in UNITS.items():
        if total >= 2 * size and not total % size:
            return f"{total / size:g} {unit}"
    return f"{total:g} s"


@pytest.mark.parametrize("name", Policy.model_fields)
def test_the_table_of_the_policy_has_every_field_with_its_default(name: str) -> None:
    field: FieldInfo = Policy.model_fields[name]
    default = "required" if field.is_required() else shown(field.default)
    row = rf"^\| `{name}` \| {re.escape(default)} \| \S.+ \|$"
    assert len(re.findall(row, section("The policy"), re.MULTILINE)) == 1


def test_the_table_of_the_policy_has_no_other_field() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("The policy"), re.MULTILINE)
    assert rows == list(Policy.model_fields)


def test_the_reasons_that_a_class_may_return_have_a_row_and_the_others_a_line() -> None:
    text = section("The reasons")
    rows = set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE))
    assert rows == {reason.name for reason in RETURNED}
    ours = text.partition("Only Rescind itself gives")[2]
    named = set(re.findall(r"`([A-Z_]+)`", ours))
    assert named == {reason.name for reason in Reason if reason not in RETURNED}


@pytest.mark.parametrize("reason", sorted(RETURNED))
def test_the_table_of_the_reasons_says_what_a_reading_may_not_return(
    reason: Reason,
) -> None:
    rows = re.findall(
        rf"^\| `{reason.name}`.*\|$", section("The reasons"), re.MULTILINE
    )
    for row in rows:
        outcome = Outcome.REFUSED if "`REFUSED` |" in row else Outcome.CANCELLED
        never = row.split(" | ")[-1].startswith("never")
        assert never == ((outcome, reason) not in FITTING["read"])


def test_the_values_that_the_demo_replaces_are_named() -> None:
    text = GUIDE.partition("The demo is quick")[2].partition("The demo does not")[0]
    assert set(re.findall(r"`(\w+)`", text)) == set(QUICK)


def test_the_simulation_is_defined_name_by_name() -> None:
    text = section("The simulation")
    declared = {
        *Simulation.__annotations__,
        *(f"notes.{f.name}" for f in fields(Notes)),
    }
    for name in declared - {"name"}:
        assert f"`{name}" in text, name
    for truth in TRUTHS:
        assert f"`{truth}`" in text
