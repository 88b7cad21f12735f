"""The system under test, and all output that was gathered from it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rescind.sandbox import Sandbox
from rescind.system.local_system import System
from tests.canary.marks import STEM

PATIENCE = 60.0


@dataclass
class World:
    """The system, and its output by the place where it was seen."""

    system: System
    box: Sandbox
    home: Path
    said: list[str] = field(default_factory=list)
    seen: dict[str, bytes] = field(default_factory=dict)
    commands: dict[int, bytes] = field(default_factory=dict)

    @property
    def secrets(self) -> list[str]:
        """Secrets that were generated at random."""
        made = [self.system.settings.seal_keys()]
        return [*made, str(urlsplit(self.system.redis_url).password)]

    def until(self, condition: Callable[[], object], what: str) -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > give_up:
                said = "\n".join(self.said[-50:])
                raise TimeoutError(f"in vain for {what}: {said}")
            self.note_commands()
            time.sleep(0.05)

    def note_commands(self) -> None:
        """Note the command line of each process of the system."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (folder / "environ").read_bytes()
                if STEM.encode() in environment or self.box.pid == int(folder.name):
                    self.commands[int(folder.name)] = (folder / "cmdline").read_bytes()

    def texts_of(self, name: str) -> dict[str, bytes]:
        """The places whose names begin with ``name``."""
        return {k: v for k, v in self.seen.items() if re.match(name, k)}
