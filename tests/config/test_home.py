"""Tests of the folder RESCIND_HOME: its record of the system, and its seal key."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rescind.config.home import (
    Running,
    make_private_folder,
    running,
    write_private,
    write_running,
)
from rescind.config.ledger_url import open_engine
from rescind.config.settings import Settings
from rescind.system import up
from rescind.system.embedded_redis import EmbeddedRedis


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_running_system_is_found() -> None:
    what = Running("redis://:p@127.0.0.1:7/0", "http://127.0.0.1:5555", 42)
    write_running(Path(".rescind"), what)
    assert running(Path(".rescind")) == what
    assert Settings().redis == what.redis_url
    mode = stat.S_IMODE(Path(".rescind/running.json").stat().st_mode)
    assert mode == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"redis_url": 1}', "\x00"])
def test_a_broken_record_of_a_running_system_is_ignored(text: str) -> None:
    write_private(Path(".rescind/running.json"), text)
    assert running(Path(".rescind")) is None


def test_the_embedded_ledger_makes_its_own_key_once() -> None:
    first = Settings().seal_keys()
    assert first == Settings().seal_keys()
    mode = stat.S_IMODE(Path(".rescind/seal.key").stat().st_mode)
    assert mode == 0o600
    assert Settings().seal().open(Settings().seal().close("x")) == "x"


def log_of(home: Path) -> None:
    with up._saying(home, quiet=True):
        pass


MAKERS: dict[str, Callable[[Path], object]] = {
    "folder": make_private_folder,
    "ledger": lambda home: open_engine(Settings(home=home)),
    "key": lambda home: Settings(home=home).seal_keys(),
    "log": log_of,
    "Redis": lambda home: EmbeddedRedis(home).prepare(),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("before", [None, 0o755, 0o777], ids=["new", "755", "777"])
def test_the_folder_is_private_whatever_was_there_before(
    tmp_path: Path, make: Callable[[Path], object], before: int | None
) -> None:
    home = tmp_path / "home"
    if before is not None:
        home.mkdir()
        home.chmod(before)
    make(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_folder_that_is_meant_to_be_shared_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    make_private_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
