"""The runs of schedules: when they are due, and what they found."""
