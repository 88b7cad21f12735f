"""Refuses files and folders that another user of this machine may have put there.

Anybody may create a name in a shared folder, such as ``/tmp``. If a folder of ours is
deleted there, for example because it is old, another user can create it again, with a
key, a token and an address of their own in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rescind.config.settings_error import SettingsError

ROOT = 0
"""The user id of root, who may change everything anyway."""
MOST_LINKS = 40
"""Symbolic links in one path, as Linux has it."""


class NotOursError(SettingsError):
    """A path is not safe to use; the text is a sentence for the operator."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, "path-not-ours")


def check_ours(path: Path) -> None:
    """Raise ``NotOursError`` if another user may have created or changed ``path``.

    Each part of the path that lies in a folder in which everybody may write must belong
    to this user or to root, also a symbolic link, and each part that a link leads to.
    The last part must not be writable for everybody. A path that does not exist is
    fine, and so is every path that no other user can reach.
    """
    last: tuple[Path, os.stat_result] | None = None
    for part, found in _parts(path):
        if _is_shared(part.parent):
            _check_owner(part, found)
            last = part, found
        else:
            last = None
    if last is not None:
        _check_mode(*last)


def others_can_read(found: os.stat_result) -> bool:
    """Whether users can read the file who have no business with it.

    A file of another user, such as root, may be readable for its group: this process
    reads it by that. Kubernetes and systemd give secrets so.
    """
    if found.st_mode & stat.S_IROTH:
        return True
    return bool(found.st_mode & stat.S_IRGRP) and found.st_uid == os.getuid()


def _parts(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Each part of the path from the root on, links before what they lead to.

    It ends before the first part that does not exist or cannot be looked at.
    """
    waiting = list(reversed(path.absolute().parts[1:]))
    here, links = Path("/"), 0
    while waiting:
        part = here / waiting.pop()
        if part.name == "..":
            here = here.parent
            continue
        try:
            found = part.lstat()
            leads_to = part.readlink() if stat.S_ISLNK(found.st_mode) else None
        except OSError:
            return
        yield part, found
        if leads_to is None:
            here = part
            continue
        if (links := links + 1) > MOST_LINKS:
            return
        here = Path("/") if leads_to.is_absolute() else here
        waiting += reversed([name for name in leads_to.parts if name != "/"])


def _is_shared(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False


def _check_owner(part: Path, found: os.stat_result) -> None:
    if found.st_uid not in (os.getuid(), ROOT):
        link = stat.S_ISLNK(found.st_mode)
        what = "is a symbolic link of" if link else "belongs to"
        raise _not_ours(part, f"{what} another user (id {found.st_uid})")


def _check_mode(part: Path, found: os.stat_result) -> None:
    mode = found.st_mode
    # A sticky folder is meant to be shared: what is in it is checked by itself.
    sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
    if not stat.S_ISLNK(mode) and mode & stat.S_IWOTH and not sticky:
        raise _not_ours(part, "can be written by everybody")


def _not_ours(part: Path, why: str) -> NotOursError:
    return NotOursError(
        f"{part} {why}: another user of this machine may have put it there"
    )
