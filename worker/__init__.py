"""The Celery worker: the app, its transport and consumer, and its signals."""

from rescind.garbage import collect_rarely

# Every program of Celery imports this package before all others of ours.
collect_rarely()
