"""The running system: settings, the Celery app, lanes' limits, and the command."""
