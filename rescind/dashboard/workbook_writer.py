"""Writes Excel workbooks (.xlsx) row by row to a temporary file.

Excel opens them the same way in every language, which it does not with CSV. Texts are
cells of the type text: none is run as a formula, and an order keeps its zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles.numbers import FORMAT_GENERAL, FORMAT_TEXT
from openpyxl.utils import get_column_letter

TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST = 32_767
"""Characters in a cell."""
WIDTH = 24
CHUNK = 65_536
LONGEST_TITLE = 31
NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
"""Characters that Excel takes in no title of a sheet."""
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot hold."""


def workbook(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str,
    to_fill_in: bool = False,
) -> IO[bytes]:
    """A file with one sheet of this title, which is deleted when it is closed.

    In one ``to_fill_in``, all columns are formatted as Text, so that a spreadsheet
    program changes nothing that people write there.

    Values are texts, numbers, ``None`` or times without a zone. Raises what ``rows``
    raises, and then leaves no file behind.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_title(title))
    sheet.freeze_panes = "A2"
    for place in range(1, len(header) + 1):
        column = sheet.column_dimensions[get_column_letter(place)]
        column.width = WIDTH
        column.number_format = FORMAT_TEXT if to_fill_in else FORMAT_GENERAL
    file = TemporaryFile()  # noqa: SIM115  (the caller closes it)
    try:
        for row in chain([header], rows):
            sheet.append([_cell(sheet, one, to_fill_in) for one in row])
        book.save(file)
    except BaseException:
        file.close()
        _delete_part(sheet)
        raise
    file.seek(0)
    return file


def _title(text: str) -> str:
    return NOT_IN_TITLES.sub(" ", NOT_XML.sub(" ", text))[:LONGEST_TITLE]


def _cell(sheet: Any, value: Any, to_fill_in: bool) -> Any:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, NOT_XML.sub("�", value)[:LONGEST])
    # Else, openpyxl makes a formula of a text such as =1+1, and an error of #N/A.
    cell.data_type = "s"
    if to_fill_in:
        cell.number_format = FORMAT_TEXT
    return cell


def _delete_part(sheet: Any) -> None:
    """Delete the file of the sheet, which openpyxl deletes only after saving."""
    if not sheet.closed:
        sheet.close()
    sheet._writer.cleanup()  # noqa: SLF001  (there is no public way)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The content of the file, which is closed at the end."""
    with file:
        while part := file.read(CHUNK):
            yield part
