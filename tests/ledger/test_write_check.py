"""The ledger is only said to be writable if it commits a write."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from rescind.ledger.storage.side_tables import LEASE
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.ledger.storage.unreachable import LedgerFullError
from rescind.ledger.storage.write_check import check_writes
from rescind.operations.findings import Level
from rescind.operations.ledger_checks import ledger_checks
from tests.ledger.full_disk import full, on_small_disk

PROGRAM = """
import sys
from pathlib import Path
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger, ping
from rescind.ledger.storage.unreachable import LedgerFullError
from rescind.ledger.storage.write_check import check_writes

folder = Path(sys.argv[1])
engine = open_ledger(f"sqlite:///{folder}/ledger.db")
upgrade(engine)
check_writes(engine)
print("room")
ballast = folder / "ballast"
try:
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError:
    pass
ping(engine)
for _ in range(100):
    try:
        check_writes(engine)
    except LedgerFullError as error:
        print(error)
        break
ballast.unlink()
check_writes(engine)
print("room")
"""


def test_a_ledger_on_a_full_disk_accepts_no_write(tmp_path: Path) -> None:
    said = on_small_disk(tmp_path, PROGRAM).splitlines()
    assert said[0] == said[-1] == "room"
    assert "cannot be written: the disk is full; make room on it" in said[1]


def test_a_ledger_with_room_accepts_writes_and_keeps_none(engine: Engine) -> None:
    check_writes(engine)
    check_writes(engine)
    with reading(engine) as connection:
        kept = connection.execute(select(func.count()).select_from(LEASE)).scalar_one()
    assert kept == 0


def test_a_file_that_cannot_grow_accepts_no_write(sqlite_ledger_url: str) -> None:
    engine = open_ledger(sqlite_ledger_url)
    said = "the disk is full; make room on it"
    with full(engine), pytest.raises(LedgerFullError, match=said):
        check_writes(engine)
    check_writes(engine)
    engine.dispose()


def test_doctor_says_that_the_disk_of_the_ledger_is_full(
    sqlite_ledger_url: str,
) -> None:
    engine = open_ledger(sqlite_ledger_url)
    with full(engine):
        [found] = ledger_checks(engine, None)
    engine.dispose()
    assert (found.level, found.problem) == (Level.UNREACHABLE, "disk-full")
    assert "cannot be written: the disk is full; make room on it" in found.says
