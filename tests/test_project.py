"""The project as a whole keeps its own rules."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
MIGRATIONS = "rescind/ledger/storage/migrations/versions/"
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
# Written so that this file does not match itself.
UNWANTED = {
    "a package index": r"--(?:extra-)?index[-]url|--find[-]links|\w/simple[/]",
    "a path of one machine": r"(?<![\w.~-])/(?:root|home/\w+|Users/\w+|work/\w+)[/]",
    "unfinished work": r"\bTO[D]O\b|\bFIX[M]E\b",
}


def _files() -> list[Path]:
    """The project's files: those in git, or without git all that are not hidden."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if listed.returncode == 0 and listed.stdout:
            found = [ROOT / name for name in listed.stdout.split("\0") if name]
            return [path for path in found if path.is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part.startswith(".") or part == "__pycache__"
            for part in path.relative_to(ROOT).parts
        )
    ]


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(UNWANTED[what])
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in _files()
        for match in pattern.finditer(path.read_text(errors="replace"))
    ]
    assert found == []


DATE = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)|\bdate(?:time)?\((20\d\d), (\d+), (\d+)")


def test_no_test_waits_for_a_date_to_pass() -> None:
    """A test with a future date would break on that day.

    A test uses a past date, or one that it computes from its clock.
    """
    today = f"{datetime.now(UTC):%Y%m%d}"
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in (ROOT / "tests").rglob("*.py")
        for match in DATE.finditer(path.read_text())
        if "".join(part.zfill(2) for part in match.groups() if part) > today
    ]
    assert found == []


def test_modules_are_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > 250} == {}


PAIRED = ("providers", "rescind/sandbox")
"""A provider and its simulation have the provider's name."""
FIXED_NAMES = {"__init__", "__main__", "env"}
"""Names that Python and Alembic give."""


def _folder(path: Path) -> str:
    return str(path.parent.relative_to(ROOT))


def test_no_two_modules_have_one_name() -> None:
    """A module of ``rescind.cli`` has its command's name, whatever else has it."""
    named: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if _folder(path) != "rescind/cli" and path.stem not in FIXED_NAMES:
                named.setdefault(path.stem, []).append(_folder(path))
    twice = {name: sorted(all_) for name, all_ in named.items() if len(all_) > 1}
    assert {name: all_ for name, all_ in twice.items() if all_ != list(PAIRED)} == {}


def test_no_room_is_larger_than_a_fifth_of_the_code() -> None:
    rooms = Counter[str]()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            inner = path.relative_to(ROOT).parts
            room = "/".join(inner[:2]) if package == "rescind" else package
            rooms[room] += len(path.read_text().splitlines())
    whole = rooms.total()
    assert {room for room, lines in rooms.items() if lines > whole / 5} == set()


def test_importing_rescind_loads_no_celery() -> None:
    loaded = "import sys, rescind; print({'celery', 'kombu'} & set(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, check=True
    )
    assert shown.stdout == b"set()\n"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


# --- the pins -----------------------------------------------------------------------


def _pins(path: Path) -> dict[str, Version]:
    pins = re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", path.read_text())
    return {canonicalize_name(name): Version(version) for name, version in pins}


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_pin_has_hashes_and_no_address(path: Path) -> None:
    lines = [
        line.removesuffix("\\").strip()
        for line in path.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pin = re.compile(r"[\w.-]+==[\w.!+]+(?: ; .+)?")
    digest = re.compile(r"--hash=sha256:[0-9a-f]{64}")
    assert [x for x in lines if not (pin.fullmatch(x) or digest.fullmatch(x))] == []
    entries = "\n".join(lines)
    assert entries
    assert all("--hash" in entry for entry in re.split(r"\n(?!--)", entries))
    assert "://" not in path.read_text()


def test_the_pins_agree() -> None:
    """Containers, tests and builds use the same versions."""
    runtime, dev, build = (
        _pins(ROOT / f"requirements/{name}.txt") for name in ("runtime", "dev", "build")
    )
    assert runtime.items() | build.items() <= dev.items()


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_the_pins_are_what_the_project_asks_for(kind: str) -> None:
    pins = _pins(ROOT / f"requirements/{kind}.txt")
    asked = list(PROJECT["project"]["dependencies"])
    if kind == "dev":
        asked += PROJECT["project"]["optional-dependencies"]["dev"]
        asked += PROJECT["build-system"]["requires"]
    for one in map(Requirement, asked):
        assert pins[canonicalize_name(one.name)] in one.specifier, one.name


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_the_pins_are_whole_wherever_it_runs(kind: str) -> None:
    """With hashes, pip installs only pinned packages: each dependency needs a pin."""
    pins = _pins(ROOT / f"requirements/{kind}.txt")
    missing = {
        str(asked)
        for name in pins
        for asked in _asked_by(name)
        if canonicalize_name(asked.name) not in pins
        and asked.marker
        and any(asked.marker.evaluate(place) for place in _places())
    }
    assert missing == set()


def _asked_by(name: str) -> list[Requirement]:
    try:
        found = distribution(name).requires or []
    except PackageNotFoundError:  # not for this Python version or machine
        return []
    return [Requirement(line) for line in found]


def _places() -> Iterator[dict[str, str]]:
    for python in ("3.11.0", "3.11.14", "3.12.0", "3.13.0", "3.14.0"):
        for system, machine in (
            ("Linux", "x86_64"),
            ("Linux", "aarch64"),
            ("Darwin", "arm64"),
            ("Darwin", "x86_64"),
        ):
            yield {
                "extra": "",
                "implementation_name": "cpython",
                "os_name": "posix",
                "platform_machine": machine,
                "platform_python_implementation": "CPython",
                "platform_system": system,
                "python_full_version": python,
                "python_version": python.rpartition(".")[0],
                "sys_platform": system.lower(),
            }


# --- the wheel ----------------------------------------------------------------------


def test_the_wheel_holds_all_that_runs_and_nothing_else(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {
        name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name
    }
    # Files that git ignores are not in the wheel either.
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name.partition("/")[0] for name in held} == set(PACKAGES)
    # The demo's file goes with the command that pushes it through.
    assert held == ours | {"rescind/demo/examples/cancellations.csv"}
    assert any(name.startswith(MIGRATIONS) for name in held)
