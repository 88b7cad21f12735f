"""What packages of other authors import is there, and the guide tells the truth."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

import rescind.provider
import rescind.sandbox
from rescind.provider import (
    INTERFACE_VERSION,
    Policy,
    Provider,
    ReadsByList,
    WithEvents,
    WithLogin,
)
from rescind.provider.testing import Case, ProviderSuite
from rescind.sandbox import Order, Simulation, Tokens

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "adding-a-provider.md").read_text()
GUIDE = PAGE + (DOCS / "provider-reference.md").read_text()
NAMED = set(re.findall(r"`([A-Za-z_]\w+)(?:\([^`]*\))?`", GUIDE))
"""The names, and the functions with their arguments, that the guide shows."""
READ_IN_TEN_MINUTES = 3000
"""Words."""


@pytest.mark.parametrize("module", [rescind.provider, rescind.sandbox])
def test_every_public_name_can_be_imported(module: object) -> None:
    names = vars(module)["__all__"]
    assert sorted(names) == sorted(set(names))
    for name in names:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("module", [rescind.provider, rescind.sandbox])
def test_a_shell_can_complete_every_public_name(module: object) -> None:
    assert set(vars(module)["__all__"]) <= set(dir(module))


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rescind.provider.nothing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rescind.sandbox.nothing


def test_a_developer_reads_the_page_in_ten_minutes() -> None:
    assert len(PAGE.split()) <= READ_IN_TEN_MINUTES


def test_every_member_in_the_guide_exists() -> None:
    table = re.findall(r"^\| (`.+?`(?:, `.+?`)*) \|", GUIDE, re.MULTILINE)
    members = {
        name
        for cell in table
        for name in re.findall(r"`([a-z_]+)(?:\(|`)", cell)
        if not cell.startswith("`pyproject")
    }
    annotated = {
        name
        for one in (*ReadsByList.__mro__, *WithLogin.__mro__)
        for name in vars(one).get("__annotations__", ())
    }
    simulated = {*dir(Simulation), *Simulation.__annotations__}
    derived = {*dir(WithLogin), *dir(WithEvents), *dir(ReadsByList), *annotated}
    declared = {*Policy.model_fields, *simulated, *(f.name for f in fields(Case))}
    known = {*derived, *declared, *rescind.provider.__all__}
    assert members - known == set()
    assert {"split", "panel", "parse_cancel", "covers", "advice"} <= members


def test_the_guide_names_what_a_simulation_and_a_case_declare() -> None:
    for name in ("truths", "cancellable", "others", "credentials", "example", "open"):
        assert name in NAMED
        assert name in {*dir(Simulation), *Simulation.__annotations__}
    for field in fields(Case):
        assert field.name in NAMED


SIGNATURES: dict[str, Callable[..., object]] = {
    "Order": rescind.provider.Order,
    "Request": rescind.provider.Request,
    "json_request": rescind.provider.json_request,
    "form_request": rescind.provider.form_request,
    "Finding": rescind.provider.Finding,
    "Throttled": rescind.provider.Throttled,
    "Token": rescind.provider.Token,
    "EventNews": rescind.provider.EventNews,
    "build_login": WithLogin.build_login,
    "build_refresh": WithLogin.build_refresh,
    "parse_login": WithLogin.parse_login,
    "static_token": WithLogin.static_token,
    "Tokens": Tokens,
    "Call": rescind.sandbox.Call,
    "order.change_later": Order("1", "open").change_later,
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_guide_shows_the_parameters_as_they_are(name: str) -> None:
    found = re.findall(rf"`{re.escape(name)}\(([a-z_, ]+)\)`", GUIDE)
    assert found
    parameters = inspect.signature(SIGNATURES[name]).parameters
    known = [one for one in parameters if one != "self"]
    for shown in found:
        names = shown.split(", ")
        assert names == known[: len(names)]


@pytest.mark.parametrize(
    ("makes", "shown"),
    [
        (rescind.provider.documented, "(says, source, checked)"),
        (rescind.provider.seen, "(says, source, checked)"),
        (rescind.provider.assumed, "(says, source, checked, ask)"),
    ],
)
def test_the_guide_shows_what_a_fact_is_made_of(makes: object, shown: str) -> None:
    assert callable(makes)
    names = inspect.signature(makes).parameters
    assert f"({', '.join(names)})" == shown
    assert f"`{shown}`" in GUIDE


def test_the_guide_names_the_interface_that_is_in_force() -> None:
    assert f"you wrote the class: {INTERFACE_VERSION}." in GUIDE
    assert "interface_version" not in vars(Provider)
    assert ProviderSuite.__name__ in GUIDE


def test_the_types_are_there_for_packages() -> None:
    assert (Path(rescind.provider.__file__).parents[1] / "py.typed").is_file()
