"""The secrets that sign webhooks: general ones, and ones of a single receiver.

``RESCIND_WEBHOOK_SECRET`` is a list: ``whsec_…`` is a general secret, and
``shop.example.com=whsec_…`` is one of this host. Several secrets of one receiver sign
together, so that they can be rotated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rescind.config.callback_urls import HostPattern, Url, host_patterns

PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """Secrets by receiver. A receiver with a secret of its own gets no other one."""

    general: tuple[str, ...] = ()
    own: Sequence[tuple[HostPattern, str]] = ()

    def __bool__(self) -> bool:
        return bool(self.general or self.own)

    def __len__(self) -> int:
        return len(self.general) + len(self.own)

    def of(self, url: Url) -> tuple[str, ...]:
        """The secrets that sign webhooks to ``url``: those of the closest pattern."""
        fitting = [(pattern, one) for pattern, one in self.own if pattern.fits(url)]
        if not fitting:
            return self.general
        closest = max((pattern for pattern, _ in fitting), key=_closeness)
        return tuple(one for pattern, one in fitting if pattern == closest)


NO_SECRETS = WebhookSecrets()


def _closeness(pattern: HostPattern) -> tuple[bool, int, bool, str]:
    """Sorts patterns: whole names first, then long ones, then those with a port."""
    whole = not pattern.host.startswith("*.")
    exact_port = pattern.port != "*"
    return (whole, len(pattern.host), exact_port, pattern.port or "")


def read_secrets(listed: str) -> WebhookSecrets:
    """The secrets in ``listed``, separated by commas or spaces.

    Raises ``ValueError`` with a sentence, which holds no secret.
    """
    general, own = list[str](), list[tuple[HostPattern, str]]()
    for place, text in enumerate(filter(None, re.split(r"[,\s]+", listed)), 1):
        host, secret = _parts(text)
        if not _is_secret(secret):
            raise ValueError(
                f"number {place}: must be whsec_ and 24 to 64 random bytes in base64,"
                " or such a secret after a host and =; `rescind webhooks secret` makes"
                " one"
            )
        if host is None:
            general.append(secret)
        else:
            own.append((_receiver(host, place), secret))
    return WebhookSecrets(tuple(general), tuple(own))


def _parts(text: str) -> tuple[str | None, str]:
    """The host, if there is one, and the secret, which may itself end with ``=``."""
    host, equals, secret = text.partition(f"={PREFIX}")
    if text.startswith(PREFIX) or not equals:
        return None, text
    return host, PREFIX + secret


def _receiver(host: str, place: int) -> HostPattern:
    try:
        [pattern] = host_patterns(host)
    except ValueError:
        raise ValueError(
            f"number {place}: before = there must be a host, such as hooks.example.com,"
            " *.example.com or hooks.example.com:8443"
        ) from None
    return pattern


def _is_secret(text: str) -> bool:
    """Whether ``text`` is a secret by the Standard Webhooks specification."""
    if not text.startswith(PREFIX):
        return False
    try:
        size = len(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except ValueError:
        return False
    return 24 <= size <= 64
