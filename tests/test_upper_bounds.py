"""A library whose inner parts our code uses has an upper bound in pyproject.toml.

No documentation promises these parts, so a later version may change them: a plain
install must not take that version on the day it appears.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_project import PACKAGES, PROJECT, ROOT

OURS = {*PACKAGES, "tests"}
REQUIRED: dict[str, Requirement] = {
    canonicalize_name(one.name): one
    for one in map(Requirement, PROJECT["project"]["dependencies"])
}
INNER_DEPTH = 3
"""A class such as ``uvicorn.protocols.http.Protocol``, with so many dots in its path,
is an inner part of its library."""
MAY_USE = re.compile(r"SLF001|import .*\b_|^class \w+\([a-zA-Z]", re.MULTILINE)
"""To parse every file would take seconds."""
BY_OTHER_MEANS = {
    "flower": "flowerconfig.py changes its options while it starts",
    "httptools": "uvicorn's protocol, of which ours is a subclass, is made of it",
    "psycopg": "the binary package must have the same version",
    "urllib3": "a call has its own connection, with deadlines of its own",
}
"""Libraries that the code uses in ways that this test does not see."""


def imported(tree: ast.Module) -> dict[str, str]:
    """Each imported name with its whole path; third-party ones only."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            path = f"{node.module}."
            found |= {one.asname or one.name: path + one.name for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.asname or one.name: one.name for one in node.names}
    return {name: path for name, path in found.items() if not _is_known(path)}


def _is_known(path: str) -> bool:
    root = path.partition(".")[0]
    return root in OURS or root in sys.stdlib_module_names


def inner_parts(text: str) -> Iterator[str]:
    """The paths of the inner parts of third-party libraries that the code uses."""
    if not MAY_USE.search(text):
        return
    tree = ast.parse(text)
    names = imported(tree)
    yield from (path for path in names.values() if "._" in path)
    if "SLF001" in text:
        # The linter says where a private name of another object is used.
        yield from names.values()
    for node in ast.walk(tree):
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            path = _whole(ast.unparse(base), names)
            if path.count(".") >= INNER_DEPTH:
                yield path


def _whole(said: str, names: dict[str, str]) -> str:
    """The whole path of a class that the code names so; empty if it is ours."""
    parts = said.split(".")
    for end in range(len(parts), 0, -1):
        begins = ".".join(parts[:end])
        if begins in names:
            return ".".join([names[begins], *parts[end:]])
    return ""


@cache
def hooked() -> dict[str, set[str]]:
    """Each library of which inner parts are used, with the files that use them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (path for room in PACKAGES for path in (ROOT / room).rglob("*.py")):
        for used in inner_parts(path.read_text()):
            name = canonicalize_name(used.partition(".")[0])
            found[name].add(str(path.relative_to(ROOT)))
    return found


def bound_of(package: str) -> list[str]:
    asked = REQUIRED[package].specifier if package in REQUIRED else ()
    return [one.version for one in asked if one.operator == "<"]


def test_libraries_whose_inner_parts_are_used_are_found() -> None:
    assert {"celery", "kombu", "openpyxl", "uvicorn"} <= hooked().keys()


def test_every_library_whose_inner_parts_are_used_has_an_upper_bound() -> None:
    unbounded = {name: files for name, files in hooked().items() if not bound_of(name)}
    assert unbounded == {}


@pytest.mark.parametrize("package", BY_OTHER_MEANS)
def test_a_library_that_is_used_by_other_means_has_an_upper_bound(
    package: str,
) -> None:
    assert bound_of(package)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from lib.a.b import C\nclass D(C): ...", ["lib.a.b.C"]),
        ("from lib.a import b\nclass D(b.C): ...", ["lib.a.b.C"]),
        ("import lib.a.b\nclass D(lib.a.b.C): ...", ["lib.a.b.C"]),
        ("from lib import _inner", ["lib._inner"]),
        ("from lib import open\nopen._name  # noqa: SLF001", ["lib.open"]),
        ("from lib import C\nclass D(C): ...", []),
        ("from rescind.a.b import C\nclass D(C): ...", []),
        ("from collections.abc.c import C\nclass D(C): ...", []),
    ],
)
def test_inner_parts_are_seen(text: str, found: list[str]) -> None:
    assert list(inner_parts(text)) == found
