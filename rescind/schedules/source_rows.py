"""The interface of all sources: rows, or an error that says why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf

from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.reported import ReportedError
from rescind.schedules.rule_secrets import Secret

SECONDS = 60.0
"""The timeout for reading a source as a whole."""
CONNECT_SECONDS = 10.0
LARGEST = 32 * 1024 * 1024
"""The most bytes of a file or a feed."""


class SourceError(ReportedError, RuntimeError):
    """A source cannot be read; the text is a sentence for its owner, without secrets.

    ``passing`` says that the cause may be gone in a minute.
    """

    problem = "schedule-source"

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.status = UNREACHABLE if passing else WRONG
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by the names of their columns."""

    where: str
    """The row's place, such as ``row 3``, for messages."""
    values: Mapping[str, Any] = field(repr=False)
    typed: bool = True
    """Whether the values have types; in CSV, all are texts."""


class Source(Protocol):
    """The source of a rule's orders."""

    def read(self, most: int) -> list[Row]:
        """At most ``most`` rows; raises ``SourceError``."""

    def secrets(self) -> list[Secret]:
        """The secrets that the source needs."""


class Written(BaseModel):
    """A part of a rule, as the schedules file has it."""

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
    """The secret itself; raises ``SourceError`` if it cannot be read."""
    try:
        return secret.value()
    except ValueError as error:
        raise SourceError(str(error)) from None


NO_ROWS = "the query returns no rows: it must be one SELECT"


def named(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Rows with the columns' names; raises ``SourceError`` for a repeated name."""
    if len(set(columns)) < len(columns):
        twice = sorted({one for one in columns if columns.count(one) > 1})
        raise SourceError(f"the query names {', '.join(twice)} twice: use AS")
    for number, row in enumerate(rows, 1):
        yield Row(f"row {number}", dict(zip(columns, row, strict=True)))
