"""Schedules: rules that regularly read orders from a source and submit them."""
