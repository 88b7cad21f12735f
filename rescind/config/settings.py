"""Settings: the environment, a ``.env`` file, or what ``rescind up`` started here."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rescind.config.callbacks import Callbacks, host_patterns
from rescind.config.home import own_key, running
from rescind.config.redis_url import usable
from rescind.config.times import parse_age
from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.reported import ReportedError
from rescind.ledger.seal import Seal

CONCURRENCY = 16
"""Tasks of Celery that a worker runs at once, unless ``-c`` says otherwise."""
LEAST_RETENTION = timedelta(days=1)
"""What producers, Redis and operators may still speak of is not forgotten."""


class SettingsError(ReportedError, RuntimeError):
    """A setting is missing or wrong: a sentence for whoever sets it."""

    def __init__(self, sentence: str, problem: str = "setting-wrong") -> None:
        super().__init__(sentence)
        self.problem = problem
        # A Redis that was not found may come; a wrong setting stays wrong.
        self.status = UNREACHABLE if problem == "redis-unknown" else WRONG


class Settings(BaseSettings):
    """What the environment and ``.env`` say; the properties give what is in force."""

    model_config = SettingsConfigDict(
        env_prefix="RESCIND_",
        env_file=".env",
        # `RESCIND_HOME=` in a compose file means that it is not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Path(".rescind")
    redis_url: SecretStr | None = None
    database_url: SecretStr | None = None
    accounts: Path = Path("accounts.toml")
    api_tokens: SecretStr | None = None
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65_535)
    api_rate: str = "600/minute"
    webhook_secret: SecretStr | None = None
    webhook_hosts: str | None = None
    webhook_private: bool = False
    schedules: Path = Path("schedules.toml")
    log_format: Literal["auto", "console", "logfmt", "json"] = "auto"
    seal_key: SecretStr | None = Field(default=None)
    retention: str | None = None

    @property
    def redis(self) -> str:
        """The broker's URL: as set, or that of the server that ``rescind up`` runs."""
        if self.redis_url is not None and self.redis_url.get_secret_value():
            return _usable(self.redis_url.get_secret_value())
        found = running(self.home)
        if found is None:
            raise SettingsError(
                "no Redis is known: set RESCIND_REDIS_URL, or start an embedded one"
                f" with `rescind up` in this folder ({self.home} holds its address)",
                "redis-unknown",
            )
        return found.redis_url

    @property
    def embedded_redis(self) -> bool:
        return self.redis_url is None or not self.redis_url.get_secret_value()

    @property
    def database(self) -> str:
        """The ledger's URL: as set, or SQLite in ``home``."""
        if self.database_url is not None and self.database_url.get_secret_value():
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    @property
    def embedded_database(self) -> bool:
        return self.database_url is None or not self.database_url.get_secret_value()

    @property
    def keep_for(self) -> timedelta | None:
        """How long what has ended is kept; ``None``: for ever."""
        if self.retention is None:
            return None
        return retention_of("RESCIND_RETENTION", self.retention)

    @property
    def callbacks(self) -> Callbacks:
        """By what producers may ask to be told, who submit through the broker."""
        try:
            hosts = host_patterns(self.webhook_hosts or "")
        except ValueError as error:
            raise SettingsError(
                f"RESCIND_WEBHOOK_HOSTS: {error}", "webhook-settings"
            ) from None
        return Callbacks(
            hosts=hosts,
            private=self.webhook_private,
            signed=bool(self.webhook_secrets),
            tasks=True,
            of_refused=True,
        )

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What webhooks are signed by, all of it; raises ``SettingsError``."""
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        found = tuple(one for one in re.split(r"[,\s]+", given) if one)
        for place, one in enumerate(found, 1):
            if not _is_webhook_secret(one):
                raise SettingsError(
                    f"RESCIND_WEBHOOK_SECRET, number {place}: must be whsec_ and 24 to"
                    " 64 random bytes in base64; `rescind webhooks secret` makes one",
                    "webhook-settings",
                )
        return found

    def seal(self) -> Seal:
        """Seals and opens personal data; raises ``SealError`` without a good key."""
        return Seal(self.seal_keys())

    def seal_keys(self) -> str:
        if self.seal_key is not None and self.seal_key.get_secret_value():
            return self.seal_key.get_secret_value()
        if not self.embedded_database:
            return ""
        return own_key(self.home)


def retention_of(name: str, text: str) -> timedelta:
    """How long to keep what has ended; raises ``SettingsError`` for too short a time.

    What comes again after it was deleted is a new cancellation, and is sent.
    """
    try:
        age = parse_age(text)
    except ValueError as error:
        raise SettingsError(f"{name} {text[:40]!r} {error}", "retention") from None
    if age < LEAST_RETENTION:
        raise SettingsError(
            f"{name} {text} is too short: what is deleted and submitted again is"
            " cancelled again, so keep it for 1d at least, and longer than anybody may"
            " submit it again",
            "retention",
        )
    return age


def _is_webhook_secret(text: str) -> bool:
    """Whether it is what the Standard Webhooks specification asks of a secret."""
    prefix, _, coded = text.partition("_")
    try:
        size = len(base64.b64decode(coded, validate=True))
    except ValueError:
        return False
    return prefix == "whsec" and 24 <= size <= 64


def _usable(url: str) -> str:
    """``url`` as each of our clients takes it."""
    try:
        return _verified(usable(url))
    except ValueError as error:
        raise SettingsError(f"RESCIND_REDIS_URL {error}", "redis-url") from None


def _verified(url: str) -> str:
    """``url``, unless it would have TLS not verify whom the password goes to."""
    given = parse_qs(urlsplit(url).query)
    lax = [
        v
        for v in given.get("ssl_cert_reqs", ())
        if v.lower() not in ("required", "cert_required")
    ]
    lax += [v for v in given.get("ssl_check_hostname", ()) if v.lower() != "true"]
    if not lax:
        return url
    raise SettingsError(
        "RESCIND_REDIS_URL switches the verification of TLS off, which is never done:"
        " leave out ssl_cert_reqs and ssl_check_hostname, and name the authority that"
        " vouches for your server by ssl_ca_certs=/path/to/ca.pem",
        "redis-url",
    )


def _in_words(error: ValidationError) -> str:
    # Without what was given: it may hold a secret.
    return "; ".join(
        f"RESCIND_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()
    )


@cache
def settings() -> Settings:
    """The settings of this process, read once; raises ``SettingsError``."""
    try:
        found = Settings()
    except ValidationError as error:
        raise SettingsError(_in_words(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(
            "the file .env is not UTF-8: save it as UTF-8", "env-file"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"the file .env cannot be read: {error.strerror}", "env-file"
        ) from None
    # Said here, and not by a task in a log.
    _ = (found.keep_for, found.callbacks)
    return found


def without_password(url: str) -> str:
    """A URL that may be shown."""
    try:
        parts = urlsplit(url)
        user, secret = parts.username or "", parts.password
    except ValueError:
        return "***"
    if secret is not None:
        host = parts.netloc.rpartition("@")[2]
        url = url.replace(parts.netloc, f"{user}:***@{host}", 1)
    return re.sub(r"(?i)(password=)[^&#]*", r"\1***", url)
