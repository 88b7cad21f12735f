"""Scheduled work: rules that look for orders by themselves, and submit them."""
