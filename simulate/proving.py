"""``python -m simulate.proving``: whether random worlds notice when Rescind is broken.

Breaks it in one way after the other, and says which seed notices first. Exit status 0
if each was noticed by some world.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from simulate.breakages import MUTATIONS

MOST = 600
"""Worlds that one mutation is tried in."""


def main(argv: Sequence[str] | None = None) -> int:
    made = argparse.ArgumentParser(
        prog="python -m simulate.proving", description=__doc__
    )
    made.add_argument("--mutation", choices=sorted(MUTATIONS), action="append")
    made.add_argument("--worlds", type=int, default=MOST)
    options = made.parse_args(argv)
    noticed = [_noticed(one, options.worlds) for one in options.mutation or MUTATIONS]
    print(f"{sum(noticed)} of {len(noticed)} noticed")
    return 0 if all(noticed) else 1


def _noticed(mutation: str, worlds: int) -> bool:
    """In a process of its own: what is broken stays so."""
    command = [sys.executable, "-m", "simulate", "--briefly"]
    command += ["--worlds", str(worlds), "--mutation", mutation]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout.splitlines() or done.stderr.splitlines()[-1:] or [""])[-1]
    print(f"{mutation:<17}{said}", flush=True)
    return done.returncode == 1 and said.startswith("seed")


if __name__ == "__main__":
    sys.exit(main())
