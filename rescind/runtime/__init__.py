"""The engine and the periodic jobs of one worker process. Knows no Celery."""
