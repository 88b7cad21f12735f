"""Deliveries of outcomes to producers: created, claimed, retried and listed."""
