"""``python -m rescind.sandbox``: runs the simulated providers."""

from __future__ import annotations

import sys

from rescind.port_use import PortTakenError
from rescind.sandbox.sandbox_server import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except PortTakenError as error:
        print(f"rescind sandbox: {error}", file=sys.stderr)
        sys.exit(2)
