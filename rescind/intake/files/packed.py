"""Unpacks files: gzip, and the ZIP archives of workbooks."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from rescind.intake.files.file_rows import FileError

LARGEST = 256 * 1024 * 1024
"""The most bytes of an unpacked file; a million rows take some 60 MB."""
GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
DOCTYPE = re.compile(rb"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")
"""A declaration of entities, in UTF-8 or UTF-16."""
AS_CSV = 'save it as "CSV UTF-8", or as .xlsx'


def unpacked(data: bytes, name: str, most: int | None = None) -> bytes:
    """``data`` after gzip; raises ``FileError`` if that is broken or too large."""
    if not data.startswith(GZIP):
        return data
    most = LARGEST if most is None else most
    found = bytearray()
    try:
        while data.startswith(GZIP) and len(found) <= most:
            stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
            found += stream.decompress(data, most + 1 - len(found))
            if not stream.eof and len(found) <= most:
                raise FileError(f"{name} is cut off: its gzip has no end")
            data = stream.unused_data
    except zlib.error:
        raise FileError(f"{name} is broken: its gzip cannot be unpacked") from None
    if len(found) > most:
        raise FileError(f"{name} is larger than {most >> 20} MB when it is unpacked")
    return bytes(found)


def is_workbook(data: bytes, name: str) -> bool:
    """Whether ``data`` may be an .xlsx workbook; ``FileError`` for an old .xls."""
    if data.startswith(OLD_EXCEL):
        raise FileError(
            f"{name} is an old Excel workbook (.xls), or has a password: {AS_CSV}"
        )
    return data.startswith(ZIP)


def bounded_zip(data: bytes, name: str, most: int | None = None) -> io.BytesIO:
    """The same archive with uncompressed members, so that its reader unpacks nothing.

    Raises ``FileError`` if it has no workbook, is too large when unpacked, or declares
    entities, which no spreadsheet program writes.
    """
    clean = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            _copy(packed, clean, name, LARGEST if most is None else most)
    except FileError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error):
        raise FileError(f"{name} is a broken Excel workbook: {AS_CSV}") from None
    except (RuntimeError, ValueError):
        raise FileError(f"{name} has a password, or is broken: {AS_CSV}") from None
    return clean


def _copy(packed: zipfile.ZipFile, clean: io.BytesIO, name: str, most: int) -> None:
    names = packed.namelist()
    if "xl/workbook.xml" not in names:
        kind = "an OpenDocument sheet" if "content.xml" in names else "a ZIP"
        raise FileError(f"{name} is {kind}, not an .xlsx workbook: {AS_CSV}")
    left = most
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as copied:
        for member in packed.infolist():
            with packed.open(member) as source:
                content = source.read(left + 1)
            left -= len(content)
            if left < 0:
                why = f"is larger than {most >> 20} MB when it is unpacked"
                raise FileError(f"{name} {why}")
            if DOCTYPE.search(content):
                raise FileError(f"{name} is a broken Excel workbook: {AS_CSV}")
            copied.writestr(member.filename, content)
