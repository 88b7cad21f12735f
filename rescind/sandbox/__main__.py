"""``python -m rescind.sandbox``: runs the simulated providers."""

from rescind.sandbox.sandbox_server import main

raise SystemExit(main())
