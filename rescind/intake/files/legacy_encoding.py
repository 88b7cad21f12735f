"""Reads the encoding in which Turkish Excel saves CSV: Windows-1254.

Most byte sequences may be Windows-1254, so this is a guess. It is for files that a
person submits, and the person is told.
"""

from __future__ import annotations

from rescind.intake.files.packed import GZIP, OLD_EXCEL, ZIP

BINARY = (GZIP, ZIP, OLD_EXCEL, b"\xff\xfe", b"\xfe\xff")
"""First bytes of files that are no 8-bit text."""


def as_utf8(data: bytes) -> tuple[bytes, bool]:
    """``data`` as UTF-8, and whether it was read as Windows-1254.

    What is neither UTF-8 nor Windows-1254 is returned unchanged. So is UTF-8 in which
    some lines are broken: as Windows-1254, its good lines would get other letters.
    """
    if data.startswith(BINARY) or b"\x00" in data:
        return data, False
    try:
        data.decode()
    except UnicodeDecodeError:
        return _from_turkish(data)
    return data, False


def _from_turkish(data: bytes) -> tuple[bytes, bool]:
    if any(map(_is_wide_utf8, data.splitlines())):
        return data, False
    try:
        return data.decode("cp1254").encode(), True
    except UnicodeDecodeError:
        return data, False


def _is_wide_utf8(line: bytes) -> bool:
    """Whether a line is UTF-8, and more than ASCII."""
    try:
        return not line.isascii() and bool(line.decode())
    except UnicodeDecodeError:
        return False
