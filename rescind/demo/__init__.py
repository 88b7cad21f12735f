"""``rescind demo``: everything on one machine, and a check of every outcome."""
