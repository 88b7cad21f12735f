"""What the sandbox says of itself: an accounts file for it, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rescind.sandbox.installed_simulations import simulations

ACCOUNTS_PATH = "/accounts.toml"
GUIDE = """\
Rescind's sandbox: simulated providers. Nothing here is real.

  {url}/   in a browser: all calls and orders, live

The providers, as base_url of an account; any credentials work:
{providers}

  {url}/accounts.toml   an accounts file for all of them:
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
    usual = [(provider, "default") for provider in simulations()]
    for provider, account in [*usual, *more]:
        place = provider if account == "default" else f"{provider}@{account}"
        credentials = simulations()[provider].credentials
        values = {"base_url": f"{url}/{place}", **credentials}
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        tables.append("\n".join([f"[{provider}.{account}]", *lines]))
    return "\n\n".join(tables) + "\n"


def guide(url: str) -> str:
    """What ``GET /`` answers to programs, and ``GET /guide`` to all."""
    providers = "\n".join(f"  {url}/{provider}" for provider in simulations())
    return GUIDE.format(url=url, providers=providers)
