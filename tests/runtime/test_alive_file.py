"""A worker renews the file that probes look at, whatever its services do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rescind.runtime import alive_file
from rescind.runtime.alive_file import RUNNING, STARTING, VARIABLE, AliveFile, named
from tests.engine.waiting import until


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive_file, "EVERY_SECONDS", 0.001)


@pytest.fixture
def file(tmp_path: Path, often: None) -> Iterator[tuple[Path, threading.Event]]:
    """The path of a file, and the event by which the engine has started."""
    path, started = tmp_path / "new folder" / "alive", threading.Event()
    own = AliveFile(path, started.is_set)
    yield path, started
    own.stop()


def test_the_file_says_when_the_engine_has_started(
    file: tuple[Path, threading.Event],
) -> None:
    path, started = file
    until(path.exists, "the file")
    assert path.read_text() == STARTING
    started.set()
    until(lambda: path.read_text() == RUNNING, "the engine")


def test_the_file_is_written_again_and_again(
    file: tuple[Path, threading.Event],
) -> None:
    path, _ = file
    until(path.exists, "the file")
    first = path.stat().st_mtime_ns
    until(lambda: path.stat().st_mtime_ns > first, "another write")


def test_a_worker_that_ends_leaves_no_file(tmp_path: Path, often: None) -> None:
    path = tmp_path / "alive"
    own = AliveFile(path, lambda: True)
    until(path.exists, "the file")
    own.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_logged_once_and_tried_again(
    tmp_path: Path, often: None
) -> None:
    path = tmp_path / "folder" / "alive"
    (tmp_path / "folder").write_text("a file is in the way")
    asked = list[None]()

    def started() -> bool:
        asked.append(None)
        return True

    with capture_logs() as lines:
        own = AliveFile(path, started)
        until(lambda: len(asked) > 2, "three attempts")
        (tmp_path / "folder").unlink()
        until(path.exists, "the file")
        own.stop()
    assert [line["event"] for line in lines] == ["the alive file cannot be written"]


def test_no_file_is_written_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert named() is None
    monkeypatch.setenv(VARIABLE, "")
    assert named() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "alive"))
    assert named() == tmp_path / "alive"
