"""Tests that a passing fault while an operator's file is read does not last."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rescind.config import watched_file
from rescind.config.accounts import load_accounts
from rescind.config.watched_file import AGAIN_SECONDS, YOUNG_SECONDS, Watched
from rescind.runtime.resources import AccountsFile

LANE = ("notpanel", "default")
GOOD = '[notpanel.default]\nkey = "hush-hush"\n'


class Time:
    """A process's two clocks, and the file system's clock."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(watched_file, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "accounts.toml"
    made.write_text(GOOD)
    made.chmod(0o600)
    return made


def file_of(path: Path, time: Time) -> AccountsFile:
    found = AccountsFile(path)
    found.clock = time.monotonic
    return found


def settled(path: Path, time: Time) -> None:
    """Let time pass, so that the file's last change is long ago."""
    time.now = path.stat().st_ctime + YOUNG_SECONDS


def test_a_file_that_was_unreadable_for_a_moment_is_read_again(
    path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(path, time)
    accounts = file_of(path, time)
    with monkeypatch.context() as loaded:
        loaded.setattr(Path, "read_text", _without_descriptors)
        fault = accounts.current().lane(LANE).fault
    assert fault is not None
    assert "Too many open files" in fault
    time.now += AGAIN_SECONDS
    assert accounts.current().lane(LANE).fault is None


def _without_descriptors(*_: object, **__: object) -> str:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_a_secret_whose_file_comes_later_is_found(path: Path, time: Time) -> None:
    secret = path.parent / "secret"
    path.write_text(f'[notpanel.default]\nkey = {{ file = "{secret}" }}\n')
    settled(path, time)
    accounts = file_of(path, time)
    assert accounts.current().lane(LANE).fault is not None
    secret.write_text("hush-hush")
    time.now += AGAIN_SECONDS
    assert accounts.current().lane(LANE).fault is None


def test_a_file_that_was_read_while_it_was_written_is_read_again(
    path: Path, time: Time
) -> None:
    """All writes are within one tick of the file system's clock, so that only the
    content differs afterwards."""
    time.now = path.stat().st_ctime
    half = iter(["half", "whole"])
    found: Watched[str] = Watched(path, lambda _: next(half), clock=time.monotonic)
    assert found.current() == found.current() == "half"
    time.now += AGAIN_SECONDS
    assert found.current() == found.current() == "whole"


def test_an_unchanged_content_stays_the_same_object(path: Path, time: Time) -> None:
    time.now = path.stat().st_ctime
    accounts = file_of(path, time)
    before = accounts.current()
    time.now += AGAIN_SECONDS
    assert accounts.current() is before
    path.write_text(GOOD)
    assert accounts.current() is before
    path.write_text(GOOD + "concurrency = 2\n")
    assert accounts.current() is not before


def test_a_good_file_is_read_once(path: Path, time: Time) -> None:
    settled(path, time)
    read: list[Path] = []

    def count(one: Path) -> object:
        read.append(one)
        return load_accounts(one)

    found: Watched[object] = Watched(path, count, clock=time.monotonic)
    for _ in range(3):
        found.current()
        time.now += AGAIN_SECONDS
    assert read == [path]


def test_a_changed_file_with_its_old_time_is_read_again(path: Path, time: Time) -> None:
    settled(path, time)
    accounts = file_of(path, time)
    before, was = accounts.current(), path.stat()
    path.write_text(GOOD.replace("hush-hush", "hush-hash"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_mtime_ns == was.st_mtime_ns
    assert accounts.current() is not before
