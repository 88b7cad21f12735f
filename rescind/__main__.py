"""``python -m rescind``: the same as ``rescind``."""

from __future__ import annotations

import sys

from rescind.cli import main

if __name__ == "__main__":
    sys.exit(main())
