"""``python -m tests.newer_versions FILE``: which versions differ from the pinned ones.

``FILE`` is what ``pip freeze`` wrote of another environment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

PINS = Path(__file__).parent.parent / "requirements" / "dev.txt"


def versions(text: str) -> dict[str, str]:
    """The version of each package in a list of ``name==version``."""
    found = re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", text)
    return {canonicalize_name(name): version for name, version in found}


def differences(pinned: str, installed: str) -> Iterator[str]:
    """One line for each package with another version, or that only one of both has."""
    before, now = versions(pinned), versions(installed)
    for name in sorted(before.keys() | now.keys()):
        was, is_now = before.get(name, "absent"), now.get(name, "absent")
        if was != is_now:
            yield f"{name}: {was} -> {is_now}"


if __name__ == "__main__":
    for line in differences(PINS.read_text(), Path(sys.argv[1]).read_text()):
        print(line)
