"""The engine claims, calls, decides and records, for all lanes of this process.

It does not import Celery: ``tasks/`` and ``rescind.runtime.host`` notify it.
"""
