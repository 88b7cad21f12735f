"""Finds the dashboard's texts: those to translate, and those that nobody marked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.extract import extract

from providers.registry import OURS
from rescind.dashboard.rendering import TEMPLATES
from rescind.dashboard.submission.param_fields import param_fields
from rescind.provider.interface import Provider

DASHBOARD = TEMPLATES.parent
MODULES = sorted(DASHBOARD.rglob("*.py"))
PAGES = sorted(TEMPLATES.glob("*.html"))
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
SHOWN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-label")
PLAIN = {"Rescind", "HTTP", "ms", "UTC", "CSV", "Excel", "API"}
"""Words that are the same in every language."""
SHOWN_BY = {
    *("RefusedError", "InvalidRequestError", "FieldError", "FileError"),
    *("OpenIdError", "Question", "Nothing", "Result", "trouble"),
}
"""What is called with texts that are shown."""
SAMPLE = re.compile(r"https?://\S+|[\dT:+h.-]+")
"""A sample in a field: an address, a time or a duration."""

Message = str | tuple[str, ...]


def messages() -> dict[Message, str]:
    """Every text to translate, and a place where it is."""
    found: dict[Message, str] = {}
    for method, files in (("python", MODULES), ("jinja2.ext:babel_extract", PAGES)):
        for file in files:
            with file.open("rb") as opened:
                for line, text, *_ in extract(method, opened, KEYWORDS):
                    found.setdefault(text, f"{file.name}:{line}")
    for provider in OURS:
        found |= dict.fromkeys(_said_by(provider), f"{provider.name}.py")
    return found


def _said_by(provider: Provider[Any]) -> Iterator[str]:
    """The texts that the pages show of what a provider of ours says of itself."""
    yield from (provider.order_form, provider.panel, *provider.advice.values())
    for field in param_fields(provider):
        yield from filter(
            None, (*field.labels.values(), field.label, field.description)
        )


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
        # A macro that writes attributes has them outside of any tag.
        yield from _words(re.sub(r'[\w-]+="[^"]*("|$)', "", part))
    yield from _bare(template)


def _bare(template: str) -> Iterator[str]:
    """Literals of several words that an expression shows without a translation."""
    for shown in re.findall(r"\{\{(.*?)\}\}", template, re.DOTALL):
        left = re.sub(r"\b(n?gettext|_)\(\s*\"[^\"]*\"(,\s*\"[^\"]*\")?", "", shown)
        for literal in re.findall(r'"([^"]*)"', left):
            if "%" not in literal and re.search(r"[^\W\d_] +[^\W\d_{]", literal):
                yield literal


def _words(text: str) -> Iterator[str]:
    left = re.sub(r"&\w+;", " ", text).strip(" ·\n")
    if re.search(r"[^\W\d_]", left) and left not in PLAIN:
        if SAMPLE.fullmatch(left):
            return
        yield " ".join(left.split())


def plain_literals(module: Path) -> Iterator[str]:
    """Places where a text that is shown is given as a plain literal."""
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in SHOWN_BY and any(map(_is_text, _given(node))):
            yield f"{module.name}:{node.lineno}"


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(one.value for one in call.keywords)]


def _is_text(given: ast.expr) -> bool:
    """Whether it is a literal of several words, or a text with values in it."""
    if isinstance(given, ast.Constant):
        return isinstance(given.value, str) and " " in given.value
    return isinstance(given, ast.JoinedStr) and any(
        isinstance(part, ast.Constant) and " " in str(part.value)
        for part in given.values
    )
