"""``rescind demo``: the system, the simulated providers, and a check of every outcome."""
