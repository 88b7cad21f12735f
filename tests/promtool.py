"""Runs promtool, Prometheus' checker of metrics and rules (package ``prometheus``)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here: apt-get install prometheus"
)


def promtool(*words: str | Path, given: bytes = b"") -> str:
    """Its output; the test fails if it finds a fault."""
    assert PROMTOOL is not None
    ended = subprocess.run(
        [PROMTOOL, *words], input=given, capture_output=True, timeout=60, check=False
    )
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode == 0, said
    return said
