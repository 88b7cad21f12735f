"""The Dockerfile makes an image from pinned packages and all code that runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.deployment.files import ROOT


def test_the_image_is_made_from_hashes_and_runs_without_privileges() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--require-hashes" in x or "--no-index" in x for x in installs)
    assert "USER rescind" in lines
    copied = [w for x in lines if x.startswith("COPY ") for w in x.split()[1:-1]]
    there = [w for w in copied if not w.startswith(("/", "--"))]
    assert there
    assert all((ROOT / name).exists() for name in there)
    # .dockerignore allows only the files from which the image is made.
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert sorted(w for w in there) == sorted(x[1:] for x in ignore if x[:1] == "!")


def test_the_image_copies_all_files_that_it_needs(tmp_path: Path) -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [w for x in lines if x.startswith("COPY ") for w in x.split()[1:-1]]
    for name in (w for w in copied if not w.startswith(("/", "--"))):
        there = ROOT / name
        copy = shutil.copytree if there.is_dir() else shutil.copy
        copy(there, tmp_path / name)
    build = ("wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", "wheels")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *build, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = (tmp_path / "wheels").glob("rescind-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for room in ("providers", "rescind", "tasks", "worker"):
        files = [f for f in (ROOT / room).rglob("*") if f.is_file()]
        names = {
            str(f.relative_to(ROOT)) for f in files if "__pycache__" not in f.parts
        }
        assert names <= held
    assert "rescind/demo/examples/cancellations.csv" in held
