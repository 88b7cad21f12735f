"""What the sandbox says of itself: an accounts file for it, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "iletimerkezi": {"key": "sandbox-key", "hash": "sandbox-hash"},
    "dukkango": {
        "app_secret_key": "sandbox-app-secret",
        "rest_secret_key": "sandbox-restaurant-secret",
    },
    "akinon": {"username": "sandbox", "password": "sandbox-password"},
    "ithink": {"access_token": "sandbox-token", "secret_key": "sandbox-secret"},
    "notpanel": {"key": "sandbox-key"},
}
"""Any credentials work at the simulated providers."""
ACCOUNTS_PATH = "/accounts.toml"
GUIDE = """\
Rescind's sandbox: five simulated providers. Nothing here is real.

  {url}/   in a browser: all calls and orders, live

The providers, as base_url of an account; any credentials work:
{providers}

  {url}/accounts.toml   an accounts file for all five:
      curl {url}/accounts.toml > accounts.toml

{url}/notpanel@branch-7 is another account of notpanel: a scenario can tell them apart.

An order is created at its first call (without --no-auto), and most can be cancelled.
The control API takes and answers JSON:

  GET  /_sandbox/health         whether the sandbox runs
  GET  /_sandbox/orders         each order's true state, and every call about it
  POST /_sandbox/orders         create orders in a state
  GET  /_sandbox/recent         the newest calls and orders (?order=…&provider=…)
  GET  /_sandbox/calls          how many calls, faults and logins there were
  GET, POST /_sandbox/faults    how many calls fail, and how
  GET, POST /_sandbox/settings  delays, limits and what else can be changed
  POST /_sandbox/scenario       begin again with a scenario file (TOML)
  POST /_sandbox/expire-tokens  end all login tokens
  POST /_sandbox/reset          the state at the start

`rescind sandbox --help` explains the options.
"""


def accounts_file(url: str, more: Iterable[tuple[str, str]] = ()) -> str:
    """An accounts file (TOML) with an account at each simulated provider.

    ``more`` are other accounts: the provider and the account's name.
    """
    tables = []
    usual = [(provider, "default") for provider in CREDENTIALS]
    for provider, account in [*usual, *more]:
        place = provider if account == "default" else f"{provider}@{account}"
        values = {"base_url": f"{url}/{place}", **CREDENTIALS[provider]}
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        tables.append("\n".join([f"[{provider}.{account}]", *lines]))
    return "\n\n".join(tables) + "\n"


def guide(url: str) -> str:
    """What ``GET /`` answers to programs, and ``GET /guide`` to all."""
    providers = "\n".join(f"  {url}/{provider}" for provider in CREDENTIALS)
    return GUIDE.format(url=url, providers=providers)
