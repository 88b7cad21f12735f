"""Every program of ours answers ``--help`` at once, and does nothing else."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OTHERS = (
    # They run in another environment, where they are started by the benchmark.
    "bench/peers/",
    "bench/stub_provider.py",
    # They show a producer how to do it, in as few lines as possible.
    "examples/producers/",
    "tests/",
)


def sources() -> Iterator[Path]:
    """Every Python file of ours. An environment's thousands of files are not read."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [one for one in inner if not one.startswith((".", "build"))]
        yield from (Path(folder, one) for one in names if one.endswith(".py"))


def programs() -> list[str]:
    """The names of all modules that `python -m` runs."""
    found = []
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(OTHERS):
            continue
        if '__name__ == "__main__"' in path.read_text("utf-8"):
            module = name.removesuffix(".py").removesuffix("/__main__")
            found.append(module.replace("/", "."))
    return sorted(found)


PROGRAMS = programs()


def test_the_programs_are_found() -> None:
    assert {"rescind", "rescind.api", "rescind.sandbox", "simulate"} <= set(PROGRAMS)


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_answers_help(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.chdir(ROOT)
    monkeypatch.delitem(sys.modules, f"{module}.__main__", raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert end.value.code in (0, None)
    assert "usage" in capsys.readouterr().out.lower()
