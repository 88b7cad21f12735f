"""The engine: claims, calls, decides and records, for all lanes of this process.

It knows nothing of Celery: ``tasks/`` and ``rescind.runtime.host`` notify it.
"""
