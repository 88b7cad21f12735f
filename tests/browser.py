"""A real Chromium for tests of pages; without one they are skipped with a reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",  # in containers, where tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
WIDE, PHONE = {"width": 1180, "height": 800}, {"width": 360, "height": 740}


def find_chromium() -> str:
    """The browser's path; skips the test if there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return found


def _true_time() -> dict[str, str | float | bool]:
    """The environment without faketime, with which Chromium uses all of a core."""
    return {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}


@contextmanager
def launched() -> Iterator[Browser]:
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, env=_true_time()
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, *, complaints: bool = True, **options: Any
) -> Iterator[Page]:
    """A page with its own cookies; complaints in its console fail the test.

    For pages that are not ours, ``complaints`` can be ignored.
    """
    given: dict[str, Any] = {
        "viewport": WIDE,
        "timezone_id": "Europe/Istanbul",
        # Colours must not be checked in the middle of a transition.
        "reduced_motion": "reduce",
        **options,
    }
    context = browser.new_context(**given)
    context.set_default_timeout(PATIENCE_MS)
    page, heard = context.new_page(), list[str]()
    page.on("console", lambda said: _note(heard, said.type, said.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    try:
        yield page
        assert heard == [] or not complaints, heard
    finally:
        context.close()


def _note(heard: list[str], kind: str, text: str) -> None:
    # Missing pages are tested too, so a 404 is no complaint.
    if kind in ("error", "warning") and "status of 404" not in text:
        heard.append(text)
