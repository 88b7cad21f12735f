"""Rescind: cancellations that end exactly once, and what is said of them is true."""
