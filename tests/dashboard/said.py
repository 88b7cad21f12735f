"""Finds the sentences that other packages say to users, in the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = [
    *sorted((ROOT / "rescind/intake").rglob("*.py")),
    ROOT / "rescind/config/callbacks.py",
    ROOT / "rescind/provider/interface.py",
    ROOT / "rescind/ledger/changes/retries.py",
    ROOT / "rescind/ledger/changes/withdrawals.py",
    ROOT / "rescind/operations/actions.py",
    ROOT / "providers/registry.py",
]
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
