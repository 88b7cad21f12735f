"""What Celery runs. Importing this registers every task with the app."""

from tasks import lanes, schedules, submit, sweep, webhooks

__all__ = ["lanes", "schedules", "submit", "sweep", "webhooks"]
