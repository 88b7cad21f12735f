"""The pages agree with the results beside them, and each result has a place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import result_pages
from bench.questions import QUESTIONS
from bench.results import US, Result, Row, Target
from bench.summary import COLUMNS, IDLE, MEMORY, RATES, SUMMARIES, WAITS, Shown

SINGLE = Result(
    "single",
    "Single lane",
    "Measured well.",
    [
        Row("at once, sqlite", US, "orders/s", [2000.0]),
        Row("at once, postgresql", US, "orders/s", [1500.0]),
        Row("at once, postgresql", "DBOS", "orders/s", [200.0]),
    ],
    [
        Target("at once, postgresql", US, 6.0, "DBOS"),
        Target("at once, sqlite", US, 1000.0),
    ],
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Pages with empty places for all results."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "throughput.md").write_text(_places(["bulk", "single"]))
    (tmp_path / "benchmarks.md").write_text(_places(SUMMARIES))
    return tmp_path


def _places(names: object) -> str:
    assert isinstance(names, list | dict)
    return "\n".join(f"<!-- {name} -->\n<!-- end of {name} -->" for name in names)


def test_a_result_is_published_in_its_page_and_in_the_summary(docs: Path) -> None:
    result_pages.publish(SINGLE, docs)
    page = (docs / "benchmarks" / "throughput.md").read_text()
    assert "| at once, sqlite | Rescind | 2,000 orders/s |" in page
    assert "![Single lane](single.svg)" in page
    assert (docs / "benchmarks" / "single.svg").exists()
    first = (docs / "benchmarks.md").read_text()
    at_once = "| an order a call, answered at once | 2,000 orders/s | 1,500 orders/s |"
    assert at_once in first
    assert "| DBOS | 200 orders/s |" in first


def test_the_summary_names_targets_that_are_missed_and_counts_the_others(
    docs: Path,
) -> None:
    result_pages.publish(SINGLE, docs)
    first = (docs / "benchmarks.md").read_text()
    assert "2 of 2 targets are met." in first
    rows = [Row("at once, sqlite", US, "orders/s", [900.0])]
    result_pages.publish(
        Result("bulk", "Bulk", "", rows, [Target("at once, sqlite", US, 1000.0)]), docs
    )
    first = (docs / "benchmarks.md").read_text()
    assert "2 of 3 targets are met." in first
    assert "| Bulk: at once, sqlite, Rescind: at least 1,000 orders/s | 900" in first


def test_a_value_that_was_not_measured_is_a_dash_with_a_remark(docs: Path) -> None:
    result_pages.refresh(docs)
    first = (docs / "benchmarks.md").read_text()
    assert "| processor time, 5 accounts | – | – |" in first
    assert "has not been measured on this code" in first
    assert "0 of 0 targets are met." in first


def test_publishing_a_question_without_a_place_fails(docs: Path) -> None:
    with pytest.raises(LookupError, match="no page of benchmarks has a place for odd"):
        result_pages.publish(Result("odd", "Odd", "", []), docs)
    assert not (docs / "benchmarks" / "odd.json").exists()


# --- the real pages -------------------------------------------------------------------


def _texts() -> Iterator[str]:
    yield (result_pages.DOCS / result_pages.FIRST_PAGE).read_text()
    for page in (result_pages.DOCS / result_pages.FOLDER).glob("*.md"):
        yield page.read_text()


@pytest.mark.parametrize("name", [*QUESTIONS, *SUMMARIES])
def test_there_is_one_place_for_each_question_and_summary(name: str) -> None:
    found = [text.count(f"<!-- {name} -->") for text in _texts()]
    assert sum(found) == 1


def test_the_first_page_agrees_with_the_published_results() -> None:
    text = (result_pages.DOCS / result_pages.FIRST_PAGE).read_text()
    results = result_pages.published()
    for name, summary in SUMMARIES.items():
        assert result_pages.placed(text, name, summary(results)) == text, name


@pytest.mark.parametrize(
    "result", result_pages.published().values(), ids=lambda one: one.name
)
def test_each_page_agrees_with_its_result(result: Result) -> None:
    text = result_pages.page_of(result.name).read_text()
    # The text on the method may have changed since; the numbers may not.
    section = result_pages.section(result)
    table = section[: section.index(result.how)]
    assert table in text


@pytest.mark.parametrize(
    "shown", [*IDLE, *RATES, *WAITS, *MEMORY, *COLUMNS], ids=lambda one: one.words
)
def test_a_number_of_the_first_page_is_among_its_questions_results(
    shown: Shown,
) -> None:
    assert shown.question in QUESTIONS
    result = result_pages.published().get(shown.question)
    if result is None:
        pytest.skip("not measured on this code yet")
    assert shown.on(result_pages.published(), "postgresql") != "–"


def test_all_links_between_the_pages_lead_somewhere() -> None:
    link = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
    for page in [
        result_pages.DOCS / result_pages.FIRST_PAGE,
        *(result_pages.DOCS / result_pages.FOLDER).glob("*.md"),
    ]:
        for target in link.findall(page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
