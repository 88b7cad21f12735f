"""The schedules file: each rule's times, its source of orders, and its limit."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from rescind.config.names import NAME, NAME_FORM
from rescind.config.path_ownership import NotOursError, check_ours, others_can_read
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.validation_errors import explain
from rescind.schedules.feed import FeedSource
from rescind.schedules.mapping import CONSTANTS, Recipe, recipe_of
from rescind.schedules.moments import (
    LEAST_INTERVAL,
    Timing,
    parse_cron,
    parse_every,
    parse_span,
    parse_zone,
)
from rescind.schedules.rule_secrets import Secret
from rescind.schedules.source_rows import Source, Written
from rescind.schedules.sql import SqlSource, has_password
from rescind.schedules.tabular import FileSource

MOST_ROWS = 100_000
"""The largest value of ``max``: a run holds all its rows in memory."""
SOURCES: Mapping[str, type[SqlSource | FeedSource | FileSource]] = {
    "sql": SqlSource,
    "url": FeedSource,
    "file": FileSource,
}


class SchedulesError(RuntimeError):
    """The schedules file cannot be used; the text is a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the schedules file."""

    name: str
    timing: Timing
    zone: ZoneInfo
    max: int
    catch_up: timedelta
    source: Source
    recipe: Recipe

    def named(self, due_at: datetime) -> dict[str, str]:
        """The values of the names in braces, for the run of ``due_at``."""
        date = due_at.astimezone(self.zone).date().isoformat()
        return {"date": date, "name": self.name}


@dataclass(frozen=True, slots=True)
class Schedules:
    """All rules of the schedules file. A faulty rule does not affect the others."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why a rule cannot be used, by its name."""
    fault: str | None = None
    """Why the whole file could not be used."""
    missing: bool = False
    """Whether the file does not exist; then no rule is scheduled."""
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        return {*self.rules, *self.faults}


def load_schedules(path: Path) -> Schedules:
    """Read the schedules file. Never raises: ``fault`` and ``faults`` say why not."""
    try:
        check_ours(path)
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except NotOursError as error:
        return _unusable(str(error))
    except FileNotFoundError:
        return Schedules(missing=True)
    except OSError as error:
        return _unusable(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return _unusable(f"{path} is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _unusable(f"{path} is not TOML: {error}")
    rules: dict[str, Rule] = {}
    faults: dict[str, str] = {}
    for name, values in document.items():
        try:
            rules[name] = _rule(name, values)
        except ValidationError as error:
            faults[name] = f"[{name}]: {explain(error)}"
        except (ValueError, InvalidRequestError) as error:
            faults[name] = f"[{name}]: {error}"
    warnings = tuple(_readable_by_others(path, rules))
    return Schedules(rules, faults, warnings=warnings)


def _unusable(why: str) -> Schedules:
    return Schedules(fault=f"the schedules file {why}")


def _readable_by_others(path: Path, rules: Mapping[str, Rule]) -> Iterator[str]:
    needed = [one for rule in rules.values() for one in rule.source.secrets()]
    written = [one for one in needed if one.literal and _is_secret(one)]
    if written and others_can_read(path.stat()):
        yield f"{path} holds secrets and can be read by others: run `chmod 600 {path}`"


def _is_secret(one: Secret) -> bool:
    """Whether it is one: an address without a password is none."""
    if one.name == "url":
        return False
    return one.name != "database" or has_password(one.value())


# --- one rule ---------------------------------------------------------------------


class _Rule(Written):
    cron: str | None = None
    every: str | None = None
    timezone: str = "UTC"
    max: int = Field(ge=1, le=MOST_ROWS)
    catch_up: str = "1h"
    source: dict[str, Any]
    map: dict[str, str]


def _rule(name: str, values: object) -> Rule:
    if not NAME.fullmatch(name):
        raise ValueError(f"its name must be {NAME_FORM}")
    if not isinstance(values, dict):
        raise ValueError("must be a table of settings")  # noqa: TRY004  (one kind)
    constants = {k: v for k, v in values.items() if k in CONSTANTS}
    rest = {k: v for k, v in values.items() if k not in CONSTANTS}
    _check_known(rest)
    written = _Rule.model_validate(rest)
    zone = parse_zone(written.timezone)
    return Rule(
        name=name,
        timing=_timing(written, zone),
        zone=zone,
        max=written.max,
        catch_up=parse_span("catch_up", written.catch_up, LEAST_INTERVAL),
        source=_source(written.source),
        recipe=recipe_of(written.map, constants),
    )


def _check_known(rest: Mapping[str, object]) -> None:
    known = [*_Rule.model_fields, *sorted(CONSTANTS)]
    for name in rest:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ValueError(f"{name[:40]} is not known here{hint}")


def _timing(written: _Rule, zone: ZoneInfo) -> Timing:
    if (written.cron is None) == (written.every is None):
        raise ValueError("must have either cron or every")
    if written.cron is not None:
        return parse_cron(written.cron, zone)
    return parse_every(written.every or "")


def _source(written: Mapping[str, Any]) -> Source:
    kinds = [kind for kind in SOURCES if kind in written]
    if len(kinds) != 1:
        raise ValueError("source must have one of sql, url and file")
    try:
        return SOURCES[kinds[0]].model_validate(dict(written))
    except ValidationError as error:
        raise ValueError(f"source: {explain(error)}") from None
