"""Static files: only the listed ones, and the vendored one unchanged."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from rescind.dashboard.static_files import FOLDER, KINDS, version
from tests.dashboard.stage import Visitor


def test_the_vendored_file_matches_its_note() -> None:
    note = (FOLDER / "VENDORED.md").read_text()
    found = sha256((FOLDER / "htmx.min.js").read_bytes()).hexdigest()
    assert found in note
    assert re.search(r'version:"2\.0\.11"', (FOLDER / "htmx.min.js").read_text())
    assert "2.0.11" in note


@pytest.mark.parametrize("name", KINDS)
def test_each_file_is_kept_under_its_own_version(stranger: Visitor, name: str) -> None:
    found = stranger.get(f"/desk/static/{version()}/{name}")
    assert found.status_code == 200
    assert found.headers["Content-Type"] == KINDS[name]
    assert "immutable" in found.headers["Cache-Control"]
    old = stranger.get(f"/desk/static/another/{name}")
    assert old.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["VENDORED.md", "..%2froutes.py", "no.js", "%2e%2e"])
def test_nothing_else_is_served(stranger: Visitor, name: str) -> None:
    assert stranger.get(f"/desk/static/x/{name}").status_code == 404
