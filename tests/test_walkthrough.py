"""The walk through the code names files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WALK = (ROOT / "docs/walkthrough.md").read_text()
PLACE = re.compile(r"`([\w/]+\.py)`,\s+`([\w.]+)`")
PLACES = sorted(set(PLACE.findall(WALK)))
FILE = re.compile(r"`([\w/]+\.py)`")


def names_of(path: Path) -> set[str]:
    """Functions, classes and constants of a module, and methods as ``Class.method``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name, body=body):
                found.add(name)
                methods = [one for one in body if isinstance(one, ast.FunctionDef)]
                found |= {f"{name}.{one.name}" for one in methods}
            case ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
    return found


def test_every_step_names_its_place() -> None:
    steps = re.findall(r"(?m)^\d+\. .*(?:\n   .*)*", WALK)
    assert len(steps) > 15
    assert [step for step in steps if not FILE.search(step)] == []


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_a_function_of_the_walk_exists(path: str, name: str) -> None:
    assert name in names_of(ROOT / path)


@pytest.mark.parametrize("path", sorted(set(FILE.findall(WALK))))
def test_a_file_of_the_walk_exists(path: str) -> None:
    assert (ROOT / path).is_file()
