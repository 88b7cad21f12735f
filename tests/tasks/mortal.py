"""A system whose workers die at a given point, and are restarted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from chaos import points
from rescind.system.local_system import System
from rescind.system.supervisor import Program, Supervisor


class Mortal(System):
    """Workers with the points of ``chaos.placement``; ``chaos.points`` arms them."""

    workers: ClassVar[int] = 2

    def __init__(self, *given: object, **options: object) -> None:
        super().__init__(*given, **options)  # type: ignore[arg-type]
        self._supervisor = Supervisor(self._say, delays=(0.1,))

    def _programs(self) -> Iterator[Program]:
        for one in super()._programs():
            words = list(one.command)
            if one.name != "worker":
                yield one
                continue
            words[words.index("-A") + 1] = "chaos.chaos_app"
            env = {**one.env, points.FOLDER: str(self.home)}
            yield replace(one, command=tuple(words), env=env)
            for number in range(2, self.workers + 1):
                other = (*words, "-n", f"worker-{number}@%h")
                yield replace(one, name=f"worker-{number}", command=other, env=env)


class MortalAlone(Mortal):
    """One worker: whatever is to be done, it is the one that dies."""

    workers = 1
