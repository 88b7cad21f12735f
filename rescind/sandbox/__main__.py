"""``python -m rescind.sandbox``."""

from rescind.sandbox.sandbox_server import main

raise SystemExit(main())
