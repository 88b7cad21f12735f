"""What every provider shares: its interface, policy, vocabulary, and the HTTP call."""
