"""The command ``rescind``.

Each command imports what it needs when it runs, so that ``--help`` starts quickly.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit status."""
    from rescind.cli.app import run

    return run(argv)
