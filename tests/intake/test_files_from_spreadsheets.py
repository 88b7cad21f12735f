"""Tests of files that Excel and pandas write.

Their original values are read, or a sentence says how to save the file.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from rescind.intake.files import packed, workbook
from rescind.intake.files.cells import whole
from rescind.intake.files.file_rows import FileError
from rescind.intake.validation import check
from rescind.intake.values import param_value
from rescind.provider.outcomes import InvalidRequestError
from rescind.schedules.mapping import recipe_of
from rescind.schedules.source_rows import Row as SourceRow
from tests.intake.test_files import entries, read
from tests.intake.test_validation import ACCOUNTS

NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
UUID = "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e"
PLAIN = "provider,order\nnotpanel,ord_1\n"
ONE = [{"provider": "notpanel", "order": "ord_1"}]


def accepted(data: str | bytes) -> list[tuple[str, dict[str, Any]]]:
    """Orders and params of the entries, as intake stores them."""
    found = [check(entry, ACCOUNTS, NOW) for entry in entries(data)]
    return [(one.order, dict(one.params)) for one in found]


# --- numbers that became floats ------------------------------------------------------


def test_orders_converted_to_floats_become_whole_numbers_again() -> None:
    rows = ("ithink,86210010463.0", "notpanel,23501.00", "iletimerkezi,312891245.0")
    data = "provider,order\n" + "\n".join(rows) + "\n"
    assert [one for one, _ in accepted(data)] == ["86210010463", "23501", "312891245"]
    turkish = "provider;order\nithink;86210010463,0\n"
    assert accepted(turkish) == [("86210010463", {})]


@pytest.mark.parametrize("reason", ["4.0", "4", "4.000", '="4"', "'4"])
def test_a_parameter_converted_to_a_float_becomes_whole_again(reason: str) -> None:
    cell = '"' + reason.replace('"', '""') + '"'
    data = f"provider,order,param.reason_id\ndukkango,{UUID},{cell}\n"
    assert accepted(data) == [(UUID, {"reason_id": 4})]


def test_floats_in_params_become_whole_and_amounts_stay_unchanged() -> None:
    params = '"{""is_all"": true, ""reasons"": {""9"": 1.0}}"'
    header = "provider,order,params,param.forced_refund_amount"
    data = f"{header}\nakinon,1883.0,{params},12.50\n"
    assert entries(data)[0]["params"]["forced_refund_amount"] == "12.50"
    [(order, kept)] = accepted(data)
    assert (order, kept["reasons"]) == ("1883", {"9": 1})


def test_json_lines_of_pandas_are_read() -> None:
    line = {"provider": "dukkango", "order": UUID, "params": {"reason_id": 4.0}}
    number = {"provider": "ithink", "order": 86210010463.0, "metadata": {"x": 1.5}}
    data = f"{json.dumps(line)}\n{json.dumps(number)}\n"
    assert accepted(data) == [(UUID, {"reason_id": 4}), ("86210010463", {})]


@given(st.floats() | st.integers())
def test_only_whole_and_exact_floats_are_changed(value: float) -> None:
    found = whole([{"x": value}])[0]["x"]
    assert found == value or math.isnan(value)
    exact = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    assert isinstance(found, int) is (isinstance(value, int) or exact)


ROUNDED = ["8.62100E+10", "8,62100E+10", "8.621e10", "9E+10", "8.6210010463E+19"]


@pytest.mark.parametrize("order", ROUNDED)
@pytest.mark.parametrize("provider", ["ithink", "notpanel", "iletimerkezi"])
def test_a_rounded_number_is_refused_with_advice(provider: str, order: str) -> None:
    [entry] = entries(f"provider;order\n{provider};{order}\n")
    with pytest.raises(InvalidRequestError) as refused:
        check(entry, ACCOUNTS, NOW)
    said = str(refused.value)
    assert f"; {order} is a long number that a spreadsheet has rounded" in said
    assert "export it as text" in said


@pytest.mark.parametrize("serial", ["46000", "46000.75", "46000,75"])
def test_a_spreadsheets_number_for_a_date_is_refused_with_advice(serial: str) -> None:
    entry = {"provider": "notpanel", "order": "ord_1", "not_before": serial}
    with pytest.raises(InvalidRequestError, match="format its column as Text"):
        check(entry, ACCOUNTS, NOW)


def test_an_id_with_an_e_is_not_a_number() -> None:
    assert accepted("provider,order\nnotpanel,8E10\n") == [("8E10", {})]


# --- texts that are kept from being numbers ------------------------------------------


@pytest.mark.parametrize("cell", ['="86210010463"', "'86210010463", "= x"])
def test_marks_that_protect_a_text_from_excel_are_removed(cell: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    [entry] = entries(f"provider,order\nithink,{quoted}\n")
    assert entry["order"] == ("= x" if cell == "= x" else "86210010463")


def test_an_apostrophe_in_metadata_stays() -> None:
    data = "provider,order,metadata.note\nnotpanel,'1,'tis\n"
    [entry] = entries(data)
    assert (entry["order"], entry["metadata"]) == ("1", {"note": "'tis"})


@pytest.mark.parametrize(
    ("order", "reason", "typed"),
    [
        ("86210010463.0", "4.0", False),
        ('="86210010463"', "4", False),
        (86210010463.0, 4.0, True),
        (Decimal("86210010463.00"), 4, True),
    ],
)
def test_a_rules_columns_are_read_the_same_way(
    order: object, reason: object, typed: bool
) -> None:
    columns = {"order": "o", "params.reason_id": "r"}
    recipe = recipe_of(columns, {"provider": "dukkango"})
    found = recipe.entry(SourceRow("line 2", {"o": order, "r": reason}, typed), {})
    expected = {"order": "86210010463", "params": {"reason_id": 4}}
    assert {**found, "order": str(found["order"])} == {**recipe.constants, **expected}


# --- columns, separators, truths -----------------------------------------------------


def test_empty_columns_at_the_end_are_ignored() -> None:
    data = "provider,order,,\r\nnotpanel,ord_1,,\r\nnotpanel,ord_1\r\n,,,\r\n"
    assert entries(data) == ONE * 2
    wrong = read("provider,order,,\nnotpanel,ord_1,,x\n")
    assert "has 4 columns, and the header 2" in str(wrong[0].wrong)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=|", "sep=\t"])
def test_a_first_line_that_names_the_separator_is_followed(line: str) -> None:
    mark = line.strip('"')[-1]
    data = f"{line}\r\n\r\nprovider{mark}order\r\nnotpanel{mark}ord_1\r\n"
    assert entries(data) == ONE
    assert [row.line for row in read(data)] == [4]


TRUE = ["TRUE", "True", "true", "DOĞRU", "doğru", "Doğru", "सत्य"]
FALSE = ["FALSE", "False", "YANLIŞ", "yanlış", "असत्य"]


@pytest.mark.parametrize("word", TRUE + FALSE)
def test_excels_words_for_true_and_false_are_booleans(word: str) -> None:
    header = "provider,order,param.return_details,param.is_all,param.reasons"
    data = f'{header}\nakinon,7,{word},TRUE,"{{""9"": 1}}"\n'
    params = entries(data)[0]["params"]
    assert params["return_details"] is (word in TRUE)
    assert params["is_all"] is True


def test_a_word_for_true_stays_a_text_in_other_parameters() -> None:
    assert param_value("akinon", "refund_invoice_number", "DOĞRU") == "DOĞRU"
    assert param_value("akinon", "is_all", "maybe") == "maybe"
    assert param_value("x", "is_all", "DOĞRU") == "DOĞRU"


# --- gzip ----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [PLAIN, json.dumps(ONE[0]) + "\n"])
def test_a_file_in_gzip_is_read(data: str) -> None:
    raw = data.encode()
    assert entries(gzip.compress(raw)) == ONE
    assert entries(gzip.compress(raw[:9]) + gzip.compress(raw[9:])) == ONE
    assert entries(gzip.compress(gzip.compress(raw))[:0] + raw) == ONE


@given(st.integers(2, len(gzip.compress(PLAIN.encode())) - 1))
def test_truncated_gzip_is_reported(size: int) -> None:
    with pytest.raises(FileError, match="its gzip"):
        read(gzip.compress(PLAIN.encode())[:size])


def test_gzip_is_unpacked_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST", 1 << 20)
    with pytest.raises(FileError, match="larger than 1 MB when it is unpacked"):
        read(gzip.compress(b"x" * (1 << 21)))


# --- workbooks -----------------------------------------------------------------------


def book(*rows: Sequence[object]) -> bytes:
    made = Workbook()
    for row in rows:
        made.active.append(list(row))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_the_first_sheet_of_a_workbook_is_read_as_its_csv_would_be() -> None:
    data = book(
        [],
        ["Provider", "order", "param.is_all", "param.reasons", "metadata.n", None],
        ["akinon", 1883, True, '{"9": 1}', 1.5],
        [],
        ["notpanel", "0023501", None, None, "x"],
    )
    assert entries(data) == [
        {
            "provider": "akinon",
            "order": "1883",
            "params": {"is_all": True, "reasons": {"9": 1}},
            "metadata": {"n": "1.5"},
        },
        {"provider": "notpanel", "order": "0023501", "metadata": {"n": "x"}},
    ]
    assert [row.line for row in read(data)] == [3, 5]
    assert entries(gzip.compress(data)) == entries(data)


def test_numbers_of_a_workbook_are_whole_or_refused_as_rounded() -> None:
    data = book(
        ["provider", "order"], ["ithink", 86210010463.0], ["ithink", 8.621001046312e19]
    )
    first, second = entries(data)
    assert first["order"] == "86210010463"
    with pytest.raises(InvalidRequestError, match="long number that a spreadsheet has"):
        check(second, ACCOUNTS, NOW)


def test_a_wrong_row_of_a_workbook_stops_no_other() -> None:
    rows = read(
        book(["provider", "order"], ["notpanel", 1, "x"], ["notpanel", "ord_1"])
    )
    assert "has 3 columns, and the header 2" in str(rows[0].wrong)
    assert rows[1].entry == ONE[0]


def formulas(*rows: Sequence[object], edit: Callable[[str], str]) -> bytes:
    """A workbook whose first sheet's XML is edited, as another program writes it."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book(*rows))) as old,
        zipfile.ZipFile(out, "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name).decode()
            is_sheet = name == "xl/worksheets/sheet1.xml"
            new.writestr(name, edit(content) if is_sheet else content)
    return out.getvalue()


HEADER = ["provider", "order", "cancel_before", "metadata.n", "why"]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (["notpanel", '=CONCAT("ord_",1)'], "B2"),
        (["notpanel", "ord_1", "=NOW()+1"], "C2"),
        (["notpanel", "=A1", None, "=A1"], "B2, D2"),
        (["=A1", "ord_1"], "A2"),
        ([None, None, None, "=A1"], "D2"),
    ],
)
def test_a_formula_without_a_value_is_named_and_stops_no_other_row(
    row: list[object], cells: str
) -> None:
    first, second = read(book(HEADER, row, ["notpanel", "ord_1"]))
    assert (first.line, first.entry) == (2, None)
    assert f"has a formula without a value in {cells}: open the file in" in str(
        first.wrong
    )
    assert second.entry == ONE[0]


def test_a_column_that_is_not_read_may_have_formulas() -> None:
    (row,) = read(book(HEADER, ["notpanel", "ord_1", None, None, "=A1"]))
    assert row.entry == ONE[0]


def test_a_formula_in_the_header_is_named() -> None:
    with pytest.raises(
        FileError, match="its header has a formula without a value in B1"
    ):
        read(book(["provider", "=A2"], ["notpanel", "ord_1"]))


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("<v>7</v>", {"metadata": {"n": "7"}}),
        # A formula whose text is empty: as Excel and as LibreOffice write it.
        ("<v></v>", {}),
        ("<v/>", {}),
        ("", {}),
    ],
)
def test_a_formula_with_a_value_is_read_as_its_value(
    value: str, read_as: dict[str, object]
) -> None:
    kind = "" if read_as else ' t="str"'

    def edit(xml: str) -> str:
        cell = r'<c r="D2"( s="\d+")?><f>A1</f><v ?/?>(</v>)?</c>'
        made, times = re.subn(cell, f'<c r="D2"{kind}><f>A1</f>{value}</c>', xml)
        assert times == 1
        return made

    data = formulas(HEADER, ["notpanel", "ord_1", None, "=A1"], edit=edit)
    assert entries(data) == [{**ONE[0], **read_as}]


def test_a_formula_that_cannot_be_read_leaves_its_value() -> None:
    def edit(xml: str) -> str:
        cell = r'<c r="D2"( s="\d+")?><f>A1</f><v ?/?>(</v>)?</c>'
        odd = '<c r="D2"><f t="shared" ref="D2" si="0">"open</f><v>7</v></c>'
        made, times = re.subn(cell, odd, xml)
        assert times == 1
        return made

    data = formulas(HEADER, ["notpanel", "ord_1", None, "=A1"], edit=edit)
    assert entries(data) == [{**ONE[0], "metadata": {"n": "7"}}]


def archive(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "/"), content)
    return out.getvalue()


STUB = {"[Content_Types].xml": "<x/>", "xl__workbook.xml": "<x/>"}
NO_WORKBOOKS: dict[str, tuple[bytes, str]] = {
    "stub": (archive(**STUB), "broken Excel workbook"),
    "zip": (archive(**{"a.csv": PLAIN}), "is a ZIP, not an .xlsx"),
    "ods": (archive(**{"content.xml": "<x/>"}), "is an OpenDocument sheet"),
    "cut": (book(["provider", "order"])[:500], "broken Excel workbook"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "old Excel workbook"),
    "empty": (book(), "its first sheet has nothing"),
    "only a header": (book(["provider", "order"]), "has a header and no rows"),
    "no header": (book(["notpanel", "ord_1"]), "lacks provider, order"),
}


@pytest.mark.parametrize("case", NO_WORKBOOKS)
def test_a_file_that_is_no_workbook_is_reported_with_advice(case: str) -> None:
    data, sentence = NO_WORKBOOKS[case]
    with pytest.raises(FileError, match=sentence) as wrong:
        read(data)
    named = case in ("stub", "zip", "ods", "cut", "xls")
    assert ('save it as "CSV UTF-8"' in str(wrong.value)) is named


def test_a_workbook_is_unpacked_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST", 1 << 20)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", b" " * (1 << 21))
    with pytest.raises(FileError, match="larger than 1 MB"):
        read(out.getvalue())


def test_the_number_of_columns_read_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbook, "MOST_COLUMNS", 2)
    data = book(["provider", "order", "nonsense"], ["notpanel", "ord_1", "x"])
    assert entries(data) == ONE


@given(st.sampled_from([packed.ZIP, packed.GZIP, packed.OLD_EXCEL]), st.binary())
def test_any_bytes_after_a_known_signature_give_a_sentence(
    begins: bytes, rest: bytes
) -> None:
    with pytest.raises(FileError):
        read(begins + rest)
