"""Schedule runs: when they are due, and what they found."""
