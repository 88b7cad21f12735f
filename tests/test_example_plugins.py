"""The plug-ins of ``examples/plugins`` pass their tests as installed wheels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.plugins import ROOT, environment

PLUGINS = ("rescind-shiprocket", "rescind-twilio")
FOLDER = ROOT / "examples" / "plugins"
PIP = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheels of all plug-ins are installed."""
    target = tmp_path_factory.mktemp("site")
    folders = [str(FOLDER / name) for name in PLUGINS]
    pip = (*PIP, "--no-build-isolation", "--target", str(target), *folders)
    subprocess.run([sys.executable, *pip], check=True, capture_output=True)
    return target


def run(*words: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A Python process that finds the packages which are installed in ``site``."""
    alone = {
        "PYTEST_ADDOPTS": "",
        "RESCIND_REDIS_URL": "",
        "TMPDIR": str(cwd),
        # Its tables of all characters take seconds to make.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),
    }
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**environment(site), **alone},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_every_example_is_tested_here() -> None:
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == [*PLUGINS]


def test_each_wheel_holds_its_types_and_its_entry_points(site: Path) -> None:
    found = {one.name: one for one in distributions(path=[str(site)])}
    for name in PLUGINS:
        provider = name.removeprefix("rescind-")
        groups = {(point.group, point.name) for point in found[name].entry_points}
        kinds = ("rescind.providers", "rescind.simulations")
        assert groups == {(kind, provider) for kind in kinds}
        assert (site / name.replace("-", "_") / "py.typed").exists()


def test_the_tests_of_each_plug_in_pass(site: Path, tmp_path: Path) -> None:
    # One process for all: starting one takes longer than half of the tests.
    options = ("-q", "-c", os.devnull, "-p", "no:cacheprovider", "-p", "no:xdist")
    tests = [str(FOLDER / name / "tests") for name in PLUGINS]
    rootdir = f"--rootdir={tmp_path}"
    done = run("-m", "pytest", *options, rootdir, *tests, site=site, cwd=tmp_path)
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 200
    assert "skipped" not in done.stdout
