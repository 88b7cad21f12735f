"""The programs of the system: their commands and their environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from rescind.config.home import absolute
from rescind.config.settings import Settings
from rescind.system.supervisor import Program

CELERY = (sys.executable, "-m", "celery", "-q", "-A", "worker")
WORKER = (sys.executable, "-m", "worker", "-A", "worker")
"""For ``worker`` and ``beat``: without Celery's other commands."""
FLOWER_LEVELS = {"DEBUG": "debug", "INFO": "info"}
"""At any other log level of the worker, Flower logs only errors."""


def environment(chosen: Settings, redis_url: str, concurrency: int) -> dict[str, str]:
    """The environment with which a program in any folder finds this system."""
    # Every setting, so that no .env file in the program's folder overrides one.
    values = {
        "RESCIND_HOME": str(chosen.home.resolve()),
        "RESCIND_ACCOUNTS": str(chosen.accounts.resolve()),
        "RESCIND_REDIS_URL": redis_url,
        "RESCIND_DATABASE_URL": chosen.database,
        "RESCIND_DATABASE_REPLICA_URL": chosen.replica or "",
        "RESCIND_SEAL_KEY": chosen.seal_keys(),
        "RESCIND_API_TOKENS": _shown(chosen.api_tokens),
        "RESCIND_API_TOKENS_FILE": absolute(chosen.api_tokens_file),
        "RESCIND_API_HOST": chosen.api_host,
        "RESCIND_API_RATE": chosen.api_rate,
        "RESCIND_API_ENTRY_RATE": chosen.api_entry_rate,
        "RESCIND_PUBLIC_URL": chosen.public_url or "",
        "RESCIND_OIDC_ISSUER": chosen.oidc_issuer or "",
        "RESCIND_OIDC_CLIENT_ID": chosen.oidc_client_id or "",
        "RESCIND_OIDC_CLIENT_SECRET": _shown(chosen.oidc_client_secret),
        "RESCIND_OIDC_CLAIM": chosen.oidc_claim,
        "RESCIND_OIDC_ROLES": chosen.oidc_roles or "",
        "RESCIND_LOG_FORMAT": chosen.log_format,
        "RESCIND_RETENTION": chosen.retention or "",
        "RESCIND_REFUSED_RETENTION": chosen.refused_retention,
        "RESCIND_SCHEDULES": str(chosen.schedules.resolve()),
        "RESCIND_PLANS": str(chosen.plans.resolve()),
        "RESCIND_WEBHOOK_SECRET": _shown(chosen.webhook_secret),
        "RESCIND_WEBHOOK_HOSTS": chosen.webhook_hosts or "",
        "RESCIND_WEBHOOK_PRIVATE": "true" if chosen.webhook_private else "",
        "RESCIND_CONCURRENCY": str(concurrency),
        "PYTHONUNBUFFERED": "1",
    }
    return os.environ | {name: value for name, value in values.items() if value}


def _shown(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs that the supervisor starts once Redis and the ledger are ready."""

    home: Path
    env: dict[str, str]
    loglevel: str
    concurrency: int

    def worker(self) -> Program:
        options = ("worker", "--loglevel", self.loglevel, "-c", str(self.concurrency))
        return Program("worker", WORKER + options, self.env)

    def beat(self) -> Program:
        schedule = str(self.home / "celerybeat-schedule")
        options = ("beat", "-s", schedule, "--pidfile=", "--loglevel", self.loglevel)
        return Program("beat", WORKER + options, self.env)

    def flower(self, port: str) -> Program:
        options = ("flower", "--address=127.0.0.1", f"--port={port}")
        quiet = (f"--logging={FLOWER_LEVELS.get(self.loglevel, 'error')}",)
        return Program("flower", CELERY + options + quiet, self.env)

    def api(self, port: str) -> Program:
        here = {"RESCIND_API_PORT": port}
        return Program("api", (sys.executable, "-m", "rescind.api"), self.env | here)
