"""Every program of ours answers ``--help`` at once, and does nothing else."""

from __future__ import annotations

import runpy
import sys
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


def programs() -> list[str]:
    """The names of all modules that `python -m` runs."""
    found = []
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        hidden = any(part.startswith((".", "build")) for part in Path(name).parts)
        if hidden or name.startswith(OTHERS):
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
