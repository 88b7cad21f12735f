"""Every process logs in ``RESCIND_LOG_FORMAT``, on standard error."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from celery.signals import setup_logging

from rescind.api import __main__ as api
from rescind.cli.app import run
from rescind.config.settings import settings
from tests.deployment.files import ROOT
from tests.deployment.processes import environment
from worker import signals

FLOWER = """
import logging
from flower import command
command.apply_env_options()
command.apply_options("flower", ["--logging=warning"])
command.setup_logging()
logging.getLogger("tornado.general").warning("it is late")
logging.getLogger("tornado.general").info("nobody asked")
"""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("RESCIND_LOG_FORMAT", "json")
    monkeypatch.setenv("RESCIND_HOME", str(tmp_path))
    settings.cache_clear()
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    handlers, levels = root.handlers[:], (root.level, alembic.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    alembic.setLevel(levels[1])
    structlog.reset_defaults()
    settings.cache_clear()


def said(lines: str, logger: str) -> dict[str, str]:
    [found] = [
        one for one in map(json.loads, lines.splitlines()) if one["logger"] == logger
    ]
    return dict(found)


def test_the_http_api_and_its_server_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def served(*_: object) -> int:
        structlog.get_logger("rescind.api").info("ours")
        logging.getLogger("uvicorn.error").error("of uvicorn")
        return 0

    monkeypatch.setattr(api, "_run", served)
    assert api.main() == 0
    lines = capsys.readouterr().err
    assert said(lines, "rescind.api")["event"] == "ours"
    assert said(lines, "uvicorn.error")["event"] == "of uvicorn"


@pytest.mark.parametrize("logger", ["celery.worker", "celery.beat", "kombu"])
def test_worker_and_beat_do_with_celerys_own_events(
    capsys: pytest.CaptureFixture[str], logger: str
) -> None:
    assert signals.log
    setup_logging.send(sender=None, loglevel="INFO")
    logging.getLogger(logger).info("ready for %s", "work")
    assert said(capsys.readouterr().err, logger)["event"] == "ready for work"


def test_a_command_does_and_keeps_standard_output_for_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    assert run(["env"]) == 0
    structlog.get_logger("rescind.test").warning("beside it")
    structlog.get_logger("rescind.test").info("not worth a line")
    shown = capsys.readouterr()
    assert said(shown.err, "rescind.test")["event"] == "beside it"
    assert "beside it" not in shown.out


def test_flower_does(tmp_path: Path) -> None:
    """In a process of its own: Flower reads its settings only once."""
    done = subprocess.run(
        [sys.executable, "-c", FLOWER],
        cwd=ROOT,
        env=environment(tmp_path, RESCIND_LOG_FORMAT="json"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said(done.stderr, "tornado.general")["event"] == "it is late"
