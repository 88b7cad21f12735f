"""Writes results: to files of their own, and into the pages on benchmarks.

Each question has a place in a page of ``docs/benchmarks``. ``docs/benchmarks.md`` has
places for the summaries of all results (``bench.summary``).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.markdown_tables import markdown
from bench.plots import bars
from bench.processes import ROOT
from bench.results import Result
from bench.summary import SUMMARIES

DOCS = ROOT / "docs"
FIRST_PAGE = "benchmarks.md"
FOLDER = "benchmarks"


def write(result: Result, folder: Path) -> None:
    """Write ``<question>.json``, ``.md`` and ``.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_kept(result, folder)
    (folder / f"{result.name}.md").write_text(markdown(result), encoding="utf-8")


def _write_kept(result: Result, folder: Path) -> None:
    document = json.dumps(result.document(), ensure_ascii=False, indent=1)
    (folder / f"{result.name}.json").write_text(document + "\n", encoding="utf-8")
    (folder / f"{result.name}.svg").write_text(bars(result), encoding="utf-8")


def publish(result: Result, docs: Path = DOCS) -> None:
    """Write a result into its place in its page, and its files beside that page.

    Raises ``LookupError`` if no page has a place for it.
    """
    page = page_of(result.name, docs)
    _write_kept(result, docs / FOLDER)
    _replace(page, result.name, section(result))
    refresh(docs)


def section(result: Result) -> str:
    """The text for a question's place."""
    return f"{markdown(result)}\n![{result.title}]({result.name}.svg)\n"


def refresh(docs: Path = DOCS) -> None:
    """Write the summaries of all published results into the first page."""
    results = published(docs)
    for name, summary in SUMMARIES.items():
        _replace(docs / FIRST_PAGE, name, summary(results))


def published(docs: Path = DOCS) -> dict[str, Result]:
    """The published results, by their question's name."""
    texts = (path.read_text() for path in sorted((docs / FOLDER).glob("*.json")))
    results = [Result.of(json.loads(text)) for text in texts]
    return {result.name: result for result in results}


def page_of(name: str, docs: Path = DOCS) -> Path:
    """The page with the place of a question. Raises ``LookupError``."""
    for page in sorted((docs / FOLDER).glob("*.md")):
        if f"<!-- {name} -->" in page.read_text():
            return page
    raise LookupError(f"no page of {FOLDER} has a place for {name}")


def _replace(page: Path, name: str, text: str) -> None:
    page.write_text(placed(page.read_text(), name, text), encoding="utf-8")


def placed(page: str, name: str, text: str) -> str:
    """``page`` with ``text`` between the marks of ``name``. Raises ``LookupError`` if
    there are none."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    form = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not form.search(page):
        raise LookupError(f"the page has no place for {name}: {begin} … {end}")
    return form.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page)
