"""Marked secrets go through the whole system; none of them is found outside again."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.canary.marks import (
    AWKWARD,
    HOLDER,
    IBAN,
    PREFIX,
    SPACED,
    STEM,
    found_in,
    leaks,
    marked,
)
from tests.canary.world import ENVIRONMENT, World, at_work, texts_of

MARKS = (STEM, IBAN, HOLDER)
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> World:
    home = tmp_path_factory.mktemp("canary")
    database = None
    if request.param == "postgresql":
        url = make_url(request.getfixturevalue("postgres_url"))
        database = url.set(password=marked("database")).render_as_string(
            hide_password=False
        )
    with at_work(home, database) as found:
        pass
    return found


def _seen(world: World, place: str) -> dict[str, bytes]:
    if place.startswith("flower") and world.system.flower_url is None:
        pytest.skip("Flower is looked at in the other run")
    seen = {name: blob for name, blob in texts_of(world, place).items() if blob}
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


@pytest.mark.parametrize("mark", [*MARKS, marked("app"), AWKWARD, SPACED, PREFIX])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        str.upper,
        json.dumps,
        lambda text: json.dumps(json.dumps(text)),
        lambda text: json.dumps(text, ensure_ascii=False),
        repr,
        html.escape,
        urllib.parse.quote,
        urllib.parse.quote_plus,
        lambda text: str(text.encode()),
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(f"a{text}".encode()).decode(),
        lambda text: base64.b64encode(f"ab{text}c".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"abc{text}de".encode()).decode(),
    ],
)
def test_a_mark_is_found_however_it_is_spelt(mark: str, spell: object) -> None:
    planted = f"before {spell(mark)} after".encode()  # type: ignore[operator]
    assert [one for one, _ in found_in(planted, [mark])] == [mark]


@pytest.mark.parametrize(
    "spelt", [IBAN, SPACED, SPACED.lower(), "TR56-0006-1005-1978-6457-8456-78"]
)
def test_an_iban_is_found_with_spaces_and_without(spelt: str) -> None:
    assert list(found_in(f"x {spelt} y".encode(), [IBAN]))


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
