"""Where results go: files of their own, and their places in ``docs/benchmarks.md``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.plots import bars
from bench.processes import ROOT
from bench.results import Result
from bench.tables import markdown

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "benchmarks"


def write(result: Result, folder: Path) -> None:
    """``<question>.json``, ``.md`` and ``.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(result.document(), ensure_ascii=False, indent=1)
    (folder / f"{result.name}.json").write_text(document + "\n", encoding="utf-8")
    (folder / f"{result.name}.md").write_text(markdown(result), encoding="utf-8")
    (folder / f"{result.name}.svg").write_text(bars(result), encoding="utf-8")


def publish(result: Result) -> None:
    """Put it into its place in the page, and its files beside the page."""
    write(result, PICTURES)
    (PICTURES / f"{result.name}.md").unlink()
    page = PAGE.read_text(encoding="utf-8")
    picture = f"![{result.title}](benchmarks/{result.name}.svg)"
    page = placed(page, result.name, f"{markdown(result)}\n{picture}\n")
    PAGE.write_text(page, encoding="utf-8")


def placed(page: str, name: str, text: str) -> str:
    """``page`` with ``text`` between the marks of ``name``."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    form = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not form.search(page):
        raise LookupError(f"{PAGE.name} has no place for {name}: {begin} … {end}")
    return form.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page)
