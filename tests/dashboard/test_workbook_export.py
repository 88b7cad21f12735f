"""The workbook has what the list has, and holds nothing that Excel would run."""

from __future__ import annotations

import io
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import Engine

from rescind.dashboard import workbook_export
from rescind.dashboard.csv_export import FORMULA
from rescind.dashboard.export_columns import COLUMNS
from rescind.dashboard.workbook_writer import (
    LONGEST,
    LONGEST_TITLE,
    NOT_XML,
    TYPE,
    chunks,
    workbook,
)
from rescind.intake.submissions import take_in as submit
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, PARCEL, Served, Visitor, end, take_in, utc_now

FAILED = (State.FAILED, Reason.UNRESOLVED)
PATH = "/desk/cancellations.xlsx"
texts = st.text() | st.builds(
    str.__add__, st.sampled_from([*FORMULA, "#N/A", "="]), st.text()
)


def sheet(content: bytes) -> list[list[Any]]:
    """The cells of the first sheet, with formulas as they are written."""
    book = load_workbook(io.BytesIO(content))
    return [list(row) for row in book.worksheets[0].iter_rows()]


def exported(visitor: Visitor, query: str = "") -> list[dict[str, Any]]:
    answer = visitor.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPE)
    _header, *rows = sheet(answer.content)
    return [dict(zip(COLUMNS, (c.value for c in row), strict=True)) for row in rows]


def test_the_workbook_has_all_that_match_over_many_pages(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_export, "AT_ONCE", 2)
    ids = [end(ledger, PANEL, f"ord_{n}", *FAILED, group="g") for n in range(5)]
    take_in(ledger, PARCEL, "007", metadata={"shop": "Ş-1"})
    assert [one["id"] for one in exported(reader, "group=g&state=failed")] == ids[::-1]
    [one] = exported(reader, "provider=ithink")
    assert (one["order"], one["metadata"]) == ("007", '{"shop": "Ş-1"}')
    assert (one["attempts"], one["finished_at"]) == (0, None)


def test_its_times_are_cells_of_time_in_the_readers_zone(
    reader: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_1")
    [utc] = exported(reader)
    reader.session.cookies.set("rescind_zone", "Asia/Kathmandu")
    content = reader.get(PATH, **{"Accept-Language": "tr"}).content
    header, [*row] = sheet(content)
    place = list(COLUMNS).index("created_at")
    assert header[place].value == "Kabul (Asia/Kathmandu)"
    local: datetime = row[place].value
    assert (local - utc["created_at"]).total_seconds() == 5.75 * 3600


def test_its_states_reasons_and_actors_are_words_in_the_readers_language(
    reader: Visitor, ledger: Engine
) -> None:
    end(ledger, PANEL, "ord_1", *FAILED)
    reader.session.headers["accept-language"] = "tr"
    [one] = exported(reader, "state=failed")
    assert (one["state"], one["by"]) == ("başarısız", "tests (erişim anahtarı)")
    assert one["reason"] == "siparişe ne olduğu bilinmiyor"
    csv = reader.get("/desk/cancellations.csv?state=failed").text
    assert ";failed;unresolved;" in csv


def test_our_own_sentences_are_in_the_readers_language(
    site: Served, reader: Visitor
) -> None:
    context, entry = site.context, {"provider": "notpanel", "order": ""}
    submit(site.engine, context.accounts, context.seal, [entry], utc_now(), by="cli:a")
    reader.session.headers["accept-language"] = "tr"
    [one] = exported(reader, "state=rejected")
    assert one["provider_message"] == "Sipariş zorunludur"


def test_the_sheet_is_named_in_the_readers_language(reader: Visitor) -> None:
    for language, name in (("en", "Cancellations"), ("tr", "İptaller")):
        content = reader.get(PATH, **{"Accept-Language": language}).content
        assert load_workbook(io.BytesIO(content)).sheetnames == [name]


@given(st.text(min_size=1))
@settings(max_examples=20)
def test_any_text_may_be_the_name_of_a_sheet(title: str) -> None:
    file = io.BytesIO(b"".join(chunks(workbook(["a"], [], title))))
    assert len(load_workbook(file).sheetnames[0]) <= LONGEST_TITLE


def in_lines(text: str) -> str:
    """Some versions of Python read and write each end of a line as a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@settings(max_examples=30)
@given(st.lists(texts, min_size=1, max_size=5))
def test_every_text_is_a_text_and_survives(given_texts: list[str]) -> None:
    written = b"".join(chunks(workbook(given_texts, [given_texts], "t")))
    for row in sheet(written):
        for cell, text in zip(row, given_texts, strict=False):
            kept = NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)[:LONGEST]
            assert cell.data_type in ("s", "n", "inlineStr")
            assert in_lines(cell.value or "") == in_lines(kept)


def test_too_many_rows_are_refused_and_leave_no_file(
    reader: Visitor,
    ledger: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(parts))
    monkeypatch.setattr(workbook_export, "MOST_ROWS", 1)
    take_in(ledger, PANEL, "ord_1")
    assert len(exported(reader)) == 1
    take_in(ledger, PANEL, "ord_2")
    refused = reader.get(PATH)
    assert refused.status_code == 422
    assert "More than 1 match" in refused.text
    assert list(parts.iterdir()) == []
