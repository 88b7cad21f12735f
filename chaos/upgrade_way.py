"""The way ``upgrade``: the workers of the former release give way to those of this one,
while the ledger is migrated, and all else fails as usual."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from chaos import former_release
from chaos.databases import Database, database
from chaos.fault_schedule import PlannedFault
from chaos.scales import Scale
from chaos.way import Means, Way
from rescind.demo.facts import Offence
from rescind.system.supervisor import Program

NEW, FORMER = "new release", "former release"
EXPAND, CONTRACT = "expand", "contract"
FIRST, SECOND = "worker-1", "worker-2"
STEPS = (
    (0.08, NEW, FIRST),
    (0.16, EXPAND, ""),
    (0.40, NEW, SECOND),
    (0.55, FORMER, FIRST),
    (0.75, NEW, FIRST),
    (0.85, CONTRACT, ""),
)
"""At which part of the run what is done, and to which worker. The first new worker has
to wait for the migration. Later one goes back to the former release."""
TRIES, REST_SECONDS = 60, 2.0
"""How often a command is repeated that fails, as while the database is away."""
RUNS_IN = 'cd "$(cat "$0")" && exec "$@"'
"""Runs a command in the folder that a file names: Python then loads the release that
is in that folder."""


class UpgradeWay(Way):
    """Two workers, one after the other, and beat change their release."""

    waited_for = frozenset({EXPAND, CONTRACT})

    def __init__(self) -> None:
        self._home = Path()
        self._failed: list[Offence] = []

    def database(self, kind: str, home: Path) -> Database:
        self._home, self._failed = home, []
        former_release.unpack(self._former)
        for name in (FIRST, SECOND):
            self._place(name, self._former)
        return database(kind, home)

    def prepare_ledger(self, url: str) -> None:
        """Make the tables as the former release has them."""
        self._run("migrate", folder=self._former, env={"RESCIND_DATABASE_URL": url})

    def program(self, program: Program) -> Program:
        file = self._home / f"release-of-{program.name}"
        if not file.exists():
            return program
        command = ("sh", "-c", RUNS_IN, str(file), *program.command)
        return replace(program, command=command)

    def faults(self, scale: Scale) -> list[PlannedFault]:
        steps = [(part * scale.seconds, kind, name) for part, kind, name in STEPS]
        return [PlannedFault(at, kind, point=name) for at, kind, name in steps]

    def deals(self, means: Means) -> Mapping[str, Callable[[PlannedFault], None]]:
        return {
            NEW: partial(self._replace, means, former_release.ROOT),
            FORMER: partial(self._replace, means, self._former),
            EXPAND: partial(self._migrate, means),
            CONTRACT: partial(self._migrate, means, "--finish"),
        }

    def offences(self) -> list[Offence]:
        """What failed for good."""
        return self._failed

    @property
    def _former(self) -> Path:
        return self._home / "former"

    def _place(self, name: str, folder: Path) -> None:
        """From its next start on, this worker is of the release in ``folder``."""
        file = self._home / f"release-of-{name}"
        draft = file.with_suffix(".new")
        draft.write_text(str(folder))
        draft.rename(file)

    def _replace(self, means: Means, folder: Path, fault: PlannedFault) -> None:
        """Stop a worker by SIGTERM; its supervisor starts the other release."""
        self._place(fault.point, folder)
        pid = means.system.pids.get(fault.point)
        if pid is not None:
            means.system.failpoints.note_stopped(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _migrate(self, means: Means, *words: str | PlannedFault) -> None:
        options = [word for word in words if isinstance(word, str)]
        env, said = means.system.environment(), ""
        for _ in range(TRIES):
            try:
                self._run("migrate", *options, folder=former_release.ROOT, env=env)
            except subprocess.CalledProcessError as error:
                said = str(error.stderr).strip()
                time.sleep(REST_SECONDS)
            else:
                return
        command = " ".join(["migrate", *options])
        self._failed.append(Offence("rescind", command, said))

    def _run(self, *words: str, folder: Path, env: Mapping[str, str]) -> None:
        """Run a command of the release in ``folder``."""
        subprocess.run(
            [sys.executable, "-m", "rescind", *words],
            cwd=folder,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=True,
        )
