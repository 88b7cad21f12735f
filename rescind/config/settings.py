"""Settings from the environment and ``.env``, with defaults from ``rescind up``."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.home import embedded_log, own_key, running
from rescind.config.path_ownership import check_ours
from rescind.config.redis_url import usable, verified
from rescind.config.settings_error import SettingsError as SettingsError  # noqa: PLC0414
from rescind.config.times import parse_age
from rescind.config.webhook_secrets import WebhookSecrets, read_secrets
from rescind.errors.redis_refusals import LOG
from rescind.ledger.seal import Seal

CONCURRENCY = 16
"""The number of Celery tasks that a worker runs at once, if ``-c`` is not given."""
ENV_FILE = ".env"
LEAST_RETENTION = timedelta(days=1)
"""Producers, queued messages and operators may still refer to younger cancellations."""


class Settings(BaseSettings):
    """The values of the environment and ``.env``; the properties add the defaults."""

    model_config = SettingsConfigDict(
        env_prefix="RESCIND_",
        env_file=ENV_FILE,
        # `RESCIND_HOME=` in a compose file means that the variable is not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Path(".rescind")
    redis_url: SecretStr | None = None
    database_url: SecretStr | None = None
    database_replica_url: SecretStr | None = None
    accounts: Path = Path("accounts.toml")
    api_tokens: SecretStr | None = None
    api_tokens_file: Path | None = None
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65_535)
    api_rate: str = "600/minute"
    api_entry_rate: str = "60000/minute"
    public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_claim: str = "groups"
    oidc_roles: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_hosts: str | None = None
    webhook_private: bool = False
    schedules: Path = Path("schedules.toml")
    plans: Path = Path("plans.toml")
    log_format: Literal["auto", "console", "logfmt", "json"] = "auto"
    seal_key: SecretStr | None = Field(default=None)
    retention: str | None = None
    refused_retention: str = "30d"

    @property
    def redis(self) -> str:
        """The URL of Redis: as set, or that of the server that ``rescind up`` runs."""
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
    def redis_log(self) -> str:
        """The log of Redis in words: its file, if Redis is the embedded one."""
        return f"its log ({embedded_log(self.home)})" if self.embedded_redis else LOG

    @property
    def database(self) -> str:
        """The ledger's URL: as set, or SQLite in ``home``."""
        if self.database_url is not None and self.database_url.get_secret_value():
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.ledger_file.resolve()}"

    @property
    def replica(self) -> str | None:
        """The URL of a replica of the ledger, if there is one for lists."""
        url = self.database_replica_url
        return None if url is None else url.get_secret_value() or None

    @property
    def ledger_file(self) -> Path:
        """The file of the embedded ledger, which may not exist yet."""
        return self.home / "ledger.db"

    @property
    def embedded_database(self) -> bool:
        return self.database_url is None or not self.database_url.get_secret_value()

    @property
    def keep_for(self) -> timedelta | None:
        """How long ended cancellations are kept; ``None`` means for ever."""
        if self.retention is None:
            return None
        return retention_of("RESCIND_RETENTION", self.retention)

    @property
    def keep_refused_for(self) -> timedelta:
        """How long refused entries are kept, of which nothing was ever sent."""
        name = "RESCIND_REFUSED_RETENTION"
        try:
            return parse_age(self.refused_retention)
        except ValueError as error:
            says = f"{name} {self.refused_retention[:40]!r} {error}"
            raise SettingsError(says, "retention") from None

    @property
    def callbacks(self) -> Callbacks:
        """The allowed callbacks of producers that submit through the broker."""
        try:
            hosts = host_patterns(self.webhook_hosts or "")
        except ValueError as error:
            raise SettingsError(
                f"RESCIND_WEBHOOK_HOSTS: {error}", "webhook-settings"
            ) from None
        return Callbacks(
            hosts=hosts,
            private=self.webhook_private,
            secrets=self.webhook_secrets,
            tasks=True,
            of_refused=True,
        )

    @property
    def webhook_secrets(self) -> WebhookSecrets:
        """All secrets that sign webhooks; raises ``SettingsError``."""
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        try:
            return read_secrets(given)
        except ValueError as error:
            raise SettingsError(
                f"RESCIND_WEBHOOK_SECRET, {error}", "webhook-settings"
            ) from None

    def seal(self) -> Seal:
        """Encrypts and decrypts personal data; raises ``SealError`` for a wrong key."""
        return Seal(self.seal_keys())

    def seal_keys(self) -> str:
        if self.seal_key is not None and self.seal_key.get_secret_value():
            return self.seal_key.get_secret_value()
        if not self.embedded_database:
            return ""
        return own_key(self.home)


def retention_of(name: str, text: str) -> timedelta:
    """How long to keep ended cancellations; ``SettingsError`` if that is too short.

    A cancellation that is submitted again after it was deleted is new, and is sent.
    """
    try:
        age = parse_age(text)
    except ValueError as error:
        raise SettingsError(f"{name} {text[:40]!r} {error}", "retention") from None
    if age < LEAST_RETENTION:
        raise SettingsError(
            f"{name} {text} is too short: a cancellation that is submitted again after"
            " it was deleted is sent again, so keep it for at least 1d, and longer than"
            " anybody may submit it again",
            "retention",
        )
    return age


def _usable(url: str) -> str:
    """``url`` in the form of redis-py; raises ``SettingsError``."""
    try:
        return verified(usable(url))
    except ValueError as error:
        raise SettingsError(f"RESCIND_REDIS_URL {error}", "redis-url") from None


def _in_words(error: ValidationError) -> str:
    # The text leaves the values out, which may contain a secret.
    return "; ".join(
        f"RESCIND_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()
    )


@cache
def settings() -> Settings:
    """The settings of this process, read once; raises ``SettingsError``."""
    check_ours(Path(ENV_FILE))
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
    check_ours(found.home)
    # Checked here, so that the command reports it, and not a task in a log.
    _ = (found.keep_for, found.keep_refused_for, found.callbacks)
    return found


def without_password(url: str) -> str:
    """``url`` with its password masked, for messages and logs."""
    try:
        parts = urlsplit(url)
        user, secret = parts.username or "", parts.password
    except ValueError:
        return "***"
    if secret is not None:
        host = parts.netloc.rpartition("@")[2]
        url = url.replace(parts.netloc, f"{user}:***@{host}", 1)
    return re.sub(r"(?i)(password=)[^&#]*", r"\1***", url)
