"""Delivers outcomes to producers: by webhooks, or by messages to their own tasks."""
