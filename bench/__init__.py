"""Measures Rescind's speed beside the queues that a user may choose: ``make bench``."""
