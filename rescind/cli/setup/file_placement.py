"""Writes the accounts file and ``.env``, after checking that both can be read back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dotenv import dotenv_values

from rescind.cli.setup.answers import Answers
from rescind.config.accounts import load_accounts
from rescind.config.home import write_private
from rescind.errors.reported import CommandError

ENV = Path(".env")
HEAD = (
    "# The accounts, as `rescind init` wrote them: accounts.example.toml says more.\n"
)


def refuse_to_overwrite(accounts: Path, *, add: bool) -> None:
    """Raises ``CommandError`` if a file exists, unless ``add`` is set."""
    there = [str(path) for path in (accounts, ENV) if path.exists()]
    if there and not add:
        raise CommandError(
            f"{' and '.join(there)} {'exist' if len(there) > 1 else 'exists'} already,"
            " and nothing was written: `rescind init --add` adds an account to them",
            problem="already-there",
        )


def place(accounts: Path, answers: Answers) -> list[Path]:
    """Append the answers to the existing files; returns the files written."""
    table = _behind(accounts, answers.accounts_toml(), HEAD)
    variables = _behind(ENV, answers.env_text(), "")
    _check(table, variables, answers)
    contents = {ENV: variables, accounts: table}
    return _written({path: text for path, text in contents.items() if text is not None})


def _written(contents: Mapping[Path, str]) -> list[Path]:
    """Write all files, or none: after a failure, each has its former content."""
    before = {path: path.read_bytes() if path.exists() else None for path in contents}
    try:
        for path, text in contents.items():
            write_private(path, text)
    except BaseException:
        for path, former in before.items():
            _restore(path, former)
        raise
    return list(contents)


def _restore(path: Path, former: bytes | None) -> None:
    with suppress(OSError):
        if former is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != former:
            path.write_bytes(former)


def _behind(path: Path, text: str, head: str) -> str | None:
    """The content of ``path`` followed by ``text``; ``None`` if ``text`` is empty."""
    if not text:
        return None
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"{head}\n{text}" if head else text
    except UnicodeDecodeError:
        raise CommandError(
            f"{path} is not UTF-8: save it as UTF-8", problem="file-unusable"
        ) from None
    gap = "" if before.endswith("\n") or not before else "\n"
    return f"{before}{gap}\n{text}"


def _check(table: str | None, variables: str | None, answers: Answers) -> None:
    """Read both as the workers do; raises ``CommandError`` if that fails."""
    with tempfile.TemporaryDirectory(prefix="rescind-init-") as folder:
        read = _read(Path(folder) / ".env", variables)
        wanted = answers.variables()
        lost = [name for name, value in wanted.items() if read.get(name) != value]
        if lost:
            raise CommandError(
                f"{', '.join(lost)} cannot be kept in .env, which would change the"
                " value: keep it in the accounts file, or in a file of its own",
                problem="account-wrong",
            )
        if table is not None:
            path = Path(folder) / "accounts.toml"
            write_private(path, table)
            with _environment(wanted):
                _check_accounts(path, answers)


def _read(path: Path, text: str | None) -> Mapping[str, str | None]:
    write_private(path, text or "")
    return dotenv_values(path)


def _check_accounts(path: Path, answers: Answers) -> None:
    found = load_accounts(path)
    if found.fault is not None:
        why = found.fault.replace(str(path), "")
        raise CommandError(f"nothing was written: {why}", problem="accounts-file")
    for one in answers.accounts:
        fault = found.lane((one.provider, one.account)).fault
        if fault is not None:
            raise CommandError(f"nothing was written: {fault}", problem="account-wrong")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set ``variables`` in the environment for a while, as if ``.env`` had them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
