"""What can be set, at the start as a flag and at run time over the control API."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PROVIDERS = ("iletimerkezi", "dukkango", "akinon", "ithink", "notpanel")
ROW_KEYS = ("one", "zero", "array")


class BadRequestError(ValueError):
    """What the control API was asked for cannot be done; says why."""


def _option(default: Any, what: str) -> Any:
    return field(default=default, metadata={"help": what})


@dataclass(slots=True)
class Settings:
    """One value for all providers. Per provider there are ``Lane``'s."""

    seed: str = _option("0", "decides every order's fate, and the random faults")
    auto: bool = _option(True, "unknown orders spring into being when asked for")
    settle: float = _option(1.5, "seconds until a cancel that was queued has worked")
    lag: float = _option(1.0, "seconds that iThink's tracking lags behind a cancel")
    slow_seconds: float = _option(5.0, "how late the answer of a slow call comes")
    refuse_seconds: float = _option(0.15, "how long connections are refused")
    throttle_seconds: float = _option(1.0, "what a 429 fault asks to wait (a header)")
    cooldown: float = _option(30.0, "seconds between two get-current of an account")
    notpanel_limit: int = _option(100, "calls per window and key")
    notpanel_window: float = _option(60.0, "seconds of notpanel's window")
    token_ttl: float = _option(86400.0, "seconds that an issued token lasts")
    one_token: bool = _option(True, "Dükkango: a new login ends the former token")
    neutral_share: float = _option(0.0, "share of 'cancelled' texts that name nothing")
    only_marked_refusals: bool = _option(
        False, "refuse a whole batch for nothing but a marked id or a bad credential"
    )
    row_keys: str = _option("one", "iThink's rows: keyed from one, zero, or an array")


@dataclass(slots=True)
class Lane:
    """How one provider treats every call."""

    latency_ms: float = 0.0
    hang: bool = False


def change(settings: Settings, lanes: Mapping[str, Lane], wanted: object) -> None:
    """Apply a JSON object of changes, all of them or none."""
    if not isinstance(wanted, dict):
        raise BadRequestError("settings: a JSON object is needed")
    plan = [_planned(settings, lanes, name, value) for name, value in wanted.items()]
    for target, name, value in (step for steps in plan for step in steps):
        setattr(target, name, value)


def _planned(
    settings: Settings, lanes: Mapping[str, Lane], name: str, value: object
) -> list[tuple[Settings | Lane, str, object]]:
    if name in {"latency_ms", "hang"}:
        each = value if isinstance(value, dict) else dict.fromkeys(lanes, value)
        return [
            (_lane(lanes, p), name, _like(Lane(), name, v)) for p, v in each.items()
        ]
    if name not in {known.name for known in fields(Settings)}:
        raise BadRequestError(f"settings: {name!r} is not known")
    return [(settings, name, _like(settings, name, value))]


def _lane(lanes: Mapping[str, Lane], provider: str) -> Lane:
    if provider not in lanes:
        raise BadRequestError(f"provider {provider!r} is not known")
    return lanes[provider]


def _like(owner: Settings | Lane, name: str, value: object) -> object:
    """``value`` in the type that ``name`` has now."""
    kind = type(getattr(owner, name))
    if kind is str and name != "row_keys":
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (name == "row_keys" and value not in ROW_KEYS):
        raise BadRequestError(f"settings: {name} cannot be {value!r}")
    return value


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; every setting is a flag."""
    parser = argparse.ArgumentParser(
        prog="sandbox",
        description="Five simulated order providers on one port.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--faults", type=float, default=0.0, help="share of calls")
    parser.add_argument(
        "--kinds", default="", help="kinds of faults, a,b,c; all if empty"
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of every answer")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end with the process that holds the other end of standard input",
    )
    for known in fields(Settings):
        _add_setting(parser, known.name, known.default, known.metadata["help"])
    return parser.parse_args(argv)


def _add_setting(
    parser: argparse.ArgumentParser, name: str, default: Any, what: str
) -> None:
    flag = "--" + name.replace("_", "-")
    if isinstance(default, bool):
        parser.add_argument(
            flag, action=argparse.BooleanOptionalAction, default=default, help=what
        )
        return
    choices = ROW_KEYS if name == "row_keys" else None
    parser.add_argument(
        flag, type=type(default), default=default, choices=choices, help=what
    )


def from_arguments(given: argparse.Namespace) -> Settings:
    return Settings(**{one.name: getattr(given, one.name) for one in fields(Settings)})
