"""What a worker logs at its start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rescind.config.accounts import load_accounts
from rescind.config.settings import Settings, settings
from rescind.system.local_system import System
from rescind.system.up import banner

GOOD = '[notpanel.default]\nkey = "hush-hush"\n'


@pytest.fixture
def file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> Iterator[Path]:
    path = tmp_path / "accounts.toml"
    path.write_text(GOOD)
    path.chmod(0o600)
    monkeypatch.setenv("RESCIND_ACCOUNTS", str(path))
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url)
    settings.cache_clear()
    yield path
    settings.cache_clear()


def said() -> list[str]:
    from worker.signals import _warn

    with capture_logs() as lines:
        _warn()
    return [line["why"] for line in lines]


def test_a_good_accounts_file_causes_no_warning(file: Path) -> None:
    assert said() == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_an_accounts_file_that_others_can_read_is_warned_about(
    file: Path, mode: int
) -> None:
    file.chmod(mode)
    advice = f"{file} can be read by others: run `chmod 600 {file}`"
    assert said() == [advice]
    system = System(Settings(home=file.parent, accounts=file, redis_url=None))
    assert advice in banner(system, load_accounts(file))


def test_accounts_that_cannot_be_called_are_named(file: Path) -> None:
    file.write_text(f"{GOOD}[akinon.shop]\n[nobody.default]\n")
    assert [one.partition(":")[0] for one in said()] == ["[akinon.shop]", str(file)]
    file.unlink()
    (line,) = said()
    assert "does not exist: `rescind init` writes one" in line
