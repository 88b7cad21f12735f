"""The Dockerfile makes an image from pinned packages and all code that runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.deployment.files import ROOT
from tests.test_project import PROJECT

TEXT = (ROOT / "Dockerfile").read_text()
STAGES = re.split(r"(?m)^FROM ", TEXT.replace("\\\n", " "))[1:]


def test_each_stage_begins_with_the_same_image_by_its_digest() -> None:
    bases = {stage.split()[0] for stage in STAGES}
    assert bases == {"${BASE_NAME}@${BASE_DIGEST}"}
    assert re.search(r"(?m)^ARG BASE_NAME=python:3\.\d+\.\d+-slim-bookworm$", TEXT)
    assert re.search(r"(?m)^ARG BASE_DIGEST=sha256:[0-9a-f]{64}$", TEXT)
    before, _, _ = TEXT.partition("ARG BASE_NAME")
    assert re.search(r"on 20\d\d-\d\d-\d\d", before), "the day of the digest"


def test_nothing_is_compiled_and_the_last_stage_installs_nothing() -> None:
    *_, last = STAGES
    assert "apt" not in TEXT
    assert "pip" not in last
    hashed = [line for line in STAGES[0].splitlines() if "--require-hashes" in line]
    assert hashed
    for command in " && ".join(hashed).split(" && "):
        assert "pip install" not in command or "--only-binary :all:" in command


def test_the_labels_are_those_of_the_project() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', TEXT))
    project = PROJECT["project"]
    for name, value in {
        "title": project["name"],
        "description": project["description"],
        "version": project["version"],
        "licenses": project["license"],
        "base.digest": "${BASE_DIGEST}",
        "base.name": "docker.io/library/${BASE_NAME}",
    }.items():
        assert labels.pop(name) == value
    assert labels == {"revision": "${REVISION}", "created": "${CREATED}"}


def test_the_image_is_checked_by_its_own_program() -> None:
    assert 'CMD ["healthy"]' in TEXT
    assert "COPY deploy/image/healthy /usr/local/bin/" in TEXT.splitlines()


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
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
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
