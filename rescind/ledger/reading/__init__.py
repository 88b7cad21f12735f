"""Questions about the ledger. Nothing in here writes."""
