"""What every source gives: rows, or a sentence about why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf

from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.reported import ReportedError
from rescind.schedules.rule_secrets import Secret

SECONDS = 60.0
"""How long a source is waited for in all."""
CONNECT_SECONDS = 10.0
LARGEST = 32 * 1024 * 1024
"""Bytes of a file or a feed that are read."""


class SourceError(ReportedError, RuntimeError):
    """A source cannot be read: a sentence for whoever keeps it. Shows no secret.

    ``passing``: it may well be different in a minute.
    """

    problem = "schedule-source"

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.status = UNREACHABLE if passing else WRONG
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Row:
    """One row, by the names of its columns."""

    where: str
    """Such as ``row 3``."""
    values: Mapping[str, Any] = field(repr=False)
    typed: bool = True
    """Whether its values have types; those of CSV are all texts."""


class Source(Protocol):
    """Where a rule finds its orders."""

    def read(self, most: int) -> list[Row]:
        """At most so many rows; raises ``SourceError``."""

    def secrets(self) -> list[Secret]:
        """What it needs and never shows."""


class Written(BaseModel):
    """A part of a rule, as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _secret(name: str, written: object) -> Secret:
    return Secret(name, written)


def _secrets(name: str, written: object) -> dict[str, Secret]:
    if not isinstance(written, dict):
        raise ValueError(f"{name} must be a table of values")  # noqa: TRY004  (pydantic's)
    return {key: Secret(f"{name}.{key}", one) for key, one in written.items()}


Database = Annotated[InstanceOf[Secret], BeforeValidator(partial(_secret, "database"))]
Address = Annotated[InstanceOf[Secret], BeforeValidator(partial(_secret, "url"))]
Headers = Annotated[
    dict[str, InstanceOf[Secret]], BeforeValidator(partial(_secrets, "headers"))
]


def secret_value(secret: Secret) -> str:
    """What it stands for; raises ``SourceError`` where it is not to be had."""
    try:
        return secret.value()
    except ValueError as error:
        raise SourceError(str(error)) from None
