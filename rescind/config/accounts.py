"""The accounts file: each account's credentials, address and overridden policy."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from providers.registry import BROKEN, BY_NAME, why_unknown
from rescind.config.names import NAME, NAME_FORM
from rescind.config.path_ownership import NotOursError, check_ours, others_can_read
from rescind.config.unavailable_provider import UNAVAILABLE
from rescind.provider.account import Account
from rescind.provider.interface import Provider
from rescind.provider.policy import Policy, override_fault
from rescind.provider.validation_errors import explain

Lane = tuple[str, str]
POLICY_FIELDS = frozenset(Policy.model_fields)


class AccountsError(RuntimeError):
    """The accounts file cannot be used; the text is a sentence for its author."""

    def __init__(self, sentence: str, problem: str = "accounts-file") -> None:
        super().__init__(sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class LaneConfig:
    """One account with its policy. ``fault`` says why it cannot be called."""

    provider: Provider[Any]
    policy: Policy
    account: Account | None = None
    fault: str | None = None
    changed_at: datetime | None = field(default=None, compare=False)
    """When the accounts file changed last; ``None`` if that is not known. It does not
    make two equal accounts differ: a file that was only touched has not changed."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """All lanes of the accounts file. A faulty account does not affect the others."""

    lanes: Mapping[Lane, LaneConfig] = field(default_factory=dict)
    fault: str | None = None
    """Why the whole file could not be used."""
    problem: str | None = None
    """The slug of that problem in ``rescind.errors``."""
    warnings: tuple[str, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether any lane cannot be called."""
        return self.fault is not None or any(
            one.fault is not None for one in self.lanes.values()
        )

    def lane(self, lane: Lane) -> LaneConfig:
        """The lane's configuration; a lane without one gets a ``fault``."""
        found = self.lanes.get(lane)
        if found is not None:
            return found
        provider = BY_NAME.get(lane[0])
        if provider is None:
            return _without_provider(lane[0])
        why = (
            self.fault or f"account {lane[1]} of {lane[0]} is not in the accounts file"
        )
        return LaneConfig(provider, provider.policy, fault=why)

    def policy(self, lane: Lane) -> Policy:
        return self.lane(lane).policy

    def fault_of(self, lane: Lane) -> str | None:
        """Why the lane cannot be called; ``None`` if it can."""
        return self.lane(lane).fault


def _without_provider(name: str) -> LaneConfig:
    return LaneConfig(UNAVAILABLE, UNAVAILABLE.policy, fault=why_unknown(name))


def load_accounts(path: Path) -> Accounts:
    """Read the accounts file. Never raises: ``fault`` says what is wrong."""
    # Before the file is read: the time is never that of a later content.
    changed_at = _changed_at(path)
    try:
        document = _read(path)
    except AccountsError as error:
        return Accounts(fault=str(error), problem=error.problem)
    lanes: dict[Lane, LaneConfig] = {}
    warnings = readable_by_others(path)
    for name, accounts in document.items():
        if isinstance(accounts, dict) and name in BY_NAME:
            for account, values in accounts.items():
                its = _lane(BY_NAME[name], account, values)
                lanes[name, account] = replace(its, changed_at=changed_at)
        elif isinstance(accounts, dict) and name in BROKEN:
            lanes |= {(name, one): _without_provider(name) for one in accounts}
        else:
            warnings.append(f"{path}: [{name}]: {why_unknown(name)}")
    return Accounts(lanes, warnings=tuple(warnings))


def _changed_at(path: Path) -> datetime | None:
    """When the file changed. Also a file that replaces it has a new time of change,
    though it may keep its time of modification."""
    try:
        return datetime.fromtimestamp(path.stat().st_ctime, UTC)
    except OSError:
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        check_ours(path)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except NotOursError as error:
        raise AccountsError(str(error), error.problem) from None
    except FileNotFoundError:
        raise AccountsError(
            f"the accounts file {path} does not exist: `rescind init` writes one, or"
            " set RESCIND_ACCOUNTS",
            "accounts-missing",
        ) from None
    except OSError as error:
        raise AccountsError(
            f"the accounts file {path} cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise AccountsError(f"the accounts file {path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AccountsError(f"the accounts file {path} is not TOML: {error}") from None


def readable_by_others(path: Path) -> list[str]:
    """A list with one sentence if users other than the owner can read the file."""
    try:
        found = path.stat()
    except OSError:
        # The file has just been replaced: the next check sees the new one.
        return []
    if others_can_read(found):
        return [f"{path} can be read by others: run `chmod 600 {path}`"]
    return []


def _lane(provider: Provider[Any], name: str, values: object) -> LaneConfig:
    where = f"[{provider.name}.{name}]"
    if not NAME.fullmatch(name):
        fault = f"{where}: its name must be {NAME_FORM}"
        return LaneConfig(provider, provider.policy, fault=fault)
    if not isinstance(values, dict):
        fault = f"{where} must be a table of settings"
        return LaneConfig(provider, provider.policy, fault=fault)
    policy = provider.policy
    try:
        overrides = {k: v for k, v in values.items() if k in POLICY_FIELDS}
        policy = provider.policy.overridden(overrides)
        _check_policy(policy, provider.policy)
        rest = {k: value_of(k, v) for k, v in values.items() if k not in POLICY_FIELDS}
        account = provider.account_model.model_validate(rest)
    except ValidationError as error:
        return LaneConfig(provider, policy, fault=f"{where}: {explain(error)}")
    except ValueError as error:
        return LaneConfig(provider, policy, fault=f"{where}: {error}")
    return LaneConfig(provider, policy, account)


def _check_policy(policy: Policy, most: Policy) -> None:
    if why := override_fault(policy):
        raise ValueError(why)
    for name in ("batch", "read_batch"):
        if getattr(policy, name) > getattr(most, name):
            raise ValueError(f"{name} must be at most {getattr(most, name)}")


def value_of(name: str, value: object) -> object:
    """The value itself, or from the environment (or ``.env``), or from a file.

    Raises ``ValueError`` with a sentence.
    """
    if not isinstance(value, dict):
        return value
    match value:
        case {"env": str(variable)} if len(value) == 1:
            found = os.environ.get(variable) or _from_env_file(name, variable)
            if not found:
                raise ValueError(f"{name}: the variable {variable} is not set")
            return found
        case {"file": str(path)} if len(value) == 1:
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise ValueError(f"{name}: the file {path} cannot be read") from None
        case _:
            raise ValueError(
                f'{name} must be a value, {{ env = "NAME" }} or {{ file = "path" }}'
            )


def _from_env_file(name: str, variable: str) -> str | None:
    try:
        return dotenv_values(".env").get(variable)
    except (OSError, UnicodeDecodeError):
        raise ValueError(
            f"{name}: {variable} is not set, and the file .env cannot be read"
        ) from None
