"""``rescind new-provider`` writes a package whose tests pass and whose demo runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rescind.cli import main
from rescind.scaffold.new_provider import write_package
from tests.plugins import environment

NAME = "parcel_eu"
PIP = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
FOLDER = "rescind-parcel-eu"


def run(*words: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A Python process that finds the package which is installed in ``site``."""
    alone = {"PYTEST_ADDOPTS": "", "RESCIND_REDIS_URL": "", "TMPDIR": str(cwd)}
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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a new package, and the folder into which it is installed."""
    made, site = (tmp_path_factory.mktemp(name) for name in ("made", "site"))
    folder = write_package(NAME, made)
    pip = (*PIP, "--no-build-isolation", "--target", str(site), str(folder))
    subprocess.run([sys.executable, *pip], check=True, capture_output=True)
    return folder, site


def test_the_tests_of_a_new_package_pass(installed: tuple[Path, Path]) -> None:
    folder, site = installed
    pytest_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    done = run(*pytest_, site=site, cwd=folder)
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_demo_of_a_new_provider_runs(
    installed: tuple[Path, Path], tmp_path: Path
) -> None:
    _folder, site = installed
    entries = [{"provider": NAME, "order": str(number)} for number in range(12)]
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in entries))
    demo = ("-m", "rescind", "demo", str(file), "--provider", NAME)
    done = run(*demo, "--no-flower", "--no-api", site=site, cwd=tmp_path)
    assert "12 cancellations submitted, 0 of them refused" in done.stdout
    assert "orders untrue 0, lost 0, sent twice 0, not finished 0" in done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Parcel", "NAME must have small letters"),
        ("parcel-eu", "NAME must have small letters"),
        ("notpanel", "there is a provider or a queue notpanel already"),
        ("celery", "there is a provider or a queue celery already"),
    ],
)
def test_a_wrong_name_is_refused(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-provider", name, "--into", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_the_package_of_an_installed_provider_can_be_written_again(
    installed: tuple[Path, Path], tmp_path: Path
) -> None:
    _folder, site = installed
    words = ("-m", "rescind", "new-provider", NAME, "--into", str(tmp_path))
    run(*words, site=site, cwd=tmp_path)
    assert (tmp_path / FOLDER).is_dir()


def test_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["new-provider", NAME, "--into", str(tmp_path)]
    assert main(command) == 0
    (tmp_path / FOLDER / "README.md").write_text("mine")
    assert main(command) == 2
    assert "exists already: nothing was written" in capsys.readouterr().err
    assert (tmp_path / FOLDER / "README.md").read_text() == "mine"
