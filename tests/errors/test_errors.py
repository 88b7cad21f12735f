"""Tests that the catalogue of problems is complete, used, and the same as its page."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import NoSuchModuleError, OperationalError

from rescind.errors import PAGE, PROBLEMS, anchor, outcome, problem
from rescind.errors.errors_page import page
from rescind.errors.exceptions import explain
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.cli.test_cli_support import ROOT

ROOMS = ("providers", "rescind", "worker", "tasks")
OTHER_WAYS = {"api", "dashboard", "sandbox"}
"""Rooms of ``rescind/`` that answer errors by HTTP."""
REASONS = {
    State.CANCELLED: ("confirmed", "already_cancelled", "partial", "inferred"),
    State.REJECTED: (
        *("not_found", "window_closed", "already_completed"),
        *("not_supported", "invalid_request", "refused"),
    ),
    State.EXPIRED: ("deadline_passed",),
    State.FAILED: ("attempts_exhausted", "never_sent", "unresolved"),
    State.WITHDRAWN: ("requested", "not_wanted"),
}
INSIDE = {
    "AccountsError": "becomes the fault of all lanes",
    "CodedError": "becomes evidence of a call",
    "ContradictoryReplyError": "becomes evidence of a call",
    "DemoError": "ends the demo with its own sentence",
    "EngineStoppedError": "sends a message back to its queue",
    "ForbiddenEdgeError": "a bug of ours",
    "_ChangedMeanwhileError": "the plan is submitted once more",
    "_DryRunError": "ends the transaction of a dry run",
    "LostError": "becomes evidence of a call",
    "NotOnlineError": "a mistake in a migration, which its test finds",
    "NotSentError": "becomes evidence of a call",
    "NotTextError": "becomes a fault of a plan's submission",
    "UnmarkedMigrationError": "a mistake in a migration, which its test finds",
    "RefusedPlanError": "becomes the refusal of a plan",
    "ReplicaUnusableError": "lists are read from the primary",
    "RowError": "becomes what is wrong with one row",
    "SchedulesError": "becomes the fault of a rule",
    "StepGoneError": "the plan is submitted once more",
    "StoppedError": "the user has pressed Ctrl-C",
    "TemplateError": "becomes the faults of a plan",
    "TooLateError": "ends one call",
    "UnbuildableError": "becomes the fault of one order",
    "UnreadableEventError": "an event of a provider that changes nothing",
    "UnreadableReplyError": "becomes evidence of a call",
    "UnusableError": "becomes a broken provider, which holds its lanes",
    "UnsentError": "becomes the detail of a delivery",
}
"""Exceptions that never end a command, and what becomes of them."""


def test_the_page_is_generated_from_the_catalogue() -> None:
    assert (ROOT / PAGE).read_text() == page(), "run `python -m rescind.errors`"


def test_each_problem_has_a_section_that_its_anchor_leads_to() -> None:
    headings = re.findall(r"(?m)^### (.+)$", (ROOT / PAGE).read_text())
    assert headings == list(PROBLEMS)
    for slug in PROBLEMS:
        # Only these characters: then the heading's anchor equals the slug.
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
        assert anchor(slug) == f"docs/errors.md#{slug}"


def test_every_link_of_the_page_leads_to_a_heading() -> None:
    for name, _, heading in re.findall(r"\]\(([\w/.-]+\.md)(#([\w-]+))?\)", page()):
        text = (ROOT / "docs" / name).read_text()
        titles = re.findall(r"(?m)^#+ (.+)$", text)
        anchors = {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}
        assert not heading or heading in anchors, f"{name}#{heading}"


def test_every_outcome_is_explained() -> None:
    pairs = [(state, reason) for state, of in REASONS.items() for reason in of]
    assert {reason for _, reason in pairs} == set(Reason)
    found = {outcome(*pair).slug for pair in pairs}
    ends = tuple(f"{state}-" for state in REASONS)
    assert found == {slug for slug in PROBLEMS if slug.startswith(ends)}


def test_a_problem_that_is_not_listed_is_refused() -> None:
    with pytest.raises(KeyError):
        problem("whatever")


# --- the code -------------------------------------------------------------------------


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    """All modules except those that list the problems."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.parent.name != "errors" or path.stem == "exceptions":
                yield path, ast.parse(path.read_text())


def _texts() -> set[str]:
    return {
        node.value
        for _, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_problem_is_used_somewhere() -> None:
    ends = tuple(f"{state}-" for state in REASONS)
    unused = {slug for slug in PROBLEMS if not slug.startswith(ends)} - _texts()
    assert unused == set()


def test_every_problem_that_the_code_names_is_listed() -> None:
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "problem":
                named = node.value
                if isinstance(named, ast.Constant) and isinstance(named.value, str):
                    assert named.value in PROBLEMS, path


def _errors() -> dict[str, type[Exception]]:
    """Every exception class of ours that does not become an HTTP answer."""
    return {
        node.name: getattr(importlib.import_module(_module(path)), node.name)
        for path, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
        if not OTHER_WAYS & set(path.relative_to(ROOT).parts)
    }


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_error_of_ours_has_a_section() -> None:
    errors = _errors()
    assert set(INSIDE) <= set(errors)
    for name in set(errors) - set(INSIDE):
        ending = explain(errors[name]("a sentence"))
        assert ending is not None, name
        assert (ending.says, ending.problem in PROBLEMS) == ("a sentence", True), name


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (RedisConnectionError("refused"), "redis-unreachable"),
        (OperationalError("SELECT 1", {}, Exception("gone")), "ledger-unreachable"),
        (NoSuchModuleError("mysql"), "database-url"),
        (OSError(28, "No space left on device"), "disk-full"),
        (PermissionError(13, "Permission denied", "x"), "file-unusable"),
    ],
)
def test_errors_of_libraries_have_a_section(error: Exception, slug: str) -> None:
    ending = explain(error)
    assert ending is not None
    assert ending.problem == slug


def test_a_bug_of_ours_has_no_section() -> None:
    assert explain(ZeroDivisionError()) is None
