"""What another user may have put into a shared folder is noticed, and not used."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rescind.config.access_tokens import OWN_TOKEN, access, make_own
from rescind.config.accounts import load_accounts
from rescind.config.home import (
    OWN_KEY,
    RUNNING,
    Running,
    make_private_folder,
    running,
    write_private,
    write_running,
)
from rescind.config.ledger_url import open_engine
from rescind.config.path_ownership import NotOursError, check_ours
from rescind.config.settings import Settings, SettingsError, settings
from rescind.demo import demo
from rescind.errors.exit_statuses import DONE
from rescind.schedules.rules import load_schedules
from rescind.system import local_system, up

SOMEBODY = 54_321
"""The id of a user who is neither this one nor root."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder in which everybody may create names, such as ``/tmp``."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a path belong to another user: really, if this test may do that."""
    given: set[Path] = set()
    look = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = list(look(path))
        found[4] = SOMEBODY if path in given else found[4]
        return os.stat_result(found)

    def give(path: Path) -> None:
        try:
            os.chown(path, SOMEBODY, -1, follow_symlinks=False)
        except PermissionError:
            given.add(path)
            monkeypatch.setattr(Path, "lstat", lstat)

    return give


Give = Callable[[Path], None]


def _made(home: Path) -> Path:
    """``home`` with everything that a system keeps in it."""
    make_private_folder(home)
    Settings(home=home).seal_keys()
    make_own(home)
    write_running(home, Running("redis://:p@127.0.0.1:7/0", None, 42))
    open_engine(Settings(home=home)).connect().close()
    return home


def test_our_own_folder_in_a_shared_one_is_used_as_before(shared: Path) -> None:
    home = _made(shared / "home")
    assert _made(home) == home
    found = running(home)
    assert found is not None
    assert found.pid == 42
    assert len(access(Settings(home=home)).tokens) == 1


USES: dict[str, Callable[[Path], object]] = {
    "start": make_private_folder,
    "Redis": lambda home: Settings(home=home).redis,
    "token": lambda home: access(Settings(home=home)),
    "seal key": lambda home: Settings(home=home).seal_keys(),
    "ledger": lambda home: open_engine(Settings(home=home)),
    "a file": lambda home: write_private(home / "file", "text"),
    "lock": lambda home: entered(local_system._only_one(home)),
    "log": lambda home: entered(up._saying(home, quiet=True)),
}


def entered(block: AbstractContextManager[object]) -> None:
    with block:
        pass


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_folder_that_is_not_ours_any_more_is_noticed_at_each_use(
    shared: Path, give_away: Give, use: Callable[[Path], object]
) -> None:
    home = _made(shared / "home")
    give_away(home)
    with pytest.raises(SettingsError, match="belongs to another user") as caught:
        use(home)
    assert caught.value.problem == "path-not-ours"
    assert str(home) in str(caught.value)
    assert not (home / "file").exists()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_folder_in_which_everybody_may_write_is_noticed_at_each_use(
    shared: Path, use: Callable[[Path], object]
) -> None:
    home = shared / "home"
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(NotOursError, match="can be written by everybody"):
        use(home)
    assert list(home.iterdir()) == []


def test_nothing_is_made_in_a_folder_of_another_user(
    shared: Path, give_away: Give
) -> None:
    (shared / "of-somebody").mkdir(mode=0o777)
    give_away(shared / "of-somebody")
    with pytest.raises(NotOursError):
        make_private_folder(shared / "of-somebody" / "home")
    assert list((shared / "of-somebody").iterdir()) == []


def test_a_folder_that_another_user_makes_first_is_noticed(
    shared: Path, give_away: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def mkdir(path: Path, **given: Any) -> None:
        make(path, **given)
        give_away(path)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(NotOursError):
        make_private_folder(shared / "home")


def test_each_command_and_process_looks_at_its_home_when_it_starts(
    shared: Path, give_away: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _made(shared / "home")
    monkeypatch.setenv("RESCIND_HOME", str(home))
    settings.cache_clear()
    assert settings().home == home
    give_away(home)
    settings.cache_clear()
    with pytest.raises(NotOursError):
        settings()


@pytest.mark.parametrize(
    "name", [RUNNING, OWN_TOKEN, OWN_KEY, "ledger.db", "up.lock", up.LOG]
)
def test_a_file_of_another_user_in_a_shared_home_is_not_read(
    shared: Path, give_away: Give, name: str
) -> None:
    (shared / name).write_text("of somebody")
    give_away(shared / name)
    uses = {RUNNING: "Redis", OWN_TOKEN: "token", OWN_KEY: "seal key"}
    uses |= {"up.lock": "lock", up.LOG: "log"}
    with pytest.raises(NotOursError, match=f"{name} belongs to another user"):
        USES[uses.get(name, "ledger")](shared)


def test_a_link_of_another_user_is_not_followed(shared: Path, give_away: Give) -> None:
    home = _made(shared.parent / "private")
    link = shared / "home"
    link.symlink_to(home)
    assert running(link) == running(home)
    give_away(link)
    with pytest.raises(NotOursError, match="is a symbolic link of another user"):
        running(link)


@pytest.mark.parametrize("far", [False, True], ids=["absolute", "relative"])
def test_what_a_link_leads_to_is_looked_at(
    shared: Path, give_away: Give, far: bool
) -> None:
    home = _made(shared / "home")
    link = shared.parent / "link"
    link.symlink_to(Path("shared/../shared/home") if far else home)
    check_ours(link)
    give_away(home)
    with pytest.raises(NotOursError, match="shared/home belongs"):
        check_ours(link / RUNNING)


def test_links_in_a_circle_end(shared: Path) -> None:
    (shared / "a").symlink_to("b")
    (shared / "b").symlink_to("a")
    check_ours(shared / "a")


def test_a_folder_of_another_user_that_only_they_could_create_is_used(
    tmp_path: Path, give_away: Give
) -> None:
    # A volume of a container often belongs to another user.
    home = _made(tmp_path / "home")
    give_away(home)
    home.chmod(0o777)
    assert running(home) is not None


def test_an_operators_file_of_another_user_is_not_read(
    shared: Path, give_away: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("accounts.toml", "schedules.toml", ".env"):
        (shared / name).write_text("")
        give_away(shared / name)
    fault = load_accounts(shared / "accounts.toml").fault
    assert "belongs to another user" in str(fault)
    fault = load_schedules(shared / "schedules.toml").fault
    assert "belongs to another user" in str(fault)
    monkeypatch.chdir(shared)
    settings.cache_clear()
    with pytest.raises(NotOursError, match=r"\.env belongs to another user"):
        settings()


def test_a_trap_under_the_name_of_a_partial_file_is_not_followed(
    tmp_path: Path,
) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    (tmp_path / f"file.{os.getpid()}").symlink_to(target)
    write_private(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"
    assert target.read_text() == "untouched"


def test_the_demo_deletes_its_folder_only_while_it_is_its_own(
    shared: Path, give_away: Give
) -> None:
    home = _made(shared / "home")
    give_away(home)
    demo._clean_up(home, DONE)
    assert home.exists()
