"""Finds the dashboard's texts: those to translate, and those that nobody marked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract

from rescind.dashboard.rendering import TEMPLATES

DASHBOARD = TEMPLATES.parent
MODULES = sorted(DASHBOARD.glob("*.py"))
PAGES = sorted(TEMPLATES.glob("*.html"))
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
SHOWN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-label")
PLAIN = {"Rescind", "HTTP", "ms", "UTC", "CSV", "API"}
"""Words that are the same in every language."""
SHOWN_BY = {"RefusedError", "Advice"}
"""What is called with a text that is shown."""

Message = str | tuple[str, ...]


def messages() -> dict[Message, str]:
    """Every text to translate, and a place where it is."""
    found: dict[Message, str] = {}
    for method, files in (("python", MODULES), ("jinja2.ext:babel_extract", PAGES)):
        for file in files:
            with file.open("rb") as opened:
                for line, text, *_ in extract(method, opened, KEYWORDS):
                    found.setdefault(text, f"{file.name}:{line}")
    return found


def unmarked(template: str) -> Iterator[str]:
    """Texts of a template that are shown, and are not marked for translation."""
    # A tag of Jinja inside a tag of HTML must not end that one.
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "\0", template, flags=re.DOTALL)
    for name in SHOWN_ATTRIBUTES:
        for value in re.findall(rf'\b{name}="([^"]*)"', text):
            yield from _words(value)
    for tag in ("code", "script", "style", "svg"):
        text = re.sub(rf"<{tag}\b.*?</{tag}>", "\0", text, flags=re.DOTALL)
    for part in re.split(r"<[^>]*>|\0", text):
        yield from _words(part)


def _words(text: str) -> Iterator[str]:
    left = re.sub(r"&\w+;", " ", text).strip()
    if re.search(r"[^\W\d_]", left) and left not in PLAIN:
        yield " ".join(left.split())


def plain_literals(module: Path) -> Iterator[str]:
    """Places where a text that is shown is given as a plain literal."""
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in SHOWN_BY or not node.args:
            continue
        first = node.args[0]
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if literal or isinstance(first, ast.JoinedStr):
            yield f"{module.name}:{node.lineno}"
