"""Runs Compose's services as processes of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rescind.ledger.seal import new_key
from tests.conftest import free_port
from tests.deployment.files import ROOT, SERVICES, interpolated
from tests.deployment.processes import BIN, RESCIND, environment, started

API_TOKEN = "0123456789abcdef-shop"


def secrets() -> dict[str, str]:
    """The variables that docker-compose.yml requires."""
    return {
        "REDIS_PASSWORD": "r",
        "POSTGRES_PASSWORD": "p",
        "FLOWER_BASIC_AUTH": "ann:secret",
        "RESCIND_SEAL_KEY": new_key(),
        "RESCIND_API_TOKENS": f"shop:submit+read:{API_TOKEN}",
    }


def _port() -> str:
    return str(free_port())


@dataclass
class Containers:
    """Compose's services, with addresses and folders of this machine."""

    home: Path
    redis_url: str
    database_url: str
    given: Mapping[str, str] = field(default_factory=secrets)
    flower: str = field(default_factory=_port)
    api_port: str = field(default_factory=_port)
    pids: dict[str, int] = field(default_factory=dict)

    def start(
        self, name: str, log: Path, more: tuple[str, ...] = ()
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run a service's command, with more options, until the block ends."""
        env = self.environment(name)
        if more:
            env |= {"RESCIND_ALIVE_FILE": str(self.home / f"second {name}")}
        return started([*self.command(name), *more], env, log)

    def run(self, name: str) -> int:
        """Run a service's command to its end; returns the exit status."""
        env = self.environment(name)
        return subprocess.run(
            self.command(name), env=env, cwd=ROOT, check=False
        ).returncode

    def is_healthy(self, name: str) -> bool:
        kind, program = SERVICES[name]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "healthy")
        pid = {"HEALTHY_PID": str(self.pids.get(name, 0))}
        checked = subprocess.run(
            [ROOT / "deploy" / "image" / program],
            cwd=ROOT,
            env=self.environment(name) | pid,
            capture_output=True,
            check=False,
        )
        return checked.returncode == 0

    def command(self, name: str) -> list[str]:
        words = [self._local(word) for word in SERVICES[name]["command"]]
        start = RESCIND if words[0] == "rescind" else [str(BIN / words[0])]
        return [*start, *words[1:]]

    def environment(self, name: str) -> dict[str, str]:
        its = SERVICES[name]["environment"].items()
        text = {k: interpolated(str(v), self.given) for k, v in its}
        here = self._here().items()
        mine = {k: v for k, v in here if k in text or "RESCIND" not in k}
        own = {
            "RESCIND_API_PORT": self.api_port,
            # The image sets it.
            "RESCIND_ALIVE_FILE": str(self.home / "worker.alive"),
        }
        return environment(self.home, **{**text, **mine, **own})

    def _here(self) -> dict[str, str]:
        return {
            "RESCIND_REDIS_URL": self.redis_url,
            "RESCIND_DATABASE_URL": self.database_url,
            "RESCIND_HOME": str(self.home),
            "RESCIND_ACCOUNTS": str(self.home / "accounts.toml"),
            "RESCIND_SCHEDULES": str(self.home / "schedules.toml"),
            "RESCIND_PLANS": str(self.home / "plans.toml"),
            # What Compose mounts there unless .env names a file.
            "RESCIND_API_TOKENS_FILE": "/dev/null",
            "FLOWER_PORT": self.flower,
            "FLOWER_DB": str(self.home / "flower.db"),
        }

    def _local(self, text: str) -> str:
        """Replace what only containers have: /tmp and ports."""
        text = interpolated(text, self.given).replace("/tmp", str(self.home))
        return text.replace("5555", self.flower).replace("8080", self.api_port)
