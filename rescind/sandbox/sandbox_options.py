"""The command line of the sandbox; every setting that is a number is an option."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from rescind.sandbox.faults import KINDS
from rescind.sandbox.sandbox_settings import PLAIN, PROVIDERS, Settings

PORT = 8900
"""Used if no port is asked for, and it is free."""
NUMBERS: Mapping[str, str] = {
    "settle": "seconds until a queued cancel takes effect",
    "lag": "seconds by which iThink's tracking lags behind a cancel",
    "slow_seconds": "seconds that the fault `slow` delays an answer",
    "refuse_seconds": "seconds that the fault `refuse` refuses connections",
    "cooldown": "seconds between two get-current calls of a Dükkango token",
    "token_seconds": "seconds until a login's token expires",
    "cancellable": "share of the unknown orders that can be cancelled, 0 to 1",
    "notpanel_limit": "calls a minute for each notpanel key; 0: no limit",
}
"""The settings that are numbers, each with its explanation."""
EPILOG = """\
On standard output, the sandbox prints an accounts file for itself: paste it, or
  rescind sandbox --accounts > accounts.toml
and then start `rescind sandbox`. Its address shows all calls and orders in a browser.
"""


def _loopback(host: str) -> str:
    """The host if it is a loopback address: the control API needs no password."""
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return host
    raise argparse.ArgumentTypeError("must be a loopback address: 127.0.0.1 or ::1")


def _port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= int(text) <= 65_535:
            return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="rescind sandbox",
        description="Run the simulated providers on one port of this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_place(made)
    _add_behaviour(made)
    return made


def _add_place(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--host",
        type=_loopback,
        default="127.0.0.1",
        help="loopback address to listen on (default: %(default)s)",
    )
    made.add_argument(
        "--port",
        type=_port,
        help=f"port to listen on; 0: any free port (default: {PORT}, or a free port if"
        " that is taken)",
    )
    made.add_argument(
        "--accounts",
        action="store_true",
        help="print the accounts file for this host and port, and end",
    )


def _add_behaviour(made: argparse.ArgumentParser) -> None:
    defaults = Settings()
    made.add_argument(
        "--scenario",
        type=Path,
        metavar="FILE",
        help="a TOML file of orders and of what becomes of which call; its settings"
        " override these options",
    )
    made.add_argument(
        "--seed",
        type=int,
        default=defaults.seed,
        help="seed of the random choices (default: %(default)s)",
    )
    made.add_argument(
        "--faults",
        type=float,
        default=0.0,
        help="share of the calls that fail, 0 to 1 (default: %(default)s)",
    )
    made.add_argument(
        "--kinds",
        default=",".join(KINDS),
        help="kinds of faults, separated by commas (default: all, which are"
        f" {', '.join(KINDS)})",
    )
    made.add_argument(
        "--latency-ms",
        type=float,
        default=0.0,
        metavar="MS",
        help="milliseconds that each answer takes (default: %(default)s)",
    )
    made.add_argument(
        "--no-auto",
        action="store_true",
        help="orders that were not created by the control API are missing",
    )
    for name, explanation in NUMBERS.items():
        made.add_argument(
            f"--{name.replace('_', '-')}",
            type=PLAIN[name],
            default=getattr(defaults, name),
            metavar="NUMBER",
            help=f"{explanation} (default: %(default)s)",
        )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options give; raises ``ValueError``."""
    settings = Settings(seed=options.seed)
    settings.change({name: getattr(options, name) for name in NUMBERS})
    settings.change({"auto": not options.no_auto})
    settings.change({"latency_ms": dict.fromkeys(PROVIDERS, options.latency_ms)})
    return settings
