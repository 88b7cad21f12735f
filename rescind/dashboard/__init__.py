"""The desk: pages for operators, rendered here and refreshed by server-sent events."""
