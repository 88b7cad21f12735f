"""The ledger: the durable record of every cancellation. A message only notifies."""
