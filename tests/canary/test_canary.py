"""Marked secrets go through the whole system, and are found in no output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary.configured import ENVIRONMENT
from tests.canary.marks import (
    IBAN,
    MARKS,
    SPACED,
    STEM,
    found_in,
    leaks,
)
from tests.canary.world import World

PLACES = {
    "logs": 1,
    "redis": 3,
    "ledger": 1,
    "flower /api": 5,
    "flower": 15,
    "desk": 15,
    "api": 15,
    "file": 4,
    "process": 1,
    "show": 15,
    "list": 2,
    "lanes": 2,
    "doctor": 2,
    "schedule": 15,
    "submit": 1,
    "sandbox": 1,
}
"""The prefixes of places' names, with the least number of places."""


def _seen(world: World, place: str) -> dict[str, bytes]:
    if place.startswith("flower") and world.system.flower_url is None:
        pytest.skip("Flower is looked at in the other run")
    seen = {name: blob for name, blob in world.texts_of(place).items() if blob}
    assert len(seen) >= PLACES[place], sorted(world.seen)
    return seen


@pytest.mark.parametrize("place", PLACES)
def test_no_mark_is_found(world: World, place: str) -> None:
    seen = _seen(world, place)
    found = leaks(seen, [*MARKS, *world.secrets])
    assert not found, "\n".join(found[:20])


# --- the search itself ----------------------------------------------------------------


def test_every_path_that_could_leak_was_taken(world: World) -> None:
    said = world.seen["logs"].decode()
    rows = world.seen["ledger, row by row"].decode()
    # Faults, refusals that quote the request, refused credentials, bad messages.
    for sentence in (
        "there is no such task",
        "its body cannot be decoded",
        "a malformed message was dropped",
        "a message holds no list of cancellations",
        "raised unexpected",
        "Traceback",
        "lane held",
        "level=debug",
    ):
        assert sentence in said, sentence
    assert "you sent" in rows
    assert "***" in rows
    assert "not connected" in rows
    programs = {line.partition(":")[0] for line in said.split("\n")}
    assert {"worker", "beat", "api"} <= programs
    assert ("flower" in programs) == (world.system.flower_url is not None)
    # Tokens were fetched, and are kept for others.
    assert b"rescind-token:akinon:default" in world.seen["redis, key by key"]
    assert b"rescind-token:dukkango:default" in world.seen["redis, key by key"]


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_mark_is_found(world: World, place: str) -> None:
    seen = _seen(world, place)
    for name, blob in seen.items():
        half = len(blob) // 2
        planted = blob[:half] + SPACED.encode() + blob[half:]
        assert leaks({name: planted}, [IBAN])


def test_files_with_secrets_are_readable_only_by_their_owner(world: World) -> None:
    home: Path = world.home
    kept = [home / name for name in ("accounts.toml", "secret")]
    kept += [home / "valkey" / name for name in ("password", "valkey.conf")]
    for path in kept:
        assert not path.stat().st_mode & 0o077, path
        assert found_in(path.read_bytes(), [STEM, *world.secrets])
    assert STEM in ENVIRONMENT["FLOWER_BASIC_AUTH"]
