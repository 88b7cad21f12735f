"""Secrets of a rule, which are read when needed, and named by their field."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescind.config.accounts import value_of


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret: a text in the file, ``{ env = "NAME" }`` or ``{ file = "path" }``."""

    name: str
    written: object = field(repr=False)

    def __post_init__(self) -> None:
        form = f'{self.name} must be a text, {{ env = "NAME" }} or {{ file = "path" }}'
        written = self.written
        if isinstance(written, dict):
            if written.keys() not in ({"env"}, {"file"}):
                raise ValueError(form)
            (written,) = written.values()
        if not isinstance(written, str) or not written:
            raise ValueError(form)

    @property
    def literal(self) -> bool:
        """Whether the schedules file itself contains the secret."""
        return isinstance(self.written, str)

    def value(self) -> str:
        """The secret itself; raises ``ValueError`` if it cannot be read."""
        return str(value_of(self.name, self.written))
