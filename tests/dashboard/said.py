"""Finds the sentences that other packages say to users, in the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

OURS = {"akinon", "dukkango", "iletimerkezi", "ithink", "notpanel", "registry"}
SPOKEN = (
    *("config/accounts.py", "config/path_ownership.py"),
    *("engine/call_results.py", "engine/calls.py", "engine/duplicates.py"),
    *("engine/provider_tokens.py", "ledger/storage/unreachable.py"),
    *("ledger/changes/lane_states.py", "ledger/changes/sweeps.py"),
    *("ledger/changes/rounds.py", "ledger/changes/successors.py"),
    *("provider/account.py", "provider/content_coding.py", "provider/discovery.py"),
    *("provider/error_pages.py", "provider/guarded.py", "provider/http.py"),
    *("provider/http_messages.py", "provider/replies.py"),
    *("provider/response_reader.py", "provider/validation_errors.py"),
    *("operations/lane_view.py", "plans/plan_choice.py", "plans/plan_rendering.py"),
    *("plans/plan_repeats.py", "plans/plan_submission.py", "plans/step_entries.py"),
)
ROOT = Path(__file__).parents[2]
SPEAKING = [
    *sorted((ROOT / "rescind/schedules").glob("*.py")),
    *sorted((ROOT / "rescind/webhooks").glob("*.py")),
    *(one for one in sorted((ROOT / "providers").glob("*.py")) if one.stem in OURS),
    *sorted((ROOT / "providers").glob("*_replies.py")),
    *(ROOT / "rescind" / one for one in SPOKEN),
]
"""Modules whose sentences all reach a page, through the ledger or from a file."""
MODULES = [
    *sorted((ROOT / "rescind/intake").rglob("*.py")),
    ROOT / "rescind/config/callbacks.py",
    ROOT / "rescind/provider/interface.py",
    ROOT / "rescind/ledger/changes/retries.py",
    ROOT / "rescind/ledger/changes/withdrawals.py",
    ROOT / "rescind/operations/actions.py",
    ROOT / "rescind/operations/lane_holds.py",
    ROOT / "providers/registry.py",
]
SENTENCE = re.compile(r"[a-z]+,? ([a-z]|Q7)")
"""What makes a literal a sentence: two words, of which the first is not a name."""
PATTERN = re.compile(r"\\b|\(\?|\||SELECT ")
"""What regular expressions and SQL have."""
LOGS = ("log.", "log_", "self._log")
ERRORS = {
    *("InvalidRequestError", "NotWithdrawableError", "RowError", "FileError"),
    *("UnknownError", "ChangedError"),
}
"""The errors whose text is shown on a page."""
ANSWERS = {"why_not", "_sent"}
"""Functions that return a part of such a text."""


def of_params() -> Iterator[str]:
    """What the models of providers' params say is wrong with a value."""
    for module in sorted((ROOT / "providers").glob("*_params.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) == "ValueError":
                text = sample(node.args[0])
                yield from [] if text is None else [text]


def sentences() -> Iterator[tuple[str, str]]:
    """Each sentence that an error is made of, with samples for its values, and where
    it is."""
    for module in MODULES:
        for function in ast.walk(ast.parse(module.read_text())):
            if isinstance(function, ast.FunctionDef):
                yield from _said_by(function, module.name)


def _said_by(function: ast.FunctionDef, where: str) -> Iterator[tuple[str, str]]:
    said: dict[str, list[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = sample(node.value)
            if text is not None:
                said.setdefault(node.targets[0].id, []).append(text)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _name(node.func) in ERRORS and node.args:
            first = node.args[0]
            text = sample(first)
            texts = said.get(first.id, []) if isinstance(first, ast.Name) else [text]
            yield from ((one, f"{where}:{node.lineno}") for one in texts if one)

    if function.name in ANSWERS:
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                text = sample(node.value)
                yield from ((one, f"{where}:{node.lineno}") for one in [text] if one)


def literals(module: Path) -> Iterator[tuple[str, str]]:
    """Each sentence that a module writes, with samples for its values, and where it is.

    Left out are the docstrings and what goes to the log.
    """
    tree = ast.parse(module.read_text())
    inside = {id(inner) for outer in ast.walk(tree) for inner in _parts(outer)}
    for node in ast.walk(tree):
        text = sample(node) if isinstance(node, ast.expr) else None
        if text and id(node) not in inside and _is_sentence(text):
            yield text, f"{module.name}:{node.lineno}"  # type: ignore[attr-defined]


def _is_sentence(text: str) -> bool:
    return bool(SENTENCE.search(text)) and not PATTERN.search(text)


def _parts(outer: ast.AST) -> Iterator[ast.AST]:
    """What is no sentence of its own: parts of a text, docstrings, and log entries."""
    if isinstance(outer, ast.JoinedStr):
        yield from (one for one in ast.walk(outer) if one is not outer)
    elif isinstance(outer, ast.Expr):
        yield outer.value
    elif isinstance(outer, ast.Call) and ast.unparse(outer.func).startswith(LOGS):
        yield from ast.walk(outer)


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def sample(node: ast.expr) -> str | None:
    """The text with ``Q7`` for each value; ``None`` if it is no literal of words."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [
        str(part.value) if isinstance(part, ast.Constant) else "Q7"
        for part in node.values
    ]
    return "".join(parts)
