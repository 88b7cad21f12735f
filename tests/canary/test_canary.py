"""Marked secrets go through the whole system; none of them is found outside again."""

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
    "door": 15,
    "file": 4,
    "process": 1,
    "show": 15,
    "list": 2,
    "lanes": 2,
    "doctor": 2,
    "schedule": 15,
    "submit": 1,
}
"""How a place's name begins, and how many there are at least."""


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


# --- that they would have been found --------------------------------------------------


def test_every_path_that_could_leak_was_gone(world: World) -> None:
    said = world.seen["logs"].decode()
    rows = world.seen["ledger, row by row"].decode()
    # Faults, refusals that quote what was sent, refused credentials, bad messages.
    for sentence in (
        "there is no such task",
        "its body cannot be decoded",
        "no message, so it was dropped",
        "a message that is not ours",
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
def test_a_mark_that_is_planted_in_a_place_is_found_there(
    world: World, place: str
) -> None:
    seen = _seen(world, place)
    for name, blob in seen.items():
        half = len(blob) // 2
        planted = blob[:half] + SPACED.encode() + blob[half:]
        assert leaks({name: planted}, [IBAN])


def test_what_holds_secrets_on_purpose_is_for_nobody_else(world: World) -> None:
    home: Path = world.home
    kept = [home / name for name in ("accounts.toml", "secret")]
    kept += [home / "valkey" / name for name in ("password", "valkey.conf")]
    for path in kept:
        assert not path.stat().st_mode & 0o077, path
        assert found_in(path.read_bytes(), [STEM, *world.secrets])
    assert STEM in ENVIRONMENT["FLOWER_BASIC_AUTH"]
