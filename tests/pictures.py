"""Takes pictures of pages: for the documentation, or only to test that it works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

LARGEST = 150_000
"""Bytes of a picture: the repository keeps them for ever."""


def folder(tmp_path: Path) -> Path:
    """The folder ``SCREENSHOTS`` (set by ``make screenshots``), or ``tmp_path``."""
    chosen = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def take(page: Page, where: Path, name: str, height: int = 560) -> None:
    """Take a picture of the top of a page, in a size that is readable."""
    path, size = where / f"{name}.png", page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": height})
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path, animations="disabled")
    assert 5_000 < path.stat().st_size < LARGEST, path
