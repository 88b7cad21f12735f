"""Keeps a file's rows, a plan's input, and results of actions, for some minutes.

They are in Redis, encrypted, since they may hold personal data. A session has one of
each kind: a later one replaces it. They survive a restart of the API.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import RefusedError
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _

SECONDS = {"preview": 1800, "plan": 1800, "result": 3600, "action": 3600}
"""How long each kind is kept."""
LARGEST = 8 * 1024 * 1024
"""Bytes of one kept value in Redis."""


@dataclass(frozen=True, slots=True)
class KeptUploads:
    """What is kept for one session."""

    dashboard: Dashboard
    who: Session

    def put(self, kind: str, id: str, value: Any) -> None:  # noqa: A002
        """Keep ``value`` (JSON); raises ``RefusedError`` or ``SealError``."""
        packed = zlib.compress(json.dumps(value).encode())
        text = base64.b64encode(packed).decode()
        sealed = self.dashboard.context.seal.close([id, text])
        if len(sealed) > LARGEST:
            raise RefusedError(_("The file has too much text: split it."), 413)
        try:
            key = self._key(kind)
            self.dashboard.context.redis.set(key, sealed, ex=SECONDS[kind])
        except RedisError:
            raise _unreachable() from None

    def get(self, kind: str, id: str) -> Any | None:  # noqa: A002
        """The value under ``id``; ``None`` if it is kept no more, or was replaced."""
        try:
            sealed = self.dashboard.context.redis.get(self._key(kind))
        except RedisError:
            raise _unreachable() from None
        if not isinstance(sealed, bytes):
            return None
        its_id, text = self.dashboard.context.seal.open(sealed.decode())
        if its_id != id:
            return None
        return json.loads(zlib.decompress(base64.b64decode(text)))

    def _key(self, kind: str) -> str:
        owner = hashlib.sha256(self.who.form_key.encode()).hexdigest()[:32]
        return f"rescind:upload:{kind}:{owner}"


def _unreachable() -> RefusedError:
    said = _("Redis cannot be reached, so no file can be kept: nothing was done.")
    return RefusedError(said, 503)
