"""Reads the files with which Rescind is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from honcho.environ import parse_procfile

ROOT = Path(__file__).parent.parent.parent
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
REFERENCE = re.compile(r"\$\{(\w+)(:?[-?])?([^}]*)\}")
PROCFILE: Mapping[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
ENV_TEXT = (ROOT / ".env.example").read_text()
ENV_EXAMPLE = dict(re.findall(r"(?m)^(\w+)=(.*)$", ENV_TEXT))
ACCOUNTS = (ROOT / "accounts.example.toml").read_text()
SCHEDULES = (ROOT / "schedules.example.toml").read_text()


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """Expand variables as Compose does, as far as the file uses them."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if values.get(name):
            return values[name]
        assert operator == ":-", f"{name} is required: {word}"
        return str(word)

    return REFERENCE.sub(value, text).replace("$$", "$")
