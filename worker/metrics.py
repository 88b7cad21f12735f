"""What Prometheus is told."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Info, generate_latest
from redis import Redis
from sqlalchemy import Engine


def exposition(engine: Engine, redis: Redis, now: datetime) -> bytes:
    """All metrics, in Prometheus' text format."""
    del engine, redis, now
    registry = CollectorRegistry()
    Info("rescind_build", "The version at work.", registry=registry).info(
        {"version": _version()}
    )
    return bytes(generate_latest(registry))


def _version() -> str:
    try:
        return version("rescind")
    except PackageNotFoundError:
        return "unknown"
