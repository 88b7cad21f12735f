"""Reads the encoding in which Turkish Excel saves CSV: Windows-1254.

Every byte sequence may be Windows-1254, so this is a guess. It is for callers that show
a person what was read before anything is submitted.
"""

from __future__ import annotations

from rescind.intake.files.packed import GZIP, OLD_EXCEL, ZIP

BINARY = (GZIP, ZIP, OLD_EXCEL, b"\xff\xfe", b"\xfe\xff")
"""First bytes of files that are no 8-bit text."""


def as_utf8(data: bytes) -> tuple[bytes, bool]:
    """``data`` as UTF-8, and whether it was read as Windows-1254.

    What is neither UTF-8 nor Windows-1254 is returned unchanged.
    """
    if data.startswith(BINARY) or b"\x00" in data:
        return data, False
    try:
        data.decode()
    except UnicodeDecodeError:
        return _from_turkish(data)
    return data, False


def _from_turkish(data: bytes) -> tuple[bytes, bool]:
    try:
        return data.decode("cp1254").encode(), True
    except UnicodeDecodeError:
        return data, False
