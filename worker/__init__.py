"""The Celery worker: the app, its transport and consumer, and its signals."""
