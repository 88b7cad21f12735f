"""The command ``rescind``. Light: what a command needs, it imports when it runs."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, and give back its exit status."""
    from rescind.cli.app import run

    return run(argv)
