"""``python -m worker``: Celery's commands, without what a worker never uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from celery.signals import celeryd_init

import worker.loading  # noqa: F401  (it connects the signal)

NEVER_USED = ("flower", "tornado", "prompt_toolkit", "psycopg")
"""Each takes megabytes of every worker on SQLite."""
OF_WORKERS = ("tasks", "rescind.engine", "rescind.ledger.storage.tables", "sqlalchemy")
"""They take half of the memory of a worker."""
LOADED = """
import sys
import worker.__main__, celery.apps.{program}
from worker.celery import app
app.loader.import_default_modules()
{more}
print(*(name for name in {names} if name in sys.modules))
"""
STARTED = """
from types import SimpleNamespace
from celery.signals import celeryd_init
celeryd_init.send(None, instance=SimpleNamespace(app=app))
import celery.worker.consumer, rescind.runtime.host
"""


def test_a_worker_imports_nothing_that_it_never_uses() -> None:
    assert _loaded("worker", NEVER_USED, STARTED) == []


def test_a_beat_imports_nothing_that_only_a_worker_uses() -> None:
    names = (*NEVER_USED, *OF_WORKERS)
    assert _loaded("beat", names) == []
    assert _loaded("worker", names, STARTED) == [*OF_WORKERS]


def _loaded(program: str, names: Sequence[str], more: str = "") -> list[str]:
    code = LOADED.format(program=program, names=names, more=more)
    env = {"RESCIND_REDIS_URL": "redis://127.0.0.1:1/0", "PATH": ""}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env=env, timeout=60
    )
    return told.stdout.split()


def test_a_worker_that_cannot_load_its_tasks_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_name: str) -> None:
        raise ImportError("no such package")

    instance = SimpleNamespace(
        app=SimpleNamespace(loader=SimpleNamespace(import_task_module=broken))
    )
    with pytest.raises(SystemExit, match="a worker cannot load its tasks"):
        celeryd_init.send(None, instance=instance)
    assert "ImportError: no such package" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_an_app_that_does_not_exist_is_named(command: str) -> None:
    arguments = [sys.executable, "-m", "worker", "-A", "nosuch", command]
    told = subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 2
    assert "there is no app 'nosuch'" in told.stderr
    assert "Traceback" not in told.stderr
