"""The way ``upgrade``: where the former release comes from, and who runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos import former_release
from chaos.__main__ import main
from chaos.former_release import NoFormerReleaseError, unpack
from chaos.upgrade_way import FIRST, SECOND, UpgradeWay
from rescind.ledger.storage.schema_versions import head
from rescind.system.supervisor import Program

NAMES = ("0001_first.py", "0002_second.py")


@pytest.fixture
def git_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose second migration came with a commit of its own."""
    monkeypatch.setattr(former_release, "ROOT", tmp_path)
    git(tmp_path, "init", "--quiet")
    accepts = tmp_path / former_release.ACCEPTS
    accepts.parent.mkdir(parents=True)
    accepts.touch()
    for name in NAMES:
        file = tmp_path / former_release.VERSIONS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", name)
    (tmp_path / "later").write_text("more")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "later")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *own, *words], cwd=folder, check=True, timeout=30)


def test_without_tags_the_former_release_lacks_the_newest_migration(
    git_folder: Path,
) -> None:
    unpack(git_folder / "former")
    found = sorted((git_folder / "former" / former_release.VERSIONS).iterdir())
    assert [file.name for file in found] == ["0001_first.py"]


def test_a_state_that_accepts_newer_tables_is_preferred(
    git_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(former_release, "ACCEPTS", f"{former_release.VERSIONS}/0001x")
    third = git_folder / former_release.VERSIONS / "0003_third.py"
    git(git_folder, "switch", "--quiet", "--create", "side", "HEAD~2")
    (git_folder / former_release.ACCEPTS).touch()
    git(git_folder, "add", ".")
    git(git_folder, "commit", "--quiet", "--message", "accepts")
    git(git_folder, "switch", "--quiet", "-")
    git(git_folder, "merge", "--quiet", "--no-edit", "side")
    third.touch()
    git(git_folder, "add", ".")
    git(git_folder, "commit", "--quiet", "--message", "third")
    third.unlink()
    unpack(git_folder / "former")
    assert (git_folder / "former" / former_release.ACCEPTS).exists()
    found = (git_folder / "former" / former_release.VERSIONS).glob("*.py")
    assert [file.name for file in found] == ["0001_first.py"]


def test_without_an_earlier_state_there_is_no_former_release(git_folder: Path) -> None:
    (git_folder / former_release.VERSIONS / NAMES[1]).unlink()
    with pytest.raises(NoFormerReleaseError, match="no earlier state"):
        unpack(git_folder / "former")


def test_the_newest_tag_is_the_former_release(git_folder: Path) -> None:
    for tag in ("v0.9.0", "v0.10.0"):
        git(git_folder, "tag", tag)
    assert unpack(git_folder / "former") == "v0.10.0"
    assert (git_folder / "former" / "later").exists()


def test_without_a_history_the_run_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(former_release, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["upgrade", "--short", "--database", "sqlite"]) == 2
    assert "git cannot show the release before this one" in capsys.readouterr().err


def test_our_own_former_release_is_there(tmp_path: Path) -> None:
    try:
        unpack(tmp_path)
    except NoFormerReleaseError as error:
        pytest.skip(str(error))
    versions = (tmp_path / former_release.VERSIONS).glob("[0-9]*.py")
    assert max(file.name[:4] for file in versions) < head()


def test_each_worker_runs_the_release_that_is_placed_for_it(tmp_path: Path) -> None:
    way = UpgradeWay()
    way._home = tmp_path
    for name in (FIRST, SECOND):
        (tmp_path / name).mkdir()
        way._place(name, tmp_path / name)
    where = (sys.executable, "-c", "import os; print(os.getcwd())")
    for name in (FIRST, SECOND):
        made = way.program(Program(name, where, {}))
        done = subprocess.run(made.command, capture_output=True, check=True, timeout=30)
        assert done.stdout.decode().strip() == str(tmp_path / name)
    beat = Program("beat-1", where, {})
    assert way.program(beat) == beat
