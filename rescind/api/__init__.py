"""The HTTP API: submits, shows and operates cancellations, for any language."""
