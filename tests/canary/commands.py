"""Runs commands, and notes their output."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from unittest import mock

from rescind.cli import main
from rescind.config.settings import settings
from tests.canary.world import World


def submit(world: World, file: str) -> None:
    # In another process: the Celery app of this one uses another broker.
    done = subprocess.run(
        [sys.executable, "-m", "rescind", "submit", file, "--json"],
        env=world.system.environment(),
        capture_output=True,
        check=False,
    )
    world.seen["submit"] = done.stdout + done.stderr


def cli(world: World, *words: str) -> None:
    """Run a command that sends no notification, and note its output."""
    env = world.system.environment()
    out = io.StringIO()
    settings.cache_clear()
    with (
        mock.patch.dict(os.environ, env),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        main(list(words))
    settings.cache_clear()
    world.seen[" ".join(words)] = out.getvalue().encode()


def from_commands(world: World) -> None:
    cli(world, "list", "--limit", "10000", "--json")
    cli(world, "list", "--limit", "10000")
    found = world.seen["list --limit 10000 --json"].splitlines()
    for record in map(json.loads, found):
        if record["provider"] == "akinon" or record["account"] != "default":
            cli(world, "show", record["id"], "--json")
            cli(world, "show", record["id"], "--case")
    cli(world, "show", json.loads(found[-1])["id"])
    for words in (["webhooks"], ["webhooks", "--json"], ["words"], ["words", "--json"]):
        cli(world, *words)
    for words in (["lanes"], ["lanes", "--json"], ["doctor"], ["doctor", "--json"]):
        cli(world, *words)
    for name in ("by-sql", "by-wrong-url", "by-feed", "by-header", "by-file"):
        cli(world, "schedule", "run", name, "--dry-run", "--json")
        if name != "by-file":  # it would send a notification
            cli(world, "schedule", "run", name)
        cli(world, "schedule", "runs", name)
    cli(world, "schedule", "list", "--json")
    cli(world, "seal-key", "--rotate")
