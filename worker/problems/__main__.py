"""``python -m worker.problems``: write ``docs/errors.md`` anew."""

from __future__ import annotations

from pathlib import Path

from worker.problems.model import PAGE
from worker.problems.page import page

if __name__ == "__main__":
    Path(PAGE).write_text(page(), encoding="utf-8")
