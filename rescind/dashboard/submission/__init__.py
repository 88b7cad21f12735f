"""Submits cancellations from the page: one by a form, or many in a file."""
