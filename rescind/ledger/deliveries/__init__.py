"""Deliveries of outcomes to producers: made, claimed, retried and listed."""
