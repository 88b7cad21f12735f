"""The form in which metrics are collected, before they are written as text."""

from __future__ import annotations

Histogram = tuple[list[tuple[str, int]], float]
"""The upper bound of each bucket with its cumulated count, and the sum of all."""
Measured = tuple[str, tuple[str, ...], float | Histogram]
"""A metric's name, the values of its labels, and its own value."""
