"""The Celery tasks. Importing this package registers every task with the app."""

from tasks import jobs, lanes, submit

__all__ = ["jobs", "lanes", "submit"]
