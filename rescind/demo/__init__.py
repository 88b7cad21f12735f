"""``rescind demo``: runs the whole system on one machine, and checks every outcome."""
