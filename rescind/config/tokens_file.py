"""The file of tokens, which is read again when it changes, without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from rescind.config.settings import SettingsError
from rescind.config.token_list import Token, Written, lines, parsed
from rescind.config.watched_file import Watched

log = structlog.get_logger("rescind.api")
WHERE = "RESCIND_API_TOKENS_FILE"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in force, and what is wrong with the file now, if anything is."""

    tokens: Sequence[Token] = ()
    fault: str | None = None


class TokensFile:
    """The tokens of a file, and ``others`` from the environment.

    A file that becomes unusable changes nothing: the former tokens stay in force, and
    the log says why. Otherwise one typing error would lock all callers out.
    """

    def __init__(
        self,
        path: Path,
        others: Sequence[Written] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ``SettingsError`` if the file is unusable from the start."""
        self._others = others
        self._last = Tokens(self._read(path))
        self._file: Watched[Tokens] = Watched(path, self._again, _faulty, clock)

    def current(self) -> Sequence[Token]:
        return self._file.current().tokens

    def _again(self, path: Path) -> Tokens:
        try:
            found = Tokens(self._read(path))
        except SettingsError as error:
            found = Tokens(self._last.tokens, str(error))
            says = "the file of tokens is unusable: the former tokens stay in force"
            log.error(says, why=str(error))  # noqa: TRY400  (it is a sentence)
        else:
            if found.tokens != self._last.tokens:
                log.info("the file of tokens was read", tokens=len(found.tokens))
        self._last = found
        return found

    def _read(self, path: Path) -> tuple[Token, ...]:
        return parsed([*self._others, *lines(_text(path), WHERE)])


def _faulty(found: Tokens) -> bool:
    return found.fault is not None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{WHERE}: {path} is not UTF-8", "api-tokens") from None
    except OSError as error:
        says = f"{WHERE}: {path} cannot be read: {error.strerror}"
        raise SettingsError(says, "api-tokens") from None
