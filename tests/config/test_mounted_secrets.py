"""Files that Kubernetes or systemd hand to a process are read, without a warning.

Kubernetes mounts a secret as a folder in which everybody may write, with a symbolic
link to a hidden folder; to change the secret, it replaces the link of that folder.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rescind.config.accounts import load_accounts
from rescind.config.path_ownership import others_can_read
from rescind.config.watched_file import Watched

ROOT, US, GROUP = 0, os.getuid(), 54_321
OTHER = US + 1


def found(mode: int, owner: int) -> os.stat_result:
    kind = stat.S_IFREG | mode
    return os.stat_result((kind, 1, 1, 1, owner, GROUP, 1, 1, 1, 1))


def give(mount: Path, version: str, key: str) -> None:
    """Give a mounted secret its content, as the kubelet does."""
    folder = mount / f"..{version}"
    folder.mkdir()
    (folder / "accounts.toml").write_text(f'[notpanel.default]\nkey = "{key}"\n')
    (folder / "accounts.toml").chmod(0o400)
    new = mount / "..data_tmp"
    new.symlink_to(folder.name)
    new.replace(mount / "..data")


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    folder = tmp_path / "secret"
    folder.mkdir()
    folder.chmod(0o1777)
    give(folder, "2026_1", "first")
    (folder / "accounts.toml").symlink_to("..data/accounts.toml")
    return folder


def test_a_mounted_accounts_file_is_read_without_a_warning(mount: Path) -> None:
    accounts = load_accounts(mount / "accounts.toml")
    assert accounts.fault_of(("notpanel", "default")) is None
    assert accounts.warnings == ()


def test_a_mounted_accounts_file_is_read_again_when_the_secret_changes(
    mount: Path,
) -> None:
    watched = Watched(mount / "accounts.toml", lambda path: path.read_text())
    assert "first" in watched.current()
    give(mount, "2026_2", "second")
    assert "second" in watched.current()


@pytest.mark.parametrize(
    ("mode", "owner", "others"),
    [
        (0o600, US, False),
        (0o640, US, True),
        (0o604, US, True),
        (0o440, OTHER, False),
        (0o444, OTHER, True),
    ],
)
def test_a_file_of_another_user_may_be_readable_for_its_group(
    mode: int, owner: int, others: bool
) -> None:
    assert others_can_read(found(mode, owner)) is others
