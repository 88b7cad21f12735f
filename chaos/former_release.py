"""Unpacks the release before this one from git: its workers run beside the new ones."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = "rescind/ledger/storage/migrations/versions"


class NoFormerReleaseError(RuntimeError):
    """The history of the project is not here; the text is a sentence."""


def unpack(folder: Path) -> str:
    """Write the files of the former release into ``folder``; return its commit.

    It is the newest tag ``v…``. Without tags it is the last state of this branch that
    did not have the newest migration. Raises ``NoFormerReleaseError``.
    """
    commit = _tag() or _before_the_newest_migration()
    files = _git("archive", commit)
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(folder, filter="data")
    return commit


def _tag() -> str | None:
    found = _git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*")
    return found.decode().split("\n")[0] or None


def _before_the_newest_migration() -> str:
    newest = max(file.name for file in (ROOT / VERSIONS).glob("[0-9]*.py"))
    words = ("log", "--first-parent", "--diff-filter=A", "--format=%H", "-1", "--")
    added = _git(*words, f"{VERSIONS}/{newest}").decode().strip()
    if not added:
        raise NoFormerReleaseError(f"git does not know when {newest} was added")
    return _git("rev-parse", f"{added}^").decode().strip()


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(
            [shutil.which("git") or "git", *words],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        why = f"git cannot show the release before this one: git {' '.join(words)}"
        raise NoFormerReleaseError(f"{why}: {error}") from None
    return done.stdout
