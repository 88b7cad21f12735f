"""Builds the systems for the tests of traps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rescind.system.local_system import System
from rescind.system.supervisor import Program
from worker.broker import BROKER_OPTIONS

ROOT = Path(__file__).parents[3]
SHORTER = {
    **BROKER_OPTIONS,
    "visibility_timeout": 1,
    "unacked_restore_interval": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "health_check_interval": 1,
}
"""The broker's options with short waits."""


class Fleet(System):
    """Two workers and two beats on one Redis; some orders kill the worker."""

    def _programs(self) -> Iterator[Program]:
        for program in super()._programs():
            one = _with_tests(program)
            if one.name == "worker":
                poisoned = (*one.command, "-I", "tests.tasks.traps.poison")
                one = replace(one, command=poisoned)
            yield one
            yield self._second(one)

    def _second(self, one: Program) -> Program:
        name = f"{one.name}-2"
        if one.name == "worker":
            options = ("-n", "second@%h", "--pool", "prefork")
            return replace(one, name=name, command=(*one.command, *options))
        schedule = str(self.home / "celerybeat-schedule")
        own = (f"{schedule}-2" if part == schedule else part for part in one.command)
        return replace(one, name=name, command=tuple(own))


class ShortWaits(System):
    """A worker and a beat with short waits."""

    def _programs(self) -> Iterator[Program]:
        for program in super()._programs():
            one = _with_tests(program)
            quick = (
                "tests.tasks.traps.short_waits_app"
                if part == "worker" and before == "-A"
                else part
                for before, part in zip(("", *one.command), one.command, strict=False)
            )
            yield replace(one, command=tuple(quick))


def _with_tests(program: Program) -> Program:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, paths))
    return replace(program, env={**program.env, "PYTHONPATH": path})
