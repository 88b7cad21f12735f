"""Rows, ratios and targets agree with the measurements, in all three formats."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from bench import result_pages
from bench.markdown_tables import markdown, number
from bench.plots import bars
from bench.results import BARE, CELERY, US, Result, Row, Target

RESULT = Result(
    "bulk",
    "Bulk & more",
    "Measured well.",
    [
        Row("at once", US, "orders/s", [3000.0, 1000.0, 2000.0]),
        Row("at once", CELERY, "orders/s", [100.0, 120.0, 80.0]),
        Row("at once", BARE, "orders/s", [4000.0]),
        Row("memory", US, "MB", [400.0]),
    ],
    [
        Target("at once", US, 15.0, CELERY),
        Target("at once", US, 1.0, BARE),
        Target("memory", US, 300.0, at_most=True),
        Target("never measured", US, 1.0),
    ],
)


def test_a_target_is_judged_by_medians_and_only_where_it_was_measured() -> None:
    judged = [(one.value, one.met) for one in RESULT.verdicts()]
    assert judged == [(20.0, True), (0.5, False), (400.0, False)]


def test_a_missed_target_says_how_far_it_got() -> None:
    assert [one.share for one in RESULT.verdicts()[1:]] == [0.5, 0.75]


def test_a_target_may_be_compared_with_another_case() -> None:
    target = Target("memory", US, 2.0, CELERY, to_case="at once")
    (verdict,) = replace(RESULT, targets=[target]).verdicts()
    assert verdict.value == 4.0


def test_the_table_shows_medians_spread_and_ratios() -> None:
    lines = markdown(RESULT).splitlines()
    assert lines[0].endswith("× plain Celery | × bare loop |")
    assert lines[2] == (
        "| at once | Rescind | 2,000 orders/s | 1,000 to 3,000 | 20.0 | 0.50 |"
    )
    assert lines[5] == "| memory | Rescind | 400 MB |  |  |  |"


def test_the_targets_stand_below_the_table() -> None:
    text = markdown(RESULT)
    assert "| at once, Rescind: at least 15.0 × plain Celery | 20.0 × | met |" in text
    assert "at most 300 MB | 400 MB | **missed**: 75% of the way |" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12345.6, "12,346"), (45.67, "45.7"), (4.567, "4.57"), (0.01234, "0.0123")],
)
def test_a_number_has_three_figures(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_picture_is_well_formed_and_has_a_bar_for_each_row(scale: str) -> None:
    picture = ET.fromstring(bars(replace(RESULT, scale=scale)))
    fills = [r.get("fill") for r in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(fills) == 1 + len(RESULT.rows)
    words = [t.text for t in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "Bulk & more" in words


def test_a_longer_bar_is_a_larger_number() -> None:
    picture = ET.fromstring(bars(RESULT))
    rects = list(picture.iter("{http://www.w3.org/2000/svg}rect"))[1:4]
    ours, celery, bare = (float(rect.get("width", "")) for rect in rects)
    assert celery < ours < bare
    assert ours == pytest.approx(bare / 2, abs=0.1)


def test_results_are_written_in_three_forms(tmp_path: Path) -> None:
    result_pages.write(RESULT, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "bulk.json",
        "bulk.md",
        "bulk.svg",
    }
    document = json.loads((tmp_path / "bulk.json").read_text())
    assert [row["median"] for row in document["rows"]] == [2000, 100, 4000, 400]
    assert [one["met"] for one in document["targets"]] == [True, False, False]


def test_a_result_is_read_again_as_it_was_written() -> None:
    document = json.loads(json.dumps(RESULT.document()))
    again = Result.of(document)
    assert again.document() == RESULT.document()
    assert markdown(again) == markdown(RESULT)


def test_a_result_takes_its_place_in_the_page_and_no_other() -> None:
    page = "a\n<!-- bulk -->\nold\n<!-- end of bulk -->\nb <!-- single -->"
    placed = result_pages.placed(page, "bulk", r"new \1")
    assert placed == (
        "a\n<!-- bulk -->\n\nnew \\1\n\n<!-- end of bulk -->\nb <!-- single -->"
    )


def test_placing_a_result_in_a_page_without_its_place_fails() -> None:
    with pytest.raises(LookupError, match="no place for bulk"):
        result_pages.placed("nothing", "bulk", "new")
