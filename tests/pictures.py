"""Pictures of pages: for the documentation when asked, else only to see that it can."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

LARGEST = 150_000
"""Bytes of a picture: they are kept for ever."""


def folder(tmp_path: Path) -> Path:
    """``SCREENSHOTS``, as ``make screenshots`` sets it, or one that is thrown away."""
    chosen = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def take(page: Page, where: Path, name: str, height: int = 560) -> None:
    """The top of a page, as large as it can be read in the documentation."""
    path, size = where / f"{name}.png", page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": height})
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path, animations="disabled")
    assert 5_000 < path.stat().st_size < LARGEST, path
