"""Telling producers of what has ended: webhooks to addresses, messages to tasks."""
