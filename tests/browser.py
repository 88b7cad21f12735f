"""A real Chromium for tests of pages; without one they are skipped in words."""

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
PATIENCE_MS = 20_000
WIDE, PHONE = {"width": 1180, "height": 800}, {"width": 360, "height": 740}


def find_chromium() -> str:
    """Where the browser is; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return found


def _true_time() -> dict[str, str | float | bool]:
    """The environment, but for faketime: a Chromium that it is loaded into spins."""
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
    """A page with cookies of its own; what its console complains of fails the test.

    Unless it is not ours: then ``complaints`` are not looked at.
    """
    given: dict[str, Any] = {
        "viewport": WIDE,
        "timezone_id": "Europe/Istanbul",
        # What fades from one colour into another would be judged half way.
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
    # A page that is not there is one of those that are tested.
    if kind in ("error", "warning") and "status of 404" not in text:
        heard.append(text)
