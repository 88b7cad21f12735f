"""Unpacks the release before this one from git: its workers run beside the new ones."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from fnmatch import fnmatch
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[1]
VERSIONS = "rescind/ledger/storage/migrations/versions"
MIGRATIONS = "[0-9]*.py"
ACCEPTS = "rescind/ledger/storage/schema_check.py"
"""The file by which a release accepts tables that are newer than its own."""


class NoFormerReleaseError(RuntimeError):
    """The history of the project is not here; the text is a sentence."""


def unpack(folder: Path) -> str:
    """Write the files of the former release into ``folder``; return its commit.

    It is the newest tag ``v…``. Without tags it is the newest commit that lacks this
    release's last migrations, if possible one that accepts newer tables: workers of
    another one do nothing after the migration, once they were started again. Raises
    ``NoFormerReleaseError``.
    """
    commit = _tag() or _newest_former_commit()
    files = _git("archive", commit)
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        # Python 3.11.2 has no filters of members; these files are our own.
        archive.extractall(folder)  # noqa: S202
    return commit


def _tag() -> str | None:
    found = _git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*")
    return found.decode().split("\n")[0] or None


def _newest_former_commit() -> str:
    ours = sorted(file.name for file in (ROOT / VERSIONS).glob(MIGRATIONS))
    # Of the other commits, those of the main line alone: they are many.
    others = _git("rev-list", "--first-parent", "HEAD").decode().split()
    for commit in (*_that_accept_newer_tables(), *others):
        theirs = _migrations(commit)
        if theirs and theirs == ours[: len(theirs)] != ours:
            return commit
    raise NoFormerReleaseError("git knows no earlier state of the project's tables")


def _that_accept_newer_tables() -> list[str]:
    """The commits, newest first."""
    added = _git("log", "--diff-filter=A", "--format=%H", "--", ACCEPTS)
    first = added.decode().split()[-1:]
    if not first:
        return []
    later = _git("rev-list", "--ancestry-path", f"{first[0]}..HEAD")
    return [*later.decode().split(), *first]


def _migrations(commit: str) -> list[str]:
    listed = _git("ls-tree", "--name-only", commit, f"{VERSIONS}/").decode().split()
    names = [PurePath(one).name for one in listed]
    return sorted(name for name in names if fnmatch(name, MIGRATIONS))


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
