"""``python -m rescind.errors``: write ``docs/errors.md`` from the catalogue."""

from __future__ import annotations

import argparse
from pathlib import Path

from rescind.errors.errors_page import page
from rescind.errors.kind import PAGE

ABOUT = f"Write {PAGE} from the catalogue of problems. It has no options."

if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m rescind.errors", description=ABOUT
    ).parse_args()
    Path(PAGE).write_text(page(), encoding="utf-8")
