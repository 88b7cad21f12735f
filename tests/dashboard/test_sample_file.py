"""A sample file can be filled in, and cannot be submitted by mistake."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from providers.registry import OURS
from rescind.dashboard.submission.row_fields import LABELS, NAMED
from rescind.dashboard.submission.sample_file import examples
from rescind.dashboard.translation import gettext, speak
from rescind.intake.files.column_names import column_named
from tests.dashboard.stage import Visitor
from tests.dashboard.test_submit_file import previewed, verdicts

ORDERS = {
    "notpanel": "ord_1",
    "ithink": "86210010463",
    "akinon": "17",
    "dukkango": "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e",
}
"""An order of each provider that has an account."""


def sample(clerk: Visitor, kind: str, language: str) -> bytes:
    answer = clerk.get(f"/desk/submit/sample.{kind}", **{"Accept-Language": language})
    assert answer.headers["content-disposition"].endswith(f'-sample.{kind}"')
    return answer.content


def lines_of(content: bytes, language: str) -> list[list[str]]:
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return list(csv.reader(text, delimiter=";" if language == "tr" else ","))


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_row_of_a_sample_can_be_submitted_as_it_is(
    clerk: Visitor, kind: str, language: str
) -> None:
    shown = clerk.get(previewed(clerk, sample(clerk, kind, language))).text
    assert verdicts(shown) == ["wrong"] * len(ORDERS)
    assert shown.count("order must be") == len(ORDERS)


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_sample_with_orders_is_accepted(clerk: Visitor, language: str) -> None:
    header, *rows = lines_of(sample(clerk, "csv", language), language)
    assert header[:3] == [["Provider", "Account", "Order"], TURKISH][language == "tr"]
    for row in rows:
        row[2] = ORDERS[row[0]]
    written = io.StringIO(newline="")
    csv.writer(written).writerows([header, *rows])
    shown = clerk.get(previewed(clerk, written.getvalue())).text
    assert verdicts(shown) == ["accepted"] * len(ORDERS)


TURKISH = ["Sağlayıcı", "Hesap", "Sipariş"]


def test_the_words_of_the_page_are_names_of_columns() -> None:
    try:
        for language in ("en", "tr"):
            speak(language, "")
            assert [column_named(gettext(LABELS[n])) for n in NAMED] == list(NAMED)
    finally:
        speak(None, "")


@pytest.mark.parametrize("provider", OURS, ids=lambda one: str(one.name))
def test_the_examples_of_each_provider_are_valid_together(provider: Any) -> None:
    assert provider.check_params(examples(provider)) == examples(provider)


def test_the_sheet_has_a_name(clerk: Visitor) -> None:
    book = load_workbook(io.BytesIO(sample(clerk, "xlsx", "tr")))
    sheet = book.worksheets[0]
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    below = [sheet.column_dimensions[one].number_format for one in ("A", "C")]
    assert below == ["@", "@"]
    assert book.sheetnames == ["İptaller"]


def test_only_who_may_submit_gets_a_sample(reader: Visitor) -> None:
    assert reader.get("/desk/submit/sample.csv").status_code == 403
