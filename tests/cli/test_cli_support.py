"""Helpers that run commands as a user types them, each in its own folder. No tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from rescind.cli import main
from rescind.config.settings import settings
from rescind.errors import PAGE, PROBLEMS
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, writing

ROOT = Path(__file__).parents[2]
ACCOUNTS = """
[notpanel.default]
key = "notpanel-secret"
[notpanel.second]
key = "notpanel-secret-2"
[iletimerkezi.default]
key = "ileti-key"
hash = "ileti-hash"
[dukkango.default]
access_token = "dukkan-token"
[akinon.default]
base_url = "https://shop.example.com"
token = "akinon-token"
[ithink.default]
access_token = "ithink-token"
secret_key = "ithink-secret"
"""
UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"


@dataclass(frozen=True)
class Result:
    """The result of one command."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Home:
    """A folder with settings, an accounts file and a ledger of its own."""

    path: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *args: str) -> Result:
        settings.cache_clear()
        self.capsys.readouterr()
        status = main(args)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        _assert_its_section_is_named(status, args, err)
        return Result(status, out, err)

    def process(self, *args: str, stdin: bytes = b"", **env: str) -> Result:
        done = subprocess.run(
            self.command(*args),
            cwd=self.path,
            env=self.environment(**env),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )
        err = done.stderr.decode()
        assert "Traceback" not in err
        return Result(done.returncode, done.stdout.decode(), err)

    def sweep(self) -> Result:
        """Run one sweep, as a worker does."""
        code = (
            "from tasks import jobs; from rescind.runtime import host;"
            " from rescind.runtime.periodic_jobs import ScheduleJob, SweepJob;"
            " own = host.host();"
            " SweepJob(own, ScheduleJob(own)).run(); own.stop(); own.join()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.path,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "rescind", *args]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **more}

    def write(self, name: str, text: str | bytes) -> str:
        data = text.encode() if isinstance(text, str) else text
        (self.path / name).write_bytes(data)
        return name

    def change(self, **values: Any) -> None:
        """Change all rows of the ledger."""
        engine = open_ledger(f"sqlite:///{self.path / '.rescind' / 'ledger.db'}")
        with writing(engine) as connection:
            connection.execute(update(CANCELLATION).values(**values))
        engine.dispose()

    def end(self, state: str, reason: str, order: str | None = None) -> None:
        """Move the ledger's rows to a final state, as a worker would."""
        engine = open_ledger(f"sqlite:///{self.path / '.rescind' / 'ledger.db'}")
        values = {"state": state, "reason": reason, "due_at": None, "finished_at": 1}
        chosen = update(CANCELLATION).where(CANCELLATION.c.finished_at.is_(None))
        if order is not None:
            chosen = chosen.where(CANCELLATION.c.order_id == order)
        with writing(engine) as connection:
            connection.execute(chosen.values(**values))
        engine.dispose()


def _assert_its_section_is_named(status: int, args: tuple[str, ...], err: str) -> None:
    """Check that a failed command names an existing section of docs/errors.md."""
    named = re.findall(rf"{PAGE}#([\w-]+)", err)
    assert set(named) <= set(PROBLEMS)
    # The findings of doctor are its result; `rescind` without words shows its help.
    if status in (2, 3, 4) and args and args[0] != "doctor":
        assert named, err


def make_home(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    redis_url: str,
) -> Home:
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(path)
    # A database of Valkey that no other test's workers use.
    monkeypatch.setenv("RESCIND_REDIS_URL", redis_url.removesuffix("/0") + "/7")
    accounts = path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    accounts.chmod(0o600)
    return Home(path, capsys)
