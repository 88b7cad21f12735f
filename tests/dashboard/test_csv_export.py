"""The export has what the list has: safe in a spreadsheet, whole, in bounded memory."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.dashboard import csv_export
from rescind.dashboard.csv_export import FORMULA, as_csv, cells
from rescind.dashboard.export_columns import COLUMNS
from rescind.dashboard.rendering import TEMPLATES
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, PARCEL, Served, Visitor, end, take_in

FAILED = (State.FAILED, Reason.UNRESOLVED)
PATH = "/desk/cancellations.csv"
texts = st.text() | st.builds(str.__add__, st.sampled_from(FORMULA), st.text())


def rows(text: str) -> list[dict[str, str]]:
    """The rows, by the names of the record's fields."""
    found = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert next(found) == list(COLUMNS.values())
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def exported(visitor: Visitor, query: str = "") -> list[dict[str, str]]:
    answer = visitor.get(f"{PATH}?{query}")
    assert answer.status_code == 200
    return rows(answer.content.decode())


def test_the_export_has_all_that_match_over_many_pages(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "AT_ONCE", 2)
    ids = [end(ledger, PANEL, f"ord_{n}", *FAILED, group="g") for n in range(5)]
    take_in(ledger, PARCEL, "ord_6", metadata={"shop": "Ş-1"})
    assert [one["id"] for one in exported(reader, "group=g&state=failed")] == ids[::-1]
    assert len(exported(reader)) == 6
    assert len(exported(reader, "q=ord_")) == 6
    [one] = exported(reader, "provider=ithink")
    assert json.loads(one["metadata"]) == {"shop": "Ş-1"}
    assert one["created_at"].endswith("Z")
    assert one["finished_at"] == ""


def test_a_turkish_spreadsheet_finds_its_columns(
    reader: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_1;2,3")
    text = reader.get(PATH, **{"Accept-Language": "tr"}).content.decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert (header[:4], row[3]) == (
        ["Kimlik", "Sağlayıcı", "Hesap", "Sipariş"],
        "ord_1;2,3",
    )


def test_the_file_has_a_name_and_says_that_it_is_utf8(reader: Visitor) -> None:
    answer = reader.get(PATH)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    kept = r'attachment; filename="cancellations-20'
    assert answer.headers["content-disposition"].startswith(kept)
    assert answer.content.startswith("\ufeffId,Provider,".encode())
    assert reader.get(f"{PATH}?state=x").status_code == 422


def test_the_headings_are_the_words_of_the_page(reader: Visitor) -> None:
    page = (TEMPLATES / "one.html").read_text()
    elsewhere = {"account", "provider", "reason", "order", "provider_code"}
    # On the page, its label says whose words they are.
    elsewhere |= {"provider_message"}
    labels = {name: one for name, one in COLUMNS.items() if name not in elsewhere}
    assert [one for one in labels.values() if f'_("{one}")' not in page] == []
    answer = reader.get(PATH, **{"Accept-Language": "tr"})
    assert answer.content.startswith("\ufeffKimlik;Sağlayıcı;".encode())


@given(text=st.none() | texts)
def test_no_cell_is_a_formula_and_every_text_survives(text: str | None) -> None:
    written = as_csv([cells(dict.fromkeys(COLUMNS, text))])
    [row] = csv.reader(io.StringIO(written, newline=""), strict=True)
    for cell in row:
        assert not cell.startswith(FORMULA)
        assert cell in ((text or ""), f"'{text}")


def test_only_some_exports_run_at_once(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "MOST", 0)
    refused = reader.get(PATH)
    assert refused.status_code == 503
    assert "Other exports are running" in refused.text
    monkeypatch.undo()
    assert exported(reader) == []
    assert site.app.state.exports == 0


def test_a_server_that_stops_does_not_pass_a_part_for_the_whole(
    site: Served, reader: Visitor
) -> None:
    site.context.stopping.set()
    try:
        with pytest.raises(OSError, match=r"ended prematurely|InvalidChunk|broken"):
            reader.get(PATH)
    finally:
        site.context.stopping.clear()
