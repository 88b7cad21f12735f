"""The HTTP API: submits, shows and operates cancellations, for any language."""

from rescind.garbage import collect_rarely

# ``python -m rescind.api`` imports this package before all others of ours.
collect_rarely()
