"""What the code must not use, the workers' settings, and the page of traps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.tasks.conftest import Running
from tests.tasks.traps.acts import both_say
from worker.broker import BROKER_OPTIONS

ROOT = Path(__file__).parents[3]
ROOMS = ("providers", "rescind", "worker", "tasks")
SHUNNED = {
    "apply_async": "it takes a countdown and a priority: see notifications.notify_lane",
    "autoretry_for": "a retry is a decision, made of evidence",
    "countdown": "what is due is in the ledger",
    "eta": "what is due is in the ledger",
    "priority": "order is the claim's",
    "rate_limit": "a rate is one for all workers",
    "retry_backoff": "a retry is a decision, made of evidence",
    "task_annotations": "it sets rate limits behind our back",
    "task_default_rate_limit": "a rate is one for all workers",
    "task_queue_max_priority": "order is the claim's",
}


@cache
def _trees() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_text()))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
    ]


def _names(tree: ast.AST) -> Iterator[str]:
    """All keyword arguments, attributes, and keys of dicts."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name)) | ast.Attribute(attr=name):
                yield name
            case ast.Dict(keys=keys):
                yield from (
                    key.value
                    for key in keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                )


@cache
def _used() -> list[tuple[str, frozenset[str]]]:
    return [(place, frozenset(_names(tree))) for place, tree in _trees()]


@pytest.mark.parametrize("name", SHUNNED)
def test_our_code_never_uses(name: str) -> None:
    found = [place for place, names in _used() if name in names]
    assert found == [], SHUNNED[name]


def test_one_app_serves_workers_beat_flower_and_the_command_line() -> None:
    """The shortest visibility timeout on a broker applies to all apps."""
    made = [
        place
        for place, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Celery"
    ]
    assert made == ["worker/celery.py"]


def test_every_client_of_redis_gives_up_in_time() -> None:
    """Without timeouts, a client waits for ever on a half-open connection."""
    clients = {
        f"{place}:{node.lineno}": {keyword.arg for keyword in node.keywords}
        for place, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _makes_a_client(node)
    }
    bounded = {"socket_timeout", "socket_connect_timeout"}
    # None stands for **REDIS_OPTIONS.
    assert clients
    assert {at for at, given in clients.items() if not given >= bounded} == {
        at for at, given in clients.items() if given == {None}
    }


def test_every_client_of_redis_leaves_a_server_that_was_demoted() -> None:
    """Without this, a server that is now a replica refuses it for ever."""
    made = [
        place
        for place, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("from_url")
    ]
    assert made == ["rescind/config/redis_client.py"]


def _makes_a_client(node: ast.Call) -> bool:
    return ast.unparse(node.func).endswith(("from_url", "client_of"))


WANTED = {
    "task_acks_late": True,
    "task_ignore_result": True,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "threads",
    "accept_content": ["json"],
    "broker_transport_options": BROKER_OPTIONS,
    "result_backend": None,
}


def test_workers_run_with_the_settings_that_were_tested_together(
    fleet: Running,
) -> None:
    for said in both_say(fleet, "conf", with_defaults=True).values():
        assert {name: said[name] for name in WANTED} == WANTED


# --- the page -----------------------------------------------------------------------


def _traps() -> list[list[str]]:
    page = (ROOT / "docs/operating.md").read_text()
    section = page.partition("## Celery and Redis: traps")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


@cache
def _tests(folder: Path) -> set[str]:
    return {
        name
        for path in folder.rglob("test_*.py")
        for name in re.findall(r"(?m)^def (test_\w+)", path.read_text())
    }


@pytest.mark.parametrize("trap", _traps(), ids=lambda trap: trap[0][:60])
def test_a_trap_on_the_page_is_closed_by_tests_that_exist(trap: list[str]) -> None:
    _, _, shown = trap
    named = set(re.findall(r"`(test_\w+)`", shown))
    assert named or shown.startswith("none:"), "name a test, or say why none is needed"
    assert named <= _tests(ROOT / "tests")


def test_every_test_of_a_trap_is_named_on_the_page() -> None:
    here = _tests(Path(__file__).parent)
    shown = {name for row in _traps() for name in re.findall(r"`(test_\w+)`", row[2])}
    about_the_page = {
        "test_a_trap_on_the_page_is_closed_by_tests_that_exist",
        "test_every_test_of_a_trap_is_named_on_the_page",
    }
    assert here - shown == about_the_page
