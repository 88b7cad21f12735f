"""Private names of Celery, kombu and redis-py are used in few modules, and checked."""

from __future__ import annotations

import ast
import threading
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from celery.worker import state

from worker import celery_internals
from worker.celery_internals import TRANSPORT, WORKER, WRITTEN_FOR, check

ROOT = Path(__file__).parents[2]
PAIRS = [(path, name) for path, names in TRANSPORT + WORKER for name in names]
MAY_USE = {"celery_internals", "intake_channel", "intake_qos", "transport"}
"""Modules of ``worker/`` that may use private names of other packages."""
"""Names that only the prefork pool needs."""


def test_the_installed_versions_have_all_names() -> None:
    check()


def without(found: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a version without this name, also on instances."""
    for one in getattr(found, "__mro__", (found,)):
        if name in vars(one):
            monkeypatch.delattr(one, name)
        if isinstance(one, type) and one is not object:
            monkeypatch.setattr(one, "__init__", object.__init__)


@pytest.mark.parametrize(("path", "name"), PAIRS)
def test_a_missing_name_is_reported_at_the_start(
    path: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, inside = path.partition(":")
    found = import_module(module)
    without(getattr(found, inside) if inside else found, name, monkeypatch)
    with pytest.raises(SystemExit) as stopped:
        check()
    said = str(stopped.value)
    assert f"{path.replace(':', '.')}.{name}" in said
    for package, written_for in WRITTEN_FOR.items():
        assert f"{package} {written_for}" in said


def test_a_missing_class_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("kombu.transport.redis.MultiChannelPoller")
    with pytest.raises(SystemExit, match=r"kombu.transport.redis.MultiChannelPoller"):
        check()


def test_both_modules_check_the_names_before_they_subclass() -> None:
    looks = {
        "redis_channel": "celery_internals.check(celery_internals.TRANSPORT)",
        "consumer": "celery_internals.check(celery_internals.WORKER)",
    }
    for name, call in looks.items():
        tree = ast.parse((ROOT / "worker" / f"{name}.py").read_text())
        lines = [ast.unparse(node) for node in tree.body]
        first_class = next(n for n, line in enumerate(lines) if "class " in line)
        assert call in lines[:first_class]


# --- the requests of a worker ---------------------------------------------------------


class Request:
    """A class whose instances can be weakly referenced."""


def test_requests_can_be_iterated_while_threads_change_them() -> None:
    celery_internals.share_requests()
    celery_internals.share_requests()
    requests = state.active_requests
    kept = [Request() for _ in range(100)]
    requests.update(kept)
    seen = 0
    for one in requests:
        # Celery alone: "Set changed size during iteration", at the second one.
        requests.discard(one)
        requests.add(Request())
        seen += 1
    assert seen == 100
    requests.clear()


def test_requests_that_are_gone_are_not_seen() -> None:
    celery_internals.share_requests()
    kept, gone = Request(), Request()
    state.reserved_requests.update([kept, gone])
    del gone
    assert list(state.reserved_requests) == [kept]
    state.reserved_requests.clear()


def test_celery_alone_cannot_iterate_over_requests_that_change() -> None:
    """If Celery can do it, ``share_requests`` is not needed any more."""
    plain: WeakSet[Request] = WeakSet()
    kept = [Request() for _ in range(2)]
    plain.update(kept)
    added = threading.Thread(target=lambda: plain.update([*kept, extra]))
    extra = Request()
    looking = iter(plain)
    next(looking)
    added.start()
    added.join()
    with pytest.raises(RuntimeError, match="changed size"):
        list(looking)


# --- who may use them, and which versions ---------------------------------------------


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _private_uses(path: Path) -> Iterator[str]:
    """``other._name``, if ``other`` is neither ``self`` nor ``cls``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            said = ast.unparse(node)
            documented = said.startswith(("super()", "os._exit"))
            if not (own or documented or node.attr.startswith("__")):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {said}"


def test_no_other_module_uses_a_private_name() -> None:
    found = [
        use
        for room in ("worker", "tasks")
        for path in (ROOT / room).rglob("*.py")
        if path.parent.name != "worker" or path.stem not in MAY_USE
        for use in _private_uses(path)
    ]
    assert found == []


def test_the_linter_refuses_private_names_in_other_modules() -> None:
    ignored = _pyproject()["tool"]["ruff"]["lint"]["per-file-ignores"]
    ours = [
        name
        for name, rules in ignored.items()
        if "SLF001" in rules and "worker" in name
    ]
    assert ours == [f"worker/{{{','.join(sorted(MAY_USE))}}}.py"]


@pytest.mark.parametrize(
    "package", [*WRITTEN_FOR, "httptools", "psycopg[binary]", "urllib3"]
)
def test_the_hooked_libraries_have_upper_bounds(package: str) -> None:
    asked = _pyproject()["project"]["dependencies"]
    (one,) = [line for line in asked if line.partition(">=")[0] == package]
    _, _, bound = one.partition(",<")
    assert bound, "a plain install takes the next version on the day it appears"
    written_for = WRITTEN_FOR.get(package)
    if written_for:
        assert one.startswith(f"{package}>={written_for},<")
