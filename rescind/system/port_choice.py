"""Chooses the port of a server that `rescind up` starts."""

from __future__ import annotations

from dataclasses import dataclass

from rescind import port_use
from rescind.config.settings import SettingsError
from rescind.system.service_wait import UpError


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a server should listen."""

    name: str
    host: str
    asked: int
    """The port that the user asked for; 0 if none."""
    usual: int
    """The port to use if none was asked for, and this one is free."""

    def choose(self) -> tuple[int, str | None]:
        """The port; and a sentence, if it is not the usual one.

        Raises ``UpError`` if another process has the port that was asked for.
        """
        port = self.asked or self.usual
        if self._is_free(port):
            return port, None
        fact = port_use.taken(self.host, port)
        if self.asked:
            raise UpError(
                f"{self.name} cannot be started: {fact}", problem="port-taken"
            )
        free = port_use.unused(self.host)
        return free, f"{fact}: {self.name} uses port {free} instead"

    def _is_free(self, port: int) -> bool:
        try:
            return port_use.is_free(self.host, port)
        except OSError as error:
            raise SettingsError(
                f"{self.name} cannot listen on {self.host}: {error.strerror or error}"
            ) from None
