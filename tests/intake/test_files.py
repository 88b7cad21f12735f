"""Tests of files of cancellations that real programs and users write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.registry import BY_NAME
from rescind.intake.files.column_names import (
    OTHER_NAMES,
    OTHER_PREFIXES,
    column_named,
)
from rescind.intake.files.file_reading import load, parse
from rescind.intake.files.file_rows import FileError, Row
from rescind.intake.validation import FIELDS
from rescind.provider.text import fold


def read(data: str | bytes) -> list[Row]:
    encoded = data.encode() if isinstance(data, str) else data
    return list(parse(encoded, "file.csv").rows)


def entries(data: str | bytes) -> list[Any]:
    rows = read(data)
    assert [row.wrong for row in rows] == [None] * len(rows)
    return [row.entry for row in rows]


ONE = [{"provider": "notpanel", "order": "ord_1"}]


@pytest.mark.parametrize(
    "data",
    [
        "provider,order\nnotpanel,ord_1\n",
        "provider;order\nnotpanel;ord_1\n",
        "provider\torder\nnotpanel\tord_1\n",
        "\ufeffprovider,order\r\nnotpanel,ord_1\r\n",
        '\n"Provider", ORDER\rnotpanel, ord_1 \r',
        "provider,order\nnotpanel,ord_1",
        "provider,order\n\nnotpanel,ord_1\n,\n\n",
        "provider,order,account,group\nnotpanel,ord_1,, \n",
        '{"provider": "notpanel", "order": "ord_1"}',
        '\ufeff\n {"provider": "notpanel", "order": "ord_1"}\r\n\n',
    ],
)
def test_one_valid_row(data: str) -> None:
    assert entries(data) == ONE


@pytest.mark.parametrize(
    "header",
    [
        "Sağlayıcı;Sipariş",
        "SAĞLAYICI;SİPARİŞ NO",
        "saglayici;Siparis No.",
        "provider;Sipariş Numarası",
        '"Sağlayıcı","sipariş "',
    ],
)
def test_columns_may_have_turkish_names(header: str) -> None:
    between = ";" if ";" in header else ","
    assert entries(f"{header}\nnotpanel{between}ord_1\n") == ONE


def test_every_name_of_a_column_is_of_one_column() -> None:
    for names in (OTHER_NAMES, OTHER_PREFIXES):
        every = [*names, *(one for others in names.values() for one in others)]
        assert len({fold(one) for one in every}) == len(every)
    assert set(OTHER_NAMES) <= set(FIELDS)
    for name, others in OTHER_NAMES.items():
        for one in (name, *others):
            assert column_named(one) == column_named(one.upper()) == name


def test_a_params_own_name_is_left_as_it_is() -> None:
    data = (
        "sağlayıcı,sipariş,Parametre.Reason_ID,Ek Bilgi.Şube\n"
        "notpanel,ord_1,4,Kadıköy\n"
    )
    [entry] = entries(data)
    assert entry["params"] == {"Reason_ID": 4}
    assert entry["metadata"] == {"Şube": "Kadıköy"}


def test_columns_for_params_and_metadata() -> None:
    header = "provider,order,param.reason_id,params,metadata.Shop,metadata"
    row = 'dukkango,x,4,"{""a"": [1]}",007,"{""b"": 1}"'
    assert entries(f"{header}\n{row}\n") == [
        {
            "provider": "dukkango",
            "order": "x",
            "params": {"a": [1], "reason_id": 4},
            "metadata": {"b": 1, "Shop": "007"},
        }
    ]


def test_a_text_parameter_stays_a_text() -> None:
    data = "provider,order,param.forced_refund_amount\nakinon,1,12.50\n"
    assert entries(data)[0]["params"] == {"forced_refund_amount": "12.50"}


def test_quoted_newlines_and_quotes() -> None:
    data = 'provider,order,metadata.note\nnotpanel,ord_1,"a\r\n""b"""\nnotpanel,2,c\n'
    assert [e["metadata"]["note"] for e in entries(data)] == ['a\r\n"b"', "c"]
    assert [row.line for row in read(data)] == [2, 4]


def test_an_awb_with_a_comma_stays_one_order() -> None:
    data = 'provider,order\nithink,"86210010463,86210010464"\n'
    assert entries(data)[0]["order"] == "86210010463,86210010464"


WHOLE_FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty: there is nothing to submit"),
    "blank": ("\n \n", "is empty: there is nothing to submit"),
    "only a header": ("provider,order\n", "has a header and no rows"),
    "no header": ("notpanel,ord_1\n", "lacks provider, order; the columns are"),
    "one column missing": ("provider,id\nx,1\n", "lacks order"),
    "a column unknown": (
        "provider,order,oder\nx,1,2\n",
        r"no such column: 'oder' \(C\) \(did you mean order\?\)",
    ),
    "a mistyped deadline": (
        "provider,order,cancel_befor\nx,1,2\n",
        r"'cancel_befor' \(C\) \(did you mean cancel_before\?\)\. Correct its name, or",
    ),
    "a mistyped Turkish name": (
        "provider,order,son tarhi\nx,1,2\n",
        r"did you mean son tarih\?",
    ),
    "a mistyped param": (
        "provider,order,param.reason_id,reson_id\nx,1,2,3\n",
        r"'reson_id' \(D\) \(did you mean param\.reason_id\?\)",
    ),
    "a column like no other": ("provider,order,zzz\nx,1,2\n", r"'zzz' \(C\)\. Correct"),
    "a param without name": ("provider,order,param.\nx,1,2\n", "no such column"),
    "a param's own name": (
        "provider,order,reason_id\nx,1,2\n",
        "did you mean param.reason_id?",
    ),
    "a column twice": ("provider,order,order\nx,1,2\n", "names order twice"),
    "a broken header": ('provider,"order\nx,1\n', "lacks order|cannot be read as CSV"),
    "an array": ('[{"provider": "x"}]', "write one object on each line"),
    "utf-16": ("provider,order\n".encode("utf-16"), "is UTF-16, or is not a text"),
    "binary": (b"\x7fELF\x00\x01", "is UTF-16, or is not a text"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\n", "is a PDF or a picture, not a table"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0", "is a PDF or a picture, not a table"),
    "a latin-1 header": (
        "provider,order,metadata.ü\nx,1,2\n".encode("latin-1"),
        "its header is not UTF-8: save the file as UTF-8",
    ),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_a_file_that_cannot_be_used(case: str) -> None:
    data, sentence = WHOLE_FILES[case]
    with pytest.raises(FileError, match=sentence):
        read(data)


@pytest.mark.parametrize("name", ["a.jsonl", "A.NDJSON", "a.jsonl.gz"])
@pytest.mark.parametrize("first", ["nonsense", 'provider": "x"}', 'a,b;ş"'])
def test_a_bad_first_line_of_json_lines_stops_no_other(name: str, first: str) -> None:
    found = list(parse(f"{first}\n{json.dumps(ONE[0])}\n".encode(), name).rows)
    assert "it is not JSON" in str(found[0].wrong)
    assert found[1].entry == ONE[0]


def test_json_lines_in_utf_16_are_said_to_be_that() -> None:
    with pytest.raises(FileError, match="is UTF-16, or is not a text: save it as UTF"):
        parse(f"{json.dumps(ONE[0])}\n".encode("utf-16"), "a.jsonl")


@pytest.mark.parametrize("name", ["a.xlsx", "A.XLSX"])
@pytest.mark.parametrize("data", [b"junk\xff\xfa\n", b"\x00\x01\x02", b"words\n"])
def test_what_is_no_workbook_is_said_to_be_a_broken_one(name: str, data: bytes) -> None:
    with pytest.raises(FileError, match="is a broken Excel workbook: save it as"):
        parse(data, name)


def test_a_table_is_read_whatever_its_name_ends_with() -> None:
    for name in ("a.jsonl", "a.xlsx", "a.txt"):
        assert [row.entry for row in parse(b"provider,order\nx,1\n", name).rows] == [
            {"provider": "x", "order": "1"}
        ]
        with pytest.raises(FileError, match="lacks order"):
            parse(b"provider,id\nx,1\n", name)


HEAD = "provider,order,metadata.note\n"
GOOD = "notpanel,ord_1,x\n"
ROWS: dict[str, tuple[str | bytes, str]] = {
    "short": ("notpanel,ord_2\n", "has 2 columns, and the header 3"),
    "long": ("notpanel,ord_2,x,y\n", "has 4 columns, and the header 3"),
    "an open quote": ('notpanel,"ord_2,x\n', 'has a quote (") that is never closed'),
    "a quote inside": ('notpanel,"ord"_2,x\n', "cannot be read as CSV"),
    "latin-1": ("notpanel,ord_2,Şükrü\n".encode("iso-8859-9"), "is not UTF-8: save"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_stops_no_other(case: str) -> None:
    bad, sentence = ROWS[case]
    data = bad if isinstance(bad, bytes) else bad.encode()
    rows = read((HEAD + GOOD).encode() + data + GOOD.encode() * 300)
    assert [row.line for row in rows if row.wrong is None] == [2, *range(4, 304)]
    (wrong,) = [row for row in rows if row.wrong is not None]
    assert (wrong.line, wrong.wrong is not None and sentence in wrong.wrong) == (
        3,
        True,
    )


def test_two_unclosed_quotes_are_two_bad_rows() -> None:
    bad = 'notpanel,"ord_2,x\n'
    rows = read(HEAD + bad + GOOD * 3 + bad + GOOD)
    assert [row.line for row in rows if row.wrong is not None] == [2, 6]
    assert len(rows) == 6


@pytest.mark.parametrize("end", ["notpanel,or", 'notpanel,"or', "notp"])
def test_a_cut_off_last_line(end: str) -> None:
    rows = read(HEAD + GOOD + end)
    assert rows[0].wrong is None
    assert rows[1].line == 3
    assert "it is the last line, and seems to be cut off" in str(rows[1].wrong)


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [("{", "params is not JSON"), ("[1]", "params must be an object")],
)
def test_params_that_are_not_an_object(cell: str, sentence: str) -> None:
    rows = read(f"provider;order;params;param.x\nnotpanel;1;{cell};2\n")
    assert sentence in str(rows[0].wrong)


def test_a_parameter_given_twice() -> None:
    rows = read('provider;order;params;param.x\nnotpanel;1;{"x": 1};2\n')
    assert "params and param.x both give x" in str(rows[0].wrong)


JSON_LINES = {
    '{"provider": "notpanel", "ord': "is the last line, and seems to be cut off",
    "{}}": "it is not JSON",
    '{"a": NaN}': "NaN is not a JSON number",
    '{"a": ' + "9" * 5000 + "}": "not JSON that can be kept",
    "[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("line", JSON_LINES)
def test_a_bad_line_of_json(line: str) -> None:
    rows = read(f"{json.dumps(ONE[0])}\n{line}")
    assert rows[0].entry == ONE[0]
    assert JSON_LINES[line] in str(rows[1].wrong)


def test_latin_1_in_json_lines() -> None:
    line = '{"provider": "notpanel", "order": "ş"}\n'.encode("iso-8859-9")
    rows = read(json.dumps(ONE[0]).encode() + b"\n" + line)
    assert "is not UTF-8: save the file as UTF-8" in str(rows[1].wrong)


def test_a_missing_file() -> None:
    with pytest.raises(FileError, match="does not exist"):
        load("/nowhere/at/all.csv")
    with pytest.raises(FileError, match="cannot be read"):
        load("a\x00b")


@given(st.binary(max_size=2000))
@example(b'provider,order\n"\r"\n\x80')
def test_any_bytes_are_rows_or_a_sentence(data: bytes) -> None:
    try:
        rows = read(data)
    except FileError:
        return
    assert all(isinstance(row, Row) for row in rows)


@given(st.lists(st.text('abcü,;"\n\r\t{}[]\x00 \\'), max_size=20))
def test_any_rows_below_a_valid_header(cells: list[str]) -> None:
    text = "provider,order,param.x,params\n" + "\n".join(cells) + "\nnotpanel,1,,\n"
    assert read(text)[-1].entry == {"provider": "notpanel", "order": "1"}


@given(st.lists(st.text(max_size=5), min_size=1, max_size=30))
def test_the_output_of_a_csv_writer_is_read_back(notes: list[str]) -> None:
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["provider", "order", "metadata.note"])
    kept = [note.encode("utf-8", "ignore").decode() for note in notes]
    writer.writerows(["notpanel", n, note] for n, note in enumerate(kept))
    found = entries(out.getvalue().replace("\x00", ""))
    assert [e.get("metadata", {}).get("note", "") for e in found] == [
        note.replace("\x00", "").strip() for note in kept
    ]


def capitals(name: str) -> st.SearchStrategy[str]:
    """A name with any of its letters as a capital, also as Turkish writes an i."""
    each = [sorted({c, c.upper(), "İ" if c == "i" else c}) for c in name]
    return st.tuples(*map(st.sampled_from, each)).map("".join)


@given(st.data(), st.sampled_from(sorted(BY_NAME)))
def test_a_provider_is_known_in_any_case(data: st.DataObject, name: str) -> None:
    written = data.draw(capitals(name))
    meant = [{"provider": name, "order": "1"}]
    assert entries(f"provider,order\n{written},1\n") == meant
    assert entries(json.dumps({"provider": written, "order": "1"}) + "\n") == meant


def test_a_name_that_is_no_providers_stays_as_it_is() -> None:
    [one] = entries("provider,order\nIThinks,1\n")
    assert one == {"provider": "IThinks", "order": "1"}
