"""Logs say what happened, and never what it happened with."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from worker.logs import set_up


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, pool = logging.getLogger(), logging.getLogger("celery.pool")
    handlers, levels = root.handlers[:], (root.level, pool.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    pool.setLevel(levels[1])
    structlog.reset_defaults()


def fail(token: str) -> None:
    kept = {"token": token}
    raise LookupError(f"{len(kept)} went wrong")


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_traceback_shows_where_and_no_variable(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    out = stream()
    monkeypatch.setattr(sys, "stderr", out)
    set_up(logging.DEBUG)
    try:
        fail("hush-" + "hush")
    except LookupError:
        structlog.get_logger("rescind.test").exception("failed")
        logging.getLogger("celery").exception("failed")
    said = out.getvalue()
    assert said.count("Traceback (most recent call last)") == 2
    assert said.count("LookupError: 1 went wrong") == 2
    assert "hush-hush" not in said


def test_arguments_of_tasks_are_not_logged_at_any_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    set_up(logging.DEBUG)
    logging.getLogger("celery.pool").debug("TaskPool: Apply %s (args:%s)", 1, "hush")
    logging.getLogger("kombu.transport.redis").critical(
        "Could not restore message: %r", {"body": "hush"}
    )
    said = out.getvalue()
    assert "Could not restore message" in said
    assert "hush" not in said
