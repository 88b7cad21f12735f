"""The bounds and the encodings of files that are uploaded from the page."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from rescind.intake.files.file_reading import parse
from rescind.intake.files.file_rows import FileError, Limits
from rescind.intake.files.legacy_encoding import as_utf8

PLAIN = b"provider,order\nnotpanel,ord_1\n"


def test_a_text_with_too_many_lines_is_refused() -> None:
    with pytest.raises(FileError, match="has more than 2 lines: split it"):
        parse(PLAIN + b"\n", "x", limits=Limits(lines=2))
    assert parse(PLAIN, "x", limits=Limits(lines=2)).lines == 2


def sheet(row: int) -> bytes:
    made = Workbook()
    made.active.append(["provider", "order"])
    made.active.cell(row, 1, "notpanel")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_sheet_that_claims_a_million_rows_is_refused_after_the_first() -> None:
    data = sheet(1_048_576)
    with pytest.raises(FileError, match="has more than 100 lines"):
        parse(data, "x", limits=Limits(lines=100))


DECLARES = '<!DOCTYPE a [<!ENTITY b "ord_1">]>'
SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_declares_entities_is_refused(encoding: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sheet(2))) as book:
        members = {name: book.read(name) for name in book.namelist()}
    xml = members[SHEET].decode().rpartition("?>")[2]
    members[SHEET] = f"<?xml version='1.0'?>{DECLARES}{xml}".encode(encoding)
    with zipfile.ZipFile(out, "w") as bad:
        for name, content in members.items():
            bad.writestr(name, content)
    with pytest.raises(FileError, match="broken Excel workbook"):
        parse(out.getvalue(), "x")


def test_a_file_of_turkish_excel_becomes_utf8() -> None:
    assert as_utf8("Şişli;ğüı".encode("cp1254")) == ("Şişli;ğüı".encode(), True)


def test_a_broken_line_does_not_change_the_letters_of_utf8() -> None:
    # Each of these bytes is a letter of Windows-1254, too.
    data = "Çeşme\n".encode() + "Şile\n".encode("cp1254")
    assert as_utf8(data) == (data, False)


@given(st.text())
def test_utf8_stays_as_it_is(text: str) -> None:
    assert as_utf8(text.encode()) == (text.encode(), False)


@given(st.binary())
def test_any_bytes_have_an_answer(data: bytes) -> None:
    found, guessed = as_utf8(data)
    assert guessed or found == data
    if guessed:
        assert found.decode().encode("cp1254") == data
