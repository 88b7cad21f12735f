"""The files of an SQLite ledger are for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from rescind.ledger.storage import private_files
from rescind.ledger.storage.transactions import open_ledger, writing


def modes(folder: Path) -> dict[str, int]:
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()}


@pytest.mark.parametrize("before", [None, 0o644, 0o666], ids=["new", "644", "666"])
def test_the_files_of_a_ledger_are_private_whatever_was_there_before(
    tmp_path: Path, before: int | None
) -> None:
    if before is not None:
        path = tmp_path / "ledger.db"
        path.touch()
        path.chmod(before)
    mask = os.umask(0)
    try:
        engine = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE one (id INTEGER)"))
        with engine.connect():
            found = modes(tmp_path)
        engine.dispose()
    finally:
        os.umask(mask)
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm"} <= set(found)
    assert set(found.values()) == {0o600}


def test_a_new_file_is_private_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "_restrict", lambda _: None)
    private_files.make_private(str(tmp_path / "ledger.db"))
    assert modes(tmp_path) == {"ledger.db": 0o600}


def test_side_files_that_others_can_read_are_made_private(tmp_path: Path) -> None:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE one (id INTEGER)"))
        for one in tmp_path.iterdir():
            one.chmod(0o644)
        other = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
        with other.connect():
            assert set(modes(tmp_path).values()) == {0o600}
        other.dispose()
    engine.dispose()


def test_a_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    engine = open_ledger(f"sqlite:///{tmp_path}/none/ledger.db")
    with pytest.raises(Exception, match="unable to open"), engine.connect():
        pass
    assert list(tmp_path.iterdir()) == []
