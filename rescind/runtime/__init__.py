"""The engine and the periodic jobs of one worker process. Does not use Celery."""
