"""``python -m rescind.errors``: write ``docs/errors.md`` from the catalogue."""

from __future__ import annotations

from pathlib import Path

from rescind.errors.errors_page import page
from rescind.errors.kind import PAGE

if __name__ == "__main__":
    Path(PAGE).write_text(page(), encoding="utf-8")
