"""What Celery runs. Importing this registers every task with the app."""

from tasks import lanes, submit, sweep, webhooks

__all__ = ["lanes", "submit", "sweep", "webhooks"]
