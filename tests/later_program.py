"""Makes this program one that has migrations more, as a later version has."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescind.ledger.storage import schema_versions

BEGINNING = """
from alembic import op
import sqlalchemy as sa
from rescind.ledger.storage.migrations import online

revision, down_revision = "{own}", "{before}"
branch_labels = depends_on = None
kind = "{kind}"

def upgrade():
"""
ADDS = """
    online.add_column("cancellation", sa.Column("later", sa.Text()))
    online.create_index("ix_later", "cancellation", ["later", "id"])
    online.update_in_batches("cancellation", "later = id")
"""
DROPS = """
    online.drop_index("ix_later", "cancellation")
    online.drop_column("cancellation", "later")
"""
EXPAND, CONTRACT = ("expand", ADDS), ("contract", DROPS)
"""Migrations: each has a kind, and the body of ``upgrade``."""


class LaterProgram:
    """``become`` says which migrations this program has, beside our own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self._ours = list(schema_versions.FOLDERS)
        self._head = schema_versions.head()

    def become(self, *more: tuple[str, str]) -> None:
        """Have the migrations 9001, 9002 and so on; without any, be what we are."""
        folder = self._folder / f"with_{len(more)}"
        folder.mkdir(exist_ok=True)
        names = [self._head, *(str(9001 + n) for n in range(len(more)))]
        for before, own, (kind, body) in zip(names, names[1:], more, strict=False):
            made = BEGINNING.format(own=own, before=before, kind=kind) + body
            (folder / f"{own}_later.py").write_text(made)
        self._monkeypatch.setattr(schema_versions, "FOLDERS", [*self._ours, folder])
        schema_versions.known.cache_clear()
